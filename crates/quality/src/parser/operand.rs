//! Conditions and their operands.

use chrono::{NaiveDate, NaiveTime};
use lakegate_contract::Result;

use super::document::Constants;
use super::{Cursor, strip_quotes};
use crate::condition::{
    Comparison, Condition, DateOperand, Number, NumberCondition, NumberOperand, Operator, TextOperand,
};
use crate::lexer::Kind;
use crate::rule_type::Takes;

/// An operand before it is known what kind its condition is of.
#[derive(Debug, Clone)]
enum Operand {
    Number(NumberOperand),
    Text(String),
    Date(DateOperand),
    Duration(i64),
    Size(i64),
    Null,
    Empty,
    WhitespacesOnly,
}

const OPERATORS: [Operator; 6] = [
    Operator::GreaterOrEqual,
    Operator::LessOrEqual,
    Operator::NotEqual,
    Operator::Equal,
    Operator::Greater,
    Operator::Less,
];

impl Cursor<'_> {
    /// The condition that stands here, if one does.
    pub(super) fn condition(&mut self, takes: Takes, constants: &Constants) -> Result<Option<Condition>> {
        let start = self.peek().start;
        let negated = self.take("not");
        let comparison = if self.take("between") {
            let low = self.operand(takes)?;
            if !self.take_keyword("and") {
                return Err(self.unexpected("`and`: between A and B, both ends excluded"));
            }
            Comparison::Between(low, self.operand(takes)?, negated)
        } else if self.take("in") {
            Comparison::In(self.operands(takes, constants)?, negated)
        } else if self.take("matches") {
            return Ok(Some(Condition::Matches(self.quoted("a regular expression")?, negated)));
        } else if negated {
            return Err(self.unexpected("`between`, `in` or `matches` after `not`"));
        } else if let Some(operator) = self.operator() {
            Comparison::Compare(operator, self.operand_or_constant(takes, constants)?)
        } else {
            return Ok(None);
        };
        self.unify(comparison, start).map(Some)
    }

    fn operator(&mut self) -> Option<Operator> {
        let token = self.peek();
        let operator = OPERATORS.into_iter().find(|o| token.kind == Kind::Symbol && o.as_str() == token.text)?;
        self.next();
        Some(operator)
    }

    fn operands(&mut self, takes: Takes, constants: &Constants) -> Result<Vec<Operand>> {
        let token = self.peek();
        if token.kind == Kind::Constant {
            self.next();
            return Ok(self.constant(token.text, token.start, constants)?.into_iter().map(Operand::Text).collect());
        }
        self.require("[")?;
        let mut operands = vec![self.list_member(takes)?];
        while self.take(",") {
            operands.push(self.list_member(takes)?);
        }
        if !self.take("]") {
            return Err(self.unexpected("`,` and another value, or `]`"));
        }
        Ok(operands)
    }

    /// Members of a list lose one level of backslashes; other operands keep theirs.
    fn list_member(&mut self, takes: Takes) -> Result<Operand> {
        Ok(match self.operand(takes)? {
            Operand::Text(text) => Operand::Text(unescape(&text)),
            other => other,
        })
    }

    fn operand_or_constant(&mut self, takes: Takes, constants: &Constants) -> Result<Operand> {
        let token = self.peek();
        if token.kind != Kind::Constant {
            return self.operand(takes);
        }
        self.next();
        match self.constant(token.text, token.start, constants)?.as_slice() {
            [only] => Ok(Operand::Text(only.clone())),
            _ => Err(self.error_at(token.start, "the constant is a list").expected("`in` before a list")),
        }
    }

    fn operand(&mut self, takes: Takes) -> Result<Operand> {
        let token = self.peek();
        match token.kind {
            Kind::Text => {
                self.next();
                Ok(text_operand(strip_quotes(token.text)))
            }
            Kind::Now => {
                self.next();
                Ok(Operand::Date(DateOperand::Now(0)))
            }
            Kind::Word if matches!(token.text, "NULL" | "null") => self.word(Operand::Null),
            Kind::Word if matches!(token.text, "EMPTY" | "empty") => self.word(Operand::Empty),
            Kind::Word if matches!(token.text, "WHITESPACES_ONLY" | "whitespaces_only") => {
                self.word(Operand::WhitespacesOnly)
            }
            Kind::Symbol if token.text == "(" && self.peek_at(1).kind == Kind::Now => self.now_with_offset(),
            _ => self.quantity(takes),
        }
    }

    fn word(&mut self, operand: Operand) -> Result<Operand> {
        self.next();
        Ok(operand)
    }

    /// `(now() - 3 days)`
    fn now_with_offset(&mut self) -> Result<Operand> {
        self.require("(")?;
        self.next();
        let sign = if self.take("-") {
            -1
        } else if self.take("+") {
            1
        } else {
            return Err(self.unexpected("`+` or `-` and a duration"));
        };
        let amount = self.whole()?;
        let Some(unit) = self.duration_unit() else {
            return Err(self.unexpected("`days`, `hours` or `minutes`"));
        };
        self.require(")")?;
        Ok(Operand::Date(DateOperand::Now(amount.saturating_mul(unit).saturating_mul(sign))))
    }

    fn whole(&mut self) -> Result<i64> {
        match self.peek().text.parse() {
            Ok(number) if self.peek().kind == Kind::Number => {
                self.next();
                Ok(number)
            }
            _ => Err(self.unexpected("a whole number")),
        }
    }

    /// The unit's minutes.
    fn duration_unit(&mut self) -> Option<i64> {
        let minutes = match self.peek().text {
            "days" => 24 * 60,
            "hours" => 60,
            "minutes" => 1,
            _ => return None,
        };
        self.next();
        Some(minutes)
    }

    fn size_unit(&mut self) -> Option<i64> {
        let power = ["B", "KB", "MB", "GB", "TB"].iter().position(|unit| self.is(unit))?;
        self.next();
        Some(1i64 << (10 * power))
    }

    /// A number with a unit, or a numeric expression.
    fn quantity(&mut self, takes: Takes) -> Result<Operand> {
        let follows = self.peek_at(1);
        let ends = matches!(follows.text, "with" | "where" | "labels" | "and" | "AND" | "or" | "OR");
        let with_unit = self.peek().kind == Kind::Number && follows.kind == Kind::Word && !ends;
        if with_unit && matches!(takes, Takes::Duration | Takes::Size) {
            let amount = self.whole()?;
            if let Some(minutes) = self.duration_unit() {
                return Ok(Operand::Duration(amount.saturating_mul(minutes)));
            }
            if let Some(bytes) = self.size_unit() {
                return Ok(Operand::Size(amount.saturating_mul(bytes)));
            }
            return Err(self.unexpected("`days`, `hours`, `minutes`, `B`, `KB`, `MB`, `GB` or `TB`"));
        }
        Ok(Operand::Number(self.expression()?))
    }

    /// `+ - * /` have one precedence and associate to the left, as in Glue's grammar: `1 + 2 * 3` is 9.
    fn expression(&mut self) -> Result<NumberOperand> {
        let start = self.peek().start;
        let mut left = self.atom()?;
        loop {
            let operator = self.peek();
            if operator.kind != Kind::Symbol || !matches!(operator.text, "+" | "-" | "*" | "/") {
                return Ok(left);
            }
            self.next();
            let right = self.atom()?;
            left = match (left, right) {
                (NumberOperand::Number(a), NumberOperand::Number(b)) => {
                    NumberOperand::Number(number(match operator.text {
                        "+" => a.value + b.value,
                        "-" => a.value - b.value,
                        "*" => a.value * b.value,
                        _ => a.value / b.value,
                    }))
                }
                _ => NumberOperand::Dynamic(self.written_since(start)),
            };
        }
    }

    fn atom(&mut self) -> Result<NumberOperand> {
        let token = self.peek();
        if self.take("-") {
            return Ok(match self.deeper(Cursor::atom)? {
                NumberOperand::Number(n) => NumberOperand::Number(Number { value: -n.value, text: negated(&n.text) }),
                _ => NumberOperand::Dynamic(self.written_since(token.start)),
            });
        }
        if self.take("(") {
            let inner = self.deeper(Cursor::expression)?;
            self.require(")")?;
            return Ok(inner);
        }
        if token.kind == Kind::Word && self.peek_at(1).text == "(" {
            return self.deeper(|cursor| cursor.call(token.start));
        }
        if token.kind != Kind::Number {
            return Err(
                self.unexpected("a value: a number, a string, a date, `NULL`, `EMPTY`, `WHITESPACES_ONLY` or `now()`")
            );
        }
        self.next();
        Ok(NumberOperand::Number(Number { value: token.text.parse().unwrap_or(f64::NAN), text: token.text.to_owned() }))
    }

    fn call(&mut self, start: usize) -> Result<NumberOperand> {
        self.next();
        self.require("(")?;
        while !self.take(")") {
            self.expression()?;
            if !self.take(",") && !self.is(")") {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
        Ok(NumberOperand::Dynamic(self.written_since(start)))
    }

    fn written_since(&self, start: usize) -> String {
        let end = self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(start, crate::lexer::Token::end);
        self.text.get(start..end).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn unify(&self, comparison: Comparison<Operand>, start: usize) -> Result<Condition> {
        let has = |test: fn(&Operand) -> bool| comparison.operands().into_iter().any(test);
        let mixed =
            || self.error_at(start, "the condition mixes values of several kinds").expected("values of one kind");
        if has(|o| matches!(o, Operand::Text(_) | Operand::Empty | Operand::WhitespacesOnly)) {
            let condition = convert(comparison, as_text).ok_or_else(mixed)?;
            if !equality_only(&condition) {
                return Err(self
                    .error_at(start, "strings cannot be ordered")
                    .expected("`=`, `!=`, `in`, `not in` or `matches`"));
            }
            return Ok(Condition::Text(condition));
        }
        if has(|o| matches!(o, Operand::Date(_))) {
            return convert(comparison, as_date).map(Condition::Date).ok_or_else(mixed);
        }
        if has(|o| matches!(o, Operand::Duration(_))) {
            let minutes = |o| if let Operand::Duration(minutes) = o { Some(minutes) } else { None };
            return convert(comparison, minutes).map(Condition::Duration).ok_or_else(mixed);
        }
        if has(|o| matches!(o, Operand::Size(_))) {
            let bytes = |o| if let Operand::Size(bytes) = o { Some(bytes) } else { None };
            return convert(comparison, bytes).map(Condition::Size).ok_or_else(mixed);
        }
        let comparison = convert(comparison, as_number).ok_or_else(mixed)?;
        Ok(Condition::Number(NumberCondition { comparison }))
    }
}

fn convert<T>(comparison: Comparison<Operand>, each: impl Fn(Operand) -> Option<T>) -> Option<Comparison<T>> {
    Some(match comparison {
        Comparison::Compare(operator, operand) => Comparison::Compare(operator, each(operand)?),
        Comparison::Between(low, high, negated) => Comparison::Between(each(low)?, each(high)?, negated),
        Comparison::In(operands, negated) => {
            Comparison::In(operands.into_iter().map(each).collect::<Option<_>>()?, negated)
        }
    })
}

fn equality_only<T>(comparison: &Comparison<T>) -> bool {
    match comparison {
        Comparison::Compare(operator, _) => matches!(operator, Operator::Equal | Operator::NotEqual),
        Comparison::Between(..) => false,
        Comparison::In(..) => true,
    }
}

fn as_text(operand: Operand) -> Option<TextOperand> {
    Some(match operand {
        Operand::Text(text) => TextOperand::Text(text),
        Operand::Null => TextOperand::Null,
        Operand::Empty => TextOperand::Empty,
        Operand::WhitespacesOnly => TextOperand::WhitespacesOnly,
        _ => return None,
    })
}

fn as_date(operand: Operand) -> Option<DateOperand> {
    match operand {
        Operand::Date(date) => Some(date),
        Operand::Null => Some(DateOperand::Null),
        _ => None,
    }
}

fn as_number(operand: Operand) -> Option<NumberOperand> {
    match operand {
        Operand::Number(number) => Some(number),
        Operand::Null => Some(NumberOperand::Null),
        _ => None,
    }
}

/// A quoted operand: a date or a time of day where it has the form of one.
fn text_operand(text: &str) -> Operand {
    if text.len() == 10
        && let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d")
    {
        return Operand::Date(DateOperand::Date(date));
    }
    let time = NaiveTime::parse_from_str(text, "%I:%M %p").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"));
    match time {
        Ok(time) if text.len() <= 8 => Operand::Date(DateOperand::Time(time)),
        _ => Operand::Text(text.to_owned()),
    }
}

fn number(value: f64) -> Number {
    Number { value, text: format!("{value}") }
}

fn negated(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None => format!("-{text}"),
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            other => {
                out.push(other);
                escaped = false;
            }
        }
    }
    out
}

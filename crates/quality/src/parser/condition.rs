//! Conditions and their operands.

use lakegate_contract::Result;

use super::literal::{dated, unescape};
use super::rule::{AFTER_PARAMETERS, DECIMAL_POINT};
use super::{Constant, Cursor, Part};
use crate::condition::{
    Amount, Comparison, Condition, DateOperand, Number, NumberCondition, NumberOperand, Operator, TextOperand, Unit,
};
use crate::lexer::{Kind, content};
use crate::rule_type::Takes;

/// An operand before it is known what kind its condition is of.
#[derive(Debug, Clone)]
enum Operand {
    Number(NumberOperand),
    Text(String),
    Date(DateOperand),
    Duration(Amount),
    Size(Amount),
    Null,
    Empty,
    WhitespacesOnly,
}

const DURATIONS: &str = "`days`, `hours` or `minutes`";
const SIZES: &str = "`B`, `KB`, `MB`, `GB` or `TB`";

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
    pub(super) fn condition(&mut self, takes: Takes) -> Result<Option<Condition>> {
        let from = self.at;
        let condition = self.any_condition(takes)?;
        if condition.is_some() {
            self.mark(Part::Condition, from);
        }
        Ok(condition)
    }

    fn any_condition(&mut self, takes: Takes) -> Result<Option<Condition>> {
        let start = self.peek().start;
        let negated = self.take("not");
        let comparison = if self.take("between") {
            let low = self.operand(takes)?;
            if !self.take_keyword("and") {
                let error = self.unexpected("`and`: between A and B, both ends excluded");
                let comma = self.is(",") && self.peek_at(1).kind == Kind::Number;
                return Err(if comma { error.help(DECIMAL_POINT) } else { self.in_parentheses(error) });
            }
            Comparison::Between(low, self.operand(takes)?, negated)
        } else if self.take("in") {
            Comparison::In(self.operands(takes)?, negated)
        } else if self.take("matches") {
            return Ok(Some(Condition::Matches(self.quoted("a regular expression")?, negated)));
        } else if negated {
            return Err(self.unexpected("`between`, `in` or `matches` after `not`"));
        } else if let Some(operator) = self.operator() {
            self.refuse_foreign_operator()?;
            Comparison::Compare(operator, self.operand_or_constant(takes)?)
        } else {
            return Ok(None);
        };
        let condition = self.unify(comparison, start)?;
        if takes == Takes::Size { self.sizes(condition, start).map(Some) } else { Ok(Some(condition)) }
    }

    fn operator(&mut self) -> Option<Operator> {
        let token = self.peek();
        // The open grammar has `!` and `=` as two tokens.
        if self.is("!") && self.is_at(1, "=") {
            self.at += 2;
            return Some(Operator::NotEqual);
        }
        let operator = OPERATORS.into_iter().find(|o| token.kind == Kind::Symbol && o.as_str() == token.text)?;
        self.next();
        Some(operator)
    }

    /// `==`, `=>` and `<>`, as other languages write them.
    fn refuse_foreign_operator(&self) -> Result<()> {
        let [before, here] = [self.at.checked_sub(1), Some(self.at)].map(|at| at.and_then(|at| self.tokens.get(at)));
        let (Some(before), Some(here)) = (before, here) else { return Ok(()) };
        let meant = match (before.text, here.text) {
            ("=", "=") => "=",
            ("=", ">") => ">=",
            ("=", "<") => "<=",
            ("<", ">") => "!=",
            _ => return Ok(()),
        };
        let found = format!("`{}{}` is no operator of DQDL", before.text, here.text);
        Err(self.error_at(before.start, found).help(format!("did you mean `{meant}`?")))
    }

    fn operands(&mut self, takes: Takes) -> Result<Vec<Operand>> {
        let token = self.peek();
        if token.kind == Kind::Constant {
            self.next();
            return Ok(match self.constant(token)? {
                Constant::Text(text) => vec![Operand::Text(text)],
                Constant::List(texts) => texts.into_iter().map(Operand::Text).collect(),
            });
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
        let is_constant = self.peek().kind == Kind::Constant;
        Ok(match self.operand_or_constant(takes)? {
            Operand::Text(text) if !is_constant => Operand::Text(unescape(&text)),
            other => other,
        })
    }

    fn operand_or_constant(&mut self, takes: Takes) -> Result<Operand> {
        let token = self.peek();
        if token.kind != Kind::Constant {
            return self.operand(takes);
        }
        self.next();
        match self.constant(token)? {
            Constant::Text(text) => Ok(Operand::Text(text)),
            Constant::List(_) => Err(self
                .error_at(token.start, format!("`{}` is a list", token.text))
                .expected(format!("`in {}` or `not in {}`", token.text, token.text))),
        }
    }

    fn operand(&mut self, takes: Takes) -> Result<Operand> {
        let token = self.peek();
        match token.kind {
            Kind::Text => {
                self.next();
                let text = content(token.text);
                match dated(&text) {
                    None => Ok(Operand::Text(text)),
                    Some(Ok(date)) => Ok(Operand::Date(date)),
                    Some(Err(problem)) => Err(self
                        .error_at(token.start, problem)
                        .help("Glue takes a string of this form for a date or a time, never for a string")),
                }
            }
            Kind::Now => {
                self.next();
                Ok(Operand::Date(DateOperand::Now(Amount::NONE)))
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
            return Err(self.unexpected("`+` or `-` and a duration, such as `(now() - 3 days)`"));
        };
        let offset = self.amount(&Unit::DURATIONS, DURATIONS)?;
        self.require(")")?;
        Ok(Operand::Date(DateOperand::Now(Amount { count: offset.count * sign, ..offset })))
    }

    /// A whole number of units, of which `names` names all.
    fn amount(&mut self, units: &[Unit], names: &str) -> Result<Amount> {
        let token = self.peek();
        let count: i64 = match token.text.parse() {
            Ok(count) if token.kind == Kind::Number => count,
            _ => return Err(self.unexpected("a whole number")),
        };
        self.next();
        let Some(unit) = units.iter().find(|unit| self.is(unit.name)) else { return Err(self.unexpected(names)) };
        self.next();
        Amount::new(count, *unit).ok_or_else(|| self.error_at(token.start, "the amount is too large"))
    }

    /// A number with a unit, or a numeric expression.
    fn quantity(&mut self, takes: Takes) -> Result<Operand> {
        let unit = self.peek_at(1);
        let ends = AFTER_PARAMETERS.contains(&unit.text) || matches!(unit.text, "and" | "AND" | "or" | "OR");
        let with_unit = self.peek().kind == Kind::Number && unit.kind == Kind::Word && !ends;
        match takes {
            Takes::Duration if with_unit => self.amount(&Unit::DURATIONS, DURATIONS).map(Operand::Duration),
            Takes::Size if with_unit => self.amount(&Unit::SIZES, SIZES).map(Operand::Size),
            _ => self.number().map(Operand::Number),
        }
    }

    fn unify(&self, comparison: Comparison<Operand>, start: usize) -> Result<Condition> {
        let has = |test: fn(&Operand) -> bool| comparison.operands().into_iter().any(test);
        let mixed =
            || self.error_at(start, "the condition mixes values of several kinds").expected("values of one kind");
        if has(|o| matches!(o, Operand::Text(_) | Operand::Empty | Operand::WhitespacesOnly)) {
            if has(|o| matches!(o, Operand::Date(_))) {
                return Err(mixed().help("a string such as \"2024-01-31\" or \"12:30\" is a date or a time"));
            }
            let condition = convert(comparison, as_text).ok_or_else(mixed)?;
            if !equality_only(&condition) {
                let error = self
                    .error_at(start, "strings cannot be ordered")
                    .expected("`=`, `!=`, `in`, `not in` or `matches`");
                let number = |o: &&TextOperand| matches!(o, TextOperand::Text(text) if text.parse::<f64>().is_ok());
                return Err(match condition.operands().into_iter().any(|o| number(&o)) {
                    true => error.help("a number stands without quotes"),
                    false => error,
                });
            }
            return Ok(Condition::Text(condition));
        }
        if has(|o| matches!(o, Operand::Date(_))) {
            return convert(comparison, as_date).map(Condition::Date).ok_or_else(mixed);
        }
        if has(|o| matches!(o, Operand::Duration(_))) {
            let durations = |o| if let Operand::Duration(duration) = o { Some(duration) } else { None };
            return convert(comparison, durations).map(Condition::Duration).ok_or_else(mixed);
        }
        if has(|o| matches!(o, Operand::Size(_))) {
            let sizes = |o| if let Operand::Size(size) = o { Some(size) } else { None };
            let mixed = || mixed().help("give each size a unit, such as `1024 B`");
            return convert(comparison, sizes).map(Condition::Size).ok_or_else(mixed);
        }
        let comparison = convert(comparison, as_number).ok_or_else(mixed)?;
        Ok(Condition::Number(NumberCondition { comparison }))
    }

    /// Bare whole numbers are sizes in bytes.
    fn sizes(&self, condition: Condition, start: usize) -> Result<Condition> {
        let Condition::Number(number) = condition else { return Ok(condition) };
        let operands = convert(number.comparison, as_bytes);
        operands.map(Condition::Size).ok_or_else(|| {
            self.error_at(start, "a size is a whole number").expected("bytes, or a number and a unit, such as `5 MB`")
        })
    }
}

fn convert<T, U>(comparison: Comparison<T>, each: impl Fn(T) -> Option<U>) -> Option<Comparison<U>> {
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

fn as_bytes(operand: NumberOperand) -> Option<Amount> {
    match operand {
        NumberOperand::Number(Number { text, .. }) => {
            text.parse().ok().filter(|bytes| *bytes >= 0).and_then(|bytes| Amount::new(bytes, Unit::BYTES))
        }
        NumberOperand::Null | NumberOperand::Dynamic(_) => None,
    }
}

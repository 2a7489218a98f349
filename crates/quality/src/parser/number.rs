//! Numbers: arithmetic, and expressions over earlier runs.

use lakegate_contract::{Error, Result};

use super::{Cursor, Part};
use crate::condition::{Number, NumberOperand};
use crate::dynamic::{Arithmetic, CALLABLE, Dynamic, Expression, Function, MAX_LAST};
use crate::lexer::{Kind, Token};

/// Most operators of one expression: its tree is as deep.
const MAX_OPERATORS: usize = 256;

impl Cursor<'_> {
    /// `+ - * /` have one precedence and associate to the left, as in Glue's grammar: `1 + 2 * 3` is 9.
    pub(super) fn number(&mut self) -> Result<NumberOperand> {
        let (start, from) = (self.peek().start, self.at);
        let mut left = self.atom()?;
        let mut operators = 0;
        let (mut height, mut previous) = (self.height, None);
        loop {
            let token = self.peek();
            let Some(operator) = Arithmetic::find(token.text).filter(|_| token.kind == Kind::Symbol) else {
                self.highest = self.highest.max(height);
                self.rise(height)?;
                return Ok(left);
            };
            operators += 1;
            if operators > MAX_OPERATORS {
                return Err(self.error_at(token.start, format!("there are more than {MAX_OPERATORS} operators")));
            }
            let operator_at = self.at;
            self.next();
            let right = self.atom()?;
            // Where the kind of operator changes, the canonical form has parentheses round what stands before.
            let changes = previous.is_some_and(|multiplies| multiplies != operator.multiplies());
            height = (height + usize::from(changes)).max(self.height);
            previous = Some(operator.multiplies());
            self.mark(Part::Binary(operator_at), from);
            left = self.worked_out(operator, left, right, start)?;
        }
    }

    fn worked_out(
        &self,
        operator: Arithmetic,
        left: NumberOperand,
        right: NumberOperand,
        start: usize,
    ) -> Result<NumberOperand> {
        match (left, right) {
            (NumberOperand::Number(a), NumberOperand::Number(b)) => {
                let value = operator.of(a.value, b.value);
                if !value.is_finite() {
                    return Err(self.error_at(start, "the expression gives no finite number"));
                }
                Ok(NumberOperand::Number(Number { value, text: format!("{value}") }))
            }
            (left, right) => {
                let sides = (Box::new(expression(left)), Box::new(expression(right)));
                Ok(NumberOperand::Dynamic(Dynamic::new(Expression::Binary(operator, sides.0, sides.1))))
            }
        }
    }

    fn atom(&mut self) -> Result<NumberOperand> {
        let (token, from) = (self.peek(), self.at);
        if self.take("-") {
            if self.peek().kind == Kind::Number {
                return self.literal("-");
            }
            let zero = NumberOperand::Number(Number { value: 0.0, text: "0".to_owned() });
            let right = self.deeper(Cursor::atom)?;
            self.rise(self.height + 1)?;
            self.mark(Part::Negated, from);
            return self.worked_out(Arithmetic::Subtract, zero, right, token.start);
        }
        if self.take("(") {
            let inner = self.deeper(Cursor::number)?;
            self.require(")")?;
            self.rise(self.height + 1)?;
            return Ok(inner);
        }
        if token.kind == Kind::Word && self.is_at(1, "(") {
            self.height = 0;
            let called = self.deeper(Cursor::call)?;
            self.rise(self.height + 1)?;
            return Ok(called);
        }
        if token.kind != Kind::Number {
            return Err(
                self.unexpected("a value: a number, a string, a date, `NULL`, `EMPTY`, `WHITESPACES_ONLY` or `now()`")
            );
        }
        self.literal("")
    }

    /// The number at hand, behind its sign.
    fn literal(&mut self, sign: &str) -> Result<NumberOperand> {
        let token = self.next();
        self.height = 0;
        let text = format!("{sign}{}", token.text);
        let value: f64 = text.parse().unwrap_or(f64::NAN);
        if !value.is_finite() {
            return Err(self.error_at(token.start, "the number is too large"));
        }
        Ok(NumberOperand::Number(Number { value, text }))
    }

    /// `last()`, `avg(last(10))`, `index(last(3), 0)`
    fn call(&mut self) -> Result<NumberOperand> {
        let name = self.next();
        self.require("(")?;
        let expression = match (name.text, Function::find(name.text)) {
            ("last", _) => self.last()?,
            ("index", _) => {
                let list = Box::new(expression(self.number()?));
                if !self.take(",") {
                    return Err(self.unexpected("`,` and which value: `index(last(5), 0)` is the newest"));
                }
                Expression::Index(list, self.count("an index from 0, the newest", 0)?)
            }
            (_, Some(function)) => Expression::Call(function, Box::new(expression(self.number()?))),
            _ => return Err(unknown_function(self, name)),
        };
        if !self.take(")") {
            return Err(self.unexpected(&format!("`)`: `{}` takes no further argument", name.text)));
        }
        Ok(NumberOperand::Dynamic(Dynamic::new(expression)))
    }

    fn last(&mut self) -> Result<Expression> {
        self.height = 0;
        if self.is(")") {
            return Ok(Expression::Latest);
        }
        self.count(&format!("how many earlier runs, from 1 to {MAX_LAST}"), 1).map(Expression::Last)
    }

    fn count(&mut self, what: &str, fewest: u32) -> Result<u32> {
        let token = self.peek();
        match token.text.parse::<u32>() {
            Ok(count) if token.kind == Kind::Number && (fewest..=MAX_LAST).contains(&count) => {
                self.next();
                Ok(count)
            }
            _ => Err(self.unexpected(what)),
        }
    }
}

fn unknown_function(cursor: &Cursor<'_>, name: Token<'_>) -> Error {
    let error = cursor
        .error_at(name.start, format!("`{}` is not a function", name.text))
        .expected(format!("one of {}", CALLABLE.join(", ")));
    match CALLABLE.iter().find(|known| known.eq_ignore_ascii_case(name.text)) {
        Some(known) => error.help(format!("did you mean `{known}`?")),
        None => error.suggesting(name.text, CALLABLE),
    }
}

/// NULL takes part in no expression: no path of the grammar leads one here.
fn expression(operand: NumberOperand) -> Expression {
    match operand {
        NumberOperand::Number(number) => Expression::Number(number.value),
        NumberOperand::Dynamic(dynamic) => dynamic.expression,
        NumberOperand::Null => Expression::Number(f64::NAN),
    }
}

//! Expressions over the metrics of earlier runs: `avg(last(10)) * 0.8`.

use lakegate_contract::{Error, Result};

/// Most earlier runs that `last(k)` may ask for; AWS names no bound.
pub(crate) const MAX_LAST: u32 = 1000;

/// An expression over earlier values of the metric that the rule measures, with its canonical text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dynamic {
    pub(crate) text: String,
    pub(crate) expression: Expression,
}

/// What is worked out from earlier values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    /// `last()`: the newest earlier value, a number.
    Latest,
    /// `last(k)`: up to k newest earlier values, newest first: a list.
    Last(u32),
    /// A function of one argument.
    Call(Function, Box<Expression>),
    /// `index(list, i)`: 0 is the newest.
    Index(Box<Expression>, u32),
    /// Flat precedence, to the left.
    Binary(Arithmetic, Box<Expression>, Box<Expression>),
}

/// A function of one argument; all but `abs` make a number of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Avg,
    Median,
    Max,
    Min,
    Sum,
    Std,
    Abs,
}

/// Names of everything that can be called.
pub(crate) const CALLABLE: [&str; 9] = ["last", "avg", "median", "max", "min", "sum", "std", "abs", "index"];

impl Function {
    pub(crate) const ALL: [Function; 7] =
        [Function::Avg, Function::Median, Function::Max, Function::Min, Function::Sum, Function::Std, Function::Abs];

    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.as_str() == name)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Function::Avg => "avg",
            Function::Median => "median",
            Function::Max => "max",
            Function::Min => "min",
            Function::Sum => "sum",
            Function::Std => "std",
            Function::Abs => "abs",
        }
    }
}

/// `+`, `-`, `*` or `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Arithmetic {
    pub(crate) fn find(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "+" => Arithmetic::Add,
            "-" => Arithmetic::Subtract,
            "*" => Arithmetic::Multiply,
            "/" => Arithmetic::Divide,
            _ => return None,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
        }
    }

    pub(crate) fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
        }
    }
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Number,
    List,
}

impl Dynamic {
    pub(crate) fn new(expression: Expression) -> Self {
        Self { text: expression.to_string(), expression }
    }

    /// Whether the expression gives one number, and asks for values that can be there.
    ///
    /// # Errors
    /// A list that nothing makes a number of, as in `RowCount > last(5)`, or an index that is out of the list.
    pub(crate) fn check(&self) -> Result<()> {
        match self.expression.shape()? {
            Shape::Number => Ok(()),
            Shape::List => Err(unreduced(&self.text)),
        }
    }
}

fn unreduced(text: &str) -> Error {
    Error::usage(format!("`{text}` is a list of earlier values, and a number is compared with one number"))
        .expected("a function that makes one number of the list: avg, median, max, min, sum, std or index")
        .help(format!("write `avg({text})`, or `last()` for the newest earlier value"))
}

impl Expression {
    fn shape(&self) -> Result<Shape> {
        match self {
            Expression::Number(_) | Expression::Latest => Ok(Shape::Number),
            Expression::Last(_) => Ok(Shape::List),
            Expression::Call(Function::Abs, argument) => argument.shape(),
            Expression::Call(_, argument) => argument.shape().map(|_| Shape::Number),
            Expression::Index(list, at) => list.index_problem(*at).map_or(Ok(Shape::Number), Err),
            Expression::Binary(_, left, right) => {
                for side in [left, right] {
                    if side.shape()? == Shape::List {
                        return Err(unreduced(&side.to_string()));
                    }
                }
                Ok(Shape::Number)
            }
        }
    }

    fn index_problem(&self, at: u32) -> Option<Error> {
        match self.shape() {
            Err(error) => return Some(error),
            Ok(Shape::Number) => {
                return Some(
                    Error::usage(format!("`index` is given `{self}`, which is one number"))
                        .expected("a list, such as `index(last(5), 0)`"),
                );
            }
            Ok(Shape::List) => {}
        }
        let length = self.longest()?;
        (at >= length).then(|| {
            Error::usage(format!("`index({self}, {at})` is outside of the list"))
                .expected(format!("an index from 0, the newest, to {}", length - 1))
        })
    }

    /// Most members that the list can have.
    fn longest(&self) -> Option<u32> {
        match self {
            Expression::Last(k) => Some(*k),
            Expression::Call(Function::Abs, argument) => argument.longest(),
            _ => None,
        }
    }
}

/// The text that parses back to the same expression, in the open grammar's words: an operation on the right is in
/// parentheses, and so is one on the left whose operator is of the other kind, which changes nothing and tells the reader.
impl std::fmt::Display for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expression::Number(value) => write!(f, "{value}"),
            Expression::Latest => write!(f, "last()"),
            Expression::Last(k) => write!(f, "last({k})"),
            Expression::Call(function, argument) => write!(f, "{}({argument})", function.as_str()),
            Expression::Index(list, at) => write!(f, "index({list}, {at})"),
            Expression::Binary(operator, left, right) => {
                match left.as_ref() {
                    Expression::Binary(inner, ..) if inner.multiplies() != operator.multiplies() => {
                        write!(f, "({left})")?;
                    }
                    _ => write!(f, "{left}")?,
                }
                write!(f, " {} ", operator.as_str())?;
                match right.as_ref() {
                    Expression::Binary(..) => write!(f, "({right})"),
                    _ => write!(f, "{right}"),
                }
            }
        }
    }
}

impl Arithmetic {
    /// Whether it binds tighter in usual arithmetic.
    pub(crate) fn multiplies(self) -> bool {
        matches!(self, Arithmetic::Multiply | Arithmetic::Divide)
    }
}

#[cfg(test)]
mod tests {
    use crate::condition::{Comparison, Condition, NumberOperand};
    use crate::parse;

    fn dynamic(text: &str) -> super::Dynamic {
        let ruleset = parse(&format!("Rules = [ RowCount > {text} ]"), "t").unwrap_or_else(|e| panic!("{text}: {e}"));
        let leaves = ruleset.rules()[0].node.leaves();
        match &leaves[0].condition {
            Some(Condition::Number(number)) => match &number.comparison {
                Comparison::Compare(_, NumberOperand::Dynamic(dynamic)) => dynamic.clone(),
                other => panic!("{text}: {other:?}"),
            },
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn expressions_are_printed_so_that_they_parse_back() {
        for (text, printed) in [
            ("last()", "last()"),
            ("avg( last( 10 ) )*0.8", "avg(last(10)) * 0.8"),
            ("index(last(3),0) + 1", "index(last(3), 0) + 1"),
            ("1 + last() * 2", "(1 + last()) * 2"),
            ("1 + (last() * 2)", "1 + (last() * 2)"),
            ("(1 - (last() - 2))", "1 - (last() - 2)"),
            ("last() - -1", "last() - -1"),
            ("-avg(last(2))", "0 - avg(last(2))"),
            ("std(last(5)) * 1 * 2 / 3", "std(last(5)) * 1 * 2 / 3"),
            ("abs(index(abs(last(4)), 3))", "abs(index(abs(last(4)), 3))"),
            ("(2 + 3) * last()", "5 * last()"),
        ] {
            let first = dynamic(text);
            assert_eq!(first.text, printed);
            assert_eq!(dynamic(printed), first, "{text}");
            assert!(first.check().is_ok(), "{text}");
        }
    }

    #[test]
    fn lists_must_become_numbers() {
        let found = |text: &str| dynamic(text).check().unwrap_err().to_string();
        insta::assert_snapshot!(found("last(5)"), @"`last(5)` is a list of earlier values, and a number is compared with one number; expected a function that makes one number of the list: avg, median, max, min, sum, std or index");
        insta::assert_snapshot!(found("avg(last(3)) + last(2)"), @"`last(2)` is a list of earlier values, and a number is compared with one number; expected a function that makes one number of the list: avg, median, max, min, sum, std or index");
        insta::assert_snapshot!(found("index(last(3), 3)"), @"`index(last(3), 3)` is outside of the list; expected an index from 0, the newest, to 2");
        insta::assert_snapshot!(found("index(last(), 0)"), @"`index` is given `last()`, which is one number; expected a list, such as `index(last(5), 0)`");
    }
}

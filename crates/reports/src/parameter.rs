//! Parameters of reports: typed, and put into SQL as literals that are made here alone.

use std::collections::BTreeMap;
use std::fmt;

use lakegate_contract::{Error, Result};

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// Text.
    String,
    /// A whole number.
    Bigint,
    /// A number with a point.
    Decimal,
    /// `2026-03-09`
    Date,
    /// `true` or `false`
    Boolean,
}

impl ParameterType {
    const ALL: [(&'static str, ParameterType); 5] = [
        ("string", ParameterType::String),
        ("bigint", ParameterType::Bigint),
        ("decimal", ParameterType::Decimal),
        ("date", ParameterType::Date),
        ("boolean", ParameterType::Boolean),
    ];

    pub(crate) fn parse(text: &str) -> Result<Self> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, t)| *t).ok_or_else(|| {
            let error = Error::usage(format!("`{text}` is not a parameter's type"))
                .expected(Self::ALL.map(|(name, _)| name).join(", "));
            error.suggesting(text, Self::ALL.map(|(name, _)| name))
        })
    }

    /// Some value of the type.
    pub(crate) fn sample(self) -> &'static str {
        match self {
            ParameterType::String => "x",
            ParameterType::Bigint | ParameterType::Decimal => "1",
            ParameterType::Date => "2026-03-09",
            ParameterType::Boolean => "true",
        }
    }

    /// What stands in a statement whose values are given beside it, as strings.
    pub(crate) fn placeholder(self) -> &'static str {
        match self {
            ParameterType::String => "CAST(? AS varchar)",
            ParameterType::Bigint => "CAST(? AS bigint)",
            ParameterType::Decimal => "CAST(? AS decimal(38,10))",
            ParameterType::Date => "CAST(? AS date)",
            ParameterType::Boolean => "CAST(? AS boolean)",
        }
    }

    /// A value as a SQL literal that Athena and DataFusion both read.
    ///
    /// # Errors
    /// When the value is not of the type.
    pub(crate) fn literal(self, value: &str) -> Result<String> {
        let number = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
            let all = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
            all(whole) && all(fraction)
        };
        let valid = match self {
            ParameterType::String => true,
            ParameterType::Bigint => value.parse::<i64>().is_ok(),
            ParameterType::Decimal => number(value),
            ParameterType::Date => value.len() == 10 && chrono::NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok(),
            ParameterType::Boolean => matches!(value, "true" | "false"),
        };
        if !valid {
            return Err(Error::usage(format!("`{value}` is not a {self}")).expected(match self {
                ParameterType::Date => "a date such as 2026-03-09",
                ParameterType::Boolean => "true or false",
                _ => "a number",
            }));
        }
        Ok(match self {
            ParameterType::String => format!("'{}'", value.replace('\'', "''")),
            ParameterType::Date => format!("DATE '{value}'"),
            // A bare literal would be a double to one engine and a decimal to the other.
            ParameterType::Decimal => {
                let digits = value.bytes().filter(u8::is_ascii_digit).count().clamp(1, 38);
                let scale = value.split_once('.').map_or(0, |(_, fraction)| fraction.len());
                format!("CAST({value} AS DECIMAL({digits},{scale}))")
            }
            _ => value.to_owned(),
        })
    }
}

impl fmt::Display for ParameterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, t)| t == self).map_or("?", |(name, _)| name);
        f.write_str(name)
    }
}

/// A parameter of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name: `:since` in the SQL.
    pub name: String,
    /// Its type.
    pub data_type: ParameterType,
    /// Its value when none is given; without one, it must be.
    pub default: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// Names of the parameters that a statement uses: `:name` outside of strings, quoted names and comments.
pub(crate) fn used(sql: &str) -> Vec<String> {
    let mut names = Vec::new();
    visit(sql, |piece| {
        if let Piece::Parameter(name) = piece
            && !names.iter().any(|n| n == name)
        {
            names.push(name.to_owned());
        }
    });
    names
}

/// The value of each parameter: its argument, or its default. Each is one of its type.
///
/// # Errors
/// When an argument names no parameter, is not of its type, or is missing.
pub(crate) fn values<'a>(
    parameters: &'a [Parameter],
    arguments: &'a BTreeMap<String, String>,
) -> Result<BTreeMap<&'a str, &'a str>> {
    for name in arguments.keys() {
        if !parameters.iter().any(|p| p.name == *name) {
            let known = parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>();
            let error = Error::usage(format!("the report has no parameter `{name}`"));
            let error = if known.is_empty() { error } else { error.expected(known.join(", ")) };
            return Err(error.suggesting(name, known));
        }
    }
    let mut values = BTreeMap::new();
    for parameter in parameters {
        let value = arguments.get(&parameter.name).or(parameter.default.as_ref()).ok_or_else(|| {
            Error::usage(format!("parameter `{}` has no value", parameter.name))
                .help(format!("give it: --param {}=…", parameter.name))
        })?;
        parameter.data_type.literal(value).map_err(|e| e.at(format!("--param {}", parameter.name)))?;
        values.insert(parameter.name.as_str(), value.as_str());
    }
    Ok(values)
}

/// The statement with a placeholder for each use of a parameter, and the parameters' names in that order.
pub(crate) fn placeholders(sql: &str, parameters: &[Parameter]) -> (String, Vec<String>) {
    let (mut out, mut names) = (String::with_capacity(sql.len()), Vec::new());
    visit(sql, |piece| match piece {
        Piece::Text(text) => out.push_str(text),
        Piece::Parameter(name) => {
            if let Some(parameter) = parameters.iter().find(|p| p.name == name) {
                out.push_str(parameter.data_type.placeholder());
                names.push(name.to_owned());
            }
        }
    });
    (out, names)
}

/// The statement with literals in the place of its parameters.
///
/// # Errors
/// When an argument names no parameter, is not of its type, or is missing.
pub(crate) fn bind(sql: &str, parameters: &[Parameter], arguments: &BTreeMap<String, String>) -> Result<String> {
    let values = values(parameters, arguments)?;
    let mut literals = BTreeMap::new();
    for parameter in parameters {
        let value = values.get(parameter.name.as_str()).copied().unwrap_or_default();
        literals.insert(parameter.name.as_str(), parameter.data_type.literal(value)?);
    }
    let mut out = String::with_capacity(sql.len());
    visit(sql, |piece| match piece {
        Piece::Text(text) => out.push_str(text),
        Piece::Parameter(name) => match literals.get(name) {
            Some(literal) => out.push_str(literal),
            None => {
                out.push(':');
                out.push_str(name);
            }
        },
    });
    Ok(out)
}

enum Piece<'a> {
    Text(&'a str),
    Parameter(&'a str),
}

/// Cuts a statement at its parameters.
fn visit<'a>(sql: &'a str, mut each: impl FnMut(Piece<'a>)) {
    let (mut from, mut at) = (0, 0);
    while let Some(rest) = sql.get(at..).filter(|r| !r.is_empty()) {
        let closing = |close: &str, opened: usize| {
            rest.get(opened..).and_then(|r| r.find(close)).map_or(rest.len(), |end| opened + end + close.len())
        };
        let step = if rest.starts_with('\'') {
            closing("'", 1)
        } else if rest.starts_with('"') {
            closing("\"", 1)
        } else if rest.starts_with("--") {
            closing("\n", 2)
        } else if rest.starts_with("/*") {
            closing("*/", 2)
        } else if rest.starts_with("::") {
            2
        } else if let Some(name) = rest.strip_prefix(':').map(name_of).filter(|n| !n.is_empty()) {
            each(Piece::Text(sql.get(from..at).unwrap_or_default()));
            each(Piece::Parameter(name));
            from = at + 1 + name.len();
            1 + name.len()
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
    }
    each(Piece::Text(sql.get(from..).unwrap_or_default()));
}

fn name_of(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.get(..end).filter(|n| !n.starts_with(|c: char| c.is_ascii_digit())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, data_type: ParameterType) -> Parameter {
        Parameter { name: name.into(), data_type, default: None, description: None }
    }

    #[test]
    fn parameters_are_found_outside_of_strings_and_comments() {
        assert_eq!(
            used("SELECT ':no', a::int, \":no\" -- :no\n/* :no */ FROM t WHERE x = :yes AND y > :yes AND z = :too"),
            ["yes", "too"]
        );
    }

    #[test]
    fn arguments_become_literals_and_never_sql() {
        let parameters = [parameter("s", ParameterType::String), parameter("d", ParameterType::Date)];
        let arguments = BTreeMap::from([
            ("s".to_owned(), "'; DROP TABLE t --".to_owned()),
            ("d".to_owned(), "2026-03-09".to_owned()),
        ]);
        assert_eq!(
            bind("x = :s AND y = :d", &parameters, &arguments).unwrap(),
            "x = '''; DROP TABLE t --' AND y = DATE '2026-03-09'"
        );
        let bad = BTreeMap::from([("s".to_owned(), String::new()), ("d".to_owned(), "2026-13-09".to_owned())]);
        assert!(bind(":s :d", &parameters, &bad).is_err());
        assert!(bind(":s :d", &parameters, &BTreeMap::new()).is_err());
        assert!(ParameterType::Bigint.literal("1; DROP").is_err());
        assert!(ParameterType::Decimal.literal("1e9").is_err());
    }
}

//! `ColumnDataType`: whether Spark could cast a value, outside of its ANSI mode: a cast that gives NULL there makes the value fail.
//!
//! The forms of text are those of Spark's `Cast` (<https://spark.apache.org/docs/latest/sql-ref-ansi-compliance.html#cast>,
//! `spark.sql.ansi.enabled=false`); formats of dates are those of the open engine.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use chrono::NaiveDate;
use lakegate_contract::{Error, Result};

use crate::compare::{is_text, text_column};
use crate::condition::{Comparison, Condition, Operator, TextOperand};
use crate::spark_time;

/// A type of Spark to which values are cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Boolean,
    Date(Option<DateFormat>),
    Timestamp,
    Integer,
    Long,
    /// Doubles and floats, which take the same texts.
    Double,
    Decimal {
        precision: usize,
        scale: i64,
    },
}

/// The parts of a date in the order of a `format` tag, and what stands between them. A missing day is 1, a missing year 2000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DateFormat {
    parts: &'static [Part],
    separator: char,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
}

const FORMATS: [(&str, DateFormat); 14] = {
    use Part::{Day, Month, Year};
    const fn of(parts: &'static [Part], separator: char) -> DateFormat {
        DateFormat { parts, separator }
    }
    [
        ("dd-MM-yyyy", of(&[Day, Month, Year], '-')),
        ("MM-dd-yyyy", of(&[Month, Day, Year], '-')),
        ("yyyy-MM-dd", of(&[Year, Month, Day], '-')),
        ("dd/MM/yyyy", of(&[Day, Month, Year], '/')),
        ("MM/dd/yyyy", of(&[Month, Day, Year], '/')),
        ("yyyy/MM/dd", of(&[Year, Month, Day], '/')),
        ("MM-yyyy", of(&[Month, Year], '-')),
        ("dd-MM", of(&[Day, Month], '-')),
        ("MM-dd", of(&[Month, Day], '-')),
        ("yyyy-MM", of(&[Year, Month], '-')),
        ("MM/yyyy", of(&[Month, Year], '/')),
        ("dd/MM", of(&[Day, Month], '/')),
        ("MM/dd", of(&[Month, Day], '/')),
        ("yyyy/MM", of(&[Year, Month], '/')),
    ]
};

/// The types of a condition, made ready. NULL cannot be cast.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Castable {
    targets: Vec<Target>,
    negated: bool,
}

impl Castable {
    /// Makes a condition ready; `format` is the tag of that name.
    ///
    /// # Errors
    /// When the condition is not one over types, or names a type or a format that Spark does not know.
    pub(crate) fn new(condition: &Condition, format: Option<&str>) -> Result<Self> {
        let Condition::Text(comparison) = condition else {
            return Err(Error::usage("a type cannot be matched with a pattern")
                .expected("`= \"Integer\"`, `!= \"Date\"` or `in [\"Date\", \"Timestamp\"]`"));
        };
        let format = format.map(date_format).transpose()?;
        let target = |operand: &TextOperand| match operand {
            TextOperand::Text(name) => Target::named(name, format),
            _ => Err(Error::usage("NULL, EMPTY and WHITESPACES_ONLY are no types").expected(TYPES)),
        };
        let targets = comparison.operands().into_iter().map(target).collect::<Result<Vec<_>>>()?;
        if format.is_some() && !targets.iter().any(|t| matches!(t, Target::Date(_))) {
            return Err(
                Error::usage("the tag `format` goes with the type Date").expected("`= \"Date\" with format = …`")
            );
        }
        let negated = matches!(comparison, Comparison::Compare(Operator::NotEqual, _) | Comparison::In(_, true));
        Ok(Self { targets, negated })
    }

    /// Whether each value can be cast to one of the types, or to none where the condition is negated.
    pub(crate) fn judge(&self, column: &ArrayRef) -> Result<BooleanArray> {
        let judged = if is_text(column.data_type()) {
            let texts = text_column(column)?;
            let texts = texts.as_string::<i32>();
            let fits = |row: usize| texts.is_valid(row) && self.targets.iter().any(|t| t.takes(texts.value(row)));
            BooleanBuffer::collect_bool(texts.len(), |row| fits(row) != self.negated)
        } else {
            let fits = self.targets.iter().any(|t| t.takes_type(column.data_type()));
            BooleanBuffer::collect_bool(column.len(), |row| (fits && column.is_valid(row)) != self.negated)
        };
        Ok(BooleanArray::new(judged, None))
    }
}

const TYPES: &str = "one of Boolean, Date, Timestamp, Integer, Long, Float, Double, Decimal(precision, scale)";

fn date_format(name: &str) -> Result<DateFormat> {
    FORMATS.iter().find(|(known, _)| *known == name).map(|(_, format)| *format).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|(known, _)| *known).collect();
        Error::usage(format!("`{name}` is not a format of dates")).expected(format!("one of {}", names.join(", ")))
    })
}

impl Target {
    fn named(name: &str, format: Option<DateFormat>) -> Result<Self> {
        Ok(match name.to_ascii_uppercase().as_str() {
            "BOOLEAN" => Target::Boolean,
            "DATE" => Target::Date(format),
            "TIMESTAMP" => Target::Timestamp,
            "INTEGER" => Target::Integer,
            "LONG" => Target::Long,
            "FLOAT" | "DOUBLE" => Target::Double,
            other => Self::decimal(other)
                .ok_or_else(|| Error::usage(format!("`{name}` is not a type of ColumnDataType")).expected(TYPES))?,
        })
    }

    /// `DECIMAL(p,s)`: at most 38 digits, as Spark has.
    fn decimal(name: &str) -> Option<Self> {
        let (precision, scale) = name.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
        let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
        let fits = (1..=38).contains(&precision) && usize::try_from(scale).is_ok_and(|s| s <= precision);
        fits.then_some(Target::Decimal { precision, scale })
    }

    fn takes(self, text: &str) -> bool {
        let text = text.trim_matches(|c: char| c <= ' ' || c.is_control());
        match self {
            Target::Boolean => is_boolean(text),
            Target::Date(None) => spark_time::is_date(text),
            Target::Date(Some(format)) => format.takes(text),
            Target::Timestamp => spark_time::is_timestamp(text),
            Target::Integer => whole_part(text).is_some_and(|value| i32::try_from(value).is_ok()),
            Target::Long => whole_part(text).is_some_and(|value| i64::try_from(value).is_ok()),
            Target::Double => is_double(text),
            Target::Decimal { precision, scale } => fits_decimal(text, precision, scale),
        }
    }

    /// Whether values of a type other than text can be cast at all. Numbers that are too large wrap around and are not NULL.
    fn takes_type(self, data_type: &DataType) -> bool {
        let number = data_type.is_numeric() || *data_type == DataType::Boolean;
        let timestamp = matches!(data_type, DataType::Timestamp(..));
        let date = matches!(data_type, DataType::Date32 | DataType::Date64);
        match self {
            Target::Date(_) => date || timestamp,
            Target::Timestamp => number || date || timestamp,
            _ => number || timestamp,
        }
    }
}

fn is_boolean(text: &str) -> bool {
    const WORDS: [&str; 10] = ["t", "true", "y", "yes", "1", "f", "false", "n", "no", "0"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The whole part of a number without exponent, whose fraction Spark cuts off.
fn whole_part(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if digits.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let value: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    Some(if text.starts_with('-') { -value } else { value })
}

/// What Java parses as a double, and Spark's words for infinity and what is no number.
fn is_double(text: &str) -> bool {
    if !text.is_ascii() {
        return false;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let infinite = ["inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
    if infinite || text.eq_ignore_ascii_case("nan") || unsigned == "NaN" {
        return true;
    }
    if let Some(hexadecimal) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        return is_hexadecimal(hexadecimal);
    }
    let number = unsigned.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(unsigned);
    let digits = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    number.bytes().all(digits)
        && number.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && number.parse::<f64>().is_ok()
}

/// Digits, perhaps with a point, and an exponent of two.
fn is_hexadecimal(text: &str) -> bool {
    let number = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let Some((digits, exponent)) = number.split_once(['p', 'P']) else { return false };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    !(whole.is_empty() && fraction.is_empty())
        && hexadecimal(whole)
        && hexadecimal(fraction)
        && !exponent.is_empty()
        && exponent.bytes().all(|b| b.is_ascii_digit())
}

/// Digits of Spark's widest decimal: a number with more before its point is none, not even zero.
const MAX_DIGITS: i64 = 38;

/// Whether a number, rounded to `scale` digits after the point, has at most `precision` digits.
fn fits_decimal(text: &str, precision: usize, scale: i64) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i32>() else { return false };
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let zeros = digits.iter().take_while(|d| **d == b'0').count();
    let significant = digits.get(zeros..).unwrap_or_default();
    let (Ok(before), Ok(zeros)) = (i64::try_from(whole.len()), i64::try_from(zeros)) else { return false };
    let digits_before_point = before + i64::from(exponent) - if significant.is_empty() { before - 1 } else { zeros };
    if digits_before_point > MAX_DIGITS {
        return false;
    }
    // The digits before the point, and those that the scale keeps.
    let kept = digits_before_point + scale;
    let Ok(kept) = usize::try_from(kept) else { return true };
    if significant.is_empty() {
        return true;
    }
    let rounds_up = significant.get(kept).is_some_and(|next| *next >= b'5');
    let carries = rounds_up && significant.iter().take(kept).all(|d| *d == b'9');
    kept + usize::from(carries) <= precision
}

impl DateFormat {
    fn takes(self, text: &str) -> bool {
        let mut pieces = text.split(self.separator);
        let (mut year, mut month, mut day) = (2000, 1, 1);
        for part in self.parts {
            let Some(piece) = pieces.next() else { return false };
            let digits = if *part == Part::Year { 4 } else { 2 };
            if piece.len() != digits || !piece.bytes().all(|b| b.is_ascii_digit()) {
                return false;
            }
            let Ok(value) = piece.parse::<u32>() else { return false };
            match part {
                Part::Year => year = i32::try_from(value).unwrap_or_default(),
                Part::Month => month = value,
                Part::Day => day = value,
            }
        }
        pieces.next().is_none() && NaiveDate::from_ymd_opt(year, month, day).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Spark 3.5.4 says: tests/oracle/casts.py asked it.
    #[test]
    fn casts_are_those_of_spark() {
        for line in include_str!("fixtures/casts.tsv").lines() {
            let [name, text, cast] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            let name = match name {
                "int" => "Integer",
                "bigint" => "Long",
                other => other,
            };
            let text: String = serde_json::from_str(text).unwrap();
            assert_eq!(Target::named(name, None).unwrap().takes(&text), cast == "true", "{line}");
        }
    }

    #[test]
    fn a_format_says_where_the_parts_stand() {
        let takes = |format: &str, text: &str| Target::Date(Some(date_format(format).unwrap())).takes(text);
        assert!(takes("dd/MM/yyyy", "31/12/2026") && !takes("MM/dd/yyyy", "31/12/2026"));
        assert!(takes("dd-MM", "29-02") && takes("MM-yyyy", "02-2026") && !takes("yyyy-MM", "2026-13"));
        assert!(
            !takes("yyyy-MM-dd", "2026-02-29")
                && !takes("yyyy-MM-dd", "2026-2-1")
                && !takes("yyyy-MM-dd", "2026-02-01-")
        );
        assert!(date_format("yy-MM-dd").unwrap_err().expectation().unwrap().contains("yyyy-MM-dd"));
    }

    #[test]
    fn unknown_types_are_refused() {
        for name in ["String", "Decimal(39,0)", "Decimal(4,5)", "Decimal(4)", "int"] {
            assert!(Target::named(name, None).is_err(), "{name}");
        }
    }
}

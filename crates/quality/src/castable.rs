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
use crate::spark_number;
use crate::spark_time::{self, trimmed};

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
        precision: u8,
        scale: i8,
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
        let fits = (1..=38).contains(&precision) && u8::try_from(scale).is_ok_and(|scale| scale <= precision);
        fits.then_some(Target::Decimal { precision, scale })
    }

    fn takes(self, text: &str) -> bool {
        match self {
            Target::Boolean => spark_number::truth(text).is_some(),
            Target::Date(None) => spark_time::date(trimmed(text)).is_some(),
            Target::Date(Some(format)) => format.takes(trimmed(text)),
            Target::Timestamp => spark_time::timestamp(trimmed(text)).is_some(),
            Target::Integer => spark_number::whole_number(text).is_some_and(|value| i32::try_from(value).is_ok()),
            Target::Long => spark_number::whole_number(text).is_some(),
            Target::Double => spark_number::double(text).is_some(),
            Target::Decimal { precision, scale } => spark_number::decimal(text, precision, scale).is_some(),
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
                "tinyint" => continue,
                other => other,
            };
            let text: String = serde_json::from_str(text).unwrap();
            assert_eq!(Target::named(name, None).unwrap().takes(&text), cast != "null", "{line}");
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

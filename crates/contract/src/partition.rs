//! Partition keys: which folder of the lake a row belongs to.

use std::fmt;
use std::ops::RangeInclusive;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType as ArrowType, Date32Type, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeZone, Timelike};
use chrono_tz::Tz;

use crate::{ColumnName, DataType, Error, Result};

/// The value of one partition column; `None` is NULL.
pub type PartitionValue = Option<String>;

/// Hive's name for a partition whose value is NULL.
pub const HIVE_NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Longest name of a partition's folder, `key=value` percent-encoded, in bytes: that of files on common file systems.
pub const MAX_PARTITION_SEGMENT: usize = 255;

const MICROS_PER_SECOND: i64 = 1_000_000;
/// From year 1 to year 9999, a day short of it on both sides so that no time zone leads out of them.
const STORABLE_DAYS: RangeInclusive<i32> = -719_161..=2_932_895;
const STORABLE_MICROS: RangeInclusive<i64> =
    -719_161 * 86_400 * MICROS_PER_SECOND..=2_932_895 * 86_400 * MICROS_PER_SECOND;
/// Time zones change their offset only on quarter hours, so an offset holds for a whole one.
const OFFSET_BLOCK_SECONDS: i64 = 900;

/// How a partition value comes from its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartitionTransform {
    /// The column itself; it stands in the folder's name and no longer in the files.
    Identity,
    /// `year(column)`: `2026`
    Year,
    /// `month(column)`: `2026-03`
    Month,
    /// `date(column)`: `2026-03-09`
    Date,
    /// `hour(column)`: `00` to `23`, the hour of the day
    Hour,
}

impl PartitionTransform {
    const NAMED: [(&'static str, PartitionTransform); 4] = [
        ("year", PartitionTransform::Year),
        ("month", PartitionTransform::Month),
        ("date", PartitionTransform::Date),
        ("hour", PartitionTransform::Hour),
    ];
}

/// One partition column: `month(ordered_at) as month`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionField {
    /// The partition column's name: the key in `key=value`.
    pub name: ColumnName,
    /// The published column that it is made from.
    pub column: ColumnName,
    /// How.
    pub transform: PartitionTransform,
}

/// The partition values of one column of a batch: a small code per row, and the text behind each code.
///
/// Codes are equal exactly when values are; grouping rows compares codes, and only groups become text.
#[derive(Debug)]
pub struct PartitionCodes {
    codes: Vec<i64>,
    meaning: Meaning,
}

#[derive(Debug)]
enum Meaning {
    Transform(PartitionTransform),
    Values(Vec<PartitionValue>),
}

/// The code of NULL.
const NULL_CODE: i64 = i64::MIN;

impl PartitionCodes {
    /// One code per row.
    pub fn codes(&self) -> &[i64] {
        &self.codes
    }

    /// The partition value behind a code.
    pub fn value(&self, code: i64) -> PartitionValue {
        match &self.meaning {
            Meaning::Values(values) => usize::try_from(code).ok().and_then(|i| values.get(i).cloned().flatten()),
            Meaning::Transform(_) if code == NULL_CODE => None,
            Meaning::Transform(transform) => Some(transform_text(*transform, code)),
        }
    }
}

impl PartitionField {
    /// Parses `column`, `month(column)` or `month(column) as name`.
    ///
    /// # Errors
    /// When the text is not such an expression, or the function is not one of year, month, date, hour.
    pub fn parse(text: &str) -> Result<Self> {
        let (expression, alias) = match text.split_once(" as ") {
            Some((expression, alias)) => (expression.trim(), Some(alias.trim())),
            None => (text.trim(), None),
        };
        let bad = |found: &str| {
            Error::usage(format!("partition key `{text}`: {found}")).expected(
                "a column, or year(column), month(column), date(column) or hour(column), and perhaps `as name`",
            )
        };
        let (transform, column) = match expression.split_once('(') {
            None => (PartitionTransform::Identity, expression),
            Some((function, rest)) => {
                let column = rest.strip_suffix(')').ok_or_else(|| bad("`)` is missing"))?;
                let named = PartitionTransform::NAMED.iter().find(|(name, _)| *name == function.trim());
                let (_, transform) = named.ok_or_else(|| {
                    let error = bad(&format!("`{}` is not a partition function", function.trim()));
                    error.suggesting(function.trim(), PartitionTransform::NAMED.map(|(name, _)| name))
                })?;
                (*transform, column.trim())
            }
        };
        let column = ColumnName::new(column)?;
        let name = match (alias, transform) {
            (Some(alias), _) => ColumnName::new(alias)?,
            (None, PartitionTransform::Identity) => column.clone(),
            (None, _) => ColumnName::new(format!("{column}_{transform}"))?,
        };
        if transform == PartitionTransform::Identity && name != column {
            return Err(bad("a column that partitions as it is keeps its name"));
        }
        Ok(Self { name, column, transform })
    }

    /// The type of the partition column, given the type of the column that it is made from.
    ///
    /// # Errors
    /// When the column's type does not fit the transform.
    pub fn data_type(&self, column: &DataType) -> Result<DataType> {
        let fits = match self.transform {
            PartitionTransform::Identity => {
                !column.is_nested() && !matches!(column, DataType::Binary | DataType::Float | DataType::Double)
            }
            PartitionTransform::Hour => *column == DataType::Timestamp,
            _ => matches!(column, DataType::Timestamp | DataType::Date),
        };
        if !fits {
            return Err(Error::usage(format!("partition key `{self}`: column `{}` is of type {column}", self.column))
                .expected("a timestamp or a date for a function (hour: a timestamp); for a plain column a whole number, decimal, string, boolean, date or timestamp"));
        }
        Ok(match self.transform {
            PartitionTransform::Identity => column.clone(),
            PartitionTransform::Date => DataType::Date,
            _ => DataType::String,
        })
    }

    /// The partition values of a batch's column, in the project's time zone.
    ///
    /// # Errors
    /// When the column's Arrow type is not what the contract says.
    pub fn codes(&self, column: &ArrayRef, zone: Tz) -> Result<PartitionCodes> {
        if self.transform == PartitionTransform::Identity {
            return identity_codes(column);
        }
        let codes = match column.data_type() {
            ArrowType::Timestamp(..) => timestamp_codes(self.transform, column, zone)?,
            ArrowType::Date32 => date_codes(self.transform, column)?,
            other => return Err(Error::bug(format!("partition key `{self}` over a column of type {other}"))),
        };
        Ok(PartitionCodes { codes, meaning: Meaning::Transform(self.transform) })
    }

    /// Rows whose partition value cannot stand in a folder's name and in the log: texts that readers take for NULL, texts
    /// that are too long, and times in years of more than four digits. `None` when there is none.
    pub fn unstorable(&self, column: &ArrayRef) -> Option<BooleanArray> {
        let unstorable: BooleanArray = match column.data_type() {
            ArrowType::Utf8 => column.as_string::<i32>().iter().map(|v| v.map(|v| !self.is_storable(v))).collect(),
            ArrowType::Timestamp(..) if self.transform != PartitionTransform::Hour => {
                let micros = column.as_primitive_opt::<TimestampMicrosecondType>()?;
                micros.iter().map(|v| v.map(|v| !STORABLE_MICROS.contains(&v))).collect()
            }
            ArrowType::Date32 => {
                let days = column.as_primitive::<Date32Type>();
                days.iter().map(|v| v.map(|v| !STORABLE_DAYS.contains(&v))).collect()
            }
            _ => return None,
        };
        // NULL has a folder of its own.
        let unstorable: BooleanArray = unstorable.iter().map(|v| Some(v == Some(true))).collect();
        (unstorable.true_count() > 0).then_some(unstorable)
    }

    fn is_storable(&self, value: &str) -> bool {
        // Both Delta and Hive read the empty text and this name back as NULL.
        if value.is_empty() || value == HIVE_NULL_PARTITION {
            return false;
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let encoded: usize = value.bytes().map(|b| if plain(b) { 1 } else { 3 }).sum();
        self.name.as_str().len() + 1 + encoded <= MAX_PARTITION_SEGMENT
    }
}

impl fmt::Display for PartitionField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transform {
            PartitionTransform::Identity => write!(f, "{}", self.column),
            transform => write!(f, "{transform}({}) as {}", self.column, self.name),
        }
    }
}

impl fmt::Display for PartitionTransform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PartitionTransform::Identity => "identity",
            PartitionTransform::Year => "year",
            PartitionTransform::Month => "month",
            PartitionTransform::Date => "date",
            PartitionTransform::Hour => "hour",
        })
    }
}

fn timestamp_codes(transform: PartitionTransform, column: &ArrayRef, zone: Tz) -> Result<Vec<i64>> {
    let values = column
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| Error::bug("a timestamp column is not in microseconds"))?;
    let mut block = i64::MIN;
    let mut offset = 0;
    let mut codes = Vec::with_capacity(values.len());
    for value in values {
        let Some(micros) = value else {
            codes.push(NULL_CODE);
            continue;
        };
        let seconds = micros.div_euclid(MICROS_PER_SECOND);
        let this_block = seconds.div_euclid(OFFSET_BLOCK_SECONDS);
        if this_block != block {
            block = this_block;
            offset = offset_at(zone, seconds)?;
        }
        codes.push(code_of_seconds(transform, seconds + offset)?);
    }
    Ok(codes)
}

fn offset_at(zone: Tz, seconds: i64) -> Result<i64> {
    let instant = DateTime::from_timestamp(seconds, 0).ok_or_else(out_of_range)?;
    Ok(i64::from(zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()))
}

fn out_of_range() -> Error {
    Error::bad_input("a timestamp lies outside the years that can be stored").expected("years -262143 to 262142")
}

fn code_of_seconds(transform: PartitionTransform, local: i64) -> Result<i64> {
    const DAY: i64 = 86_400;
    match transform {
        PartitionTransform::Hour => Ok(local.rem_euclid(DAY) / 3600),
        PartitionTransform::Date => Ok(local.div_euclid(DAY)),
        _ => code_of_day(transform, local.div_euclid(DAY)),
    }
}

fn date_codes(transform: PartitionTransform, column: &ArrayRef) -> Result<Vec<i64>> {
    let values = column.as_primitive_opt::<Date32Type>().ok_or_else(|| Error::bug("a date column is not of days"))?;
    values
        .iter()
        .map(|day| match day {
            None => Ok(NULL_CODE),
            Some(day) => code_of_day(transform, i64::from(day)),
        })
        .collect()
}

fn code_of_day(transform: PartitionTransform, day: i64) -> Result<i64> {
    if transform == PartitionTransform::Date {
        return Ok(day);
    }
    let date = date_of_day(day).ok_or_else(out_of_range)?;
    let year = i64::from(date.year());
    Ok(match transform {
        PartitionTransform::Year => year,
        _ => year * 12 + i64::from(date.month0()),
    })
}

fn date_of_day(day: i64) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(chrono::Duration::try_days(day)?)
}

fn transform_text(transform: PartitionTransform, code: i64) -> String {
    match transform {
        PartitionTransform::Year => format!("{code:04}"),
        PartitionTransform::Month => format!("{:04}-{:02}", code.div_euclid(12), code.rem_euclid(12) + 1),
        PartitionTransform::Hour => format!("{code:02}"),
        _ => date_of_day(code).map(|d| d.format("%Y-%m-%d").to_string()).unwrap_or_default(),
    }
}

fn identity_codes(column: &ArrayRef) -> Result<PartitionCodes> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options)
        .map_err(|_| Error::bug(format!("a partition column of type {}", column.data_type())))?;
    let mut values: Vec<PartitionValue> = Vec::new();
    let mut known = std::collections::HashMap::new();
    let codes = (0..column.len())
        .map(|row| {
            let value = column.is_valid(row).then(|| identity_text(column, &formatter, row));
            *known.entry(value).or_insert_with_key(|value| {
                values.push(value.clone());
                (values.len() - 1).cast_signed() as i64
            })
        })
        .collect();
    Ok(PartitionCodes { codes, meaning: Meaning::Values(values) })
}

/// Delta writes a timestamp partition value as `2026-03-09 01:02:03.456789`, in UTC
/// (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#partition-value-serialization>).
fn identity_text(column: &ArrayRef, formatter: &ArrayFormatter<'_>, row: usize) -> String {
    let Some(timestamps) = column.as_primitive_opt::<TimestampMicrosecondType>() else {
        return formatter.value(row).to_string();
    };
    match DateTime::from_timestamp_micros(timestamps.value(row)) {
        Some(t) => format!("{}.{:06}", t.format("%Y-%m-%d %H:%M:%S"), t.nanosecond() / 1000),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn values(key: &str, column: ArrayRef, zone: Tz) -> Vec<PartitionValue> {
        let codes = PartitionField::parse(key).unwrap().codes(&column, zone).unwrap();
        codes.codes().iter().map(|c| codes.value(*c)).collect()
    }

    fn instants(texts: &[Option<&str>]) -> ArrayRef {
        let micros: Vec<Option<i64>> =
            texts.iter().map(|t| t.map(|t| DateTime::parse_from_rfc3339(t).unwrap().timestamp_micros())).collect();
        Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
    }

    #[test]
    fn times_are_cut_in_the_projects_time_zone() {
        let ts = instants(&[Some("2026-02-28T15:00:00Z"), None, Some("1969-12-31T14:59:59.999Z")]);
        let seoul = chrono_tz::Asia::Seoul;
        let some = |s: &str| Some(s.to_owned());
        assert_eq!(values("month(t)", Arc::clone(&ts), seoul), [some("2026-03"), None, some("1969-12")]);
        assert_eq!(values("date(t)", Arc::clone(&ts), seoul), [some("2026-03-01"), None, some("1969-12-31")]);
        assert_eq!(values("hour(t)", Arc::clone(&ts), seoul), [some("00"), None, some("23")]);
        assert_eq!(values("year(t)", ts, chrono_tz::UTC), [some("2026"), None, some("1969")]);
    }

    #[test]
    fn a_change_of_offset_within_a_batch_is_seen() {
        let ts = instants(&[Some("2026-03-29T00:59:59Z"), Some("2026-03-29T01:00:00Z")]);
        let hours = values("hour(t)", ts, chrono_tz::Europe::Berlin);
        assert_eq!(hours, [Some("01".to_owned()), Some("03".to_owned())]);
    }

    #[test]
    fn plain_columns_keep_null_and_text_apart() {
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("서울/강남"), None, Some(""), Some("서울/강남")]));
        let field = PartitionField::parse("city").unwrap();
        let got = values("city", Arc::clone(&column), chrono_tz::UTC);
        assert_eq!(got, [Some("서울/강남".to_owned()), None, Some(String::new()), Some("서울/강남".to_owned())]);
        assert_eq!(field.unstorable(&column).unwrap().true_count(), 1);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(-3), None]));
        assert_eq!(values("n", Arc::clone(&numbers), chrono_tz::UTC), [Some("-3".to_owned()), None]);
        assert!(field.unstorable(&numbers).is_none());
        let long = "가".repeat(29);
        let texts = vec![Some("ok"), None, Some("__HIVE_DEFAULT_PARTITION__"), Some(&long[..84]), Some(&long)];
        let column: ArrayRef = Arc::new(StringArray::from(texts));
        let found: Vec<_> = field.unstorable(&column).unwrap().iter().collect();
        assert_eq!(found, [false, false, true, true, true].map(Some));
        let shorter: ArrayRef = Arc::new(StringArray::from(vec![&long[..81]]));
        assert!(field.unstorable(&shorter).is_none());
    }

    #[test]
    fn years_of_five_digits_have_no_folder() {
        let days: ArrayRef =
            Arc::new(arrow::array::Date32Array::from(vec![Some(0), None, Some(2_932_897), Some(-800_000)]));
        let found: Vec<_> = PartitionField::parse("month(d)").unwrap().unstorable(&days).unwrap().iter().collect();
        assert_eq!(found, [false, false, true, true].map(Some));
        let times = instants(&[Some("2026-03-09T00:00:00Z"), None]);
        assert!(PartitionField::parse("date(t)").unwrap().unstorable(&times).is_none());
    }

    #[test]
    fn expressions_parse_or_say_what_is_valid() {
        let field = PartitionField::parse("month(ordered_at) as month").unwrap();
        assert_eq!((field.name.as_str(), field.column.as_str()), ("month", "ordered_at"));
        assert_eq!(PartitionField::parse("date(ts)").unwrap().name.as_str(), "ts_date");
        let error = PartitionField::parse("monht(t)").unwrap_err();
        assert_eq!(error.advice(), Some("did you mean `month`?"));
        assert!(PartitionField::parse("month(t").is_err());
        assert!(PartitionField::parse("city as town").is_err());
    }
}

//! Cells as values of the contract's types.

use calamine::{Data, DataRef};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use lakegate_contract::DataType;
use lakegate_pipeline::rows::{Misfit, Value, of_double, of_integer, of_text};
use lakegate_pipeline::text::{parse_decimal, timestamp_of_local};

/// Whole numbers beyond this have lost digits in a workbook, which keeps every number as a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A cell without its place in memory of the parser.
pub(crate) fn owned(cell: DataRef<'_>) -> Data {
    match cell {
        DataRef::SharedString(text) => Data::String(text.to_owned()),
        other => other.into(),
    }
}

/// The text of a header's or an answer's cell.
pub(crate) fn text_of(cell: &Data) -> Option<String> {
    let text = match cell {
        Data::Empty | Data::Error(_) => return None,
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.trim().to_owned(),
        Data::Float(number) => number_text(*number),
        Data::Int(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string(),
        Data::DateTime(time) => time.as_datetime().map(|t| t.to_string()).unwrap_or_default(),
    };
    (!text.is_empty()).then_some(text)
}

fn number_text(number: f64) -> String {
    format!("{number}")
}

/// A cell as a value; blank cells are NULL.
pub(crate) fn value_of<'a>(cell: &'a Data, data_type: &DataType, zone: Tz) -> Result<Value<'a>, Misfit> {
    match cell {
        Data::Empty => Ok(Value::Null),
        Data::String(text) if text.trim().is_empty() => Ok(Value::Null),
        Data::String(text) => of_words(text.trim(), data_type, zone),
        Data::Float(number) => of_number(*number, data_type),
        Data::Int(number) => of_integer(*number, data_type),
        Data::Bool(truth) => match data_type {
            DataType::Boolean => Ok(Value::Boolean(*truth)),
            DataType::String => Ok(Value::Text(truth.to_string().into())),
            _ => Err("TRUE or FALSE"),
        },
        Data::DateTime(time) => of_time(time.as_datetime().ok_or("a time out of range")?, data_type, zone),
        Data::DateTimeIso(text) => of_text(text, data_type, zone),
        Data::Error(_) => Err("an error value"),
        Data::DurationIso(_) => Err("a duration"),
    }
}

fn of_number<'a>(number: f64, data_type: &DataType) -> Result<Value<'a>, Misfit> {
    match data_type {
        DataType::Float | DataType::Double => of_double(number, data_type),
        DataType::String => Ok(Value::Text(number_text(number).into())),
        DataType::Decimal { precision, scale } => parse_decimal(&number_text(number), *precision, *scale)
            .map(Value::Decimal)
            .ok_or("a number with too many digits"),
        #[expect(clippy::cast_possible_truncation, reason = "it was checked to be whole and small enough")]
        DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt
            if number.fract() == 0.0 && number.abs() < EXACT =>
        {
            of_integer(number as i64, data_type)
        }
        DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt => Err("a number that is not whole"),
        _ => Err("a number"),
    }
}

fn of_time<'a>(time: NaiveDateTime, data_type: &DataType, zone: Tz) -> Result<Value<'a>, Misfit> {
    match data_type {
        DataType::Timestamp => {
            let local = time.and_utc().timestamp_micros();
            timestamp_of_local(local, zone).map(Value::Timestamp).ok_or("a local time that the time zone skips")
        }
        DataType::Date => day(time.date()),
        DataType::String => Ok(Value::Text(time.to_string().into())),
        _ => Err("a date"),
    }
}

fn day<'a>(date: NaiveDate) -> Result<Value<'a>, Misfit> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).ok_or("a date")?;
    i32::try_from((date - epoch).num_days()).map(Value::Date).map_err(|_| "a date out of range")
}

/// Text in a cell; also Korean dates such as `2026. 1. 5 오후 3:04:05`.
fn of_words<'a>(text: &'a str, data_type: &DataType, zone: Tz) -> Result<Value<'a>, Misfit> {
    match data_type {
        DataType::Boolean => match text {
            "예" | "네" | "Y" | "y" | "TRUE" | "true" => Ok(Value::Boolean(true)),
            "아니오" | "아니요" | "N" | "n" | "FALSE" | "false" => Ok(Value::Boolean(false)),
            _ => Err("text"),
        },
        DataType::Timestamp | DataType::Date => match korean(text) {
            Some(time) => of_time(time, data_type, zone),
            None => of_text(text, data_type, zone),
        },
        _ => of_text(text, data_type, zone),
    }
}

fn korean(text: &str) -> Option<NaiveDateTime> {
    let mut parts = text.splitn(4, ". ");
    let (year, month, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (day, clock) = rest.split_once(' ').unwrap_or((rest, ""));
    let date = NaiveDate::from_ymd_opt(
        year.trim().parse().ok()?,
        month.trim().parse().ok()?,
        day.trim_end_matches('.').parse().ok()?,
    )?;
    if clock.is_empty() {
        return Some(date.and_time(NaiveTime::MIN));
    }
    let (half, clock) = clock.split_once(' ')?;
    let mut numbers = clock.split(':').map(str::parse::<u32>);
    let (hour, minute) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let second = numbers.next().transpose().ok()?.unwrap_or(0);
    let hour = match half {
        "오전" => hour % 12,
        "오후" => hour % 12 + 12,
        _ => return None,
    };
    date.and_hms_opt(hour, minute, second)
}

/// `C7`
pub(crate) fn address(row: u32, column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0)));
        rest = (rest - 1) / 26;
    }
    format!("{}{}", letters.iter().rev().collect::<String>(), row + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_excels() {
        assert_eq!([address(0, 0), address(6, 25), address(6, 26), address(0, 16383)], ["A1", "Z7", "AA7", "XFD1"]);
    }

    #[test]
    fn cells_become_values_or_say_what_they_are() {
        let seoul = chrono_tz::Asia::Seoul;
        let text = |t: &str| Data::String(t.to_owned());
        let get = |cell: &Data, t: &str| value_of(cell, &DataType::parse(t).unwrap(), seoul).map(|v| format!("{v:?}"));
        assert_eq!(get(&Data::Float(4.0), "tinyint"), Ok("Integer(4)".to_owned()));
        assert_eq!(get(&Data::Float(4.5), "tinyint"), Err("a number that is not whole"));
        assert_eq!(get(&Data::Float(300.0), "tinyint"), Err("a number that is too large"));
        assert_eq!(get(&Data::Float(1e300), "float"), Err("a number that is too large"));
        assert_eq!(get(&text("-1e300"), "float"), Err("a number that is too large"));
        assert_eq!(get(&Data::Float(1e38), "float"), get(&Data::Float(1e38), "double"));
        assert_eq!(get(&text("매우 만족"), "tinyint"), Err("text that is no whole number"));
        assert_eq!(get(&text(" "), "tinyint"), Ok("Null".to_owned()));
        assert_eq!(get(&Data::Float(2013.0), "string"), Ok("Text(\"2013\")".to_owned()));
        assert_eq!(get(&Data::Float(0.1), "decimal(5,2)"), Ok("Decimal(10)".to_owned()));
        assert_eq!(get(&text("2026. 1. 5 오후 3:04:05"), "timestamp"), get(&text("2026-01-05T06:04:05Z"), "timestamp"));
        assert_eq!(get(&Data::Error(calamine::CellErrorType::NA), "string"), Err("an error value"));
    }
}

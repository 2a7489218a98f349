//! Functions over dates and timestamps that DataFusion lacks or reads differently. All times are UTC.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};
use chrono::{Datelike as _, NaiveDateTime, Timelike as _};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::ScalarUDF;

use super::cast::{self, TIMESTAMP};
use super::moment::{Format, micros_of, time_of};
use super::udf::{argument, at, texts, typed};

/// All of them.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        typed("spark_date_format", |_, _| Ok(DataType::Utf8), |args, _| spelled(args)),
        typed("spark_to_timestamp", |_, _| Ok(TIMESTAMP), |args, _| read(args)),
        typed("spark_unix_timestamp", |_, _| Ok(DataType::Int64), |args, _| seconds(args)),
        typed("spark_date_diff", |_, _| Ok(DataType::Int32), |args, _| days_between(args)),
        typed("spark_months_between", |_, _| Ok(DataType::Float64), |args, _| months_between(args)),
    ]
}

/// Formats by their text: that of the row before is kept.
#[derive(Default)]
struct Formats(Option<(String, Format)>);

impl Formats {
    fn of(&mut self, text: &str) -> Result<&Format> {
        if self.0.as_ref().is_none_or(|(known, _)| known != text) {
            let format = Format::new(text).map_err(|_| exec_datafusion_err!("the format of a date cannot be used"))?;
            self.0 = Some((text.to_owned(), format));
        }
        self.0.as_ref().map(|(_, format)| format).ok_or_else(|| exec_datafusion_err!("no format"))
    }
}

fn moments(args: &[ArrayRef], index: usize) -> Result<TimestampMicrosecondArray> {
    Ok(cast::array(argument(args, index)?, &TIMESTAMP)?.as_primitive::<TimestampMicrosecondType>().clone())
}

fn time_at(moments: &TimestampMicrosecondArray, row: usize) -> Option<NaiveDateTime> {
    moments.is_valid(row).then(|| time_of(moments.value(row))).flatten()
}

/// `datediff`: the library's becomes a difference of dates, whose bounds the engine cannot work out from a file's statistics.
fn days_between(args: &[ArrayRef]) -> Result<ArrayRef> {
    let day = |index: usize| cast::array(argument(args, index)?, &DataType::Date32);
    let (end, start) = (day(0)?, day(1)?);
    let days = end.as_primitive::<Date32Type>().iter().zip(start.as_primitive::<Date32Type>().iter());
    Ok(Arc::new(days.map(|(end, start)| end?.checked_sub(start?)).collect::<Int32Array>()))
}

/// `date_format`.
fn spelled(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (moments, patterns) = (moments(args, 0)?, texts(args, 1)?);
    let mut formats = Formats::default();
    let each = (0..moments.len()).map(|row| match (time_at(&moments, row), at(&patterns, row)) {
        (Some(time), Some(pattern)) => Ok(Some(formats.of(pattern)?.spelled(time))),
        _ => Ok(None),
    });
    Ok(Arc::new(each.collect::<Result<StringArray>>()?))
}

/// `to_timestamp` with a format; a value that is none but a text is cast.
fn read(args: &[ArrayRef]) -> Result<ArrayRef> {
    let values = argument(args, 0)?;
    if !matches!(values.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        return cast::array(values, &TIMESTAMP);
    }
    let (values, patterns) = (texts(args, 0)?, texts(args, 1)?);
    let mut formats = Formats::default();
    let each = (0..values.len()).map(|row| match (at(&values, row), at(&patterns, row)) {
        (Some(value), Some(pattern)) => Ok(formats.of(pattern)?.read(value).map(micros_of)),
        _ => Ok(None),
    });
    Ok(Arc::new(each.collect::<Result<TimestampMicrosecondArray>>()?))
}

fn seconds(args: &[ArrayRef]) -> Result<ArrayRef> {
    let moments = read(args)?;
    let moments = moments.as_primitive::<TimestampMicrosecondType>();
    let seconds: Int64Array = moments.unary(|micros| micros.div_euclid(1_000_000));
    Ok(Arc::new(seconds))
}

/// Months with a fraction by days of 31; whole if both are the same day of the month, or its last.
fn months_between(args: &[ArrayRef]) -> Result<ArrayRef> {
    let (ends, starts) = (moments(args, 0)?, moments(args, 1)?);
    let each = |row: usize| {
        let (end, start) = (time_at(&ends, row)?, time_at(&starts, row)?);
        let months = f64::from((end.year() - start.year()) * 12) + f64::from(end.month()) - f64::from(start.month());
        if end.day() == start.day() || (is_last_day(end) && is_last_day(start)) {
            return Some(months);
        }
        let seconds =
            |time: NaiveDateTime| f64::from(time.day()) * 86_400.0 + f64::from(time.num_seconds_from_midnight());
        let fraction = (seconds(end) - seconds(start)) / (31.0 * 86_400.0);
        Some(((months + fraction) * 1e8).round() / 1e8)
    };
    Ok(Arc::new((0..ends.len()).map(each).collect::<Float64Array>()))
}

fn is_last_day(time: NaiveDateTime) -> bool {
    time.date().succ_opt().is_some_and(|next| next.day() == 1)
}

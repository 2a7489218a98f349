//! Spark's casts as Glue runs them (`spark.sql.ansi.enabled=false`): what cannot be cast is NULL.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
    StringArray, TimestampMicrosecondArray,
};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, plan_datafusion_err, plan_err};
use datafusion::logical_expr::ScalarUDF;
use lakegate_contract::type_name;

use super::udf::{argument, typed};
use crate::spark_number;
use crate::spark_time::{self, trimmed};

/// The function that stands for every cast; its second argument names the type.
pub(super) const NAME: &str = "spark_cast";

pub(super) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);
const MICROS: i64 = 1_000_000;

/// The function itself.
pub(super) fn udf() -> Arc<ScalarUDF> {
    typed(
        NAME,
        |fields, scalars| match (fields, scalars) {
            ([from, _], [_, Some(ScalarValue::Utf8(Some(word)))]) => {
                let to = named(word).ok_or_else(|| plan_datafusion_err!("there is no type `{word}` to cast to"))?;
                if impossible(from.data_type(), &to) {
                    return plan_err!("a value of type {} cannot be cast to {word}", type_name(from.data_type()));
                }
                Ok(to)
            }
            _ => plan_err!("a cast takes a value and a type"),
        },
        |args, to| array(argument(args, 0)?, to),
    )
}

/// A text as the double that an aggregate makes of it; other values stay.
pub(super) const AS_NUMBER: &str = "spark_number";

/// The function of that name.
pub(super) fn as_number() -> Arc<ScalarUDF> {
    typed(
        AS_NUMBER,
        |fields, _| match fields {
            [field] if is_text(field.data_type()) => Ok(DataType::Float64),
            [field] => Ok(field.data_type().clone()),
            _ => plan_err!("one value is made a number"),
        },
        |args, to| array(argument(args, 0)?, to),
    )
}

/// Spark's types by the words that [`super::rewrite`] makes of them.
pub(super) fn named(word: &str) -> Option<DataType> {
    Some(match word {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp" => TIMESTAMP,
        other => {
            let (precision, scale) = other.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
            let (precision, scale): (u8, i8) = (precision.parse().ok()?, scale.parse().ok()?);
            let fits = (1..=38).contains(&precision) && scale >= 0 && scale.unsigned_abs() <= precision;
            return fits.then_some(DataType::Decimal128(precision, scale));
        }
    })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

pub(super) fn impossible(from: &DataType, to: &DataType) -> bool {
    let days = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64);
    let moments = |t: &DataType| matches!(t, DataType::Timestamp(..));
    let known = |t: &DataType| {
        is_text(t) || t.is_numeric() || days(t) || moments(t) || matches!(t, DataType::Boolean | DataType::Null)
    };
    from.is_nested()
        || (days(from) && (to.is_numeric() || *to == DataType::Boolean))
        || (days(to) && (from.is_numeric() || *from == DataType::Boolean))
        || (moments(from) && *to == DataType::Boolean)
        || (*to == DataType::Binary && !is_text(from) && !matches!(from, DataType::Binary | DataType::Null))
        // Bytes, intervals and times of a day have no number.
        || (!known(from) && from != to && !(is_text(to) && can_cast_types(from, to)))
}

/// Casts every value.
pub(super) fn array(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let from = values.data_type();
    if from == to {
        return Ok(Arc::clone(values));
    }
    match (from, to) {
        (text, _) if is_text(text) => from_text(plain(values, &DataType::Utf8)?.as_string::<i32>(), to),
        (DataType::Date64, _) if *to != DataType::Date32 => array(&array(values, &DataType::Date32)?, to),
        (DataType::Date64, _) => {
            let millis = values.as_primitive::<Date64Type>();
            let days: Date32Array = millis.unary_opt(|millis| i32::try_from(millis.div_euclid(86_400_000)).ok());
            Ok(Arc::new(days))
        }
        (DataType::Timestamp(..), _) if *from != TIMESTAMP => array(&moment_of(values)?, to),
        (_, DataType::Timestamp(..)) if *to != TIMESTAMP => plain(values, to),
        (_, DataType::Utf8) => to_text(values),
        (DataType::Timestamp(..), _) if to.is_numeric() => from_moment(values, to),
        (_, DataType::Timestamp(..)) if from.is_numeric() => to_moment(values),
        (DataType::Date32, DataType::Timestamp(..)) => {
            let days = values.as_primitive::<Date32Type>();
            let moments: TimestampMicrosecondArray = days.unary_opt(|day| i64::from(day).checked_mul(86_400 * MICROS));
            Ok(Arc::new(moments))
        }
        (DataType::Timestamp(..), DataType::Date32) => {
            let moments = values.as_primitive::<TimestampMicrosecondType>();
            let days: Date32Array = moments.unary(|micros| narrowed(micros.div_euclid(86_400 * MICROS)));
            Ok(Arc::new(days))
        }
        (DataType::Float32 | DataType::Float64, _) if to.is_integer() => from_double(values, to),
        (DataType::Float32 | DataType::Float64, DataType::Decimal128(precision, scale)) => {
            let texts = to_text(values)?;
            Ok(Arc::new(decimals(texts.as_string::<i32>(), *precision, *scale)?))
        }
        (DataType::Decimal128(..), _) if to.is_integer() => {
            let whole = plain(&truncated(values)?, &DataType::Int64)?;
            wrapped(whole.as_primitive::<Int64Type>(), to)
        }
        (DataType::Decimal128(..), DataType::Float64) => {
            let texts = to_text(values)?;
            plain(&texts, &DataType::Float64)
        }
        (_, DataType::Boolean) if from.is_decimal() => plain(&plain(values, &DataType::Float64)?, to),
        (DataType::Boolean, DataType::Decimal128(..)) => plain(&plain(values, &DataType::Int8)?, to),
        (DataType::Boolean, DataType::Timestamp(..)) => plain(&plain(values, &DataType::Int64)?, to),
        _ if from.is_integer() && to.is_integer() => {
            let whole = plain(values, &DataType::Int64)?;
            wrapped(whole.as_primitive::<Int64Type>(), to)
        }
        _ => plain(values, to),
    }
}

/// Arrow's cast; NULL where it fails.
fn plain(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    Ok(cast_with_options(values, to, &options)?)
}

/// A timestamp of any unit or zone in microseconds of UTC.
fn moment_of(values: &ArrayRef) -> Result<ArrayRef> {
    let unit = match values.data_type() {
        DataType::Timestamp(unit, Some(_)) => plain(values, &DataType::Timestamp(*unit, Some("UTC".into())))?,
        _ => Arc::clone(values),
    };
    let utc = match unit.data_type() {
        DataType::Timestamp(unit_of, Some(_)) => plain(&unit, &DataType::Timestamp(*unit_of, None))?,
        _ => unit,
    };
    plain(&utc, &TIMESTAMP)
}

#[expect(clippy::cast_possible_truncation, reason = "Spark wraps a number that is too large for its type")]
fn narrowed(value: i64) -> i32 {
    value as i32
}

#[expect(clippy::cast_possible_truncation, reason = "Spark wraps a number that is too large for its type")]
fn wrapped(values: &Int64Array, to: &DataType) -> Result<ArrayRef> {
    Ok(match to {
        DataType::Int8 => Arc::new(values.unary::<_, Int8Type>(|v| v as i8)),
        DataType::Int16 => Arc::new(values.unary::<_, Int16Type>(|v| v as i16)),
        DataType::Int32 => Arc::new(values.unary::<_, Int32Type>(narrowed)),
        DataType::Int64 => Arc::new(values.clone()),
        _ => plain(&(Arc::new(values.clone()) as ArrayRef), to)?,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "Spark's cast saturates, as this one does")]
fn from_double(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let doubles = plain(values, &DataType::Float64)?;
    let doubles = doubles.as_primitive::<Float64Type>();
    Ok(match to {
        DataType::Int64 => Arc::new(doubles.unary::<_, Int64Type>(|v| v as i64)),
        // Narrower types go by way of int.
        _ => wrapped(&doubles.unary::<_, Int64Type>(|v| i64::from(v as i32)), to)?,
    })
}

fn truncated(values: &ArrayRef) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = *values.data_type() else { return Ok(Arc::clone(values)) };
    let unit = 10i128.checked_pow(scale.max(0).unsigned_abs().into()).unwrap_or(i128::MAX);
    let whole: Decimal128Array = values.as_primitive::<Decimal128Type>().unary(|v| v / unit);
    Ok(Arc::new(whole.with_precision_and_scale(precision, 0)?))
}

#[expect(clippy::cast_precision_loss, reason = "seconds as a double are what Spark gives")]
fn from_moment(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let micros = values.as_primitive::<TimestampMicrosecondType>();
    if to.is_integer() {
        return wrapped(&micros.unary::<_, Int64Type>(|v| v.div_euclid(MICROS)), to);
    }
    let seconds: Float64Array = micros.unary(|v| v as f64 / MICROS as f64);
    array(&(Arc::new(seconds) as ArrayRef), to)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a timestamp has whole microseconds")]
fn to_moment(values: &ArrayRef) -> Result<ArrayRef> {
    if values.data_type().is_integer() {
        let seconds = plain(values, &DataType::Int64)?;
        let micros: TimestampMicrosecondArray =
            seconds.as_primitive::<Int64Type>().unary_opt(|v| v.checked_mul(MICROS));
        return Ok(Arc::new(micros));
    }
    let seconds = array(values, &DataType::Float64)?;
    let micros: TimestampMicrosecondArray =
        seconds.as_primitive::<Float64Type>().unary_opt(|v| v.is_finite().then_some((v * MICROS as f64) as i64));
    Ok(Arc::new(micros))
}

fn to_text(values: &ArrayRef) -> Result<ArrayRef> {
    let each = |text: &dyn Fn(usize) -> String| -> ArrayRef {
        let texts: StringArray = (0..values.len()).map(|row| values.is_valid(row).then(|| text(row))).collect();
        Arc::new(texts)
    };
    Ok(match values.data_type() {
        DataType::Float32 => {
            let floats = values.as_primitive::<arrow::datatypes::Float32Type>();
            each(&|row| java_number(&format!("{:e}", floats.value(row))))
        }
        DataType::Float64 => {
            let doubles = values.as_primitive::<Float64Type>();
            each(&|row| java_number(&format!("{:e}", doubles.value(row))))
        }
        DataType::Timestamp(..) => {
            let moments = values.as_primitive::<TimestampMicrosecondType>();
            each(&|row| spark_time::spelled(moments.value(row)))
        }
        DataType::Date32 => {
            let days = values.as_primitive::<Date32Type>();
            each(&|row| spark_time::spelled_day(days.value(row).into()))
        }
        _ => plain(values, &DataType::Utf8)?,
    })
}

/// `Double.toString` of a number in Rust's scientific notation.
fn java_number(scientific: &str) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return match scientific {
            "inf" => "Infinity".to_owned(),
            "-inf" => "-Infinity".to_owned(),
            other => other.to_owned(),
        };
    };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = format!("{whole}{fraction}");
    match usize::try_from(exponent) {
        Ok(places @ 0..7) => {
            let padded = format!("{digits:0<width$}", width = places + 2);
            let (whole, fraction) = padded.split_at_checked(places + 1).unwrap_or((&padded, "0"));
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) if exponent >= -3 => {
            let zeros = "0".repeat(usize::try_from(-1 - exponent).unwrap_or(0));
            format!("{sign}0.{zeros}{digits}")
        }
        _ => format!("{sign}{whole}.{}E{exponent}", if fraction.is_empty() { "0" } else { fraction }),
    }
}

fn from_text(texts: &StringArray, to: &DataType) -> Result<ArrayRef> {
    fn each<'a, T>(texts: &'a StringArray, parse: impl Fn(&'a str) -> Option<T>) -> impl Iterator<Item = Option<T>> {
        texts.iter().map(move |text| text.and_then(&parse))
    }
    Ok(match to {
        DataType::Int8 => whole_numbers(texts, i8::MIN.into(), i8::MAX.into(), to)?,
        DataType::Int16 => whole_numbers(texts, i16::MIN.into(), i16::MAX.into(), to)?,
        DataType::Int32 => whole_numbers(texts, i32::MIN.into(), i32::MAX.into(), to)?,
        DataType::Int64 => Arc::new(each(texts, spark_number::whole_number).collect::<Int64Array>()),
        DataType::Float64 => Arc::new(each(texts, spark_number::double).collect::<Float64Array>()),
        DataType::Float32 => Arc::new(each(texts, spark_number::float).collect::<Float32Array>()),
        DataType::Boolean => Arc::new(each(texts, spark_number::truth).collect::<BooleanArray>()),
        DataType::Date32 => Arc::new(each(texts, |text| spark_time::date(trimmed(text))).collect::<Date32Array>()),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let moments = each(texts, |text| spark_time::timestamp(trimmed(text)));
            Arc::new(moments.collect::<TimestampMicrosecondArray>())
        }
        DataType::Decimal128(precision, scale) => Arc::new(decimals(texts, *precision, *scale)?),
        _ => plain(&(Arc::new(texts.clone()) as ArrayRef), to)?,
    })
}

fn whole_numbers(texts: &StringArray, least: i64, most: i64, to: &DataType) -> Result<ArrayRef> {
    let in_range = |text: &str| spark_number::whole_number(text).filter(|value| (least..=most).contains(value));
    let wide: ArrayRef = Arc::new(texts.iter().map(|text| text.and_then(in_range)).collect::<Int64Array>());
    plain(&wide, to)
}

fn decimals(texts: &StringArray, precision: u8, scale: i8) -> Result<Decimal128Array> {
    let parsed = texts.iter().map(|text| spark_number::decimal(text?, precision, scale));
    Ok(parsed.collect::<Decimal128Array>().with_precision_and_scale(precision, scale)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_spelled_as_java_does() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1_234_567.0, "1234567.0"),
            (1e7, "1.0E7"),
            (1.5e10, "1.5E10"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (0.0, "0.0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (123_456.789, "123456.789"),
        ] {
            assert_eq!(java_number(&format!("{value:e}")), text);
        }
    }
    /// What Spark 3.5.4 makes of them: tests/oracle/casts.py asked it.
    #[test]
    fn texts_are_read_as_spark_reads_them() {
        let mut compared = 0;
        for line in include_str!("../fixtures/casts.tsv").lines() {
            let [name, text, cast] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            let text: String = serde_json::from_str(text).unwrap();
            let spark: Option<String> = serde_json::from_str(cast).unwrap();
            let texts: ArrayRef = Arc::new(StringArray::from(vec![text.as_str()]));
            let value = array(&texts, &named(name).unwrap()).unwrap();
            if text.starts_with('T') || text.starts_with("9:") {
                // A time of today, whichever that is.
                assert_eq!(value.is_valid(0), spark.is_some(), "{line}");
                continue;
            }
            let own = to_text(&value).unwrap();
            let own = own.as_string::<i32>().iter().next().unwrap().map(str::to_owned);
            assert_eq!(own.as_deref().map(plainly), spark.as_deref().map(plainly), "{line}");
            compared += 1;
        }
        assert!(compared > 250, "{compared}");
    }

    /// A number by its value: small decimals are spelled with an exponent by Java, by Arrow with zeros.
    fn plainly(text: &str) -> String {
        text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| format!("{number:e}"))
    }

    #[test]
    fn what_is_too_far_away_is_null() {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![i32::MAX, 20_513]));
        let moments = array(&days, &TIMESTAMP).unwrap();
        assert!(moments.is_null(0) && moments.is_valid(1));
        let texts = to_text(&days).unwrap();
        assert_eq!(texts.as_string::<i32>().value(0), "+5881580-07-11");
        let moments: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN]));
        assert_eq!(to_text(&moments).unwrap().as_string::<i32>().value(0), "-290308-12-21 19:59:05.224192");
    }
    #[test]
    fn every_cast_that_is_planned_gives_a_value_or_null() {
        let decimals = Decimal128Array::from(vec![0, 5]).with_precision_and_scale(10, 2).unwrap();
        let truths = array(&(Arc::new(decimals) as ArrayRef), &DataType::Boolean).unwrap();
        assert_eq!(truths.as_boolean().iter().collect::<Vec<_>>(), [Some(false), Some(true)]);
        let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
        let one = array(&truths, &DataType::Decimal128(10, 2)).unwrap();
        assert_eq!(one.as_primitive::<Decimal128Type>().value(0), 100);
        let moment = array(&truths, &TIMESTAMP).unwrap();
        assert_eq!(moment.as_primitive::<TimestampMicrosecondType>().value(0), 1);
        let days: ArrayRef = Arc::new(arrow::array::Date64Array::from(vec![i64::MAX, 86_400_000]));
        let texts = array(&days, &DataType::Utf8).unwrap();
        assert_eq!(texts.as_string::<i32>().iter().collect::<Vec<_>>(), [None, Some("1970-01-02")]);
        for other in [DataType::Binary, DataType::Interval(arrow::datatypes::IntervalUnit::DayTime)] {
            assert!(impossible(&other, &DataType::Int32) && !impossible(&other, &DataType::Utf8), "{other}");
        }
    }
}

//! Spark's casts as Glue runs them (`spark.sql.ansi.enabled=false`): what cannot be cast is NULL.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, plan_datafusion_err, plan_err};
use datafusion::logical_expr::ScalarUDF;
use lakegate_contract::type_name;

use super::moment;
use super::udf::{argument, typed};

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

fn impossible(from: &DataType, to: &DataType) -> bool {
    let days = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64);
    let moments = |t: &DataType| matches!(t, DataType::Timestamp(..));
    from.is_nested()
        || (days(from) && (to.is_numeric() || *to == DataType::Boolean))
        || (days(to) && (from.is_numeric() || *from == DataType::Boolean))
        || (moments(from) && *to == DataType::Boolean)
        || (*to == DataType::Binary && !is_text(from) && !matches!(from, DataType::Binary | DataType::Null))
}

/// Casts every value.
pub(super) fn array(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let from = values.data_type();
    if from == to {
        return Ok(Arc::clone(values));
    }
    match (from, to) {
        (text, _) if is_text(text) => from_text(plain(values, &DataType::Utf8)?.as_string::<i32>(), to),
        (DataType::Timestamp(..), _) if *from != TIMESTAMP => array(&moment_of(values)?, to),
        (_, DataType::Timestamp(..)) if *to != TIMESTAMP => plain(values, to),
        (_, DataType::Utf8) => to_text(values),
        (DataType::Timestamp(..), _) if to.is_numeric() => from_moment(values, to),
        (_, DataType::Timestamp(..)) if from.is_numeric() => to_moment(values),
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
            each(&|row| moment::spelled(moments.value(row)))
        }
        DataType::Date32 => {
            let days = values.as_primitive::<Date32Type>();
            each(&|row| moment::spelled_day(days.value(row)))
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
        texts.iter().map(move |text| text.and_then(|text| parse(trimmed(text))))
    }
    Ok(match to {
        DataType::Int8 => whole_numbers(texts, i8::MIN.into(), i8::MAX.into(), to)?,
        DataType::Int16 => whole_numbers(texts, i16::MIN.into(), i16::MAX.into(), to)?,
        DataType::Int32 => whole_numbers(texts, i32::MIN.into(), i32::MAX.into(), to)?,
        DataType::Int64 => Arc::new(each(texts, whole_number).collect::<Int64Array>()),
        DataType::Float64 => Arc::new(each(texts, double).collect::<Float64Array>()),
        DataType::Float32 => {
            let doubles: ArrayRef = Arc::new(each(texts, double).collect::<Float64Array>());
            plain(&doubles, to)?
        }
        DataType::Boolean => Arc::new(each(texts, truth).collect::<BooleanArray>()),
        DataType::Date32 => Arc::new(each(texts, moment::day).collect::<Date32Array>()),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            Arc::new(each(texts, moment::moment).collect::<TimestampMicrosecondArray>())
        }
        DataType::Decimal128(precision, scale) => Arc::new(decimals(texts, *precision, *scale)?),
        _ => plain(&(Arc::new(texts.clone()) as ArrayRef), to)?,
    })
}

/// White space and control characters at both ends do not count.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}')
}

fn whole_numbers(texts: &StringArray, least: i64, most: i64, to: &DataType) -> Result<ArrayRef> {
    let in_range = |text: &str| whole_number(trimmed(text)).filter(|value| (least..=most).contains(value));
    let wide: ArrayRef = Arc::new(texts.iter().map(|text| text.and_then(in_range)).collect::<Int64Array>());
    plain(&wide, to)
}

/// Digits with a sign; a fraction is cut off.
fn whole_number(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits(unsigned) || !digits(fraction) || (unsigned.is_empty() && !text.contains('.')) {
        return None;
    }
    if unsigned.is_empty() { Some(0) } else { whole.parse().ok() }
}

fn double(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    match unsigned {
        "inf" | "infinity" | "nan" => lower.parse().ok(),
        // Java takes a letter for the type behind a number.
        _ if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            lower.strip_suffix(['d', 'f']).unwrap_or(&lower).parse().ok()
        }
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" => Some(true),
        "f" | "false" | "n" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn decimals(texts: &StringArray, precision: u8, scale: i8) -> Result<Decimal128Array> {
    let limit = 10i128.checked_pow(precision.into()).unwrap_or(i128::MAX);
    let parsed = texts.iter().map(|text| {
        text.and_then(|text| decimal(trimmed(text), scale.into())).filter(|value| -limit < *value && *value < limit)
    });
    Ok(parsed.collect::<Decimal128Array>().with_precision_and_scale(precision, scale)?)
}

/// A number in units of ten to the minus `scale`, rounded half away from zero.
pub(super) fn decimal(text: &str, scale: i32) -> Option<i128> {
    let lower = text.to_ascii_lowercase();
    let (number, exponent) = lower.split_once('e').map_or((lower.as_str(), Some(0)), |(n, e)| (n, e.parse().ok()));
    let (sign, unsigned) = match number.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // How many digits stand before the unit.
    let kept = i32::try_from(whole.len()).ok()?.checked_add(exponent?)?.checked_add(scale)?;
    let kept = usize::try_from(kept.max(-1)).ok();
    let Some(kept) = kept else { return Some(0) };
    let (taken, rest) = digits.split_at_checked(kept).unwrap_or((&digits, ""));
    let zeros = kept.saturating_sub(digits.len());
    let value = if taken.is_empty() { 0 } else { taken.parse::<i128>().ok()? };
    let value = value.checked_mul(10i128.checked_pow(u32::try_from(zeros).ok()?)?)?;
    let up = i128::from(rest.bytes().next().is_some_and(|digit| digit >= b'5'));
    value.checked_add(up)?.checked_mul(sign)
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

    #[test]
    fn decimals_round_half_away_from_zero() {
        for (text, scale, value) in [
            ("1.005", 2, Some(101)),
            ("-1.005", 2, Some(-101)),
            ("1.004", 2, Some(100)),
            ("12", 2, Some(1200)),
            ("1e3", 0, Some(1000)),
            ("0.04", 1, Some(0)),
            ("0.05", 1, Some(1)),
            ("1e-9", 2, Some(0)),
            (".5", 0, Some(1)),
            ("", 2, None),
            ("x", 2, None),
            ("1e99", 2, None),
        ] {
            assert_eq!(decimal(text, scale), value, "{text}");
        }
    }
}

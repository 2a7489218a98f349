//! PostgreSQL's binary values as values of the contract's types.
//!
//! Formats: the `…send` functions of PostgreSQL, `src/backend/utils/adt`.

use chrono_tz::Tz;
use lakegate_contract::DataType;
use lakegate_pipeline::rows::{Misfit, Value, of_double, of_integer};
use lakegate_pipeline::text::timestamp_of_local;
use serde::{Deserialize, Serialize};

/// Days and microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL begins to count.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// How a column's bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceType {
    Boolean,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Jsonb,
    Uuid,
    Bytes,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    TextArray,
}

impl SourceType {
    /// How a type is read as a type of the contract; `None` when it does not fit.
    pub(crate) fn of(oid: u32, contract: &DataType) -> Option<Self> {
        use DataType as D;
        let source = Self::of_oid(oid)?;
        let whole = matches!(
            contract,
            D::TinyInt | D::SmallInt | D::Int | D::BigInt | D::Decimal { .. } | D::Float | D::Double | D::String
        );
        let fits = match source {
            SourceType::Boolean => *contract == D::Boolean,
            SourceType::Int2 | SourceType::Int4 | SourceType::Int8 => whole,
            SourceType::Float4 | SourceType::Float8 => matches!(contract, D::Float | D::Double),
            SourceType::Numeric => matches!(contract, D::Decimal { .. } | D::BigInt | D::Int | D::SmallInt),
            SourceType::Text | SourceType::Jsonb | SourceType::Uuid | SourceType::Time => *contract == D::String,
            SourceType::Bytes => *contract == D::Binary,
            SourceType::Date => *contract == D::Date,
            SourceType::Timestamp | SourceType::TimestampTz => *contract == D::Timestamp,
            SourceType::TextArray => matches!(contract, D::Array(element) if **element == D::String),
        };
        fits.then_some(source)
    }

    fn of_oid(oid: u32) -> Option<Self> {
        Some(match oid {
            16 => SourceType::Boolean,
            17 => SourceType::Bytes,
            20 => SourceType::Int8,
            21 => SourceType::Int2,
            23 => SourceType::Int4,
            // text, char, name, json, xml, bpchar, varchar
            18 | 19 | 25 | 114 | 142 | 1042 | 1043 => SourceType::Text,
            700 => SourceType::Float4,
            701 => SourceType::Float8,
            1009 | 1015 => SourceType::TextArray,
            1082 => SourceType::Date,
            1083 => SourceType::Time,
            1114 => SourceType::Timestamp,
            1184 => SourceType::TimestampTz,
            1700 => SourceType::Numeric,
            2950 => SourceType::Uuid,
            3802 => SourceType::Jsonb,
            _ => return None,
        })
    }

    /// Reads a value.
    pub(crate) fn decode<'a>(self, bytes: &'a [u8], data_type: &DataType, zone: Tz) -> Result<Value<'a>, Misfit> {
        const SHORT: Misfit = "a value of a wrong length";
        match self {
            SourceType::Boolean => Ok(Value::Boolean(bytes.first().ok_or(SHORT)? != &0)),
            SourceType::Int2 => of_integer(i16::from_be_bytes(fixed(bytes)?).into(), data_type),
            SourceType::Int4 => of_integer(i32::from_be_bytes(fixed(bytes)?).into(), data_type),
            SourceType::Int8 => of_integer(i64::from_be_bytes(fixed(bytes)?), data_type),
            SourceType::Float4 => Ok(Value::Double(f32::from_be_bytes(fixed(bytes)?).into())),
            SourceType::Float8 => of_double(f64::from_be_bytes(fixed(bytes)?), data_type),
            SourceType::Numeric => numeric(bytes, data_type),
            SourceType::Text => text(bytes).map(|t| Value::Text(t.into())),
            // A version byte stands before the text.
            SourceType::Jsonb => text(bytes.get(1..).ok_or(SHORT)?).map(|t| Value::Text(t.into())),
            SourceType::Uuid => uuid(fixed(bytes)?),
            SourceType::Bytes => Ok(Value::Binary(bytes.into())),
            SourceType::Date => date(i32::from_be_bytes(fixed(bytes)?)),
            SourceType::Time => time(i64::from_be_bytes(fixed(bytes)?)),
            SourceType::TimestampTz => timestamp(i64::from_be_bytes(fixed(bytes)?)).map(Value::Timestamp),
            SourceType::Timestamp => {
                let local = timestamp(i64::from_be_bytes(fixed(bytes)?))?;
                timestamp_of_local(local, zone).map(Value::Timestamp).ok_or("a local time that the time zone skips")
            }
            SourceType::TextArray => text_array(bytes),
        }
    }
}

/// The contract types that fit a type of the database, for messages.
pub(crate) fn fitting(oid: u32) -> &'static str {
    match SourceType::of_oid(oid) {
        Some(SourceType::Boolean) => "boolean",
        Some(SourceType::Int2 | SourceType::Int4 | SourceType::Int8) => "a whole number, decimal, double or string",
        Some(SourceType::Float4 | SourceType::Float8) => "float or double",
        Some(SourceType::Numeric) => "decimal(precision,scale)",
        Some(SourceType::Text | SourceType::Jsonb | SourceType::Uuid | SourceType::Time) => "string",
        Some(SourceType::Bytes) => "binary",
        Some(SourceType::Date) => "date",
        Some(SourceType::Timestamp | SourceType::TimestampTz) => "timestamp",
        Some(SourceType::TextArray) => "array<string>",
        None => "a view that casts the column to a type that lakegate reads, such as text",
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Misfit> {
    bytes.try_into().map_err(|_| "a value of a wrong length")
}

fn text(bytes: &[u8]) -> Result<&str, Misfit> {
    std::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8")
}

fn date(days: i32) -> Result<Value<'static>, Misfit> {
    match days {
        i32::MAX | i32::MIN => Err("an infinite date"),
        days => days.checked_add(EPOCH_DAYS).map(Value::Date).ok_or("a date out of range"),
    }
}

/// `10:02:03`, with its microseconds where it has any.
fn time(micros: i64) -> Result<Value<'static>, Misfit> {
    let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if !(0..=24).contains(&hours) {
        return Err("a time out of range");
    }
    let whole = format!("{hours:02}:{minutes:02}:{seconds:02}");
    Ok(Value::Text(if micros == 0 { whole.into() } else { format!("{whole}.{micros:06}").into() }))
}

fn timestamp(micros: i64) -> Result<i64, Misfit> {
    match micros {
        i64::MAX | i64::MIN => Err("an infinite time"),
        micros => micros.checked_add(EPOCH_MICROS).ok_or("a time out of range"),
    }
}

fn uuid(bytes: [u8; 16]) -> Result<Value<'static>, Misfit> {
    let mut out = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        for half in [byte >> 4, byte & 15] {
            out.push(char::from_digit(half.into(), 16).unwrap_or('0'));
        }
    }
    Ok(Value::Text(out.into()))
}

/// Digits in base 10,000, without a detour through floating point.
fn numeric(bytes: &[u8], data_type: &DataType) -> Result<Value<'static>, Misfit> {
    const NEGATIVE: u16 = 0x4000;
    let word = |index: usize| -> Result<u16, Misfit> {
        let pair = bytes.get(index * 2..index * 2 + 2).ok_or("a value of a wrong length")?;
        Ok(u16::from_be_bytes(fixed(pair)?))
    };
    let (count, weight, sign) = (word(0)?, word(1)?.cast_signed(), word(2)?);
    if sign != 0 && sign != NEGATIVE {
        return Err("a number that is not finite");
    }
    let (precision, scale) = match data_type {
        DataType::Decimal { precision, scale } => (u32::from(*precision), i32::from(*scale)),
        _ => (19, 0),
    };
    let mut value: i128 = 0;
    for index in 0..usize::from(count) {
        let digit = i128::from(word(4 + index)?);
        value = value.checked_mul(10_000).and_then(|v| v.checked_add(digit)).ok_or("a number with too many digits")?;
    }
    let shift = 4 * (i32::from(weight) - i32::from(count) + 1) + scale;
    let value = shifted(value, shift)?;
    if value >= 10i128.pow(precision) {
        return Err("a number with too many digits");
    }
    let value = if sign == NEGATIVE { -value } else { value };
    match data_type {
        DataType::Decimal { .. } => Ok(Value::Decimal(value)),
        _ => of_integer(i64::try_from(value).map_err(|_| "a number that is too large")?, data_type),
    }
}

/// `value` times ten to the power of `shift`, if that is a whole number.
fn shifted(value: i128, shift: i32) -> Result<i128, Misfit> {
    if value == 0 {
        return Ok(0);
    }
    let unit = 10i128.checked_pow(shift.unsigned_abs()).ok_or("a number with too many digits")?;
    if shift >= 0 {
        return value.checked_mul(unit).ok_or("a number with too many digits");
    }
    if value % unit == 0 { Ok(value / unit) } else { Err("a number with more digits after the point") }
}

/// One dimension of texts.
fn text_array(bytes: &[u8]) -> Result<Value<'_>, Misfit> {
    const BROKEN: Misfit = "an array of a wrong form";
    let mut at = 0;
    let number = |at: &mut usize| -> Result<i32, Misfit> {
        let value = i32::from_be_bytes(fixed(bytes.get(*at..*at + 4).ok_or(BROKEN)?)?);
        *at += 4;
        Ok(value)
    };
    let dimensions = number(&mut at)?;
    if dimensions == 0 {
        return Ok(Value::Texts(Vec::new()));
    }
    if dimensions != 1 {
        return Err("an array of several dimensions");
    }
    number(&mut at)?;
    number(&mut at)?;
    let count = number(&mut at)?;
    number(&mut at)?;
    let mut texts = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(number(&mut at)?).map_err(|_| "an array that holds NULL")?;
        texts.push(text(bytes.get(at..at + length).ok_or(BROKEN)?)?.into());
        at += length;
    }
    Ok(Value::Texts(texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(weight: i16, negative: bool, digits: &[u16]) -> Vec<u8> {
        let sign = if negative { 0x4000 } else { 0 };
        let head = [digits.len() as u16, weight.cast_unsigned(), sign, 0];
        head.iter().chain(digits).flat_map(|w| w.to_be_bytes()).collect()
    }

    #[test]
    fn numerics_are_exact() {
        let money = DataType::Decimal { precision: 12, scale: 2 };
        for (bytes, expected) in [
            (number(0, false, &[129, 9000]), Ok(12_990)), // 129.9
            (number(-1, true, &[1000]), Ok(-10)),         // -0.1
            (number(1, false, &[1]), Ok(1_000_000)),      // 10000
            (number(0, false, &[]), Ok(0)),
            (number(-1, false, &[12]), Err("a number with more digits after the point")), // 0.0012
            (number(3, false, &[1]), Err("a number with too many digits")),
        ] {
            assert_eq!(numeric(&bytes, &money), expected.map(Value::Decimal));
        }
        assert!(numeric(&[0, 0, 0, 0, 0xC0, 0, 0, 0], &money).is_err());
        assert!(numeric(&[0, 9], &money).is_err());
    }

    #[test]
    fn identifiers_and_infinities() {
        assert_eq!(uuid([0xab; 16]), Ok(Value::Text("abababab-abab-abab-abab-abababababab".into())));
        assert!(date(i32::MAX).is_err() && timestamp(i64::MIN).is_err());
        assert_eq!(date(0), Ok(Value::Date(10_957)));
        assert_eq!(time(36_123_000_000), Ok(Value::Text("10:02:03".into())));
        assert_eq!(time(86_399_000_001), Ok(Value::Text("23:59:59.000001".into())));
    }

    #[test]
    fn numbers_too_large_for_a_float_do_not_become_infinite() {
        let decode = |number: f64, data_type: &DataType| {
            SourceType::Float8.decode(&number.to_be_bytes(), data_type, Tz::UTC).map(|value| format!("{value:?}"))
        };
        assert_eq!(decode(-1e300, &DataType::Float), Err("a number that is too large"));
        assert_eq!(decode(-1e300, &DataType::Double), Ok(format!("Double({:?})", -1e300)));
        assert_eq!(decode(f64::INFINITY, &DataType::Float), Ok("Double(inf)".to_owned()));
    }

    /// PostgreSQL's own cutting of a number into digits of base 10,000: `value` has `scale` digits after the point.
    fn encoded(value: i128, scale: u32) -> Vec<u8> {
        let (whole, fraction) = (value.unsigned_abs() / 10u128.pow(scale), value.unsigned_abs() % 10u128.pow(scale));
        let mut fraction = fraction * 10u128.pow(scale.next_multiple_of(4) - scale);
        let mut behind = Vec::new();
        for _ in 0..scale.div_ceil(4) {
            behind.insert(0, (fraction % 10_000) as u16);
            fraction /= 10_000;
        }
        let (mut before, mut rest) = (Vec::new(), whole);
        while rest > 0 {
            before.insert(0, (rest % 10_000) as u16);
            rest /= 10_000;
        }
        let mut weight = before.len() as i16 - 1;
        let mut digits = [before, behind].concat();
        while digits.last() == Some(&0) {
            digits.pop();
        }
        while digits.first() == Some(&0) {
            digits.remove(0);
            weight -= 1;
        }
        number(weight, value < 0, &digits)
    }

    proptest::proptest! {
        #[test]
        fn every_number_survives(value in -(10i128.pow(30))..10i128.pow(30), scale in 0u32..=12, more in 0u32..=6) {
            let wider = DataType::Decimal { precision: 38, scale: (scale + more) as u8 };
            let expected = value * 10i128.pow(more);
            proptest::prop_assert_eq!(numeric(&encoded(value, scale), &wider), Ok(Value::Decimal(expected)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40), oid in proptest::sample::select(
            vec![16u32, 17, 20, 21, 23, 25, 700, 701, 1009, 1082, 1083, 1114, 1184, 1700, 2950, 3802])) {
            let source = SourceType::of_oid(oid).unwrap();
            for data_type in [DataType::BigInt, DataType::Decimal { precision: 38, scale: 10 }, DataType::String] {
                let _ = source.decode(&bytes, &data_type, chrono_tz::Asia::Seoul);
            }
        }
    }
}

//! Division and rounding as Spark does them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, i256};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::ScalarUDF;

use super::cast;
use super::udf::{argument, typed, wholes};

/// Largest precision of a decimal, and the least scale that Spark keeps when digits must go.
const MAX_PRECISION: i32 = 38;
const MIN_SCALE: i32 = 6;

/// `a / b` of doubles.
pub(super) fn division() -> Arc<ScalarUDF> {
    typed(
        "spark_divide",
        |_, _| Ok(DataType::Float64),
        |args, _| {
            let (left, right) = (argument(args, 0)?, argument(args, 1)?);
            let (left, right) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
            let divided = left.iter().zip(right).map(|(l, r)| Some(l? / r.filter(|r| *r != 0.0)?));
            Ok(Arc::new(divided.collect::<Float64Array>()))
        },
    )
}

/// `a div b` of whole numbers.
pub(super) fn integral_division() -> Arc<ScalarUDF> {
    typed(
        "spark_div",
        |_, _| Ok(DataType::Int64),
        |args, _| {
            let (left, right) = (argument(args, 0)?, argument(args, 1)?);
            let (left, right) = (left.as_primitive::<Int64Type>(), right.as_primitive::<Int64Type>());
            let divided = left.iter().zip(right).map(|(l, r)| Some(l?.wrapping_div(r.filter(|r| *r != 0)?)));
            Ok(Arc::new(divided.collect::<Int64Array>()))
        },
    )
}

/// The square root; of what is below zero NaN.
pub(super) fn square_root() -> Arc<ScalarUDF> {
    typed(
        "spark_sqrt",
        |_, _| Ok(DataType::Float64),
        |args, _| {
            let values = argument(args, 0)?;
            Ok(Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::sqrt)))
        },
    )
}

/// The decimal that holds every value of a type of whole numbers.
pub(super) fn decimal_for(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int8 => "decimal(3,0)",
        DataType::Int16 => "decimal(5,0)",
        DataType::Int32 => "decimal(10,0)",
        _ => "decimal(20,0)",
    }
}

/// `a / b` of decimals: Spark's precision and scale, rounded half up.
pub(super) fn decimal_division() -> Arc<ScalarUDF> {
    typed(
        "spark_divide_decimal",
        |fields, _| match fields {
            [left, right] => match (left.data_type(), right.data_type()) {
                (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) => {
                    Ok(quotient((*p1).into(), (*s1).into(), (*p2).into(), (*s2).into()))
                }
                _ => plan_err!("a decimal is divided by what is none"),
            },
            _ => plan_err!("a division has two sides"),
        },
        |args, data_type| {
            let (left, right) = (argument(args, 0)?, argument(args, 1)?);
            let (DataType::Decimal128(_, s1), DataType::Decimal128(_, s2)) = (left.data_type(), right.data_type())
            else {
                return plan_err!("a decimal is divided by what is none");
            };
            let DataType::Decimal128(precision, scale) = *data_type else {
                return plan_err!("a quotient is no decimal");
            };
            let shift = i32::from(scale) - i32::from(*s1) + i32::from(*s2);
            let (left, right) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
            let limit = 10i128.checked_pow(precision.into()).unwrap_or(i128::MAX);
            let divided = left
                .iter()
                .zip(right)
                .map(|(l, r)| quotient_of(l?, r.filter(|r| *r != 0)?, shift).filter(|q| -limit < *q && *q < limit));
            Ok(Arc::new(divided.collect::<Decimal128Array>().with_precision_and_scale(precision, scale)?))
        },
    )
}

/// The type of a quotient (`DecimalPrecision` in Spark): digits beyond 38 are taken from the fraction.
fn quotient(p1: i32, s1: i32, p2: i32, s2: i32) -> DataType {
    let scale = MIN_SCALE.max(s1 + p2 + 1);
    let precision = p1 - s1 + s2 + scale;
    let (precision, scale) = if precision <= MAX_PRECISION {
        (precision, scale)
    } else {
        let whole = precision - scale;
        (MAX_PRECISION, (MAX_PRECISION - whole).max(scale.min(MIN_SCALE)))
    };
    DataType::Decimal128(u8::try_from(precision).unwrap_or(38), i8::try_from(scale).unwrap_or(6))
}

fn quotient_of(left: i128, right: i128, shift: i32) -> Option<i128> {
    let ten = i256::from_i128(10);
    let power = ten.checked_pow(shift.unsigned_abs())?;
    let (left, right) = (i256::from_i128(left), i256::from_i128(right));
    let (numerator, denominator) =
        if shift >= 0 { (left.checked_mul(power)?, right) } else { (left, right.checked_mul(power)?) };
    let whole = numerator.checked_div(denominator)?;
    let rest = numerator.checked_rem(denominator)?.checked_abs()?;
    let up = rest.checked_mul(i256::from_i128(2))? >= denominator.checked_abs()?;
    let negative = (numerator < i256::ZERO) != (denominator < i256::ZERO);
    let step = i256::from_i128(if negative { -1 } else { 1 });
    if up { whole.checked_add(step)?.to_i128() } else { whole.to_i128() }
}

/// `round`, by what the number looks like in decimal digits: half away from zero.
pub(super) fn round() -> Arc<ScalarUDF> {
    typed("spark_round", rounded_type, |args, to| rounded(args, to, false))
}

/// `bround`: half to the even digit.
pub(super) fn bround() -> Arc<ScalarUDF> {
    typed("spark_bround", rounded_type, |args, to| rounded(args, to, true))
}

fn rounded_type(
    fields: &[arrow::datatypes::FieldRef],
    scalars: &[Option<&datafusion::common::ScalarValue>],
) -> Result<DataType> {
    let Some(first) = fields.first() else { return plan_err!("round takes a number") };
    let places = scalars.get(1).copied().flatten().and_then(|places| match places.cast_to(&DataType::Int64) {
        Ok(datafusion::common::ScalarValue::Int64(places)) => places,
        _ => None,
    });
    Ok(match (first.data_type(), places) {
        (t, _) if t.is_integer() => t.clone(),
        (DataType::Decimal128(precision, scale), Some(places)) => {
            let (precision, scale) = (i64::from(*precision), i64::from(*scale));
            let kept = places.clamp(0, scale);
            let wider = (precision - scale + kept + i64::from(kept < scale)).clamp(1, 38);
            DataType::Decimal128(u8::try_from(wider).unwrap_or(38), i8::try_from(kept).unwrap_or(0))
        }
        (DataType::Decimal128(..), None) => return plan_err!("round takes a constant number of digits"),
        _ => DataType::Float64,
    })
}

fn rounded(args: &[ArrayRef], to: &DataType, even: bool) -> Result<ArrayRef> {
    let values = argument(args, 0)?;
    let places = wholes(args, 1)?;
    // The digits that a number is written with decide, not its nearest double: 2.675 gives 2.68.
    let texts = cast::array(values, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let each = (0..texts.len()).map(|row| {
        let places = places.is_valid(row).then(|| places.value(row))?;
        let text = texts.is_valid(row).then(|| texts.value(row))?;
        Some(rounded_text(text, i32::try_from(places.clamp(-400, 400)).ok()?, even))
    });
    let rounded: ArrayRef = Arc::new(each.collect::<arrow::array::StringArray>());
    if to.is_integer() {
        return cast::array(&cast::array(&rounded, &DataType::Decimal128(38, 0))?, to);
    }
    cast::array(&rounded, to)
}

/// Rounds digits; what is no number stays as it is.
fn rounded_text(text: &str, places: i32, even: bool) -> String {
    let lower = text.to_ascii_lowercase();
    let (number, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, unsigned) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b.wrapping_sub(b'0')).collect();
    if digits.iter().any(|digit| *digit > 9) {
        return text.to_owned();
    }
    let point = i32::try_from(whole.len()).unwrap_or(0) + exponent;
    let Ok(kept) = usize::try_from(point + places) else { return "0".to_owned() };
    if kept >= digits.len() {
        return text.to_owned();
    }
    let (taken, rest) = digits.split_at(kept);
    let first = rest.first().copied().unwrap_or(0);
    let beyond = rest.iter().skip(1).any(|digit| *digit > 0);
    let odd = taken.last().is_some_and(|digit| digit % 2 == 1);
    let up = first > 5 || (first == 5 && (beyond || !even || odd));
    let mut taken = taken.to_vec();
    if up {
        let carried = taken.iter_mut().rev().all(|digit| {
            *digit = (*digit + 1) % 10;
            *digit == 0
        });
        if carried {
            taken.insert(0, 1);
        }
    }
    let spelled: String = taken.iter().map(|digit| char::from(b'0' + digit)).collect();
    format!("{sign}{}e{}", if spelled.is_empty() { "0" } else { &spelled }, -places)
}

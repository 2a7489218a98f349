//! Which number or truth value Spark reads in a text when it casts outside of its ANSI mode.

use crate::spark_time::trimmed;

/// Spark's words for true and false.
pub(crate) fn truth(text: &str) -> Option<bool> {
    let text = trimmed(text);
    let one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match (one_of(["t", "true", "y", "yes", "1"]), one_of(["f", "false", "n", "no", "0"])) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Digits with a sign; a fraction is cut off.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    let text = trimmed(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits(unsigned) || !digits(fraction) || (unsigned.is_empty() && !text.contains('.')) {
        return None;
    }
    if unsigned.is_empty() { Some(0) } else { whole.parse().ok() }
}

/// White space around a number that Java reads.
fn java_trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// What Java parses as a double, and Spark's words for infinity and what is no number.
pub(crate) fn double(text: &str) -> Option<f64> {
    match Spelled::read(text)? {
        Spelled::Value(value) => Some(value),
        Spelled::Digits(digits, negative) => {
            let value: f64 = digits.parse().ok()?;
            Some(if negative { -value } else { value })
        }
    }
}

/// The float nearest to a number: that nearest to its nearest double can be another one.
#[expect(clippy::cast_possible_truncation, reason = "what has no decimal digits is rounded twice")]
pub(crate) fn float(text: &str) -> Option<f32> {
    match Spelled::read(text)? {
        Spelled::Value(value) => Some(value as f32),
        Spelled::Digits(digits, negative) => {
            let value: f32 = digits.parse().ok()?;
            Some(if negative { -value } else { value })
        }
    }
}

enum Spelled<'a> {
    Value(f64),
    /// Decimal digits, perhaps with a point and an exponent, and whether a minus stood before them.
    Digits(&'a str, bool),
}

impl<'a> Spelled<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = java_trimmed(text);
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let negative = text.starts_with('-');
        let signed = |value: f64| Self::Value(if negative { -value } else { value });
        if ["inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
            return Some(signed(f64::INFINITY));
        }
        if text.eq_ignore_ascii_case("nan") || unsigned == "NaN" {
            return Some(Self::Value(f64::NAN));
        }
        // Java takes a letter for the type behind a number.
        let number = unsigned.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(unsigned);
        if let Some(hexadecimal) = number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
            return hexadecimal_number(hexadecimal).map(signed);
        }
        number.starts_with(|c: char| c.is_ascii_digit() || c == '.').then_some(Self::Digits(number, negative))
    }
}

/// Hexadecimal digits, perhaps with a point, and an exponent of two.
fn hexadecimal_number(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent_digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if (whole.is_empty() && fraction.is_empty())
        || exponent_digits.is_empty()
        || !exponent_digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (mut mantissa, mut dropped) = (0u128, 0i64);
    for c in whole.chars().chain(fraction.chars()) {
        let digit = u128::from(c.to_digit(16)?);
        if mantissa >> 120 == 0 {
            mantissa = mantissa << 4 | digit;
        } else {
            // Of what no double can hold it matters only that it is there.
            mantissa |= u128::from(digit > 0);
            dropped += 4;
        }
    }
    let size: i64 = exponent_digits.parse().unwrap_or(i64::MAX >> 8);
    let size = size.min(i64::MAX >> 8);
    let exponent = if exponent.starts_with('-') { -size } else { size };
    Some(nearest(mantissa, exponent + dropped - 4 * i64::try_from(fraction.len()).ok()?))
}

/// The double nearest to `mantissa` times two to `exponent`; the even one of two.
#[expect(clippy::cast_precision_loss, reason = "at most 53 bits are left, which a double holds")]
fn nearest(mantissa: u128, exponent: i64) -> f64 {
    const BITS: i64 = 53;
    const LEAST: i64 = -1074;
    if mantissa == 0 {
        return 0.0;
    }
    let top = exponent + i64::from(128 - mantissa.leading_zeros());
    if top > 1024 {
        return f64::INFINITY;
    }
    let unit = (top - BITS).max(LEAST);
    if unit <= exponent {
        return scaled(mantissa as f64, exponent);
    }
    let kept = match unit - exponent {
        shift @ 1..=127 => {
            let (kept, rest, half) = (mantissa >> shift, mantissa & ((1 << shift) - 1), 1 << (shift - 1));
            kept + u128::from(rest > half || (rest == half && kept % 2 == 1))
        }
        _ => 0,
    };
    scaled(kept as f64, unit)
}

/// A number times two to `exponent`, in steps that a double can hold.
fn scaled(mut value: f64, mut exponent: i64) -> f64 {
    const STEP: i64 = 1000;
    while exponent > STEP {
        (value, exponent) = (value * 2f64.powi(1000), exponent - STEP);
    }
    while exponent < -STEP {
        (value, exponent) = (value * 2f64.powi(-1000), exponent + STEP);
    }
    i32::try_from(exponent).map_or(value, |exponent| value * 2f64.powi(exponent))
}

/// Digits of Spark's widest decimal: a number with more before its point is none, not even zero.
const MAX_DIGITS: i64 = 38;

/// A number in units of ten to the minus `scale`, rounded half away from zero, if it has at most `precision` digits then.
pub(crate) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = java_trimmed(text);
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let exponent: i64 = exponent.parse::<i32>().ok()?.into();
    let significant = digits.trim_start_matches('0').len();
    let [before, after, zeros] =
        [whole.len(), fraction.len(), digits.len() - significant].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    // As many as Java's type has room for.
    i32::try_from(after - exponent).ok()?;
    let before_point = if significant == 0 { 1 + exponent - after } else { before + exponent - zeros };
    if before_point > MAX_DIGITS {
        return None;
    }
    // Those before the unit are kept.
    let Ok(kept) = usize::try_from(before + exponent + i64::from(scale)) else { return Some(0) };
    if significant == 0 {
        return Some(0);
    }
    let (taken, rest) = digits.split_at_checked(kept).unwrap_or((&digits, ""));
    let value: i128 = if taken.is_empty() { 0 } else { taken.parse().ok()? };
    let missing = u32::try_from(kept.saturating_sub(digits.len())).ok()?;
    let up = i128::from(rest.bytes().next().is_some_and(|digit| digit >= b'5'));
    let value = value.checked_mul(10i128.checked_pow(missing)?)?.checked_add(up)?;
    let fits = value < 10i128.checked_pow(precision.into())?;
    fits.then_some(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_beyond_all_doubles_end() {
        for (text, value) in [
            ("0x1p-107458107458745", 0.0),
            ("0x1p-99999999999999999999", 0.0),
            ("0x1p107458107458745", f64::INFINITY),
            ("-0x1p99999999999999999999", f64::NEG_INFINITY),
            ("0x0.0000000000000000000000000000000000000000001p172", 1.0),
            ("0x10000000000000000000000000000000000000000000p-172", 1.0),
            ("1e-2147483648", 0.0),
            ("1e99999999999999999999", f64::INFINITY),
        ] {
            assert_eq!(double(text), Some(value), "{text}");
            let decimal = decimal(text, 38, 38);
            assert!(decimal.is_none_or(|decimal| decimal == 0), "{text}");
        }
    }

    #[test]
    fn hexadecimal_digits_round_to_the_nearest_double() {
        for (text, value) in [
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080000000000000000000000000000001p0", 1.0 + f64::EPSILON),
            ("0x1.00000000000018p0", 1.0 + 2.0 * f64::EPSILON),
            ("0x0.8p-1022", f64::MIN_POSITIVE / 2.0),
            ("0x0.fffffffffffffp-1022", f64::MIN_POSITIVE - f64::from_bits(1)),
            ("0x0.fffffffffffff8p-1022", f64::MIN_POSITIVE),
        ] {
            assert_eq!(double(text), Some(value), "{text}");
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
            assert_eq!(decimal(text, 38, scale), value, "{text}");
        }
    }
}

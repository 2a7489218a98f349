//! Figures as people write them, with room.

use crate::measure::as_double;

/// `99441` as `99,441`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `part of whole`, both grouped.
pub(super) fn of(part: u64, whole: u64) -> String {
    format!("{} of {}", grouped(part), grouped(whole))
}

/// The next figure above with two digits that are not zero.
pub(super) fn above(value: f64) -> f64 {
    rounded(value, f64::ceil)
}

/// The next figure below.
pub(super) fn below(value: f64) -> f64 {
    rounded(value, f64::floor)
}

fn rounded(value: f64, round: fn(f64) -> f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let exponent = value.abs().log10().floor() - 1.0;
    // A power of ten below one is no double: dividing by its inverse keeps 0.3 what it is.
    if exponent >= 0.0 {
        let unit = 10f64.powf(exponent).round();
        return round(value / unit) * unit;
    }
    let inverse = 10f64.powf(-exponent).round();
    round(value * inverse) / inverse
}

/// A number as DQDL writes it; `None` when that would take an exponent or too many digits.
pub(super) fn written(value: f64) -> Option<String> {
    (value.is_finite() && value.abs() < 1e15 && (value == 0.0 || value.abs() > 1e-6)).then(|| format!("{value}"))
}

/// A share with room below it: half as many again may break the rule, in steps of a hundredth, or of a thousandth near one.
pub(super) fn share_below(satisfied: f64) -> f64 {
    let wanted = 1.0 - (1.0 - satisfied) * 1.5;
    let steps = if satisfied > 0.99 { 1000.0 } else { 100.0 };
    let floor = (wanted * steps).floor() / steps;
    // The rule says "more than".
    if floor < satisfied { floor.max(0.0) } else { (floor - 1.0 / steps).max(0.0) }
}

pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { as_double(part) / as_double(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_leave_room() {
        assert_eq!(grouped(1_099_441), "1,099,441");
        assert_eq!((grouped(7), grouped(1000)), ("7".to_owned(), "1,000".to_owned()));
        assert_eq!((above(10_102.5), below(10_102.5)), (11_000.0, 10_000.0));
        assert_eq!((above(-10_102.5), below(-10_102.5)), (-10_000.0, -11_000.0));
        assert_eq!((above(0.0123), above(0.3), below(7.0), above(99.5)), (0.013, 0.3, 7.0, 100.0));
        assert_eq!((share_below(0.9983), share_below(0.95), share_below(0.5)), (0.997, 0.92, 0.25));
        assert!(share_below(0.999_999) < 0.999_999);
        assert_eq!(written(1e17), None);
        assert_eq!(written(-0.5).unwrap(), "-0.5");
    }
}

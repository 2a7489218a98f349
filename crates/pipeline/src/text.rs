//! Values from text, exactly: numbers never pass through floating point, errors never quote what they refuse.

use chrono::{NaiveDate, TimeZone as _};
use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A whole number: an optional sign and digits.
pub fn parse_integer(text: &str) -> Option<i64> {
    text.strip_prefix('+').filter(|rest| !rest.starts_with(['+', '-'])).unwrap_or(text).parse().ok()
}

/// A decimal with `scale` digits after the point, as a count of its last digit. `None` when the text is no decimal, has more
/// digits after the point than fit (trailing zeros aside), or more than `precision` digits.
///
/// ```
/// use lakegate_pipeline::text::parse_decimal;
///
/// assert_eq!(parse_decimal("129.9", 12, 2), Some(12990));
/// assert_eq!(parse_decimal("-0.100", 12, 2), Some(-10));
/// assert_eq!(parse_decimal("0.123", 12, 2), None);
/// ```
pub fn parse_decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, text.get(1..)?),
        [b'+', ..] => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = usize::from(scale).checked_sub(fraction.len())?;
    let mut value: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing)) {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    (value < 10i128.pow(u32::from(precision))).then_some(if negative { -value } else { value })
}

/// A date `2026-03-09`, as days since 1970-01-01.
pub fn parse_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    days(number(bytes.get(0..4)?)?, number(bytes.get(5..7)?)?, number(bytes.get(8..10)?)?)
}

/// An instant in ISO 8601, as microseconds since 1970-01-01 in UTC: `2026-03-09T01:02:03.456Z`, with a space for the `T`,
/// without a fraction, with an offset such as `+09:00`, or without one: then it is read in `zone`. In an hour that the
/// zone has twice, the earlier is meant; one that it skips is refused. Digits finer than microseconds are cut.
pub fn parse_timestamp(text: &str, zone: Tz) -> Option<i64> {
    let bytes = text.as_bytes();
    let day = i64::from(parse_date(text.get(..10)?)?);
    let rest = match bytes.get(10) {
        Some(b'T' | b't' | b' ') => bytes.get(11..)?,
        _ => return None,
    };
    let (seconds, rest) = clock(rest)?;
    let (micros, rest) = fraction(rest)?;
    let local = day * SECONDS_PER_DAY + seconds;
    let utc = match offset(rest)? {
        Some(offset) => local - offset,
        None => local - offset_of(zone, local)?,
    };
    utc.checked_mul(MICROS_PER_SECOND)?.checked_add(micros)
}

/// An instant from a count since 1970-01-01: seconds, or milliseconds where the number is too large for seconds (beyond
/// the year 5138).
pub fn timestamp_of_epoch(count: i64) -> Option<i64> {
    const LARGEST_SECONDS: i64 = 100_000_000_000;
    let micros =
        if count.abs() > LARGEST_SECONDS { count.checked_mul(1000) } else { count.checked_mul(MICROS_PER_SECOND) }?;
    (micros.abs() < 253_402_300_800 * MICROS_PER_SECOND).then_some(micros)
}

/// The instant of a local time, as microseconds in UTC.
pub fn timestamp_of_local(micros: i64, zone: Tz) -> Option<i64> {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let offset = offset_of(zone, seconds)?;
    micros.checked_sub(offset * MICROS_PER_SECOND)
}

fn offset_of(zone: Tz, local_seconds: i64) -> Option<i64> {
    if zone == chrono_tz::UTC {
        return Some(0);
    }
    let local = chrono::DateTime::from_timestamp(local_seconds, 0)?.naive_utc();
    let instant = zone.from_local_datetime(&local).earliest()?;
    Some(local_seconds - instant.timestamp())
}

fn days(year: i64, month: i64, day: i64) -> Option<i32> {
    let date =
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
    if year == 0 {
        return None;
    }
    i32::try_from((date - NaiveDate::from_ymd_opt(1970, 1, 1)?).num_days()).ok()
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value: i64, b| b.is_ascii_digit().then(|| value * 10 + i64::from(b - b'0')))
}

/// `HH:MM`, `HH:MM:SS`; a leap second is read as the last second before it.
fn clock(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let hour = number(bytes.get(0..2)?)?;
    let minute = number(bytes.get(3..5)?)?;
    let (second, rest) = match bytes.get(5) {
        Some(b':') => (number(bytes.get(6..8)?)?, bytes.get(8..)?),
        _ => (0, bytes.get(5..)?),
    };
    let valid = bytes.get(2) == Some(&b':') && hour < 24 && minute < 60 && second <= 60;
    valid.then_some((hour * 3600 + minute * 60 + second.min(59), rest))
}

fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = bytes.strip_prefix(b".").or_else(|| bytes.strip_prefix(b",")) else { return Some((0, bytes)) };
    let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if length == 0 || length > 9 {
        return None;
    }
    let micros = digits.iter().take(length.min(6)).fold(0, |value, b| value * 10 + i64::from(b - b'0'));
    let scale = 10i64.pow(u32::try_from(6usize.saturating_sub(length)).ok()?);
    Some((micros * scale, digits.get(length..)?))
}

/// `Some(None)`: there is no offset.
fn offset(bytes: &[u8]) -> Option<Option<i64>> {
    let (sign, rest) = match bytes {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        2 => (number(rest)?, 0),
        4 => (number(rest.get(0..2)?)?, number(rest.get(2..4)?)?),
        5 if rest.get(2) == Some(&b':') => (number(rest.get(0..2)?)?, number(rest.get(3..5)?)?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60)))
}

/// SHA-256 over texts, each with its length, in hexadecimal.
pub(crate) fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timestamps_in_their_many_forms() {
        let seoul = chrono_tz::Asia::Seoul;
        let expected = 1_773_018_123_456_000; // date -u -d '2026-03-09T01:02:03Z' +%s
        for text in [
            "2026-03-09T01:02:03.456Z",
            "2026-03-09 01:02:03.456000Z",
            "2026-03-09T10:02:03.456+09:00",
            "2026-03-09T10:02:03.456",
            "2026-03-08T20:02:03.456-0500",
            "2026-03-09T10:02:03.456+09",
        ] {
            assert_eq!(parse_timestamp(text, seoul), Some(expected), "{text}");
        }
        for bad in [
            "",
            "N/A",
            "2026-13-45T99:61:00.000Z",
            "2026-03-09",
            "2026-03-09T",
            "2026-03-09T25:00:00Z",
            "2026-02-30T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2026-03-09T01:02:03Zx",
        ] {
            assert_eq!(parse_timestamp(bad, seoul), None, "{bad}");
        }
        // The hour that Berlin skips in spring.
        assert_eq!(parse_timestamp("2026-03-29T02:30:00", chrono_tz::Europe::Berlin), None);
        assert_eq!(timestamp_of_epoch(1_773_018_123), timestamp_of_epoch(1_773_018_123_000));
    }

    #[test]
    fn decimals_lose_no_digit() {
        assert_eq!(
            parse_decimal("99999999999999999999999999999999999999", 38, 0),
            Some(99_999_999_999_999_999_999_999_999_999_999_999_999)
        );
        for bad in ["", ".", "-", "1e3", "1.2.3", "NaN", "100", "1,5"] {
            assert_eq!(parse_decimal(bad, 4, 2), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_formatted_parses_back(value in -10i64.pow(12)..10i64.pow(12)) {
            let text = format!("{}{}.{:02}", if value < 0 { "-" } else { "" }, value.abs() / 100, value.abs() % 100);
            prop_assert_eq!(parse_decimal(&text, 18, 2), Some(i128::from(value)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}") {
            let _ = (parse_timestamp(&text, chrono_tz::Asia::Seoul), parse_date(&text), parse_decimal(&text, 38, 10), parse_integer(&text));
        }
    }
}

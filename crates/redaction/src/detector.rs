//! What sensitive values look like.

use std::sync::LazyLock;

use chrono::NaiveDate;
use lakegate_contract::Detector;
use regex::Regex;

/// The pattern of one kind of value, and the check that tells it from numbers that only look like it.
struct Shape {
    pattern: LazyLock<Option<Regex>>,
    plausible: fn(&str) -> bool,
}

/// A pattern that does not compile is `None`; a test holds that there is none.
macro_rules! shape {
    ($pattern:literal, $plausible:expr) => {
        Shape { pattern: LazyLock::new(|| Regex::new($pattern).ok()), plausible: $plausible }
    };
}

static EMAIL: Shape =
    shape!(r"(?i)[a-z0-9._%+\-]{1,64}@[a-z0-9\-]{1,63}(?:\.[a-z0-9\-]{1,63})*\.[a-z]{2,24}", |_| true);

/// Korean numbers with separators or a mobile prefix, and international ones with a `+`.
static PHONE: Shape = shape!(
    r"\+\d{1,3}[ .\-]?\(?\d{1,4}\)?(?:[ .\-]?\d{2,4}){2,4}|0(?:2|[3-6][1-5]|70|1[016-9])[ .\-]\d{3,4}[ .\-]\d{4}|01[016-9]\d{7,8}|\(0\d{1,2}\)[ ]?\d{3,4}-\d{4}",
    |text| (8..=15).contains(&digits(text).count())
);

static RESIDENT_REGISTRATION_NUMBER: Shape = shape!(r"\d{6}[ ]?-?[ ]?[1-8]\d{6}", is_resident_registration_number);

static CARD_NUMBER: Shape =
    shape!(r"[2-6]\d{3}(?:[ \-]?\d{4}){2}[ \-]?\d{1,7}|3[47]\d{2}[ \-]?\d{6}[ \-]?\d{5}", is_card_number);

fn shape_of(detector: Detector) -> &'static Shape {
    match detector {
        Detector::Email => &EMAIL,
        Detector::Phone => &PHONE,
        Detector::ResidentRegistrationNumber => &RESIDENT_REGISTRATION_NUMBER,
        Detector::CardNumber => &CARD_NUMBER,
    }
}

/// How much a text looks like it holds a value of some kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Likeness {
    /// Not at all.
    None,
    /// It has the shape, and not the check digit: as nine in ten other numbers of that length.
    Shape,
    /// In every respect.
    Value,
}

/// Whether `text` holds a value of that kind, standing apart from other letters and digits.
pub(crate) fn likeness(detector: Detector, text: &str) -> Likeness {
    if !could_hold(detector, text) {
        return Likeness::None;
    }
    let shape = shape_of(detector);
    let Some(pattern) = shape.pattern.as_ref() else { return Likeness::None };
    pattern
        .find_iter(text)
        .filter(|found| stands_apart(text, found.start(), found.end()))
        .map(|found| if (shape.plausible)(found.as_str()) { Likeness::Value } else { Likeness::Shape })
        .max()
        .unwrap_or(Likeness::None)
}

/// The sensitive kind of value that a text holds in every respect, if one.
pub fn looks_like(text: &str) -> Option<Detector> {
    Detector::ALL.into_iter().find(|detector| likeness(*detector, text) == Likeness::Value)
}

/// A look at the bytes that spares most values the pattern.
fn could_hold(detector: Detector, text: &str) -> bool {
    match detector {
        Detector::Email => memchr::memchr(b'@', text.as_bytes()).is_some(),
        Detector::Phone => digits(text).take(8).count() == 8,
        Detector::ResidentRegistrationNumber | Detector::CardNumber => digits(text).take(13).count() == 13,
    }
}

fn digits(text: &str) -> impl Iterator<Item = u32> {
    text.bytes().filter(u8::is_ascii_digit).map(|b| u32::from(b - b'0'))
}

/// Numbers inside longer numbers, hashes and identifiers are not phone or card numbers.
fn stands_apart(text: &str, start: usize, end: usize) -> bool {
    let joins = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = text.get(..start).and_then(|t| t.chars().next_back());
    let after: Vec<char> = text.get(end..).unwrap_or_default().chars().take(2).collect();
    let glued = match after.as_slice() {
        [c, ..] if joins(*c) => true,
        // A decimal point or another group of digits: part of something longer.
        ['.' | '-', d, ..] if d.is_ascii_alphanumeric() => true,
        _ => false,
    };
    !glued && !before.is_some_and(|c| joins(c) || matches!(c, '.' | '-' | '+'))
}

/// Check digit and birth date of a Korean resident registration number: weights 2 to 9, 2 to 5, modulo 11.
fn is_resident_registration_number(text: &str) -> bool {
    const WEIGHTS: [u32; 12] = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5];
    let digits: Vec<u32> = digits(text).collect();
    let [y1, y2, m1, m2, d1, d2, century, .., check] = digits.as_slice() else { return false };
    // 1, 2 (foreigners 5, 6) were born in the 1900s, 3, 4 (7, 8) in the 2000s.
    let year = if matches!(century % 4, 1 | 2) { 1900 } else { 2000 } + y1 * 10 + y2;
    let birth = NaiveDate::from_ymd_opt(year.cast_signed(), m1 * 10 + m2, d1 * 10 + d2);
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    digits.len() == 13 && birth.is_some() && (11 - sum % 11) % 10 == *check
}

/// Length and Luhn's check digit of a payment card number.
fn is_card_number(text: &str) -> bool {
    let digits: Vec<u32> = digits(text).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| match (i % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    let varied = digits.iter().any(|d| Some(d) != digits.first());
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10) && varied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detects(detector: Detector, text: &str) -> bool {
        likeness(detector, text) == Likeness::Value
    }

    #[test]
    fn every_pattern_compiles() {
        for detector in Detector::ALL {
            assert!(shape_of(detector).pattern.is_some(), "{}", detector.as_str());
        }
    }

    #[test]
    fn sensitive_values_are_seen() {
        for (detector, text) in [
            (Detector::Email, "user12@shop.example.kr"),
            (Detector::Email, "문의: kim.min+shop@mail.example.com 입니다"),
            (Detector::Phone, "010-1234-5678"),
            (Detector::Phone, "01012345678"),
            (Detector::Phone, "연락처 010 9876 5432 로"),
            (Detector::Phone, "02-123-4567"),
            (Detector::Phone, "031-1234-5678"),
            (Detector::Phone, "+82 10 1234 5678"),
            (Detector::Phone, "+82-10-1234-5678"),
            (Detector::Phone, "+14155552671"),
            // 2+0+4+0+0+7+0+9+2+0+0+0... worked out by hand: 990101-1234567 has sum 2*9+3*9+4*0+5*1+6*0+7*1+8*1+9*2+2*3+3*4+4*5+5*6 = 151, check (11 - 151 % 11) % 10 = 3
            (Detector::ResidentRegistrationNumber, "990101-1234563"),
            (Detector::ResidentRegistrationNumber, "9901011234563"),
            (Detector::CardNumber, "4111 1111 1111 1111"),
            (Detector::CardNumber, "4111111111111111"),
            (Detector::CardNumber, "5500-0055-5555-5559"),
            (Detector::CardNumber, "378282246310005"),
            (Detector::CardNumber, "3000 4111 1111 1111 1111"),
            (Detector::CardNumber, "2221000000000009"),
        ] {
            assert!(detects(detector, text), "{} in {text}", detector.as_str());
        }
    }

    #[test]
    fn values_that_only_look_alike_are_not() {
        for text in [
            "2026-03-09T01:02:03.456Z",
            "2026-03-09 01:02:03",
            "550e8400-e29b-41d4-a716-446655440000",
            "01012345-e29b-41d4-a716-446655440000",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "0009792311464db532ff765bf7b182ae",
            "1234567890123",
            "990101-1234560",
            "990230-1234563",
            "4111111111111112",
            "129900.00",
            "1700000000000",
            "/products/12345678",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
            "192.168.100.200",
            "0000000000000000",
            "a@b",
            "@handle",
        ] {
            for detector in Detector::ALL {
                assert!(!detects(detector, text), "{} in {text}", detector.as_str());
            }
        }
    }
}

//! What texts look like.

use std::collections::BTreeMap;

use super::Sensitive;
use super::shape::Shapes;

/// One value in so many is looked at for what is sensitive: by its hash, so that the same ones are, however the data are divided.
const LOOKED_AT: u64 = 16;

/// What is known of a column's texts.
#[derive(Debug, Clone)]
pub(crate) struct TextFacts {
    /// Texts of length zero.
    pub empty: u64,
    /// Texts that are white space alone.
    pub blank: u64,
    /// Shortest and longest of the others, in characters.
    pub lengths: Option<(usize, usize)>,
    pub shapes: Shapes,
    /// Whether all but empty ones can be read so.
    pub whole: bool,
    pub number: bool,
    pub date: bool,
    /// Values that were looked at, and how many of them look like each sensitive kind.
    pub looked_at: u64,
    pub sensitive: BTreeMap<&'static str, u64>,
    detector: Sensitive,
}

impl TextFacts {
    pub(super) fn new(detector: Sensitive) -> Self {
        Self {
            empty: 0,
            blank: 0,
            lengths: None,
            shapes: Shapes::default(),
            whole: true,
            number: true,
            date: true,
            looked_at: 0,
            sensitive: BTreeMap::new(),
            detector,
        }
    }

    pub(super) fn read(&mut self, text: &str, hash: u64) {
        if text.is_empty() {
            self.empty += 1;
            return;
        }
        let length = if text.is_ascii() { text.len() } else { text.chars().count() };
        let (shortest, longest) = self.lengths.unwrap_or((length, length));
        self.lengths = Some((shortest.min(length), longest.max(length)));
        if text.trim().is_empty() {
            self.blank += 1;
        }
        self.shapes.read(text);
        self.whole &= !self.whole || is_whole(text);
        self.number &= !self.number || text.parse::<f64>().is_ok_and(f64::is_finite);
        self.date &= !self.date || is_date(text);
        if hash.is_multiple_of(LOOKED_AT) {
            self.looked_at += 1;
            if let Some(kind) = (self.detector)(text) {
                *self.sensitive.entry(kind).or_default() += 1;
            }
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.empty += other.empty;
        self.blank += other.blank;
        self.lengths = match (self.lengths, other.lengths) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, another) => one.or(another),
        };
        self.shapes.merge(&other.shapes);
        self.whole &= other.whole;
        self.number &= other.number;
        self.date &= other.date;
        self.looked_at += other.looked_at;
        for (kind, count) in other.sensitive {
            *self.sensitive.entry(kind).or_default() += count;
        }
    }

    /// The detector, for values that are looked at one by one.
    pub(crate) fn detect(&self, text: &str) -> Option<&'static str> {
        (self.detector)(text)
    }
}

/// Digits with a minus perhaps; one with a zero in front is a code.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits == "0" || !digits.starts_with('0');
    plain && (1..=18).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `2026-03-01`, with or without a time.
fn is_date(text: &str) -> bool {
    text.get(..10).is_some_and(|day| chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok())
        && (text.len() == 10 || matches!(text.as_bytes().get(10), Some(b' ' | b'T')))
}

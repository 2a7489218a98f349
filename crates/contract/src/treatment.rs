//! What happens to a column between the source and the lake.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};

/// What redaction does to a column. In TOML: `"keep"`, `"drop"`, or a table with one key:
/// `{ hmac = { key = "pii", domain = "user" } }`, `{ mask = { last = 4 } }`,
/// `{ truncate = { characters = 3 } }`, `{ truncate = { ipv4 = 24, ipv6 = 48 } }`,
/// `{ band = { as_of = "2026-03-09", edges = [20, 30], labels = ["10대", "20대", "30대 이상"] } }`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Treatment {
    /// Published as it is.
    #[default]
    Keep,
    /// Never selected from the source.
    Drop,
    /// HMAC-SHA-256 in lower-case hexadecimal (64 characters), so that joins survive.
    Hmac {
        /// The name of a key in `lakegate.toml`.
        key: String,
        /// The type of identifier: equal values of one domain get equal results, across domains they differ.
        domain: String,
    },
    /// Every character but the last few becomes `*`.
    Mask {
        /// How many characters stay readable; never more than half of the value.
        last: usize,
    },
    /// The front of the value stays.
    Truncate(Truncation),
    /// A birth date or a number becomes the label of its band.
    Band(Band),
}

/// How much of a value [`Treatment::Truncate`] leaves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truncation {
    /// Characters that stay, for codes such as a postcode.
    pub characters: Option<usize>,
    /// Prefix length in bits that stays of an IPv4 address; the rest becomes zero.
    pub ipv4: Option<u8>,
    /// Prefix length in bits that stays of an IPv6 address; the rest becomes zero.
    pub ipv6: Option<u8>,
}

/// Labelled bands: `labels[0]` below `edges[0]`, `labels[i]` from `edges[i - 1]` on, and so to the last.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The day on which an age is counted; needed for a `date` column, refused for a number.
    pub as_of: Option<AsOf>,
    /// Lower bounds of the second band and those after it, rising: years of age for a date.
    pub edges: Vec<i64>,
    /// One label more than edges.
    pub labels: Vec<String>,
}

/// The day on which ages are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// A fixed day: the same input gives the same bands on any day.
    Date(NaiveDate),
    /// The day of the run, in the project's time zone.
    Today,
}

impl<'de> Deserialize<'de> for AsOf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "today" {
            return Ok(AsOf::Today);
        }
        NaiveDate::parse_from_str(&text, "%Y-%m-%d").map(AsOf::Date).map_err(|_| {
            serde::de::Error::custom(format!("as_of `{text}` is neither a date such as \"2026-03-09\" nor \"today\""))
        })
    }
}

/// A kind of sensitive value that the guard looks for in string columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// An e-mail address.
    Email,
    /// A Korean or international telephone number.
    Phone,
    /// A Korean resident registration number with a right check digit.
    ResidentRegistrationNumber,
    /// A payment card number that satisfies Luhn's check.
    CardNumber,
}

impl Detector {
    /// Every detector.
    pub const ALL: [Detector; 4] =
        [Detector::Email, Detector::Phone, Detector::ResidentRegistrationNumber, Detector::CardNumber];

    /// The word used in contracts.
    pub fn as_str(self) -> &'static str {
        match self {
            Detector::Email => "email",
            Detector::Phone => "phone",
            Detector::ResidentRegistrationNumber => "resident_registration_number",
            Detector::CardNumber => "card_number",
        }
    }
}

//! The gate: whether what was staged may be published.

use std::fmt;

use lakegate_contract::{Error, Result};
use serde::{Deserialize, Deserializer};

/// `[gate]` of a job.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// What happens to rows that a row rule refuses.
    pub rows: RowMode,
    /// How many bad rows are too many: `"1%"` of the rows, or a count such as `100`.
    pub max_bad_rows: BadRowLimit,
    /// What a finding of the sensitive-value guard does.
    pub guard: GuardMode,
    /// Whether an input without rows may be published.
    pub allow_empty: bool,
}

/// What happens to rows that a row rule refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowMode {
    /// They go aside, the rest may pass.
    #[default]
    Quarantine,
    /// Any such row closes the gate.
    Refuse,
    /// They pass, and are counted.
    Publish,
}

/// What a finding of the sensitive-value guard does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuardMode {
    /// It closes the gate.
    #[default]
    Close,
    /// The run says so and goes on.
    Warn,
    /// Nobody looks.
    Off,
}

/// How many bad rows are too many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BadRowLimit {
    /// More than this many.
    Count(u64),
    /// More than this share of all rows, in percent.
    Percent(f64),
}

impl Default for BadRowLimit {
    fn default() -> Self {
        BadRowLimit::Percent(1.0)
    }
}

impl BadRowLimit {
    /// Parses `"1%"` or `"100"`.
    ///
    /// # Errors
    /// When the text is neither a percentage from 0 to 100 nor a whole number.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || {
            Error::usage(format!("`{text}` is not a limit of bad rows"))
                .expected("a percentage such as \"1%\", or a count such as 100")
        };
        match text.trim().strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().map_err(|_| bad())?;
                if (0.0..=100.0).contains(&percent) { Ok(BadRowLimit::Percent(percent)) } else { Err(bad()) }
            }
            None => text.trim().parse().map(BadRowLimit::Count).map_err(|_| bad()),
        }
    }

    /// Whether `bad` rows of `all` are too many.
    #[expect(clippy::cast_precision_loss, reason = "shares of row counts need no more digits")]
    pub fn is_exceeded(self, bad: u64, all: u64) -> bool {
        match self {
            BadRowLimit::Count(limit) => bad > limit,
            BadRowLimit::Percent(percent) => bad as f64 * 100.0 > all as f64 * percent,
        }
    }
}

impl fmt::Display for BadRowLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadRowLimit::Count(count) => write!(f, "{count}"),
            BadRowLimit::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl<'de> Deserialize<'de> for BadRowLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Count(u64),
            Text(String),
        }
        let written = Written::deserialize(deserializer).map_err(|_| {
            serde::de::Error::custom("not a limit of bad rows: a percentage such as \"1%\", or a count such as 100")
        })?;
        match written {
            Written::Count(count) => Ok(BadRowLimit::Count(count)),
            Written::Text(text) => BadRowLimit::parse(&text).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_shares_or_counts() {
        assert!(!BadRowLimit::parse("1%").unwrap().is_exceeded(1, 100));
        assert!(BadRowLimit::parse("1%").unwrap().is_exceeded(2, 100));
        assert!(BadRowLimit::parse("0%").unwrap().is_exceeded(1, 1_000_000));
        assert!(!BadRowLimit::parse("5").unwrap().is_exceeded(5, 5));
        for bad in ["", "1.5", "-1", "101%", "x%"] {
            assert!(BadRowLimit::parse(bad).is_err(), "{bad}");
        }
    }
}

//! Which columns may be a key.

use super::figures::{grouped, ratio};
use super::personal::names_identifier;
use super::{Otherwise, Section, Suggestion, quoted};
use crate::profile::{ColumnProfile, Profile};

/// The share of rows that must differ by the estimate, whose error is one in a hundred.
const NEARLY_ALL: f64 = 0.9;
/// Longest text of a key, in characters.
const LONGEST: usize = 64;
/// Pairs of columns that are tried where no column alone will do.
const PAIRS: usize = 3;

/// The columns that may be keys, the likeliest first.
pub(super) struct Keys {
    candidates: Vec<String>,
    pairs: Vec<(String, String)>,
}

/// What the profile lets one hope for. Each is judged before it is written.
pub(super) fn of(profile: &Profile) -> Keys {
    let differs =
        |column: &&ColumnProfile| column.filled() > 1 && ratio(column.estimate(), column.filled()) >= NEARLY_ALL;
    let mut candidates: Vec<&ColumnProfile> =
        profile.columns.iter().filter(|column| may_be_key(column)).filter(differs).collect();
    // A whole column before one with NULL, an identifier before others.
    candidates.sort_by_key(|column| (column.nulls > 0, !names_identifier(column.name())));
    let pairs = if candidates.iter().any(|column| column.nulls == 0) { Vec::new() } else { pairs(profile) };
    Keys { candidates: candidates.into_iter().map(|column| column.name().to_owned()).collect(), pairs }
}

/// Whole numbers and short texts: a price or a time differs from others by accident.
fn may_be_key(column: &ColumnProfile) -> bool {
    let short = |texts: &crate::profile::TextFacts| {
        texts.empty == 0 && texts.lengths.is_some_and(|(_, longest)| longest <= LONGEST)
    };
    column.field.data_type().is_integer() || column.texts.as_ref().is_some_and(short)
}

/// Columns without NULL that identify something, together different enough.
fn pairs(profile: &Profile) -> Vec<(String, String)> {
    let identifying: Vec<&ColumnProfile> = profile
        .columns
        .iter()
        .filter(|column| column.nulls == 0 && may_be_key(column))
        .filter(|column| names_identifier(column.name()) || column.name().to_lowercase().contains("seq"))
        .collect();
    let mut pairs = Vec::new();
    for (at, first) in identifying.iter().enumerate() {
        for second in identifying.iter().skip(at + 1) {
            if first.estimate().saturating_mul(second.estimate()) >= profile.rows {
                pairs.push((first.name().to_owned(), second.name().to_owned()));
            }
        }
    }
    pairs.truncate(PAIRS);
    pairs
}

impl Keys {
    /// What the column is worth as a key.
    pub(super) fn suggestion(&self, column: &ColumnProfile) -> Option<Suggestion> {
        let name = quoted(column.name())?;
        let place = self.candidates.iter().position(|candidate| candidate == column.name())?;
        if place == 0 && column.nulls == 0 {
            let why = format!("{} rows, no two alike and none NULL: the key", grouped(column.rows));
            return Some(
                Suggestion::new(format!("IsPrimaryKey {name}"), why)
                    .or_at_least(format!("Uniqueness {name}"), NEARLY_ALL),
            );
        }
        let why = format!("{} values, no two alike", grouped(column.filled()));
        Some(Suggestion::new(format!("IsUnique {name}"), why).or_at_least(format!("Uniqueness {name}"), NEARLY_ALL))
    }

    /// Pairs of columns as keys, where no column alone may be one.
    pub(super) fn several_columns(&self, profile: &Profile) -> Option<Section> {
        let suggestions: Vec<Suggestion> = self
            .pairs
            .iter()
            .filter_map(|(first, second)| {
                let why = format!("{} rows, no two alike in both columns", grouped(profile.rows));
                let rule = format!("IsPrimaryKey {} {}", quoted(first)?, quoted(second)?);
                Some(Suggestion { otherwise: Otherwise::Next, ..Suggestion::new(rule, why) })
            })
            .collect();
        (!suggestions.is_empty()).then(|| Section {
            heading: "no column alone is a key".to_owned(),
            suggestions,
            ..Section::default()
        })
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.candidates.iter().any(|candidate| candidate == column)
    }
}

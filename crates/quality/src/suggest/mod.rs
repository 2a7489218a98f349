//! A first ruleset for a dataset: what it looks like, put as rules that it keeps, each with the reason why it was chosen.

mod columns;
mod figures;
mod keys;
mod personal;
mod render;
mod verify;

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use lakegate_contract::{Error, Result};

pub use crate::profile::Sensitive;
use crate::profile::profile;

/// What a first ruleset is made for.
pub struct SuggestOptions<'a> {
    /// The dataset's name, for the heading.
    pub table: &'a str,
    /// The other datasets of the context, by alias.
    pub references: &'a BTreeMap<String, SchemaRef>,
    /// Tells what sensitive kind of value a text looks like: such values never stand in a ruleset.
    pub sensitive: Sensitive,
}

/// A first ruleset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggested {
    /// Its text.
    pub text: String,
    /// How many rules it has.
    pub rules: usize,
    /// Rules that looked likely and did not hold, with what was found: they stand in the text as comments.
    pub dropped: Vec<String>,
    /// The rows that were profiled.
    pub rows: u64,
}

/// A rule, and why.
#[derive(Debug, Clone)]
struct Suggestion {
    rule: String,
    why: String,
    /// What to write instead when it does not hold.
    otherwise: Otherwise,
}

#[derive(Debug, Clone)]
enum Otherwise {
    /// Nothing: that it does not hold is told.
    Drop,
    /// The next of the section, of which only the first that holds is of use.
    Next,
    /// This, with a share that leaves room, if the share is not below the least one.
    AtLeast { before: String, least: f64 },
}

impl Suggestion {
    fn new(rule: String, why: impl Into<String>) -> Self {
        Self { rule, why: why.into(), otherwise: Otherwise::Drop }
    }

    /// Written so, followed by `> share`, when only a share of rows satisfies it.
    fn or_at_least(self, before: impl Into<String>, least: f64) -> Self {
        Self { otherwise: Otherwise::AtLeast { before: before.into(), least }, ..self }
    }
}

/// What is said of a part of the dataset: a heading, rules, and remarks for which there is no rule.
#[derive(Debug, Clone, Default)]
struct Section {
    heading: String,
    suggestions: Vec<Suggestion>,
    remarks: Vec<String>,
}

/// Profiles table `primary` of the context in one pass, and judges what follows from that: what is returned holds on these data.
///
/// # Errors
/// When the data cannot be read, or have no row.
pub async fn suggest(context: &SessionContext, schema: &SchemaRef, options: &SuggestOptions<'_>) -> Result<Suggested> {
    let profile = profile(context, schema, options.sensitive).await?;
    if profile.rows == 0 {
        return Err(Error::bad_input("the dataset has no row, so there is nothing to learn from it"));
    }
    let mut sections = vec![columns::dataset(&profile)];
    let keys = keys::of(&profile);
    sections.extend(keys.several_columns(&profile));
    for column in &profile.columns {
        sections.push(columns::section(column, &keys, options.references));
    }
    let (sections, dropped) = verify::judged(sections, context, schema).await?;
    let rules = sections.iter().map(|section| section.suggestions.len()).sum();
    let text = render::text(options.table, &profile, &sections, &dropped);
    // It parses, as what was judged did; and it is written as `lakegate quality fmt` would write it.
    let text = crate::format(&text, options.table)
        .map_err(|e| Error::bug("a suggested ruleset does not parse").caused_by(e))?;
    Ok(Suggested { text, rules, dropped, rows: profile.rows })
}

/// A name or a value in double quotes, if DQDL can hold it so.
fn quoted(text: &str) -> Option<String> {
    (!text.contains(['"', '\\']) && !text.contains(char::is_control)).then(|| format!("\"{text}\""))
}

#[cfg(test)]
mod tests;

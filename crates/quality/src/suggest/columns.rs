//! Rules for the dataset and for each column.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, SchemaRef};
use chrono::{DateTime, Datelike as _};
use lakegate_contract::type_name;

use super::figures::{above, below, grouped, of, ratio, share_below, written};
use super::keys::Keys;
use super::personal::{look_like_people, names_future, names_identifier, names_people};
use super::{Section, Suggestion, quoted};
use crate::profile::{ColumnProfile, Profile, TextFacts};
use crate::rule_type::RuleType;

/// Below this share of filled rows, a rule on completeness says nothing.
const MOSTLY_FILLED: f64 = 0.5;
/// Rows that there must be for each value of a set: fewer, and the next file has another value.
const ROWS_PER_VALUE: u64 = 10;
/// Most whole numbers that are listed; more are a range.
const NUMBERS_LISTED: usize = 10;
/// Fewest values from which a pattern is concluded.
const SEEN_ENOUGH: u64 = 20;
/// Longest value that is listed, in characters.
const LONGEST_VALUE: usize = 40;
/// Of a hundred values that were looked at, how many must look sensitive for the column to be one of such values.
const SENSITIVE_PER_HUNDRED: u64 = 5;

/// Rules about rows and columns as a whole.
pub(super) fn dataset(profile: &Profile) -> Section {
    let half = written(below(crate::measure::as_double(profile.rows / 2))).unwrap_or_else(|| "0".to_owned());
    let columns = profile.columns.len();
    Section {
        heading: "the whole".to_owned(),
        suggestions: vec![
            Suggestion::new(
                format!("RowCount > {half}"),
                format!("{} rows now; half of them are too few", grouped(profile.rows)),
            ),
            Suggestion::new(format!("ColumnCount = {columns}"), "a column that comes or goes is told"),
        ],
        remarks: Vec::new(),
    }
}

/// Rules about a column.
pub(super) fn section(column: &ColumnProfile, keys: &Keys, references: &BTreeMap<String, SchemaRef>) -> Section {
    let mut section = Section { heading: heading(column), ..Section::default() };
    let Some(name) = quoted(column.name()) else {
        section.remarks.push("its name cannot be written in DQDL: rename the column".to_owned());
        return section;
    };
    if column.filled() == 0 {
        section.remarks.push("it holds no value at all: is it still filled?".to_owned());
        return section;
    }
    let key = keys.suggestion(column);
    section.suggestions.extend(key);
    completeness(column, &name, &mut section);
    if !values(column, &name, keys, &mut section) {
        range(column, &name, keys, &mut section);
        instants(column, &name, &mut section);
        texts(column, &name, &mut section);
    }
    section.suggestions.extend(referenced(column, &name, references));
    section
}

fn heading(column: &ColumnProfile) -> String {
    let kind = match column.field.data_type() {
        DataType::Timestamp(..) => "timestamp".to_owned(),
        other => type_name(other),
    };
    let different = match &column.distinct {
        None => String::new(),
        Some(distinct) => {
            let about = if distinct.values().is_none() { "about " } else { "" };
            let count = distinct.count().min(column.filled());
            format!(", {about}{} different value{}", grouped(count), if count == 1 { "" } else { "s" })
        }
    };
    format!("{}: {kind}, {} rows hold NULL{different}", column.name(), of(column.nulls, column.rows))
}

fn completeness(column: &ColumnProfile, name: &str, section: &mut Section) {
    let filled = ratio(column.filled(), column.rows);
    if column.nulls == 0 {
        section.suggestions.push(Suggestion::new(format!("IsComplete {name}"), "never NULL"));
    } else if column.nulls > 0 && filled >= MOSTLY_FILLED {
        let share = share_below(filled);
        let why =
            format!("{} rows hold a value; half as many NULLs again are let pass", of(column.filled(), column.rows));
        section.suggestions.push(Suggestion::new(format!("Completeness {name} > {share}"), why));
    } else if column.nulls > 0 {
        section.remarks.push(format!("look: only {} rows hold a value", of(column.filled(), column.rows)));
    }
    let Some(texts) = &column.texts else { return };
    if texts.empty + texts.blank > 0 {
        let blanks = of(texts.empty + texts.blank, column.rows);
        section.remarks.push(format!("look: {blanks} rows hold a blank text, which counts as complete"));
    }
}

/// The few values of a column, as a set. Whether nothing more is to be said of its values.
fn values(column: &ColumnProfile, name: &str, keys: &Keys, section: &mut Section) -> bool {
    let Some(values) = column.distinct.as_ref().and_then(|distinct| distinct.values()) else { return false };
    let enough = column.filled() >= ROWS_PER_VALUE * values.len() as u64;
    if !enough || keys.has(column.name()) || names_identifier(column.name()) {
        return false;
    }
    let listed = match &column.texts {
        Some(texts) if withheld(column, texts, &values) => {
            section.remarks.push("look: its values may be those of people, so they are not listed".to_owned());
            return false;
        }
        Some(texts) => listed_texts(texts, &values),
        None if values.len() <= NUMBERS_LISTED => Some(listed_numbers(&values)),
        None => None,
    };
    let Some(mut listed) = listed else { return false };
    if column.nulls > 0 {
        listed.push("NULL".to_owned());
    }
    let rarest = values.iter().map(|(_, count)| *count).min().unwrap_or(0);
    let mut why = match values.len() {
        1 => "one value alone: is the column of use?".to_owned(),
        count => format!("{count} different values; rows with the rarest: {}", grouped(rarest)),
    };
    if !listed.iter().all(|value| value.is_ascii()) {
        why.push_str("; not ASCII, which the API of Glue does not take");
    }
    section.suggestions.push(Suggestion::new(format!("ColumnValues {name} in [{}]", listed.join(", ")), why));
    true
}

fn withheld(column: &ColumnProfile, texts: &TextFacts, values: &[(&str, u64)]) -> bool {
    names_people(column.name())
        || look_like_people(column.name(), values)
        || values.iter().any(|(value, _)| texts.detect(value).is_some())
}

/// A value that DQDL would take for a date or a time cannot stand among texts.
fn listed_texts(texts: &TextFacts, values: &[(&str, u64)]) -> Option<Vec<String>> {
    let fits =
        |value: &str| value.chars().count() <= LONGEST_VALUE && !looks_like_time(value) && !value.trim().is_empty();
    let written = values.iter().filter(|(value, _)| !value.is_empty());
    let mut listed: Vec<String> =
        written.map(|(value, _)| quoted(value).filter(|_| fits(value))).collect::<Option<_>>()?;
    if texts.empty > 0 {
        listed.push("EMPTY".to_owned());
    }
    Some(listed)
}

fn looks_like_time(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_digit()) && (value.contains(':') || value.matches('-').count() == 2)
}

fn listed_numbers(values: &[(&str, u64)]) -> Vec<String> {
    let mut numbers: Vec<(i128, &str)> =
        values.iter().map(|(value, _)| (value.parse().unwrap_or_default(), *value)).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|(_, value)| value.to_owned()).collect()
}

/// Bounds with room: half the width of what was seen.
fn range(column: &ColumnProfile, name: &str, keys: &Keys, section: &mut Section) {
    let Some((low, high)) = column.numbers else { return };
    if column.not_a_number > 0 {
        let count = of(column.not_a_number, column.rows);
        section.remarks.push(format!("look: {count} rows hold NaN, which is greater than every number"));
        return;
    }
    let (Some(seen_low), Some(seen_high)) = (written(low), written(high)) else { return };
    let seen = format!("from {seen_low} to {seen_high}");
    let room = (high - low) / 2.0;
    let filter = only_filled(column);
    let identifies = keys.has(column.name()) || names_identifier(column.name());
    let lower = match low {
        low if identifies && low > 0.0 => "> 0".to_owned(),
        low if low > 0.0 && low <= room * 2.0 => "> 0".to_owned(),
        low if low >= 0.0 && low <= room * 2.0 => ">= 0".to_owned(),
        low => match written(below(low - room)) {
            Some(bound) if low < 0.0 || !bound.starts_with('-') => format!(">= {bound}"),
            _ => ">= 0".to_owned(),
        },
    };
    let why = if identifies { format!("{seen}; they grow, so no upper bound") } else { format!("{seen}; room below") };
    section.suggestions.push(Suggestion::new(format!("ColumnValues {name} {lower}{filter}"), why));
    if let Some(bound) = written(above(high + room)).filter(|_| !identifies) {
        let why = format!("{seen}; room above of half the width");
        section.suggestions.push(Suggestion::new(format!("ColumnValues {name} <= {bound}{filter}"), why));
    }
}

/// Dates begin with the year of the first, and end now. How old the newest may be, only its owner knows.
fn instants(column: &ColumnProfile, name: &str, section: &mut Section) {
    let Some((first, last)) = column.instants else { return };
    let day = |micros: i64| DateTime::from_timestamp_micros(micros).map(|t| t.date_naive());
    let (Some(first), Some(last)) = (day(first), day(last)) else { return };
    let filter = only_filled(column);
    let seen = format!("from {first} to {last}");
    if (1000..=9999).contains(&first.year()) {
        let rule = format!("ColumnValues {name} >= \"{}-01-01\"{filter}", first.year());
        section.suggestions.push(Suggestion::new(rule, format!("{seen}; the year of the first")));
    }
    if !names_future(column.name()) {
        let rule = format!("ColumnValues {name} <= now(){filter}");
        section.suggestions.push(Suggestion::new(rule, "none lies in the future"));
    }
    section.remarks.push(format!("if it should be fresh, say how fresh: DataFreshness {name} <= 24 hours"));
}

/// What a text's length and make-up say.
fn texts(column: &ColumnProfile, name: &str, section: &mut Section) {
    let Some(texts) = &column.texts else { return };
    for (kind, count) in &texts.sensitive {
        if count * 100 >= texts.looked_at * SENSITIVE_PER_HUNDRED {
            let seen = of(*count, texts.looked_at);
            section
                .remarks
                .push(format!("look: {seen} values looked at have the form of {kind}: declare its treatment"));
        }
    }
    let Some((shortest, longest)) = texts.lengths else { return };
    if !texts.sensitive.is_empty() || column.filled() - texts.empty < SEEN_ENOUGH {
        return;
    }
    let pattern = texts.shapes.pattern();
    // Digits of one length are a code, whatever they can be read as.
    let fixed = pattern.as_ref().is_some_and(|pattern| !pattern.contains('+'));
    if let Some(kind) = data_type(texts).filter(|_| !fixed) {
        let rule = format!("ColumnDataType {name} = \"{kind}\"{}", only_written(column, texts));
        section.suggestions.push(Suggestion::new(rule, format!("text, and each value can be read as {kind}")));
        return;
    }
    if let Some(pattern) = pattern {
        let rule = format!("ColumnValues {name} matches \"{pattern}\"{}", only_written(column, texts));
        section.suggestions.push(Suggestion::new(rule, "codes of one make; lengths that never change are held"));
        return;
    }
    let whole = column.nulls == 0 && texts.empty == 0;
    let (rule, why) = if whole && shortest == longest {
        (format!("ColumnLength {name} = {longest}"), format!("each has {longest} characters"))
    } else {
        let bound = written(above(crate::measure::as_double(longest as u64) * 1.5)).unwrap_or_default();
        (format!("ColumnLength {name} <= {bound}"), format!("{shortest} to {longest} characters; half as long again"))
    };
    section.suggestions.push(Suggestion::new(rule, why));
}

/// The type that a column of text seems to have, if it can be judged.
fn data_type(texts: &TextFacts) -> Option<&'static str> {
    RuleType::find("ColumnDataType").filter(|rule| rule.supported)?;
    match (texts.whole, texts.date, texts.number) {
        (true, _, _) => Some("Long"),
        (_, true, _) => Some("Date"),
        (_, _, true) => Some("Double"),
        _ => None,
    }
}

/// A value that is not there breaks a rule on values: only rows with one are judged.
fn only_filled(column: &ColumnProfile) -> String {
    if column.nulls == 0 { String::new() } else { format!(" where \"{} is not null\"", identifier(column.name())) }
}

fn only_written(column: &ColumnProfile, texts: &TextFacts) -> String {
    if texts.empty == 0 { only_filled(column) } else { format!(" where \"{} <> ''\"", identifier(column.name())) }
}

/// Spark's quotes, which a predicate needs for names that are not plain.
fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("`{name}`") }
}

/// References that have a column of the same name and type, or are named as the column is: `user_id` and `users.id`.
fn referenced(column: &ColumnProfile, name: &str, references: &BTreeMap<String, SchemaRef>) -> Vec<Suggestion> {
    let stem = column.name().to_lowercase();
    let stem = stem.strip_suffix("_id").or_else(|| stem.strip_suffix("id")).unwrap_or_default();
    let mut found = Vec::new();
    for (alias, schema) in references {
        let singular = alias.to_lowercase();
        let singular = singular.strip_suffix('s').unwrap_or(&singular);
        let other = schema.fields().iter().find(|field| {
            let same_name = field.name() == column.name();
            let same_thing = !stem.is_empty() && stem == singular && field.name().eq_ignore_ascii_case("id");
            (same_name || same_thing) && field.data_type() == column.field.data_type()
        });
        // A column of that name in both may be of each its own, as `status` is: what identifies is shared.
        let Some(other) = other.filter(|_| names_identifier(column.name())) else { continue };
        let Some(target) = quoted(&format!("{alias}.{}", other.name())) else { continue };
        let rule = format!("ReferentialIntegrity {name} {target}");
        let why = format!("every one is in {alias}");
        found.push(Suggestion::new(format!("{rule} = 1.0"), why).or_at_least(rule, MOSTLY_FILLED));
    }
    found
}

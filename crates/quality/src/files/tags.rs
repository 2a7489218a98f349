//! What `with` says in a rule about files.

use std::str::FromStr as _;

use lakegate_contract::{Error, Result};

use super::DigestAlgorithm;
use crate::ast::Leaf;
use crate::pattern::Pattern;

/// Tags that choose among the files.
const FILTERS: [&str; 2] = ["recentFiles", "uriRegex"];

/// The tags of a rule about files, understood.
pub(super) struct Tags {
    /// How many of the newest files count.
    pub recent: Option<usize>,
    /// What the address of a file that counts looks like.
    pub uri: Option<Pattern>,
    /// Whether addresses are looked at before the newest are taken.
    pub uri_first: bool,
    pub fail_fast: bool,
    pub match_names: bool,
    pub algorithm: DigestAlgorithm,
    pub zone: chrono_tz::Tz,
}

impl Tags {
    /// Reads the tags of a rule.
    ///
    /// # Errors
    /// When one is not for this rule, or its value cannot be used: a tag that were passed over would judge other files.
    pub(super) fn of(leaf: &Leaf) -> Result<Self> {
        refuse_others(leaf)?;
        let text = |name: &str| leaf.tags.get(name).map(String::as_str);
        Ok(Self {
            recent: text("recentFiles").map(recent_files).transpose()?,
            uri: text("uriRegex").map(uri_pattern).transpose()?,
            uri_first: uri_first(leaf)?,
            fail_fast: truth(leaf, "failFast")?,
            match_names: truth(leaf, "matchFileName")?,
            algorithm: text("hashAlgorithm").map_or(Ok(DigestAlgorithm::Sha256), algorithm)?,
            zone: text("timeZone").map_or(Ok(chrono_tz::UTC), zone)?,
        })
    }
}

fn refuse_others(leaf: &Leaf) -> Result<()> {
    let own: &[&str] = match leaf.name() {
        "FileFreshness" => &["failFast", "timeZone"],
        "FileSize" => &["failFast"],
        "FileUniqueness" => &["matchFileName"],
        _ => &["matchFileName", "hashAlgorithm"],
    };
    let known = || FILTERS.into_iter().chain(["filterOrder"]).chain(own.iter().copied());
    match leaf.tags.keys().find(|name| !known().any(|k| k == name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Error::usage(format!("`{}` has no tag `{name}`", leaf.name()))
            .expected(format!("one of {}", known().collect::<Vec<_>>().join(", ")))
            .suggesting(name, known())),
    }
}

fn recent_files(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Error::usage(format!("recentFiles is `{text}`")).expected("how many files: a whole number from 1")),
    }
}

/// The documentation has patterns that are searched for in an address (`\.csv$`), and one that excludes by a look-ahead at its
/// beginning (`(?!.*\.tmp$).*`), which is found in every address unless it is held there.
fn uri_pattern(pattern: &str) -> Result<Pattern> {
    let at_the_beginning = pattern.starts_with("(?!") || pattern.starts_with("(?=");
    if at_the_beginning { Pattern::search(&format!("^(?:{pattern})")) } else { Pattern::search(pattern) }
}

/// `["uriRegex","recentFiles"]`, however it was written; each must be a tag of the rule.
fn uri_first(leaf: &Leaf) -> Result<bool> {
    let Some(order) = leaf.tags.get("filterOrder") else { return Ok(false) };
    let listed = order.split(|c: char| !c.is_ascii_alphanumeric()).filter(|name| !name.is_empty());
    let listed: Vec<&str> = listed.collect();
    let bad = |name: &str| !FILTERS.contains(&name) || !leaf.tags.contains_key(name);
    if listed.is_empty() || listed.iter().any(|name| bad(name)) {
        return Err(Error::usage(format!("filterOrder is `{order}`"))
            .expected("recentFiles and uriRegex in the order in which they count, both tags of this rule"));
    }
    Ok(listed.first() == Some(&"uriRegex"))
}

fn truth(leaf: &Leaf, name: &str) -> Result<bool> {
    match leaf.tags.get(name).map(String::as_str) {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(text) => Err(Error::usage(format!("{name} is `{text}`")).expected("\"true\" or \"false\"")),
    }
}

fn algorithm(text: &str) -> Result<DigestAlgorithm> {
    let known = DigestAlgorithm::ALL.into_iter().find(|a| a.as_str().eq_ignore_ascii_case(text));
    known.ok_or_else(|| {
        let names = DigestAlgorithm::ALL.map(DigestAlgorithm::as_str);
        Error::usage(format!("hashAlgorithm is `{text}`"))
            .expected(format!("one of {}", names.join(", ")))
            .suggesting(text, names)
    })
}

fn zone(name: &str) -> Result<chrono_tz::Tz> {
    chrono_tz::Tz::from_str(name)
        .map_err(|_| Error::usage(format!("`{name}` is not a time zone")).expected("a name such as \"Asia/Seoul\""))
}

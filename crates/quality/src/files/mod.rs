//! Rules about files: how new, how large, whether one was sent twice, whether they are what somebody says that they are.
//!
//! Sizes and times come from a listing. Contents are read for a digest alone, and of as few files as will do: files of different
//! sizes differ.

mod check;
mod contents;
mod freshness;
mod matching;
mod selection;
mod size;
mod tags;
mod uniqueness;

use std::cmp::Ordering;
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use lakegate_contract::{Error, Result};

use crate::ast::Leaf;
use crate::compare::number_holds;
use crate::condition::{Comparison, Operator};
use crate::finding::{Finding, finding};
use crate::measure::as_double;

pub(crate) use check::problems;
use selection::select;
use tags::Tags;

/// Most files that a message names.
const NAMED: usize = 5;

/// What a listing tells of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Its address: `s3://bucket/key`, or an absolute path.
    pub uri: String,
    /// Its path below the place that was listed; for a single file, its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last changed.
    pub modified: DateTime<Utc>,
    /// What the store calls its content: an ETag, without quotes.
    pub e_tag: Option<String>,
}

/// A way to sum up a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// MD5: 32 hexadecimal digits.
    Md5,
    /// SHA-1: 40 hexadecimal digits.
    Sha1,
    /// SHA-256: 64 hexadecimal digits.
    Sha256,
}

impl DigestAlgorithm {
    pub(crate) const ALL: [Self; 3] = [Self::Md5, Self::Sha1, Self::Sha256];

    /// Its name in the tag `hashAlgorithm`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
        }
    }

    /// How many hexadecimal digits a digest has.
    pub fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the files are that rules ask for.
#[async_trait]
pub trait FileListing: Send + Sync {
    /// The files at a path as a rule writes it, a file's or a folder's with all folders below; without a path, those that the
    /// dataset was read from. None when there is nothing.
    ///
    /// # Errors
    /// When the path is of a kind that cannot be listed, or its place does not answer.
    async fn list(&self, path: Option<&str>) -> Result<Vec<FileFacts>>;

    /// The digest of a file's content, in lower-case hexadecimal digits.
    ///
    /// # Errors
    /// When it cannot be read, or is no longer what was listed.
    async fn digest(&self, file: &FileFacts, algorithm: DigestAlgorithm) -> Result<String>;
}

/// Whether a rule is one about files, whose parameters are paths.
pub(crate) fn is_file_rule(leaf: &Leaf) -> bool {
    matches!(leaf.name(), "FileFreshness" | "FileSize" | "FileUniqueness" | "FileMatch")
}

/// Judges a rule about files; `now` is the time of relative dates.
///
/// # Errors
/// When there is no listing, or it fails.
pub(crate) async fn judge_files(leaf: &Leaf, listing: Option<&dyn FileListing>, now: DateTime<Utc>) -> Result<Finding> {
    let listing = listing.ok_or_else(|| {
        Error::usage("the files of this dataset are not known").help("rules about files need data that come from files")
    })?;
    let tags = Tags::of(leaf)?;
    let files = match listed(leaf.parameters.first(), &tags, listing).await? {
        Ok(files) => files,
        Err(nothing) => return Ok(nothing),
    };
    match leaf.name() {
        "FileFreshness" => freshness::judge(leaf, &tags, &files, now),
        "FileSize" => size::judge(leaf, &tags, &files),
        "FileUniqueness" => uniqueness::judge(leaf, &tags, &files, listing).await,
        _ => match leaf.parameters.get(1) {
            None => matching::judge_digests(leaf, &tags, &files, listing).await,
            Some(_) => match listed(leaf.parameters.get(1), &tags, listing).await? {
                Ok(others) => matching::judge_pairs(leaf, &tags, &files, &others, listing).await,
                Err(nothing) => Ok(nothing),
            },
        },
    }
}

/// The files of a path that the tags leave, by address; or, when there is none, what that makes of the rule.
async fn listed(
    path: Option<&String>,
    tags: &Tags,
    listing: &dyn FileListing,
) -> Result<std::result::Result<Vec<FileFacts>, Finding>> {
    let mut files = listing.list(path.map(String::as_str)).await?;
    files.sort_by(|a, b| a.uri.cmp(&b.uri));
    let found = files.len();
    let files = select(files, tags)?;
    if !files.is_empty() {
        return Ok(Ok(files));
    }
    let place = path.map_or_else(|| "of the dataset".to_owned(), |path| format!("at `{path}`"));
    let message = match found {
        0 => format!("there is no file {place}"),
        _ => format!("of {found} files {place}, recentFiles and uriRegex leave none"),
    };
    Ok(Err(finding(false, [file_count(0)], Some(message))))
}

/// Files of which each satisfies the rule's condition or not, against its threshold. With `failFast`, the first that does not is
/// the end of it.
fn each_file(
    leaf: &Leaf,
    tags: &Tags,
    files: &[FileFacts],
    more: impl IntoIterator<Item = (String, f64)>,
    holds: impl Fn(&FileFacts) -> bool,
) -> Finding {
    if tags.fail_fast
        && let Some(at) = files.iter().position(|file| !holds(file))
    {
        let name = files.get(at).map(|file| shown(&file.name)).unwrap_or_default();
        return finding(false, [file_count(at + 1)], Some(format!("{name} does not satisfy it (failFast)")));
    }
    let broken: Vec<&FileFacts> = files.iter().filter(|file| !holds(file)).collect();
    let ratio = share(files.len() - broken.len(), files.len());
    let passes = leaf.threshold.as_ref().map_or(broken.is_empty(), |condition| number_holds(condition, ratio));
    let metrics = [(format!("Dataset.*.{}.Compliance", leaf.name()), ratio), file_count(files.len())];
    let message = format!("{} of {} files do not satisfy it: {}", broken.len(), files.len(), names(&broken));
    finding(passes, metrics.into_iter().chain(more), Some(message))
}

/// Whether a comparison holds, by how a file's property is ordered with an operand, and whether they are equal.
fn satisfies<T>(
    comparison: &Comparison<T>,
    order: impl Fn(&T) -> Option<Ordering>,
    equal: impl Fn(&T) -> bool,
) -> bool {
    match comparison {
        Comparison::Compare(Operator::Equal, operand) => equal(operand),
        Comparison::Compare(Operator::NotEqual, operand) => !equal(operand),
        Comparison::Compare(operator, operand) => order(operand).is_some_and(|found| operator.holds(found)),
        Comparison::Between(low, high, negated) => {
            (order(low) == Some(Ordering::Greater) && order(high) == Some(Ordering::Less)) != *negated
        }
        Comparison::In(operands, negated) => operands.iter().any(equal) != *negated,
    }
}

fn file_count(count: usize) -> (String, f64) {
    ("Dataset.*.FileCount".to_owned(), as_double(count as u64))
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { as_double(part as u64) / as_double(whole as u64) }
}

/// The first names, and how many more there are.
fn names(files: &[&FileFacts]) -> String {
    let mut text = files.iter().take(NAMED).map(|file| shown(&file.name)).collect::<Vec<_>>().join(", ");
    if files.len() > NAMED {
        text.push_str(&format!(" and {} more", files.len() - NAMED));
    }
    text
}

/// A name for a terminal: whoever sends files chooses their names.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests;

//! FileMatch: whether files are those of another place, or those whose digests somebody has given.

use std::collections::{HashMap, HashSet};

use lakegate_contract::{Error, Result};

use super::contents::{Content, contents, digests};
use super::tags::Tags;
use super::uniqueness::last_segment;
use super::{FileFacts, FileListing, file_count, names, satisfies};
use crate::ast::Leaf;
use crate::condition::{Condition, TextOperand};
use crate::finding::{Finding, finding};

/// Every file's digest must be one of the list. With `matchFileName`, no two files may have one name.
pub(super) async fn judge_digests(
    leaf: &Leaf,
    tags: &Tags,
    files: &[FileFacts],
    listing: &dyn FileListing,
) -> Result<Finding> {
    let Some(Condition::Text(comparison)) = &leaf.condition else {
        return Err(Error::bug("FileMatch with neither a second path nor digests"));
    };
    let all: Vec<&FileFacts> = files.iter().collect();
    let digests = digests(&all, tags.algorithm, listing).await?;
    let holds = |digest: &str| {
        let equal =
            |operand: &TextOperand| matches!(operand, TextOperand::Text(text) if text.eq_ignore_ascii_case(digest));
        satisfies(comparison, |_| None, equal)
    };
    let others: Vec<&FileFacts> =
        files.iter().zip(&digests).filter(|(_, digest)| !holds(digest)).map(|(file, _)| file).collect();
    let mut seen = HashSet::new();
    let twins: Vec<&FileFacts> =
        files.iter().filter(|file| tags.match_names && !seen.insert(last_segment(file))).collect();
    let message = match others.len() {
        0 => format!("{} of {} files have the name of another: {}", twins.len(), files.len(), names(&twins)),
        count => format!("the {} of {count} of {} files does not fit: {}", tags.algorithm, files.len(), names(&others)),
    };
    Ok(finding(others.is_empty() && twins.is_empty(), [file_count(files.len())], Some(message)))
}

/// Each file of either place must have one of the same content at the other, a file of its own. Names count with
/// `matchFileName` alone: the path below the place that was listed.
pub(super) async fn judge_pairs(
    leaf: &Leaf,
    tags: &Tags,
    ours: &[FileFacts],
    theirs: &[FileFacts],
    listing: &dyn FileListing,
) -> Result<Finding> {
    let all: Vec<&FileFacts> = ours.iter().chain(theirs).collect();
    let contents = contents(&all, listing).await?;
    let (our_contents, their_contents) = contents.split_at(ours.len().min(contents.len()));
    let key = |file: &'_ FileFacts, content: &Content| (tags.match_names.then(|| file.name.clone()), content.clone());
    let keys = |files: &[FileFacts], contents: &[Content]| -> Vec<(Option<String>, Content)> {
        files.iter().zip(contents).map(|(file, content)| key(file, content)).collect()
    };
    let (our_keys, their_keys) = (keys(ours, our_contents), keys(theirs, their_contents));
    let sides = [(ours, &our_keys, &their_keys, 0), (theirs, &their_keys, &our_keys, 1)];
    let mut messages = Vec::new();
    for (files, own, other, place) in sides {
        let alone = without_partner(files, own, other);
        if !alone.is_empty() {
            let path = leaf.parameters.get(place).map_or("", String::as_str);
            messages.push(format!(
                "{} of {} files at `{path}` have no equal at the other path: {}",
                alone.len(),
                files.len(),
                names(&alone)
            ));
        }
    }
    Ok(finding(messages.is_empty(), [file_count(all.len())], Some(messages.join("; "))))
}

fn without_partner<'a, K: Eq + std::hash::Hash>(files: &'a [FileFacts], own: &[K], other: &[K]) -> Vec<&'a FileFacts> {
    let mut partners: HashMap<&K, usize> = HashMap::new();
    for key in other {
        *partners.entry(key).or_default() += 1;
    }
    files
        .iter()
        .zip(own)
        .filter(|(_, key)| match partners.get_mut(key) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        })
        .map(|(file, _)| file)
        .collect()
}

//! FileUniqueness: whether a file was sent twice.

use std::collections::HashMap;
use std::hash::Hash;

use lakegate_contract::Result;

use super::contents::contents;
use super::tags::Tags;
use super::{FileFacts, FileListing, file_count, names, share};
use crate::ast::Leaf;
use crate::compare::number_holds;
use crate::condition::Condition;
use crate::finding::{Finding, finding};

/// The share of files whose content no other file has: as with `Uniqueness`, of two equal files neither is unique. With
/// `matchFileName`, no other file may have its name either, in whichever folder.
pub(super) async fn judge(leaf: &Leaf, tags: &Tags, files: &[FileFacts], listing: &dyn FileListing) -> Result<Finding> {
    let all: Vec<&FileFacts> = files.iter().collect();
    let contents = contents(&all, listing).await?;
    let by_content = repeated(&contents);
    let file_names: Vec<&str> = files.iter().map(last_segment).collect();
    let by_name = if tags.match_names { repeated(&file_names) } else { vec![false; files.len()] };
    let others: Vec<&FileFacts> = files
        .iter()
        .zip(by_content.iter().zip(&by_name))
        .filter(|(_, (content, name))| **content || **name)
        .map(|(file, _)| file)
        .collect();
    let ratio = share(files.len() - others.len(), files.len());
    let holds = matches!(&leaf.condition, Some(Condition::Number(condition)) if number_holds(condition, ratio));
    let what = if tags.match_names { "the content or the name" } else { "the content" };
    let message = match others.len() {
        0 => format!("all {} files are unique", files.len()),
        count => format!("{count} of {} files have {what} of another: {}", files.len(), names(&others)),
    };
    Ok(finding(holds, [("Dataset.*.FileUniquenessRatio".to_owned(), ratio), file_count(files.len())], Some(message)))
}

/// Whether each occurs more than once.
fn repeated<T: Eq + Hash>(values: &[T]) -> Vec<bool> {
    let mut counts: HashMap<&T, usize> = HashMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    values.iter().map(|value| counts.get(value).is_some_and(|count| *count > 1)).collect()
}

/// A file's name without its folders.
pub(super) fn last_segment(file: &FileFacts) -> &str {
    file.name.rsplit('/').next().unwrap_or(&file.name)
}

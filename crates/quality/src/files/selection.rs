//! Which of the files that are there count.

use std::cmp::Reverse;

use lakegate_contract::Result;

use super::FileFacts;
use super::tags::Tags;

/// The files that `recentFiles` and `uriRegex` leave, in the order that they had; `recentFiles` counts first, unless
/// `filterOrder` says otherwise.
///
/// # Errors
/// When the pattern takes too many steps on an address.
pub(super) fn select(files: Vec<FileFacts>, tags: &Tags) -> Result<Vec<FileFacts>> {
    if tags.uri_first { Ok(newest(named(files, tags)?, tags)) } else { named(newest(files, tags), tags) }
}

fn named(files: Vec<FileFacts>, tags: &Tags) -> Result<Vec<FileFacts>> {
    let Some(pattern) = &tags.uri else { return Ok(files) };
    let mut kept = Vec::new();
    for file in files {
        if pattern.is_match(&file.uri)? {
            kept.push(file);
        }
    }
    Ok(kept)
}

/// Of files of one time, those that come first by address: the same files whenever the rule is judged.
fn newest(mut files: Vec<FileFacts>, tags: &Tags) -> Vec<FileFacts> {
    let Some(count) = tags.recent.filter(|count| *count < files.len()) else { return files };
    files.sort_by(|a, b| (Reverse(a.modified), &a.uri).cmp(&(Reverse(b.modified), &b.uri)));
    files.truncate(count);
    files.sort_by(|a, b| a.uri.cmp(&b.uri));
    files
}

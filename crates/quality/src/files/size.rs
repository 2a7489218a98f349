//! FileSize: how many bytes each file has.

use lakegate_contract::{Error, Result};

use super::tags::Tags;
use super::{FileFacts, each_file, satisfies};
use crate::ast::Leaf;
use crate::compare::number_holds;
use crate::condition::{Amount, Condition};
use crate::finding::Finding;
use crate::measure::as_double;

/// A number without a unit is one of bytes; units are powers of 1024.
pub(super) fn judge(leaf: &Leaf, tags: &Tags, files: &[FileFacts]) -> Result<Finding> {
    let sizes = || files.iter().map(|file| file.bytes);
    let bound = |name: &str, bytes: Option<u64>| bytes.map(|bytes| (format!("Dataset.*.{name}"), as_double(bytes)));
    let bounds = [bound("MinimumFileSize", sizes().min()), bound("MaximumFileSize", sizes().max())];
    let more = bounds.into_iter().flatten();
    match &leaf.condition {
        Some(Condition::Size(comparison)) => Ok(each_file(leaf, tags, files, more, |file| {
            let bytes = i128::from(file.bytes);
            let than = |amount: &Amount| i128::from(amount.value());
            satisfies(comparison, |o| Some(bytes.cmp(&than(o))), |o| bytes == than(o))
        })),
        Some(Condition::Number(condition)) => {
            Ok(each_file(leaf, tags, files, more, |file| number_holds(condition, as_double(file.bytes))))
        }
        _ => Err(Error::bug("FileSize without a condition over sizes")),
    }
}

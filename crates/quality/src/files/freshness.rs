//! FileFreshness: when each file was last changed.

use chrono::{DateTime, Duration, Timelike as _, Utc};
use lakegate_contract::{Error, Result};

use super::tags::Tags;
use super::{FileFacts, each_file, satisfies};
use crate::ast::Leaf;
use crate::condition::{Condition, DateOperand};
use crate::finding::Finding;

/// Dates are midnights of UTC, times those of today, `now()` the minute that has begun. A file's time equals a date on all of
/// that day, and a time within its minute: to the instant, it would equal none.
pub(super) fn judge(leaf: &Leaf, tags: &Tags, files: &[FileFacts], now: DateTime<Utc>) -> Result<Finding> {
    let Some(Condition::Date(comparison)) = &leaf.condition else {
        return Err(Error::bug("FileFreshness without a condition over dates"));
    };
    let now = now.with_second(0).and_then(|now| now.with_nanosecond(0)).unwrap_or(now);
    let instant = |operand: &DateOperand| operand.instant(now, tags.zone);
    let holds = |file: &FileFacts| {
        let equal = |operand: &DateOperand| {
            let grain = if matches!(operand, DateOperand::Date(_)) { Duration::days(1) } else { Duration::minutes(1) };
            instant(operand).is_some_and(|start| start <= file.modified && file.modified < start + grain)
        };
        satisfies(comparison, |operand| instant(operand).map(|start| file.modified.cmp(&start)), equal)
    };
    Ok(each_file(leaf, tags, files, [], holds))
}

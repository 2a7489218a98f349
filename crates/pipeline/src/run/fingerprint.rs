//! What decides what a run publishes, as hashes: an input that was published under the same ones is not read again.

use chrono::Utc;
use lakegate_contract::{AsOf, Treatment};
use lakegate_lake::RunInfo;
use lakegate_quality::Ruleset;

use super::JobContext;
use crate::LoadMode;
use crate::source::Plan;
use crate::text::digest;

/// Whether a run of this plan would find nothing to do.
pub fn would_be_unchanged(context: &JobContext, plan: &Plan, before: Option<&RunInfo>) -> bool {
    same_as_published(context.definition.mode, &configuration_of(context), plan, before)
}

pub(super) fn same_as_published(mode: LoadMode, configuration: &str, plan: &Plan, before: Option<&RunInfo>) -> bool {
    match mode {
        LoadMode::Append => plan.splits.is_empty(),
        LoadMode::Replace => before.is_some_and(|run| run.input == plan.identity && run.configuration == configuration),
    }
}

/// Hash of everything but the input that decides what a run publishes.
pub(super) fn configuration_of(context: &JobContext) -> String {
    digest([
        context.job_text.as_str(),
        context.contract.text(),
        context.ruleset.as_ref().map(Ruleset::text).unwrap_or_default(),
        context.time_zone.name(),
        &redaction_state(context, true),
    ])
}

/// What redaction depends on besides the contract's text: its own version, the keys themselves (by their fingerprints), and
/// the day, where ages are counted as of today. With another of these the same input gives other rows.
pub(super) fn redaction_state(context: &JobContext, with_day: bool) -> String {
    let mut state = format!("redaction {}", lakegate_redaction::VERSION);
    for column in context.contract.published_columns().filter(|c| c.treatment != Treatment::Keep) {
        state.push_str(&format!(";{}: {:?}", column.name, column.treatment));
        match &column.treatment {
            Treatment::Hmac { key, .. } => {
                let fingerprint = context.keys.fingerprint(key).unwrap_or_default();
                state.push_str(&format!(" {fingerprint}"));
            }
            Treatment::Band(band) if with_day && band.as_of == Some(AsOf::Today) => {
                state.push_str(&format!(" {}", Utc::now().with_timezone(&context.time_zone).date_naive()));
            }
            _ => {}
        }
    }
    state
}

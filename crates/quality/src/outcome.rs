//! What judging a rule gave.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ast::{GATE_LABEL, WARN};

/// Whether a rule held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RuleResult {
    /// It held.
    Pass,
    /// It did not.
    Fail,
    /// It could not be judged.
    Error,
}

impl fmt::Display for RuleResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RuleResult::Pass => "PASS",
            RuleResult::Fail => "FAIL",
            RuleResult::Error => "ERROR",
        })
    }
}

/// One rule's outcome, in the shape of Glue's evaluation results. It holds counts and ratios, never a row's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleOutcome {
    /// The rule in canonical form.
    pub rule: String,
    /// Its line in the ruleset, from 1.
    pub line: usize,
    /// Whether it held.
    pub result: RuleResult,
    /// What was measured, under Glue's names.
    pub metrics: BTreeMap<String, f64>,
    /// Why it did not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub labels: BTreeMap<String, String>,
}

/// The rule, and why it did not hold.
impl fmt::Display for RuleOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{} ({message})", self.rule),
            None => f.write_str(&self.rule),
        }
    }
}

impl RuleOutcome {
    /// Whether it keeps the gate shut: it did not hold, and is not labelled `"gate"="warn"`.
    pub fn closes_gate(&self) -> bool {
        self.result != RuleResult::Pass && self.labels.get(GATE_LABEL).map(String::as_str) != Some(WARN)
    }
}

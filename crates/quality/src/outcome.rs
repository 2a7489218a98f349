//! What judging a rule gave.

use std::collections::{BTreeMap, BTreeSet};
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
    /// The rule as it was judged, where that depends on earlier runs: with numbers in place of its expressions over them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evaluated: Option<String>,
    /// Its line in the ruleset, from 1.
    pub line: usize,
    /// Whether it held.
    pub result: RuleResult,
    /// What was measured, under Glue's names.
    #[serde(with = "crate::json_number")]
    pub metrics: BTreeMap<String, f64>,
    /// Why it did not hold; or, of a rule that did, what could not be told yet.
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

/// What an analyzer measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AnalyzerOutcome {
    /// The analyzer in canonical form.
    pub analyzer: String,
    /// What was measured, under Glue's names.
    #[serde(with = "crate::json_number")]
    pub metrics: BTreeMap<String, f64>,
    /// Why something was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What judging a dataset gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// Of each rule, in order.
    pub outcomes: Vec<RuleOutcome>,
    /// Which of the rules could not be judged, wholly or in a part: by their places among the outcomes.
    pub unjudged: BTreeSet<usize>,
    /// Of each analyzer, in order.
    pub analyzers: Vec<AnalyzerOutcome>,
    /// All that was measured, under names that stay the same from run to run: what a later [`crate::History`] is made of.
    pub series: BTreeMap<String, f64>,
}

impl Evaluation {
    /// Whether a rule keeps the gate shut.
    pub fn closes_gate(&self) -> bool {
        self.outcomes.iter().any(RuleOutcome::closes_gate)
    }
}

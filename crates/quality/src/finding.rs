//! What judging a rule gives: its result, its metrics, and why it does not hold.

use std::collections::BTreeMap;

use lakegate_contract::{Class, Error, Result};

use crate::RuleResult;
use crate::ast::{Leaf, Node};
use crate::compare::number_holds;
use crate::condition::{Condition, NumberCondition};
use crate::keys::KeyCounts;
use crate::measure::{Reading, as_double};
use crate::metric;

/// What judging a leaf gave.
pub(crate) struct Finding {
    pub result: RuleResult,
    pub metrics: BTreeMap<String, f64>,
    pub message: Option<String>,
}

pub(crate) fn finding(
    holds: bool,
    metrics: impl IntoIterator<Item = (String, f64)>,
    message: Option<String>,
) -> Finding {
    let result = if holds { RuleResult::Pass } else { RuleResult::Fail };
    Finding { result, metrics: metrics.into_iter().collect(), message: message.filter(|_| !holds) }
}

/// An error and what to do about it, in one line.
pub(crate) fn told(error: &Error) -> String {
    match error.advice() {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    }
}

/// Sets apart what is wrong with a rule from what is wrong with the data.
pub(crate) fn its_own<T>(result: Result<T>) -> Result<std::result::Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.class() == Class::Usage => Ok(Err(told(&error))),
        Err(error) => Err(error),
    }
}

pub(crate) fn errored(message: String) -> Finding {
    Finding { result: RuleResult::Error, metrics: BTreeMap::new(), message: Some(message) }
}

/// A number against the rule's condition.
pub(crate) fn number(leaf: &Leaf, value: f64) -> Finding {
    let holds = match &leaf.condition {
        Some(Condition::Number(condition)) => number_holds(condition, value),
        _ => false,
    };
    finding(holds, [(metric::of(leaf), value)], Some(format!("it is {value}")))
}

pub(crate) fn optional(leaf: &Leaf, value: Option<f64>) -> Finding {
    match value {
        Some(value) => number(leaf, value),
        None => finding(false, [], Some("there is no value to measure".to_owned())),
    }
}

/// Of the different values, NULL left out: how many occur once; or how many there are, where NULL counts as one, as in the open
/// engine, whose histogram has a place for it.
pub(crate) fn distinct(leaf: &Leaf, counts: &KeyCounts) -> Finding {
    if leaf.name() == "DistinctValuesCount" {
        let null = u64::from(counts.nulls.first().is_some_and(|nulls| *nulls > 0));
        return optional(leaf, Some(as_double(counts.distinct + null)));
    }
    let ratio = (counts.distinct > 0).then(|| as_double(counts.once) / as_double(counts.distinct));
    optional(leaf, ratio)
}

/// Rows whose key other rows have too.
pub(crate) fn duplicates(leaf: &Leaf, counts: &KeyCounts) -> Finding {
    number(leaf, as_double(counts.keyed - counts.once))
}

/// Values that occur once over rows, rows whose columns are all NULL left out.
pub(crate) fn uniqueness(leaf: &Leaf, counts: &KeyCounts) -> Finding {
    let uniqueness = (counts.keyed > 0).then(|| as_double(counts.once) / as_double(counts.keyed));
    let mut metrics = BTreeMap::from_iter(uniqueness.map(|u| (metric::of_columns(&leaf.parameters, "Uniqueness"), u)));
    let mut holds = match &leaf.condition {
        Some(Condition::Number(condition)) => uniqueness.is_some_and(|u| number_holds(condition, u)),
        _ => uniqueness == Some(1.0),
    };
    let mut message = (!holds).then(|| match uniqueness {
        Some(u) => format!("uniqueness is {u}: {} of {} rows have a key of their own", counts.once, counts.keyed),
        None => "there is no row with a value".to_owned(),
    });
    if leaf.name() == "IsPrimaryKey" {
        for (column, nulls) in leaf.parameters.iter().zip(&counts.nulls) {
            let completeness = if counts.rows == 0 { 0.0 } else { 1.0 - as_double(*nulls) / as_double(counts.rows) };
            if *nulls > 0 || counts.rows == 0 {
                holds = false;
                message = Some(match counts.rows {
                    0 => "there are no rows".to_owned(),
                    rows => format!("column `{column}` holds NULL in {nulls} of {rows} rows"),
                });
            }
            metrics.insert(format!("Column.{column}.Completeness"), completeness);
        }
    }
    finding(holds, metrics, message)
}

pub(crate) fn complete(leaf: &Leaf, reading: &Reading) -> Finding {
    let metric = reading.ratio().map(|ratio| (metric::of(leaf), ratio));
    let nulls = reading.rows - reading.hits;
    finding(nulls == 0, metric, Some(format!("{nulls} of {} rows hold NULL", reading.rows)))
}

/// The share of rows that satisfy, and the extremes of what was compared. Without a condition, these alone.
pub(crate) fn compliance(leaf: &Leaf, reading: &Reading) -> Finding {
    let (least, greatest) = match leaf.name() {
        "ColumnLength" => ("MinimumLength", "MaximumLength"),
        _ => ("Minimum", "Maximum"),
    };
    let named = |name: &str| format!("Column.{}.{name}", leaf.column());
    let extremes = [(least, reading.extremes.minimum()), (greatest, reading.extremes.maximum())];
    let extremes = extremes.into_iter().filter_map(|(name, value)| Some((named(name), value?)));
    let mut found = match reading.ratio() {
        Some(ratio) => thresholded(leaf, ratio, reading.rows - reading.hits),
        None => finding(true, [], None),
    };
    found.metrics.extend(extremes);
    found
}

/// A fraction of rows against the rule's threshold: without one, all rows must satisfy.
pub(crate) fn thresholded(leaf: &Leaf, ratio: f64, broken: u64) -> Finding {
    let threshold: Option<&NumberCondition> = leaf.threshold.as_ref();
    let holds = threshold.map_or(broken == 0, |condition| number_holds(condition, ratio));
    finding(holds, [(metric::of(leaf), ratio)], Some(format!("{broken} rows do not satisfy it")))
}

/// Combines what the leaves gave, in their order.
pub(crate) fn combine(node: &Node, findings: &mut impl Iterator<Item = Finding>) -> Finding {
    let nodes = match node {
        Node::Leaf(_) => return findings.next().unwrap_or_else(|| errored("a rule was not judged".to_owned())),
        Node::And(nodes) | Node::Or(nodes) => nodes,
    };
    let parts: Vec<Finding> = nodes.iter().map(|n| combine(n, findings)).collect();
    let any = |result: RuleResult| parts.iter().any(|p| p.result == result);
    let result = match node {
        Node::Or(_) if any(RuleResult::Pass) => RuleResult::Pass,
        _ if any(RuleResult::Error) => RuleResult::Error,
        _ if any(RuleResult::Fail) => RuleResult::Fail,
        _ => RuleResult::Pass,
    };
    let messages: Vec<String> = parts.iter().filter_map(|p| p.message.clone()).collect();
    Finding {
        result,
        metrics: parts.into_iter().flat_map(|p| p.metrics).collect(),
        message: (result != RuleResult::Pass && !messages.is_empty()).then(|| messages.join("; ")),
    }
}

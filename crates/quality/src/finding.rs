//! What judging a rule gives: its result, its metrics, and why it does not hold.

use std::collections::BTreeMap;

use crate::RuleResult;
use crate::ast::{Leaf, Node};
use crate::compare::number_holds;
use crate::condition::{Condition, NumberCondition};
use crate::keys::KeyCounts;
use crate::measure::{Reading, as_double};

/// What judging a leaf gave.
pub(crate) struct Finding {
    pub result: RuleResult,
    pub metrics: BTreeMap<String, f64>,
    pub message: Option<String>,
}

fn metric_of(columns: &[String], name: &str) -> String {
    match columns {
        [only] => format!("Column.{only}.{name}"),
        _ => format!("Multicolumn.{}.{name}", columns.join(",")),
    }
}

pub(crate) fn finding(
    holds: bool,
    metrics: impl IntoIterator<Item = (String, f64)>,
    message: Option<String>,
) -> Finding {
    let result = if holds { RuleResult::Pass } else { RuleResult::Fail };
    Finding { result, metrics: metrics.into_iter().collect(), message: message.filter(|_| !holds) }
}

pub(crate) fn errored(message: String) -> Finding {
    Finding { result: RuleResult::Error, metrics: BTreeMap::new(), message: Some(message) }
}

/// A number against the rule's condition.
pub(crate) fn number(leaf: &Leaf, metric: &str, value: f64) -> Finding {
    let holds = match &leaf.condition {
        Some(Condition::Number(condition)) => number_holds(condition, value),
        _ => false,
    };
    finding(holds, [(metric.to_owned(), value)], Some(format!("it is {value}")))
}

pub(crate) fn optional(leaf: &Leaf, name: &str, value: Option<f64>) -> Finding {
    match value {
        Some(value) => number(leaf, &format!("Column.{}.{name}", leaf.column()), value),
        None => finding(false, [], Some("there is no value to measure".to_owned())),
    }
}

pub(crate) fn correlation(leaf: &Leaf, value: Option<f64>) -> Finding {
    match value {
        Some(value) => number(leaf, &metric_of(&leaf.parameters, "ColumnCorrelation"), value),
        None => finding(false, [], Some("there is no row with both values".to_owned())),
    }
}

/// Of the different values, NULL left out: how many occur once; or how many there are, where NULL counts as one, as in the open
/// engine, whose histogram has a place for it.
pub(crate) fn distinct(leaf: &Leaf, counts: &KeyCounts) -> Finding {
    if leaf.name() == "DistinctValuesCount" {
        let null = u64::from(counts.nulls.first().is_some_and(|nulls| *nulls > 0));
        return optional(leaf, "DistinctValuesCount", Some(as_double(counts.distinct + null)));
    }
    let ratio = (counts.distinct > 0).then(|| as_double(counts.once) / as_double(counts.distinct));
    optional(leaf, "UniqueValueRatio", ratio)
}

/// Rows whose key other rows have too.
pub(crate) fn duplicates(leaf: &Leaf, counts: &KeyCounts) -> Finding {
    let metric = match leaf.parameters.as_slice() {
        [] => "Dataset.*.DuplicateRowCount".to_owned(),
        columns => metric_of(columns, "DuplicateRowCount"),
    };
    number(leaf, &metric, as_double(counts.keyed - counts.once))
}

/// Values that occur once over rows, rows whose columns are all NULL left out.
pub(crate) fn uniqueness(leaf: &Leaf, counts: &KeyCounts) -> Finding {
    let uniqueness = (counts.keyed > 0).then(|| as_double(counts.once) / as_double(counts.keyed));
    let mut metrics = BTreeMap::from_iter(uniqueness.map(|u| (metric_of(&leaf.parameters, "Uniqueness"), u)));
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
                message = Some(format!("column `{column}` holds NULL in {nulls} of {} rows", counts.rows));
            }
            metrics.insert(format!("Column.{column}.Completeness"), completeness);
        }
    }
    finding(holds, metrics, message)
}

pub(crate) fn complete(leaf: &Leaf, reading: &Reading) -> Finding {
    let metric = reading.ratio().map(|ratio| (format!("Column.{}.Completeness", leaf.column()), ratio));
    let nulls = reading.rows - reading.hits;
    finding(nulls == 0, metric, Some(format!("{nulls} of {} rows hold NULL", reading.rows)))
}

pub(crate) fn compliance(leaf: &Leaf, reading: &Reading) -> Finding {
    let (name, ends) = match leaf.name() {
        "ColumnLength" => ("LengthCompliance", Some(("MinimumLength", "MaximumLength"))),
        "ColumnDataType" => ("ColumnDataType.Compliance", None),
        "DataFreshness" => ("DataFreshness.Compliance", None),
        _ => ("ColumnValues.Compliance", Some(("Minimum", "Maximum"))),
    };
    let Some(ratio) = reading.ratio() else { return finding(true, [], None) };
    let metric = |name: &str| format!("Column.{}.{name}", leaf.column());
    let mut found = thresholded(leaf, &metric(name), ratio, reading.rows - reading.hits);
    if let Some((least, greatest)) = ends {
        found.metrics.extend(reading.extremes.minimum().map(|value| (metric(least), value)));
        found.metrics.extend(reading.extremes.maximum().map(|value| (metric(greatest), value)));
    }
    found
}

/// A fraction of rows against the rule's threshold: without one, all rows must satisfy.
pub(crate) fn thresholded(leaf: &Leaf, metric: &str, ratio: f64, broken: u64) -> Finding {
    let threshold: Option<&NumberCondition> = leaf.threshold.as_ref();
    let holds = threshold.map_or(broken == 0, |condition| number_holds(condition, ratio));
    finding(holds, [(metric.to_owned(), ratio)], Some(format!("{broken} rows do not satisfy it")))
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

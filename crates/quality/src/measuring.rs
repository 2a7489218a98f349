//! What analyzers and `DetectAnomalies` measure: a rule's metric without its condition.

use std::collections::BTreeMap;

use arrow::datatypes::Schema;
use lakegate_contract::{Error, Result};

use crate::ast::{Analyzer, Leaf};
use crate::compare::is_text;
use crate::condition::{Comparison, Condition, NumberCondition, NumberOperand, Operator};
use crate::row::unknown_column;
use crate::rule_type::{RuleType, Takes};

/// What `DetectAnomalies` may be about (<https://docs.aws.amazon.com/glue/latest/dg/dqdl-rule-types-DetectAnomalies.html>), and the
/// measures of the open engine.
const WATCHED: [&str; 21] = [
    "RowCount",
    "Completeness",
    "Uniqueness",
    "Mean",
    "Sum",
    "StandardDeviation",
    "Entropy",
    "DistinctValuesCount",
    "UniqueValueRatio",
    "ColumnLength",
    "ColumnValues",
    "ColumnCorrelation",
    "CustomSql",
    "ColumnCount",
    "Variance",
    "Range",
    "InterquartileRange",
    "Skewness",
    "Kurtosis",
    "ZerosCount",
    "DuplicateRowCount",
];

/// A rule that measures and always holds.
fn measuring(name: &str, parameters: Vec<String>, start: usize) -> Result<Leaf> {
    let rule_type = RuleType::find(name).ok_or_else(|| Error::usage(format!("`{name}` measures nothing")))?;
    let (fewest, most) = rule_type.parameters;
    if !(fewest..=most).contains(&parameters.len()) {
        return Err(Error::usage(format!("`{name}` is given {} parameters", parameters.len()))
            .expected(if fewest == most { fewest.to_string() } else { format!("{fewest} or more") }));
    }
    let anything = Comparison::Compare(Operator::NotEqual, NumberOperand::Null);
    let condition = match rule_type.takes {
        Takes::Number | Takes::NumberOrNothing if name != "ColumnLength" => {
            Some(Condition::Number(NumberCondition { comparison: anything }))
        }
        _ => None,
    };
    Ok(Leaf { rule_type, parameters, condition, filter: None, threshold: None, tags: BTreeMap::new(), start })
}

/// What a `DetectAnomalies` rule measures.
///
/// # Errors
/// When its first parameter names nothing that can be watched, or the others do not fit it.
pub(crate) fn of_anomalies(leaf: &Leaf) -> Result<Leaf> {
    let name = match leaf.column() {
        "CustomSQL" => "CustomSql",
        other => other,
    };
    if !WATCHED.contains(&name) {
        return Err(Error::usage(format!("DetectAnomalies cannot watch `{name}`"))
            .expected(format!("one of {}", WATCHED.join(", ")))
            .suggesting(name, WATCHED));
    }
    measuring(name, leaf.parameters.iter().skip(1).cloned().collect(), leaf.start)
}

/// What an analyzer measures; nothing for `Distribution`, which is not the metric of a rule.
///
/// # Errors
/// When the schema has no such column.
pub(crate) fn of_analyzer(analyzer: &Analyzer, schema: &Schema) -> Result<Vec<Leaf>> {
    let column = analyzer.parameters.first().cloned().unwrap_or_default();
    if !matches!(analyzer.name, "Distribution" | "AllStatistics") {
        return Ok(vec![measuring(analyzer.name, analyzer.parameters.clone(), analyzer.start)?]);
    }
    let Ok(field) = schema.field_with_name(&column) else { return Err(unknown_column(&column, schema)) };
    if analyzer.name == "Distribution" {
        return Ok(Vec::new());
    }
    let mut names = vec!["Completeness", "Uniqueness"];
    if is_text(field.data_type()) {
        names.push("ColumnLength");
    }
    if field.data_type().is_numeric() {
        names.extend(["ColumnValues", "Mean", "Sum", "StandardDeviation", "Entropy"]);
    }
    let mut leaves = vec![measuring("RowCount", Vec::new(), analyzer.start)?];
    for name in names {
        leaves.push(measuring(name, vec![column.clone()], analyzer.start)?);
    }
    Ok(leaves)
}

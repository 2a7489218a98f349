//! The result as AWS Glue gives it: the response of GetDataQualityResult, in the AWS command line's JSON.
//!
//! <https://docs.aws.amazon.com/glue/latest/webapi/API_DataQualityResult.html>

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use lakegate_quality::{AnalyzerOutcome, RuleOutcome, json_metrics, json_number};
use serde_json::{Value, json};

use super::judgement::{Judgement, Standing};

/// The result. What Glue has no word for stands under `lakegate`.
pub fn to_json(judgement: &Judgement) -> Value {
    let passed = judgement.count(Standing::Passes);
    let mut aggregated = json!({
        "TotalRulesProcessed": judgement.outcomes.len(),
        "TotalRulesPassed": passed,
        "TotalRulesFailed": judgement.outcomes.len() - passed,
    });
    if let (Some(rows), Some(all)) = (&judgement.rows, aggregated.as_object_mut()) {
        all.insert("TotalRowsProcessed".to_owned(), rows.processed.into());
        all.insert("TotalRowsPassed".to_owned(), (rows.processed - rows.failed).into());
        all.insert("TotalRowsFailed".to_owned(), rows.failed.into());
    }
    json!({
        "ResultId": judgement.id,
        "Score": json_number(judgement.score()),
        "RulesetName": judgement.ruleset(),
        "StartedOn": time(judgement.started),
        "CompletedOn": time(judgement.completed),
        "RuleResults": (1..).zip(&judgement.outcomes).map(|(n, outcome)| rule_result(n, outcome)).collect::<Vec<_>>(),
        "AnalyzerResults": (1..).zip(&judgement.analyzers).map(|(n, outcome)| analyzer_result(n, outcome)).collect::<Vec<_>>(),
        "Observations": [],
        "AggregatedMetrics": aggregated,
        "lakegate": {
            "rules": judgement.rules,
            "data": judgement.data,
            "references": judgement.references.iter().cloned().collect::<BTreeMap<_, _>>(),
            "files": judgement.files,
            "version": judgement.version,
            "gate": if judgement.opens_gate() { "open" } else { "closed" },
            "row_outcomes": judgement.rows.as_ref().and_then(|rows| rows.row_outcomes.as_ref()),
            "bad_rows": judgement.rows.as_ref().and_then(|rows| rows.bad_rows.as_ref()),
        },
    })
}

/// Glue numbers the rules; its description is the rule as it was written.
fn rule_result(number_of_rule: usize, outcome: &RuleOutcome) -> Value {
    let measured = json_metrics(&outcome.metrics);
    let mut result = json!({
        "Name": format!("Rule_{number_of_rule}"),
        "Description": outcome.rule,
        "Result": outcome.result,
        "EvaluatedMetrics": measured,
        "EvaluatedRule": outcome.evaluated.as_ref().unwrap_or(&outcome.rule),
        "RuleMetrics": measured,
        "Labels": outcome.labels,
        "lakegate": { "line": outcome.line, "closes_gate": outcome.closes_gate() },
    });
    add_message(&mut result, outcome.message.as_deref());
    result
}

fn analyzer_result(number_of_analyzer: usize, outcome: &AnalyzerOutcome) -> Value {
    let measured = json_metrics(&outcome.metrics);
    let mut result = json!({
        "Name": format!("Analyzer_{number_of_analyzer}"),
        "Description": outcome.analyzer,
        "EvaluatedMetrics": measured,
    });
    add_message(&mut result, outcome.message.as_deref());
    result
}

fn add_message(result: &mut Value, message: Option<&str>) {
    if let (Some(message), Some(result)) = (message, result.as_object_mut()) {
        result.insert("EvaluationMessage".to_owned(), message.into());
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

#[cfg(test)]
mod tests {
    use super::super::judgement::tests::example;
    use super::*;

    #[test]
    fn the_result_has_glues_names() {
        let mut result = to_json(&example());
        let rules = result.as_object_mut().and_then(|result| result.remove("RuleResults")).unwrap();
        assert_eq!(rules.as_array().unwrap().len(), 4);
        insta::assert_snapshot!(format!("{result:#}"), @r#"
        {
          "AggregatedMetrics": {
            "TotalRowsFailed": 1,
            "TotalRowsPassed": 2,
            "TotalRowsProcessed": 3,
            "TotalRulesFailed": 3,
            "TotalRulesPassed": 1,
            "TotalRulesProcessed": 4
          },
          "AnalyzerResults": [],
          "CompletedOn": "2026-03-01T00:00:02.250000+00:00",
          "Observations": [],
          "ResultId": "dqresult-01",
          "RulesetName": "orders",
          "Score": 0.25,
          "StartedOn": "2026-03-01T00:00:00.250000+00:00",
          "lakegate": {
            "bad_rows": "bad.csv",
            "data": "orders, 50%.csv",
            "files": 1,
            "gate": "closed",
            "references": {
              "users": "users.csv"
            },
            "row_outcomes": null,
            "rules": "rules/orders.dqdl",
            "version": null
          }
        }
        "#);
    }

    #[test]
    fn a_rule_has_glues_names() {
        let result = to_json(&example());
        insta::assert_snapshot!(format!("{:#}", result["RuleResults"][2]), @r#"
        {
          "Description": "Mean \"amount\" > 100",
          "EvaluatedMetrics": {
            "Column.amount.Mean": 10.5
          },
          "EvaluatedRule": "Mean \"amount\" > 100",
          "EvaluationMessage": "it is 10.5",
          "Labels": {
            "gate": "warn"
          },
          "Name": "Rule_3",
          "Result": "FAIL",
          "RuleMetrics": {
            "Column.amount.Mean": 10.5
          },
          "lakegate": {
            "closes_gate": false,
            "line": 5
          }
        }
        "#);
        assert!(result["RuleResults"][0].get("EvaluationMessage").is_none());
    }
}

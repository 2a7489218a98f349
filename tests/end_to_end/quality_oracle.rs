//! What `lakegate quality` measures, beside what DuckDB measures: every rule type with a metric.

use std::path::Path;

use serde_json::Value;

use crate::support::{binary, lakegate, python, real_data, repository, run_python};

/// Generated data: NULL, NaN, negative zero, values that are large and near each other, texts of several scripts.
#[test]
fn rules_measure_what_another_engine_does() {
    let Some(python) = python() else { return };
    assert!(differences(&python, &["generated"]) > 300);
}

/// Real data: the tables of a marketplace.
#[test]
fn rules_measure_what_another_engine_does_of_real_data() {
    let (Some(python), Some(olist)) = (python(), real_data("olist")) else { return };
    assert!(differences(&python, &["olist", olist.to_str().unwrap()]) > 300);
}

/// Which rows break which rule, in files of several types: rules about keys, other datasets, statements, and combinations.
#[test]
fn rows_that_break_a_rule_are_those_of_another_engine() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = repository().join("tests/oracle/quality_oracle_rows.py");
    let arguments = [binary().to_str().unwrap().to_owned(), folder.path().to_str().unwrap().to_owned()];
    let told = run_python(&python, &script, &arguments.each_ref().map(String::as_str)).expect_code(0).json();
    let differences: Vec<&str> = told["differences"].as_array().unwrap().iter().map(|d| d.as_str().unwrap()).collect();
    assert!(differences.is_empty(), "{} of {}:\n{}", differences.len(), told["rules"], differences.join("\n"));
    assert!(told["rules"].as_u64().unwrap() > 150);
}

/// Fails the test with all that differs; gives the number of rules.
fn differences(python: &str, part: &[&str]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let script = repository().join("tests/oracle/quality_oracle.py");
    let arguments = [&part[..1], &[folder.path().to_str().unwrap()], &part[1..]].concat();
    let runs = run_python(python, &script, &arguments).expect_code(0).json();
    let mut differences = Vec::new();
    let mut rules = 0;
    for run in runs.as_array().unwrap() {
        let cases = run["cases"].as_array().unwrap();
        let results = judged(folder.path(), run);
        assert_eq!(results.len(), cases.len());
        differences.extend(cases.iter().zip(&results).filter_map(|(case, result)| difference(case, result)));
        rules += cases.len();
    }
    assert!(differences.is_empty(), "{} of {rules}:\n{}", differences.len(), differences.join("\n"));
    rules
}

fn judged(folder: &Path, run: &Value) -> Vec<Value> {
    let rules: Vec<&str> = run["cases"].as_array().unwrap().iter().map(|case| case["rule"].as_str().unwrap()).collect();
    std::fs::write(folder.join("rules.dqdl"), format!("Rules = [\n{}\n]", rules.join(",\n"))).unwrap();
    let references = run["references"].as_object().unwrap().iter();
    let references: Vec<String> =
        references.map(|(alias, file)| format!("{alias}={}", file.as_str().unwrap())).collect();
    let mut arguments = vec!["quality", "--data", run["data"].as_str().unwrap(), "--rules", "rules.dqdl", "--json"];
    references.iter().for_each(|reference| arguments.extend(["--ref", reference]));
    // Some of the rules fail.
    lakegate(folder, &arguments).expect_code(3).json()["RuleResults"].as_array().unwrap().clone()
}

fn difference(case: &Value, result: &Value) -> Option<String> {
    let measured = &result["EvaluatedMetrics"][case["metric"].as_str().unwrap()];
    let near = match (case["value"].as_f64(), measured.as_f64()) {
        (Some(value), Some(ours)) => (value - ours).abs() <= 1e-9 * value.abs(),
        _ => case["value"] == *measured,
    };
    let same = near && case["result"] == result["Result"];
    (!same).then(|| {
        format!(
            "{}: DuckDB has {} and {}, found {} ({}) and {}",
            case["rule"], case["value"], case["result"], result["EvaluatedMetrics"], case["metric"], result["Result"]
        )
    })
}

//! What the rules of a table measured in earlier runs: `system/metrics/table=<table>/dt=…/<run>.json`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lakegate_contract::{Result, TableName};
use lakegate_lake::{Lake, RunId};
use lakegate_quality::History;
use serde_json::{Value, json};

fn kind(table: &TableName) -> String {
    format!("metrics/table={table}")
}

/// What the newest `runs` runs that published the table measured.
///
/// # Errors
/// When their records cannot be read.
pub(crate) async fn earlier(lake: &Lake, table: &TableName, runs: usize) -> Result<History> {
    let mut history = History::new();
    if runs == 0 {
        return Ok(history);
    }
    // A record is one run: its lines have one time.
    for line in lake.system_records(&kind(table), runs).await? {
        let field = |name: &str| line.get(name);
        let at = field("at").and_then(Value::as_str).and_then(|at| at.parse::<DateTime<Utc>>().ok());
        let name = field("series").and_then(Value::as_str);
        if let (Some(at), Some(name), Some(value)) = (at, name, field("value").and_then(Value::as_f64)) {
            history.add_older(at, [(name.to_owned(), value)]);
        }
    }
    Ok(history)
}

/// Keeps what a run has measured, one value a line. Numbers that JSON lacks are left out.
///
/// # Errors
/// When it cannot be written.
pub(crate) async fn keep(
    lake: &Lake,
    table: &TableName,
    run: RunId,
    at: DateTime<Utc>,
    measured: &BTreeMap<String, f64>,
) -> Result<()> {
    let line = |(series, value): (&String, &f64)| json!({ "run": run, "at": at, "series": series, "value": value });
    let lines: Vec<Value> = measured.iter().filter(|(_, value)| value.is_finite()).map(line).collect();
    if lines.is_empty() {
        return Ok(());
    }
    lake.append_system_record(&kind(table), at.date_naive(), run, &lines).await
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use lakegate_quality::{DatasetRules, Options, Scope, parse};

    use super::*;

    #[tokio::test]
    async fn the_newest_runs_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap()).unwrap();
        let (table, other) = (TableName::new("orders").unwrap(), TableName::new("users").unwrap());
        let now = Utc::now();
        for (table, days, rows) in [(&table, 3, 10.0), (&table, 2, 20.0), (&table, 1, 30.0), (&other, 1, 7.0)] {
            let at = now - TimeDelta::days(days);
            let measured =
                BTreeMap::from([("Dataset.*.RowCount".to_owned(), rows), ("Column.a.Mean".to_owned(), f64::NAN)]);
            keep(&lake, table, RunId::of(at), at, &measured).await.unwrap();
        }
        // Two runs: 30 and 20, so one row is not more than their mean, and 25 would be.
        let history = earlier(&lake, &table, 2).await.unwrap();
        let ruleset = parse("Rules = [ RowCount > avg(last(9)) ]", "t").unwrap();
        let batch = arrow::array::RecordBatch::try_from_iter([(
            "a",
            std::sync::Arc::new(arrow::array::Int64Array::from(vec![1])) as arrow::array::ArrayRef,
        )])
        .unwrap();
        let context = datafusion::prelude::SessionContext::new();
        context.register_batch("primary", batch.clone()).unwrap();
        let rules = DatasetRules::compile(&ruleset, batch.schema(), Scope::Whole, &Options::default()).unwrap();
        let outcome = rules.evaluate(&context, &history).await.unwrap().outcomes.swap_remove(0);
        assert_eq!(outcome.evaluated.as_deref(), Some("RowCount > 25"));
        assert!(earlier(&lake, &table, 0).await.unwrap().is_empty());
    }
}

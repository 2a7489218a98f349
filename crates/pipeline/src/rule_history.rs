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

/// What the newest `runs` runs of the table measured.
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
            let value = [(name.to_owned(), value)];
            match field("gate").and_then(Value::as_str) {
                Some("closed") => history.add_older_refused(at, value),
                _ => history.add_older(at, value),
            }
        }
    }
    Ok(history)
}

/// Keeps what a run has measured, one value a line, and whether its gate opened. Numbers that JSON lacks are left out.
///
/// # Errors
/// When it cannot be written.
pub(crate) async fn keep(
    lake: &Lake,
    table: &TableName,
    run: RunId,
    at: DateTime<Utc>,
    open: bool,
    measured: &BTreeMap<String, f64>,
) -> Result<()> {
    let gate = if open { "open" } else { "closed" };
    let line = |(series, value): (&String, &f64)| json!({ "run": run, "at": at, "gate": gate, "series": series, "value": value });
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
            keep(&lake, table, RunId::of(at), at, true, &measured).await.unwrap();
        }
        let refused = BTreeMap::from([("Dataset.*.RowCount".to_owned(), 1e6)]);
        let at = now - TimeDelta::hours(1);
        keep(&lake, &table, RunId::of(at), at, false, &refused).await.unwrap();
        // The newest three, of which one was refused: 30 and 20, so one row is not more than their mean, and 25 would be.
        let history = earlier(&lake, &table, 3).await.unwrap();
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

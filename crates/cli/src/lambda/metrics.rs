//! Metrics of runs in CloudWatch's embedded format: a JSON object a line on standard output, which CloudWatch Logs makes metrics
//! of. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use lakegate_contract::JobName;
use lakegate_pipeline::{JobReport, Outcome, Phase, Progress, RunRecord};
use serde_json::{Value, json};

use crate::output;

const NAMESPACE: &str = "lakegate";

/// Writes the metrics of each run that has ended.
pub struct Metrics;

impl Progress for Metrics {
    fn phase(&self, _job: &JobName, _phase: Phase) {}

    fn planned(&self, _job: &JobName, _bytes: Option<u64>, _rows: Option<u64>) {}

    fn advanced(&self, _job: &JobName, _rows: u64, _bytes: u64) {}

    fn finished(&self, job: &JobName, report: &JobReport) {
        for notice in &report.notices {
            tracing::warn!(%job, "{notice}");
        }
        // Whoever reads the logs is not there to be told that they cannot be written.
        let _ = output::print(&of_run(&report.record).to_string());
    }
}

/// Writes the metrics of a batch of Firehose's records.
pub fn of_batch(job: &str, records: usize, failed: usize) {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let metrics = [("records", "Count", count(records)), ("failed_records", "Count", count(failed))];
    let _ = output::print(&line(job, chrono::Utc::now().timestamp_millis(), &metrics).to_string());
}

fn of_run(record: &RunRecord) -> Value {
    let metrics = [
        ("rows_in", "Count", record.rows_in),
        ("rows_out", "Count", record.rows_out),
        ("bad_rows", "Count", record.rows_quarantined),
        ("bytes_in", "Bytes", record.bytes_in),
        ("bytes_out", "Bytes", record.bytes_out),
        ("duration", "Milliseconds", record.timings.total),
        ("gate_closed", "Count", u64::from(record.outcome == Outcome::GateClosed)),
        ("failed", "Count", u64::from(record.exit_code != 0)),
    ];
    let mut line = line(&record.job, record.ended_at.timestamp_millis(), &metrics);
    if let Some(members) = line.as_object_mut() {
        members.insert("run".to_owned(), json!(record.run));
        members.insert("outcome".to_owned(), json!(record.outcome));
    }
    line
}

fn line(job: &str, milliseconds: i64, metrics: &[(&str, &str, u64)]) -> Value {
    let definitions: Vec<Value> = metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": milliseconds,
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["job"]], "Metrics": definitions }],
        },
        "job": job,
    });
    if let Some(members) = line.as_object_mut() {
        members.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), (*value).into())));
    }
    line
}

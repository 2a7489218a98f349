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

    fn finished(&self, _job: &JobName, report: &JobReport) {
        // Whoever reads the logs is not there to be told that they cannot be written.
        let _ = output::print(&of_run(&report.record).to_string());
    }
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
    let definitions: Vec<Value> = metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": record.ended_at.timestamp_millis(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["job"]], "Metrics": definitions }],
        },
        "job": record.job,
        "run": record.run,
        "outcome": record.outcome,
    });
    if let Some(members) = line.as_object_mut() {
        members.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), (*value).into())));
    }
    line
}

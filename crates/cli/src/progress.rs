//! Progress bars on a terminal; nothing on a pipe.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lakegate_contract::JobName;
use lakegate_pipeline::{JobReport, Phase, Progress};

/// One line per running job on standard error.
pub struct Bars {
    all: MultiProgress,
    jobs: Mutex<BTreeMap<String, JobBar>>,
}

struct JobBar {
    bar: ProgressBar,
    rows: u64,
}

impl Bars {
    /// Bars that are drawn only when standard error is a terminal and `quiet` is not asked for.
    pub fn new(quiet: bool) -> Self {
        let visible = std::io::stderr().is_terminal() && !quiet;
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { all: MultiProgress::with_draw_target(target), jobs: Mutex::default() }
    }

    fn with(&self, job: &JobName, change: impl FnOnce(&mut JobBar)) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = jobs.entry(job.to_string()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new_spinner().with_style(spinner_style()));
            bar.set_prefix(job.to_string());
            bar.enable_steady_tick(Duration::from_millis(120));
            JobBar { bar, rows: 0 }
        });
        change(entry);
    }
}

impl Progress for Bars {
    fn phase(&self, job: &JobName, phase: Phase) {
        self.with(job, |entry| entry.bar.set_message(phase.to_string()));
    }

    fn planned(&self, job: &JobName, bytes: Option<u64>, rows: Option<u64>) {
        self.with(job, |entry| match (bytes, rows) {
            (Some(bytes), _) if bytes > 0 => {
                entry.bar.set_length(bytes);
                entry.bar.set_style(bar_style("{bytes}/{total_bytes}"));
            }
            (_, Some(rows)) if rows > 0 => {
                entry.bar.set_length(rows);
                entry.bar.set_style(bar_style("{human_pos}/{human_len} rows"));
            }
            _ => {}
        });
    }

    fn advanced(&self, job: &JobName, rows: u64, bytes: u64) {
        self.with(job, |entry| {
            entry.rows += rows;
            entry.bar.inc(if bytes > 0 { bytes } else { rows });
        });
    }

    fn finished(&self, job: &JobName, _report: &JobReport) {
        self.with(job, |entry| entry.bar.finish_and_clear());
    }
}

fn spinner_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:>18} {spinner} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bar_style(amount: &str) -> ProgressStyle {
    let template = format!("{{prefix:>18}} [{{bar:30}}] {amount} {{elapsed}} {{wide_msg}}");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

//! Reading every split, on as many threads as there are workers.

use std::sync::Arc;

use chrono::Utc;
use lakegate_contract::{Class, Error, Result};
use lakegate_lake::{QuarantineLabel, QuarantineSummary, Staged, StagedWriter, WriteMode, WriterOptions};
use lakegate_redaction::{Finding, RedactionState};
use tokio::task::JoinHandle;

use super::Attempt;
use super::audit::Audit;
use super::shared::{Shared, Totals, work, workers_of};
use crate::source::{Plan, Source};
use crate::{GuardMode, LoadMode, RowMode};

impl Attempt<'_> {
    /// Reads, redacts, judges and stages; closes the gate on too many bad rows.
    pub(super) async fn extract(&mut self, source: Arc<dyn Source>, plan: &Plan) -> Result<(Staged, Audit)> {
        let shared = Arc::new(self.shared(plan)?);
        let bytes = plan.splits.iter().map(|s| s.bytes).sum();
        self.options.progress.planned(&self.context.definition.name, bytes, plan.estimated_rows);
        let read = run_workers(&shared, &source, workers_of(self.context, plan)).await;
        let Some(shared) = Arc::into_inner(shared) else {
            self.left_writing = true;
            return Err(read.err().unwrap_or_else(|| Error::bug("a worker still runs")));
        };
        let totals = shared.totals();
        self.record.findings = shared.guard.as_ref().map(|g| g.findings()).unwrap_or_default();
        match read {
            Ok(()) => {}
            // People will want to see the rows that closed it.
            Err(error) if error.class() == Class::GateClosed => {
                let summary = shared.quarantine.finish().await?;
                let summary = self.keep_or_discard(&shared, summary).await?;
                self.note(&totals, &summary);
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        let cancellation = self.options.cancellation.clone();
        let summary = cancellation.or(shared.quarantine.finish()).await?;
        let summary = self.keep_or_discard(&shared, summary).await?;
        self.note(&totals, &summary);
        self.tell_unread(source.as_ref())?;
        self.gate_on_findings()?;
        let (audit, staged) = (shared.audit, self.staged(shared.writer).await?);
        (self.record.rows_out, self.record.bytes_out) = (staged.rows, staged.bytes);
        conserve(&totals, &summary, &staged)?;
        self.gate_on_rows(&totals)?;
        self.gate_on_nothing(&totals, &staged)?;
        Ok((staged, audit))
    }

    /// What was written. Its writers run on threads of their own: when the run is asked to stop, they have a moment to end.
    pub(super) async fn staged(&mut self, writer: StagedWriter) -> Result<Staged> {
        let cancellation = self.options.cancellation.clone();
        tokio::select! {
            staged = writer.finish() => staged,
            error = cancellation.asked_and_waited() => {
                self.left_writing = true;
                Err(error)
            }
        }
    }

    /// A table must not become empty because nothing was left to publish.
    fn gate_on_nothing(&self, totals: &Totals, staged: &Staged) -> Result<()> {
        let definition = &self.context.definition;
        if staged.rows > 0 || definition.mode == LoadMode::Append || definition.gate.allow_empty {
            return Ok(());
        }
        let found = if totals.records == totals.excluded {
            Error::bad_input("the job leaves out every record").at(format!("job {}", definition.name))
        } else {
            self.closed(format!("none of {} rows is left to publish: {}", totals.records, worst(totals)))
        };
        Err(found.help("if that is right, set allow_empty = true under [gate] of the job"))
    }

    /// What looks sensitive may stand in refused rows too: with a finding that closes the gate they are not kept.
    pub(super) async fn keep_or_discard(
        &self,
        shared: &Shared,
        summary: QuarantineSummary,
    ) -> Result<QuarantineSummary> {
        if self.record.findings.is_empty() || self.context.definition.gate.guard == GuardMode::Warn {
            return Ok(summary);
        }
        shared.quarantine.discard().await?;
        Ok(QuarantineSummary { path: None, ..summary })
    }

    /// Columns that were met on the way and that the contract does not name.
    fn tell_unread(&mut self, source: &dyn Source) -> Result<()> {
        let unread = source.met_unread();
        self.record.unread_columns.extend(unread.iter().cloned());
        self.refuse_or_tell(&unread)
    }

    /// What workers share; `self.record` says by then whether the run is a replay.
    pub(super) fn shared(&self, plan: &Plan) -> Result<Shared> {
        let context = self.context;
        let options = WriterOptions {
            memory_budget: context.memory_limit / 3,
            row_group_size: (context.memory_limit / 8).clamp(8 << 20, 64 << 20),
            lanes: context.workers,
            ..WriterOptions::default()
        };
        let writer = context.lake.stage(
            &context.contract,
            context.time_zone,
            self.run,
            write_mode(context.definition.mode),
            options,
        )?;
        let today = Utc::now().with_timezone(&context.time_zone).date_naive();
        let label = QuarantineLabel {
            job: context.definition.name.to_string(),
            redaction: RedactionState::of(&context.contract, &context.keys),
            replays: self.record.replays.clone(),
        };
        let quarantine = context.lake.quarantine(&context.contract, self.run, label);
        Shared::new(context, plan, writer, quarantine, today, self.options)
    }

    pub(super) fn note(&mut self, totals: &Totals, summary: &QuarantineSummary) {
        self.record.rows_in = totals.records;
        self.record.rows_quarantined = summary.rows + summary.rejected;
        self.record.rows_excluded = totals.excluded;
        self.record.rows_flagged = totals.flagged;
        self.record.bytes_in = totals.bytes;
        self.record.refused = totals.refused.clone();
        self.record.values_nulled = totals.nulled.clone();
        let warned = totals.warned.iter().map(|(rule, rows)| format!("{rows} rows break {rule} (gate: warn)"));
        let nulled = totals.nulled.iter().map(|(column, values)| {
            format!("{values} values of column {column} do not fit its treatment and became NULL")
        });
        self.notices.extend(warned.chain(nulled));
        self.record.quarantine = summary.path.clone();
    }

    fn gate_on_rows(&self, totals: &Totals) -> Result<()> {
        let gate = &self.context.definition.gate;
        if totals.records == 0 && !gate.allow_empty {
            return Err(Error::bad_input("the input has no rows")
                .at(format!("job {}", self.context.definition.name))
                .help("if that is right, set allow_empty = true under [gate] of the job"));
        }
        let bad = self.record.rows_quarantined;
        let too_many = match gate.rows {
            RowMode::Refuse => bad > 0,
            _ => gate.max_bad_rows.is_exceeded(bad, bad + self.record.rows_out),
        };
        if too_many {
            let limit = if gate.rows == RowMode::Refuse {
                "rows = \"refuse\"".to_owned()
            } else {
                format!("max_bad_rows = \"{}\"", gate.max_bad_rows)
            };
            return Err(self
                .closed(format!("{bad} of {} rows are bad: {}", bad + self.record.rows_out, worst(totals)))
                .expected(format!("no more than {limit} allows"))
                .help("see the refused rows in the quarantine of the run; correct the source, the rules, or [gate] of the job"));
        }
        Ok(())
    }

    pub(super) fn gate_on_findings(&self) -> Result<()> {
        if self.context.definition.gate.guard == GuardMode::Warn {
            for finding in &self.record.findings {
                tracing::warn!(job = %self.context.definition.name, "{}", looks_like(finding));
            }
            return Ok(());
        }
        let Some(finding) = self.record.findings.first() else { return Ok(()) };
        let found: Vec<String> = self.record.findings.iter().map(looks_like).collect();
        Err(self.closed(found.join("; ")).help(format!(
            "drop or treat the column in schemas/{}.toml, or say there that it may: contains = [\"{}\"]",
            self.context.contract.table(),
            finding.detector.as_str()
        )))
    }

    /// An error that says that the gate stayed closed.
    pub(super) fn closed(&self, found: impl Into<String>) -> Error {
        Error::new(Class::GateClosed, format!("the gate stayed closed: {}", found.into()))
            .at(format!("job {}", self.context.definition.name))
    }
}

fn looks_like(finding: &Finding) -> String {
    format!(
        "column `{}` looks as if it held {} values: {} of {} sampled",
        finding.column,
        finding.detector.as_str(),
        finding.hits,
        finding.sampled
    )
}

/// How the lake carries out a job's mode.
pub(super) fn write_mode(mode: LoadMode) -> WriteMode {
    match mode {
        LoadMode::Replace => WriteMode::Replace,
        LoadMode::Append => WriteMode::Append,
    }
}

/// What is wrong with most bad rows.
fn worst(totals: &Totals) -> String {
    const SHOWN: usize = 3;
    let mut refused: Vec<(&String, &u64)> = totals.refused.iter().collect();
    refused.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let shown: Vec<String> = refused.iter().take(SHOWN).map(|(rule, count)| format!("{count} by `{rule}`")).collect();
    let more = refused.len().saturating_sub(SHOWN);
    if more > 0 { format!("{} and {more} more rules", shown.join(", ")) } else { shown.join(", ") }
}

/// Workers run on threads of their own: what they compute never keeps the runtime from its timers and sockets.
async fn run_workers(shared: &Arc<Shared>, source: &Arc<dyn Source>, count: usize) -> Result<()> {
    let handle = tokio::runtime::Handle::current();
    let workers: Vec<_> = (0..count)
        .map(|_| {
            let (shared, source, handle) = (Arc::clone(shared), Arc::clone(source), handle.clone());
            tokio::task::spawn_blocking(move || {
                let result = handle.block_on(shared.cancellation().or(work(&shared, source.as_ref())));
                if result.is_err() {
                    shared.stop();
                }
                result
            })
        })
        .collect();
    // One that waits for a read that never ends is left to it: when it wakes, it finds that it is to stop.
    tokio::select! {
        result = all_of(workers) => result,
        error = shared.cancellation().asked_and_waited() => Err(error),
    }
}

async fn all_of(workers: Vec<JoinHandle<Result<()>>>) -> Result<()> {
    let mut first_error = None;
    for worker in workers {
        let result = worker.await.unwrap_or_else(|_| Err(Error::bug("a worker has stopped")));
        if let Err(error) = result {
            // Workers that stopped because another failed have nothing to add.
            let replaced = first_error.as_ref().is_none_or(|known: &Error| known.class() == Class::Interrupted);
            if replaced {
                first_error = Some(error);
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}

/// Rows in = rows out + quarantined + excluded, or nothing is published.
pub(super) fn conserve(totals: &Totals, summary: &QuarantineSummary, staged: &Staged) -> Result<()> {
    let accounted = staged.rows + summary.rows + summary.rejected + totals.excluded;
    if accounted == totals.records {
        return Ok(());
    }
    Err(Error::bug(format!(
        "{} records were read, and {} staged, {} quarantined, {} undecodable and {} excluded ones make {accounted}",
        totals.records, staged.rows, summary.rows, summary.rejected, totals.excluded
    ))
    .help("nothing was published; please report this"))
}

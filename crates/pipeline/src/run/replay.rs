//! Judging the quarantine again, by today's rules: what passes is published as an append, the rest stays.
//!
//! The commit is what marks a quarantine as replayed: it names the runs, and each becomes an application transaction of the log. So
//! there is no moment between publishing and marking. Rows that are refused once more, and records that were never decoded, stand
//! in the replay's own quarantine from then on; before the commit nobody counts them there, since the replay has published nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use arrow::compute::not;
use futures::TryStreamExt as _;
use lakegate_contract::{Class, Error, Result};
use lakegate_lake::{Fate, Head, Quarantine, QuarantineFile, QuarantinedRows, RunId, RunInfo, Staged, WriteMode};
use lakegate_quality::RuleOutcome;
use lakegate_redaction::{OriginUnit, Restorer};
use tracing::Instrument as _;

use super::audit::Audit;
use super::extract::conserve;
use super::shared::Shared;
use super::{Attempt, JobContext, JobReport, RunOptions, milliseconds, refuse_if_moved_on};
use crate::files::identity_of;
use crate::quarantine::{Tally, is_leftover, none_of, tally};
use crate::record::shortened;
use crate::source::{Bookmark, InputObject, Plan, Rejected, Split};
use crate::{LoadMode, Outcome, Phase};

/// Which quarantines are judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaySelection {
    /// That of the newest run with rows that wait.
    Newest,
    /// That of this run.
    Run(RunId),
    /// All that wait.
    All,
}

/// How quarantines are judged again.
#[derive(Debug, Clone, Copy)]
pub struct ReplayOptions {
    /// Which.
    pub selection: ReplaySelection,
    /// All happens but the commit, and nothing remains of it.
    pub rehearse: bool,
    /// Dataset rules that do not hold are told and close nothing, but for those over keys: a few rows are no measure of a table.
    pub rules_warn: bool,
}

/// A quarantine that was judged again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ReplayedRun {
    /// The run that had refused the rows.
    pub run: RunId,
    /// Rows that were judged.
    pub rows: u64,
    /// Records that could not be decoded: nothing is there to be judged.
    pub undecodable: u64,
}

/// How a replay went.
#[derive(Debug)]
pub struct Replay {
    /// As of any run. Of a rehearsal, nothing is left in the lake.
    pub report: JobReport,
    /// What was judged again.
    pub runs: Vec<ReplayedRun>,
    /// Other runs with rows that wait.
    pub waiting: usize,
}

impl Replay {
    /// Rows that were judged.
    pub fn judged(&self) -> u64 {
        self.runs.iter().map(|run| run.rows).sum()
    }

    /// Records that could not be decoded.
    pub fn undecodable(&self) -> u64 {
        self.runs.iter().map(|run| run.undecodable).sum()
    }

    /// Rows that are refused once more.
    pub fn refused(&self) -> u64 {
        self.report.record.rows_quarantined.saturating_sub(self.undecodable())
    }
}

/// A quarantine that is to be judged again.
struct Chosen {
    file: QuarantineFile,
    quarantine: Quarantine,
    restorer: Restorer,
    tally: Tally,
}

/// Judges quarantines of a job's table again, and publishes what passes.
pub async fn replay_quarantine(context: &JobContext, how: ReplayOptions, options: &RunOptions) -> Replay {
    let mut attempt = Attempt::new(context, options);
    (attempt.rehearsed, attempt.rules_warn) = (how.rehearse, how.rules_warn);
    let span = tracing::error_span!("replay", job = %context.definition.name, run = %attempt.run);
    async {
        let (mut runs, mut waiting) = (Vec::new(), 0);
        let result = attempt.replay(how.selection, &mut runs, &mut waiting).await;
        Replay { report: attempt.finish(result).await, runs, waiting }
    }
    .instrument(span)
    .await
}

impl Attempt<'_> {
    async fn replay(
        &mut self,
        selection: ReplaySelection,
        runs: &mut Vec<ReplayedRun>,
        waiting: &mut usize,
    ) -> Result<Outcome> {
        let (lake, contract) = (&self.context.lake, &self.context.contract);
        self.refuse_replacing()?;
        self.phase(Phase::Plan);
        let _lock = lake.lock(contract.table())?;
        let cancellation = self.options.cancellation.clone();
        let began = Instant::now();
        let (before, lagging) = self.begin().await?;
        let (chosen, others) = cancellation.or(self.choose(selection)).await?;
        *waiting = others;
        runs.extend(chosen.iter().map(Chosen::summary));
        self.record.outcome = Outcome::Unchanged;
        if chosen.is_empty() {
            return lagging.map_or(Ok(Outcome::Unchanged), Err);
        }
        self.notices.extend(lagging.map(|error| error.to_string()));
        let plan = plan_of(&chosen);
        self.note_plan(&plan, &chosen, before.as_ref());
        self.refuse_mixed_redaction(&plan, before.as_ref()).map_err(|e| e.help(AFRESH))?;
        let head = cancellation.or(lake.head_for(contract, WriteMode::Append)).await?;
        refuse_if_moved_on(before.as_ref(), head.as_ref(), &self.context.definition)?;
        self.record.timings.plan = milliseconds(began);
        cancellation.or(lake.note_open(contract.table(), self.run)).await?;
        let result = self.load_again(chosen, &plan, before, head.as_ref()).await;
        if !matches!(&result, Err(error) if error.class() == Class::CommitUnknown) {
            self.clear_up_replay(matches!(result, Ok(Outcome::Published))).await;
        }
        self.record.outcome = result?;
        if self.record.outcome == Outcome::Published {
            self.mirror().await?;
        }
        Ok(self.record.outcome)
    }

    /// What a job that replaces has refused, its next run reads again.
    fn refuse_replacing(&self) -> Result<()> {
        let definition = &self.context.definition;
        if definition.mode == LoadMode::Append {
            return Ok(());
        }
        Err(Error::usage(format!("job {} replaces its table: every run reads the refused rows anew", definition.name))
            .at(format!("jobs/{}.toml", definition.name))
            .expected("a job with mode = \"append\", whose runs read each file once")
            .help(format!("run the job again: `lakegate run {} --force`", definition.name)))
    }

    /// The quarantines to judge again, and how many others wait.
    async fn choose(&mut self, selection: ReplaySelection) -> Result<(Vec<Chosen>, usize)> {
        let (lake, table) = (&self.context.lake, self.context.contract.table());
        let mut files = lake.quarantine_files(Some(table)).await?;
        if let ReplaySelection::Run(run) = selection {
            files.retain(|file| file.run == run);
            if files.is_empty() {
                return Err(none_of(table, run));
            }
        }
        let runs: BTreeSet<RunId> = files.iter().map(|file| file.run).collect();
        let fates = lake.fates(table, &runs).await?;
        let mut waiting = Vec::new();
        for file in files {
            let fate = fates.get(&file.run).copied().unwrap_or(Fate::Unknown);
            if fate == Fate::Unpublished && is_leftover(&lake.open_quarantine(&file).await?, fate) {
                self.notices
                    .push(format!("run {} was a replay that never published: its rows still wait elsewhere", file.run));
            } else if self.waits(&file, fate, selection)? {
                waiting.push(file);
            }
        }
        let (mut chosen, count) = (Vec::new(), waiting.len());
        for file in waiting {
            let quarantine = lake.open_quarantine(&file).await?;
            let tally = tally(&quarantine).await?;
            if tally.judgeable() == 0 {
                continue;
            }
            chosen.push(self.open_again(file, quarantine, tally)?);
            if selection == ReplaySelection::Newest {
                break;
            }
        }
        if chosen.is_empty() {
            self.notices.push("no row waits that could be judged again".to_owned());
        }
        let others = count - chosen.len();
        Ok((chosen, others))
    }

    /// Whether rows of a run are missing from the table. Of one that was asked for by name, an answer is owed why not.
    fn waits(&mut self, file: &QuarantineFile, fate: Fate, selection: ReplaySelection) -> Result<bool> {
        let (run, job) = (file.run, &self.context.definition.name);
        let named = matches!(selection, ReplaySelection::Run(_));
        let refused = |found: String| Error::usage(found).at(file.path.clone());
        match fate {
            Fate::Waiting { .. } => Ok(true),
            Fate::Replayed { by } if named => {
                self.notices.push(format!("run {run} was replayed before, by run {by}"));
                Ok(false)
            }
            Fate::Unpublished if named => {
                Err(refused(format!("run {run} has published nothing, so its input counts as not read"))
                    .expected("the quarantine of a run that published")
                    .help(format!(
                        "run the job again, `lakegate run {job}`: it reads the input anew, by today's rules"
                    )))
            }
            Fate::Reloaded { by } if named => {
                Err(refused(format!("run {by} has loaded the whole table anew since run {run}"))
                    .expected("the quarantine of a run whose refused rows are missing")
                    .help("what was refused then was read again by that run: look at its quarantine"))
            }
            Fate::Unknown if named => {
                Err(Error::unavailable(format!("the log no longer tells whether run {run} was replayed"))
                    .at(file.path.clone())
                    .expected("a log whose entries are kept")
                    .help("restore the deleted entries of _delta_log"))
            }
            Fate::Unknown => {
                self.notices.push(format!("run {run} was left out: the log no longer tells whether it was replayed"));
                Ok(false)
            }
            Fate::Replayed { .. } | Fate::Unpublished | Fate::Reloaded { .. } => Ok(false),
        }
    }

    fn open_again(&mut self, file: QuarantineFile, quarantine: Quarantine, tally: Tally) -> Result<Chosen> {
        let (context, run) = (self.context, file.run);
        let made_under = quarantine.label().map(|label| &label.redaction);
        let restorer = Restorer::new(&context.contract, &context.keys, &quarantine.schema(), made_under)
            .map_err(|e| e.within(format!("quarantine of run {run}")))?;
        let missing: Vec<&str> = restorer.missing().collect();
        if !missing.is_empty() {
            let names = missing.join(", ");
            self.notices.push(format!("columns that the contract has got since run {run} are NULL: {names}"));
        }
        if !restorer.left_out().is_empty() {
            let names = restorer.left_out().join(", ");
            self.notices
                .push(format!("columns of run {run} that the contract no longer publishes are left out: {names}"));
        }
        Ok(Chosen { file, quarantine, restorer, tally })
    }

    fn note_plan(&mut self, plan: &Plan, chosen: &[Chosen], before: Option<&RunInfo>) {
        let bookmark = before.and_then(|run| run.bookmark.as_ref()).map(shortened);
        (self.record.bookmark_before, self.record.bookmark_after) = (bookmark.clone(), bookmark);
        self.record.input = Some(plan.identity.clone());
        self.record.input_objects = plan.objects.len();
        self.record.splits = plan.splits.len();
        self.record.replays = chosen.iter().map(|one| one.file.run).collect();
    }

    /// Stages what passes, audits it and publishes it. Where nothing passes, nothing is changed.
    async fn load_again(
        &mut self,
        chosen: Vec<Chosen>,
        plan: &Plan,
        before: Option<RunInfo>,
        head: Option<&Head>,
    ) -> Result<Outcome> {
        let began = Instant::now();
        self.phase(Phase::Extract);
        let staged = self.stage_again(chosen).await;
        self.record.timings.extract = milliseconds(began);
        let (staged, audit) = staged?;
        if staged.rows == 0 {
            self.notices.push("no row passes today's rules: nothing was changed".to_owned());
            return Ok(Outcome::Unchanged);
        }
        let began = Instant::now();
        self.phase(Phase::Audit);
        let cancellation = self.options.cancellation.clone();
        let audited = cancellation.or(self.audit(audit, &staged, None)).await;
        self.record.timings.audit = milliseconds(began);
        audited.map_err(|e| if e.class() == Class::GateClosed { e.help(FEW_ROWS) } else { e })?;
        cancellation.check()?;
        if self.rehearsed {
            return Ok(Outcome::Unchanged);
        }
        let began = Instant::now();
        self.phase(Phase::Publish);
        let bookmark = before.and_then(|run| run.bookmark).map(Bookmark);
        let published = self.commit(&staged, &plan.identity, bookmark, head).await;
        self.record.timings.publish = milliseconds(began);
        published.map(|()| Outcome::Published)
    }

    /// Like the extraction of a load, without a limit to bad rows: each of them was counted when it was read.
    async fn stage_again(&mut self, chosen: Vec<Chosen>) -> Result<(Staged, Audit)> {
        let shared = Arc::new(self.shared(&Plan::default())?.without_limit());
        let (bytes, rows) = (chosen.iter().map(|c| c.file.bytes).sum(), chosen.iter().map(|c| c.tally.rows).sum());
        self.options.progress.planned(&self.context.definition.name, Some(bytes), Some(rows));
        let read = on_a_thread(&shared, chosen).await;
        let Some(shared) = Arc::into_inner(shared) else {
            self.left_writing = true;
            return Err(read.err().unwrap_or_else(|| Error::bug("a worker still runs")));
        };
        read?;
        let totals = shared.totals();
        self.record.findings = shared.guard.as_ref().map(|g| g.findings()).unwrap_or_default();
        let cancellation = self.options.cancellation.clone();
        let summary = cancellation.or(shared.quarantine.finish()).await?;
        let summary = self.keep_or_discard(&shared, summary).await?;
        self.note(&totals, &summary);
        self.gate_on_findings()?;
        let (audit, staged) = (shared.audit, self.staged(shared.writer).await?);
        (self.record.rows_out, self.record.bytes_out) = (staged.rows, staged.bytes);
        conserve(&totals, &summary, &staged)?;
        Ok((staged, audit))
    }

    /// What was refused once more stays where it was read, unless the replay has published.
    async fn clear_up_replay(&mut self, published: bool) {
        self.clear_up(!published).await;
        if published {
            return;
        }
        self.record.quarantine = None;
        if self.left_writing {
            return;
        }
        let (lake, table) = (&self.context.lake, self.context.contract.table());
        if let Err(error) = lake.discard_quarantine(table, self.run).await {
            tracing::warn!(run = %self.run, %error, "the replay's own quarantine could not be deleted: it counts for nothing");
        }
    }
}

const FEW_ROWS: &str = "the rules over the dataset see the replayed rows alone; where these are no measure of the table, replay \
     them with --dataset-rules warn, by which only rules over keys close the gate; nothing was changed";
const AFRESH: &str = "load the table afresh, with mode = \"replace\" for one run: that reads the rows anew";

/// Whether a rule closes the gate. A replay may be told that only those over keys do.
pub(super) fn closes(outcome: &RuleOutcome, rules_warn: bool) -> bool {
    outcome.closes_gate() && (!rules_warn || outcome.rule.starts_with("IsPrimaryKey"))
}

impl Chosen {
    fn summary(&self) -> ReplayedRun {
        ReplayedRun { run: self.file.run, rows: self.tally.judgeable(), undecodable: self.tally.undecodable }
    }
}

/// The input of a replay: files of the quarantine, pinned.
fn plan_of(chosen: &[Chosen]) -> Plan {
    let object = |one: &Chosen| InputObject {
        name: one.file.path.clone(),
        version: one.file.version.clone(),
        bytes: Some(one.file.bytes),
    };
    let objects: Vec<InputObject> = chosen.iter().map(object).collect();
    let split = |object: &InputObject| Split {
        name: object.name.clone(),
        bytes: object.bytes,
        payload: serde_json::Value::Null,
    };
    Plan { splits: objects.iter().map(split).collect(), identity: identity_of(&objects), objects, ..Plan::default() }
}

async fn on_a_thread(shared: &Arc<Shared>, chosen: Vec<Chosen>) -> Result<()> {
    let (worker, handle) = (Arc::clone(shared), tokio::runtime::Handle::current());
    let task = tokio::task::spawn_blocking(move || {
        handle.block_on(async { worker.cancellation().or(judge_all(&worker, &chosen)).await })
    });
    tokio::select! {
        joined = task => joined.unwrap_or_else(|_| Err(Error::bug("a worker has stopped"))),
        error = shared.cancellation().asked_and_waited() => Err(error),
    }
}

async fn judge_all(shared: &Shared, chosen: &[Chosen]) -> Result<()> {
    for one in chosen {
        let mut batches = one.quarantine.read(|column| one.restorer.takes(column))?;
        while let Some(rows) = batches.try_next().await? {
            shared.check()?;
            let decoded = not(&rows.undecodable).map_err(|e| Error::bug("a mask cannot be inverted").caused_by(e))?;
            for (batch, origin) in rows.filter(&decoded)?.by_place()? {
                shared.sort(one.restorer.restore(&batch, origin)?).await?;
            }
            shared.reject(&rejected(&rows)?).await?;
        }
        // By the file's own count: what was lost on the way shows.
        shared.count_records(one.quarantine.rows());
        shared.advanced(one.quarantine.rows(), one.file.bytes);
    }
    Ok(())
}

/// The records that could not be decoded: they go on to the replay's quarantine by their places.
fn rejected(rows: &QuarantinedRows) -> Result<Vec<Rejected>> {
    let rows = rows.filter(&rows.undecodable)?;
    let record = |row: usize| {
        let place = rows.place(row);
        let unit = OriginUnit::parse(place.unit)
            .ok_or_else(|| Error::bad_input("the quarantine counts in an unknown unit").at(place.object))?;
        Ok(Rejected {
            object: place.object.to_owned(),
            part: place.part.map(str::to_owned),
            unit,
            start: place.start,
            end: place.end,
            reason: rows.rules_of(row).join("; "),
        })
    };
    (0..rows.num_rows()).map(record).collect()
}

#[cfg(test)]
mod tests;

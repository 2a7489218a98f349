//! What the workers of a run share, and what each does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::{Array, BooleanArray, ListArray, ListBuilder, StringBuilder};
use arrow::compute::kernels::boolean::{is_not_null, not, or};
use arrow::datatypes::{DataType, Field};
use chrono::NaiveDate;
use futures::StreamExt as _;
use lakegate_contract::{Class, Contract, Error, JobName, Result};
use lakegate_lake::{QuarantineWriter, RejectedRecord, StagedWriter};
use lakegate_quality::RowRules;
use lakegate_redaction::{CleanBatch, Guard, RawBatch, Redactor};

use super::audit::Audit;
use super::{JobContext, RunOptions};
use crate::quarantine::undecodable;
use crate::source::{ItemStream, Plan, Rejected, Source, SourceItem, Split};
use crate::{BadRowLimit, Cancellation, Gate, GuardMode, Progress, RowMode};

/// Everything that a worker needs.
pub(super) struct Shared {
    splits: Mutex<VecDeque<Split>>,
    redactor: Redactor,
    pub(super) guard: Option<Guard>,
    rules: Option<RowRules>,
    contract: Arc<Contract>,
    gate: Gate,
    pub(super) audit: Audit,
    pub(super) writer: StagedWriter,
    pub(super) quarantine: QuarantineWriter,
    counters: Counters,
    cancellation: Cancellation,
    stopped: AtomicBool,
    progress: Arc<dyn Progress>,
    job: JobName,
}

#[derive(Default)]
struct Counters {
    records: AtomicU64,
    bytes: AtomicU64,
    excluded: AtomicU64,
    flagged: AtomicU64,
    bad: AtomicU64,
    refused: Mutex<BTreeMap<String, u64>>,
    /// Rows by rules that only warn.
    warned: Mutex<BTreeMap<String, u64>>,
}

/// What all workers counted.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Records by the sources' own count.
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) excluded: u64,
    pub(super) flagged: u64,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) warned: BTreeMap<String, u64>,
    /// Values that became NULL in redaction, by column.
    pub(super) nulled: BTreeMap<String, u64>,
}

/// Rows that may not pass, and why: each reason with its rows.
struct Refusal {
    passed: BooleanArray,
    reasons: Vec<(String, BooleanArray)>,
}

impl Shared {
    pub(super) fn new(
        context: &JobContext,
        plan: &Plan,
        writer: StagedWriter,
        quarantine: QuarantineWriter,
        today: NaiveDate,
        options: &RunOptions,
    ) -> Result<Self> {
        let redactor = Redactor::new(&context.contract, &context.keys, today)?;
        let compile = |ruleset| RowRules::compile(ruleset, redactor.output_schema());
        let gate = context.definition.gate.clone();
        Ok(Self {
            splits: Mutex::new(plan.splits.iter().cloned().collect()),
            rules: context.ruleset.as_ref().map(compile).transpose()?.filter(|rules| !rules.is_empty()),
            redactor,
            guard: (gate.guard != GuardMode::Off).then(|| Guard::new(&context.contract)),
            contract: Arc::clone(&context.contract),
            gate,
            audit: Audit::prepare(context, &writer, workers_of(context, plan))?,
            writer,
            quarantine,
            counters: Counters::default(),
            cancellation: options.cancellation.clone(),
            stopped: AtomicBool::new(false),
            progress: Arc::clone(&options.progress),
            job: context.definition.name.clone(),
        })
    }

    /// The same, with no limit to bad rows.
    pub(super) fn without_limit(mut self) -> Self {
        self.gate.max_bad_rows = BadRowLimit::Percent(100.0);
        self
    }

    /// What asks the run to stop.
    pub(super) fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Asks the other workers to stop.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn totals(&self) -> Totals {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            records: load(&self.counters.records),
            bytes: load(&self.counters.bytes),
            excluded: load(&self.counters.excluded),
            flagged: load(&self.counters.flagged),
            refused: self.counters.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            warned: self.counters.warned.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            nulled: self.redactor.nulled(),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.cancellation.check()?;
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::new(Class::Interrupted, "another worker has failed"));
        }
        Ok(())
    }

    fn next_split(&self) -> Option<Split> {
        self.splits.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    async fn read(&self, source: &dyn Source, split: &Split) -> Result<()> {
        let mut stream = source.open(split).await?;
        let (mut seen, mut done) = (0, None);
        while let Some(item) = self.next(&mut stream).await? {
            let more = match item {
                SourceItem::Batch(raw) => {
                    let rows = raw.num_rows() as u64;
                    self.counters.records.fetch_add(rows, Ordering::Relaxed);
                    self.take(raw).await?;
                    rows
                }
                SourceItem::Rejected(records) => {
                    let count = records.len() as u64;
                    self.counters.records.fetch_add(count, Ordering::Relaxed);
                    self.reject(&records).await?;
                    count
                }
                SourceItem::Excluded(count) => {
                    self.counters.records.fetch_add(count, Ordering::Relaxed);
                    self.counters.excluded.fetch_add(count, Ordering::Relaxed);
                    count
                }
                SourceItem::Done { records, bytes } => {
                    done = Some((records, bytes));
                    0
                }
            };
            seen += more;
        }
        let Some((records, bytes)) = done else {
            return Err(Error::unavailable("reading was cut short").at(&split.name).help("run the job again"));
        };
        if records != seen {
            return Err(Error::bug(format!("the source counted {records} records and gave {seen}")).at(&split.name));
        }
        self.advanced(records, bytes);
        Ok(())
    }

    /// Counts bytes that were read; their records are counted already.
    pub(super) fn advanced(&self, records: u64, bytes: u64) {
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.progress.advanced(&self.job, records, bytes);
    }

    /// Counts records by the source's own count.
    pub(super) fn count_records(&self, records: u64) {
        self.counters.records.fetch_add(records, Ordering::Relaxed);
    }

    /// The next item; a source that is slow does not keep the run from stopping.
    async fn next(&self, stream: &mut ItemStream) -> Result<Option<SourceItem>> {
        const LOOK: Duration = Duration::from_millis(200);
        loop {
            self.check()?;
            match tokio::time::timeout(LOOK, stream.next()).await {
                Ok(item) => return item.transpose(),
                Err(_) => continue,
            }
        }
    }

    /// One batch through redaction and row rules, to the writer and to quarantine.
    async fn take(&self, raw: RawBatch) -> Result<()> {
        self.sort(self.redactor.redact(raw)?).await
    }

    /// One redacted batch through the guard and the row rules, to the writer and to quarantine.
    pub(super) async fn sort(&self, clean: CleanBatch) -> Result<()> {
        if let Some(guard) = &self.guard {
            guard.inspect(&clean);
        }
        let refusal = self.judge(&clean)?;
        if refusal.reasons.is_empty() {
            return self.write(clean).await;
        }
        let refused = not(&refusal.passed).map_err(kernel)?;
        self.count(&refusal);
        let bad = clean.filter(&refused)?;
        self.quarantine.write(&bad, reasons_of(&refusal.reasons, &refused)).await?;
        if bad.num_rows() < clean.num_rows() {
            self.write(clean.filter(&refusal.passed)?).await?;
        }
        self.add_bad(bad.num_rows() as u64)
    }

    async fn write(&self, clean: CleanBatch) -> Result<()> {
        self.audit.measure(&self.writer, &clean)?;
        self.writer.write(clean).await
    }

    fn judge(&self, clean: &CleanBatch) -> Result<Refusal> {
        let mut reasons = self.unpublishable(clean)?;
        if let Some(rules) = &self.rules {
            let verdict = rules.judge(clean.columns())?;
            let names = rules.rules();
            if self.gate.rows == RowMode::Publish {
                let flagged = verdict.passed.len() - verdict.passed.true_count();
                self.counters.flagged.fetch_add(flagged as u64, Ordering::Relaxed);
            } else {
                let named = |index: usize| names.get(index).copied().unwrap_or_default().to_owned();
                for (index, rows) in verdict.failed {
                    if rules.only_warns(index) {
                        add_to(&self.counters.warned, named(index), rows.true_count() as u64);
                    } else {
                        reasons.push((named(index), rows));
                    }
                }
            }
        }
        let mut refused: Option<BooleanArray> = None;
        for (_, rows) in &reasons {
            refused = Some(match refused {
                Some(so_far) => or(&so_far, rows).map_err(kernel)?,
                None => rows.clone(),
            });
        }
        let passed = match refused {
            Some(refused) => not(&refused).map_err(kernel)?,
            None => BooleanArray::from(vec![true; clean.num_rows()]),
        };
        Ok(Refusal { passed, reasons })
    }

    /// Rows that no rule is needed for: NULL where the contract requires a value, and partition values that cannot be stored.
    fn unpublishable(&self, clean: &CleanBatch) -> Result<Vec<(String, BooleanArray)>> {
        let mut reasons = Vec::new();
        for (column, values) in self.contract.published_columns().zip(clean.columns().columns()) {
            if !column.nullable && values.null_count() > 0 {
                let missing = not(&is_not_null(values).map_err(kernel)?).map_err(kernel)?;
                reasons.push((format!("column {} is required", column.name), missing));
            }
            for field in self.contract.partition_by().iter().filter(|f| f.column == column.name) {
                if let Some(rows) = field.unstorable(values) {
                    reasons.push((
                        format!(
                            "partition column {} cannot name a folder: empty, too long or out of range",
                            field.name
                        ),
                        rows,
                    ));
                }
            }
        }
        Ok(reasons)
    }

    fn count(&self, refusal: &Refusal) {
        for (reason, rows) in &refusal.reasons {
            add_to(&self.counters.refused, reason.clone(), rows.true_count() as u64);
        }
    }

    pub(super) async fn reject(&self, records: &[Rejected]) -> Result<()> {
        let borrowed: Vec<RejectedRecord<'_>> = records
            .iter()
            .map(|r| RejectedRecord {
                object: &r.object,
                part: r.part.as_deref(),
                unit: r.unit.as_str(),
                start: r.start,
                end: r.end,
                reason: &r.reason,
            })
            .collect();
        self.quarantine.reject(&borrowed).await?;
        for record in records {
            add_to(&self.counters.refused, undecodable(&record.reason), 1);
        }
        self.add_bad(records.len() as u64)
    }

    /// Counts bad rows; a limit that is a count ends the run as soon as it is passed.
    fn add_bad(&self, more: u64) -> Result<()> {
        let bad = self.counters.bad.fetch_add(more, Ordering::Relaxed) + more;
        match self.gate.max_bad_rows {
            BadRowLimit::Count(limit) if bad > limit => Err(Error::new(
                Class::GateClosed,
                format!("the gate stayed closed: {bad} bad rows were found before the input's end"),
            )
            .at(format!("job {}", self.job))
            .expected(format!("no more than max_bad_rows = {limit}"))),
            _ => Ok(()),
        }
    }
}

/// Workers that read a plan: of few splits, each has one.
pub(super) fn workers_of(context: &JobContext, plan: &Plan) -> usize {
    context.workers.min(plan.splits.len()).max(1)
}

fn add_to(counts: &Mutex<BTreeMap<String, u64>>, name: String, more: u64) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += more;
}

/// Reads splits until there are none left.
pub(super) async fn work(shared: &Shared, source: &dyn Source) -> Result<()> {
    while let Some(split) = shared.next_split() {
        shared.check()?;
        shared.read(source, &split).await?;
    }
    Ok(())
}

/// For each refused row, the reasons that refuse it.
fn reasons_of(reasons: &[(String, BooleanArray)], refused: &BooleanArray) -> ListArray {
    let field = Field::new("element", DataType::Utf8, true);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(field);
    for row in refused.values().set_indices() {
        for (reason, rows) in reasons {
            if rows.value(row) {
                lists.values().append_value(reason);
            }
        }
        lists.append(true);
    }
    lists.finish()
}

fn kernel(error: arrow::error::ArrowError) -> Error {
    Error::bug("truth values cannot be combined").caused_by(error)
}

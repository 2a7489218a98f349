//! Rules over a whole dataset: one pass for all that can be counted on the way, a query for each that cannot.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::prelude::{SessionContext, ident};
use futures::StreamExt as _;
use lakegate_contract::{Error, Result};

use crate::RuleOutcome;
use crate::ast::{Leaf, Rule, Ruleset};
use crate::finding::{
    Finding, combine, complete, compliance, correlation, distinct, errored, finding, number, optional, uniqueness,
};
use crate::keys::{self, KeyCounter, KeyCounts};
use crate::measure::{Gauge, Reading, as_double};
use crate::pattern::Pattern;
use crate::queries::{self, unreadable};
use crate::row::{Compiler, is_row_rule};

/// Which rules are judged over the dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that are not judged row by row in a load.
    Load,
    /// All of them, over all rows, as Glue does.
    Whole,
}

/// The rules that judge a dataset as a whole, compiled for one schema.
pub struct DatasetRules {
    schema: SchemaRef,
    /// The columns that the pass reads.
    scanned: SchemaRef,
    rules: Vec<Rule>,
    /// A gauge for each leaf, in order; `None` where the pass does not measure it.
    gauges: Arc<Vec<std::result::Result<Option<Gauge>, String>>>,
}

impl DatasetRules {
    /// Compiles the rules of a ruleset that fall into `scope`. A rule that cannot be compiled gives an
    /// [`crate::RuleResult::Error`] when it is judged.
    ///
    /// # Errors
    /// Never at present; compiling may come to fail.
    pub fn compile(ruleset: &Ruleset, schema: SchemaRef, scope: Scope) -> Result<Self> {
        let rules: Vec<Rule> =
            ruleset.rules().iter().filter(|rule| scope == Scope::Whole || !is_row_rule(rule)).cloned().collect();
        let scanned = scanned_columns(&schema, &rules);
        let compiler = Compiler::new(SchemaRef::clone(&scanned));
        let gauges = rules
            .iter()
            .flat_map(|rule| rule.node.leaves())
            .map(|leaf| Gauge::of(leaf, &compiler).map_err(|e| e.to_string()))
            .collect();
        Ok(Self { schema, scanned, rules, gauges: Arc::new(gauges) })
    }

    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Judges table `primary` of the context; other datasets are tables under their aliases.
    ///
    /// # Errors
    /// When the data cannot be read. A rule that fails by itself has outcome [`crate::RuleResult::Error`].
    pub async fn evaluate(&self, context: &SessionContext) -> Result<Vec<RuleOutcome>> {
        let measured = self.measure(context).await?;
        let mut index = 0;
        let mut outcomes = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let mut findings = Vec::new();
            for leaf in rule.node.leaves() {
                findings.push(self.judge(leaf, index, &measured, context).await);
                index += 1;
            }
            let finding = combine(&rule.node, &mut findings.into_iter());
            outcomes.push(RuleOutcome {
                rule: rule.text.clone(),
                line: rule.line,
                result: finding.result,
                metrics: finding.metrics,
                message: finding.message,
                labels: rule.labels.clone(),
            });
        }
        Ok(outcomes)
    }

    /// The pass: every partition of the data in its own task, each with readings of its own.
    async fn measure(&self, context: &SessionContext) -> Result<Measured> {
        if !self.gauges.iter().any(|g| matches!(g, Ok(Some(_)))) {
            return Ok(Measured::default());
        }
        let columns: Vec<&str> = self.scanned.fields().iter().map(|f| f.name().as_str()).collect();
        let frame = context.table("primary").await.map_err(unreadable)?.select(columns.into_iter().map(ident));
        let streams = frame.map_err(unreadable)?.execute_stream_partitioned().await.map_err(unreadable)?;
        let bytes = self.bytes_of_keys(context, streams.len());
        let mut tasks = Vec::new();
        for stream in streams {
            let part = Part::new(Arc::clone(&self.gauges), &self.scanned, bytes)?;
            tasks.push(tokio::spawn(part.read(stream)));
        }
        let mut total = Measured { readings: vec![Reading::default(); self.gauges.len()], ..Measured::default() };
        let mut counters: BTreeMap<usize, Vec<KeyCounter>> = BTreeMap::new();
        for task in tasks {
            let part = task.await.map_err(|_| Error::bug("judging the rules has stopped"))??;
            for (sum, reading) in total.readings.iter_mut().zip(&part.readings) {
                sum.merge(reading);
            }
            for (index, counter) in part.counters {
                counters.entry(index).or_default().push(counter);
            }
        }
        for (index, counters) in counters {
            total.keys.insert(index, keys::total(counters).await?);
        }
        Ok(total)
    }

    /// What each counter of keys may hold: together a quarter of the engine's memory, the rest is for queries.
    fn bytes_of_keys(&self, context: &SessionContext, parts: usize) -> usize {
        const UNLIMITED: usize = 256 << 20;
        let counters = self.gauges.iter().filter(|g| matches!(g, Ok(Some(Gauge::Keys(..))))).count();
        let memory = match context.runtime_env().memory_pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes / 4,
            _ => UNLIMITED,
        };
        memory / (counters * parts).max(1)
    }

    async fn judge(&self, leaf: &Leaf, index: usize, measured: &Measured, context: &SessionContext) -> Finding {
        let reading = &measured.readings.get(index).copied().unwrap_or_default();
        if let Some(Err(message)) = self.gauges.get(index) {
            return errored(message.clone());
        }
        let judged = match leaf.name() {
            "ColumnCount" => Ok(number(leaf, "Dataset.*.ColumnCount", as_double(self.schema.fields().len() as u64))),
            "ColumnExists" => Ok(self.column_exists(leaf)),
            "RowCount" => Ok(number(leaf, "Dataset.*.RowCount", as_double(reading.rows))),
            "Mean" => Ok(optional(leaf, "Mean", reading.mean())),
            "Sum" => Ok(optional(leaf, "Sum", reading.sum())),
            "StandardDeviation" => Ok(optional(leaf, "StandardDeviation", reading.moments.deviation())),
            "Variance" => Ok(optional(leaf, "Variance", reading.moments.variance())),
            "ColumnCorrelation" => Ok(correlation(leaf, reading.pair.correlation())),
            "ColumnNamesMatchPattern" => self.names_match(leaf),
            "Entropy" => queries::entropy(leaf, context).await.map(|entropy| optional(leaf, "Entropy", entropy)),
            "UniqueValueRatio" | "DistinctValuesCount" => {
                let counts = measured.keys.get(&index).ok_or_else(|| Error::bug("the keys were not counted"));
                counts.map(|counts| distinct(leaf, counts))
            }
            "Completeness" => Ok(optional(leaf, "Completeness", reading.ratio())),
            "IsComplete" => Ok(complete(leaf, reading)),
            "ColumnValues" => Ok(compliance(leaf, "ColumnValues.Compliance", reading)),
            "ColumnLength" => Ok(compliance(leaf, "LengthCompliance", reading)),
            "Uniqueness" | "IsUnique" | "IsPrimaryKey" => {
                let counts = measured.keys.get(&index).ok_or_else(|| Error::bug("the keys were not counted"));
                counts.map(|counts| uniqueness(leaf, counts))
            }
            "ReferentialIntegrity" => queries::referential_integrity(leaf, context).await,
            "CustomSql" => queries::custom_sql(leaf, &self.schema, context).await,
            other => Err(Error::usage(format!("`{other}` cannot be evaluated by lakegate"))),
        };
        judged.unwrap_or_else(|error| errored(error.to_string()))
    }

    fn column_exists(&self, leaf: &Leaf) -> Finding {
        let exists = self.schema.index_of(leaf.column()).is_ok();
        let metric = (format!("Dataset.{}.ColumnExists", leaf.column()), f64::from(u8::from(exists)));
        let message = (!exists).then(|| "there is no such column".to_owned());
        finding(exists, [metric], message)
    }

    /// Every column's name must contain a match.
    fn names_match(&self, leaf: &Leaf) -> Result<Finding> {
        let pattern = Pattern::search(leaf.column())?;
        let names: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut others = Vec::new();
        for name in &names {
            if !pattern.is_match(name)? {
                others.push(*name);
            }
        }
        let ratio = 1.0 - as_double(others.len() as u64) / as_double(names.len().max(1) as u64);
        let message = format!("columns that do not match: {}", others.join(", "));
        Ok(finding(others.is_empty(), [("Dataset.*.ColumnNamesPatternMatchRatio".to_owned(), ratio)], Some(message)))
    }
}

/// What the pass has measured, by the place of the rule's leaf.
#[derive(Default)]
struct Measured {
    readings: Vec<Reading>,
    keys: BTreeMap<usize, KeyCounts>,
}

/// The pass over one part of the data.
struct Part {
    gauges: Arc<Vec<std::result::Result<Option<Gauge>, String>>>,
    readings: Vec<Reading>,
    counters: BTreeMap<usize, KeyCounter>,
}

impl Part {
    fn new(
        gauges: Arc<Vec<std::result::Result<Option<Gauge>, String>>>,
        schema: &Schema,
        bytes_of_keys: usize,
    ) -> Result<Self> {
        let mut counters = BTreeMap::new();
        for (index, gauge) in gauges.iter().enumerate() {
            if let Ok(Some(gauge)) = gauge
                && let Some(counter) = gauge.counter(schema, bytes_of_keys)?
            {
                counters.insert(index, counter);
            }
        }
        Ok(Self { readings: vec![Reading::default(); gauges.len()], gauges, counters })
    }

    async fn read(mut self, mut stream: SendableRecordBatchStream) -> Result<Self> {
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(unreadable)?;
            for (gauge, reading) in self.gauges.iter().zip(&mut self.readings) {
                if let Ok(Some(gauge)) = gauge {
                    gauge.read(&batch, reading)?;
                }
            }
            for (index, counter) in &mut self.counters {
                if let Some(Ok(Some(gauge))) = self.gauges.get(*index) {
                    gauge.count(&batch, counter)?;
                }
            }
        }
        Ok(self)
    }
}

/// The columns that a rule's text could mean: reading one too many does no harm.
fn scanned_columns(schema: &SchemaRef, rules: &[Rule]) -> SchemaRef {
    // Spark's SQL spells names in any case.
    let texts: Vec<String> = rules.iter().map(|rule| rule.text.to_lowercase()).collect();
    let named = |field: &&Arc<Field>| texts.iter().any(|text| text.contains(&field.name().to_lowercase()));
    let mut fields: Vec<Arc<Field>> = schema.fields().iter().filter(named).cloned().collect();
    if fields.is_empty() {
        fields.extend(schema.fields().first().cloned());
    }
    Arc::new(Schema::new(fields))
}

//! Rules over a whole dataset: one pass for all that can be counted on the way, a query for each that cannot.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::prelude::{SessionContext, ident};
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::{Class, Error, Result};

use crate::ast::{Leaf, Node, Rule, Ruleset};
use crate::compare::{number_holds, search_pattern};
use crate::condition::{Condition, NumberCondition};
use crate::keys::{self, KeyCounter, KeyCounts};
use crate::measure::{Gauge, Reading, as_double};
use crate::row::{Compiler, is_row_rule};
use crate::{RuleOutcome, RuleResult, custom_sql};

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

/// What judging a leaf gave.
struct Finding {
    result: RuleResult,
    metrics: BTreeMap<String, f64>,
    message: Option<String>,
}

impl DatasetRules {
    /// Compiles the rules of a ruleset that fall into `scope`. A rule that cannot be compiled gives an
    /// [`RuleResult::Error`] when it is judged.
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
    /// When the data cannot be read. A rule that fails by itself has outcome [`RuleResult::Error`].
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
            "Entropy" => entropy(leaf, context).await.map(|entropy| optional(leaf, "Entropy", entropy)),
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
                counts.map(|counts| Self::uniqueness(leaf, counts))
            }
            "ReferentialIntegrity" => self.referential_integrity(leaf, context).await,
            "CustomSql" => self.custom_sql(leaf, context).await,
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
        let pattern = search_pattern(leaf.column())?;
        let names: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let others: Vec<&str> = names.iter().copied().filter(|name| !pattern.is_match(name)).collect();
        let ratio = 1.0 - as_double(others.len() as u64) / as_double(names.len().max(1) as u64);
        let message = format!("columns that do not match: {}", others.join(", "));
        Ok(finding(others.is_empty(), [("Dataset.*.ColumnNamesPatternMatchRatio".to_owned(), ratio)], Some(message)))
    }

    /// Values that occur once over rows, rows whose columns are all NULL left out.
    fn uniqueness(leaf: &Leaf, counts: &KeyCounts) -> Finding {
        let uniqueness = (counts.keyed > 0).then(|| as_double(counts.once) / as_double(counts.keyed));
        let mut metrics = BTreeMap::from_iter(uniqueness.map(|u| (metric_of(&leaf.parameters, "Uniqueness"), u)));
        let mut holds = match &leaf.condition {
            Some(Condition::Number(condition)) => uniqueness.is_some_and(|u| number_holds(condition, u)),
            _ => uniqueness == Some(1.0),
        };
        let mut message = (!holds).then(|| match uniqueness {
            Some(u) => format!("uniqueness is {u}: {} of {} rows have a key of their own", counts.once, counts.keyed),
            None => "there is no row with a value".to_owned(),
        });
        if leaf.name() == "IsPrimaryKey" {
            for (column, nulls) in leaf.parameters.iter().zip(&counts.nulls) {
                let completeness =
                    if counts.rows == 0 { 0.0 } else { 1.0 - as_double(*nulls) / as_double(counts.rows) };
                if *nulls > 0 || counts.rows == 0 {
                    holds = false;
                    message = Some(format!("column `{column}` holds NULL in {nulls} of {} rows", counts.rows));
                }
                metrics.insert(format!("Column.{column}.Completeness"), completeness);
            }
        }
        finding(holds, metrics, message)
    }

    /// Rows whose key stands in the reference over rows. NULL in a key never matches.
    async fn referential_integrity(&self, leaf: &Leaf, context: &SessionContext) -> Result<Finding> {
        let own = leaf.columns();
        let (alias, theirs) = leaf.reference().ok_or_else(|| {
            Error::usage("the second parameter names no dataset").expected("\"alias.column\" or \"alias.{a,b}\"")
        })?;
        if own.len() != theirs.len() {
            return Err(Error::usage("the two sides have different numbers of columns"));
        }
        let matched = own
            .iter()
            .zip(&theirs)
            .map(|(a, b)| format!("p.{} = r.{}", quoted(a), quoted(b)))
            .collect::<Vec<_>>()
            .join(" AND ");
        let (listed, reference) = (theirs.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", "), quoted(&alias));
        let matching = format!(
            "SELECT count(*) FROM \"primary\" p LEFT SEMI JOIN (SELECT DISTINCT {listed} FROM {reference}) r ON {matched}"
        );
        let hits = match counts(context, &matching).await {
            // The join holds the reference in memory; grouping both sides together can spill.
            Err(error) if error.class() == Class::Unavailable => {
                counts(context, &grouped_match(&own, &theirs, &reference)).await?
            }
            other => other?,
        };
        let rows = counts(context, "SELECT count(*) FROM \"primary\"").await?;
        let ([Some(hits)], [Some(rows)]) = (hits.as_slice(), rows.as_slice()) else {
            return Err(Error::bug("a count is missing"));
        };
        if *rows == 0 {
            return Ok(finding(false, [], Some("the dataset has no rows".to_owned())));
        }
        let ratio = as_double(*hits) / as_double(*rows);
        Ok(number(leaf, &format!("Column.{alias}.ReferentialIntegrity"), ratio))
    }

    async fn custom_sql(&self, leaf: &Leaf, context: &SessionContext) -> Result<Finding> {
        let frame = custom_sql::plan(context, leaf.column()).await?;
        if leaf.condition.is_some() {
            let batches = frame.collect().await.map_err(unreadable)?;
            let rows: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
            let value = batches.iter().find(|b| b.num_rows() == 1 && b.num_columns() == 1);
            let (1, Some(batch)) = (rows, value) else {
                return Err(Error::usage(format!("the SQL gave {rows} rows")).expected("one row with one number"));
            };
            let found = batch.column(0).data_type();
            if !found.is_numeric() && !matches!(found, DataType::Boolean | DataType::Null) {
                return Err(Error::usage(format!("the SQL's result is of type {found}")).expected("a number"));
            }
            let column = arrow::compute::cast(batch.column(0), &DataType::Float64)
                .map_err(|_| Error::usage("the SQL's result is not a number"))?;
            let value = column.as_primitive::<Float64Type>().iter().next().flatten();
            return Ok(match value {
                Some(value) => number(leaf, "Dataset.*.CustomSQL", value),
                None => finding(false, [], Some("the SQL's result is NULL".to_owned())),
            });
        }
        self.custom_sql_rows(leaf, frame, context).await
    }

    /// Without a condition, the rows that the statement returns pass and the others fail.
    async fn custom_sql_rows(
        &self,
        leaf: &Leaf,
        frame: datafusion::prelude::DataFrame,
        context: &SessionContext,
    ) -> Result<Finding> {
        use datafusion::common::JoinType;
        use datafusion::logical_expr::{Operator, binary_expr, ident};
        let compiler = Compiler::new(SchemaRef::clone(&self.schema));
        let names: Vec<String> = frame.schema().fields().iter().map(|f| f.name().clone()).collect();
        for name in &names {
            compiler.column(name)?;
        }
        let renamed = frame
            .select(names.iter().map(|n| ident(n.as_str()).alias(format!("returned {n}"))))
            .and_then(datafusion::prelude::DataFrame::distinct)
            .map_err(unreadable)?;
        let same = names
            .iter()
            .map(|n| binary_expr(ident(n.as_str()), Operator::IsNotDistinctFrom, ident(format!("returned {n}"))));
        let primary = context.table("primary").await.map_err(unreadable)?;
        let rows = primary.clone().count().await.map_err(unreadable)? as u64;
        let joined = primary.join_on(renamed, JoinType::LeftSemi, same).map_err(unreadable)?;
        let hits = joined.count().await.map_err(unreadable)? as u64;
        if rows == 0 {
            return Ok(finding(false, [], Some("the dataset has no rows".to_owned())));
        }
        Ok(thresholded(leaf, "Dataset.*.CustomSQL.Compliance", as_double(hits) / as_double(rows), rows - hits))
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
    let named = |field: &&Arc<Field>| rules.iter().any(|rule| rule.text.contains(field.name().as_str()));
    let mut fields: Vec<Arc<Field>> = schema.fields().iter().filter(named).cloned().collect();
    if fields.is_empty() {
        fields.extend(schema.fields().first().cloned());
    }
    Arc::new(Schema::new(fields))
}

/// The whole numbers of a query's one row.
async fn counts(context: &SessionContext, sql: &str) -> Result<Vec<Option<u64>>> {
    custom_sql::refuse_monsters(sql)?;
    let frame = context.sql(sql).await.map_err(unreadable)?;
    let batches: Vec<_> = frame.execute_stream().await.map_err(unreadable)?.try_collect().await.map_err(unreadable)?;
    let row = batches.iter().find(|b| b.num_rows() == 1).ok_or_else(|| Error::bug("a count is missing"))?;
    Ok(row
        .columns()
        .iter()
        .map(|c| {
            c.as_primitive_opt::<Int64Type>()
                .and_then(|v| v.iter().next().flatten())
                .and_then(|v| u64::try_from(v).ok())
        })
        .collect())
}

/// A reader's message may quote what it could not read, a planner's does not.
fn unreadable(error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::Plan(_) | DataFusionError::SchemaError(..) | DataFusionError::SQL(..) => {
            Error::usage("the rule cannot be planned").caused_by(error.strip_backtrace())
        }
        DataFusionError::ResourcesExhausted(_) => {
            Error::unavailable("judging the rules takes more memory than is allowed")
                .help("raise memory_limit under [run] in lakegate.toml")
        }
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => {
            Error::usage("the rule's expression fails on the data")
                .help("`try_cast` gives NULL where `cast` fails, `nullif(x, 0)` guards a division")
        }
        _ => Error::bad_input("the data to judge cannot be read"),
    }
}

/// Shannon's entropy of a column's values in nats, NULL left out: ln n − Σ c ln c / n over the counts c of the values. `None` when
/// there is no value.
async fn entropy(leaf: &Leaf, context: &SessionContext) -> Result<Option<f64>> {
    use datafusion::functions_aggregate::expr_fn::count;
    use datafusion::logical_expr::lit;
    let mut frame = context.table("primary").await.map_err(unreadable)?;
    if let Some(text) = &leaf.filter {
        custom_sql::refuse_monsters(text)?;
        let predicate = context.state().create_logical_expr(text, frame.schema()).map_err(unreadable)?;
        frame = frame.filter(predicate).map_err(unreadable)?;
    }
    let column = ident(leaf.column());
    let grouped = frame
        .filter(column.clone().is_not_null())
        .and_then(|kept| kept.aggregate(vec![column], vec![count(lit(1)).alias("occurrences")]))
        .and_then(|grouped| grouped.select(vec![ident("occurrences")]))
        .map_err(unreadable)?;
    let mut stream = grouped.execute_stream().await.map_err(unreadable)?;
    let (mut rows, mut weighted) = (0.0, 0.0);
    while let Some(batch) = stream.try_next().await.map_err(unreadable)? {
        for occurrences in batch.column(0).as_primitive::<Int64Type>().iter().flatten() {
            let occurrences = as_double(u64::try_from(occurrences).unwrap_or_default());
            rows += occurrences;
            weighted += occurrences * occurrences.ln();
        }
    }
    // One value alone: what is left is rounding.
    Ok((rows > 0.0).then(|| (f64::ln(rows) - weighted / rows).max(0.0)))
}

/// How many rows have their key in the reference, without holding either side in memory.
fn grouped_match(own: &[String], theirs: &[String], reference: &str) -> String {
    let renamed = |columns: &[String]| {
        columns.iter().enumerate().map(|(i, c)| format!("{} AS k{i}", quoted(c))).collect::<Vec<_>>().join(", ")
    };
    let present = theirs.iter().map(|c| format!("{} IS NOT NULL", quoted(c))).collect::<Vec<_>>().join(" AND ");
    let keys = (0..own.len()).map(|i| format!("k{i}")).collect::<Vec<_>>().join(", ");
    format!(
        "SELECT CAST(sum(CASE WHEN theirs > 0 THEN own ELSE 0 END) AS bigint) FROM \
         (SELECT {keys}, sum(o) AS own, max(t) AS theirs FROM \
           (SELECT {}, 1 AS o, 0 AS t FROM \"primary\" UNION ALL SELECT {}, 0 AS o, 1 AS t FROM {reference} WHERE {present}) \
          GROUP BY {keys})",
        renamed(own),
        renamed(theirs)
    )
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn metric_of(columns: &[String], name: &str) -> String {
    match columns {
        [only] => format!("Column.{only}.{name}"),
        _ => format!("Multicolumn.{}.{name}", columns.join(",")),
    }
}

fn finding(holds: bool, metrics: impl IntoIterator<Item = (String, f64)>, message: Option<String>) -> Finding {
    let result = if holds { RuleResult::Pass } else { RuleResult::Fail };
    Finding { result, metrics: metrics.into_iter().collect(), message: message.filter(|_| !holds) }
}

fn errored(message: String) -> Finding {
    Finding { result: RuleResult::Error, metrics: BTreeMap::new(), message: Some(message) }
}

/// A number against the rule's condition.
fn number(leaf: &Leaf, metric: &str, value: f64) -> Finding {
    let holds = match &leaf.condition {
        Some(Condition::Number(condition)) => number_holds(condition, value),
        _ => false,
    };
    finding(holds, [(metric.to_owned(), value)], Some(format!("it is {value}")))
}

fn optional(leaf: &Leaf, name: &str, value: Option<f64>) -> Finding {
    match value {
        Some(value) => number(leaf, &format!("Column.{}.{name}", leaf.column()), value),
        None => finding(false, [], Some("there is no value to measure".to_owned())),
    }
}

fn correlation(leaf: &Leaf, value: Option<f64>) -> Finding {
    match value {
        Some(value) => number(leaf, &metric_of(&leaf.parameters, "ColumnCorrelation"), value),
        None => finding(false, [], Some("there is no row with both values".to_owned())),
    }
}

/// Of the different values, NULL left out: how many occur once; or how many there are, where NULL counts as one, as in the open
/// engine, whose histogram has a place for it.
fn distinct(leaf: &Leaf, counts: &KeyCounts) -> Finding {
    if leaf.name() == "DistinctValuesCount" {
        let null = u64::from(counts.nulls.first().is_some_and(|nulls| *nulls > 0));
        return optional(leaf, "DistinctValuesCount", Some(as_double(counts.distinct + null)));
    }
    let ratio = (counts.distinct > 0).then(|| as_double(counts.once) / as_double(counts.distinct));
    optional(leaf, "UniqueValueRatio", ratio)
}

fn complete(leaf: &Leaf, reading: &Reading) -> Finding {
    let metric = reading.ratio().map(|ratio| (format!("Column.{}.Completeness", leaf.column()), ratio));
    let nulls = reading.rows - reading.hits;
    finding(nulls == 0, metric, Some(format!("{nulls} of {} rows hold NULL", reading.rows)))
}

fn compliance(leaf: &Leaf, name: &str, reading: &Reading) -> Finding {
    let metric = format!("Column.{}.{name}", leaf.column());
    match reading.ratio() {
        Some(ratio) => thresholded(leaf, &metric, ratio, reading.rows - reading.hits),
        None => finding(true, [], None),
    }
}

/// A fraction of rows against the rule's threshold: without one, all rows must satisfy.
fn thresholded(leaf: &Leaf, metric: &str, ratio: f64, broken: u64) -> Finding {
    let threshold: Option<&NumberCondition> = leaf.threshold.as_ref();
    let holds = threshold.map_or(broken == 0, |condition| number_holds(condition, ratio));
    finding(holds, [(metric.to_owned(), ratio)], Some(format!("{broken} rows do not satisfy it")))
}

/// Combines what the leaves gave, in their order.
fn combine(node: &Node, findings: &mut impl Iterator<Item = Finding>) -> Finding {
    let nodes = match node {
        Node::Leaf(_) => return findings.next().unwrap_or_else(|| errored("a rule was not judged".to_owned())),
        Node::And(nodes) | Node::Or(nodes) => nodes,
    };
    let parts: Vec<Finding> = nodes.iter().map(|n| combine(n, findings)).collect();
    let any = |result: RuleResult| parts.iter().any(|p| p.result == result);
    let result = match node {
        Node::Or(_) if any(RuleResult::Pass) => RuleResult::Pass,
        _ if any(RuleResult::Error) => RuleResult::Error,
        _ if any(RuleResult::Fail) => RuleResult::Fail,
        _ => RuleResult::Pass,
    };
    let messages: Vec<String> = parts.iter().filter_map(|p| p.message.clone()).collect();
    Finding {
        result,
        metrics: parts.into_iter().flat_map(|p| p.metrics).collect(),
        message: (result != RuleResult::Pass && !messages.is_empty()).then(|| messages.join("; ")),
    }
}

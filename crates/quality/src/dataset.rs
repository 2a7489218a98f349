//! Rules over a whole dataset: one pass for all that can be counted on the way, a query for each that cannot.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::{Error, Result};

use crate::ast::{Leaf, Node, Rule, Ruleset};
use crate::compare::number_holds;
use crate::condition::{Condition, NumberCondition};
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
        let compiler = Compiler::new(SchemaRef::clone(&schema));
        let gauges = rules
            .iter()
            .flat_map(|rule| rule.node.leaves())
            .map(|leaf| Gauge::of(leaf, &compiler).map_err(|e| e.to_string()))
            .collect();
        Ok(Self { schema, rules, gauges: Arc::new(gauges) })
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
        let readings = self.measure(context).await?;
        let mut index = 0;
        let mut outcomes = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let mut findings = Vec::new();
            for leaf in rule.node.leaves() {
                let reading = readings.get(index).copied().unwrap_or_default();
                findings.push(self.judge(leaf, index, &reading, context).await);
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
    async fn measure(&self, context: &SessionContext) -> Result<Vec<Reading>> {
        if !self.gauges.iter().any(|g| matches!(g, Ok(Some(_)))) {
            return Ok(Vec::new());
        }
        let frame = context.table("primary").await.map_err(unreadable)?;
        let streams = frame.execute_stream_partitioned().await.map_err(unreadable)?;
        let tasks: Vec<_> = streams
            .into_iter()
            .map(|mut stream| {
                let gauges = Arc::clone(&self.gauges);
                tokio::spawn(async move {
                    let mut readings = vec![Reading::default(); gauges.len()];
                    while let Some(batch) = stream.next().await {
                        let batch = batch.map_err(unreadable)?;
                        for (gauge, reading) in gauges.iter().zip(&mut readings) {
                            if let Ok(Some(gauge)) = gauge {
                                gauge.read(&batch, reading)?;
                            }
                        }
                    }
                    Ok::<_, Error>(readings)
                })
            })
            .collect();
        let mut total = vec![Reading::default(); self.gauges.len()];
        for task in tasks {
            let readings = task.await.map_err(|_| Error::bug("judging the rules has stopped"))??;
            for (sum, reading) in total.iter_mut().zip(&readings) {
                sum.merge(reading);
            }
        }
        Ok(total)
    }

    async fn judge(&self, leaf: &Leaf, index: usize, reading: &Reading, context: &SessionContext) -> Finding {
        if let Some(Err(message)) = self.gauges.get(index) {
            return errored(message.clone());
        }
        let judged = match leaf.name() {
            "ColumnCount" => Ok(number(leaf, "Dataset.*.ColumnCount", as_double(self.schema.fields().len() as u64))),
            "ColumnExists" => Ok(self.column_exists(leaf)),
            "RowCount" => Ok(number(leaf, "Dataset.*.RowCount", as_double(reading.rows))),
            "Mean" => Ok(optional(leaf, "Mean", reading.mean())),
            "Sum" => Ok(optional(leaf, "Sum", reading.sum())),
            "Completeness" => Ok(optional(leaf, "Completeness", reading.ratio())),
            "IsComplete" => Ok(complete(leaf, reading)),
            "ColumnValues" => Ok(compliance(leaf, "ColumnValues.Compliance", reading)),
            "ColumnLength" => Ok(compliance(leaf, "LengthCompliance", reading)),
            "Uniqueness" | "IsUnique" | "IsPrimaryKey" => self.uniqueness(leaf, context).await,
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

    /// Values that occur once over rows, rows whose columns are all NULL left out.
    async fn uniqueness(&self, leaf: &Leaf, context: &SessionContext) -> Result<Finding> {
        let compiler = Compiler::new(SchemaRef::clone(&self.schema));
        for column in &leaf.parameters {
            compiler.column(column)?;
        }
        let columns: Vec<String> = leaf.parameters.iter().map(|c| quoted(c)).collect();
        let listed = columns.join(", ");
        let all_null = columns.iter().map(|c| format!("{c} IS NULL")).collect::<Vec<_>>().join(" AND ");
        let filter = leaf.filter.as_ref().map(|f| format!(" AND ({f})")).unwrap_or_default();
        let sql = format!(
            "SELECT CAST(sum(CASE WHEN n = 1 THEN 1 ELSE 0 END) AS bigint), CAST(sum(n) AS bigint) FROM \
             (SELECT count(*) AS n FROM \"primary\" WHERE NOT ({all_null}){filter} GROUP BY {listed})"
        );
        let counts = counts(context, &sql).await?;
        let [once, rows] = counts.as_slice() else { return Err(Error::bug("a count is missing")) };
        let uniqueness = rows.filter(|r| *r > 0).map(|rows| as_double(once.unwrap_or(0)) / as_double(rows));
        let mut metrics = BTreeMap::from_iter(uniqueness.map(|u| (metric_of(&leaf.parameters, "Uniqueness"), u)));
        let mut holds = match &leaf.condition {
            Some(Condition::Number(condition)) => uniqueness.is_some_and(|u| number_holds(condition, u)),
            _ => uniqueness == Some(1.0),
        };
        let mut message = (!holds).then(|| match uniqueness {
            Some(u) => format!("uniqueness is {u}"),
            None => "there is no row with a value".to_owned(),
        });
        if leaf.name() == "IsPrimaryKey" {
            for (column, completeness) in self.completeness(leaf, context).await? {
                if completeness < 1.0 {
                    holds = false;
                    message = Some(format!("column `{column}` holds NULL"));
                }
                metrics.insert(format!("Column.{column}.Completeness"), completeness);
            }
        }
        Ok(finding(holds, metrics, message))
    }

    async fn completeness(&self, leaf: &Leaf, context: &SessionContext) -> Result<Vec<(String, f64)>> {
        let counted = leaf.parameters.iter().map(|c| format!("count({})", quoted(c))).collect::<Vec<_>>().join(", ");
        let filter = leaf.filter.as_ref().map(|f| format!(" WHERE {f}")).unwrap_or_default();
        let counts = counts(context, &format!("SELECT count(*), {counted} FROM \"primary\"{filter}")).await?;
        let Some((Some(rows), columns)) = counts.split_first() else { return Err(Error::bug("a count is missing")) };
        let ratio = |n: &Option<u64>| if *rows == 0 { 0.0 } else { as_double(n.unwrap_or(0)) / as_double(*rows) };
        Ok(leaf.parameters.iter().cloned().zip(columns.iter().map(ratio)).collect())
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
        let (hits, rows) =
            (counts(context, &matching).await?, counts(context, "SELECT count(*) FROM \"primary\"").await?);
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
        _ => Error::bad_input("the data to judge cannot be read"),
    }
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

//! Rules over a whole dataset: one pass for all that can be counted on the way, a query for each that cannot.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::prelude::SessionContext;
use lakegate_contract::{Error, Result};

use crate::ast::{Analyzer, Leaf, Node, Rule, Ruleset};
use crate::custom_sql::could_name;
use crate::distribution;
use crate::files::FileListing;
use crate::finding::{Finding, combine, errored, finding, told};
use crate::history::History;
use crate::judge::Judge;
use crate::keys::Room;
use crate::measure::Gauge;
use crate::measuring;
use crate::metered::MeteredRules;
use crate::options::{Composite, Options};
use crate::outcome::{AnalyzerOutcome, Evaluation};
use crate::pass::{Gauges, Measured, Pass};
use crate::row::{Compiler, is_row_rule};
use crate::row_keys::RowKeys;
use crate::row_wise::{self, RowWise};
use crate::{RuleOutcome, RuleResult};

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
    scanned: SchemaRef,
    rules: Vec<Planned<Rule>>,
    analyzers: Vec<Planned<Analyzer>>,
    pass: Pass,
    files: Option<Arc<dyn FileListing>>,
}

/// A rule or an analyzer, what it measures, and where the gauges of that begin.
struct Planned<T> {
    of: T,
    leaves: Vec<Leaf>,
    first: usize,
    /// A combination whose truth is asked of each row: its own gauge follows those of its leaves.
    by_row: bool,
}

impl DatasetRules {
    /// Compiles the rules of a ruleset that fall into `scope`, and its analyzers. A rule that cannot be compiled gives an
    /// [`crate::RuleResult::Error`] when it is judged.
    ///
    /// # Errors
    /// When an analyzer names a column that there is not.
    pub fn compile(ruleset: &Ruleset, schema: SchemaRef, scope: Scope, options: &Options) -> Result<Self> {
        let chosen: Vec<Rule> =
            ruleset.rules().iter().filter(|rule| scope == Scope::Whole || !is_row_rule(rule)).cloned().collect();
        let scanned = scanned_columns(&schema, &chosen, ruleset.analyzers());
        let compiler = Compiler::new(SchemaRef::clone(&scanned));
        let mut gauges = Gauges::new();
        let rules = chosen.into_iter().map(|rule| plan_rule(rule, options, &compiler, &mut gauges)).collect();
        let mut analyzers = Vec::new();
        for analyzer in ruleset.analyzers() {
            let place = crate::lexer::place(&ruleset.text, &ruleset.file, analyzer.start);
            let leaves = measuring::of_analyzer(analyzer, &schema).map_err(|e| e.at(place))?;
            let first = gauges.len();
            gauges.extend(leaves.iter().map(|leaf| gauge_of(leaf, &compiler)));
            analyzers.push(Planned { of: analyzer.clone(), leaves, first, by_row: false });
        }
        let pass = Pass::new(SchemaRef::clone(&scanned), gauges);
        Ok(Self { schema, scanned, rules, analyzers, pass, files: None })
    }

    /// With the files that rules about files judge; without them, such a rule is an error.
    #[must_use]
    pub fn with_files(self, files: Arc<dyn FileListing>) -> Self {
        Self { files: Some(files), ..self }
    }

    /// Whether there is nothing to judge or to measure.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.analyzers.is_empty()
    }

    /// Judges table `primary` of the context; other datasets are tables under their aliases. `history` has what earlier runs measured.
    ///
    /// # Errors
    /// When the data cannot be read. A rule that fails by itself has outcome [`crate::RuleResult::Error`].
    pub async fn evaluate(&self, context: &SessionContext, history: &History) -> Result<Evaluation> {
        let measured = self.pass.measure(context).await?;
        self.judge(&measured, context, history).await
    }

    /// How many different keys these rules count, which takes memory.
    pub fn keys(&self) -> usize {
        self.pass.keys()
    }

    /// The same rules, for rows that pass by in so many tasks. Their keys may take `bytes` of memory, then they spill.
    pub fn metered(self, bytes: usize, tasks: usize) -> MeteredRules {
        let meter = self.pass.meter(&Room::new(bytes), tasks);
        MeteredRules::new(self, meter)
    }

    /// Judges by what was measured; rules that take a query of their own read table `primary`.
    pub(crate) async fn judge(
        &self,
        measured: &Measured,
        context: &SessionContext,
        history: &History,
    ) -> Result<Evaluation> {
        let judge =
            Judge { schema: &self.schema, files: self.files.as_deref(), pass: &self.pass, measured, history, context };
        let mut evaluation = Evaluation::default();
        for planned in &self.rules {
            let finding = self.judge_rule(planned, &judge, &mut evaluation).await?;
            evaluation.outcomes.push(outcome(&planned.of, finding, history));
        }
        for planned in &self.analyzers {
            let outcome = self.measure_analyzer(planned, &judge, &mut evaluation.series).await;
            evaluation.analyzers.push(outcome);
        }
        Ok(evaluation)
    }

    async fn judge_rule(
        &self,
        planned: &Planned<Rule>,
        judge: &Judge<'_>,
        evaluation: &mut Evaluation,
    ) -> Result<Finding> {
        let mut findings = Vec::new();
        for (index, leaf) in (planned.first..).zip(&planned.leaves) {
            let finding = if planned.by_row && row_wise::has_truth_for_rows(leaf) {
                Finding { result: RuleResult::Pass, metrics: BTreeMap::new(), message: None }
            } else {
                judge.leaf(leaf, index).await
            };
            evaluation.series.extend(judge.series(leaf, &finding));
            findings.push(finding);
        }
        let mut unjudged = findings.iter().any(|finding| finding.result == RuleResult::Error);
        let found = match planned.by_row {
            true => self.judge_by_row(planned, &findings, judge).await?,
            false => combine(&planned.of.node, &mut findings.into_iter()),
        };
        unjudged |= found.result == RuleResult::Error;
        if unjudged {
            evaluation.unjudged.insert(evaluation.outcomes.len());
        }
        Ok(found)
    }

    /// A combination whose truth is asked of each row. Where it has rules over the dataset, their truth must be known before: it takes a
    /// pass of its own.
    async fn judge_by_row(&self, planned: &Planned<Rule>, findings: &[Finding], judge: &Judge<'_>) -> Result<Finding> {
        let own = planned.first + planned.leaves.len();
        if let Some(problem) = judge.pass.problem(own).or_else(|| judge.measured.problem(own)) {
            return Ok(errored(problem.to_owned()));
        }
        if row_wise::is_of_rows(&planned.of.node) {
            return Ok(rows_hold(judge.measured, own));
        }
        let metrics: BTreeMap<String, f64> = findings.iter().flat_map(|finding| finding.metrics.clone()).collect();
        let resolved = row_wise::resolved(&planned.of.node, &mut findings.iter().map(|finding| finding.result));
        let mut found = match resolved {
            None => {
                let messages =
                    findings.iter().filter(|f| f.result == RuleResult::Error).filter_map(|f| f.message.clone());
                errored(messages.collect::<Vec<_>>().join("; "))
            }
            Some(RowWise::Constant(truth)) => {
                finding(truth, [], Some("its rules over the dataset decide it".to_owned()))
            }
            Some(RowWise::Rows(node)) => self.judge_rows(&node, judge.context).await?,
        };
        found.metrics.extend(metrics);
        Ok(found)
    }

    /// How many rows a combination is true of, in a pass of its own; where it has rules about keys, after one that collects these.
    async fn judge_rows(&self, node: &Node, context: &SessionContext) -> Result<Finding> {
        let keys = RowKeys::find(&node.leaves(), &self.schema, context).await?;
        let scanned = if keys.is_empty() { &self.scanned } else { &self.schema };
        let gauge = match Compiler::new(SchemaRef::clone(scanned)).with_keys(keys).node(node) {
            Ok(node) => Gauge::Node(node),
            Err(error) => return Ok(errored(told(&error))),
        };
        let pass = Pass::new(SchemaRef::clone(scanned), vec![Ok(Some(gauge))]);
        let measured = pass.measure(context).await?;
        Ok(match measured.problem(0) {
            Some(problem) => errored(problem.to_owned()),
            None => rows_hold(&measured, 0),
        })
    }

    async fn measure_analyzer(
        &self,
        planned: &Planned<Analyzer>,
        judge: &Judge<'_>,
        series: &mut BTreeMap<String, f64>,
    ) -> AnalyzerOutcome {
        let analyzer = &planned.of;
        let mut outcome = AnalyzerOutcome { analyzer: analyzer.text.clone(), ..AnalyzerOutcome::default() };
        for (index, leaf) in (planned.first..).zip(&planned.leaves) {
            let finding = judge.leaf(leaf, index).await;
            series.extend(judge.series(leaf, &finding));
            if finding.result == RuleResult::Error {
                outcome.message = finding.message;
            }
            outcome.metrics.extend(finding.metrics);
        }
        if analyzer.name == "Distribution" {
            match self.distribution(analyzer, judge).await {
                Ok(metrics) => outcome.metrics = metrics,
                Err(error) => outcome.message = Some(told(&error)),
            }
            series.extend(outcome.metrics.clone());
        }
        outcome
    }

    async fn distribution(&self, analyzer: &Analyzer, judge: &Judge<'_>) -> Result<BTreeMap<String, f64>> {
        let column = analyzer.parameters.first().map_or("", String::as_str);
        let field = self.schema.field_with_name(column).map_err(|_| Error::bug("a distribution has no column"))?;
        distribution::measure(analyzer, field.data_type(), judge.history, judge.context).await
    }
}

fn plan_rule(rule: Rule, options: &Options, compiler: &Compiler, gauges: &mut Gauges) -> Planned<Rule> {
    let leaves: Vec<Leaf> = rule.node.leaves().into_iter().cloned().collect();
    let (first, by_row) = (gauges.len(), options.composite == Composite::Row && leaves.len() > 1);
    for leaf in &leaves {
        gauges.push(if by_row && row_wise::has_truth_for_rows(leaf) { Ok(None) } else { gauge_of(leaf, compiler) });
    }
    if by_row {
        let refused = row_wise::refuse_dataset_rules(&rule.node);
        gauges.push(refused.map_err(|e| told(&e)).and_then(|()| {
            if !row_wise::is_of_rows(&rule.node) {
                return Ok(None);
            }
            compiler.node(&rule.node).map(|node| Some(Gauge::Node(node))).map_err(|e| told(&e))
        }));
    }
    Planned { of: rule, leaves, first, by_row }
}

fn gauge_of(leaf: &Leaf, compiler: &Compiler) -> std::result::Result<Option<Gauge>, String> {
    let gauge = match leaf.name() {
        "DetectAnomalies" => measuring::of_anomalies(leaf).and_then(|inner| Gauge::of(&inner, compiler)),
        _ => Gauge::of(leaf, compiler),
    };
    gauge.map_err(|error| told(&error))
}

fn rows_hold(measured: &Measured, index: usize) -> Finding {
    let reading = measured.reading(index);
    let broken = reading.rows - reading.hits;
    finding(broken == 0, [], Some(format!("{broken} of {} rows do not satisfy it", reading.rows)))
}

fn outcome(rule: &Rule, finding: Finding, history: &History) -> RuleOutcome {
    RuleOutcome {
        rule: rule.text.clone(),
        evaluated: history.evaluated(&rule.node),
        line: rule.line,
        result: finding.result,
        metrics: finding.metrics,
        message: finding.message,
        labels: rule.labels.clone(),
    }
}

/// The columns that a rule's text could mean: reading one too many does no harm. A rule over whole rows reads all.
fn scanned_columns(schema: &SchemaRef, rules: &[Rule], analyzers: &[Analyzer]) -> SchemaRef {
    let whole_rows = |leaf: &&Leaf| {
        let watched = leaf.column() == "DuplicateRowCount" && leaf.parameters.len() == 1;
        watched || (leaf.name() == "DuplicateRowCount" && leaf.parameters.is_empty())
    };
    let measured = |analyzer: &Analyzer| analyzer.name == "DuplicateRowCount" && analyzer.parameters.is_empty();
    if rules.iter().any(|rule| rule.node.leaves().iter().any(whole_rows)) || analyzers.iter().any(measured) {
        return SchemaRef::clone(schema);
    }
    let texts = rules.iter().map(Rule::text).chain(analyzers.iter().map(Analyzer::text));
    let texts: Vec<String> = texts.map(str::to_lowercase).collect();
    let named = |field: &&Arc<Field>| texts.iter().any(|text| could_name(text, field.name()));
    let mut fields: Vec<Arc<Field>> = schema.fields().iter().filter(named).cloned().collect();
    if fields.is_empty() {
        fields.extend(schema.fields().first().cloned());
    }
    Arc::new(Schema::new(fields))
}

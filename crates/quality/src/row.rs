//! Row rules over batches, as they pass by in a load.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, new_empty_array};
use arrow::compute::kernels::boolean::{and, not, or};
use arrow::datatypes::{DataType, SchemaRef};
use chrono::{DateTime, Utc};
use datafusion::common::DFSchema;
use datafusion::execution::SessionState;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;
use lakegate_contract::{Error, Result, type_name};

use crate::age::Age;
use crate::ast::{Leaf, Node, Rule, Ruleset};
use crate::castable::Castable;
use crate::compare::Test;
use crate::condition::{Comparison, Condition, Number, NumberCondition, NumberOperand, Operator};
use crate::measure::{Tested, kept};
use crate::plan_error;
use crate::row_keys::{KeyLeaf, RowKeys};
use crate::untyped::holds_numbers;

/// The rules of a ruleset that judge single rows, compiled for one schema.
///
/// They are `ColumnValues`, `ColumnLength`, `ColumnDataType`, `DataFreshness` and `IsComplete` without a threshold, and combinations of
/// these alone.
pub struct RowRules {
    rules: Vec<CompiledRule>,
}

struct CompiledRule {
    text: String,
    /// `file:line:column`
    place: String,
    warns: bool,
    node: RowNode,
}

/// What the row rules say of a batch.
#[derive(Debug, Clone)]
pub struct RowVerdict {
    /// Whether each row satisfies every rule.
    pub passed: BooleanArray,
    /// The rules that some row breaks, by their number in [`RowRules::rules`], and which rows break them.
    pub failed: Vec<(usize, BooleanArray)>,
}

pub(crate) enum RowNode {
    Leaf(Box<RowLeaf>),
    Keys(Box<KeyLeaf>),
    And(Vec<RowNode>),
    Or(Vec<RowNode>),
}

/// A rule over one column: a row passes if it is filtered out or its value satisfies the test.
pub(crate) struct RowLeaf {
    column: usize,
    test: Test,
    filter: Option<Filter>,
}

/// A `where` predicate, compiled.
pub(crate) struct Filter(Arc<dyn PhysicalExpr>);

/// Whether a rule is judged row by row in a load.
pub(crate) fn is_row_rule(rule: &Rule) -> bool {
    rule.node.leaves().iter().all(|leaf| is_row_leaf(leaf) && leaf.threshold.is_none())
}

/// Whether a rule has a truth value for each row.
pub(crate) fn is_row_leaf(leaf: &Leaf) -> bool {
    matches!(leaf.name(), "ColumnValues" | "ColumnLength" | "IsComplete" | "ColumnDataType" | "DataFreshness")
}

impl RowRules {
    /// Compiles the row rules of a ruleset.
    ///
    /// # Errors
    /// When a rule names a column that the schema lacks, or cannot be compiled; [`check`](crate::check()) finds all of these.
    pub fn compile(ruleset: &Ruleset, schema: SchemaRef) -> Result<Self> {
        Self::compile_those(ruleset, &Compiler::new(schema), |_, rule| is_row_rule(rule))
    }

    /// Compiles all rules that say something of single rows, but for the `unjudged`: also those that hold when a share of the rows
    /// satisfies them, and those about keys of which `keys` knows.
    ///
    /// # Errors
    /// As [`RowRules::compile`].
    pub(crate) fn compile_all(
        ruleset: &Ruleset,
        schema: SchemaRef,
        keys: RowKeys,
        unjudged: &BTreeSet<usize>,
    ) -> Result<Self> {
        let compiler = Compiler::new(schema).with_keys(keys);
        let by_key = |leaf: &Leaf| matches!(compiler.keys.of(leaf), Ok(Some(_)));
        let says = |leaf: &Leaf| is_row_leaf(leaf) || leaf.name() == "Completeness" || by_key(leaf);
        Self::compile_those(ruleset, &compiler, |number, rule| {
            !unjudged.contains(&number) && rule.node.leaves().into_iter().all(says)
        })
    }

    fn compile_those(ruleset: &Ruleset, compiler: &Compiler, chosen: impl Fn(usize, &Rule) -> bool) -> Result<Self> {
        let rules = ruleset
            .rules()
            .iter()
            .enumerate()
            .filter(|(number, rule)| chosen(*number, rule))
            .map(|(_, rule)| {
                let place = crate::lexer::place(&ruleset.text, &ruleset.file, rule.start);
                let node = compiler.node(&rule.node).map_err(|e| e.within(&place))?;
                Ok(CompiledRule { text: rule.text.clone(), place, warns: rule.only_warns(), node })
            })
            .collect::<Result<_>>()?;
        Ok(Self { rules })
    }

    /// The texts of the rules.
    pub fn rules(&self) -> Vec<&str> {
        self.rules.iter().map(|rule| rule.text.as_str()).collect()
    }

    /// Whether the rule of that number only warns: its rows pass, and are counted.
    pub fn only_warns(&self, index: usize) -> bool {
        self.rules.get(index).is_some_and(|rule| rule.warns)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Judges a batch.
    ///
    /// # Errors
    /// When a rule fails on it, such as a predicate in its `where`: with the rule's place.
    pub fn judge(&self, batch: &RecordBatch) -> Result<RowVerdict> {
        let mut passed: Option<BooleanArray> = None;
        let mut failed = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let holds = rule.node.judge(batch).map_err(|e| e.within(&rule.place))?;
            if holds.true_count() < holds.len() {
                failed.push((index, not(&holds).map_err(kernel)?));
                passed = Some(match passed {
                    Some(so_far) => and(&so_far, &holds).map_err(kernel)?,
                    None => holds,
                });
            }
        }
        let passed = passed.unwrap_or_else(|| vec![true; batch.num_rows()].into());
        Ok(RowVerdict { passed, failed })
    }
}

impl RowNode {
    pub(crate) fn judge(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        type Combine = fn(&BooleanArray, &BooleanArray) -> std::result::Result<BooleanArray, arrow::error::ArrowError>;
        let fold = |nodes: &[RowNode], combine: Combine| -> Result<BooleanArray> {
            let mut so_far: Option<BooleanArray> = None;
            for node in nodes {
                let next = node.judge(batch)?;
                so_far = Some(match so_far {
                    Some(before) => combine(&before, &next).map_err(kernel)?,
                    None => next,
                });
            }
            Ok(so_far.unwrap_or_else(|| vec![true; batch.num_rows()].into()))
        };
        match self {
            RowNode::Leaf(leaf) => or_left_out(leaf.test(batch)?, leaf.kept(batch)?.as_ref()),
            RowNode::Keys(leaf) => or_left_out(leaf.test(batch)?, leaf.kept(batch)?.as_ref()),
            RowNode::And(nodes) => fold(nodes, and),
            RowNode::Or(nodes) => fold(nodes, or),
        }
    }
}

/// A row passes if it is filtered out or satisfies the test.
fn or_left_out(holds: BooleanArray, kept: Option<&BooleanArray>) -> Result<BooleanArray> {
    match kept {
        Some(kept) => or(&holds, &not(kept).map_err(kernel)?).map_err(kernel),
        None => Ok(holds),
    }
}

/// Rows that `where` leaves out: [`RowRules::judge`] has them pass.
impl RowRules {
    /// The rows that a rule leaves out, by its number in [`RowRules::rules`]; a combination leaves out those that each of its
    /// rules leaves out.
    pub(crate) fn left_out(&self, batch: &RecordBatch) -> Result<Vec<(usize, BooleanArray)>> {
        let rules = self.rules.iter().enumerate();
        rules
            .filter_map(|(index, rule)| Some(rule.node.left_out(batch).transpose()?.map(|rows| (index, rows))))
            .collect()
    }
}

impl RowNode {
    fn left_out(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let others = |kept: Option<BooleanArray>| kept.map(|kept| not(&kept).map_err(kernel)).transpose();
        let nodes = match self {
            RowNode::Leaf(leaf) => return others(leaf.kept(batch)?),
            RowNode::Keys(leaf) => return others(leaf.kept(batch)?),
            RowNode::And(nodes) | RowNode::Or(nodes) => nodes,
        };
        let mut all: Option<BooleanArray> = None;
        for node in nodes {
            let Some(next) = node.left_out(batch)? else { return Ok(None) };
            all = Some(match all {
                Some(before) => and(&before, &next).map_err(kernel)?,
                None => next,
            });
        }
        Ok(all)
    }
}

impl RowLeaf {
    /// The test's truth for each row, filtered out or not.
    pub(crate) fn test(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let column: &ArrayRef =
            batch.columns().get(self.column).ok_or_else(|| Error::bug("a batch lacks a rule's column"))?;
        self.test.judge(column)
    }

    /// The rows that `where` keeps; `None`: all.
    pub(crate) fn kept(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        kept(self.filter.as_ref(), batch)
    }
}

impl Filter {
    /// The rows for which the predicate is true: neither false nor NULL.
    pub(crate) fn kept(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let failed = |error| {
            crate::spark::own_error(&error)
                .unwrap_or_else(|| Error::usage("the predicate of a `where` fails on the data"))
        };
        let value = self.0.evaluate(batch).map_err(failed)?.into_array(batch.num_rows()).map_err(failed)?;
        let truth =
            value.as_boolean_opt().ok_or_else(|| Error::usage("the predicate of a `where` is not true or false"))?;
        Ok(match truth.nulls() {
            None => truth.clone(),
            Some(nulls) => BooleanArray::new(truth.values() & nulls.inner(), None),
        })
    }
}

/// Turns parsed rules into evaluators for one schema.
pub(crate) struct Compiler {
    schema: SchemaRef,
    context: SessionContext,
    /// The context as predicates need it, made by the first.
    spark: OnceLock<SessionState>,
    now: DateTime<Utc>,
    keys: RowKeys,
}

impl Compiler {
    pub(crate) fn new(schema: SchemaRef) -> Self {
        let (context, keys) = (SessionContext::new(), RowKeys::default());
        Self { schema, context, spark: OnceLock::new(), now: Utc::now(), keys }
    }

    /// With what is known of the rules about keys.
    pub(crate) fn with_keys(self, keys: RowKeys) -> Self {
        Self { keys, ..self }
    }

    pub(crate) fn node(&self, node: &Node) -> Result<RowNode> {
        let all = |nodes: &[Node]| nodes.iter().map(|n| self.node(n)).collect::<Result<Vec<_>>>();
        Ok(match node {
            Node::Leaf(leaf) => match self.keys.of(leaf)? {
                Some(truth) => RowNode::Keys(Box::new(KeyLeaf::new(truth, leaf, self)?)),
                None => RowNode::Leaf(Box::new(self.leaf(leaf)?)),
            },
            Node::And(nodes) => RowNode::And(all(nodes)?),
            Node::Or(nodes) => RowNode::Or(all(nodes)?),
        })
    }

    /// A leaf that has a truth value for each row.
    pub(crate) fn leaf(&self, leaf: &Leaf) -> Result<RowLeaf> {
        let column = self.column(leaf.column())?;
        Ok(RowLeaf { column, test: self.test(leaf)?, filter: self.filter(leaf)? })
    }

    /// The rows whose number is zero.
    pub(crate) fn zeros(&self, leaf: &Leaf) -> Result<RowLeaf> {
        let column = self.numeric_column(leaf.column())?;
        let zero = NumberOperand::Number(Number { value: 0.0, text: "0".to_owned() });
        let comparison = Comparison::Compare(Operator::Equal, zero);
        let test = Test::new(&Condition::Number(NumberCondition { comparison }), chrono_tz::UTC, self.now)?;
        Ok(RowLeaf { column, test, filter: self.filter(leaf)? })
    }

    /// What of the column a row rule compares as a number, if it does.
    pub(crate) fn tested(&self, leaf: &Leaf) -> Result<Option<Tested>> {
        let column = self.column(leaf.column())?;
        let numbers = holds_numbers(self.schema.field(column));
        Ok(match (leaf.name(), &leaf.condition) {
            ("ColumnLength", _) => Some(Tested::Lengths(column)),
            ("ColumnValues", Some(Condition::Number(_)) | None) if numbers => Some(Tested::Values(column)),
            _ => None,
        })
    }

    /// The columns of a rule over keys; all of them where it names none.
    pub(crate) fn key_columns(&self, leaf: &Leaf) -> Result<Vec<usize>> {
        if leaf.parameters.is_empty() {
            return Ok((0..self.schema.fields().len()).collect());
        }
        leaf.parameters.iter().map(|column| self.column(column)).collect()
    }

    pub(crate) fn column(&self, name: &str) -> Result<usize> {
        self.schema.index_of(name).map_err(|_| unknown_column(name, &self.schema))
    }

    /// A column that can be summed.
    pub(crate) fn numeric_column(&self, name: &str) -> Result<usize> {
        let index = self.column(name)?;
        let field = self.schema.field(index);
        if !holds_numbers(field) {
            let found = type_name(field.data_type());
            return Err(Error::usage(format!("column `{name}` is of type {found}")).expected("a column of numbers"));
        }
        Ok(index)
    }

    /// Whether the rule's condition can be put to values of a type at all. A condition that cannot be compiled is another problem.
    pub(crate) fn can_judge(&self, leaf: &Leaf, data_type: &DataType) -> bool {
        self.test(leaf).map_or(true, |test| test.judge(&new_empty_array(data_type)).is_ok())
    }

    fn test(&self, leaf: &Leaf) -> Result<Test> {
        let missing = || Error::bug("a rule without its condition");
        match (leaf.name(), &leaf.condition) {
            ("IsComplete" | "Completeness", _) => Ok(Test::Complete),
            ("ColumnLength", Some(Condition::Number(number))) => {
                crate::compare::refuse_dynamic(number)?;
                Ok(Test::Length(number.clone()))
            }
            ("ColumnDataType", Some(condition)) => {
                Castable::new(condition, leaf.tags.get("format").map(String::as_str)).map(Test::Castable)
            }
            ("DataFreshness", Some(Condition::Duration(durations))) => {
                Ok(Test::Age(Age::new(&durations.map(|duration| duration.value()), self.now)))
            }
            (_, Some(condition)) => Test::new(condition, zone(leaf)?, self.now),
            _ => Err(missing()),
        }
    }

    /// The rule's `where`, compiled.
    pub(crate) fn filter(&self, leaf: &Leaf) -> Result<Option<Filter>> {
        leaf.filter.as_deref().map(|text| self.predicate(text)).transpose()
    }

    /// A predicate, compiled.
    pub(crate) fn predicate(&self, text: &str) -> Result<Filter> {
        crate::custom_sql::refuse_monsters(text)?;
        let bad = |e: datafusion::error::DataFusionError| plan_error::told(&e, &[]).within("where");
        let schema = DFSchema::try_from(SchemaRef::clone(&self.schema)).map_err(bad)?;
        let state = match self.spark.get() {
            Some(state) => state,
            None => {
                let state = crate::spark::prepared(&self.context)?;
                self.spark.get_or_init(|| state)
            }
        };
        let predicate = crate::spark::predicate(state, text, &schema).map_err(|e| e.within("where"))?;
        let compiled = state.create_physical_expr(predicate, &schema).map_err(bad)?;
        Ok(Filter(compiled))
    }
}

/// The text of a planner's error: names of columns and functions, never data.
pub(crate) trait PlannerText {
    fn strip_backtrace_text(self) -> Box<dyn std::error::Error + Send + Sync>;
}

impl PlannerText for datafusion::error::DataFusionError {
    fn strip_backtrace_text(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.strip_backtrace().into()
    }
}

fn zone(leaf: &Leaf) -> Result<chrono_tz::Tz> {
    match leaf.tags.get("timeZone") {
        None => Ok(chrono_tz::UTC),
        Some(name) => name.parse().map_err(|_| {
            Error::usage(format!("`{name}` is not a time zone")).expected("a name such as \"Asia/Seoul\"")
        }),
    }
}

pub(crate) fn unknown_column(name: &str, schema: &arrow::datatypes::Schema) -> Error {
    if schema.fields().is_empty() {
        return Error::usage(format!("there is no column `{name}`: the dataset has no columns at all"))
            .help("its files may be empty");
    }
    let names = || schema.fields().iter().map(|f| f.name().as_str());
    let listed = names().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let error = Error::usage(format!("there is no column `{name}`")).expected(format!("one of {listed}"));
    match lakegate_contract::suggest(name, names()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn kernel(error: arrow::error::ArrowError) -> Error {
    Error::bug("truth values cannot be combined").caused_by(error)
}

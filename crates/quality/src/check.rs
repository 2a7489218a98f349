//! A ruleset against a schema, before any data is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use lakegate_contract::{Error, Result, type_name};

use crate::ast::{GATE_LABEL, Leaf, Ruleset, WARN};
use crate::castable::Castable;
use crate::compare::{is_dated, is_text, refuse_dynamic};
use crate::condition::{Condition, NumberCondition, NumberOperand};
use crate::custom_sql::refuse_monsters;
use crate::lexer::place;
use crate::matching::Pairs;
use crate::measure::Gauge;
use crate::measuring;
use crate::pattern::Pattern;
use crate::row::{Compiler, PlannerText as _, is_row_leaf, unknown_column};
use crate::rule_type::RuleType;
use crate::untyped::{holds_numbers, is_untyped};

/// Every problem of a ruleset with a dataset of this schema, in the order of the rules. `references` are the schemas of the
/// other datasets by alias; `None` leaves them unchecked.
pub fn check(ruleset: &Ruleset, schema: &Schema, references: Option<&BTreeMap<String, SchemaRef>>) -> Vec<Error> {
    let compiler = Compiler::new(SchemaRef::new(schema.clone()));
    let mut problems = Vec::new();
    for rule in &ruleset.rules {
        if let Some(value) = rule.labels.get(GATE_LABEL).filter(|value| *value != WARN) {
            problems.push(
                Error::usage(format!("the label \"{GATE_LABEL}\" has the value \"{value}\""))
                    .at(place(&ruleset.text, &ruleset.file, rule.start))
                    .expected(format!("\"{GATE_LABEL}\"=\"{WARN}\", or no such label: then the rule closes the gate")),
            );
        }
    }
    for leaf in ruleset.rules.iter().flat_map(|rule| rule.node.leaves()) {
        let at = place(&ruleset.text, &ruleset.file, leaf.start);
        let found = match leaf.name() {
            "DetectAnomalies" => {
                measured_problems(measuring::of_anomalies(leaf).map(|leaf| vec![leaf]), schema, &compiler)
            }
            _ => problems_of(leaf, schema, references, &compiler),
        };
        problems.extend(found.into_iter().map(|problem| problem.within(&at)));
    }
    for analyzer in ruleset.analyzers() {
        let at = place(&ruleset.text, &ruleset.file, analyzer.start);
        let found = measured_problems(measuring::of_analyzer(analyzer, schema), schema, &compiler);
        problems.extend(found.into_iter().map(|problem| problem.within(&at)));
    }
    problems
}

/// Every problem of a ruleset with the datasets that it names: `schemas` has those of all datasets, of the judged one under
/// `own`. Statements of CustomSql are planned over empty datasets.
pub async fn check_with_references(ruleset: &Ruleset, own: &str, schemas: &BTreeMap<String, SchemaRef>) -> Vec<Error> {
    let Some(schema) = schemas.get(own) else { return Vec::new() };
    let mut problems = check(ruleset, schema, Some(schemas));
    let context = SessionContext::new();
    let others = schemas.iter().map(|(name, schema)| (name.as_str(), schema)).filter(|(name, _)| *name != "primary");
    let datasets = others.chain([("primary", schema)]);
    for (name, schema) in datasets {
        let empty = MemTable::try_new(SchemaRef::clone(schema), vec![Vec::new()]).map(Arc::new);
        if let Err(error) = empty.and_then(|table| context.register_table(TableReference::bare(name), table)) {
            problems.push(Error::bug("an empty dataset cannot be made").caused_by(error.strip_backtrace_text()));
        }
    }
    for leaf in ruleset.rules.iter().flat_map(|rule| rule.node.leaves()).filter(|leaf| leaf.name() == "CustomSql") {
        if let Err(error) = crate::custom_sql::plan(&context, leaf.column()) {
            problems.push(error.within(place(&ruleset.text, &ruleset.file, leaf.start)));
        }
    }
    problems
}

/// What is wrong with what an analyzer or `DetectAnomalies` measures.
fn measured_problems(leaves: Result<Vec<Leaf>>, schema: &Schema, compiler: &Compiler) -> Vec<Error> {
    let leaves = match leaves {
        Ok(leaves) => leaves,
        Err(error) => return vec![error],
    };
    let mut problems = Vec::new();
    for leaf in &leaves {
        let found = problems_of(leaf, schema, None, compiler);
        if found.is_empty() {
            problems.extend(Gauge::of(leaf, compiler).err());
        }
        problems.extend(found);
    }
    problems
}

fn problems_of(
    leaf: &Leaf,
    schema: &Schema,
    references: Option<&BTreeMap<String, SchemaRef>>,
    compiler: &Compiler,
) -> Vec<Error> {
    if !leaf.rule_type.supported {
        return vec![
            Error::usage(format!("`{}` is a rule type of DQDL that lakegate does not evaluate yet", leaf.name()))
                .expected(format!("one of {}", RuleType::supported_names())),
        ];
    }
    let mut problems: Vec<Error> = leaf
        .columns()
        .iter()
        .filter(|column| schema.index_of(column).is_err())
        .map(|column| unknown_column(column, schema))
        .collect();
    problems.extend(condition_problem(leaf, schema, compiler));
    if problems.is_empty() && leaf.filter.is_some() {
        problems.extend(compiler.filter(leaf).err());
    }
    if let ("ColumnCorrelation", Some(second)) = (leaf.name(), leaf.parameters.get(1)) {
        problems.extend(number_problem(second, schema));
    }
    problems.extend(word_problem(leaf, schema));
    if leaf.name() == "ColumnNamesMatchPattern" {
        problems.extend(Pattern::search(leaf.column()).err());
    }
    if leaf.name() == "CustomSql" {
        problems.extend(refuse_monsters(leaf.column()).err());
    }
    problems.extend(reference_problems(leaf, schema, references));
    if crate::files::is_file_rule(leaf) {
        problems.extend(crate::files::problems(leaf));
    }
    problems
}

fn condition_problem(leaf: &Leaf, schema: &Schema, compiler: &Compiler) -> Option<Error> {
    let dynamic = |condition: &NumberCondition| {
        condition.comparison.operands().into_iter().find_map(|operand| match operand {
            NumberOperand::Dynamic(dynamic) => dynamic.check().err(),
            _ => None,
        })
    };
    let threshold = leaf.threshold.as_ref().and_then(dynamic);
    let field = schema.field_with_name(leaf.column()).ok();
    let mismatch = |compared: &str, field: &Field| Some(wrong_type(field, compared));
    let own = match (&leaf.condition, field) {
        (Some(Condition::Matches(pattern, _)), _) if Pattern::full(pattern).is_err() => Pattern::full(pattern).err(),
        (Some(Condition::Number(number)), _) if is_row_leaf(leaf) && refuse_dynamic(number).is_err() => {
            refuse_dynamic(number).err()
        }
        (Some(Condition::Number(number)), _) if dynamic(number).is_some() => dynamic(number),
        (_, Some(f)) if measures_numbers(leaf) && !holds_numbers(f) => mismatch("numbers", f),
        (_, Some(f)) if is_untyped(f) => None,
        (Some(Condition::Date(_) | Condition::Duration(_)), Some(f)) if !is_dated(f.data_type()) => {
            mismatch("dates", f)
        }
        (_, Some(f)) if leaf.name() == "ColumnLength" && !is_text(f.data_type()) => mismatch("lengths of texts", f),
        (Some(condition), Some(f)) if leaf.name() == "ColumnValues" && !compiler.can_judge(leaf, f.data_type()) => {
            mismatch(if matches!(condition, Condition::Number(_)) { "numbers" } else { "texts" }, f)
        }
        _ => None,
    };
    own.or(threshold)
}

fn measures_numbers(leaf: &Leaf) -> bool {
    const NAMES: [&str; 10] = [
        "Mean",
        "Sum",
        "StandardDeviation",
        "Variance",
        "ColumnCorrelation",
        "Range",
        "InterquartileRange",
        "Skewness",
        "Kurtosis",
        "ZerosCount",
    ];
    NAMES.contains(&leaf.name())
}

/// What is wrong with the other datasets that a rule names.
fn reference_problems(leaf: &Leaf, schema: &Schema, references: Option<&BTreeMap<String, SchemaRef>>) -> Vec<Error> {
    let named = match leaf.references() {
        Ok(named) => named,
        Err(error) => return vec![error],
    };
    let mut problems = Vec::new();
    for (alias, mut columns) in named {
        if leaf.name() == "DatasetMatch" && leaf.parameters.len() == 2 {
            columns.extend(Pairs::of_rule(leaf, schema).1.theirs);
        }
        match references.map(|references| (references, references.get(&alias))) {
            None => {}
            Some((_, Some(schema))) => {
                let missing = columns.iter().filter(|column| schema.index_of(column).is_err());
                problems
                    .extend(missing.map(|column| unknown_column(column, schema).within(format!("dataset `{alias}`"))));
            }
            Some((references, None)) => {
                let names = || references.keys().map(String::as_str);
                let listed = names().collect::<Vec<_>>().join(", ");
                let error = Error::usage(format!("there is no dataset `{alias}`"));
                let error = if listed.is_empty() { error } else { error.expected(format!("one of {listed}")) };
                problems.push(error.suggesting(&alias, names()));
            }
        }
    }
    problems
}

/// What is wrong with the columns of an `AggregateMatch` rule, and the words of others that are compiled later.
fn word_problem(leaf: &Leaf, schema: &Schema) -> Option<Error> {
    match leaf.name() {
        "AggregateMatch" => {
            let own = leaf.aggregates().ok()?.into_iter().filter(|aggregate| aggregate.alias == "primary");
            own.filter_map(|aggregate| number_problem(&aggregate.column, schema)).next()
        }
        "ColumnDataType" => {
            let condition = leaf.condition.as_ref()?;
            Castable::new(condition, leaf.tags.get("format").map(String::as_str)).err()
        }
        "DatasetMatch" if leaf.parameters.get(1).is_some_and(|keys| Pairs::parse(keys).own.is_empty()) => {
            Some(Error::usage("the rule names no key").expected("\"column\" or \"own->theirs,…\""))
        }
        _ => None,
    }
}

fn number_problem(column: &str, schema: &Schema) -> Option<Error> {
    let field = schema.field_with_name(column).ok().filter(|field| !holds_numbers(field))?;
    Some(wrong_type(field, "numbers"))
}

fn wrong_type(field: &Field, compared: &str) -> Error {
    let (name, found) = (field.name(), type_name(field.data_type()));
    let error = Error::usage(format!("column `{name}` is of type {found}, and the rule compares {compared}"));
    match compared {
        "numbers" if is_text(field.data_type()) => {
            error.help(format!("`ColumnDataType \"{name}\" = \"Double\"` tells the rows whose text is no number"))
        }
        "numbers" if is_dated(field.data_type()) => {
            error.help("a date stands in quotes, such as `> \"2026-01-31\"`; one that moves is `(now() - 3 days)`")
        }
        _ => error,
    }
}

//! A ruleset against a schema, before any data is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use lakegate_contract::Error;

use crate::ast::{GATE_LABEL, Leaf, Ruleset, WARN};
use crate::compare::{is_dated, refuse_dynamic};
use crate::condition::Condition;
use crate::custom_sql::refuse_monsters;
use crate::lexer::place;
use crate::pattern::Pattern;
use crate::row::{Compiler, PlannerText as _, unknown_column};
use crate::rule_type::RuleType;

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
        problems
            .extend(problems_of(leaf, schema, references, &compiler).into_iter().map(|problem| problem.within(&at)));
    }
    problems
}

/// Every problem of a ruleset with the datasets that it names: `schemas` has those of all datasets, of the judged one under
/// `own`. Statements of CustomSql are planned over empty datasets.
pub async fn check_with_references(ruleset: &Ruleset, own: &str, schemas: &BTreeMap<String, SchemaRef>) -> Vec<Error> {
    let Some(schema) = schemas.get(own) else { return Vec::new() };
    let mut problems = check(ruleset, schema, Some(schemas));
    let context = SessionContext::new();
    let datasets = schemas.iter().map(|(name, schema)| (name.as_str(), schema)).chain([("primary", schema)]);
    for (name, schema) in datasets {
        let empty = MemTable::try_new(SchemaRef::clone(schema), vec![Vec::new()]).map(Arc::new);
        if let Err(error) = empty.and_then(|table| context.register_table(name, table)) {
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
    problems.extend(condition_problem(leaf, schema));
    if problems.is_empty() && leaf.filter.is_some() {
        problems.extend(compiler.filter(leaf).err());
    }
    if let ("ColumnCorrelation", Some(second)) = (leaf.name(), leaf.parameters.get(1)) {
        let found = schema.field_with_name(second).ok().map(|field| field.data_type()).filter(|t| !t.is_numeric());
        problems.extend(
            found.map(|t| Error::usage(format!("column `{second}` is of type {t}, and the rule compares numbers"))),
        );
    }
    if leaf.name() == "ColumnNamesMatchPattern" {
        problems.extend(Pattern::search(leaf.column()).err());
    }
    if leaf.name() == "CustomSql" {
        problems.extend(refuse_monsters(leaf.column()).err());
    }
    if leaf.name() == "ReferentialIntegrity" {
        problems.extend(reference_problem(leaf, references));
    }
    problems
}

fn condition_problem(leaf: &Leaf, schema: &Schema) -> Option<Error> {
    let threshold = leaf.threshold.as_ref().and_then(|t| refuse_dynamic(t).err());
    let data_type = schema.field_with_name(leaf.column()).ok().map(|f| f.data_type());
    let mismatch = |found: &str, data_type: &DataType| {
        Some(Error::usage(format!("column `{}` is of type {data_type}, and the rule compares {found}", leaf.column())))
    };
    let own = match (&leaf.condition, data_type) {
        (Some(Condition::Matches(pattern, _)), _) => Pattern::full(pattern).err(),
        (Some(Condition::Number(number)), _) if refuse_dynamic(number).is_err() => refuse_dynamic(number).err(),
        (Some(Condition::Number(_)), Some(t)) if leaf.name() == "ColumnValues" && t.is_nested() => {
            mismatch("numbers", t)
        }
        (Some(Condition::Date(_)), Some(t)) if !is_dated(t) => mismatch("dates", t),
        (_, Some(t)) if measures_numbers(leaf) && !t.is_numeric() => mismatch("numbers", t),
        (_, Some(t)) if leaf.name() == "ColumnLength" && !is_text(t) => mismatch("lengths of texts", t),
        _ => None,
    };
    own.or(threshold)
}

fn measures_numbers(leaf: &Leaf) -> bool {
    matches!(leaf.name(), "Mean" | "Sum" | "StandardDeviation" | "Variance" | "ColumnCorrelation")
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn reference_problem(leaf: &Leaf, references: Option<&BTreeMap<String, SchemaRef>>) -> Option<Error> {
    let Some((alias, columns)) = leaf.reference() else {
        return Some(
            Error::usage("the second parameter names no dataset").expected("\"alias.column\" or \"alias.{a,b}\""),
        );
    };
    if columns.len() != leaf.columns().len() {
        return Some(Error::usage("the two sides have different numbers of columns"));
    }
    let references = references?;
    match references.get(&alias) {
        Some(schema) => columns.iter().find(|c| schema.index_of(c).is_err()).map(|c| unknown_column(c, schema)),
        None => {
            let names = || references.keys().map(String::as_str);
            let listed = names().collect::<Vec<_>>().join(", ");
            let error = Error::usage(format!("there is no dataset `{alias}`"));
            let error = if listed.is_empty() { error } else { error.expected(format!("one of {listed}")) };
            Some(error.suggesting(&alias, names()))
        }
    }
}

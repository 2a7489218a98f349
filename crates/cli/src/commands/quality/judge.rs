//! Judging a dataset.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use comfy_table::{ContentArrangement, Table, presets};
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use lakegate_contract::{Class, Error, Result};
use lakegate_quality::{DatasetRules, RowRules, RuleOutcome, RuleResult, Ruleset, Scope, check, parse};
use lakegate_reports::CsvOutput;
use serde_json::json;

use super::arguments::JudgeArguments;
use crate::dataset::{register, session};
use crate::output;

/// Judges a dataset; the exit code is 3 when a rule fails.
pub async fn run(arguments: &JudgeArguments, as_json: bool) -> Result<ExitCode> {
    refuse_overwriting(arguments)?;
    let ruleset = load_rules(&arguments.rules)?;
    let context = session();
    let schema = register(&context, "primary", &arguments.data).await?;
    let mut references = BTreeMap::new();
    for (name, path) in &arguments.references {
        references.insert(name.clone(), register(&context, name, Path::new(path)).await?);
    }
    refuse_problems(&check(&ruleset, &schema, Some(&references)))?;
    let outcomes = DatasetRules::compile(&ruleset, SchemaRef::clone(&schema), Scope::Whole)?.evaluate(&context).await?;
    let bad_rows = match &arguments.bad_rows {
        Some(path) => Some(write_bad_rows(&context, &ruleset, schema, path).await?),
        None => None,
    };
    let failed = outcomes.iter().filter(|o| o.result != RuleResult::Pass).count();
    if as_json {
        output::print_json(&json!({
            "data": arguments.data,
            "rules": arguments.rules,
            "passed": outcomes.len() - failed,
            "failed": failed,
            "bad_rows": bad_rows,
            "outcomes": outcomes,
        }))?;
    } else {
        output::print(&outcome_table(&outcomes))?;
        output::print(&summary(outcomes.len(), failed, bad_rows, arguments))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(Class::GateClosed.exit_code()) })
}

/// The bad rows must not take the place of what is judged.
fn refuse_overwriting(arguments: &JudgeArguments) -> Result<()> {
    let Some(Ok(output)) = arguments.bad_rows.as_ref().map(|path| path.canonicalize()) else { return Ok(()) };
    let references = arguments.references.iter().map(|(_, path)| Path::new(path));
    for input in [arguments.data.as_path(), arguments.rules.as_path()].into_iter().chain(references) {
        if input.canonicalize().is_ok_and(|input| output.starts_with(input)) {
            return Err(Error::usage("--bad-rows would overwrite what is read")
                .at(output.display().to_string())
                .help("name another file"));
        }
    }
    Ok(())
}

pub fn load_rules(path: &Path) -> Result<Ruleset> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::usage(format!("the ruleset cannot be read: {}", e.kind())).at(&name))?;
    parse(&text, &name)
}

/// Prints all problems but the last, which becomes the error.
fn refuse_problems(problems: &[Error]) -> Result<()> {
    let Some((last, others)) = problems.split_last() else { return Ok(()) };
    for problem in others {
        output::warn(&crate::errors::render(problem));
    }
    let mut error = Error::new(last.class(), last.found());
    if let Some(place) = last.place() {
        error = error.at(place);
    }
    if let Some(expected) = last.expectation() {
        error = error.expected(expected);
    }
    if let Some(advice) = last.advice() {
        error = error.help(advice);
    }
    Err(error)
}

/// The outcomes, one rule a line.
pub fn outcome_table(outcomes: &[RuleOutcome]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["result", "rule", "metrics", "why"]);
    for outcome in outcomes {
        let metrics: Vec<String> = outcome.metrics.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        table.add_row([
            outcome.result.to_string(),
            outcome.rule.clone(),
            metrics.join("\n"),
            outcome.message.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn summary(rules: usize, failed: usize, bad_rows: Option<u64>, arguments: &JudgeArguments) -> String {
    let mut text = format!("{} of {rules} rules passed", rules - failed);
    if let (Some(count), Some(path)) = (bad_rows, &arguments.bad_rows) {
        text.push_str(&format!("; {count} bad rows written to {}", path.display()));
    }
    text
}

async fn write_bad_rows(context: &SessionContext, ruleset: &Ruleset, schema: SchemaRef, path: &Path) -> Result<u64> {
    let rules = RowRules::compile(ruleset, SchemaRef::clone(&schema))?;
    let names = rules.rules();
    // A reader's own message may quote what it could not read.
    let failure = |_: datafusion::error::DataFusionError| {
        Error::bad_input("the data cannot be read").help("its files may differ in their columns or types")
    };
    let mut batches = context.table("primary").await.map_err(failure)?.execute_stream().await.map_err(failure)?;
    let file = File::create(path).map_err(|e| output::unwritable(&e, path))?;
    let mut csv = CsvOutput::new(file);
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(std::sync::Arc::new(arrow::datatypes::Field::new("_rules", arrow::datatypes::DataType::Utf8, false)));
    csv.header(&arrow::datatypes::Schema::new(fields))?;
    let mut count = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(failure)?;
        let verdict = rules.judge(&batch)?;
        let refused = arrow::compute::not(&verdict.passed)
            .map_err(|e| Error::bug("a verdict cannot be inverted").caused_by(e))?;
        if refused.true_count() == 0 {
            continue;
        }
        let reasons = reasons_of(&verdict.failed, &names, batch.num_rows());
        let marked = with_column(&batch, "_rules", reasons)?;
        let bad = arrow::compute::filter_record_batch(&marked, &refused)
            .map_err(|e| Error::bug("rows cannot be filtered").caused_by(e))?;
        count += bad.num_rows() as u64;
        csv.write(&bad)?;
    }
    csv.finish()?;
    Ok(count)
}

fn reasons_of(failed: &[(usize, arrow::array::BooleanArray)], names: &[&str], rows: usize) -> ArrayRef {
    let mut reasons = vec![String::new(); rows];
    for (rule, mask) in failed {
        let name = names.get(*rule).copied().unwrap_or_default();
        for (row, reason) in reasons.iter_mut().enumerate() {
            if mask.value(row) {
                if !reason.is_empty() {
                    reason.push_str("; ");
                }
                reason.push_str(name);
            }
        }
    }
    std::sync::Arc::new(StringArray::from(reasons))
}

fn with_column(batch: &RecordBatch, name: &str, column: ArrayRef) -> Result<RecordBatch> {
    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    fields.push(std::sync::Arc::new(arrow::datatypes::Field::new(name, column.data_type().clone(), false)));
    let mut columns = batch.columns().to_vec();
    columns.push(column);
    RecordBatch::try_new(std::sync::Arc::new(arrow::datatypes::Schema::new(fields)), columns)
        .map_err(|e| Error::bug("a column cannot be added").caused_by(e))
}

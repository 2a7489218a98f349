//! `lakegate quarantine show`: refused rows, with their places and rules.
//!
//! It is the one place where values of rows are shown, to whoever asks for them: as the table would have them, redacted. A column
//! that the contract no longer publishes, or treats today and did not then, is left out.

use std::process::ExitCode;

use arrow::array::BooleanArray;
use arrow::datatypes::Schema;
use futures::TryStreamExt as _;
use lakegate_contract::{Column, Contract, Error, Result, TableName, Treatment};
use lakegate_lake::{Quarantine, QuarantineFile, QuarantinedRows};
use lakegate_pipeline::quarantine::{Tally, quarantine_of};
use serde_json::json;

use super::arguments::{ShowArguments, ShowFormat};
use super::write::{RowsOutput, places_and_columns};
use super::{counted, rule_lines};
use crate::arguments::GlobalArguments;
use crate::{context, output};

/// Shows the refused rows of one run.
pub async fn run(arguments: &ShowArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let table = TableName::new(arguments.table.as_str())?;
    let contract = project.contract(&table)?;
    let format = arguments.chosen(global)?;
    if let Some(path) = &arguments.output {
        output::refuse_unwritable(path)?;
    }
    let lake = context::lake(&project).await?;
    let Some((file, quarantine)) = quarantine_of(&lake, &table, arguments.run).await? else {
        if global.json {
            output::print_json(&json!({ "table": table, "run": null, "rows": [] }))?;
        } else {
            output::print(&format!("no run has refused a row of table {table}"))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let shown = Shown::of(&contract, &quarantine);
    let tally = matching(&quarantine, arguments).await?;
    if let (0, Some(text)) = (tally.rows, &arguments.rule) {
        return Err(no_such_rule(&quarantine, file.run, text).await);
    }
    let limit = arguments.rows(format);
    let found = Found { file: &file, tally: &tally, shown: &shown, rows: tally.rows.min(limit as u64) };
    match (format, &arguments.output) {
        (ShowFormat::Table, _) => show_table(&quarantine, &contract, &found, arguments).await?,
        (ShowFormat::Json, None) if global.json => print_envelope(&quarantine, &found, arguments).await?,
        (format, path) => {
            let mut out = RowsOutput::open(format, path.as_deref(), &shown.schema)?;
            each(&quarantine, &found, arguments, |rows| out.write(rows)).await?;
            out.finish()?;
        }
    }
    let envelope_is_out = global.json && arguments.output.is_none();
    if global.json && !envelope_is_out {
        let mut object = envelope(&found);
        if let Some(members) = object.as_object_mut() {
            members.insert("written".to_owned(), json!(arguments.output));
        }
        output::print_json(&object)?;
    }
    if !envelope_is_out {
        tell(&found, format);
    }
    Ok(ExitCode::SUCCESS)
}

/// What was found, and how much of it is shown.
struct Found<'a> {
    file: &'a QuarantineFile,
    tally: &'a Tally,
    shown: &'a Shown,
    rows: u64,
}

/// The columns of a file that may be shown, and those that may not.
struct Shown {
    schema: Schema,
    hidden: Vec<String>,
}

impl Shown {
    fn of(contract: &Contract, quarantine: &Quarantine) -> Self {
        let made_under = quarantine.label().map(|label| &label.redaction);
        let may_be_shown = |column: &Column| match made_under {
            Some(state) => state.may_be_shown(column),
            None => column.treatment == Treatment::Keep,
        };
        let stored = quarantine.schema();
        let (shown, hidden): (Vec<_>, Vec<_>) = stored
            .fields()
            .iter()
            .cloned()
            .partition(|field| contract.published_column(field.name()).is_some_and(may_be_shown));
        Self { schema: Schema::new(shown), hidden: hidden.iter().map(|field| field.name().clone()).collect() }
    }

    fn has(&self, name: &str) -> bool {
        self.schema.index_of(name).is_ok()
    }

    /// For people, who have a screen of some width: the key, and the columns that the rules name.
    fn in_question(&self, contract: &Contract, tally: &Tally) -> Vec<String> {
        let is_key = |name: &str| contract.key().iter().any(|key| key.as_str() == name);
        let first = self.schema.fields().first().filter(|_| contract.key().is_empty()).map(|f| f.name().as_str());
        let wanted = |name: &&String| {
            first == Some(name.as_str()) || is_key(name) || tally.rules.keys().any(|rule| names(rule, name, contract))
        };
        self.schema.fields().iter().map(|f| f.name()).filter(wanted).cloned().collect()
    }
}

/// Whether a rule, or a reason, has the name of a column or of a partition column made of it.
fn names(rule: &str, column: &str, contract: &Contract) -> bool {
    let partitions = contract.partition_by().iter().filter(|field| field.column.as_str() == column);
    let names: Vec<&str> = partitions.map(|field| field.name.as_str()).chain([column]).collect();
    rule.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| names.contains(&word))
}

/// The rows that `--rule` leaves of a batch.
fn wanted(rows: &QuarantinedRows, arguments: &ShowArguments) -> Result<QuarantinedRows> {
    let Some(text) = arguments.rule.as_ref().map(|text| text.to_lowercase()) else { return Ok(rows.clone()) };
    let matches = |row| rows.rules_of(row).iter().any(|rule| rule.to_lowercase().contains(&text));
    rows.filter(&(0..rows.num_rows()).map(|row| Some(matches(row))).collect::<BooleanArray>())
}

/// Counts the rows that `--rule` leaves, and their rules.
async fn matching(quarantine: &Quarantine, arguments: &ShowArguments) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut batches = quarantine.read(|_| false)?;
    while let Some(rows) = batches.try_next().await? {
        tally.add(&wanted(&rows, arguments)?);
    }
    Ok(tally)
}

/// That nothing was refused by such a rule, with the rules by which something was.
async fn no_such_rule(quarantine: &Quarantine, run: impl std::fmt::Display, text: &str) -> Error {
    let mut all = Tally::default();
    if let Ok(mut batches) = quarantine.read(|_| false) {
        while let Ok(Some(rows)) = batches.try_next().await {
            all.add(&rows);
        }
    }
    let rules: Vec<&str> = all.worst().iter().map(|(rule, _)| rule.trim()).collect();
    Error::usage(format!("run {run} refused no row by a rule with `{text}` in its text"))
        .expected(format!("a part of one of: {}", rules.join("; ")))
}

/// Hands out the rows that are shown, in their order.
async fn each(
    quarantine: &Quarantine,
    found: &Found<'_>,
    arguments: &ShowArguments,
    mut take: impl FnMut(&QuarantinedRows) -> Result<()>,
) -> Result<()> {
    let mut left = found.rows;
    let mut batches = quarantine.read(|name| found.shown.has(name))?;
    while left > 0 {
        let Some(rows) = batches.try_next().await? else { break };
        let rows = wanted(&rows, arguments)?;
        let first: BooleanArray = (0..rows.num_rows() as u64).map(|row| Some(row < left)).collect();
        let rows = rows.filter(&first)?;
        left -= rows.num_rows() as u64;
        take(&rows)?;
    }
    Ok(())
}

async fn show_table(
    quarantine: &Quarantine,
    contract: &Contract,
    found: &Found<'_>,
    arguments: &ShowArguments,
) -> Result<()> {
    let columns = match arguments.all_columns {
        true => found.shown.schema.fields().iter().map(|f| f.name().clone()).collect(),
        false => found.shown.in_question(contract, found.tally),
    };
    let mut batches = Vec::new();
    each(quarantine, found, arguments, |rows| {
        batches.push(places_and_columns(rows, &columns)?);
        Ok(())
    })
    .await?;
    let text = super::write::table(batches, &found.shown.schema, &columns)?;
    let text = format!("{text}\n{}\n{}", heading(found), rule_lines(found.tally.worst()));
    match &arguments.output {
        None => output::print(text.trim_end()),
        Some(path) => std::fs::write(path, format!("{}\n", text.trim_end())).map_err(|e| output::unwritable(&e, path)),
    }
}

fn heading(found: &Found<'_>) -> String {
    let tally = found.tally;
    let undecodable = match tally.undecodable {
        0 => String::new(),
        count => format!(", {count} of them undecodable"),
    };
    let shown = if found.rows < tally.rows { format!("; {} shown", found.rows) } else { String::new() };
    format!("{} refused by run {}{undecodable}{shown}", counted(tally.rows, "row"), found.file.run)
}

/// What people should know besides the rows.
fn tell(found: &Found<'_>, format: ShowFormat) {
    if format != ShowFormat::Table {
        output::warn(&format!("{}\n{}", heading(found), rule_lines(found.tally.worst())));
    }
    if !found.shown.hidden.is_empty() {
        let names = found.shown.hidden.join(", ");
        output::warn(&format!("not shown, since the contract does not publish it today as it was stored: {names}"));
    }
}

fn envelope(found: &Found<'_>) -> serde_json::Value {
    let rules: Vec<_> = found.tally.worst().iter().map(|(rule, rows)| json!({ "rule": rule, "rows": rows })).collect();
    json!({
        "table": found.file.table,
        "run": found.file.run,
        "path": found.file.path,
        "row_count": found.tally.rows,
        "undecodable": found.tally.undecodable,
        "rules": rules,
        "not_shown": found.shown.hidden,
    })
}

/// The one JSON object of `--json`.
async fn print_envelope(quarantine: &Quarantine, found: &Found<'_>, arguments: &ShowArguments) -> Result<()> {
    let mut text = envelope(found).to_string();
    text.pop();
    output::print(&format!("{text},\"rows\":"))?;
    let mut out = RowsOutput::open(ShowFormat::Json, None, &found.shown.schema)?;
    each(quarantine, found, arguments, |rows| out.write(rows)).await?;
    out.finish()?;
    output::print("}")
}

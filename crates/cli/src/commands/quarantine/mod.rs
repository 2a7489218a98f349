//! `lakegate quarantine`: the rows that the row rules of loads have refused.

mod arguments;
mod list;
mod replay;
mod show;
mod write;

use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use lakegate_contract::Result;

use arguments::QuarantineAction;
pub use arguments::QuarantineArguments;

use crate::arguments::GlobalArguments;

/// Does what the arguments ask for.
pub async fn run(arguments: &QuarantineArguments, global: &GlobalArguments) -> Result<ExitCode> {
    match &arguments.action {
        QuarantineAction::List(list) => list::run(list, global).await,
        QuarantineAction::Show(show) => show::run(show, global).await,
        QuarantineAction::Replay(replay) => replay::run(replay, global).await,
    }
}

/// Rules with the rows that each refuses, a line each.
fn rule_lines<'a>(rules: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    for (rule, rows) in rules {
        table.add_row([rows.to_string(), rule.to_owned()]);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// `1 row`, `2 rows`.
fn counted(count: u64, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {one}{s}")
}

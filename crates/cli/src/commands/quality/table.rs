//! The result for people.

use std::io::IsTerminal as _;

use comfy_table::{ContentArrangement, Table, presets};
use lakegate_reports::visible;

use super::judgement::{Judgement, metrics, standing};

/// The narrowest table that is made; a narrower terminal breaks its lines.
const NARROWEST: u16 = 60;

/// What a terminal is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Its columns; on a pipe lines may have any length.
    width: Option<u16>,
    coloured: bool,
}

impl Screen {
    /// That of standard output.
    pub fn of_output() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self { width: None, coloured: false };
        }
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| width.0);
        Self { width: Some(width.max(NARROWEST)), coloured: std::env::var_os("NO_COLOR").is_none() }
    }

    /// A file's: no width and no colour.
    pub fn none() -> Self {
        Self { width: None, coloured: false }
    }
}

/// The outcomes, and below them the score and what was written.
pub fn render(judgement: &Judgement, screen: Screen) -> String {
    let mut lines = vec![outcome_table(judgement, screen), judgement.summary()];
    lines.extend(judgement.row_notes());
    lines.join("\n")
}

/// The outcomes, one rule or analyzer a line.
fn outcome_table(judgement: &Judgement, screen: Screen) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    match screen.width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(["result", "rule", "found"]);
    for outcome in &judgement.outcomes {
        let judged = outcome.evaluated.iter().map(|rule| format!("judged as {rule}"));
        let found: Vec<String> =
            outcome.message.iter().cloned().chain(judged).chain(metrics(&outcome.metrics)).collect();
        table.add_row([standing(outcome).word().to_owned(), visible(&outcome.rule), visible(&found.join("\n"))]);
    }
    for outcome in &judgement.analyzers {
        let found: Vec<String> = outcome.message.iter().cloned().chain(metrics(&outcome.metrics)).collect();
        table.add_row(["-".to_owned(), visible(&outcome.analyzer), visible(&found.join("\n"))]);
    }
    let plain = table.to_string();
    if !screen.coloured {
        return plain;
    }
    plain.lines().map(coloured).collect::<Vec<_>>().join("\n")
}

/// A line's first word in its colour. It is put in afterwards: colours would count as letters of the column.
fn coloured(line: &str) -> String {
    for (word, colour) in [("PASS", 32), ("WARN", 33), ("FAIL", 31), ("ERROR", 35)] {
        if let Some(rest) = line.strip_prefix("│ ").and_then(|line| line.strip_prefix(word))
            && rest.starts_with(' ')
        {
            return format!("│ \u{1b}[{colour}m{word}\u{1b}[0m{rest}");
        }
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::judgement::tests::example;
    use super::*;

    #[test]
    fn a_table_fits_into_eighty_columns() {
        let screen = Screen { width: Some(80), coloured: false };
        let table = render(&example(), screen);
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        insta::assert_snapshot!(table, @r#"
        ┌──────────────────────────────────────────────────────────────────────────────┐
        │ result   rule                               found                            │
        ╞══════════════════════════════════════════════════════════════════════════════╡
        │ PASS     RowCount > 1                       Dataset.*.RowCount = 3           │
        │ FAIL     ColumnValues "status" in           1 rows do not satisfy it         │
        │          ["<paid>","a|b"] where "note <>    Column.status.ColumnValues.Compl │
        │          'x                                 iance = 0.667                    │
        │          y' and amount > 0 and amount <                                      │
        │          1000000"                                                            │
        │ WARN     Mean "amount" > 100                it is 10.5                       │
        │                                             Column.amount.Mean = 10.5        │
        │ ERROR    CustomSql "SELECT 1 / 0" = 1       it fails & \u{1b}stops           │
        └──────────────────────────────────────────────────────────────────────────────┘
        1 of 4 rules passed, score 0.25; 1 that fails only warns
        1 bad rows of 3 written to bad.csv
        "#);
    }

    #[test]
    fn colours_change_nothing_else() {
        let screen = Screen { width: Some(100), coloured: true };
        let table = render(&example(), screen);
        let plain =
            ["32", "33", "31", "35", "0"].iter().fold(table.clone(), |t, c| t.replace(&format!("\u{1b}[{c}m"), ""));
        assert_eq!(plain, render(&example(), Screen { coloured: false, ..screen }));
        assert!(table.contains("│ \u{1b}[33mWARN\u{1b}[0m "), "{table}");
        assert!(!table.contains("\u{1b}stops"), "{table}");
    }
}

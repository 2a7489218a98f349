//! The result as workflow commands of GitHub Actions, and as a summary of the job.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use lakegate_contract::Result;
use lakegate_quality::RuleOutcome;

use super::judgement::{Judgement, Standing, metrics, standing};
use crate::output;

/// The file to which a step's Markdown is appended.
const SUMMARY_FILE: &str = "GITHUB_STEP_SUMMARY";
/// The folder that annotations are relative to.
const WORKSPACE: &str = "GITHUB_WORKSPACE";

/// An annotation for each rule that does not hold, and a notice of how all of them stand.
pub fn render(judgement: &Judgement) -> String {
    let file = of_workspace(&judgement.rules, std::env::var(WORKSPACE).ok().as_deref());
    let annotations = judgement.outcomes.iter().filter_map(|outcome| annotation(judgement, outcome, &file));
    let notice = command("notice", &[("title", "lakegate quality")], &judgement.summary());
    annotations.chain([notice]).collect::<Vec<_>>().join("\n")
}

/// Appends the outcomes to the summary of the step, if there is one.
///
/// # Errors
/// When the file cannot be written.
pub fn summarize(judgement: &Judgement) -> Result<()> {
    let Some(path) = std::env::var_os(SUMMARY_FILE).filter(|path| !path.is_empty()) else { return Ok(()) };
    let path = Path::new(&path);
    let appended = std::fs::OpenOptions::new().create(true).append(true).open(path);
    appended
        .and_then(|mut file| file.write_all(markdown(judgement).as_bytes()))
        .map_err(|e| output::unwritable(&e, path))
}

fn annotation(judgement: &Judgement, outcome: &RuleOutcome, file: &str) -> Option<String> {
    let (name, title) = match standing(outcome) {
        Standing::Passes => return None,
        Standing::Warns => ("warning", "does not hold"),
        Standing::Fails => ("error", "does not hold"),
        Standing::Errs => ("error", "cannot be judged"),
    };
    let title = format!("{}: a rule {title}", judgement.ruleset());
    let parts = [outcome.rule.clone()].into_iter().chain(outcome.message.clone()).chain(metrics(&outcome.metrics));
    let message = parts.collect::<Vec<_>>().join("\n");
    Some(command(name, &[("file", file), ("line", &outcome.line.to_string()), ("title", &title)], &message))
}

/// `::name key=value,…::message`
fn command(name: &str, properties: &[(&str, &str)], message: &str) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(key, value)| format!("{key}={}", escaped_property(value))).collect();
    format!("::{name} {}::{}", properties.join(","), escaped(message))
}

/// A message ends at the end of its line.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property also ends at a comma, and the properties at a colon.
fn escaped_property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

/// A path as the repository has it.
fn of_workspace(path: &str, workspace: Option<&str>) -> String {
    let within = workspace.and_then(|folder| Path::new(path).strip_prefix(folder).ok()).and_then(Path::to_str);
    within.unwrap_or(path).trim_start_matches("./").to_owned()
}

/// The outcomes as a table of Markdown.
fn markdown(judgement: &Judgement) -> String {
    let mut text = format!("### Data quality: {}\n\n", cell(judgement.ruleset()));
    let _ = write!(text, "{}: {}\n\n| | rule | found |\n|---|---|---|\n", code(&judgement.data), judgement.summary());
    for outcome in &judgement.outcomes {
        let standing = standing(outcome);
        let mark = match standing {
            Standing::Passes => "✅",
            Standing::Warns => "⚠️",
            Standing::Fails => "❌",
            Standing::Errs => "💥",
        };
        let found: Vec<String> =
            outcome.message.iter().map(|m| cell(m)).chain(metrics(&outcome.metrics).map(|m| cell(&m))).collect();
        let _ = writeln!(text, "| {mark} {} | {} | {} |", standing.word(), code(&outcome.rule), found.join("<br>"));
    }
    for note in judgement.row_notes() {
        let _ = write!(text, "\n{}\n", cell(&note));
    }
    text.push('\n');
    text
}

/// A text as code. Markdown has no escapes within code marks that all readers know, so HTML's are used.
fn code(text: &str) -> String {
    format!("<code>{}</code>", cell(text))
}

/// A text in a cell of a table, where nothing in it is Markdown or HTML.
fn cell(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() => out.push('\u{fffd}'),
            c if c.is_ascii_punctuation()
                && !matches!(c, '.' | ',' | ' ' | '(' | ')' | '=' | '%' | '-' | '"' | '/') =>
            {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::judgement::tests::example;
    use super::*;

    #[test]
    fn rules_that_do_not_hold_are_annotated_at_their_lines() {
        insta::assert_snapshot!(render(&example()), @r#"
        ::error file=rules/orders.dqdl,line=3,title=orders%3A a rule does not hold::ColumnValues "status" in ["<paid>","a|b"] where "note <> 'x%0Ay' and amount > 0 and amount < 1000000"%0A1 rows do not satisfy it%0AColumn.status.ColumnValues.Compliance = 0.667
        ::warning file=rules/orders.dqdl,line=5,title=orders%3A a rule does not hold::Mean "amount" > 100%0Ait is 10.5%0AColumn.amount.Mean = 10.5
        ::error file=rules/orders.dqdl,line=6,title=orders%3A a rule cannot be judged::CustomSql "SELECT 1 / 0" = 1%0Ait fails & stops
        ::notice title=lakegate quality::1 of 4 rules passed, score 0.25; 1 that fails only warns
        "#);
    }

    #[test]
    fn the_summary_is_a_table() {
        insta::assert_snapshot!(markdown(&example()), @r#"
        ### Data quality: orders

        <code>orders, 50%.csv</code>: 1 of 4 rules passed, score 0.25; 1 that fails only warns

        | | rule | found |
        |---|---|---|
        | ✅ PASS | <code>RowCount &#62; 1</code> | Dataset.&#42;.RowCount = 3 |
        | ❌ FAIL | <code>ColumnValues "status" in &#91;"&#60;paid&#62;","a&#124;b"&#93; where "note &#60;&#62; &#39;x y&#39; and amount &#62; 0 and amount &#60; 1000000"</code> | 1 rows do not satisfy it<br>Column.status.ColumnValues.Compliance = 0.667 |
        | ⚠️ WARN | <code>Mean "amount" &#62; 100</code> | it is 10.5<br>Column.amount.Mean = 10.5 |
        | 💥 ERROR | <code>CustomSql "SELECT 1 / 0" = 1</code> | it fails &#38; �stops |

        1 bad rows of 3 written to bad.csv
        "#);
    }

    #[test]
    fn properties_escape_what_ends_them() {
        let command = command("error", &[("title", "a,b:c\r\n100%")], "x,y:z\n50%");
        assert_eq!(command, "::error title=a%2Cb%3Ac%0D%0A100%25::x,y:z%0A50%25");
    }

    #[test]
    fn paths_are_those_of_the_repository() {
        assert_eq!(of_workspace("/w/repo/rules/a.dqdl", Some("/w/repo")), "rules/a.dqdl");
        assert_eq!(of_workspace("./rules/a.dqdl", None), "rules/a.dqdl");
    }

    proptest! {
        #[test]
        fn a_command_is_one_line_and_reads_back(title in any::<String>(), message in any::<String>()) {
            let command = command("error", &[("title", &title)], &message);
            prop_assert!(!command.contains(['\n', '\r']));
            let (head, body) = command.strip_prefix("::error title=").unwrap().split_once("::").unwrap();
            let back = |text: &str| {
                text.replace("%2C", ",").replace("%3A", ":").replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
            };
            prop_assert_eq!(back(head), title);
            // The runner undoes them in this order, too, and leaves the escapes of properties in messages alone.
            let body = body.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%");
            prop_assert_eq!(body, message);
        }

        #[test]
        fn a_cell_stays_one(text in any::<String>()) {
            let cell = cell(&text);
            prop_assert!(!cell.contains(['|', '\n', '<', '>', '`', '[', '*', '_']));
        }
    }
}

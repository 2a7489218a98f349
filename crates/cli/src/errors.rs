//! How an error looks on standard error, and as JSON.

use std::error::Error as _;
use std::fmt::Write as _;

use lakegate_contract::Error;
use serde_json::{Value, json};

/// The text shown to people: what and where, what was expected, what to do, whether a retry helps.
pub fn render(error: &Error) -> String {
    let mut out = String::from("error: ");
    if let Some(place) = error.place() {
        let _ = write!(out, "{place}: ");
    }
    out.push_str(error.found());
    if let Some(expected) = error.expectation() {
        let _ = write!(out, "\n  expected: {expected}");
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(out, "\n  cause: {}", first_line(&inner.to_string()));
        cause = inner.source();
    }
    if let Some(advice) = error.advice() {
        let _ = write!(out, "\n  help: {advice}");
    }
    if error.retryable() {
        out.push_str("\n  retry: can help");
    }
    out
}

/// All that was found, in order, a text each.
pub fn render_all(error: &Error) -> String {
    std::iter::once(error).chain(error.others()).map(render).collect::<Vec<_>>().join("\n")
}

/// The one object that `--json` prints when a command fails: `error` is the first of `errors`.
pub fn report(error: &Error) -> Value {
    let all: Vec<Value> = std::iter::once(error).chain(error.others()).map(to_json).collect();
    json!({ "error": to_json(error), "errors": all })
}

/// One error for `--json`.
pub fn to_json(error: &Error) -> Value {
    json!({
        "class": error.class(),
        "exit_code": error.class().exit_code(),
        "where": error.place(),
        "found": error.found(),
        "expected": error.expectation(),
        "help": error.advice(),
        "retryable": error.retryable(),
    })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_shown_with_its_parts_on_lines() {
        let error = Error::unavailable("connection refused")
            .at("connection `shop`")
            .expected("a PostgreSQL server at localhost:5432")
            .help("start the server, or correct [connections.shop] in lakegate.toml");
        insta::assert_snapshot!(render(&error), @r"
        error: connection `shop`: connection refused
          expected: a PostgreSQL server at localhost:5432
          help: start the server, or correct [connections.shop] in lakegate.toml
          retry: can help
        ");
        assert_eq!(to_json(&error)["exit_code"], 5);
    }

    #[test]
    fn what_was_found_together_is_told_together() {
        let error = Error::first_of(["one", "two"].map(Error::usage)).unwrap();
        assert_eq!(render_all(&error), "error: one\nerror: two");
        let json = report(&error);
        assert_eq!((&json["error"]["found"], &json["errors"][1]["found"]), (&json!("one"), &json!("two")));
        assert!(Error::first_of([]).is_none());
    }
}

//! Warnings about rules that are right DQDL and may not be what was meant, here or on AWS Glue.

mod code;
mod domain;
mod pattern;
mod rules;
mod text;
mod values;

use arrow::datatypes::Schema;
use serde::Serialize;

use crate::ast::Ruleset;
use crate::format::{Tree, trees};
use crate::lexer::Token;
use crate::parser::parse_marked;
use code::Code;

/// Whom a warning concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// Everybody: the rule does not do what it seems to.
    Rule,
    /// Readers: the rule is right, and easily read otherwise.
    Reading,
    /// Those who take the ruleset to AWS Glue or its open parser, which refuse it or judge otherwise.
    Glue,
}

/// Something in a ruleset that may not be what was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// `file:line:column`
    pub place: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The kind of warning, such as `never-holds`; docs/quality.md lists them all.
    pub code: &'static str,
    /// Whom it concerns.
    pub concern: Concern,
    /// What was found.
    pub what: String,
    /// Why that is worth a warning.
    pub why: &'static str,
    /// What to write instead.
    pub fix: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: warning[{}]: {}; {}; fix: {}", self.place, self.code, self.what, self.why, self.fix)
    }
}

/// Everything in a ruleset that is worth a second look, in the order of the text. With the schema of the judged dataset, types of
/// columns are looked at, too.
pub fn lint(ruleset: &Ruleset, schema: Option<&Schema>) -> Vec<Warning> {
    let Ok(parsed) = parse_marked(ruleset.text(), &ruleset.file) else { return Vec::new() };
    let trees = trees(&parsed.marks);
    let mut findings = Findings { ruleset, tokens: &parsed.tokens, trees: &trees, schema, found: Vec::new() };
    findings.of_text();
    findings.of_parts();
    findings.of_rules();
    findings.of_values();
    findings.warnings()
}

/// What is looked at, and what was found.
struct Findings<'a> {
    ruleset: &'a Ruleset,
    tokens: &'a [Token<'a>],
    trees: &'a [Tree],
    schema: Option<&'a Schema>,
    /// With the bytes at which they stand.
    found: Vec<(usize, &'static Code, String, String)>,
}

impl Findings<'_> {
    fn warn(&mut self, at: usize, code: &'static Code, what: impl Into<String>, fix: impl Into<String>) {
        self.found.push((at, code, what.into(), fix.into()));
    }

    fn warnings(mut self) -> Vec<Warning> {
        self.found.sort_by_key(|(at, code, ..)| (*at, code.name));
        let text = self.ruleset.text();
        let (mut from, mut line) = (0, 1);
        let mut warnings = Vec::with_capacity(self.found.len());
        for (at, code, what, fix) in self.found {
            line += text.get(from..at).unwrap_or_default().matches('\n').count();
            from = at;
            let before = text.get(..at).unwrap_or_default();
            let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
            warnings.push(Warning {
                place: format!("{}:{line}:{column}", self.ruleset.file),
                line,
                column,
                code: code.name,
                concern: code.concern,
                what,
                why: code.why,
                fix,
            });
        }
        warnings
    }
}

#[cfg(test)]
mod tests;

//! Tokens to a ruleset.

mod analyzer;
mod condition;
mod document;
mod literal;
mod marks;
mod number;
mod rule;

use std::collections::BTreeMap;

use lakegate_contract::{Error, Result, suggest};

use crate::ast::Ruleset;
use crate::lexer::{Kind, Token, content, place, tokens};
pub(crate) use literal::looks_dated;
pub(crate) use marks::{Mark, Part};

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 64;
/// Most rules in a ruleset.
const MAX_RULES: usize = 10_000;

/// Words that have a meaning behind a rule's parameters, for "did you mean".
const KEYWORDS: [&str; 9] = ["between", "in", "not", "matches", "where", "with", "labels", "and", "or"];

/// Parses a ruleset; `file` names it in errors.
///
/// Text after the closing bracket is an error here, although Glue's parser ignores it.
///
/// # Errors
/// The first thing that is not DQDL: where, what was found, what could stand there.
pub fn parse(text: &str, file: &str) -> Result<Ruleset> {
    parse_marked(text, file).map(|parsed| parsed.ruleset)
}

/// A ruleset with its tokens and what each of them is part of.
pub(crate) struct Parsed<'a> {
    pub(crate) ruleset: Ruleset,
    pub(crate) tokens: Vec<Token<'a>>,
    pub(crate) marks: Vec<Mark>,
}

pub(crate) fn parse_marked<'a>(text: &'a str, file: &str) -> Result<Parsed<'a>> {
    let tokens = tokens(text, file)?;
    let mut cursor = Cursor {
        text,
        file,
        tokens: &tokens,
        at: 0,
        depth: 0,
        height: 0,
        highest: 0,
        counted: (0, 1),
        constants: BTreeMap::new(),
        marks: Vec::new(),
    };
    let ruleset = cursor.document()?;
    let marks = cursor.marks;
    Ok(Parsed { ruleset, tokens, marks })
}

/// What a constant stands for. Members of a list lose one level of backslashes, a string alone keeps them.
#[derive(Debug, Clone)]
enum Constant {
    Text(String),
    List(Vec<String>),
}

/// A place in the tokens.
struct Cursor<'a> {
    text: &'a str,
    file: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    /// Parentheses round the token at hand.
    depth: usize,
    /// Nested parentheses in the canonical form of what was read last, which has more of them than the text may have.
    height: usize,
    /// The highest number of the rule at hand.
    highest: usize,
    /// A byte, and the line on which it stands.
    counted: (usize, usize),
    constants: BTreeMap<String, Constant>,
    marks: Vec<Mark>,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Token<'a> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Token<'a> {
        let end = Token { kind: Kind::End, text: "", start: self.text.len() };
        self.tokens.get(self.at + ahead).copied().unwrap_or(end)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Takes the token if it is this word or symbol.
    fn take(&mut self, text: &str) -> bool {
        let found = self.is(text);
        self.at += usize::from(found);
        found
    }

    fn is(&self, text: &str) -> bool {
        self.is_at(0, text)
    }

    fn is_at(&self, ahead: usize, text: &str) -> bool {
        let token = self.peek_at(ahead);
        token.text == text && token.kind != Kind::Text && token.kind != Kind::End
    }

    /// Takes a keyword that is written all lower or all upper case.
    fn take_keyword(&mut self, lower: &str) -> bool {
        let found = self.is_keyword(lower);
        self.at += usize::from(found);
        found
    }

    fn is_keyword(&self, lower: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Word && (token.text == lower || token.text == lower.to_ascii_uppercase())
    }

    fn require(&mut self, text: &str) -> Result<()> {
        if self.take(text) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{text}`")))
    }

    /// Takes a quoted string and returns what is between the quotes, as written.
    fn quoted(&mut self, what: &str) -> Result<String> {
        let token = self.peek();
        if token.kind != Kind::Text {
            return Err(self.unexpected(&format!("{what} in double quotes")));
        }
        self.at += 1;
        Ok(content(token.text))
    }

    /// The line of a byte; bytes are mostly asked for in order.
    fn line(&mut self, at: usize) -> usize {
        let (from, line) = if at < self.counted.0 { (0, 1) } else { self.counted };
        let line = line + self.text.get(from..at).unwrap_or_default().matches('\n').count();
        self.counted = (at, line);
        line
    }

    fn place(&self, at: usize) -> String {
        place(self.text, self.file, at)
    }

    fn error_at(&self, at: usize, found: impl Into<String>) -> Error {
        Error::usage(found).at(self.place(at))
    }

    /// The token at hand cannot stand here.
    fn unexpected(&self, expected: &str) -> Error {
        let token = self.peek();
        let found = match token.kind {
            Kind::End if self.tokens.len() == 1 => "the ruleset is empty".to_owned(),
            Kind::End => "the ruleset ends".to_owned(),
            Kind::Text => "found a string".to_owned(),
            _ => format!("found `{}`", shortened(token.text)),
        };
        let error = self.error_at(token.start, found).expected(expected.to_owned());
        match with_unit(token.text) {
            Some((amount, unit)) => error.help(format!("write `{amount} {unit}`, with a space")),
            None => error,
        }
    }

    /// Nothing that follows a rule stands here.
    fn unexpected_after_rule(&self, closing: &str) -> Error {
        let error = self.unexpected(&format!("{closing}, `and`, `or`, a condition, `where`, `labels` or `with`"));
        if self.peek().kind == Kind::Word && error.advice().is_none() {
            return self.hint(error, &KEYWORDS);
        }
        self.in_parentheses(error)
    }

    /// Says so when an offset of `now()` has no parentheses.
    fn in_parentheses(&self, error: Error) -> Error {
        let behind_now = self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).is_some_and(|t| t.kind == Kind::Now);
        if behind_now && (self.is("-") || self.is("+")) {
            return error.help("put it in parentheses, such as `(now() - 3 days)`");
        }
        error
    }

    /// Adds "did you mean" when the token at hand resembles one of `valid`, also in other letters' case.
    fn hint(&self, error: Error, valid: &[&str]) -> Error {
        let found = self.peek().text;
        let near = valid
            .iter()
            .find(|v| v.eq_ignore_ascii_case(found))
            .copied()
            .or_else(|| suggest(found, valid.iter().copied()));
        match near {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    /// Runs `parse` one level deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.rise(1)?;
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// What was read last has so many parentheses in canonical form, which must be readable, too.
    fn rise(&mut self, height: usize) -> Result<()> {
        self.height = height;
        if self.depth + height > MAX_DEPTH {
            return Err(self.error_at(self.peek().start, format!("parentheses are nested more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }
}

/// A word of reasonable length for a message.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A number and a unit that nothing separates.
fn with_unit(word: &str) -> Option<(&str, &str)> {
    let digits = word.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
    let (amount, unit) = word.split_at_checked(digits)?;
    ["days", "hours", "minutes", "B", "KB", "MB", "GB", "TB"].contains(&unit).then_some((amount, unit))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

//! Tokens to a ruleset.

mod document;
mod operand;
mod rule;

use lakegate_contract::{Error, Result, suggest};

use crate::ast::Ruleset;
use crate::lexer::{Kind, Token, place, tokens};

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 64;
/// Most rules in a ruleset.
const MAX_RULES: usize = 10_000;

/// Parses a ruleset; `file` names it in errors.
///
/// Text after the closing bracket is an error here, although Glue's parser ignores it.
///
/// # Errors
/// The first thing that is not DQDL: where, what was found, what could stand there.
pub fn parse(text: &str, file: &str) -> Result<Ruleset> {
    let tokens = tokens(text, file)?;
    Cursor { text, file, tokens: &tokens, at: 0, depth: 0 }.document()
}

/// A place in the tokens.
struct Cursor<'a> {
    text: &'a str,
    file: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    depth: usize,
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
        let token = self.peek();
        token.text == text && token.kind != Kind::Text
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
        Ok(strip_quotes(token.text).to_owned())
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
            Kind::End => "the ruleset ends".to_owned(),
            Kind::Text => "found a string".to_owned(),
            _ => format!("found `{}`", token.text),
        };
        self.error_at(token.start, found).expected(expected.to_owned())
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
        if self.depth >= MAX_DEPTH {
            return Err(self.error_at(self.peek().start, format!("parentheses are nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}

fn strip_quotes(text: &str) -> &str {
    text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text)
}

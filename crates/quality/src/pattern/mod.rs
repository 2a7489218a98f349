//! Regular expressions as AWS Glue's users write them: those of Java 17.
//!
//! A pattern is read with Java's meaning and printed for the `regex` crate, which matches in linear time, wherever that can
//! mean the same; look-around, back-references, atomic groups and possessive quantifiers go to `fancy-regex`, with a limit on
//! its steps. Anchors for which the linear engine has another meaning on some texts (`$` before a final line terminator) are run
//! there on all others, and exactly on these.

mod class;
mod escape;
pub(crate) mod exercise;
mod find;
mod node;
mod parse;
mod print;
mod set;

use std::collections::BTreeMap;

use lakegate_contract::{Error, Result};

pub(crate) use find::Replacement;
use node::{Doubts, Node};
use print::{Form, printed};

/// Largest compiled form, in bytes.
const MAX_COMPILED: usize = 8 << 20;
/// Most ranges of characters, counted anew for every eight repetitions: more can take longer than a second to compile.
const MAX_WEIGHT: u64 = 80_000;
/// Most steps back that the backtracking engine may take on one value.
const MAX_STEPS: usize = 1_000_000;

/// A compiled regular expression of Java's dialect.
pub(crate) struct Pattern {
    engine: Engine,
    /// Numbers of the named groups.
    names: BTreeMap<String, usize>,
    /// How many groups capture.
    groups: usize,
}

enum Engine {
    Linear(regex::Regex),
    Backtracking(fancy_regex::Regex),
    /// The second for texts on which the first could differ from Java.
    Split(regex::Regex, fancy_regex::Regex, Doubts),
}

impl Pattern {
    /// A pattern that must match the whole value.
    ///
    /// # Errors
    /// When it is not a regular expression of Java, or one that cannot be translated.
    pub(crate) fn full(pattern: &str) -> Result<Self> {
        Self::compiled(pattern, |node| Node::Concat(vec![Node::Start, Node::Alternate(vec![node]), Node::End]))
    }

    /// A pattern that must match somewhere.
    ///
    /// # Errors
    /// As [`Pattern::full`].
    pub(crate) fn search(pattern: &str) -> Result<Self> {
        Self::compiled(pattern, |node| node)
    }

    /// Whether a value matches.
    ///
    /// # Errors
    /// When the backtracking engine reaches its limit.
    pub(crate) fn is_match(&self, text: &str) -> Result<bool> {
        match &self.engine {
            Engine::Linear(regex) => Ok(regex.is_match(text)),
            Engine::Split(regex, _, doubts) if !doubts.cover(text) => Ok(regex.is_match(text)),
            Engine::Backtracking(regex) | Engine::Split(_, regex, _) => {
                regex.is_match(text).map_err(|_| too_many_steps())
            }
        }
    }

    fn compiled(pattern: &str, anchor: impl FnOnce(Node) -> Node) -> Result<Self> {
        let refused = |why: String| {
            Error::usage(format!("the regular expression \"{pattern}\" cannot be used: {why}"))
                .expected("a regular expression of Java (java.util.regex)")
        };
        let parsed = parse::parse(pattern).map_err(refused)?;
        if parsed.node.weight() > MAX_WEIGHT {
            return Err(refused(format!(
                "its classes of characters come to more than {MAX_WEIGHT} ranges, counted anew for every eight repetitions"
            )));
        }
        let node = anchor(parsed.node);
        let doubts = node.doubts();
        let engine = if node.needs_backtracking() {
            Engine::Backtracking(backtracking(&node).map_err(refused)?)
        } else if doubts.any() {
            Engine::Split(linear(&node).map_err(refused)?, backtracking(&node).map_err(refused)?, doubts)
        } else {
            Engine::Linear(linear(&node).map_err(refused)?)
        };
        Ok(Self { engine, names: parsed.names, groups: parsed.groups })
    }
}

fn linear(node: &Node) -> std::result::Result<regex::Regex, String> {
    regex::RegexBuilder::new(&printed(node, Form::Linear)).size_limit(MAX_COMPILED).build().map_err(|error| match error
    {
        regex::Error::CompiledTooBig(bytes) => format!("compiled it is larger than {bytes} bytes"),
        _ => "it has no counterpart in the syntax of https://docs.rs/regex".to_owned(),
    })
}

fn backtracking(node: &Node) -> std::result::Result<fancy_regex::Regex, String> {
    use fancy_regex::{CompileError, Error};
    fancy_regex::RegexBuilder::new(&printed(node, Form::Exact))
        .backtrack_limit(MAX_STEPS)
        .delegate_size_limit(MAX_COMPILED)
        .max_prog_size(MAX_STEPS)
        .build()
        .map_err(|error| match error {
            Error::CompileError(error) => match *error {
                CompileError::InvalidBackref(_) => "it refers to a group that is not there".to_owned(),
                _ => "it is too large, or looks behind for something of no fixed length".to_owned(),
            },
            _ => "it has no counterpart in the syntax of https://docs.rs/fancy-regex".to_owned(),
        })
}

fn too_many_steps() -> Error {
    Error::usage(format!("the regular expression took more than {MAX_STEPS} steps on a value"))
        .help("look-around, back-references and possessive quantifiers can take very long: write the pattern without them, or with fewer `*` and `+` inside of each other")
}

#[cfg(test)]
mod tests;

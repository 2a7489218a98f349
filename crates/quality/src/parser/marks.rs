//! Which tokens make up which part: what the formatter and the warnings need beside the rules' meaning.

use super::Cursor;

/// A part of a ruleset's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `Metadata`, `DataSources` or `DefaultLabels`.
    Header,
    /// `name = "value"`
    Constant,
    /// `Rules = [ … ]` or `Analyzers = [ … ]`
    Section,
    /// A rule of the list, or an analyzer.
    Entry,
    /// `( … )`, and the labels behind it.
    Group,
    And,
    Or,
    /// One rule: head, then the rest in any order.
    Leaf,
    /// Type, parameters and condition.
    Head,
    /// The condition inside of a head.
    Condition,
    Where,
    Labels,
    With,
    /// An operation on numbers, without parentheses round it, and the token that is its operator.
    Binary(usize),
    /// `-` before anything but a number.
    Negated,
}

/// A part, from a token up to and without another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) part: Part,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Cursor<'_> {
    /// What was read since the token `from` is such a part.
    pub(super) fn mark(&mut self, part: Part, from: usize) {
        self.marks.push(Mark { part, from, to: self.at });
    }
}

//! A regular expression with Java's meaning made plain: no flags, no named classes, no quoting.

use regex_syntax::hir::ClassUnicode;

/// A part of a regular expression.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Empty,
    Char(char),
    /// One character of a set.
    Class(ClassUnicode),
    /// The beginning of the text.
    Start,
    /// The end of the text.
    End,
    /// The end of the text, or before its final line terminator.
    FinalEnd(Lines),
    /// The beginning of a line.
    LineStart(Lines),
    /// The end of a line.
    LineEnd(Lines),
    /// `\b`, or `\B` when `negated`.
    Boundary {
        negated: bool,
        /// By Unicode's words, as `(?U)` says, which are those of the Rust crates.
        unicode: bool,
    },
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Repeat {
        node: Box<Node>,
        least: u32,
        most: Option<u32>,
        greed: Greed,
    },
    Capture(Box<Node>),
    Atomic(Box<Node>),
    Look {
        node: Box<Node>,
        behind: bool,
        negated: bool,
    },
    BackReference {
        group: usize,
        ignore_case: bool,
    },
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// `\n`, `\r\n`, `\r`, `\u0085`, `\u2028` and `\u2029`.
    Java,
    /// `\n` alone: flag `(?d)`.
    Unix,
}

/// How much a quantifier takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

/// Texts on which a form that the linear engine knows could differ from Java.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Doubts {
    /// Those that end with a line terminator.
    pub(super) final_terminator: bool,
    /// Those that contain a line terminator, and the empty one.
    pub(super) any_terminator: bool,
    /// Those with characters beyond ASCII.
    pub(super) beyond_ascii: bool,
}

impl Doubts {
    pub(super) fn any(self) -> bool {
        self != Self::default()
    }

    /// Whether a text is one of them.
    pub(super) fn cover(self, text: &str) -> bool {
        (self.beyond_ascii && !text.is_ascii())
            || (self.final_terminator && text.ends_with(is_terminator))
            || (self.any_terminator && (text.is_empty() || text.contains(is_terminator)))
    }
}

fn is_terminator(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// That of a boundary of words by Java's definition: it is four looks at a class of 700 ranges and more.
const BOUNDARY_WEIGHT: u64 = 2_500;

impl Node {
    fn children(&self) -> &[Node] {
        match self {
            Node::Concat(nodes) | Node::Alternate(nodes) => nodes,
            Node::Repeat { node, .. } | Node::Capture(node) | Node::Atomic(node) | Node::Look { node, .. } => {
                std::slice::from_ref(node)
            }
            _ => &[],
        }
    }

    /// Whether only a backtracking engine can run it.
    pub(super) fn needs_backtracking(&self) -> bool {
        let own = match self {
            Node::Atomic(_) | Node::Look { .. } | Node::BackReference { .. } => true,
            Node::Repeat { greed, .. } => *greed == Greed::Possessive,
            _ => false,
        };
        own || self.children().iter().any(Node::needs_backtracking)
    }

    /// What compiling it costs, in ranges of characters, counted anew for every eight repetitions.
    pub(super) fn weight(&self) -> u64 {
        let inner = self.children().iter().map(Node::weight).fold(1, u64::saturating_add);
        match self {
            Node::Class(set) => u64::try_from(set.ranges().len()).unwrap_or(u64::MAX).max(1),
            Node::Boundary { unicode: false, .. } => BOUNDARY_WEIGHT,
            Node::Repeat { least, most, .. } => inner.saturating_mul(most.unwrap_or(*least).max(1).div_ceil(8).into()),
            _ => inner,
        }
    }

    /// Where the linear form could differ.
    pub(super) fn doubts(&self) -> Doubts {
        let own = Doubts {
            final_terminator: matches!(self, Node::FinalEnd(_)),
            any_terminator: matches!(self, Node::LineStart(_) | Node::LineEnd(_)),
            beyond_ascii: matches!(self, Node::Boundary { unicode: false, .. }),
        };
        self.children().iter().map(Node::doubts).fold(own, |a, b| Doubts {
            final_terminator: a.final_terminator || b.final_terminator,
            any_terminator: a.any_terminator || b.any_terminator,
            beyond_ascii: a.beyond_ascii || b.beyond_ascii,
        })
    }
}

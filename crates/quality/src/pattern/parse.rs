//! Java's regular expressions (`java.util.regex.Pattern` of Java 17) to nodes.

use std::collections::BTreeMap;

use super::node::{Greed, Lines, Node};
use super::set;

/// Deepest nesting of groups and classes.
const MAX_DEPTH: usize = 100;
/// Longest regular expression, in characters.
const MAX_LENGTH: usize = 10_000;
/// Highest count of a repetition: what compiles to more is refused for its size anyway.
const MAX_COUNT: u32 = 100_000;

/// Why a regular expression cannot be used.
pub(super) type Refused<T> = std::result::Result<T, String>;

/// A regular expression, read.
pub(super) struct Parsed {
    pub(super) node: Node,
    /// Numbers of the named groups.
    pub(super) names: BTreeMap<String, usize>,
    /// How many groups capture.
    pub(super) groups: usize,
}

/// A character, and whether it may have a meaning of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Plain(char),
    /// From between `\Q` and `\E`.
    Quoted(char),
}

impl Unit {
    pub(super) fn char(self) -> char {
        match self {
            Unit::Plain(c) | Unit::Quoted(c) => c,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    pub(super) unicode_case: bool,
    pub(super) comments: bool,
    pub(super) unix_lines: bool,
    pub(super) unicode_class: bool,
}

pub(super) struct Parser {
    units: Vec<Unit>,
    at: usize,
    pub(super) flags: Flags,
    pub(super) groups: usize,
    pub(super) names: BTreeMap<String, usize>,
    depth: usize,
}

/// What an escape stands for.
pub(super) enum Escaped {
    Char(char),
    Set(regex_syntax::hir::ClassUnicode),
    Node(Node),
}

/// Reads a whole regular expression.
pub(super) fn parse(pattern: &str) -> Refused<Parsed> {
    let length = pattern.chars().count();
    if length > MAX_LENGTH {
        return Err(format!("it has {length} characters, more than {MAX_LENGTH}"));
    }
    let mut parser =
        Parser { units: units(pattern), at: 0, flags: Flags::default(), groups: 0, names: BTreeMap::new(), depth: 0 };
    let node = parser.alternation().map_err(|why| parser.placed(&why))?;
    if parser.at < parser.units.len() {
        return Err(parser.placed("`)` closes no group"));
    }
    Ok(Parsed { node, names: parser.names, groups: parser.groups })
}

/// Resolves `\Q…\E`.
fn units(pattern: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut chars = pattern.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('E')) if quoted => {
                chars.next();
                quoted = false;
            }
            ('\\', Some('Q')) if !quoted => {
                chars.next();
                quoted = true;
            }
            ('\\', Some(&next)) if !quoted => {
                chars.next();
                units.extend([Unit::Plain(c), Unit::Plain(next)]);
            }
            _ => units.push(if quoted { Unit::Quoted(c) } else { Unit::Plain(c) }),
        }
    }
    units
}

impl Parser {
    fn placed(&self, why: &str) -> String {
        format!("{why}, at character {}", (self.at + 1).min(self.units.len()))
    }

    /// Passes white space and comments where flag `x` lets them stand.
    fn skip_comments(&mut self) {
        while self.flags.comments
            && let Some(Unit::Plain(c)) = self.units.get(self.at)
        {
            match c {
                '\t'..='\r' | ' ' => self.at += 1,
                '#' => {
                    while self.units.get(self.at).is_some_and(|unit| !self.ends_line(unit.char())) {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn ends_line(&self, c: char) -> bool {
        c == '\n' || (!self.flags.unix_lines && matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'))
    }

    pub(super) fn peek(&mut self) -> Option<Unit> {
        self.skip_comments();
        self.raw(0)
    }

    /// A unit ahead, white space included.
    pub(super) fn raw(&self, ahead: usize) -> Option<Unit> {
        self.units.get(self.at + ahead).copied()
    }

    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// Takes an unquoted character if it is next.
    pub(super) fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(Unit::Plain(c));
        self.at += usize::from(found);
        found
    }

    /// Takes an unquoted text that stands here without white space in it.
    pub(super) fn take_text(&mut self, text: &str) -> bool {
        let found = text.chars().enumerate().all(|(i, c)| self.raw(i) == Some(Unit::Plain(c)));
        self.at += if found { text.chars().count() } else { 0 };
        found
    }

    /// Runs `read` one level deeper.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Refused<T>) -> Refused<T> {
        if self.depth >= MAX_DEPTH {
            return Err(format!("groups are nested more than {MAX_DEPTH} deep"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn alternation(&mut self) -> Refused<Node> {
        let mut branches = vec![self.sequence()?];
        while self.take('|') {
            branches.push(self.sequence()?);
        }
        Ok(if branches.len() == 1 { branches.swap_remove(0) } else { Node::Alternate(branches) })
    }

    fn sequence(&mut self) -> Refused<Node> {
        let mut nodes = Vec::new();
        while let Some(unit) = self.peek() {
            if matches!(unit, Unit::Plain('|' | ')')) {
                break;
            }
            if let Some(atom) = self.atom(unit)? {
                nodes.push(self.quantified(atom)?);
            }
        }
        Ok(match nodes.len() {
            0 => Node::Empty,
            1 => nodes.swap_remove(0),
            _ => Node::Concat(nodes),
        })
    }

    /// `None` for flags, which are no part of the text.
    fn atom(&mut self, unit: Unit) -> Refused<Option<Node>> {
        let lines = self.lines();
        let Unit::Plain(c) = unit else {
            self.advance();
            return Ok(Some(self.literal(unit.char())));
        };
        Ok(Some(match c {
            '(' => return self.deeper(Self::group),
            '[' => Node::Class(self.deeper(Self::class)?),
            '\\' => return self.escape_outside().map(Some),
            '*' | '+' | '?' => return Err(format!("`{c}` repeats nothing")),
            '{' => return Err("`{` repeats nothing (write `\\{` for the character)".to_owned()),
            other => {
                self.advance();
                match other {
                    '^' if self.flags.multi_line => Node::LineStart(lines),
                    '^' => Node::Start,
                    '$' if self.flags.multi_line => Node::LineEnd(lines),
                    '$' => Node::FinalEnd(lines),
                    '.' => Node::Class(set::dot(self.flags.dot_all, self.flags.unix_lines)),
                    _ => self.literal(other),
                }
            }
        }))
    }

    pub(super) fn lines(&self) -> Lines {
        if self.flags.unix_lines { Lines::Unix } else { Lines::Java }
    }

    fn literal(&self, c: char) -> Node {
        if !self.flags.ignore_case {
            return Node::Char(c);
        }
        Node::Class(set::single_ignoring_case(c, self.flags.unicode_case))
    }

    fn escape_outside(&mut self) -> Refused<Node> {
        Ok(match self.escape(false)? {
            Escaped::Char(c) => self.literal(c),
            Escaped::Set(set) => Node::Class(set),
            Escaped::Node(node) => node,
        })
    }

    fn quantified(&mut self, atom: Node) -> Refused<Node> {
        let (least, most) = match self.peek() {
            Some(Unit::Plain('*')) => (0, None),
            Some(Unit::Plain('+')) => (1, None),
            Some(Unit::Plain('?')) => (0, Some(1)),
            Some(Unit::Plain('{')) => self.counts()?,
            _ => return Ok(atom),
        };
        self.advance();
        let greed = if self.take('?') {
            Greed::Lazy
        } else if self.take('+') {
            Greed::Possessive
        } else {
            Greed::Greedy
        };
        if let Some(Unit::Plain(c @ ('*' | '+' | '?' | '{'))) = self.peek() {
            return Err(format!("`{c}` repeats a repetition (put the inner one into a group)"));
        }
        Ok(Node::Repeat { node: Box::new(atom), least, most, greed })
    }

    /// The numbers of `{n}`, `{n,}` or `{n,m}`; leaves the closing brace.
    fn counts(&mut self) -> Refused<(u32, Option<u32>)> {
        self.advance();
        let least = self.count()?.ok_or("`{` is not followed by a count (write `\\{` for the character)")?;
        let most = if self.raw(0) == Some(Unit::Plain(',')) {
            self.advance();
            self.count()?
        } else {
            Some(least)
        };
        if self.raw(0) != Some(Unit::Plain('}')) {
            return Err("`{` is not closed".to_owned());
        }
        match most {
            Some(most) if most < least => Err("the counts in `{}` are in the wrong order".to_owned()),
            _ => Ok((least, most)),
        }
    }

    fn count(&mut self) -> Refused<Option<u32>> {
        let mut count = None;
        while let Some(Unit::Plain(c)) = self.raw(0)
            && let Some(digit) = c.to_digit(10)
        {
            let more = count.unwrap_or(0u32).saturating_mul(10).saturating_add(digit);
            if more > MAX_COUNT {
                return Err(format!("a count is above {MAX_COUNT}"));
            }
            count = Some(more);
            self.advance();
        }
        Ok(count)
    }

    /// What begins with `(`; flags last to the end of the group they stand in.
    fn group(&mut self) -> Refused<Option<Node>> {
        let flags = self.flags;
        let look = |behind, negated| move |node| Node::Look { node: Box::new(node), behind, negated };
        self.advance();
        let wrap: Box<dyn FnOnce(Node) -> Node> = if self.take_text("?:") {
            Box::new(|node| node)
        } else if self.take_text("?=") {
            Box::new(look(false, false))
        } else if self.take_text("?!") {
            Box::new(look(false, true))
        } else if self.take_text("?<=") {
            Box::new(look(true, false))
        } else if self.take_text("?<!") {
            Box::new(look(true, true))
        } else if self.take_text("?>") {
            Box::new(|node| Node::Atomic(Box::new(node)))
        } else if self.take_text("?<") {
            let name = self.name('>')?;
            self.groups += 1;
            if self.names.insert(name.clone(), self.groups).is_some() {
                return Err(format!("two groups are named `{name}`"));
            }
            Box::new(|node| Node::Capture(Box::new(node)))
        } else if self.take_text("?") {
            if self.inline_flags()? {
                return Ok(None);
            }
            Box::new(|node| node)
        } else {
            self.groups += 1;
            Box::new(|node| Node::Capture(Box::new(node)))
        };
        let node = self.alternation()?;
        if !self.take(')') {
            return Err("a group is not closed".to_owned());
        }
        self.flags = flags;
        // What stands inside is one thing to a quantifier behind it.
        Ok(Some(match wrap(node) {
            node @ Node::Concat(_) => Node::Alternate(vec![node]),
            node => node,
        }))
    }

    /// Letters and digits up to `end`, the first a letter.
    pub(super) fn name(&mut self, end: char) -> Refused<String> {
        let mut name = String::new();
        while let Some(Unit::Plain(c)) = self.raw(0) {
            self.advance();
            if c == end && !name.is_empty() {
                return Ok(name);
            }
            if !(c.is_ascii_alphabetic() || c.is_ascii_digit() && !name.is_empty()) {
                break;
            }
            name.push(c);
        }
        Err("a group's name is made of letters and digits".to_owned())
    }

    /// The flags of `(?i)`, which end a group at once (true), or of `(?i:`.
    fn inline_flags(&mut self) -> Refused<bool> {
        let mut on = true;
        while let Some(Unit::Plain(c)) = self.raw(0) {
            self.advance();
            match c {
                '-' if on => on = false,
                ')' => return Ok(true),
                ':' => return Ok(false),
                'i' => self.flags.ignore_case = on,
                'm' => self.flags.multi_line = on,
                's' => self.flags.dot_all = on,
                'd' => self.flags.unix_lines = on,
                'u' => self.flags.unicode_case = on,
                'x' => self.flags.comments = on,
                'U' => {
                    self.flags.unicode_class = on;
                    self.flags.unicode_case = on;
                }
                _ => break,
            }
        }
        Err("`(?` is followed by something that is neither a kind of group nor a flag (one of `idmsuxU`)".to_owned())
    }
}

//! Nodes as text that the `regex` and `fancy-regex` crates read alike.

use std::fmt::Write as _;

use regex_syntax::hir::ClassUnicode;

use super::node::{Greed, Lines, Node};
use super::set;

/// Which of two meanings is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What a linear engine can run; differs from Java on the texts of [`Node::doubts`].
    Linear,
    /// Java's meaning everywhere.
    Exact,
}

/// Prints a node.
pub(super) fn printed(node: &Node, form: Form) -> String {
    let mut out = String::new();
    print(node, form, &mut out);
    out
}

fn print(node: &Node, form: Form, out: &mut String) {
    match node {
        Node::Empty => out.push_str("(?:)"),
        Node::Char(c) => character(*c, out),
        Node::Class(set) => class(set, out),
        Node::Start => out.push_str(r"\A"),
        Node::End => out.push_str(r"\z"),
        Node::FinalEnd(lines) => out.push_str(final_end(*lines, form)),
        Node::LineStart(lines) => out.push_str(line_start(*lines, form)),
        Node::LineEnd(lines) => out.push_str(line_end(*lines, form)),
        Node::Boundary { negated, unicode } => boundary(*negated, *unicode || form == Form::Linear, out),
        Node::Concat(nodes) => nodes.iter().for_each(|node| print(node, form, out)),
        Node::Alternate(nodes) => {
            out.push_str("(?:");
            for (index, node) in nodes.iter().enumerate() {
                out.push_str(if index > 0 { "|" } else { "" });
                print(node, form, out);
            }
            out.push(')');
        }
        Node::Repeat { node, least, most, greed } => repeat(node, (*least, *most), *greed, form, out),
        Node::Capture(node) => wrapped("(", node, form, out),
        Node::Atomic(node) => wrapped("(?>", node, form, out),
        Node::Look { node, behind, negated } => {
            let opening = match (behind, negated) {
                (false, false) => "(?=",
                (false, true) => "(?!",
                (true, false) => "(?<=",
                (true, true) => "(?<!",
            };
            wrapped(opening, node, form, out);
        }
        Node::BackReference { group, ignore_case } => {
            let opening = if *ignore_case { "(?i:" } else { "(?:" };
            // Writing to a String cannot fail.
            let _ = write!(out, r"{opening}\{group})");
        }
    }
}

fn wrapped(opening: &str, node: &Node, form: Form, out: &mut String) {
    out.push_str(opening);
    print(node, form, out);
    out.push(')');
}

fn repeat(node: &Node, (least, most): (u32, Option<u32>), greed: Greed, form: Form, out: &mut String) {
    if greed == Greed::Possessive {
        out.push_str("(?>");
    }
    match node {
        Node::Char(_) | Node::Class(_) | Node::Capture(_) => print(node, form, out),
        _ => wrapped("(?:", node, form, out),
    }
    let _ = match (least, most) {
        (0, None) => write!(out, "*"),
        (1, None) => write!(out, "+"),
        (0, Some(1)) => write!(out, "?"),
        (least, None) => write!(out, "{{{least},}}"),
        (least, Some(most)) if least == most => write!(out, "{{{least}}}"),
        (least, Some(most)) => write!(out, "{{{least},{most}}}"),
    };
    match greed {
        Greed::Greedy => {}
        Greed::Lazy => out.push('?'),
        Greed::Possessive => out.push(')'),
    }
}

fn character(c: char, out: &mut String) {
    if c.is_ascii_alphanumeric() || ('\u{a1}'..='\u{d7ff}').contains(&c) {
        out.push(c);
    } else {
        let _ = write!(out, r"\x{{{:x}}}", u32::from(c));
    }
}

fn class(set: &ClassUnicode, out: &mut String) {
    if set.ranges().is_empty() {
        out.push_str(r"[^\x{0}-\x{10ffff}]");
        return;
    }
    out.push('[');
    for range in set.ranges() {
        let (first, last) = (u32::from(range.start()), u32::from(range.end()));
        let _ = match first == last {
            true => write!(out, r"\x{{{first:x}}}"),
            false => write!(out, r"\x{{{first:x}}}-\x{{{last:x}}}"),
        };
    }
    out.push(']');
}

/// `$` and `\Z`: never between the two characters of `\r\n`.
fn final_end(lines: Lines, form: Form) -> &'static str {
    match (form, lines) {
        (Form::Linear, _) => r"\z",
        (Form::Exact, Lines::Unix) => r"(?=\n?\z)",
        (Form::Exact, Lines::Java) => r"(?:(?=\z|\r\n\z|[\r\x{85}\x{2028}\x{2029}]\z)|(?<!\r)(?=\n\z))",
    }
}

/// `^` with flag `m`: not at the end of the text, even if that is empty.
fn line_start(lines: Lines, form: Form) -> &'static str {
    match (form, lines) {
        (Form::Linear, _) => r"\A",
        (Form::Exact, Lines::Unix) => r"(?:(?!\z)(?:\A|(?<=\n)))",
        (Form::Exact, Lines::Java) => r"(?:(?!\z)(?:\A|(?<=[\n\x{85}\x{2028}\x{2029}])|(?<=\r)(?!\n)))",
    }
}

/// `$` with flag `m`.
fn line_end(lines: Lines, form: Form) -> &'static str {
    match (form, lines) {
        (Form::Linear, _) => r"\z",
        (Form::Exact, Lines::Unix) => r"(?=\n|\z)",
        (Form::Exact, Lines::Java) => r"(?:(?=\z|[\r\x{85}\x{2028}\x{2029}])|(?<!\r)(?=\n))",
    }
}

fn boundary(negated: bool, as_the_crates: bool, out: &mut String) {
    if as_the_crates {
        out.push_str(if negated { r"\B" } else { r"\b" });
        return;
    }
    let mut word = String::new();
    class(&set::java_word(), &mut word);
    let _ = if negated {
        write!(out, "(?:(?<={word})(?={word})|(?<!{word})(?!{word}))")
    } else {
        write!(out, "(?:(?<={word})(?!{word})|(?<!{word})(?={word}))")
    };
}

//! Rulesets in canonical form: one rule a line, comments where they stood, text that AWS's open grammar accepts.

mod line;
mod tree;

use lakegate_contract::Result;

use crate::lexer::{Token, unix_lines};
use crate::parser::{Part, parse_marked};
use line::one_line;
pub(crate) use tree::{Tree, trees};

const INDENT: &str = "    ";

/// A whole ruleset in canonical form; `file` names it in errors.
///
/// One rule a line, the parts of a rule in the order of AWS's grammar, parentheses where `and` meets `or` and where `+` meets
/// `*`, lines that end in LF. Comments, names, constants and strings stay as they are; comments inside of a rule move before
/// it. The result means the same, and formatting it again changes nothing.
///
/// ```
/// let text = "Rules=[RowCount>0 # any\n, IsComplete \"a\" and IsComplete \"b\"]";
/// let formatted = "Rules = [\n    RowCount > 0, # any\n    (IsComplete \"a\") AND (IsComplete \"b\")\n]\n";
/// assert_eq!(lakegate_quality::format(text, "r.dqdl")?, formatted);
/// # Ok::<(), lakegate_contract::Error>(())
/// ```
///
/// # Errors
/// The first thing that is not DQDL, as [`parse`](crate::parse()) finds it.
pub fn format(text: &str, file: &str) -> Result<String> {
    let text = unix_lines(text);
    let parsed = parse_marked(&text, file)?;
    let mut document = Document { text: &text, tokens: &parsed.tokens, lines: Vec::new() };
    for tree in &trees(&parsed.marks) {
        match tree.part {
            Part::Section => document.section(tree),
            _ => document.unit(tree, ""),
        }
    }
    document.comments_before(parsed.tokens.len().saturating_sub(1), "");
    Ok(document.text())
}

/// A line of the result.
struct Line {
    text: String,
    comment: Option<String>,
    after_blank: bool,
}

/// A comment between two tokens.
struct Comment<'a> {
    text: &'a str,
    /// Whether the token before it stands on its line.
    trailing: bool,
    after_blank: bool,
}

struct Document<'a> {
    text: &'a str,
    tokens: &'a [Token<'a>],
    lines: Vec<Line>,
}

impl<'a> Document<'a> {
    /// A part that takes one line: the comments before it, those inside, and itself.
    fn unit(&mut self, tree: &Tree, indent: &str) {
        let mut after_blank = self.comments_before(tree.from, indent);
        for at in tree.from + 1..tree.to {
            for comment in self.gap(at).0 {
                self.push(format!("{indent}{}", comment.text), std::mem::take(&mut after_blank));
            }
        }
        self.push(format!("{indent}{}", one_line(tree, self.tokens)), after_blank);
    }

    /// `Rules = [`, an entry a line, `]`.
    fn section(&mut self, tree: &Tree) {
        let first = self.lines.len();
        let mut after_blank = self.comments_before(tree.from, "");
        for at in tree.from + 1..tree.from + 3 {
            for comment in self.gap(at).0 {
                self.push(comment.text.to_owned(), std::mem::take(&mut after_blank));
            }
        }
        if first > 0 && !after_blank && !self.lines.iter().skip(first).any(|line| line.after_blank) {
            match self.lines.get_mut(first) {
                Some(comment) => comment.after_blank = true,
                None => after_blank = true,
            }
        }
        let name = self.tokens.get(tree.from).map_or("", |token| token.text);
        let opening = self.lines.len();
        self.push(format!("{name} = ["), after_blank);
        for (at, entry) in tree.children.iter().enumerate() {
            self.unit(entry, INDENT);
            let line = self.lines.len().saturating_sub(1);
            if at + 1 < tree.children.len() {
                self.comments_before(entry.to, INDENT);
                self.append(line, ",");
            }
        }
        self.comments_before(tree.to.saturating_sub(1), INDENT);
        if let Some(line) = self.lines.get_mut(opening + 1) {
            line.after_blank = false;
        }
        let empty = self.lines.len() == opening + 1 && self.lines.last().is_some_and(|line| line.comment.is_none());
        if empty {
            self.append(opening, "]");
        } else {
            self.push("]".to_owned(), false);
        }
    }

    fn push(&mut self, text: String, after_blank: bool) {
        self.lines.push(Line { text, comment: None, after_blank });
    }

    fn append(&mut self, line: usize, text: &str) {
        if let Some(line) = self.lines.get_mut(line) {
            line.text.push_str(text);
        }
    }

    /// Writes the comments before a token and says whether an empty line stands before the token itself.
    fn comments_before(&mut self, token: usize, indent: &str) -> bool {
        let (comments, after_blank) = self.gap(token);
        for comment in comments {
            match self.lines.last_mut().filter(|line| comment.trailing && line.comment.is_none()) {
                Some(line) => line.comment = Some(comment.text.to_owned()),
                None => self.push(format!("{indent}{}", comment.text), comment.after_blank),
            }
        }
        after_blank
    }

    /// The comments between a token and the one before it, and whether an empty line stands before the token.
    fn gap(&self, token: usize) -> (Vec<Comment<'a>>, bool) {
        let start = token.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(0, Token::end);
        let end = self.tokens.get(token).map_or(self.text.len(), |token| token.start);
        let mut rest = self.text.get(start..end).unwrap_or_default();
        let mut comments = Vec::new();
        while let Some((space, comment)) = rest.split_once('#') {
            let lines = space.matches('\n').count();
            let (text, after) = comment.split_at(comment.find('\n').unwrap_or(comment.len()));
            let begin = rest.len() - comment.len() - 1;
            let text = rest.get(begin..begin + 1 + text.len()).unwrap_or_default().trim_end();
            comments.push(Comment { text, trailing: lines == 0 && token > 0, after_blank: lines > 1 });
            rest = after;
        }
        (comments, rest.matches('\n').count() > 1)
    }

    fn text(&self) -> String {
        let mut out = String::with_capacity(self.text.len());
        for (at, line) in self.lines.iter().enumerate() {
            if line.after_blank && at > 0 {
                out.push('\n');
            }
            out.push_str(&line.text);
            if let Some(comment) = &line.comment {
                out.push(' ');
                out.push_str(comment);
            }
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests;

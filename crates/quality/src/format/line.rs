//! One part as one line, in the order and with the parentheses of the open grammar.

use super::tree::Tree;
use crate::dynamic::Arithmetic;
use crate::lexer::{Kind, Token};
use crate::parser::Part;

/// The part's tokens on one line.
pub(super) fn one_line(tree: &Tree, tokens: &[Token<'_>]) -> String {
    let mut line = Line { tokens, text: String::new(), previous: None, tight: false };
    line.part(tree);
    line.text
}

/// What stands before the next token, as far as it decides about a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Previous {
    /// `(`, `[`, or a minus that belongs to what follows.
    Opening,
    /// A word that may be a function's name.
    Name,
    /// Something after which `-` is an operator.
    Value,
    /// Anything else.
    Other,
}

struct Line<'a> {
    tokens: &'a [Token<'a>],
    text: String,
    previous: Option<Previous>,
    /// No space round `=`, as in labels.
    tight: bool,
}

impl Line<'_> {
    fn part(&mut self, tree: &Tree) {
        match tree.part {
            Part::Leaf => {
                let mut parts: Vec<&Tree> = tree.children.iter().collect();
                parts.sort_by_key(|part| rank(part.part));
                parts.into_iter().for_each(|part| self.part(part));
            }
            Part::And => self.combined(tree, "AND"),
            Part::Or => self.combined(tree, "OR"),
            Part::Binary(operator) => self.binary(tree, operator),
            Part::Negated => {
                ["(", "0", "-"].into_iter().for_each(|text| self.written(text));
                self.sequence(tree, tree.from + 1, tree.to);
                self.written(")");
            }
            Part::Labels => self.tightly(|line| line.sequence(tree, tree.from, tree.to)),
            Part::Header => {
                let labels = self.tokens.get(tree.from).is_some_and(|token| token.text == "DefaultLabels");
                if labels {
                    self.tightly(|line| line.sequence(tree, tree.from, tree.to));
                } else {
                    self.sequence(tree, tree.from, tree.to);
                }
            }
            _ => self.sequence(tree, tree.from, tree.to),
        }
    }

    fn tightly(&mut self, write: impl FnOnce(&mut Self)) {
        self.tight = true;
        write(self);
        self.tight = false;
    }

    /// Operands of `and` and `or`, each in parentheses.
    fn combined(&mut self, tree: &Tree, word: &str) {
        for (at, operand) in tree.children.iter().enumerate() {
            if at > 0 {
                self.written(word);
            }
            if operand.part == Part::Group {
                self.part(operand);
            } else {
                self.parenthesised(operand);
            }
        }
    }

    fn parenthesised(&mut self, tree: &Tree) {
        self.written("(");
        self.part(tree);
        self.written(")");
    }

    /// An operation on the left is put in parentheses when readers could take the two in another order.
    fn binary(&mut self, tree: &Tree, operator: usize) {
        let multiplies = |at: usize| {
            let symbol = self.tokens.get(at).and_then(|token| Arithmetic::find(token.text));
            symbol.is_some_and(Arithmetic::multiplies)
        };
        match tree.children.first() {
            Some(left @ Tree { part: Part::Binary(inner), from, .. })
                if *from == tree.from && multiplies(*inner) != multiplies(operator) =>
            {
                self.parenthesised(left);
                self.sequence(tree, left.to, tree.to);
            }
            _ => self.sequence(tree, tree.from, tree.to),
        }
    }

    /// Tokens and parts in the order of the text.
    fn sequence(&mut self, tree: &Tree, from: usize, to: usize) {
        let mut at = from;
        for child in tree.children.iter().filter(|child| child.from >= from) {
            self.tokens_between(at, child.from);
            self.part(child);
            at = child.to;
        }
        self.tokens_between(at, to);
    }

    fn tokens_between(&mut self, from: usize, to: usize) {
        self.tokens.get(from..to).unwrap_or_default().iter().for_each(|token| self.token(*token));
    }

    fn token(&mut self, token: Token<'_>) {
        let text = match (token.kind, token.text) {
            (Kind::Word, "null") => "NULL",
            (Kind::Word, "empty") => "EMPTY",
            (Kind::Word, "whitespaces_only") => "WHITESPACES_ONLY",
            (Kind::Word, "AND") => "and",
            (Kind::Word, "OF") => "of",
            (_, text) => text,
        };
        self.spaced(text, token.kind);
    }

    /// A symbol, a number or a word that the text does not have in this place.
    fn written(&mut self, text: &str) {
        let kind = match text {
            "AND" | "OR" => Kind::Word,
            "0" => Kind::Number,
            _ => Kind::Symbol,
        };
        self.spaced(text, kind);
    }

    fn spaced(&mut self, text: &str, kind: Kind) {
        let sign = text == "-" && kind == Kind::Symbol && self.previous != Some(Previous::Value);
        let joined = match (self.previous, kind, text) {
            (None | Some(Previous::Opening), ..) => true,
            (_, Kind::Symbol, ")" | "]" | "," | ":") => true,
            (Some(Previous::Name), Kind::Symbol, "(") => true,
            (_, Kind::Symbol, "=") => self.tight || self.text.ends_with('!'),
            _ => self.tight && self.text.ends_with('='),
        };
        if !joined {
            self.text.push(' ');
        }
        self.text.push_str(text);
        self.previous = Some(match (kind, text) {
            (Kind::Symbol, "(" | "[") => Previous::Opening,
            (Kind::Symbol, "-") if sign => Previous::Opening,
            (Kind::Symbol, ")") | (Kind::Number | Kind::Now, _) => Previous::Value,
            (Kind::Word, "AND" | "OR" | "and" | "or" | "between" | "in" | "of") => Previous::Other,
            (Kind::Word, _) => Previous::Name,
            _ => Previous::Other,
        });
    }
}

/// condition, `where`, labels, `with`: the order of the open grammar.
fn rank(part: Part) -> u8 {
    match part {
        Part::Where => 1,
        Part::Labels => 2,
        Part::With => 3,
        _ => 0,
    }
}

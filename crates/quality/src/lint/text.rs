//! What the text itself shows: its characters, and how its parts are written.

use std::collections::BTreeSet;

use super::Findings;
use super::code;
use crate::dynamic::Arithmetic;
use crate::format::Tree;
use crate::lexer::{Kind, Token};
use crate::parser::{Part, looks_dated};

/// Limits of Glue's API: the length of a `DataQualityRulesetString`, whose pattern is that of `DQDLString`.
const MAX_CHARACTERS: usize = 65_536;
/// Rules from which AWS's page on troubleshooting warns.
const MAX_RULES: usize = 2_000;

const FORMAT: &str = "`lakegate quality fmt` does it";

impl<'a> Findings<'a> {
    pub(super) fn of_text(&mut self) {
        let text = self.ruleset.text();
        let characters = text.chars().count();
        if characters > MAX_CHARACTERS {
            self.warn(0, &code::TOO_LONG, format!("the ruleset has {characters} characters"), "split it");
        }
        let rules = self.ruleset.rules().len();
        if rules > MAX_RULES {
            self.warn(0, &code::TOO_MANY_RULES, format!("the ruleset has {rules} rules"), "split it");
        }
        let foreign = |c: char| !(c.is_ascii_graphic() || c.is_ascii_whitespace());
        if let Some((at, character)) = text.char_indices().find(|(_, c)| foreign(*c)) {
            let count = text.chars().filter(|c| foreign(*c)).count();
            let what = format!("`{}` and {} more characters are not ASCII", character.escape_debug(), count - 1);
            let what = if count == 1 { format!("`{}` is not ASCII", character.escape_debug()) } else { what };
            self.warn(at, &code::NOT_ASCII, what, "write it in ASCII; in a pattern as \\uXXXX");
        }
        if let Some(at) = text.find('\r') {
            self.warn(at, &code::CARRIAGE_RETURN, "the line ends in CR LF", format!("end lines in LF: {FORMAT}"));
        }
        let last = self.tokens.iter().rev().nth(1).map_or(0, Token::end);
        let rest = text.get(last..).unwrap_or_default();
        if let Some(comment) = rest.rfind('#').filter(|at| !rest.get(*at..).unwrap_or_default().contains('\n')) {
            self.warn(
                last + comment,
                &code::FINAL_COMMENT,
                "the comment ends with the file",
                format!("end the file with a line break: {FORMAT}"),
            );
        }
    }

    pub(super) fn of_parts(&mut self) {
        for tree in self.trees {
            tree.walk(&mut |part| self.of_part(part));
            self.composite_labels(tree, false);
        }
        self.dated_strings();
        self.constants();
        self.amounts();
        self.empty_labels();
    }

    fn start(&self, token: usize) -> usize {
        self.tokens.get(token).map_or(0, |token| token.start)
    }

    fn inside(&self, tree: &Tree) -> &'a [Token<'a>] {
        self.tokens.get(tree.from..tree.to).unwrap_or_default()
    }

    fn of_part(&mut self, tree: &Tree) {
        let at = self.start(tree.from);
        match tree.part {
            Part::And | Part::Or => {
                for operand in tree.children.iter().filter(|operand| operand.part != Part::Group) {
                    self.warn(
                        self.start(operand.from),
                        &code::BARE_COMPOSITE,
                        "a rule of a composite has no parentheses",
                        format!("write (rule) and (rule): {FORMAT}"),
                    );
                }
            }
            Part::Leaf => {
                let rank = |part: Part| match part {
                    Part::Where => 1,
                    Part::Labels => 2,
                    Part::With => 3,
                    _ => 0,
                };
                if !tree.children.is_sorted_by_key(|part| rank(part.part)) {
                    let what = "the parts of the rule stand in another order";
                    self.warn(at, &code::PART_ORDER, what, format!("condition, where, labels, with: {FORMAT}"));
                }
            }
            Part::With => {
                let own = |text: &str| self.inside(tree).iter().any(|t| t.text == text && t.kind != Kind::Text);
                let is_threshold = tree.children.iter().any(|child| child.part == Part::Condition);
                if !is_threshold && (own("[") || own("true") || own("false")) {
                    let fix = "one string, such as \"uriRegex,recentFiles\" or \"true\", where only that parser counts";
                    self.warn(at, &code::TAG_FORM, "the tag's value is a list or a bare word", fix);
                }
            }
            Part::Binary(operator) => self.arithmetic(tree, operator),
            _ => {}
        }
    }

    /// `1 + 2 * 3` is 9; `2 * 3 + 1` is what people expect.
    fn arithmetic(&mut self, tree: &Tree, operator: usize) {
        let multiplies = |at: usize| {
            let symbol = self.tokens.get(at).and_then(|token| Arithmetic::find(token.text));
            symbol.is_some_and(Arithmetic::multiplies)
        };
        if let Some(Tree { part: Part::Binary(inner), from, to, .. }) = tree.children.first()
            && *from == tree.from
            && multiplies(operator)
            && !multiplies(*inner)
        {
            let end = to.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, Token::end);
            let left = self.ruleset.text().get(self.start(*from)..end).unwrap_or_default();
            let what = format!("`{left}` is worked out before what follows it");
            self.warn(
                self.start(*from),
                &code::FLAT_ARITHMETIC,
                what,
                format!("`({left})`, or parentheses where they are meant"),
            );
        }
    }

    fn composite_labels(&mut self, tree: &Tree, in_composite: bool) {
        for child in &tree.children {
            let inside = in_composite || matches!(tree.part, Part::And | Part::Or);
            if inside && child.part == Part::Labels {
                let fix = "put them behind a parenthesis round the whole rule: ((A) and (B)) labels=[…]";
                self.warn(
                    self.start(child.from),
                    &code::COMPOSITE_LABELS,
                    "labels stand inside of a composite rule",
                    fix,
                );
            }
            self.composite_labels(child, inside);
        }
    }

    /// Strings that Glue takes for dates and times where none may stand.
    fn dated_strings(&mut self) {
        let mut conditions = BTreeSet::new();
        for tree in self.trees {
            tree.walk(&mut |part| {
                if part.part == Part::Condition {
                    conditions.extend(part.from..part.to);
                }
            });
        }
        for (at, token) in self.tokens.iter().enumerate() {
            let matched = at > 0 && self.tokens.get(at - 1).is_some_and(|before| before.text == "matches");
            if token.kind == Kind::Text && looks_dated(token.text) && (matched || !conditions.contains(&at)) {
                let what = format!("{} has the form of a date or a time", token.text);
                self.warn(token.start, &code::DATE_FORM, what, "another form, such as with a space at its end");
            }
        }
    }

    fn constants(&mut self) {
        let used: BTreeSet<&str> =
            self.tokens.iter().filter(|t| t.kind == Kind::Constant).map(|t| t.text.trim_start_matches('$')).collect();
        for tree in self.trees.iter().filter(|tree| tree.part == Part::Constant) {
            let name = self.inside(tree).first().map_or("", |token| token.text);
            if !used.contains(name) {
                let what = format!("the constant `{name}` is not used");
                self.warn(self.start(tree.from), &code::UNUSED_CONSTANT, what, format!("use `${name}`, or delete it"));
            }
        }
        let mut places = Vec::new();
        for tree in self.trees {
            tree.walk(&mut |part| {
                if part.part == Part::Condition {
                    places.extend(part.from + 1..part.to);
                }
            });
        }
        for at in places {
            let after_in = self.tokens.get(at - 1).is_some_and(|before| before.text == "in");
            let Some(token) = self.tokens.get(at).filter(|token| token.kind == Kind::Constant && !after_in) else {
                continue;
            };
            let what = format!("`{}` stands among the values of a condition", token.text);
            self.warn(token.start, &code::CONSTANT_PLACE, what, format!("`in {}`, or the value itself", token.text));
        }
    }

    fn amounts(&mut self) {
        const UNITS: [&str; 8] = ["days", "hours", "minutes", "B", "KB", "MB", "GB", "TB"];
        for pair in self.tokens.windows(2) {
            let [amount, unit] = pair else { continue };
            let large = amount.kind == Kind::Number && amount.text.parse::<i32>().is_err();
            if large && unit.kind == Kind::Word && UNITS.contains(&unit.text) {
                let what = format!("{} {} is a large amount", amount.text, unit.text);
                self.warn(amount.start, &code::LARGE_AMOUNT, what, "a larger unit");
            }
        }
    }

    fn empty_labels(&mut self) {
        let mut empty = Vec::new();
        for tree in self.trees {
            tree.walk(&mut |part| {
                let is_default = part.part == Part::Header
                    && self.inside(part).first().is_some_and(|token| token.text == "DefaultLabels");
                if part.part == Part::Labels || is_default {
                    empty.extend(self.inside(part).iter().filter(|t| t.text == "\"\"").map(|t| t.start));
                }
            });
        }
        for at in empty {
            self.warn(at, &code::EMPTY_LABEL, "a label has an empty value", "a value, such as \"none\"");
        }
    }
}

//! Rules: types, parameters, what follows them, and their combinations.

use std::collections::BTreeMap;

use lakegate_contract::{Error, Result, suggest};

use super::document::Labels;
use super::{Constant, Cursor, KEYWORDS, Part};
use crate::ast::{Leaf, Node};
use crate::condition::{Condition, NumberCondition};
use crate::lexer::{Kind, Token, content};
use crate::rule_type::{ANALYZER_TYPES, RESERVED, RULE_TYPES, RuleType, Takes};

/// Words that end a rule's parameters.
pub(super) const AFTER_PARAMETERS: [&str; 11] =
    ["between", "in", "not", "matches", "where", "with", "labels", "and", "AND", "or", "OR"];

const NO_COMMAS: &str = "between the parameters of a rule stand no commas, such as `Uniqueness \"a\" \"b\" > 0.5`";
pub(super) const DECIMAL_POINT: &str = "decimals have a point, such as `0.5`";

/// Words of SQL where a condition stands, and what DQDL has instead.
const SQL: [(&str, &str); 4] = [
    ("is", "`IsComplete` asks that no value is NULL; `= NULL` and `!= NULL` are conditions of `ColumnValues`"),
    ("like", "write `matches` and a regular expression, in which `.*` stands for the `%` of `like`"),
    ("ilike", "write `matches` and a regular expression, such as `matches \"(?i)p.*\"`"),
    ("rlike", "write `matches`: its regular expression must match the whole value"),
];

impl<'a> Cursor<'a> {
    /// The token so many before the one at hand.
    fn before(&self, count: usize) -> Option<Token<'a>> {
        self.at.checked_sub(count).and_then(|at| self.tokens.get(at)).copied()
    }

    /// `and` binds tighter than `or`.
    pub(super) fn node(&mut self) -> Result<(Node, Labels)> {
        let (nodes, labels) = self.combined("or", Part::Or, Cursor::conjunction)?;
        Ok((single(nodes, Node::Or), labels))
    }

    fn conjunction(&mut self) -> Result<(Node, Labels)> {
        let (nodes, labels) = self.combined("and", Part::And, Cursor::primary)?;
        Ok((single(nodes, Node::And), labels))
    }

    /// What `word` combines: one or more.
    fn combined(
        &mut self,
        word: &str,
        part: Part,
        operand: fn(&mut Self) -> Result<(Node, Labels)>,
    ) -> Result<(Vec<Node>, Labels)> {
        let from = self.at;
        let (mut nodes, mut labels, mut height) = (Vec::new(), Labels::new(), 0);
        loop {
            let begin = self.at;
            let (node, more) = operand(self)?;
            nodes.push(node);
            labels.extend(more);
            // In canonical form each operand has parentheses.
            let in_parentheses = self.marks.last().is_some_and(|m| m.part == Part::Group && m.from == begin);
            let alone = nodes.len() == 1 && !self.is_keyword(word);
            height = height.max(self.height + usize::from(!in_parentheses && !alone));
            if !self.take_keyword(word) {
                break;
            }
        }
        self.rise(height)?;
        if nodes.len() > 1 {
            self.mark(part, from);
        }
        Ok((nodes, labels))
    }

    fn primary(&mut self) -> Result<(Node, Labels)> {
        let from = self.at;
        if !self.take("(") {
            return self.leaf();
        }
        let (node, mut labels) = self.deeper(Cursor::node)?;
        if !self.take(")") {
            return Err(self.unexpected_after_rule("`)`"));
        }
        self.rise(self.height + 1)?;
        let behind = self.at;
        if self.take("labels") {
            labels.extend(self.labels()?);
            self.mark(Part::Labels, behind);
        }
        self.mark(Part::Group, from);
        Ok((node, labels))
    }

    fn leaf(&mut self) -> Result<(Node, Labels)> {
        let (name, from) = (self.peek(), self.at);
        self.highest = 0;
        let rule_type = self.rule_type()?;
        let parameters = self.parameters()?;
        self.refuse_arity(rule_type, &parameters, name.start)?;
        let condition_start = self.peek().start;
        let takes = rule_type.takes_with(parameters.len());
        let condition = self.condition(takes)?;
        let mut leaf = Leaf {
            rule_type,
            parameters,
            condition,
            filter: None,
            threshold: None,
            tags: BTreeMap::new(),
            start: name.start,
        };
        self.refuse_condition(&leaf, takes, condition_start)?;
        self.mark(Part::Head, from);
        let labels = self.after_condition(&mut leaf)?;
        self.mark(Part::Leaf, from);
        self.height = self.highest;
        Ok((Node::Leaf(Box::new(leaf)), labels))
    }

    fn rule_type(&mut self) -> Result<&'static RuleType> {
        let token = self.peek();
        let known = if token.kind == Kind::Word { RuleType::find(token.text) } else { None };
        if let Some(rule_type) = known {
            self.next();
            return Ok(rule_type);
        }
        let names: Vec<&str> = RULE_TYPES.iter().map(|t| t.name).collect();
        let error = match token.kind {
            Kind::Word if ANALYZER_TYPES.iter().any(|t| t.name == token.text) => {
                return Err(self
                    .error_at(token.start, format!("`{}` is an analyzer: it measures and judges nothing", token.text))
                    .help("move it to `Analyzers = [ … ]`, which follows the rules"));
            }
            Kind::Word => self.error_at(token.start, format!("`{}` is not a rule type", token.text)),
            kind if self.before(1).is_some_and(|t| t.text == ",") => {
                let decimals = kind == Kind::Number && self.before(2).is_some_and(|t| t.kind == Kind::Number);
                return Err(self.unexpected("another rule after the comma").help(match kind {
                    _ if decimals => DECIMAL_POINT,
                    Kind::Text => NO_COMMAS,
                    _ => "delete the comma behind the last rule",
                }));
            }
            _ => self.unexpected("a rule"),
        };
        Err(self.hint(error.expected(format!("one of {}", names.join(", "))), &names))
    }

    /// Names of columns and the like, each perhaps behind `of` or `and`.
    pub(super) fn parameters(&mut self) -> Result<Vec<String>> {
        let mut parameters = Vec::new();
        loop {
            let of = self.is_keyword("of");
            let connector = of || self.is_keyword("and");
            let token = self.peek_at(usize::from(connector));
            let parameter = match token.kind {
                Kind::Text => content(token.text),
                Kind::Constant => self.scalar_constant(token)?,
                // Behind `and` the name of a rule type begins another rule, not so elsewhere: no rule follows a rule without a word between.
                Kind::Word if connector && !of && RuleType::find(token.text).is_some() => return Ok(parameters),
                Kind::Word if AFTER_PARAMETERS.contains(&token.text) && !connector => return Ok(parameters),
                Kind::Word if RESERVED.contains(&token.text) => {
                    let error = self.error_at(token.start, format!("`{}` is a word of the language", token.text));
                    let error = error.help(format!("to name a column, write \"{}\" in quotes", token.text));
                    return Err(told_of_words(error, &parameters));
                }
                Kind::Word => token.text.to_owned(),
                Kind::Number => {
                    let error = self
                        .error_at(token.start, format!("found the number {}", token.text))
                        .expected("a condition, such as `> 5`, or a name in quotes");
                    return Err(told_of_words(error, &parameters));
                }
                _ => return Ok(parameters),
            };
            self.at += 1 + usize::from(connector);
            parameters.push(parameter);
        }
    }

    pub(super) fn refuse_arity(&self, rule_type: &RuleType, parameters: &[String], start: usize) -> Result<()> {
        let (fewest, most) = rule_type.parameters;
        if (fewest..=most).contains(&parameters.len()) {
            return Ok(());
        }
        let error = self.error_at(start, format!("`{}` has {} parameters", rule_type.name, parameters.len()));
        let error = told_of_words(error.expected(rule_type.arity()), parameters);
        if parameters.len() < fewest && self.is(",") && self.peek_at(1).kind == Kind::Text {
            return Err(error.help(NO_COMMAS));
        }
        Err(match parameters.iter().find(|name| RuleType::find(name).is_some()) {
            Some(next) => error.help(format!("a comma, `and` or `or` is missing before the rule `{next}`")),
            None => error,
        })
    }

    fn scalar_constant(&self, token: Token<'_>) -> Result<String> {
        match self.constant(token)? {
            Constant::Text(text) => Ok(text),
            Constant::List(_) => Err(self
                .error_at(token.start, format!("`{}` is a list", token.text))
                .expected("a constant that is one string")),
        }
    }

    pub(super) fn constant(&self, token: Token<'_>) -> Result<Constant> {
        self.constants.get(token.text.trim_start_matches('$')).cloned().ok_or_else(|| {
            let names: Vec<String> = self.constants.keys().map(|k| format!("${k}")).collect();
            let error = self.error_at(token.start, format!("`{}` is not defined", token.text));
            if names.is_empty() {
                error.help("define it above the rules: name = \"value\"")
            } else {
                error
                    .expected(format!("one of {}", names.join(", ")))
                    .suggesting(token.text, names.iter().map(String::as_str))
            }
        })
    }

    fn refuse_condition(&self, leaf: &Leaf, takes: Takes, start: usize) -> Result<()> {
        let fits = match (takes, &leaf.condition) {
            (Takes::Nothing, found) => found.is_none(),
            (Takes::NumberOrNothing | Takes::TextOrNothing, None) => true,
            (_, None) => false,
            (Takes::Number | Takes::NumberOrNothing, Some(found)) => matches!(found, Condition::Number(_)),
            (Takes::Text | Takes::TextOrNothing, Some(found)) => {
                matches!(found, Condition::Text(_) | Condition::Matches(..))
            }
            (Takes::Value, Some(found)) => !matches!(found, Condition::Duration(_) | Condition::Size(_)),
            (Takes::Date, Some(found)) => matches!(found, Condition::Date(_)),
            (Takes::Duration, Some(found)) => matches!(found, Condition::Duration(_)),
            (Takes::Size, Some(found)) => matches!(found, Condition::Size(_)),
        };
        if fits {
            return Ok(());
        }
        let error = match &leaf.condition {
            Some(_) => self.error_at(start, format!("the condition of `{}` does not fit it", leaf.name())),
            None => self.error_at(leaf.start, format!("`{}` has no condition", leaf.name())),
        };
        let quoted_number = matches!(takes, Takes::Number | Takes::NumberOrNothing)
            && matches!(leaf.condition, Some(Condition::Text(_)));
        let error = if quoted_number { error.help("write numbers without quotes") } else { error };
        let comma = leaf.condition.is_none() && self.is(",") && self.peek_at(1).kind == Kind::Text;
        let error = if comma { error.help(NO_COMMAS) } else { error };
        Err(error.expected(match takes {
            Takes::Nothing => "no condition",
            Takes::Number => "a condition over numbers, such as `> 0.9`",
            Takes::NumberOrNothing => "a condition over numbers, or none",
            Takes::Text | Takes::TextOrNothing => "a condition over strings, such as `in [\"a\", \"b\"]`",
            Takes::Value => "a condition, such as `in [\"a\", \"b\"]`, `> 0` or `matches \"[a-z]+\"`",
            Takes::Date => "a condition over dates, such as `> (now() - 24 hours)`",
            Takes::Duration => "a condition over durations, such as `<= 24 hours`",
            Takes::Size => "a condition over sizes, such as `> 1 MB`",
        }))
    }

    /// `where`, `labels` and `with`, in the grammar's order or the documentation's.
    fn after_condition(&mut self, leaf: &mut Leaf) -> Result<Labels> {
        let mut labels: Option<Labels> = None;
        loop {
            let (start, from) = (self.peek().start, self.at);
            if self.take("where") {
                self.filter(leaf, start)?;
                self.mark(Part::Where, from);
            } else if self.take("labels") {
                let own = self.labels()?;
                self.mark(Part::Labels, from);
                if labels.replace(own).is_some() {
                    return Err(self.error_at(start, "the rule has two lists of labels"));
                }
            } else if self.take("with") {
                self.threshold_or_tag(leaf, start)?;
                self.mark(Part::With, from);
            } else {
                return Ok(labels.unwrap_or_default());
            }
        }
    }

    fn filter(&mut self, leaf: &mut Leaf, start: usize) -> Result<()> {
        if !leaf.rule_type.filter {
            return Err(self.error_at(start, format!("`{}` takes no `where`", leaf.name())));
        }
        let filter = self.quoted("a predicate")?;
        if filter.trim().is_empty() {
            return Err(self
                .error_at(start, "`where` is empty")
                .expected("a predicate, such as `where \"status = 'paid'\"`"));
        }
        if leaf.filter.replace(filter).is_some() {
            return Err(self.error_at(start, "the rule has two `where`"));
        }
        Ok(())
    }

    /// Glue takes `threshold = "0.5"`, in quotes, for a tag that means nothing.
    fn threshold_or_tag(&mut self, leaf: &mut Leaf, start: usize) -> Result<()> {
        let is_text = self.is_at(1, "=") && self.peek_at(2).kind == Kind::Text;
        if self.peek().kind == Kind::Word && self.peek().text.eq_ignore_ascii_case("threshold") && !is_text {
            self.next();
            return self.threshold(leaf, start);
        }
        let (name, value) = self.tag()?;
        if leaf.tags.insert(name.clone(), value).is_some() {
            return Err(self.error_at(start, format!("the rule has two tags `{name}`")));
        }
        Ok(())
    }

    /// `name = "value"`, `name = 5`, `name = true` or `name = ["a", "b"]`; a list is joined by commas.
    pub(super) fn tag(&mut self) -> Result<(String, String)> {
        let name = self.peek();
        if name.kind != Kind::Word || RESERVED.contains(&name.text) {
            return Err(self.unexpected("`threshold` or a tag's name after `with`"));
        }
        self.next();
        if !self.is("=") && suggest(name.text, ["threshold"]).is_some() {
            return Err(self
                .error_at(name.start, format!("found `{}`", name.text))
                .expected("`threshold` and a condition, or a tag such as `name = \"value\"`")
                .help("did you mean `threshold`?"));
        }
        self.require("=")?;
        Ok((name.text.to_owned(), self.tag_value()?))
    }

    fn tag_value(&mut self) -> Result<String> {
        if self.take("[") {
            let mut members = vec![self.quoted("a member of the list")?];
            while self.take(",") {
                members.push(self.quoted("a member of the list")?);
            }
            self.require("]")?;
            return Ok(members.join(","));
        }
        let sign = if self.is("-") && self.peek_at(1).kind == Kind::Number { self.next().text } else { "" };
        let value = self.peek();
        let plain = matches!(value.kind, Kind::Text | Kind::Number) || matches!(value.text, "true" | "false");
        if !plain {
            return Err(self.unexpected("the tag's value: a string, a number, `true`, `false` or a list of strings"));
        }
        self.next();
        Ok(format!("{sign}{}", content(value.text)))
    }

    fn threshold(&mut self, leaf: &mut Leaf, start: usize) -> Result<()> {
        if !leaf.rule_type.threshold {
            let takers: Vec<&str> = RULE_TYPES.iter().filter(|t| t.threshold).map(|t| t.name).collect();
            return Err(self
                .error_at(start, format!("`{}` takes no threshold", leaf.name()))
                .expected(format!("a threshold only behind {}", takers.join(", "))));
        }
        let Some(Condition::Number(condition)) = self.condition(Takes::Number)? else {
            return Err(self
                .error_at(start, "the threshold has no condition over numbers")
                .expected("for example `with threshold > 0.95`, the number without quotes"));
        };
        let previous: Option<NumberCondition> = leaf.threshold.replace(condition);
        if previous.is_some() {
            return Err(self.error_at(start, "the rule has two thresholds"));
        }
        Ok(())
    }
}

/// Says so when a parameter is a word of SQL, or a keyword in the wrong case, which Glue takes for a column.
fn told_of_words(error: Error, parameters: &[String]) -> Error {
    // The first names what is judged.
    let words = parameters.iter().skip(1);
    if let Some((_, meant)) = words.clone().find_map(|word| SQL.iter().find(|(sql, _)| sql.eq_ignore_ascii_case(word)))
    {
        return error.help(*meant);
    }
    let keyword = |parameter: &String| KEYWORDS.iter().find(|k| k.eq_ignore_ascii_case(parameter));
    match parameters.iter().find_map(keyword) {
        Some(keyword) => error.help(format!("write `{keyword}` in lower case")),
        None => error,
    }
}

fn single(mut nodes: Vec<Node>, combine: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.swap_remove(0),
        _ => combine(nodes),
    }
}

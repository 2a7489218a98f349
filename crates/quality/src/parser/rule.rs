//! Rules: types, parameters, what follows them, and their combinations.

use std::collections::BTreeMap;

use lakegate_contract::Result;

use super::document::Constants;
use super::{Cursor, strip_quotes};
use crate::ast::{Leaf, Node};
use crate::condition::{Condition, NumberCondition};
use crate::lexer::Kind;
use crate::rule_type::{RULE_TYPES, RuleType, Takes};

type Labels = BTreeMap<String, String>;

/// Words that end a rule's parameters.
const AFTER_PARAMETERS: [&str; 7] = ["between", "in", "not", "matches", "where", "with", "labels"];

impl Cursor<'_> {
    /// `and` binds tighter than `or`.
    pub(super) fn node(&mut self, constants: &Constants) -> Result<(Node, Labels)> {
        let (first, mut labels) = self.conjunction(constants)?;
        let mut nodes = vec![first];
        while self.take_keyword("or") {
            let (node, more) = self.conjunction(constants)?;
            nodes.push(node);
            labels.extend(more);
        }
        Ok((single(nodes, Node::Or), labels))
    }

    fn conjunction(&mut self, constants: &Constants) -> Result<(Node, Labels)> {
        let (first, mut labels) = self.primary(constants)?;
        let mut nodes = vec![first];
        while self.take_keyword("and") {
            let (node, more) = self.primary(constants)?;
            nodes.push(node);
            labels.extend(more);
        }
        Ok((single(nodes, Node::And), labels))
    }

    fn primary(&mut self, constants: &Constants) -> Result<(Node, Labels)> {
        if !self.take("(") {
            return self.leaf(constants);
        }
        let (node, mut labels) = self.deeper(|cursor| cursor.node(constants))?;
        if !self.take(")") {
            return Err(self.unexpected("`)`, `and`, `or`, a condition, `where`, `labels` or `with`"));
        }
        if self.take("labels") {
            labels.extend(self.labels()?);
        }
        Ok((node, labels))
    }

    fn leaf(&mut self, constants: &Constants) -> Result<(Node, Labels)> {
        let name = self.peek();
        let rule_type = self.rule_type()?;
        let parameters = self.parameters(constants)?;
        let (fewest, most) = rule_type.parameters;
        if parameters.len() < fewest || parameters.len() > most {
            let error = self.error_at(name.start, format!("`{}` has {} parameters", rule_type.name, parameters.len()));
            return Err(error.expected(match (fewest, most) {
                (a, b) if a == b => format!("{a}"),
                (a, b) if b > 10 => format!("{a} or more"),
                (a, b) => format!("{a} to {b}"),
            }));
        }
        let mut leaf = Leaf {
            rule_type,
            parameters,
            condition: self.condition(rule_type.takes, constants)?,
            filter: None,
            threshold: None,
            tags: BTreeMap::new(),
            start: name.start,
        };
        self.refuse_condition(&leaf)?;
        let labels = self.after_condition(&mut leaf, constants)?;
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
            Kind::Word => self.error_at(token.start, format!("`{}` is not a rule type", token.text)),
            _ => self.unexpected("a rule"),
        };
        Err(self.hint(error.expected(format!("one of {}", names.join(", "))), &names))
    }

    fn parameters(&mut self, constants: &Constants) -> Result<Vec<String>> {
        let mut parameters = Vec::new();
        loop {
            let connector = self.is_keyword("of") || self.is_keyword("and");
            let token = if connector { self.peek_at(1) } else { self.peek() };
            let parameter = match token.kind {
                Kind::Text => strip_quotes(token.text).to_owned(),
                Kind::Constant => self.scalar_constant(token.text, token.start, constants)?,
                Kind::Word if is_name(token.text) => token.text.to_owned(),
                Kind::Number if connector => token.text.to_owned(),
                _ => return Ok(parameters),
            };
            self.at += 1 + usize::from(connector);
            parameters.push(parameter);
        }
    }

    fn scalar_constant(&self, token: &str, start: usize, constants: &Constants) -> Result<String> {
        match self.constant(token, start, constants)?.as_slice() {
            [only] => Ok(only.clone()),
            _ => Err(self.error_at(start, format!("`{token}` is a list")).expected("a constant that is one string")),
        }
    }

    pub(super) fn constant(&self, token: &str, start: usize, constants: &Constants) -> Result<Vec<String>> {
        constants.get(token.trim_start_matches('$')).cloned().ok_or_else(|| {
            let names = constants.keys().map(|k| format!("${k}")).collect::<Vec<_>>().join(", ");
            let error = self.error_at(start, format!("`{token}` is not defined"));
            if names.is_empty() {
                error.help("define it above the rules: name = \"value\"")
            } else {
                error.expected(format!("one of {names}"))
            }
        })
    }

    fn refuse_condition(&self, leaf: &Leaf) -> Result<()> {
        let fits = match (leaf.rule_type.takes, &leaf.condition) {
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
            (Takes::Size, Some(found)) => matches!(found, Condition::Size(_) | Condition::Number(_)),
        };
        if fits {
            return Ok(());
        }
        let error = self.error_at(leaf.start, format!("the condition of `{}` does not fit it", leaf.name()));
        Err(error.expected(match leaf.rule_type.takes {
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
    fn after_condition(&mut self, leaf: &mut Leaf, constants: &Constants) -> Result<Labels> {
        let mut labels = Labels::new();
        loop {
            let start = self.peek().start;
            if self.take("where") {
                self.filter(leaf, start)?;
            } else if self.take("labels") {
                labels.extend(self.labels()?);
            } else if self.take("with") {
                self.tag(leaf, start, constants)?;
            } else {
                return Ok(labels);
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

    fn tag(&mut self, leaf: &mut Leaf, start: usize, constants: &Constants) -> Result<()> {
        let name = self.next();
        if name.kind != Kind::Word {
            return Err(self
                .error_at(name.start, "`with` is followed by no name")
                .expected("`threshold` or a tag's name"));
        }
        if name.text.eq_ignore_ascii_case("threshold") {
            return self.threshold(leaf, start, constants);
        }
        self.require("=")?;
        let value = self.next();
        if !matches!(value.kind, Kind::Text | Kind::Number) {
            return Err(self.error_at(value.start, "the tag has no value").expected("a string or a number"));
        }
        leaf.tags.insert(name.text.to_owned(), strip_quotes(value.text).to_owned());
        Ok(())
    }

    fn threshold(&mut self, leaf: &mut Leaf, start: usize, constants: &Constants) -> Result<()> {
        if !leaf.rule_type.threshold {
            return Err(self.error_at(start, format!("`{}` takes no threshold", leaf.name())));
        }
        let Some(Condition::Number(condition)) = self.condition(Takes::Number, constants)? else {
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

fn is_name(word: &str) -> bool {
    let reserved = ["and", "AND", "or", "OR", "of", "OF"].contains(&word) || AFTER_PARAMETERS.contains(&word);
    !reserved && RuleType::find(word).is_none()
}

fn single(mut nodes: Vec<Node>, combine: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.swap_remove(0),
        _ => combine(nodes),
    }
}

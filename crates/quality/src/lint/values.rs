//! Conditions that can never hold, that always hold, or that exclude each other.

use std::collections::BTreeMap;

use super::domain::{Domain, numbers, plain};
use super::{Findings, code};
use crate::ast::{Leaf, Node, Rule};
use crate::condition::{Comparison, Condition, DateOperand, NumberCondition, NumberOperand, Operator, TextOperand};
use crate::print;

/// A rule that must hold, and what it compares.
type Demand<'a> = (&'a Leaf, &'a Rule, Comparison<f64>);
/// What two rules must have in common to exclude each other: type, parameters, `where`.
type Measured<'a> = (&'a str, &'a [String], Option<&'a str>);

impl Findings<'_> {
    pub(super) fn of_values(&mut self) {
        for leaf in self.ruleset.rules().iter().flat_map(|rule| rule.node.leaves()) {
            self.of_condition(leaf);
            self.of_threshold(leaf);
        }
        self.contradictions();
    }

    fn domain(&self, leaf: &Leaf) -> Domain {
        let field = self.schema.and_then(|schema| schema.field_with_name(leaf.column()).ok());
        Domain::of(leaf, field.is_some_and(|field| field.data_type().is_integer()))
    }

    fn of_condition(&mut self, leaf: &Leaf) {
        let Some(condition) = &leaf.condition else { return };
        let text = print::condition_text(condition);
        if compares_null(condition) {
            let fix = "`= NULL` or `!= NULL`, or another value";
            self.warn(leaf.start, &code::NULL_COMPARISON, format!("`{text}` compares with NULL"), fix);
            return;
        }
        if repeats(condition) {
            self.warn(
                leaf.start,
                &code::DUPLICATE_VALUE,
                format!("`{text}` lists a value twice"),
                "delete one of them",
            );
        }
        let Some(comparison) = plain(condition) else { return };
        let (can_hold, always_holds) = self.domain(leaf).verdict(&[&comparison]);
        self.warn_of_verdict(leaf, &text, can_hold, always_holds);
        if let (Comparison::Between(..), true) = (&comparison, can_hold) {
            self.between(leaf, condition, &text);
        }
    }

    fn warn_of_verdict(&mut self, leaf: &Leaf, text: &str, can_hold: bool, always_holds: bool) {
        if !can_hold {
            let fix = "other bounds; `>= A` and `<= B` in two rules take both ends in";
            self.warn(leaf.start, &code::NEVER_HOLDS, format!("`{} … {text}` can never hold", leaf.name()), fix);
        } else if always_holds {
            let what = format!("`{} … {text}` always holds", leaf.name());
            self.warn(leaf.start, &code::ALWAYS_HOLDS, what, "another bound, or no such rule");
        }
    }

    fn between(&mut self, leaf: &Leaf, condition: &Condition, text: &str) {
        let Some((low, high)) = ends(condition) else { return };
        let (what, fix) = if text.starts_with("not") {
            (
                format!("`{text}` holds at {low} and at {high}"),
                format!("two rules, `< {low}` or `> {high}`, if they are not to hold there"),
            )
        } else {
            (
                format!("`{text}` does not hold at {low} and at {high}"),
                format!("two rules, `>= {low}` and `<= {high}`, if they are to hold there"),
            )
        };
        self.warn(leaf.start, &code::EXCLUSIVE_BETWEEN, what, fix);
    }

    fn of_threshold(&mut self, leaf: &Leaf) {
        let Some(threshold) = &leaf.threshold else { return };
        let text = print::number_condition(threshold);
        let Some(comparison) = numbers(threshold) else { return };
        let (can_hold, always_holds) = Domain::of_threshold().verdict(&[&comparison]);
        self.warn_of_verdict(leaf, &format!("with threshold {text}"), can_hold, always_holds);
    }

    /// Rules that must hold together, of one measured value.
    fn contradictions(&mut self) {
        let mut groups: BTreeMap<Measured<'_>, Vec<Demand<'_>>> = BTreeMap::new();
        for rule in self.ruleset.rules() {
            for leaf in required(&rule.node) {
                let comparison = leaf.condition.as_ref().and_then(plain).filter(|_| leaf.threshold.is_none());
                let Some(comparison) = comparison.filter(|c| self.domain(leaf).verdict(&[c]).0) else { continue };
                let key = (leaf.name(), leaf.parameters.as_slice(), leaf.filter.as_deref());
                groups.entry(key).or_default().push((leaf, rule, comparison));
            }
        }
        for group in groups.into_values() {
            let Some((first, first_rule, _)) = group.first() else { continue };
            let dated = |leaf: &Leaf| matches!(leaf.condition, Some(Condition::Date(_)));
            if group.iter().any(|(leaf, ..)| dated(leaf)) {
                continue;
            }
            let comparisons: Vec<&Comparison<f64>> = group.iter().map(|(.., comparison)| comparison).collect();
            if self.domain(first).verdict(&comparisons).0 {
                continue;
            }
            if let Some((last, ..)) = group.last() {
                let what = format!("this rule and the one of line {} cannot both hold", first_rule.line());
                self.warn(last.start, &code::CONTRADICTION, what, "bounds that leave room for a value");
            }
        }
    }
}

/// Leaves that must hold for the node to hold.
fn required(node: &Node) -> Vec<&Leaf> {
    match node {
        Node::Leaf(leaf) => vec![leaf],
        Node::And(nodes) => nodes.iter().flat_map(required).collect(),
        Node::Or(_) => Vec::new(),
    }
}

fn ends(condition: &Condition) -> Option<(String, String)> {
    let text = print::condition_text(condition);
    let (low, high) = text.split_once("between ")?.1.split_once(" and ")?;
    Some((low.to_owned(), high.to_owned()))
}

/// `> NULL`, `between NULL and 1`
fn compares_null(condition: &Condition) -> bool {
    fn orders<T>(comparison: &Comparison<T>, is_null: impl Fn(&T) -> bool) -> bool {
        let ordered = match comparison {
            Comparison::Compare(operator, _) => !matches!(operator, Operator::Equal | Operator::NotEqual),
            Comparison::Between(..) => true,
            Comparison::In(..) => false,
        };
        ordered && comparison.operands().into_iter().any(is_null)
    }
    match condition {
        Condition::Number(NumberCondition { comparison }) => orders(comparison, |o| *o == NumberOperand::Null),
        Condition::Date(comparison) => orders(comparison, |o| *o == DateOperand::Null),
        _ => false,
    }
}

/// Whether a list has a value twice.
fn repeats(condition: &Condition) -> bool {
    fn twice<T: PartialEq>(comparison: &Comparison<T>, key: impl Fn(&T) -> String) -> bool {
        let Comparison::In(operands, _) = comparison else { return false };
        let mut keys: Vec<String> = operands.iter().map(key).collect();
        keys.sort();
        keys.windows(2).any(|pair| pair.first() == pair.last())
    }
    match condition {
        Condition::Number(number) => twice(&number.comparison, |operand| match operand {
            NumberOperand::Number(number) => number.value.to_string(),
            other => format!("{other:?}"),
        }),
        Condition::Text(texts) => twice(texts, |operand| match operand {
            TextOperand::Text(text) => format!("\"{text}"),
            other => format!("{other:?}"),
        }),
        Condition::Date(dates) => twice(dates, |date| match date {
            DateOperand::Now(offset) => offset.value().to_string(),
            other => format!("{other:?}"),
        }),
        Condition::Duration(amounts) | Condition::Size(amounts) => twice(amounts, |amount| amount.value().to_string()),
        Condition::Matches(..) => false,
    }
}

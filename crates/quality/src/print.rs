//! Rules in canonical form: the text that parses back to the same rule.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::ast::{Leaf, Node};
use crate::condition::{Amount, Comparison, Condition, DateOperand, NumberCondition, NumberOperand, TextOperand, Unit};
use crate::parser::looks_dated;

pub(crate) fn node(node: &Node) -> String {
    match node {
        Node::Leaf(leaf) => leaf_text(leaf),
        Node::And(nodes) => combined(nodes, " AND "),
        Node::Or(nodes) => combined(nodes, " OR "),
    }
}

fn combined(nodes: &[Node], word: &str) -> String {
    nodes.iter().map(|n| format!("({})", node(n))).collect::<Vec<_>>().join(word)
}

pub(crate) fn leaf_text(leaf: &Leaf) -> String {
    let mut out = named(leaf.name(), &leaf.parameters);
    if let Some(condition) = &leaf.condition {
        out.push(' ');
        out.push_str(&condition_text(condition));
    }
    if let Some(filter) = &leaf.filter {
        let _ = write!(out, " where \"{filter}\"");
    }
    if let Some(threshold) = &leaf.threshold {
        let _ = write!(out, " with threshold {}", number_condition(threshold));
    }
    tags(&mut out, &leaf.tags);
    out
}

pub(crate) fn analyzer(name: &str, parameters: &[String], own: &BTreeMap<String, String>) -> String {
    let mut out = named(name, parameters);
    tags(&mut out, own);
    out
}

fn named(name: &str, parameters: &[String]) -> String {
    let mut out = name.to_owned();
    for parameter in parameters {
        let _ = write!(out, " \"{parameter}\"");
    }
    out
}

fn tags(out: &mut String, tags: &BTreeMap<String, String>) {
    for (name, value) in tags {
        let _ = write!(out, " with {name} = \"{value}\"");
    }
}

pub(crate) fn number_condition(number: &NumberCondition) -> String {
    comparison(&number.comparison, number_text)
}

pub(crate) fn condition_text(condition: &Condition) -> String {
    match condition {
        Condition::Number(number) => number_condition(number),
        Condition::Text(text) => comparison_in_list(text),
        Condition::Matches(pattern, negated) => format!("{}matches \"{pattern}\"", if *negated { "not " } else { "" }),
        Condition::Date(date) => comparison(date, date_text),
        Condition::Duration(amounts) | Condition::Size(amounts) => comparison(amounts, |a| amount(a.count, a.unit)),
    }
}

fn comparison<T>(comparison: &Comparison<T>, each: impl Fn(&T) -> String) -> String {
    match comparison {
        Comparison::Compare(operator, operand) => format!("{} {}", operator.as_str(), each(operand)),
        Comparison::Between(low, high, negated) => {
            format!("{}between {} and {}", if *negated { "not " } else { "" }, each(low), each(high))
        }
        Comparison::In(operands, negated) => {
            let listed = operands.iter().map(each).collect::<Vec<_>>().join(",");
            format!("{}in [{listed}]", if *negated { "not " } else { "" })
        }
    }
}

/// Members of a list lose a level of backslashes when they are read, so they get one here; one keeps a text from being a date.
fn comparison_in_list(texts: &Comparison<TextOperand>) -> String {
    let escape = matches!(texts, Comparison::In(..));
    comparison(texts, |operand| match operand {
        TextOperand::Text(text) if escape && looks_dated(text) => format!("\"\\{text}\""),
        TextOperand::Text(text) if escape => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        TextOperand::Text(text) => format!("\"{text}\""),
        TextOperand::Null => "NULL".to_owned(),
        TextOperand::Empty => "EMPTY".to_owned(),
        TextOperand::WhitespacesOnly => "WHITESPACES_ONLY".to_owned(),
    })
}

fn number_text(operand: &NumberOperand) -> String {
    match operand {
        NumberOperand::Number(number) => number.text.clone(),
        NumberOperand::Null => "NULL".to_owned(),
        NumberOperand::Dynamic(dynamic) => dynamic.text.clone(),
    }
}

fn date_text(operand: &DateOperand) -> String {
    match operand {
        DateOperand::Null => "NULL".to_owned(),
        DateOperand::Date(date) => format!("\"{}\"", date.format("%Y-%m-%d")),
        DateOperand::Time(time) => format!("\"{}\"", time.format("%H:%M")),
        DateOperand::Now(Amount { count: 0, .. }) => "now()".to_owned(),
        DateOperand::Now(Amount { count, unit }) => {
            format!("(now() {} {})", if *count < 0 { '-' } else { '+' }, amount(count.saturating_abs(), *unit))
        }
    }
}

/// As it was written: in the unit that people chose, of which Glue shows the rule as well.
fn amount(count: i64, unit: Unit) -> String {
    format!("{count} {}", unit.name).trim_end().to_owned()
}

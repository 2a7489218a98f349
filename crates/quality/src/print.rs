//! Rules in canonical form: the text that parses back to the same rule.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::ast::{Leaf, Node};
use crate::condition::{Comparison, Condition, DateOperand, NumberCondition, NumberOperand, TextOperand};
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
        Condition::Duration(minutes) => comparison(minutes, |m| duration(*m)),
        Condition::Size(bytes) => comparison(bytes, |b| size(*b)),
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
        DateOperand::Now(0) => "now()".to_owned(),
        DateOperand::Now(minutes) => {
            format!("(now() {} {})", if *minutes < 0 { '-' } else { '+' }, duration(minutes.saturating_abs()))
        }
    }
}

/// In the largest unit that is whole; a day is 24 hours, as people write it.
fn duration(minutes: i64) -> String {
    match minutes {
        m if m % (24 * 60) == 0 && m > 24 * 60 => format!("{} days", m / (24 * 60)),
        m if m % 60 == 0 && m != 0 => format!("{} hours", m / 60),
        m => format!("{m} minutes"),
    }
}

/// In the largest unit that is whole: Glue's amounts have 32 bits.
fn size(bytes: i64) -> String {
    let power = if bytes == 0 { 0 } else { (bytes.trailing_zeros() / 10).min(4) };
    let unit = ["B", "KB", "MB", "GB", "TB"].get(power as usize).copied().unwrap_or("B");
    format!("{} {unit}", bytes >> (10 * power))
}

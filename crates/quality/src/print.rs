//! Rules in canonical form: the text that parses back to the same rule.

use std::fmt::Write as _;

use crate::ast::{Leaf, Node};
use crate::condition::{Comparison, Condition, DateOperand, NumberOperand, TextOperand};

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
    let mut out = leaf.name().to_owned();
    for parameter in &leaf.parameters {
        let _ = write!(out, " \"{parameter}\"");
    }
    if let Some(condition) = &leaf.condition {
        out.push(' ');
        out.push_str(&condition_text(condition));
    }
    if let Some(filter) = &leaf.filter {
        let _ = write!(out, " where \"{filter}\"");
    }
    if let Some(threshold) = &leaf.threshold {
        let _ = write!(out, " with threshold {}", comparison(&threshold.comparison, number_text));
    }
    for (name, value) in &leaf.tags {
        let _ = write!(out, " with {name} = \"{value}\"");
    }
    out
}

fn condition_text(condition: &Condition) -> String {
    match condition {
        Condition::Number(number) => comparison(&number.comparison, number_text),
        Condition::Text(text) => comparison_in_list(text),
        Condition::Matches(pattern, negated) => format!("{}matches \"{pattern}\"", if *negated { "not " } else { "" }),
        Condition::Date(date) => comparison(date, date_text),
        Condition::Duration(minutes) => comparison(minutes, |m| format!("{m} minutes")),
        Condition::Size(bytes) => comparison(bytes, |b| format!("{b} B")),
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

/// Members of a list lose a level of backslashes when they are read, so they get one here.
fn comparison_in_list(texts: &Comparison<TextOperand>) -> String {
    let escape = matches!(texts, Comparison::In(..));
    comparison(texts, |operand| match operand {
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
        NumberOperand::Dynamic(text) => text.clone(),
    }
}

fn date_text(operand: &DateOperand) -> String {
    match operand {
        DateOperand::Null => "NULL".to_owned(),
        DateOperand::Date(date) => format!("\"{}\"", date.format("%Y-%m-%d")),
        DateOperand::Time(time) => format!("\"{}\"", time.format("%H:%M")),
        DateOperand::Now(0) => "now()".to_owned(),
        DateOperand::Now(minutes) => {
            format!("(now() {} {} minutes)", if *minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs())
        }
    }
}

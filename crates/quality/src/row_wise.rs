//! Combinations that are judged row by row: Glue's option `compositeRuleEvaluation.method = ROW`.

use lakegate_contract::{Error, Result};

use crate::ast::{Leaf, Node};
use crate::outcome::RuleResult;
use crate::row::is_row_leaf;
use crate::row_keys::is_key_leaf;

/// A combination in which the rules without a truth for single rows have their truth over the dataset.
#[derive(Debug, PartialEq)]
pub(crate) enum RowWise {
    /// It does not depend on the row.
    Constant(bool),
    /// What is left to ask of each row.
    Rows(Node),
}

/// Refuses what cannot stand in a combination that is judged row by row.
///
/// # Errors
/// For the rule types that AWS excludes
/// (<https://docs.aws.amazon.com/glue/latest/dg/dqdl.html#dqdl-syntax-composite-rules>), and for thresholds, which are shares of the
/// dataset.
pub(crate) fn refuse_dataset_rules(node: &Node) -> Result<()> {
    for leaf in node.leaves() {
        let excluded = match leaf.name() {
            "Completeness" | "Uniqueness" | "DatasetMatch" | "ReferentialIntegrity" => true,
            _ => leaf.threshold.is_some(),
        };
        if excluded {
            return Err(Error::usage(format!("`{}` cannot be judged row by row in a combination", leaf.name()))
                .help("make it a rule of its own, or judge combinations over the dataset"));
        }
    }
    Ok(())
}

/// Whether every rule of it has a truth for single rows that the rows alone decide.
pub(crate) fn is_of_rows(node: &Node) -> bool {
    node.leaves().into_iter().all(is_row_leaf)
}

/// Whether a rule of a combination is judged row by row.
pub(crate) fn has_truth_for_rows(leaf: &Leaf) -> bool {
    is_row_leaf(leaf) || is_key_leaf(leaf)
}

/// Puts the results of the rules over the dataset in their places. `results` are those of all leaves in order; those of row rules are
/// not looked at. `None` when such a rule could not be judged.
pub(crate) fn resolved(node: &Node, results: &mut impl Iterator<Item = RuleResult>) -> Option<RowWise> {
    let (nodes, neutral) = match node {
        Node::Leaf(leaf) => return leaf_truth(leaf, results.next()?),
        Node::And(nodes) => (nodes, true),
        Node::Or(nodes) => (nodes, false),
    };
    // All of them, also when the first decides: each takes its results.
    let parts = nodes.iter().map(|node| resolved(node, results)).collect::<Vec<_>>();
    let mut rows = Vec::new();
    let mut decided = false;
    for part in parts {
        match part? {
            RowWise::Constant(truth) => decided |= truth != neutral,
            RowWise::Rows(node) => rows.push(node),
        }
    }
    Some(match (decided, rows.len()) {
        (true, _) => RowWise::Constant(!neutral),
        (false, 0) => RowWise::Constant(neutral),
        (false, 1) => RowWise::Rows(rows.swap_remove(0)),
        (false, _) => RowWise::Rows(if neutral { Node::And(rows) } else { Node::Or(rows) }),
    })
}

fn leaf_truth(leaf: &Leaf, result: RuleResult) -> Option<RowWise> {
    if has_truth_for_rows(leaf) {
        return Some(RowWise::Rows(Node::Leaf(Box::new(leaf.clone()))));
    }
    match result {
        RuleResult::Pass => Some(RowWise::Constant(true)),
        RuleResult::Fail => Some(RowWise::Constant(false)),
        RuleResult::Error => None,
    }
}

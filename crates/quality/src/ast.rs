//! A parsed ruleset.

use std::collections::{BTreeMap, BTreeSet};

use crate::condition::{Condition, NumberCondition};
use crate::rule_type::RuleType;

/// A parsed ruleset.
#[derive(Debug, Clone)]
pub struct Ruleset {
    pub(crate) version: Option<String>,
    pub(crate) sources: DataSources,
    pub(crate) rules: Vec<Rule>,
    pub(crate) analyzers: Vec<Analyzer>,
    pub(crate) text: String,
    pub(crate) file: String,
}

impl Ruleset {
    /// The rules, in order; a composite rule is one.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The analyzers, in order: what is measured at every run and judges nothing.
    pub fn analyzers(&self) -> &[Analyzer] {
        &self.analyzers
    }

    /// The version that its `Metadata` states.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The name of the judged dataset, as its `DataSources` states it.
    pub fn primary_source(&self) -> Option<&str> {
        self.sources.primary.as_deref()
    }

    /// The names of the other datasets, as its `DataSources` lists them.
    pub fn additional_sources(&self) -> &[String] {
        &self.sources.additional
    }

    /// The text it was parsed from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The aliases of the other datasets that its rules name, those in statements of CustomSql included.
    pub fn references(&self) -> BTreeSet<String> {
        let leaves = || self.rules.iter().flat_map(|rule| rule.node.leaves());
        let stated = leaves().filter_map(Leaf::reference).map(|(alias, _)| alias);
        let statements = leaves().filter(|leaf| leaf.name() == "CustomSql");
        let queried = statements.flat_map(|leaf| crate::custom_sql::tables(leaf.column()));
        stated.chain(queried).filter(|alias| alias != "primary").collect()
    }
}

/// The label that says what a broken rule does to the gate, and its one value.
pub(crate) const GATE_LABEL: &str = "gate";
pub(crate) const WARN: &str = "warn";

impl Ruleset {
    /// Whether a rule says by itself that these columns are a primary key.
    pub fn has_primary_key(&self, columns: &[String]) -> bool {
        let mut columns: Vec<&String> = columns.iter().collect();
        columns.sort();
        self.rules.iter().any(|rule| match &rule.node {
            Node::Leaf(leaf) if leaf.name() == "IsPrimaryKey" && leaf.filter.is_none() => {
                let mut own: Vec<&String> = leaf.parameters.iter().collect();
                own.sort();
                own == columns
            }
            _ => false,
        })
    }
}

/// The datasets that a ruleset says it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DataSources {
    pub(crate) primary: Option<String>,
    pub(crate) additional: Vec<String>,
}

/// A statistic that is measured at every run: `Completeness "c"`, `AllStatistics "c"`, `Distribution "c" with bins = 20`.
#[derive(Debug, Clone)]
pub struct Analyzer {
    pub(crate) name: &'static str,
    pub(crate) parameters: Vec<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) start: usize,
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Analyzer {
    /// What is measured: a rule type's name, `AllStatistics` or `Distribution`.
    pub fn name(&self) -> &str {
        self.name
    }

    /// What it is measured of: mostly a column.
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// What follows `with`: `bins` and `rebin` of a distribution.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// The line on which it begins, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The analyzer in canonical form.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A rule as the ruleset lists it.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(crate) node: Node,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) text: String,
    pub(crate) start: usize,
    pub(crate) line: usize,
}

impl Rule {
    /// The rule in canonical form.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line on which it begins, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether its label `"gate"="warn"` says that breaking it is told and does not close the gate.
    pub fn only_warns(&self) -> bool {
        self.labels.get(GATE_LABEL).map(String::as_str) == Some(WARN)
    }

    /// Its labels, defaults included.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }
}

/// A rule or a combination of rules.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Leaf(Box<Leaf>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

impl Node {
    pub(crate) fn leaves(&self) -> Vec<&Leaf> {
        match self {
            Node::Leaf(leaf) => vec![leaf.as_ref()],
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().flat_map(Node::leaves).collect(),
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) rule_type: &'static RuleType,
    pub(crate) parameters: Vec<String>,
    pub(crate) condition: Option<Condition>,
    pub(crate) filter: Option<String>,
    pub(crate) threshold: Option<NumberCondition>,
    /// What follows `with`, but for the threshold; the members of a list are joined by commas.
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) start: usize,
}

impl Leaf {
    pub(crate) fn name(&self) -> &'static str {
        self.rule_type.name
    }

    /// The first parameter: mostly the column.
    pub(crate) fn column(&self) -> &str {
        self.parameters.first().map_or("", String::as_str)
    }

    /// The columns of the dataset that it names.
    pub(crate) fn columns(&self) -> Vec<String> {
        match self.name() {
            "RowCount" | "ColumnCount" | "CustomSql" | "ColumnNamesMatchPattern" => Vec::new(),
            "ReferentialIntegrity" => split_names(self.column()),
            "ColumnExists" => Vec::new(),
            _ => self.parameters.clone(),
        }
    }

    /// The alias of the other dataset of a `ReferentialIntegrity` rule, and its columns.
    pub(crate) fn reference(&self) -> Option<(String, Vec<String>)> {
        if self.name() != "ReferentialIntegrity" {
            return None;
        }
        let target = self.parameters.get(1)?;
        let (alias, columns) = match target.split_once(".{") {
            Some((alias, columns)) => (alias, columns.trim_end_matches('}')),
            None => target.rsplit_once('.')?,
        };
        Some((alias.to_owned(), split_names(columns)))
    }
}

fn split_names(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

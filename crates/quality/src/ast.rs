//! A parsed ruleset.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_contract::{Error, Result};

use crate::condition::{Condition, NumberCondition};
use crate::matching::{Aggregate, Pairs};
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
        let stated = leaves().flat_map(|leaf| leaf.references().unwrap_or_default()).map(|(alias, _)| alias);
        let statements = leaves().filter(|leaf| leaf.name() == "CustomSql");
        let queried = statements.flat_map(|leaf| crate::custom_sql::tables(leaf.column()));
        stated.chain(queried).filter(|alias| alias != "primary").collect()
    }
}

impl Ruleset {
    /// The paths that its rules about files name.
    pub fn file_paths(&self) -> BTreeSet<&str> {
        let leaves = self.rules.iter().flat_map(|rule| rule.node.leaves());
        leaves
            .filter(|leaf| crate::files::is_file_rule(leaf))
            .flat_map(|leaf| &leaf.parameters)
            .map(String::as_str)
            .collect()
    }

    /// Whether it has a rule about files.
    pub fn judges_files(&self) -> bool {
        self.rules.iter().flat_map(|rule| rule.node.leaves()).any(crate::files::is_file_rule)
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
    pub(crate) fn change_leaves(&mut self, change: &mut impl FnMut(&mut Leaf)) {
        match self {
            Node::Leaf(leaf) => change(leaf),
            Node::And(nodes) | Node::Or(nodes) => nodes.iter_mut().for_each(|node| node.change_leaves(change)),
        }
    }

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
            "RowCount"
            | "ColumnCount"
            | "CustomSql"
            | "ColumnNamesMatchPattern"
            | "ColumnExists"
            | "RowCountMatch"
            | "SchemaMatch"
            | "FileFreshness"
            | "FileSize"
            | "FileUniqueness"
            | "FileMatch"
            | "DetectAnomalies" => Vec::new(),
            "ReferentialIntegrity" => split_names(self.column()),
            "DatasetMatch" => self.parameters.iter().skip(1).flat_map(|text| Pairs::parse(text).own).collect(),
            "AggregateMatch" => {
                let own = self.aggregates().unwrap_or_default().into_iter().filter(|a| a.alias == "primary");
                own.map(|aggregate| aggregate.column).collect()
            }
            _ => self.parameters.clone(),
        }
    }

    /// The two aggregates of an `AggregateMatch` rule.
    ///
    /// # Errors
    /// When one is not `sum(…)` or `avg(…)` of a column.
    pub(crate) fn aggregates(&self) -> Result<Vec<Aggregate>> {
        self.parameters.iter().map(|text| Aggregate::parse(text)).collect()
    }

    /// The other datasets that it names by parameters, and the columns that it needs of each.
    ///
    /// # Errors
    /// When a parameter that must name a dataset does not.
    pub(crate) fn references(&self) -> Result<Vec<(String, Vec<String>)>> {
        Ok(match self.name() {
            "RowCountMatch" | "SchemaMatch" => vec![(self.column().to_owned(), Vec::new())],
            "DatasetMatch" => {
                let columns = self.parameters.iter().skip(1).flat_map(|text| Pairs::parse(text).theirs);
                vec![(self.column().to_owned(), columns.collect())]
            }
            "AggregateMatch" => {
                let others = self.aggregates()?.into_iter().filter(|aggregate| aggregate.alias != "primary");
                others.map(|aggregate| (aggregate.alias, vec![aggregate.column])).collect()
            }
            "ReferentialIntegrity" => vec![self.reference()?],
            _ => Vec::new(),
        })
    }

    /// The other dataset of a `ReferentialIntegrity` rule, and its columns.
    ///
    /// # Errors
    /// When the second parameter does not name them, or not as many as the first.
    pub(crate) fn reference(&self) -> Result<(String, Vec<String>)> {
        let target = self.parameters.get(1).map_or("", String::as_str);
        let (alias, columns) = match target.split_once(".{") {
            Some((alias, columns)) => (alias, columns.trim_end_matches('}')),
            None => target.rsplit_once('.').ok_or_else(|| {
                Error::usage("the second parameter names no dataset").expected("\"alias.column\" or \"alias.{a,b}\"")
            })?,
        };
        let columns = split_names(columns);
        if columns.len() != split_names(self.column()).len() {
            return Err(Error::usage("the two sides have different numbers of columns"));
        }
        Ok((alias.to_owned(), columns))
    }
}

fn split_names(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

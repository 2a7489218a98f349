//! What single rules, and the ruleset as a whole, say.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use lakegate_contract::{suggest, type_name};

use super::pattern::has_bare_alternatives;
use super::{Findings, code};
use crate::ast::{GATE_LABEL, Leaf, WARN};
use crate::condition::{Comparison, Condition, NumberOperand, Operator};
use crate::lexer::Kind;
use crate::print;

/// Tags that some rule type reads, as AWS documents them, and `ignoreCase` and `dataFrame` of the open parser's tests.
const TAGS: [&str; 11] = [
    "timeZone",
    "format",
    "recentFiles",
    "uriRegex",
    "filterOrder",
    "failFast",
    "hashAlgorithm",
    "matchFileName",
    "ignoreCase",
    "dataFrame",
    "threshold",
];

/// Rule types that the open engine has and the open grammar has not.
const OUTSIDE: [&str; 6] = ["Range", "InterquartileRange", "Skewness", "Kurtosis", "ZerosCount", "DuplicateRowCount"];

impl Findings<'_> {
    pub(super) fn of_rules(&mut self) {
        self.duplicates();
        self.gate_labels();
        self.etl_only();
        for leaf in self.ruleset.rules().iter().flat_map(|rule| rule.node.leaves()) {
            self.names(leaf);
            self.tags(leaf);
            self.combinations(leaf);
            self.nulls(leaf);
            self.patterns(leaf);
        }
        for analyzer in self.ruleset.analyzers() {
            if analyzer.name() == "Distribution" {
                self.warn(
                    analyzer.start,
                    &code::OPEN_GRAMMAR,
                    "`Distribution` is an analyzer of Glue alone",
                    "no such analyzer where only that parser counts",
                );
            }
            self.columns(analyzer.start, analyzer.parameters());
        }
    }

    fn duplicates(&mut self) {
        let mut lines = BTreeMap::new();
        for rule in self.ruleset.rules() {
            let key = (rule.text(), rule.labels());
            match lines.get(&key) {
                Some(line) => {
                    let what = format!("the rule stands already on line {line}");
                    self.warn(rule.start, &code::DUPLICATE_RULE, what, "delete one of them");
                }
                None => {
                    lines.insert(key, rule.line());
                }
            }
        }
    }

    fn gate_labels(&mut self) {
        for rule in self.ruleset.rules() {
            if let Some(value) = rule.labels().get(GATE_LABEL).filter(|value| *value != WARN) {
                let what = format!("the label \"{GATE_LABEL}\" has the value \"{value}\"");
                let fix = format!("\"{GATE_LABEL}\"=\"{WARN}\", or no such label: then the rule closes the gate");
                self.warn(rule.start, &code::GATE_LABEL, what, fix);
            }
        }
    }

    /// One warning for each of the three, where it is first seen.
    fn etl_only(&mut self) {
        let fix = "no such part in rulesets that the Data Catalog runs";
        let label = |text: &str| matches!(text, "labels" | "DefaultLabels");
        let labels = self.tokens.iter().find(|token| token.kind == Kind::Word && label(token.text));
        if let Some(at) = labels.map(|token| token.start) {
            self.warn(at, &code::ETL_ONLY, "the ruleset has labels", fix);
        }
        if let Some(at) = self.ruleset.analyzers().first().map(|analyzer| analyzer.start) {
            self.warn(at, &code::ETL_ONLY, "the ruleset has analyzers", fix);
        }
        let leaves = self.ruleset.rules().iter().flat_map(|rule| rule.node.leaves());
        if let Some(at) = leaves.into_iter().find(|leaf| is_dynamic(leaf)).map(|leaf| leaf.start) {
            self.warn(at, &code::ETL_ONLY, "the rule asks for the metrics of earlier runs", fix);
        }
    }

    fn names(&mut self, leaf: &Leaf) {
        if OUTSIDE.contains(&leaf.name()) {
            let what = format!("`{}` is a rule type of the open engine alone", leaf.name());
            self.warn(leaf.start, &code::OPEN_GRAMMAR, what, "a CustomSql rule, where Glue is to run it");
        }
        self.columns(leaf.start, &leaf.columns());
    }

    fn columns(&mut self, at: usize, columns: &[String]) {
        for column in columns.iter().filter(|column| column.contains('.') && !column.contains('/')) {
            let what = format!("the column \"{column}\" has a point in its name");
            self.warn(at, &code::DOTTED_COLUMN, what, "another name for the column");
        }
    }

    fn tags(&mut self, leaf: &Leaf) {
        for (tag, value) in &leaf.tags {
            if tag.eq_ignore_ascii_case("threshold") {
                let what = format!("the threshold \"{value}\" stands in quotes");
                self.warn(leaf.start, &code::QUOTED_THRESHOLD, what, format!("`with threshold = {value}`"));
            } else if !TAGS.contains(&tag.as_str()) {
                let near = TAGS.into_iter().find(|t| t.eq_ignore_ascii_case(tag)).or_else(|| suggest(tag, TAGS));
                let fix = match near {
                    Some(near) => format!("`{near}`, if that was meant"),
                    None => format!("one of {}", TAGS.join(", ")),
                };
                self.warn(leaf.start, &code::UNKNOWN_TAG, format!("the tag `{tag}` is not known"), fix);
            }
        }
    }

    fn combinations(&mut self, leaf: &Leaf) {
        if leaf.name() == "CustomSql" && leaf.condition.is_some() && leaf.threshold.is_some() {
            let fix = "a condition over the statement's number, or a threshold over the rows that it gives";
            self.warn(leaf.start, &code::CONDITION_AND_THRESHOLD, "the rule has a condition and a threshold", fix);
        }
        if let Some(Condition::Duration(comparison)) = &leaf.condition
            && matches!(comparison, Comparison::Compare(Operator::Equal | Operator::NotEqual, _) | Comparison::In(..))
        {
            self.warn(leaf.start, &code::FRESHNESS_EQUALITY, "the age is compared for equality", "`<=` or `between`");
        }
        let dated = matches!(leaf.condition, Some(Condition::Date(_))) && leaf.name() == "ColumnValues";
        if dated && let Some(data_type) = self.data_type(leaf).filter(is_text) {
            let what =
                format!("column `{}` is of type {}, and the rule compares dates", leaf.column(), type_name(&data_type));
            let fix = "`matches`, or a list whose first character has a backslash, to compare texts";
            self.warn(leaf.start, &code::DATE_ON_TEXT, what, fix);
        }
    }

    fn data_type(&self, leaf: &Leaf) -> Option<DataType> {
        let field = self.schema.and_then(|schema| schema.field_with_name(leaf.column()).ok());
        field.map(|field| field.data_type().clone())
    }

    /// Rules for which NULL counts, of columns that may hold it.
    fn nulls(&mut self, leaf: &Leaf) {
        let code = match leaf.name() {
            "ColumnLength" => &code::NULL_LENGTH,
            "DistinctValuesCount" => &code::NULL_DISTINCT,
            _ => return,
        };
        let column = leaf.column();
        let field = self.schema.and_then(|schema| schema.field_with_name(column).ok());
        let filtered = leaf.filter.as_ref().is_some_and(|filter| filter.to_lowercase().contains("not null"));
        let leaves = || self.ruleset.rules().iter().flat_map(|rule| rule.node.leaves());
        let complete = leaves().any(|other| {
            matches!(other.name(), "IsComplete" | "IsPrimaryKey")
                && other.filter.is_none()
                && other.parameters.iter().any(|c| c == column)
        });
        if complete || filtered || field.is_some_and(|field| !field.is_nullable()) {
            return;
        }
        let what = format!("column \"{column}\" may hold NULL");
        self.warn(
            leaf.start,
            code,
            what,
            format!("`IsComplete \"{column}\"` beside it, or `where \"{column} is not null\"`"),
        );
    }

    fn patterns(&mut self, leaf: &Leaf) {
        let Some(Condition::Matches(pattern, negated)) = &leaf.condition else { return };
        let text = print::condition_text(&Condition::Matches(pattern.clone(), *negated));
        if *negated {
            let what = format!("`{text}` refuses values that match as a whole");
            self.warn(leaf.start, &code::PATTERN_NEGATED, what, "a pattern that ends in `$`");
        } else if has_bare_alternatives(pattern) {
            let what = format!("`{text}` has alternatives outside of a group");
            self.warn(leaf.start, &code::PATTERN_ALTERNATIVES, what, format!("`matches \"({pattern})\"`"));
        }
    }
}

fn is_dynamic(leaf: &Leaf) -> bool {
    let Some(Condition::Number(number)) = &leaf.condition else { return false };
    number.comparison.operands().into_iter().any(|operand| matches!(operand, NumberOperand::Dynamic(_)))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

//! The parts of a ruleset document.

use std::collections::BTreeMap;

use lakegate_contract::Result;

use super::{Cursor, MAX_RULES};
use crate::ast::{Rule, Ruleset};
use crate::lexer::{Kind, line_of};
use crate::print;
use crate::rule_type::RuleType;

/// Named strings or lists of strings.
pub(super) type Constants = BTreeMap<String, Vec<String>>;

/// Most labels of a rule, defaults included, and their lengths:
/// <https://docs.aws.amazon.com/glue/latest/dg/dqdl.html#dqdl-syntax-labels>.
const MAX_LABELS: usize = 10;
const MAX_LABEL_KEY: usize = 128;
const MAX_LABEL_VALUE: usize = 256;

impl Cursor<'_> {
    pub(super) fn document(mut self) -> Result<Ruleset> {
        if self.take("Metadata") {
            self.require("=")?;
            self.dictionary(&["Version"])?;
        }
        if self.take("DataSources") {
            self.require("=")?;
            self.dictionary(&["Primary", "AdditionalDataSources"])?;
        }
        let constants = self.constants()?;
        let defaults = if self.take("DefaultLabels") { self.labels()? } else { BTreeMap::new() };
        let mut rules = Vec::new();
        let has_rules = self.take("Rules");
        if has_rules {
            self.require("=")?;
            rules = self.rules(&constants, &defaults)?;
        }
        let has_analyzers = self.take("Analyzers");
        if has_analyzers {
            self.require("=")?;
            self.analyzers()?;
        }
        if !has_rules && !has_analyzers {
            let error = self.unexpected("`Rules = [ … ]`");
            return Err(self.hint(error, &["Rules", "Analyzers", "DefaultLabels", "Metadata", "DataSources"]));
        }
        if self.peek().kind != Kind::End {
            return Err(self.unexpected("the end of the ruleset"));
        }
        if rules.is_empty() && !has_analyzers {
            return Err(self.error_at(0, "the ruleset has no rule").expected("at least one rule"));
        }
        Ok(Ruleset { rules, text: self.text.to_owned(), file: self.file.to_owned() })
    }

    fn dictionary(&mut self, keys: &[&str]) -> Result<()> {
        self.require("{")?;
        loop {
            let start = self.peek().start;
            let key = self.quoted("a key")?;
            if !keys.contains(&key.as_str()) {
                return Err(self
                    .error_at(start, format!("unknown key \"{key}\""))
                    .expected(format!("one of {}", keys.join(", "))));
            }
            self.require(":")?;
            self.strings()?;
            if !self.take(",") {
                break;
            }
        }
        self.require("}")
    }

    /// A string, or a list of strings.
    fn strings(&mut self) -> Result<Vec<String>> {
        if !self.take("[") {
            return Ok(vec![self.quoted("a string")?]);
        }
        let mut strings = vec![self.quoted("a string")?];
        while self.take(",") {
            strings.push(self.quoted("a string")?);
        }
        self.require("]")?;
        Ok(strings)
    }

    fn constants(&mut self) -> Result<Constants> {
        let mut constants = Constants::new();
        while self.peek().kind == Kind::Word
            && self.peek_at(1).text == "="
            && !matches!(self.peek().text, "Rules" | "Analyzers" | "DefaultLabels")
        {
            let near_rules = self.peek_at(2).text == "[" && self.peek_at(3).kind == Kind::Word;
            if near_rules {
                let error = self.unexpected("`Rules = [ … ]`");
                return Err(self.hint(error, &["Rules", "Analyzers", "DefaultLabels"]));
            }
            let name = self.next();
            self.require("=")?;
            let values = self.strings()?;
            if constants.insert(name.text.to_owned(), values).is_some() {
                return Err(self.error_at(name.start, format!("constant `{}` is defined twice", name.text)));
            }
        }
        Ok(constants)
    }

    fn rules(&mut self, constants: &Constants, defaults: &BTreeMap<String, String>) -> Result<Vec<Rule>> {
        self.require("[")?;
        let mut rules = Vec::new();
        if self.take("]") {
            return Ok(rules);
        }
        loop {
            let start = self.peek().start;
            let (node, own) = self.node(constants)?;
            let labels: BTreeMap<String, String> = defaults.clone().into_iter().chain(own).collect();
            if labels.len() > MAX_LABELS {
                return Err(self
                    .error_at(start, format!("the rule has {} labels", labels.len()))
                    .expected("at most 10, defaults included"));
            }
            let text = print::node(&node);
            rules.push(Rule { node, labels, text, start, line: line_of(self.text, start) });
            if rules.len() > MAX_RULES {
                return Err(self.error_at(start, format!("there are more than {MAX_RULES} rules")));
            }
            if !self.take(",") {
                break;
            }
        }
        if !self.take("]") {
            return Err(
                self.unexpected("`,` and another rule, `]`, `and`, `or`, a condition, `where`, `labels` or `with`")
            );
        }
        Ok(rules)
    }

    /// `=["key"="value", …]`
    pub(super) fn labels(&mut self) -> Result<BTreeMap<String, String>> {
        self.require("=")?;
        self.require("[")?;
        let mut labels = BTreeMap::new();
        loop {
            let start = self.peek().start;
            let key = self.quoted("a label's key")?;
            self.require("=")?;
            let value = self.quoted("a label's value")?;
            if !(1..=MAX_LABEL_KEY).contains(&key.chars().count()) || value.chars().count() > MAX_LABEL_VALUE {
                return Err(self
                    .error_at(start, "the label is too long or its key is empty")
                    .expected("a key of 1 to 128 and a value of at most 256 characters"));
            }
            if labels.insert(key.clone(), value).is_some() {
                return Err(self.error_at(start, format!("label \"{key}\" is given twice")));
            }
            if !self.take(",") {
                break;
            }
        }
        self.require("]")?;
        Ok(labels)
    }

    /// Analyzers are read for their form; they measure and judge nothing.
    fn analyzers(&mut self) -> Result<()> {
        self.require("[")?;
        while !self.is("]") {
            let known = RuleType::find(self.peek().text).is_some()
                || matches!(self.peek().text, "AllStatistics" | "Distribution");
            if !known {
                return Err(self.unexpected("an analyzer, such as `RowCount` or `Completeness \"column\"`"));
            }
            self.next();
            while self.peek().kind == Kind::Text
                || (self.peek().kind == Kind::Word && RuleType::find(self.peek().text).is_none())
            {
                self.next();
            }
            if !self.take(",") {
                break;
            }
        }
        self.require("]")
    }
}

//! The parts of a ruleset document.

use std::collections::BTreeMap;

use lakegate_contract::{Error, Result};

use super::literal::{looks_dated, unescape};
use super::{Constant, Cursor, MAX_RULES, Part};
use crate::ast::{DataSources, Rule, Ruleset};
use crate::lexer::Kind;
use crate::print;
use crate::rule_type::RESERVED;

/// Most labels of a rule, defaults included, and their lengths:
/// <https://docs.aws.amazon.com/glue/latest/dg/dqdl.html#dqdl-syntax-labels>.
const MAX_LABELS: usize = 10;
const MAX_LABEL_KEY: usize = 128;
const MAX_LABEL_VALUE: usize = 256;

const SECTIONS: [&str; 5] = ["Rules", "Analyzers", "DefaultLabels", "Metadata", "DataSources"];

/// Labels, by their keys.
pub(super) type Labels = BTreeMap<String, String>;

impl Cursor<'_> {
    pub(super) fn document(&mut self) -> Result<Ruleset> {
        let version = self.metadata()?;
        let sources = self.data_sources()?;
        self.constants()?;
        let start = self.at;
        let defaults = if self.take("DefaultLabels") { self.labels()? } else { Labels::new() };
        if self.at > start {
            self.mark(Part::Header, start);
        }
        let mut rules = Vec::new();
        let start = self.at;
        let has_rules = self.take("Rules");
        if has_rules {
            self.require("=")?;
            rules = self.rules(&defaults)?;
            self.mark(Part::Section, start);
        }
        let start = self.at;
        let has_analyzers = self.take("Analyzers");
        let analyzers = if has_analyzers { self.analyzers()? } else { Vec::new() };
        if has_analyzers {
            self.mark(Part::Section, start);
        }
        if !has_rules && !has_analyzers {
            return Err(self.out_of_order("`Rules = [ … ]`"));
        }
        if self.peek().kind != Kind::End {
            return Err(self.out_of_order("the end of the ruleset"));
        }
        if rules.is_empty() && analyzers.is_empty() {
            return Err(self
                .error_at(0, "the ruleset has no rule")
                .expected("at least one rule or analyzer, such as `Rules = [ RowCount > 0 ]`"));
        }
        Ok(Ruleset { version, sources, rules, analyzers, text: self.text.to_owned(), file: self.file.to_owned() })
    }

    /// What stands here is no section, or one that belongs elsewhere.
    fn out_of_order(&self, expected: &str) -> Error {
        let error = self.unexpected(expected);
        if SECTIONS.iter().any(|section| self.is(section)) {
            return error
                .help("the order is Metadata, DataSources, constants, DefaultLabels, Rules, Analyzers, each once");
        }
        self.hint(error, &SECTIONS)
    }

    /// `Metadata = { "Version": "1.0" }`
    fn metadata(&mut self) -> Result<Option<String>> {
        let entries = self.dictionary("Metadata", &["Version"])?;
        match entries.into_iter().next() {
            None => Ok(None),
            Some((_, (_, Constant::Text(version)))) => Ok(Some(version)),
            Some((_, (start, Constant::List(_)))) => {
                Err(self.error_at(start, "\"Version\" is a list").expected("a string, such as \"1.0\""))
            }
        }
    }

    /// `DataSources = { "Primary": "orders", "AdditionalDataSources": ["users"] }`
    fn data_sources(&mut self) -> Result<DataSources> {
        let mut sources = DataSources::default();
        for (key, (start, value)) in self.dictionary("DataSources", &["Primary", "AdditionalDataSources"])? {
            match (key.as_str(), value) {
                ("Primary", Constant::Text(name)) => sources.primary = Some(name),
                ("Primary", _) => return Err(self.error_at(start, "\"Primary\" is a list").expected("one name")),
                (_, Constant::List(names)) => sources.additional = names,
                _ => {
                    return Err(self
                        .error_at(start, "\"AdditionalDataSources\" is no list")
                        .expected("names in brackets, such as [\"users\"]"));
                }
            }
        }
        Ok(sources)
    }

    /// `name = { "key": value, … }`: each value with the byte at which it begins.
    fn dictionary(&mut self, name: &str, keys: &[&str]) -> Result<BTreeMap<String, (usize, Constant)>> {
        let mut entries = BTreeMap::new();
        let from = self.at;
        if !self.take(name) {
            return Ok(entries);
        }
        self.require("=")?;
        self.require("{")?;
        loop {
            let start = self.peek().start;
            let key = self.quoted("a key")?;
            if !keys.contains(&key.as_str()) {
                return Err(self
                    .error_at(start, format!("unknown key \"{key}\" of {name}"))
                    .expected(format!("one of {}", keys.join(", "))));
            }
            self.require(":")?;
            let value = (self.peek().start, self.strings()?);
            if entries.insert(key.clone(), value).is_some() {
                return Err(self.error_at(start, format!("\"{key}\" is given twice")));
            }
            if !self.take(",") {
                break;
            }
        }
        self.require("}")?;
        self.mark(Part::Header, from);
        Ok(entries)
    }

    /// A string, or a list of strings.
    fn strings(&mut self) -> Result<Constant> {
        if !self.take("[") {
            return Ok(Constant::Text(self.quoted("a string")?));
        }
        let mut strings = vec![self.quoted("a string")?];
        while self.take(",") {
            strings.push(self.quoted("a string")?);
        }
        self.require("]")?;
        Ok(Constant::List(strings))
    }

    fn constants(&mut self) -> Result<()> {
        while self.peek().kind == Kind::Word && self.is_at(1, "=") && !SECTIONS.contains(&self.peek().text) {
            let near_rules = self.is_at(2, "[") && self.peek_at(3).kind != Kind::Text;
            if near_rules {
                return Err(self.out_of_order("`Rules = [ … ]`"));
            }
            self.constant_definition()?;
        }
        Ok(())
    }

    fn constant_definition(&mut self) -> Result<()> {
        let from = self.at;
        let name = self.next();
        if name.text.starts_with(['.', '_']) || RESERVED.contains(&name.text) {
            return Err(self
                .error_at(name.start, format!("`{}` cannot name a constant", name.text))
                .expected("a name that begins with a letter or a digit and is no word of the language"));
        }
        self.require("=")?;
        let first = self.at;
        let written = self.strings()?;
        self.refuse_values(first)?;
        let value = match written {
            Constant::Text(text) => Constant::Text(text),
            Constant::List(texts) => Constant::List(texts.iter().map(|text| unescape(text)).collect()),
        };
        if self.constants.insert(name.text.to_owned(), value).is_some() {
            return Err(self.error_at(name.start, format!("constant `{}` is defined twice", name.text)));
        }
        self.mark(Part::Constant, from);
        Ok(())
    }

    /// Constants hold neither dates, which are no strings, nor other constants.
    fn refuse_values(&self, first: usize) -> Result<()> {
        for token in self.tokens.get(first..self.at).unwrap_or_default().iter().filter(|t| t.kind == Kind::Text) {
            if looks_dated(token.text) {
                return Err(self
                    .error_at(token.start, format!("{} is a date or a time, which a constant cannot hold", token.text))
                    .help("write the date where it is compared"));
            }
            if names_a_constant(token.text) {
                return Err(self
                    .error_at(token.start, "a constant's value names another constant")
                    .expected("no `$name` inside of the quotes: it would not be replaced"));
            }
        }
        Ok(())
    }

    fn rules(&mut self, defaults: &Labels) -> Result<Vec<Rule>> {
        self.require("[")?;
        let mut rules = Vec::new();
        if self.take("]") {
            return Ok(rules);
        }
        loop {
            rules.push(self.rule(defaults)?);
            if rules.len() > MAX_RULES {
                return Err(self.error_at(self.peek().start, format!("there are more than {MAX_RULES} rules")));
            }
            if !self.take(",") {
                break;
            }
        }
        if !self.take("]") {
            return Err(self.unexpected_after_rule("`,` and another rule, `]`"));
        }
        Ok(rules)
    }

    fn rule(&mut self, defaults: &Labels) -> Result<Rule> {
        let from = self.at;
        let start = self.peek().start;
        let (node, own) = self.node()?;
        self.mark(Part::Entry, from);
        // AWS counts a default that the rule overrides twice.
        let count = defaults.len() + own.len();
        if count > MAX_LABELS {
            return Err(self
                .error_at(start, format!("the rule has {count} labels"))
                .expected("at most 10, defaults included"));
        }
        let labels: Labels = defaults.clone().into_iter().chain(own).collect();
        let text = print::node(&node);
        Ok(Rule { node, labels, text, start, line: self.line(start) })
    }

    /// `=["key"="value", …]`
    pub(super) fn labels(&mut self) -> Result<Labels> {
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
            if labels.len() > MAX_LABELS {
                return Err(self.error_at(start, "there are more than 10 labels"));
            }
            if !self.take(",") {
                break;
            }
        }
        self.require("]")?;
        Ok(labels)
    }
}

/// Whether a `$` stands before a letter or `_`, as the open parser looks for it.
fn names_a_constant(text: &str) -> bool {
    text.split('$').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

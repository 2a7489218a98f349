//! Analyzers: what is measured at every run and judges nothing.

use std::collections::BTreeMap;

use lakegate_contract::{Error, Result};

use super::{Cursor, MAX_RULES, Part};
use crate::ast::Analyzer;
use crate::lexer::Kind;
use crate::print;
use crate::rule_type::{ANALYZER_TYPES, RULE_TYPES, RuleType};

/// Most bins of a distribution; AWS names no bound.
const MAX_BINS: u32 = 10_000;

impl Cursor<'_> {
    /// `= [ Completeness "c", … ]`
    pub(super) fn analyzers(&mut self) -> Result<Vec<Analyzer>> {
        self.require("=")?;
        self.require("[")?;
        let mut analyzers = Vec::new();
        if self.take("]") {
            return Ok(analyzers);
        }
        loop {
            analyzers.push(self.analyzer()?);
            if analyzers.len() > MAX_RULES {
                return Err(self.error_at(self.peek().start, format!("there are more than {MAX_RULES} analyzers")));
            }
            if !self.take(",") {
                break;
            }
        }
        if !self.take("]") {
            return Err(self.unexpected("`,` and another analyzer, or `]`: an analyzer has no condition"));
        }
        Ok(analyzers)
    }

    fn analyzer(&mut self) -> Result<Analyzer> {
        let from = self.at;
        let start = self.peek().start;
        let analyzer_type = self.analyzer_type()?;
        let parameters = self.parameters()?;
        self.refuse_arity(analyzer_type, &parameters, start)?;
        if !analyzer_type.measures(parameters.len()) {
            return Err(self
                .error_at(start, format!("`{}` measures nothing that an analyzer could keep", analyzer_type.name))
                .expected(format!("one of {}", analyzer_names().join(", "))));
        }
        let tags = self.analyzer_tags(analyzer_type)?;
        self.mark(Part::Entry, from);
        let text = print::analyzer(analyzer_type.name, &parameters, &tags);
        Ok(Analyzer { name: analyzer_type.name, parameters, tags, start, line: self.line(start), text })
    }

    fn analyzer_type(&mut self) -> Result<&'static RuleType> {
        let token = self.peek();
        let known = ANALYZER_TYPES.iter().chain(&RULE_TYPES).find(|t| token.kind == Kind::Word && t.name == token.text);
        if let Some(known) = known {
            self.next();
            return Ok(known);
        }
        let names = analyzer_names();
        let error: Error = match token.kind {
            Kind::Word => self.error_at(token.start, format!("`{}` is not an analyzer", token.text)),
            _ => self.unexpected("an analyzer"),
        };
        Err(self.hint(error.expected(format!("one of {}", names.join(", "))), &names))
    }

    /// `with bins = 20, rebin = false`, as AWS documents it for distributions.
    fn analyzer_tags(&mut self, analyzer_type: &RuleType) -> Result<BTreeMap<String, String>> {
        let mut tags = BTreeMap::new();
        if analyzer_type.name != "Distribution" {
            return Ok(tags);
        }
        let another = |cursor: &Self| cursor.is(",") && cursor.peek_at(1).kind == Kind::Word && cursor.is_at(2, "=");
        while self.take("with") || (!tags.is_empty() && another(self) && self.take(",")) {
            let start = self.peek().start;
            let (name, value) = self.tag()?;
            let fits = match name.as_str() {
                "bins" => value.parse::<u32>().is_ok_and(|bins| (1..=MAX_BINS).contains(&bins)),
                "rebin" => matches!(value.as_str(), "true" | "false"),
                _ => false,
            };
            if !fits {
                return Err(self
                    .error_at(start, format!("`{name} = {value}` is no setting of a distribution"))
                    .expected(format!("bins = 1 to {MAX_BINS}, or rebin = true or false")));
            }
            if tags.insert(name.clone(), value).is_some() {
                return Err(self.error_at(start, format!("`{name}` is given twice")));
            }
        }
        Ok(tags)
    }
}

/// What can be measured and kept.
fn analyzer_names() -> Vec<&'static str> {
    let measuring = RULE_TYPES.iter().filter(|t| (t.parameters.0..=t.parameters.1).any(|count| t.measures(count)));
    ANALYZER_TYPES.iter().chain(measuring).map(|t| t.name).collect()
}

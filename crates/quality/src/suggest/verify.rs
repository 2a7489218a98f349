//! Suggestions against the data that they were made from: what does not hold is loosened, or dropped and told.

use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use lakegate_contract::{Error, Result};

use super::figures::share_below;
use super::{Otherwise, Section, Suggestion};
use crate::{DatasetRules, History, Options, RuleOutcome, RuleResult, Scope, parse};

/// The sections with the rules that hold, and the others, each with what was found.
pub(super) async fn judged(
    sections: Vec<Section>,
    context: &SessionContext,
    schema: &SchemaRef,
) -> Result<(Vec<Section>, Vec<String>)> {
    let all: Vec<Suggestion> = sections.iter().flat_map(|section| section.suggestions.iter().cloned()).collect();
    let first = outcomes(&all, context, schema).await?;
    let mut dropped = Vec::new();
    let loosened: Vec<Option<Suggestion>> =
        all.iter().zip(&first).map(|(suggestion, outcome)| kept(suggestion, outcome, &mut dropped)).collect();
    let changed: Vec<Suggestion> = loosened
        .iter()
        .zip(&all)
        .filter_map(|(after, before)| after.as_ref().filter(|after| after.rule != before.rule))
        .cloned()
        .collect();
    let second = outcomes(&changed, context, schema).await?;
    let failed: Vec<&str> = changed
        .iter()
        .zip(&second)
        .filter(|(_, outcome)| outcome.result != RuleResult::Pass)
        .map(|(suggestion, _)| suggestion.rule.as_str())
        .collect();
    let mut kept = loosened.into_iter();
    let sections = sections
        .into_iter()
        .map(|section| {
            let own = kept.by_ref().take(section.suggestions.len()).flatten();
            let own = own.filter(|suggestion| !failed.contains(&suggestion.rule.as_str())).collect();
            Section { suggestions: without_repetition(own), ..section }
        })
        .collect();
    Ok((sections, dropped))
}

/// A primary key is complete by itself, and one of several alternatives is enough.
fn without_repetition(mut suggestions: Vec<Suggestion>) -> Vec<Suggestion> {
    let is_key = |suggestion: &Suggestion| suggestion.rule.starts_with("IsPrimaryKey ");
    if suggestions.iter().any(is_key) {
        suggestions.retain(|suggestion| !suggestion.rule.starts_with("IsComplete "));
    }
    let mut alternatives = 0;
    suggestions.retain(|suggestion| {
        let alternative = matches!(suggestion.otherwise, Otherwise::Next);
        alternatives += usize::from(alternative);
        !alternative || alternatives == 1
    });
    suggestions
}

/// The suggestion if it holds, a looser one, or nothing.
fn kept(suggestion: &Suggestion, outcome: &RuleOutcome, dropped: &mut Vec<String>) -> Option<Suggestion> {
    if outcome.result == RuleResult::Pass {
        return Some(Suggestion { rule: outcome.rule.clone(), ..suggestion.clone() });
    }
    let message = outcome.message.clone().unwrap_or_default();
    if let Otherwise::AtLeast { before, least } = &suggestion.otherwise {
        let completeness = |name: &&String| !name.ends_with(".Completeness");
        let share = outcome.metrics.keys().find(completeness).and_then(|name| outcome.metrics.get(name)).copied();
        if let Some(share) = share.filter(|share| *share >= *least && *share < 1.0) {
            let rule = format!("{before} > {}", share_below(share));
            let why = format!("{} does not hold ({message})", outcome.rule);
            return Some(Suggestion::new(rule, why));
        }
    }
    if !matches!(suggestion.otherwise, Otherwise::Next) {
        dropped.push(format!("{}: {message}", outcome.rule));
    }
    None
}

async fn outcomes(
    suggestions: &[Suggestion],
    context: &SessionContext,
    schema: &SchemaRef,
) -> Result<Vec<RuleOutcome>> {
    if suggestions.is_empty() {
        return Ok(Vec::new());
    }
    let rules: Vec<&str> = suggestions.iter().map(|suggestion| suggestion.rule.as_str()).collect();
    let text = format!("Rules = [\n{}\n]", rules.join(",\n"));
    let ruleset = parse(&text, "suggested").map_err(|e| Error::bug("a suggestion does not parse").caused_by(e))?;
    let rules = DatasetRules::compile(&ruleset, SchemaRef::clone(schema), Scope::Whole, &Options::default())?;
    Ok(rules.evaluate(context, &History::new()).await?.outcomes)
}

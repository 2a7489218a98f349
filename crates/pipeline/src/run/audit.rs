//! Dataset rules over what a run stages: measured on the rows that are written, judged before these are published.

use std::sync::Arc;

use datafusion::prelude::{SessionConfig, SessionContext};
use lakegate_contract::{Result, TableName};
use lakegate_lake::{Staged, StagedWriter, engine};
use lakegate_quality::{DatasetRules, FileListing, MeteredRules, Options, RuleOutcome, RuleResult, Ruleset, Scope};
use lakegate_redaction::CleanBatch;

use super::replay::closes;
use super::{Attempt, JobContext};
use crate::{StoredFiles, rule_history};

/// The part of the memory that keys may take while rows wait in the writer.
const KEYS: usize = 16;
/// The part of the memory that statements of rules may take for their tables.
const AUDIT: usize = 4;
/// What the message of a rule has that could not be judged for want of memory.
const NO_MEMORY: &str = "more memory than is allowed";
const RAISE: &str = "raise memory_limit under [run] in lakegate.toml";

/// The dataset rules of a run, and what they measure while rows are staged.
///
/// Rows are measured in the very columns that readers will find, on their way into the files: what was written to a bucket need not be
/// read back, but for rules that take a query of their own.
pub(super) struct Audit(Vec<Part>);

struct Part {
    ruleset: Ruleset,
    rules: MeteredRules,
    /// The contract's key, which says nothing of a table without rows.
    is_key: bool,
}

impl Audit {
    /// Compiles the rules for the table that so many workers give `writer` the rows of.
    pub(super) fn prepare(context: &JobContext, writer: &StagedWriter, workers: usize) -> Result<Self> {
        let schema = Arc::new(writer.schema());
        let stated = context.ruleset.iter().map(|ruleset| (ruleset.clone(), false));
        let rulesets: Vec<_> = stated.chain(key_rule(context)?.map(|ruleset| (ruleset, true))).collect();
        let compile = |(ruleset, is_key)| {
            let rules = DatasetRules::compile(&ruleset, Arc::clone(&schema), Scope::Load, &Options::default())?;
            Ok((ruleset, rules, is_key))
        };
        let mut compiled = rulesets.into_iter().map(compile).collect::<Result<Vec<_>>>()?;
        compiled.retain(|(_, rules, _)| !rules.is_empty());
        let keys = compiled.iter().map(|(_, rules, _)| rules.keys()).sum::<usize>().max(1);
        let each = context.memory_limit / KEYS / keys;
        let metered = |(ruleset, rules, is_key): (Ruleset, DatasetRules, bool)| {
            let bytes = each * rules.keys();
            Part { ruleset, rules: rules.metered(bytes, workers), is_key }
        };
        Ok(Self(compiled.into_iter().map(metered).collect()))
    }

    /// Measures rows that are written.
    pub(super) fn measure(&self, writer: &StagedWriter, rows: &CleanBatch) -> Result<()> {
        for rules in self.0.iter().map(|part| &part.rules) {
            if let Some(columns) = rules.columns() {
                rules.add(&writer.as_published(rows, columns)?)?;
            }
        }
        Ok(())
    }
}

impl Attempt<'_> {
    /// Judges the dataset rules; closes the gate when one of them says so.
    pub(super) async fn audit(&mut self, audit: Audit, staged: &Staged, files: Option<StoredFiles>) -> Result<()> {
        if audit.0.is_empty() {
            return Ok(());
        }
        let files = files.map(|files| Arc::new(files) as Arc<dyn FileListing>);
        let session = self.session()?;
        staged.register(&self.context.lake, &session, "primary")?;
        for Part { ruleset, rules, is_key } in audit.0 {
            if is_key && staged.rows == 0 {
                continue;
            }
            let rules = match &files {
                Some(files) => rules.with_files(Arc::clone(files)),
                None => rules,
            };
            self.register_references(&ruleset, &session).await?;
            let table = self.context.contract.table();
            let history = rule_history::earlier(&self.context.lake, table, ruleset.runs_needed()).await?;
            let evaluation = rules.evaluate(staged.rows, &session, &history).await?;
            self.record.rules.extend(evaluation.outcomes);
            self.measured.extend(evaluation.series);
        }
        for outcome in self.record.rules.iter().filter(|o| o.result != RuleResult::Pass && !closes(o, self.rules_warn))
        {
            self.notices.push(format!("rule on line {} does not hold (gate: warn): {}", outcome.line, outcome));
        }
        let closing: Vec<&RuleOutcome> = self.record.rules.iter().filter(|o| closes(o, self.rules_warn)).collect();
        if closing.is_empty() {
            return Ok(());
        }
        let found = closing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Err(self.closed(found).help(advice(&closing, self.context.contract.table())))
    }

    fn session(&self) -> Result<SessionContext> {
        // The engine counts its large tables alone, and as much again may be rows on their way between its partitions; what staging
        // has freed may still be held by the allocator.
        let config = SessionConfig::new().with_target_partitions(self.context.workers);
        engine::session(config, Some(self.context.memory_limit / AUDIT))
    }

    async fn register_references(&self, ruleset: &Ruleset, session: &SessionContext) -> Result<()> {
        for alias in ruleset.references() {
            let table = TableName::new(alias.as_str()).map_err(|e| e.within(format!("dataset `{alias}` of a rule")))?;
            self.context.lake.register(session, &alias, &table, None).await.map_err(|e| {
                e.within(format!("quality-rules/{}.dqdl needs table {alias}", self.context.contract.table()))
            })?;
        }
        Ok(())
    }
}

/// What to do about rules that keep the gate closed.
fn advice(closing: &[&RuleOutcome], table: &TableName) -> String {
    let memory = |o: &RuleOutcome| o.message.as_ref().is_some_and(|message| message.contains(NO_MEMORY));
    let correct = format!("correct the source, quality-rules/{table}.dqdl or the key of schemas/{table}.toml");
    let remedy = match closing.iter().filter(|outcome| memory(outcome)).count() {
        0 => correct,
        all if all == closing.len() => RAISE.to_owned(),
        _ => format!("{RAISE}; {correct}"),
    };
    format!("{remedy}; the version published before is untouched")
}

/// The contract's key as a rule, unless the ruleset has it already.
fn key_rule(context: &JobContext) -> Result<Option<Ruleset>> {
    let key: Vec<String> = context.contract.key().iter().map(ToString::to_string).collect();
    let stated = context.ruleset.as_ref().is_some_and(|ruleset| ruleset.has_primary_key(&key));
    if key.is_empty() || stated {
        return Ok(None);
    }
    let columns = key.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(" ");
    let file = format!("the key of schemas/{}.toml", context.contract.table());
    lakegate_quality::parse(&format!("Rules = [ IsPrimaryKey {columns} ]"), &file).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(message: &str) -> RuleOutcome {
        RuleOutcome {
            rule: "Entropy \"u\" > 0".to_owned(),
            evaluated: None,
            line: 1,
            result: RuleResult::Error,
            metrics: Default::default(),
            message: Some(message.to_owned()),
            labels: Default::default(),
        }
    }

    #[test]
    fn a_rule_without_memory_is_no_fault_of_the_source() {
        let no_memory = outcome("judging the rules takes more memory than is allowed; raise it");
        let value = outcome("Value: 0 does not meet the constraint");
        let table = TableName::new("t").unwrap();
        let advice = |closing: &[&RuleOutcome]| advice(closing, &table);
        insta::assert_snapshot!(advice(&[&no_memory]), @"raise memory_limit under [run] in lakegate.toml; the version published before is untouched");
        insta::assert_snapshot!(advice(&[&value]), @"correct the source, quality-rules/t.dqdl or the key of schemas/t.toml; the version published before is untouched");
        insta::assert_snapshot!(advice(&[&value, &no_memory]), @"raise memory_limit under [run] in lakegate.toml; correct the source, quality-rules/t.dqdl or the key of schemas/t.toml; the version published before is untouched");
    }
}

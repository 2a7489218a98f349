//! Dataset rules over the staged files: what is audited is what would be published.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use lakegate_contract::{Error, Result, TableName};
use lakegate_lake::Staged;
use lakegate_quality::{DatasetRules, FileListing, Options, RuleResult, Ruleset, Scope};

use super::Attempt;
use super::replay::closes;
use crate::{StoredFiles, rule_history};

impl Attempt<'_> {
    /// Judges the dataset rules; closes the gate when one of them says so.
    pub(super) async fn audit(&mut self, staged: &Staged, files: Option<StoredFiles>) -> Result<()> {
        let rulesets: Vec<Ruleset> = self.context.ruleset.iter().cloned().chain(self.key_rule(staged)?).collect();
        let files = files.map(|files| Arc::new(files) as Arc<dyn FileListing>);
        let compile = |ruleset| {
            let rules = DatasetRules::compile(ruleset, Arc::new(staged.schema()), Scope::Load, &Options::default())?;
            Ok(match &files {
                Some(files) => rules.with_files(Arc::clone(files)),
                None => rules,
            })
        };
        let rules = rulesets.iter().map(compile).collect::<Result<Vec<_>>>()?;
        if rules.iter().all(DatasetRules::is_empty) {
            return Ok(());
        }
        let session = self.session()?;
        staged.register(&self.context.lake, &session, "primary")?;
        for (ruleset, rules) in rulesets.iter().zip(&rules) {
            self.register_references(ruleset, &session).await?;
            let table = self.context.contract.table();
            let history = rule_history::earlier(&self.context.lake, table, ruleset.runs_needed()).await?;
            let evaluation = rules.evaluate(&session, &history).await?;
            self.record.rules.extend(evaluation.outcomes);
            self.measured.extend(evaluation.series);
        }
        for outcome in self.record.rules.iter().filter(|o| o.result != RuleResult::Pass && !closes(o, self.rules_warn))
        {
            self.notices.push(format!("rule on line {} does not hold (gate: warn): {}", outcome.line, outcome));
        }
        let closing: Vec<String> =
            self.record.rules.iter().filter(|o| closes(o, self.rules_warn)).map(ToString::to_string).collect();
        if closing.is_empty() {
            return Ok(());
        }
        Err(self.closed(closing.join("; ")).help(format!(
            "correct the source, quality-rules/{0}.dqdl or the key of schemas/{0}.toml; the version published before is untouched",
            self.context.contract.table()
        )))
    }

    /// The contract's key as a rule, unless the ruleset has it already.
    fn key_rule(&self, staged: &Staged) -> Result<Option<Ruleset>> {
        let key: Vec<String> = self.context.contract.key().iter().map(ToString::to_string).collect();
        let stated = self.context.ruleset.as_ref().is_some_and(|ruleset| ruleset.has_primary_key(&key));
        if key.is_empty() || stated || staged.rows == 0 {
            return Ok(None);
        }
        let columns = key.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(" ");
        let file = format!("the key of schemas/{}.toml", self.context.contract.table());
        lakegate_quality::parse(&format!("Rules = [ IsPrimaryKey {columns} ]"), &file).map(Some)
    }

    fn session(&self) -> Result<SessionContext> {
        // The engine counts its large tables alone, and what staging has freed may still be held by the allocator.
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(self.context.memory_limit / 4, 1.0)
            .build_arc()
            .map_err(|e| Error::unavailable("the query engine cannot start").caused_by(e.strip_backtrace()))?;
        let config = SessionConfig::new().with_target_partitions(self.context.workers);
        Ok(SessionContext::new_with_config_rt(config, runtime))
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

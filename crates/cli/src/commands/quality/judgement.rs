//! What a judgement came to, before it is shown in one form or another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use lakegate_quality::{AnalyzerOutcome, RuleOutcome, RuleResult};

/// What a judgement came to.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// By this name results are told apart: `dqresult-` and a ULID.
    pub id: String,
    /// The ruleset's file, as it was named.
    pub rules: String,
    /// The data's place, as it was named.
    pub data: String,
    /// The aliases and places of the references.
    pub references: Vec<(String, String)>,
    /// How many files the data had; none of a Delta table.
    pub files: Option<usize>,
    /// The version of a Delta table.
    pub version: Option<u64>,
    /// When judging began.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub completed: DateTime<Utc>,
    /// The rules' outcomes, in their order.
    pub outcomes: Vec<RuleOutcome>,
    /// What the analyzers measured, in their order.
    pub analyzers: Vec<AnalyzerOutcome>,
    /// What was written of the rows.
    pub rows: Option<RowCounts>,
}

/// What was written of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// All rows.
    pub processed: u64,
    /// Those that fail a rule.
    pub failed: u64,
    /// Where all rows went.
    pub row_outcomes: Option<PathBuf>,
    /// Where those that fail went.
    pub bad_rows: Option<PathBuf>,
}

/// What an outcome does to the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The rule holds.
    Passes,
    /// It does not, and is labelled `"gate"="warn"`.
    Warns,
    /// It does not hold.
    Fails,
    /// It could not be judged.
    Errs,
}

impl Standing {
    /// One word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passes => "PASS",
            Self::Warns => "WARN",
            Self::Fails => "FAIL",
            Self::Errs => "ERROR",
        }
    }
}

/// What an outcome does to the gate.
pub fn standing(outcome: &RuleOutcome) -> Standing {
    match outcome.result {
        RuleResult::Pass => Standing::Passes,
        _ if !outcome.closes_gate() => Standing::Warns,
        RuleResult::Fail => Standing::Fails,
        RuleResult::Error => Standing::Errs,
    }
}

impl Judgement {
    /// The ruleset's name: that of its file.
    pub fn ruleset(&self) -> &str {
        let file = self.rules.rsplit('/').next().unwrap_or(&self.rules);
        file.strip_suffix(".dqdl").unwrap_or(file)
    }

    /// How many outcomes stand so.
    pub fn count(&self, wanted: Standing) -> usize {
        self.outcomes.iter().filter(|outcome| standing(outcome) == wanted).count()
    }

    /// The share of the rules that pass, as Glue counts it: also one that only warns lowers it.
    pub fn score(&self) -> f64 {
        let ratio = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if self.outcomes.is_empty() { 1.0 } else { ratio(self.count(Standing::Passes)) / ratio(self.outcomes.len()) }
    }

    /// Whether nothing keeps the gate closed.
    pub fn opens_gate(&self) -> bool {
        !self.outcomes.iter().any(RuleOutcome::closes_gate)
    }

    /// `11 of 12 rules passed, score 0.917`
    pub fn summary(&self) -> String {
        let mut text = format!(
            "{} of {} rules passed, score {}",
            self.count(Standing::Passes),
            self.outcomes.len(),
            shown_number(self.score())
        );
        match self.count(Standing::Warns) {
            0 => {}
            1 => text.push_str("; 1 that fails only warns"),
            warns => text.push_str(&format!("; {warns} that fail only warn")),
        }
        text
    }

    /// What was written of the rows, a line each.
    pub fn row_notes(&self) -> Vec<String> {
        let Some(rows) = &self.rows else { return Vec::new() };
        let all = rows
            .row_outcomes
            .as_ref()
            .map(|path| format!("{} rows with their outcomes written to {}", rows.processed, path.display()));
        let bad = rows
            .bad_rows
            .as_ref()
            .map(|path| format!("{} bad rows of {} written to {}", rows.failed, rows.processed, path.display()));
        all.into_iter().chain(bad).collect()
    }
}

/// A number with at most three digits behind the point, but as many as it takes for it not to look whole when it is not.
pub fn shown_number(number: f64) -> String {
    if !number.is_finite() || number == number.trunc() {
        return format!("{number}");
    }
    if number.abs() < 0.001 {
        return format!("{number:.3e}");
    }
    // 0.9999 shown as 1 beside a rule that wants 1 and fails would be a riddle.
    let rounded = (3..=17).map(|digits| format!("{number:.digits$}"));
    let honest = rounded.into_iter().find(|text| text.parse::<f64>().is_ok_and(|n| n != n.trunc()));
    honest.map_or_else(|| format!("{number}"), |text| text.trim_end_matches('0').to_owned())
}

/// The measured numbers, `name = value` each.
pub fn metrics(metrics: &BTreeMap<String, f64>) -> impl Iterator<Item = String> + '_ {
    metrics.iter().map(|(name, value)| format!("{name} = {}", shown_number(*value)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A judgement with an outcome of each kind.
    pub fn example() -> Judgement {
        let outcome =
            |rule: &str, line, result, metric: Option<(&str, f64)>, message: Option<&str>, warns: bool| RuleOutcome {
                rule: rule.to_owned(),
                evaluated: None,
                line,
                result,
                metrics: metric.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                message: message.map(str::to_owned),
                labels: warns.then(|| ("gate".to_owned(), "warn".to_owned())).into_iter().collect(),
            };
        let time = |seconds: i64| DateTime::from_timestamp(1_772_323_200 + seconds, 250_000_000).unwrap();
        Judgement {
            id: "dqresult-01".to_owned(),
            rules: "rules/orders.dqdl".to_owned(),
            data: "orders, 50%.csv".to_owned(),
            references: vec![("users".to_owned(), "users.csv".to_owned())],
            files: Some(1),
            version: None,
            started: time(0),
            completed: time(2),
            analyzers: Vec::new(),
            outcomes: vec![
                outcome("RowCount > 1", 2, RuleResult::Pass, Some(("Dataset.*.RowCount", 3.0)), None, false),
                outcome(
                    "ColumnValues \"status\" in [\"<paid>\",\"a|b\"] where \"note <> 'x\ny' and amount > 0 and amount < 1000000\"",
                    3,
                    RuleResult::Fail,
                    Some(("Column.status.ColumnValues.Compliance", 2.0 / 3.0)),
                    Some("1 rows do not satisfy it"),
                    false,
                ),
                outcome(
                    "Mean \"amount\" > 100",
                    5,
                    RuleResult::Fail,
                    Some(("Column.amount.Mean", 10.5)),
                    Some("it is 10.5"),
                    true,
                ),
                outcome(
                    "CustomSql \"SELECT 1 / 0\" = 1",
                    6,
                    RuleResult::Error,
                    None,
                    Some("it fails & \u{1b}stops"),
                    false,
                ),
            ],
            rows: Some(RowCounts {
                processed: 3,
                failed: 1,
                row_outcomes: None,
                bad_rows: Some(PathBuf::from("bad.csv")),
            }),
        }
    }

    #[test]
    fn a_score_is_the_share_of_rules_that_pass() {
        let judgement = example();
        assert_eq!(judgement.summary(), "1 of 4 rules passed, score 0.25; 1 that fails only warns");
        assert!(!judgement.opens_gate());
        let warning = Judgement { outcomes: judgement.outcomes[2..3].to_vec(), ..judgement };
        assert!(warning.opens_gate());
        assert_eq!(warning.summary(), "0 of 1 rules passed, score 0; 1 that fails only warns");
    }

    #[test]
    fn numbers_are_short_and_never_look_whole() {
        let shown = [3.0, 2.0 / 3.0, 0.99999, 0.000_012_34, 1234.5, f64::NAN, f64::INFINITY, -0.5].map(shown_number);
        assert_eq!(shown, ["3", "0.667", "0.99999", "1.234e-5", "1234.5", "NaN", "inf", "-0.5"]);
    }
}

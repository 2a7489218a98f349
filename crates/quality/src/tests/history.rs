//! Rules over earlier runs, anomalies and analyzers.

use chrono::{DateTime, Duration, Utc};

use super::*;
use crate::{Evaluation, History, Options};

async fn evaluated(ruleset: &str, history: &History) -> Evaluation {
    let ruleset = parse(ruleset, "t.dqdl").unwrap();
    let context = SessionContext::new();
    context.register_batch("primary", data()).unwrap();
    context.register_batch("users", references()).unwrap();
    let rules = DatasetRules::compile(&ruleset, data().schema(), Scope::Whole, &Options::default()).unwrap();
    rules.evaluate(&context, history).await.unwrap()
}

/// Runs that measured this, the newest a day ago.
fn runs(series: &str, newest_first: &[f64]) -> History {
    let mut history = History::new();
    let mut at: DateTime<Utc> = Utc::now();
    for value in newest_first {
        at -= Duration::days(1);
        history.add_older(at, [(series.to_owned(), *value)]);
    }
    history
}

#[tokio::test]
async fn a_rule_compares_with_what_its_own_metric_was() {
    let history = runs("Dataset.*.RowCount", &[10.0, 20.0]);
    for (rule, holds) in [
        ("RowCount >= last() * 0.5", true),
        ("RowCount >= last() * 0.6", false),
        ("RowCount < avg(last(2))", true),
        ("RowCount between 0 and index(last(2), 1)", true),
        ("RowCount > last() where \"id = 3\"", true), // another series: no earlier value, so 2 > 0
        ("Mean \"id\" > last()", true),
    ] {
        let outcome = evaluated(&format!("Rules = [ {rule} ]"), &history).await.outcomes.swap_remove(0);
        assert_eq!(outcome.result == RuleResult::Pass, holds, "{rule}: {outcome:?}");
    }
    let outcome = evaluated("Rules = [ RowCount >= last() * 0.6 ]", &history).await.outcomes.swap_remove(0);
    assert_eq!(outcome.evaluated.as_deref(), Some("RowCount >= 6"));
    assert_eq!(outcome.rule, "RowCount >= last() * 0.6");
    let steady = evaluated("Rules = [ RowCount > 0 ]", &history).await.outcomes.swap_remove(0);
    assert_eq!(steady.evaluated, None);
}

#[tokio::test]
async fn what_a_run_measured_is_what_the_next_compares_with() {
    let text = "Rules = [ RowCount = last(), Mean \"id\" = last() where \"id < 3\", \
        CustomSql \"select max(id) from primary\" = last(), ColumnValues \"id\" < 3 with threshold >= last() ]";
    let first = evaluated(text, &History::new()).await;
    assert_eq!(first.outcomes.iter().filter(|o| o.result == RuleResult::Pass).count(), 1, "{first:?}");
    let mut history = History::new();
    history.add_older(Utc::now(), first.series);
    let second = evaluated(text, &history).await;
    assert!(second.outcomes.iter().all(|o| o.result == RuleResult::Pass), "{second:?}");
}

#[tokio::test]
async fn an_anomaly_is_told_with_what_was_expected() {
    let rule = "Rules = [ DetectAnomalies \"RowCount\" ]";
    let young = evaluated(rule, &runs("Dataset.*.RowCount", &[100.0; 6])).await;
    assert_eq!(young.outcomes[0].result, RuleResult::Pass);
    assert_eq!(
        young.outcomes[0].message.as_deref(),
        Some("6 earlier runs are known, and what to expect is told after 7")
    );
    let known = evaluated(rule, &runs("Dataset.*.RowCount", &[100.0; 7])).await;
    assert_eq!(known.outcomes[0].result, RuleResult::Fail);
    assert_eq!(
        known.outcomes[0].message.as_deref(),
        Some("Dataset.*.RowCount is 5, and is expected between 96.5 and 103.5 after 7 runs")
    );
    assert_eq!(known.series, BTreeMap::from([("Dataset.*.RowCount".to_owned(), 5.0)]));
    let usual = evaluated(rule, &runs("Dataset.*.RowCount", &[5.0, 6.0, 4.0, 5.0, 5.0, 6.0, 4.0])).await;
    assert_eq!((usual.outcomes[0].result, &usual.outcomes[0].message), (RuleResult::Pass, &None));
}

#[tokio::test]
async fn anomalies_are_watched_in_every_metric_of_a_column() {
    let rule = "Rules = [ DetectAnomalies \"ColumnLength\" \"status\" ]";
    // NULL has length 0, and `paid` has 4.
    let outcome = evaluated(rule, &runs("Column.status.MaximumLength", &[9.0; 7])).await.outcomes.swap_remove(0);
    assert_eq!(outcome.result, RuleResult::Fail);
    assert_eq!(outcome.metrics["Column.status.MinimumLength"], 0.0);
    assert!(outcome.message.unwrap().starts_with("Column.status.MaximumLength is 4, and is expected between"));
    let error = evaluated("Rules = [ DetectAnomalies \"ColumnValues\" \"status\" ]", &History::new()).await;
    assert_eq!(error.outcomes[0].result, RuleResult::Error);
}

#[tokio::test]
async fn analyzers_measure_and_judge_nothing() {
    let evaluation = evaluated(
        "Analyzers = [ RowCount, Completeness \"status\", ColumnValues \"id\", ColumnLength \"status\", \
         CustomSql \"select count(*) from users\", AllStatistics \"id\", AllStatistics \"status\" ]",
        &History::new(),
    )
    .await;
    assert!(evaluation.outcomes.is_empty());
    let metrics: Vec<Vec<(&str, f64)>> = evaluation
        .analyzers
        .iter()
        .map(|outcome| outcome.metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect())
        .collect();
    assert_eq!(metrics[0], [("Dataset.*.RowCount", 5.0)]);
    assert_eq!(metrics[1], [("Column.status.Completeness", 0.8)]);
    assert_eq!(metrics[2], [("Column.id.Maximum", 5.0), ("Column.id.Minimum", 1.0)]);
    assert_eq!(metrics[3], [("Column.status.MaximumLength", 4.0), ("Column.status.MinimumLength", 0.0)]);
    assert_eq!(metrics[4], [("Dataset.*.CustomSQL", 4.0)]);
    let names = |of: usize| metrics[of].iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(5),
        "Column.id.Completeness Column.id.Entropy Column.id.Maximum Column.id.Mean Column.id.Minimum \
         Column.id.StandardDeviation Column.id.Sum Column.id.Uniqueness Dataset.*.RowCount"
    );
    assert_eq!(
        names(6),
        "Column.status.Completeness Column.status.MaximumLength Column.status.MinimumLength Column.status.Uniqueness \
         Dataset.*.RowCount"
    );
}

#[tokio::test]
async fn a_distribution_keeps_its_ends_from_run_to_run() {
    let text = "Analyzers = [ Distribution \"id\" with bins = 2 ]";
    let first = evaluated(text, &History::new()).await;
    // 1, 2 below the middle of 1 to 5, and 3, 3, 5.
    let of = |evaluation: &Evaluation, name: &str| evaluation.series[&format!("Column.id.Distribution.{name}")];
    let all =
        |evaluation: &Evaluation| ["Low", "High", "Overflow", "Bin001", "Bin002"].map(|name| of(evaluation, name));
    assert_eq!(all(&first), [1.0, 5.0, 0.0, 2.0, 3.0]);
    // Earlier ends 0 and 4: 5 of five overflows. After three such runs the ends are those of the data again.
    let mut history = runs("Column.id.Distribution.Low", &[0.0]);
    history.add_older(Utc::now(), [("Column.id.Distribution.High".to_owned(), 4.0)]);
    assert_eq!(all(&evaluated(text, &history).await), [0.0, 4.0, 0.2, 1.0, 3.0]);
    for _ in 0..2 {
        history.add_older(Utc::now(), [("Column.id.Distribution.Overflow".to_owned(), 0.2)]);
    }
    assert_eq!(all(&evaluated(text, &history).await), all(&first));
    let frozen = "Analyzers = [ Distribution \"id\" with bins = 2, rebin = false ]";
    assert_eq!(all(&evaluated(frozen, &history).await), [0.0, 4.0, 0.2, 1.0, 3.0]);
    // Texts: counts alone, never the texts.
    let texts = evaluated("Analyzers = [ Distribution \"status\" ]", &History::new()).await;
    let metrics = &texts.analyzers[0].metrics;
    assert_eq!((metrics.len(), metrics["Column.status.Distribution.Top01"]), (4, 1.0));
}

#[test]
fn what_cannot_be_measured_is_found_before_the_data_is_read() {
    for (text, problems) in [
        ("Rules = [ DetectAnomalies \"RowCounts\" ]", 1),
        ("Rules = [ DetectAnomalies \"Mean\" \"status\" ]", 1),
        ("Rules = [ DetectAnomalies \"Mean\" \"nope\" ]", 1),
        ("Rules = [ DetectAnomalies \"Mean\" ]", 1),
        ("Rules = [ DetectAnomalies \"ColumnValues\" \"status\" ]", 1),
        ("Rules = [ DetectAnomalies \"CustomSQL\" \"select 1\" ]", 0),
        ("Rules = [ RowCount > avg(last(5)) * 0.8 ]", 0),
        ("Rules = [ ColumnValues \"id\" > last() ]", 1),
        ("Rules = [ ColumnValues \"id\" > 1 with threshold > avg(last(2)) ]", 0),
        ("Analyzers = [ AllStatistics \"nope\" ]", 1),
        ("Analyzers = [ Mean \"status\", Distribution \"id\", RowCount ]", 1),
    ] {
        let found = check(&parse(text, "t").unwrap(), &data().schema(), None);
        assert_eq!(found.len(), problems, "{text}: {found:?}");
        assert!(found.iter().all(|problem| problem.place().is_some()));
    }
}

//! Combinations that are judged row by row.

use super::*;
use crate::{Composite, History, Options};

async fn by_row(rule: &str) -> crate::RuleOutcome {
    let ruleset = parse(&format!("Rules = [ {rule} ]"), "t.dqdl").unwrap();
    let context = SessionContext::new();
    context.register_batch("primary", data()).unwrap();
    context.register_batch("users", references()).unwrap();
    let options = Options { composite: Composite::Row, ..Options::default() };
    let rules = DatasetRules::compile(&ruleset, data().schema(), Scope::Whole, &options).unwrap();
    rules.evaluate(&context, &History::new()).await.unwrap().outcomes.swap_remove(0)
}

#[tokio::test]
async fn every_row_satisfies_one_of_two_rules_that_neither_satisfies_alone() {
    // Rows 3 and 4 have id 3, rows 1, 2 and 5 have not: over the dataset both rules fail.
    let rule = "(ColumnValues \"id\" = 3) or (ColumnValues \"id\" in [1, 2, 5])";
    assert_eq!(judge_over(data(), rule).await.result, RuleResult::Fail);
    assert_eq!(by_row(rule).await.result, RuleResult::Pass);
    let narrow = by_row("(ColumnValues \"id\" = 3) or (ColumnValues \"id\" in [1, 2])").await;
    assert_eq!(narrow.message.as_deref(), Some("1 of 5 rows do not satisfy it"));
}

#[tokio::test]
async fn rules_over_the_dataset_hold_for_all_rows_or_for_none() {
    for (rule, holds) in [
        ("(RowCount = 5) and (ColumnValues \"id\" > 0)", true),
        ("(RowCount = 4) and (ColumnValues \"id\" > 0)", false),
        ("(RowCount = 5) or (ColumnValues \"id\" > 9)", true),
        ("(RowCount = 4) or (ColumnValues \"id\" > 0)", true),
        ("(RowCount = 4) or (ColumnValues \"id\" > 1)", false),
        // Either the first two together or the third: row by row.
        ("((ColumnCount = 6) and (ColumnValues \"id\" = 3)) or (ColumnValues \"id\" != 3)", true),
        ("((ColumnCount = 7) and (ColumnValues \"id\" = 3)) or (ColumnValues \"id\" != 3)", false),
        ("(ColumnValues \"amount\" > 0 where \"id = 1\") and (IsComplete \"id\")", true),
    ] {
        let outcome = by_row(rule).await;
        assert_eq!(outcome.result == RuleResult::Pass, holds, "{rule}: {outcome:?}");
    }
    // The metrics of the rules over the dataset are told.
    let outcome = by_row("(RowCount = 4) or (ColumnValues \"id\" > 1)").await;
    assert_eq!(outcome.metrics, BTreeMap::from([("Dataset.*.RowCount".to_owned(), 5.0)]));
}

#[tokio::test]
async fn what_aws_excludes_is_refused() {
    for rule in [
        "(Completeness \"id\" > 0.5) and (IsComplete \"id\")",
        "(Uniqueness \"id\" > 0.5) and (IsComplete \"id\")",
        "(ReferentialIntegrity \"ref\" \"users.id\" > 0.5) and (IsComplete \"id\")",
        "(ColumnValues \"id\" > 0 with threshold > 0.5) and (IsComplete \"id\")",
        "(DatasetMatch \"users\" \"id\" > 0.5) and (IsComplete \"id\")",
        "(ColumnDataType \"id\" = \"Integer\" with threshold > 0.5) and (IsComplete \"id\")",
        "(CustomSql \"select id from primary\" with threshold > 0.5) and (IsComplete \"id\")",
        "(RowCount > 0) and (IsComplete \"nope\")",
    ] {
        assert_eq!(by_row(rule).await.result, RuleResult::Error, "{rule}");
    }
    // A rule of its own is judged over the dataset as ever.
    assert_eq!(by_row("Completeness \"id\" > 0.5").await.result, RuleResult::Pass);
}

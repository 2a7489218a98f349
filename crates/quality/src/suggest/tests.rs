//! Rulesets for small datasets.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use super::{SuggestOptions, Suggested, suggest};
use crate::{DatasetRules, RuleResult, Scope, check, parse};

fn mail(text: &str) -> Option<&'static str> {
    text.contains('@').then_some("email")
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

async fn suggested(batch: RecordBatch, references: Vec<(&str, RecordBatch)>) -> Suggested {
    let context = SessionContext::new();
    let schema = batch.schema();
    context.register_batch("primary", batch).unwrap();
    let mut schemas: BTreeMap<String, SchemaRef> = BTreeMap::new();
    for (name, reference) in references {
        schemas.insert(name.to_owned(), reference.schema());
        context.register_batch(name, reference).unwrap();
    }
    let options = SuggestOptions { table: "orders", references: &schemas, sensitive: mail };
    let suggested = suggest(&context, &schema, &options).await.unwrap();
    let ruleset = parse(&suggested.text, "t.dqdl").unwrap();
    assert_eq!(ruleset.rules().len(), suggested.rules);
    assert!(check(&ruleset, &schema, Some(&schemas)).is_empty(), "{}", suggested.text);
    let rules = DatasetRules::compile(&ruleset, schema, Scope::Whole, &crate::Options::default()).unwrap();
    for outcome in rules.evaluate(&context, &crate::History::new()).await.unwrap().outcomes {
        assert_eq!(outcome.result, RuleResult::Pass, "{outcome}");
    }
    suggested
}

fn numbers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn words(rows: i64, word: impl Fn(i64) -> Option<String>) -> ArrayRef {
    Arc::new((0..rows).map(word).collect::<StringArray>())
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a whole ruleset")]
async fn a_shops_orders() {
    let status = ["paid", "shipped", "lost"];
    let amounts = Decimal128Array::from_iter_values((0..200).map(|n| 150 + n * 31)).with_precision_and_scale(12, 2);
    let day = 86_400_000_000;
    let orders = batch(vec![
        ("order_id", numbers(1..201)),
        ("user_id", numbers((0..200).map(|n| n % 50 + 1))),
        ("status", words(200, |n| (n != 7).then(|| status[usize::try_from(n % 3).unwrap()].to_owned()))),
        ("amount", Arc::new(amounts.unwrap())),
        ("ordered_at", Arc::new(TimestampMicrosecondArray::from_iter_values((0..200).map(|n| (19_800 + n) * day)))),
        ("receiver_name", words(200, |n| Some(format!("Person {}", n % 2)))),
        ("coupon", words(200, |n| (n % 4 > 0).then(|| format!("SALE-{n:04}")))),
    ]);
    let users = batch(vec![("user_id", numbers(1..50))]);
    let suggested = suggested(orders, vec![("users", users)]).await;
    insta::assert_snapshot!(suggested.text, @r##"
    # A first ruleset for orders, from 200 rows. Every rule holds on them.
    # It says what was there, not what should be: read each rule, delete what is accident, tighten what you know.
    Rules = [
        # the whole
        # 200 rows now; half of them are too few
        RowCount > 100,
        # a column that comes or goes is told
        ColumnCount = 7,

        # order_id: bigint, 0 of 200 rows hold NULL, about 200 different values
        # 200 rows, no two alike and none NULL: the key
        IsPrimaryKey "order_id",
        # from 1 to 200; they grow, so no upper bound
        ColumnValues "order_id" > 0,

        # user_id: bigint, 0 of 200 rows hold NULL, about 50 different values
        # never NULL
        IsComplete "user_id",
        # from 1 to 50; they grow, so no upper bound
        ColumnValues "user_id" > 0,
        # ReferentialIntegrity "user_id" "users.user_id" = 1.0 does not hold (it is 0.98)
        ReferentialIntegrity "user_id" "users.user_id" > 0.97,

        # status: string, 1 of 200 rows hold NULL, 3 different values
        # 199 of 200 rows hold a value; half as many NULLs again are let pass
        Completeness "status" > 0.992,
        # 3 different values; rows with the rarest: 66
        ColumnValues "status" in ["lost", "paid", "shipped", NULL],

        # amount: decimal(12,2), 0 of 200 rows hold NULL, about 200 different values
        # never NULL
        IsComplete "amount",
        # from 1.5 to 63.19; room below
        ColumnValues "amount" > 0,
        # from 1.5 to 63.19; room above of half the width
        ColumnValues "amount" <= 95,

        # ordered_at: timestamp, 0 of 200 rows hold NULL, about 200 different values
        #   if it should be fresh, say how fresh: DataFreshness "ordered_at" <= 24 hours
        # never NULL
        IsComplete "ordered_at",
        # from 2024-03-18 to 2024-10-03; the year of the first
        ColumnValues "ordered_at" >= "2024-01-01",
        # none lies in the future
        ColumnValues "ordered_at" <= now(),

        # receiver_name: string, 0 of 200 rows hold NULL, 2 different values
        #   look: its values may be those of people, so they are not listed
        # never NULL
        IsComplete "receiver_name",
        # each has 8 characters
        ColumnLength "receiver_name" = 8,

        # coupon: string, 50 of 200 rows hold NULL, about 150 different values
        # 150 values, no two alike
        IsUnique "coupon",
        # 150 of 200 rows hold a value; half as many NULLs again are let pass
        Completeness "coupon" > 0.62,
        # codes of one make; lengths that never change are held
        ColumnValues "coupon" matches "[A-Z]{4}-[0-9]{4}" where "coupon is not null"
    ]
    "##);
}

#[tokio::test]
async fn nobodys_values_are_listed() {
    let secrets = ["anna@example.com", "Kim Minsoo", "Lee Jiwoo", "O'Brien Pat"];
    let people = batch(vec![
        ("contact", words(100, |n| Some(if n % 2 == 0 { secrets[0] } else { "none" }.to_owned()))),
        ("assigned", words(100, |n| Some(secrets[usize::try_from(n % 3 + 1).unwrap()].to_owned()))),
        ("email", words(100, |n| Some(format!("{}@x.kr", if n % 2 == 0 { "kim" } else { "lee" })))),
        ("고객이름", words(100, |n| Some(if n % 2 == 0 { "김민수" } else { "이지우" }.to_owned()))),
    ]);
    let text = suggested(people, Vec::new()).await.text;
    for secret in secrets.iter().chain(&["kim", "lee", "김민수", "이지우"]) {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(text.contains("may be those of people"), "{text}");
}

#[tokio::test]
async fn what_does_not_hold_is_loosened_or_told() {
    let nearly = batch(vec![
        ("code", words(1000, |n| Some(format!("K{}", n.max(20))))), // 21 rows share one
        ("ref_id", numbers((0..1000).map(|n| n % 100))),
        ("lone_id", numbers((0..1000).map(|n| n % 100))),
    ]);
    let refs = batch(vec![("ref_id", numbers(0..95))]);
    let lone = batch(vec![("lone_id", numbers(0..10))]);
    let suggested = suggested(nearly, vec![("refs", refs), ("lone", lone)]).await;
    assert!(suggested.text.contains("Uniqueness \"code\" > 0.96"), "{}", suggested.text);
    assert!(suggested.text.contains("ReferentialIntegrity \"ref_id\" \"refs.ref_id\" > 0.92"), "{}", suggested.text);
    insta::assert_snapshot!(suggested.dropped.join("\n"), @r#"ReferentialIntegrity "lone_id" "lone.lone_id" = 1.0: it is 0.1"#);
    assert!(suggested.text.ends_with("it is 0.1\n"), "{}", suggested.text);
}

#[tokio::test]
async fn odd_columns_do_no_harm() {
    let odd = batch(vec![
        ("only NULL", words(60, |_| None)),
        ("with \"quotes\"", numbers(0..60)),
        (
            "Not a Number",
            Arc::new(Float64Array::from_iter_values((0..60).map(|n| if n == 3 { f64::NAN } else { 1.0 }))),
        ),
        ("day", words(60, |n| Some(format!("2026-03-0{}", n % 3 + 1)))),
        ("quoted", words(60, |n| Some(if n % 2 == 0 { "say \"hi\"" } else { "back\\slash" }.to_owned()))),
        ("lines", words(60, |n| Some(if n % 2 == 0 { "a\nb" } else { "#" }.to_owned()))),
        ("상태", words(60, |n| (n > 0).then(|| if n % 2 == 0 { "결제" } else { "취소" }.to_owned()))),
        ("Some Amount", Arc::new(Float64Array::from_iter((0..60).map(|n| (n > 5).then(|| f64::from(n) / 7.0))))),
    ]);
    let text = suggested(odd, Vec::new()).await.text;
    assert!(text.contains("it holds no value at all"), "{text}");
    assert!(text.contains("its name cannot be written in DQDL"), "{text}");
    assert!(text.contains("hold NaN"), "{text}");
    assert!(text.contains("in [\"결제\", \"취소\", NULL]"), "{text}");
    assert!(text.contains("not ASCII"), "{text}");
    assert!(text.contains("where \"`Some Amount` is not null\""), "{text}");
}

#[tokio::test]
async fn nothing_can_be_learnt_from_no_rows() {
    let empty = batch(vec![("n", numbers(0..0))]);
    let context = SessionContext::new();
    let schema = empty.schema();
    context.register_batch("primary", empty).unwrap();
    let references = BTreeMap::new();
    let options = SuggestOptions { table: "t", references: &references, sensitive: mail };
    let error = suggest(&context, &schema, &options).await.unwrap_err();
    assert!(error.found().contains("no row"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever stands in the cells, the ruleset parses, and holds on them.
    #[test]
    fn whatever_it_is_the_ruleset_holds(
        cells in proptest::collection::vec(proptest::option::of("\\PC{0,6}|[a-c]|[0-9]{1,4}|[A-Z]-[0-9]{2}|"), 1..120),
        figures in proptest::collection::vec(proptest::option::of(proptest::num::f64::ANY), 1..120),
    ) {
        let rows = cells.len().min(figures.len());
        let data = batch(vec![
            ("t", Arc::new(StringArray::from(cells[..rows].to_vec())) as ArrayRef),
            ("f", Arc::new(Float64Array::from(figures[..rows].to_vec()))),
        ]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(suggested(data, Vec::new()));
    }
}

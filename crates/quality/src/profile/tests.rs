//! Profiles of small datasets.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use super::{Profile, profile};

fn mail(text: &str) -> Option<&'static str> {
    text.contains('@').then_some("email")
}

async fn profiled(columns: Vec<(&str, ArrayRef)>) -> Profile {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let half = batch.num_rows() / 2;
    let parts = vec![vec![batch.slice(0, half)], vec![batch.slice(half, batch.num_rows() - half)]];
    let context = SessionContext::new();
    let table = MemTable::try_new(batch.schema(), parts).unwrap();
    context.register_table("primary", Arc::new(table)).unwrap();
    profile(&context, &batch.schema(), mail).await.unwrap()
}

fn texts(values: Vec<Option<&str>>) -> ArrayRef {
    Arc::new(StringArray::from(values))
}

#[tokio::test]
async fn what_is_counted_is_that_of_both_parts() {
    let profile = profiled(vec![
        ("n", Arc::new(Int64Array::from(vec![Some(5), None, Some(-2), Some(5), Some(9)]))),
        ("f", Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), None, Some(-0.5), None]))),
        ("d", Arc::new(Date32Array::from(vec![Some(0), Some(20_000), None, Some(10), None]))),
        ("t", texts(vec![Some("ab"), Some(""), Some("  "), None, Some("가나다")])),
    ])
    .await;
    let [n, f, d, t] = profile.columns.as_slice() else { panic!("four columns") };
    assert_eq!((profile.rows, n.rows, n.nulls, n.filled()), (5, 5, 1, 4));
    assert_eq!(n.numbers, Some((-2.0, 9.0)));
    assert_eq!(n.distinct.as_ref().unwrap().values().unwrap(), [("-2", 1), ("5", 2), ("9", 1)]);
    assert_eq!((f.numbers, f.not_a_number, f.nulls), (Some((-0.5, 1.5)), 1, 2));
    assert_eq!(d.instants, Some((0, 20_000 * 86_400_000_000)));
    let facts = t.texts.as_ref().unwrap();
    assert_eq!((facts.empty, facts.blank, facts.lengths), (1, 1, Some((2, 3))), "lengths are in characters");
    assert!(facts.shapes.pattern().is_none());
}

#[tokio::test]
async fn many_values_are_estimated() {
    for count in [1_000i64, 50_000, 400_000] {
        let profile = profiled(vec![("n", Arc::new(Int64Array::from_iter_values((0..count).map(|n| n * 7))))]).await;
        let estimate = i64::try_from(profile.columns[0].estimate()).unwrap();
        assert!((estimate - count).abs() * 100 <= count * 3, "{count}: {estimate}");
        assert!(profile.columns[0].distinct.as_ref().unwrap().values().is_none());
    }
}

async fn pattern(values: &[&str]) -> Option<String> {
    let profile = profiled(vec![("t", texts(values.iter().map(|v| Some(*v)).collect()))]).await;
    profile.columns[0].texts.as_ref().unwrap().shapes.pattern()
}

#[tokio::test]
async fn codes_have_a_pattern_and_words_have_none() {
    for (values, expected) in [
        (["C536379", "536380", "536381", "C536382"], Some("[0-9]{6}|[A-Z][0-9]{6}")),
        (["AB-1", "CD-22", "EF-333", "GH-4"], Some("[A-Z]{2}-[0-9]+")),
        (["a.1", "b.2", "c.3", "d.4"], Some("[a-z][.][0-9]")),
        (["red", "green", "blue", "black"], None),
        (["two words 2", "a1", "a2", "a3"], None),
        (["한글1", "a1", "a2", "a3"], None),
    ] {
        assert_eq!(pattern(&values).await.as_deref(), expected, "{values:?}");
    }
    let digests = ["0a1b2c3d", "ffee0011", "12345678", "0f0ff00f", "abcdef01"];
    assert_eq!(pattern(&digests).await.as_deref(), Some("[0-9a-f]{8}"));
    let uuids = ["123e4567-e89b-12d3-a456-426614174000", "00000000-e89b-12d3-a456-42661417400f"];
    let expected = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    assert_eq!(pattern(&uuids).await.as_deref(), Some(expected));
}

#[tokio::test]
async fn what_looks_sensitive_is_counted() {
    let addresses: Vec<String> = (0..2000).map(|n| format!("user{n}@example.com")).collect();
    let profile = profiled(vec![("c", texts(addresses.iter().map(|a| Some(a.as_str())).collect()))]).await;
    let facts = profile.columns[0].texts.as_ref().unwrap();
    // One in sixteen is looked at.
    assert!((60..250).contains(&facts.looked_at), "{}", facts.looked_at);
    assert_eq!(facts.sensitive["email"], facts.looked_at);
}

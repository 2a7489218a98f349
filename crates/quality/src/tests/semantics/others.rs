//! Rules over other datasets, statements and combinations.

use super::*;

const NONE: Vec<(&str, f64)> = Vec::new();

fn numbers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// Keys 2, 2, NULL, 6 and 9 beside a, z, NULL, two spaces and a; as doubles with NaN.
fn keys() -> RecordBatch {
    table(vec![
        ("k", numbers(&[Some(2), Some(2), None, Some(6), Some(9)])),
        ("t", texts(&[Some("a"), Some("z"), None, Some("  "), Some("a")])),
        ("f", floats(&[Some(f64::NAN), Some(4.0), None, Some(1.0), Some(-0.0)])),
    ])
}

fn references() -> Vec<(&'static str, RecordBatch)> {
    vec![("keys", keys()), ("db.keys", keys()), ("none", keys().slice(0, 0)), ("same", six()), ("both", twice())]
}

#[tokio::test]
async fn referential_integrity() {
    let metric = |share: f64| vec![("Column.keys.ReferentialIntegrity", share)];
    let cases = [
        ("ReferentialIntegrity \"n\" \"keys.k\" = 0.5", PASS, metric(0.5)), // 2, 2, 6 of six
        ("ReferentialIntegrity \"n\" \"keys.{k}\" >= 0.6", FAIL, metric(0.5)),
        // (2, a) and (6, two spaces); (2, bb) is not there, and (NULL, NULL) matches nothing.
        ("ReferentialIntegrity \"n,s\" \"keys.{k,t}\" > 0.3", PASS, metric(2.0 / 6.0)),
        ("ReferentialIntegrity \"x\" \"keys.f\" > 0.6", PASS, metric(4.0 / 6.0)), // 1, NaN, 4, 4
        ("ReferentialIntegrity \"n\" \"keys.f\" > 0.1", PASS, metric(1.0 / 6.0)), // 0 is -0.0
        ("ReferentialIntegrity \"void\" \"keys.f\" = 0", PASS, metric(0.0)),
        ("ReferentialIntegrity \"n\" \"none.k\" = 0", PASS, vec![("Column.none.ReferentialIntegrity", 0.0)]),
        ("ReferentialIntegrity \"n\" \"db.keys.k\" = 0.5", PASS, vec![("Column.db.keys.ReferentialIntegrity", 0.5)]), // the last point counts
        ("ReferentialIntegrity \"n\" \"db.keys.{k}\" = 0.5", PASS, vec![("Column.db.keys.ReferentialIntegrity", 0.5)]),
        ("ReferentialIntegrity \"id\" \"same.id\" = 1", PASS, vec![("Column.same.ReferentialIntegrity", 1.0)]),
    ];
    compare(&six(), &references(), &cases).await;
    compare(&none(), &references(), &[("ReferentialIntegrity \"n\" \"keys.k\" >= 0", FAIL, NONE)]).await;
    let doubled = [("ReferentialIntegrity \"n\" \"keys.k\" = 0.5", PASS, metric(0.5))];
    compare(&twice(), &references(), &doubled).await;
    for rule in ["\"n\" \"keys.nope\"", "\"nope\" \"keys.k\"", "\"n,s\" \"keys.{k}\"", "\"n\" \"nobody.k\""] {
        let outcome = judged(&six(), &references(), &format!("ReferentialIntegrity {rule} >= 0")).await;
        assert_ne!(outcome.result, PASS, "{rule}");
    }
}

/// The six rows in another order under other names: row 1 has another text, row 2 no number, row 5 is missing and 7 is new.
fn moved() -> RecordBatch {
    table(vec![
        ("word", texts(&[Some("bb"), None, Some("bb"), Some("A"), Some("")])),
        ("key", numbers(&[Some(6), Some(3), Some(2), Some(1), Some(4)])),
        ("z", floats(&[Some(-2.0), None, Some(f64::NAN), Some(1.0), Some(4.0)])),
        ("a", numbers(&[Some(-2), None, None, Some(2), Some(0)])),
    ])
}

#[tokio::test]
async fn dataset_match() {
    let mut others = references();
    others.push(("moved", moved()));
    let metric = |share: f64| vec![("Dataset.moved.DatasetMatch", share)];
    compare(
        &six(),
        &others,
        &[
            // Rows 2, 3, 4 and 6 of six: NULL is NULL, and row 5 is not there.
            ("DatasetMatch \"moved\" \"id->key\" \"s->word\" > 0.66", PASS, metric(4.0 / 6.0)),
            // Rows 1, 3, 4 and 6: paired by the mapping, whatever the names' order.
            ("DatasetMatch \"moved\" \"id->key\" \"n->a\" > 0.66", PASS, metric(4.0 / 6.0)),
            ("DatasetMatch \"moved\" \"id->key\" \"n->a,x->z\" > 0.66", PASS, metric(4.0 / 6.0)),
            // Rows 1, 2, 3, 4 and 6: NaN is NaN.
            ("DatasetMatch \"moved\" \"id->key\" \"x->z\" > 0.83", PASS, metric(5.0 / 6.0)),
            ("DatasetMatch \"moved\" \"id->key\" \"n->a,s->word\" = 0.5", PASS, metric(0.5)), // 3, 4, 6
            // NULL in a key matches nothing: of rows 1, 2, 4, 5 and 6 the numbers 2, 2, 0, 6, -2 repeat.
            ("DatasetMatch \"moved\" \"n->a\" \"s->word\" >= 0", FAIL, NONE),
            ("DatasetMatch \"moved\" \"id->key,n->a\" \"s->word\" > 0.33", PASS, metric(2.0 / 6.0)), // 4, 6
            ("DatasetMatch \"same\" \"id\" = 1.0", PASS, vec![("Dataset.same.DatasetMatch", 1.0)]),
            ("DatasetMatch \"both\" \"id\" = 1.0", FAIL, NONE), // its ids repeat
            ("DatasetMatch \"none\" \"id->k\" \"s->t\" = 0", PASS, vec![("Dataset.none.DatasetMatch", 0.0)]),
        ],
    )
    .await;
    compare(&none(), &others, &[("DatasetMatch \"same\" \"id\" >= 0", FAIL, NONE)]).await;
    compare(&twice(), &others, &[("DatasetMatch \"same\" \"id\" >= 0", FAIL, NONE)]).await;
    let nulls = [("DatasetMatch \"moved\" \"void->z\" \"s->word\" = 0", PASS, metric(0.0))];
    compare(&six(), &others, &nulls).await;
}

#[tokio::test]
async fn schemas_and_counts() {
    let shuffled = six().project(&[7, 6, 5, 4, 3, 2, 1, 0]).unwrap();
    let retyped = {
        let mut columns: Vec<(&str, ArrayRef)> = vec![("id", texts(&[Some("1")]))];
        let rest = six().slice(0, 1);
        let schema = rest.schema();
        columns.extend(
            schema.fields().iter().map(|field| field.name().as_str()).zip(rest.columns().iter().cloned()).skip(1),
        );
        table(columns)
    };
    let mut others = references();
    others.extend([("shuffled", shuffled), ("retyped", retyped)]);
    compare(
        &six(),
        &others,
        &[
            ("SchemaMatch \"same\" = 1.0", PASS, vec![("Dataset.same.SchemaMatch", 1.0)]),
            ("SchemaMatch \"shuffled\" = 1.0", PASS, vec![("Dataset.shuffled.SchemaMatch", 1.0)]),
            ("SchemaMatch \"retyped\" > 0.8", PASS, vec![("Dataset.retyped.SchemaMatch", 7.0 / 8.0)]),
            ("SchemaMatch \"keys\" = 0", PASS, vec![("Dataset.keys.SchemaMatch", 0.0)]), // eight columns and three
            ("RowCountMatch \"both\" = 0.5", PASS, vec![("Dataset.both.RowCountMatch", 0.5)]),
            ("RowCountMatch \"keys\" = 1.2", PASS, vec![("Dataset.keys.RowCountMatch", 1.2)]),
            ("RowCountMatch \"none\" > 1", PASS, vec![("Dataset.none.RowCountMatch", f64::INFINITY)]),
        ],
    )
    .await;
    compare(
        &none(),
        &others,
        &[
            ("SchemaMatch \"same\" = 1.0", PASS, vec![("Dataset.same.SchemaMatch", 1.0)]),
            ("RowCountMatch \"same\" = 0", PASS, vec![("Dataset.same.RowCountMatch", 0.0)]),
            ("RowCountMatch \"none\" >= 0", FAIL, vec![("Dataset.none.RowCountMatch", f64::NAN)]),
            ("RowCountMatch \"none\" != 1", PASS, vec![("Dataset.none.RowCountMatch", f64::NAN)]),
        ],
    )
    .await;
}

#[tokio::test]
async fn aggregates() {
    let zeros = table(vec![("z", numbers(&[Some(1), Some(-1)])), ("k", numbers(&[Some(0), None]))]);
    let mut others = references();
    others.push(("zeros", zeros));
    let ratio = |name, value| vec![(name, value)];
    compare(
        &six(),
        &others,
        &[
            // 8 of 2 + 2 + 6 + 9.
            ("AggregateMatch \"sum(n)\" \"sum(keys.k)\" > 0.42", PASS, ratio("Column.n,k.AggregateMatch", 8.0 / 19.0)),
            // 1.6 of 4.75: NULL counts in neither.
            ("AggregateMatch \"avg(n)\" \"AVG(keys.k)\" < 0.34", PASS, ratio("Column.n,k.AggregateMatch", 1.6 / 4.75)),
            (
                "AggregateMatch \"sum(n)\" \"sum(db.keys.k)\" > 0.42",
                PASS,
                ratio("Column.n,k.AggregateMatch", 8.0 / 19.0),
            ),
            ("AggregateMatch \"SUM(n)\" \"sum(same.n)\" = 1.0", PASS, ratio("Column.n.AggregateMatch", 1.0)),
            (
                "AggregateMatch \"sum(n)\" \"sum(primary.id)\" < 0.4",
                PASS,
                ratio("Column.n,id.AggregateMatch", 8.0 / 21.0),
            ),
            ("AggregateMatch \"sum(zeros.z)\" \"sum(zeros.k)\" = 1", PASS, ratio("Column.z,k.AggregateMatch", 1.0)), // 0/0
            ("AggregateMatch \"sum(n)\" \"sum(zeros.z)\" = 0", PASS, ratio("Column.n,z.AggregateMatch", 0.0)), // 8/0
            ("AggregateMatch \"sum(x)\" \"sum(n)\" != 1", PASS, ratio("Column.x,n.AggregateMatch", f64::NAN)),
            ("AggregateMatch \"sum(x)\" \"sum(n)\" < 1", FAIL, ratio("Column.x,n.AggregateMatch", f64::NAN)),
            ("AggregateMatch \"sum(void)\" \"sum(n)\" >= 0", FAIL, NONE),
        ],
    )
    .await;
    compare(&none(), &others, &[("AggregateMatch \"sum(n)\" \"sum(same.n)\" >= 0", FAIL, NONE)]).await;
    let doubled = ("AggregateMatch \"sum(n)\" \"sum(same.n)\" = 2", PASS, ratio("Column.n.AggregateMatch", 2.0));
    compare(&twice(), &others, &[doubled]).await;
    // All lower or all upper, and these two alone.
    for bad in ["Sum(n)", "max(n)", "n"] {
        let rule = format!("AggregateMatch \"{bad}\" \"sum(same.n)\" >= 0");
        assert_eq!(judged(&six(), &others, &rule).await.result, RuleResult::Error, "{bad}");
    }
}

#[tokio::test]
async fn statements_of_one_number() {
    let number = |value: f64| vec![("Dataset.*.CustomSQL", value)];
    compare(
        &six(),
        &references(),
        &[
            ("CustomSql \"select count(*) from primary where n > 0\" = 3", PASS, number(3.0)),
            ("CustomSql \"select sum(n) from primary\" between 8 and 9", FAIL, number(8.0)),
            ("CustomSql \"select count(*) from primary p join keys k on p.n = k.k\" = 5", PASS, number(5.0)), // 2+2+1
            ("CustomSql \"select sum(n) from primary where n > 99\" >= 0", FAIL, NONE),                       // NULL
            ("CustomSql \"select avg(x) from primary\" != 0", PASS, number(f64::NAN)),
            ("CustomSql \"select avg(x) from primary\" > 0", FAIL, number(f64::NAN)),
            ("CustomSql \"select n > 1 from primary where id = 1\" = 1", PASS, number(1.0)),
        ],
    )
    .await;
    compare(&none(), &references(), &[("CustomSql \"select count(*) from primary\" = 0", PASS, number(0.0))]).await;
    for sql in [
        "select n from primary",
        "select 1, 2",
        "select s from primary where id = 1",
        "select n from primary where id > 9",
    ] {
        let outcome = judged(&six(), &references(), &format!("CustomSql \"{sql}\" >= 0")).await;
        assert_eq!(outcome.result, RuleResult::Error, "{sql}");
    }
}

/// The rows that are returned pass.
#[tokio::test]
async fn statements_of_rows() {
    let share = |value: f64| vec![("Dataset.*.CustomSQL.Compliance", value)];
    compare(
        &six(),
        &references(),
        &[
            ("CustomSql \"select id from primary\"", PASS, share(1.0)),
            ("CustomSql \"select id from primary where n > 0\"", FAIL, share(0.5)),
            ("CustomSql \"select id from primary where n > 0\" with threshold >= 0.5", PASS, share(0.5)),
            ("CustomSql \"select id from primary where n > 99\"", FAIL, share(0.0)),
            // No key: both rows with 2 are meant, once each.
            ("CustomSql \"select n from primary where id = 1\"", FAIL, share(2.0 / 6.0)),
            ("CustomSql \"select n from primary where id in (1, 2)\"", FAIL, share(2.0 / 6.0)),
            // NULL is found again.
            ("CustomSql \"select n, s from primary where n is null\"", FAIL, share(1.0 / 6.0)),
            ("CustomSql \"select x from primary where isnan(x)\"", FAIL, share(1.0 / 6.0)),
            ("CustomSql \"select * from primary\"", PASS, share(1.0)),
        ],
    )
    .await;
    compare(&none(), &references(), &[("CustomSql \"select id from primary\"", FAIL, NONE)]).await;
    compare(&twice(), &references(), &[("CustomSql \"select id from primary where n > 0\"", FAIL, share(0.5))]).await;
    for sql in ["select k from keys", "select count(*) as many from primary", "select id + 1 as next from primary"] {
        let outcome = judged(&six(), &references(), &format!("CustomSql \"{sql}\"")).await;
        assert_eq!(outcome.result, RuleResult::Error, "{sql}");
    }
}

/// A combination of outcomes over the dataset: all parts are judged, and all their metrics told.
#[tokio::test]
async fn combinations() {
    let (rows, n, x) =
        (("Dataset.*.RowCount", 6.0), ("Column.n.Completeness", 5.0 / 6.0), ("Column.x.Completeness", 5.0 / 6.0));
    compare(
        &six(),
        &[],
        &[
            ("(RowCount = 6) and (IsComplete \"n\")", FAIL, vec![rows, n]),
            ("(RowCount = 6) or (IsComplete \"n\")", PASS, vec![rows, n]), // no short cut
            ("(IsComplete \"n\") or (IsComplete \"x\")", FAIL, vec![n, x]),
            // `and` first: false, or (true and true).
            ("IsComplete \"n\" or RowCount = 6 and RowCount > 5", PASS, vec![rows, n]),
            ("(IsComplete \"n\" or RowCount = 6) and (IsComplete \"x\")", FAIL, vec![rows, n, x]),
            // Neither holds for all rows, though each row satisfies one.
            (
                "(IsComplete \"n\") or (Completeness \"n\" = 0 where \"id <> 3\")",
                FAIL,
                vec![("Column.n.Completeness", 1.0)],
            ),
        ],
    )
    .await;
    let both = judged(&six(), &[], "(IsComplete \"n\") and (RowCount = 7)").await;
    assert_eq!(both.message.as_deref(), Some("1 of 6 rows hold NULL; it is 6"));
    let one = judged(&six(), &[], "(IsComplete \"nope\") or (RowCount = 6)").await;
    assert_eq!(one.result, PASS);
    let one = judged(&six(), &[], "(IsComplete \"nope\") and (RowCount = 6)").await;
    assert_eq!(one.result, RuleResult::Error);
}

/// A `where` that does not compile or fails is no verdict: Glue ends the run, and here the rule says so.
#[tokio::test]
async fn a_predicate_that_is_none_judges_nothing() {
    for filter in ["nope > 1", "n >", "n + 1", "select 1", "lenght(s) = 1"] {
        for rule in ["RowCount >= 0", "IsComplete \"id\"", "Mean \"n\" > 0", "IsUnique \"id\"", "Entropy \"n\" > 0"] {
            let outcome = judged(&six(), &[], &format!("{rule} where \"{filter}\"")).await;
            assert_eq!(outcome.result, RuleResult::Error, "{rule} where {filter}");
        }
    }
}

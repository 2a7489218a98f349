//! Rules over single rows: ColumnValues with numbers and texts, ColumnLength, ColumnDataType.

use super::*;

const COMPLIANCE: &str = "ColumnValues.Compliance";

async fn values(data: &RecordBatch, column: &str, cases: &[(&str, usize)]) {
    count(data, &format!("ColumnValues \"{column}\""), &format!("Column.{column}.{COMPLIANCE}"), cases).await;
}

/// Of 2, 2, NULL, 0, 6, -2.
#[tokio::test]
async fn numbers() {
    let conditions = [
        ("> 0", 3),
        (">= 0", 4),
        ("< 2", 2),
        ("<= 2", 4),
        ("= 2", 2),
        ("= 2.0", 2),
        ("= 1 + 1", 2),
        ("= - 2", 1),
        ("!= 2", 4), // NULL satisfies it
        ("between 0 and 6", 2),
        ("between 0 AND 7", 3),
        ("not between 0 and 6", 3), // 0, 6, -2: the ends, and not NULL
        ("in [2, 6]", 3),
        ("not in [2, 6]", 3), // NULL, 0, -2
        ("in [2, NULL]", 3),
        ("not in [2, NULL]", 3), // 0, 6, -2
        ("= NULL", 1),
        ("!= NULL", 5),
        ("in [NULL]", 1),
        ("not in [NULL]", 5),
        ("> 99", 0),
        ("!= 99", 6),
    ];
    values(&six(), "n", &conditions).await;
    // Without a value only NULL itself and the negated conditions hold.
    let of_nulls =
        [("> 0", 0), ("< 0", 0), ("= 0", 0), ("between -9 and 9", 0), ("not between -9 and 9", 0), ("in [0]", 0)];
    values(&six(), "void", &of_nulls).await;
    values(&six(), "void", &[("!= 0", 6), ("not in [0]", 6), ("= NULL", 6), ("!= NULL", 0), ("in [0, NULL]", 6)]).await;
    // Decimals are compared by their digits: 0.10, 0.20, 0.30, NULL, 10.00, 0.30.
    values(&six(), "price", &[("= 0.1", 1), ("= 0.3", 2), ("in [0.1, 10]", 2), ("> 0.3", 1), (">= 0.300", 3)]).await;
}

/// Of 1, NaN, NULL, 4, 4, -2. To Spark NaN is greater than every number, and equal to none.
#[tokio::test]
async fn not_a_number() {
    let conditions = [
        ("> 0", 4),
        (">= 4", 3),
        ("> 99999999999999999999", 1),
        ("< 4", 2),
        ("<= 4", 4),
        ("= 4", 2),
        ("!= 4", 4), // 1, NaN, NULL, -2
        ("between 0 and 5", 3),
        ("not between 0 and 4", 4), // NaN, 4, 4, -2
        ("in [1, 4]", 3),
        ("not in [1, 4]", 3), // NaN, NULL, -2
        ("in [4, NULL]", 3),
        ("not in [4, NULL]", 3), // 1, NaN, -2
        ("= NULL", 1),
        ("!= NULL", 5),
    ];
    values(&six(), "x", &conditions).await;
    // The sign that division gives it does not count, nor do single floats differ.
    let negative = table(vec![
        ("d", floats(&[Some(-f64::NAN), Some(7.0)])),
        ("f", Arc::new(arrow::array::Float32Array::from(vec![-f32::NAN, 7.0]))),
    ]);
    for column in ["d", "f"] {
        values(&negative, column, &[("> 7", 1), (">= 7", 2), ("<= 7", 1), ("= 7", 1), ("!= 7", 1)]).await;
    }
}

/// The metrics of a rule over numbers: NaN is the least of NaN alone.
#[tokio::test]
async fn least_and_greatest() {
    let metrics = |share: f64, low: f64, high: f64| {
        vec![("Column.x.ColumnValues.Compliance", share), ("Column.x.Minimum", low), ("Column.x.Maximum", high)]
    };
    compare(
        &six(),
        &[],
        &[
            ("ColumnValues \"x\" > -3", FAIL, metrics(5.0 / 6.0, -2.0, f64::NAN)), // NULL
            ("ColumnValues \"x\" > -3 where \"x is not null\"", PASS, metrics(1.0, -2.0, f64::NAN)),
            ("ColumnValues \"x\" > -3 where \"x < 9\"", PASS, metrics(1.0, -2.0, 4.0)), // neither NaN nor NULL
            // Spark's isnan knows no NULL: its row is kept, and fails.
            ("ColumnValues \"x\" > -3 where \"not isnan(x)\"", FAIL, metrics(0.8, -2.0, 4.0)),
            ("ColumnValues \"x\" > 5 where \"id = 2\"", PASS, metrics(1.0, f64::NAN, f64::NAN)),
            ("ColumnValues \"void\" = 0", FAIL, vec![("Column.void.ColumnValues.Compliance", 0.0)]),
            ("ColumnValues \"n\" > 99 where \"n > 99\"", PASS, vec![]), // no row that breaks it
            (
                "ColumnValues \"n\" > 0 where \"n > 0\"",
                PASS,
                vec![("Column.n.ColumnValues.Compliance", 1.0), ("Column.n.Minimum", 2.0), ("Column.n.Maximum", 6.0)],
            ),
        ],
    )
    .await;
    compare(&none(), &[], &[("ColumnValues \"x\" > 0", PASS, vec![])]).await;
    let doubled = judged(&twice(), &[], "ColumnValues \"n\" > 0 with threshold = 0.5").await;
    assert_eq!((doubled.result, doubled.metrics["Column.n.ColumnValues.Compliance"]), (PASS, 0.5));
}

/// Of a, bb, NULL, the empty string, two spaces, bb.
#[tokio::test]
async fn texts_in_lists_and_by_keywords() {
    let conditions = [
        ("= \"bb\"", 2),
        ("= \"b\"", 0),
        ("!= \"bb\"", 4), // NULL satisfies it
        ("in [\"a\", \"bb\"]", 3),
        ("not in [\"a\", \"bb\"]", 3), // NULL, empty, blank
        ("= EMPTY", 1),
        ("= \"\"", 1),
        ("!= EMPTY", 5),
        ("= WHITESPACES_ONLY", 1),
        ("!= whitespaces_only", 5),
        ("in [\"a\", EMPTY, WHITESPACES_ONLY, NULL]", 4),
        ("not in [EMPTY, WHITESPACES_ONLY, NULL]", 3),
        ("not in [\"a\", EMPTY]", 4), // bb, NULL, blank, bb
        ("in [\"a\", null]", 2),
        ("= NULL", 1),
        ("!= NULL", 5),
        ("matches \"b+\"", 2),
        ("matches \"b\"", 0), // the whole value must match
        ("matches \"a|b\"", 1),
        ("matches \"b*\"", 3), // also the empty string
        ("matches \".*\"", 5), // not NULL
        ("not matches \"b+\"", 3),
        ("not matches \"b\"", 5), // nothing is a single b
    ];
    values(&six(), "s", &conditions).await;
    let of_nulls = [("= \"a\"", 0), ("in [\"a\", EMPTY]", 0), ("matches \".*\"", 0), ("not matches \"a\"", 0)];
    values(&six(), "blank", &of_nulls).await;
    values(&six(), "blank", &[("!= \"a\"", 6), ("not in [EMPTY]", 6), ("= NULL", 6), ("in [\"a\", NULL]", 6)]).await;
    compare(&none(), &[], &[("ColumnValues \"s\" = \"a\"", PASS, vec![])]).await;
    let kept = (
        "ColumnValues \"s\" = \"bb\" where \"length(trim(s)) = 2\"",
        PASS,
        vec![("Column.s.ColumnValues.Compliance", 1.0)],
    );
    compare(&six(), &[], &[kept]).await;
}

/// White space is what Spark's `trim` takes away: the space alone.
#[tokio::test]
async fn only_spaces_are_white_space() {
    let blanks = [" ", "   ", "\t", " \t ", "\n", "\r", "\u{a0}", "\u{3000}", "", "a "];
    let data = table(vec![("s", texts(&blanks.map(Some)))]);
    let conditions =
        [("= WHITESPACES_ONLY", 2), ("!= WHITESPACES_ONLY", 8), ("in [EMPTY, WHITESPACES_ONLY]", 3), ("= EMPTY", 1)];
    values(&data, "s", &conditions).await;
}

#[tokio::test]
async fn backslashes_and_quotes() {
    let data = table(vec![("s", texts(&[Some(r"a\b"), Some(r"a\\b"), Some("a'b"), Some("a\"b"), Some("ab")]))]);
    let conditions = [
        // A list loses one level, an operand alone keeps what is written.
        (r#"in ["a\\b"]"#, 1),
        (r#"in ["a\b"]"#, 1), // `ab`
        (r#"= "a\\b""#, 1),
        (r#"in ["a\"b"]"#, 1),
        (r#"= "a'b""#, 1),
        (r#"in ["a'b", "ab"]"#, 2),
        // Two backslashes match one; in a pattern as in Java.
        (r#"matches "a\\b""#, 1),
        (r#"matches "a\\{2}b""#, 1),
    ];
    values(&data, "s", &conditions).await;
    // The form of a date makes it one, wherever it stands; a backslash in a list makes it a text.
    let dated = table(vec![("s", texts(&[Some("2026-03-01"), Some("2026-03-01 10:00"), Some("x")]))]);
    values(&dated, "s", &[("= \"2026-03-01\"", 2), (r#"in ["\2026-03-01"]"#, 1), (r#"in ["\2026-03-01", "x"]"#, 2)])
        .await;
}

/// The condition's type decides, and the column is cast as Spark does.
#[tokio::test]
async fn columns_of_other_types_are_cast() {
    let codes = [Some("12"), Some(" 12 "), Some("1e1"), Some("abc"), Some("NaN"), Some(""), None, Some("1.5d")];
    let data = table(vec![("s", texts(&codes))]);
    // 12, 12, 10 and NaN are above 5. What is no number satisfies nothing, not even `!=`, which NULL does.
    values(
        &data,
        "s",
        &[("> 5", 4), ("= 12", 2), ("in [10, 1.5]", 2), ("!= 12", 4), ("not in [12]", 4), ("= NULL", 1)],
    )
    .await;
    values(&six(), "n", &[("in [\"2\", \"6\"]", 3), ("= \"2.0\"", 0), ("!= \"2\"", 4), ("matches \"-?\\d\"", 5)]).await;
    values(&six(), "x", &[("= \"4.0\"", 2), ("= \"4\"", 0), ("= \"NaN\"", 1)]).await;
    values(&six(), "price", &[("in [\"0.10\", \"10.00\"]", 2), ("= \"0.1\"", 0)]).await;
}

/// A share of the rows is enough with a threshold; without one it must be all of them.
#[tokio::test]
async fn thresholds() {
    for (rule, result) in [
        ("ColumnValues \"n\" > 0", FAIL), // three of six
        ("ColumnValues \"n\" > 0 with threshold = 0.5", PASS),
        ("ColumnValues \"n\" > 0 with THRESHOLD >= 0.5", PASS),
        ("ColumnValues \"n\" > 0 with threshold > 0.5", FAIL),
        ("ColumnValues \"n\" > 0 with threshold between 0.5 and 0.6", FAIL), // exclusive
        ("ColumnValues \"n\" > 0 with threshold not between 0.5 and 0.6", PASS),
        ("ColumnValues \"n\" > 0 with threshold in [0.5, 0.9]", PASS),
        ("ColumnValues \"n\" > 0 with threshold < 0.6", PASS),
        ("ColumnValues \"n\" > 0 with threshold = \"0.5\"", FAIL), // a tag of that name
        ("ColumnValues \"n\" != 99 with threshold < 1", FAIL),     // all of them
        ("ColumnValues \"s\" in [\"a\", \"bb\"] with threshold >= 0.5", PASS),
        ("ColumnValues \"s\" matches \"b+\" with threshold > 0.33", PASS), // two of six
        ("ColumnValues \"day\" > \"2026-03-01\" with threshold = 0.5", PASS), // three of six
        ("ColumnValues \"n\" > 2 with threshold > 0.3 where \"n > 0\"", PASS), // one of three
        ("ColumnDataType \"n\" = \"Integer\" with threshold > 0.8", PASS), // five of six
        ("ColumnDataType \"n\" = \"Integer\" with threshold > 0.9", FAIL),
        ("CustomSql \"select id from primary where n > 0\" with threshold = 0.5", PASS),
        ("CustomSql \"select id from primary where n > 0\" with threshold > 3", FAIL), // no number of rows
    ] {
        assert_eq!(judged(&six(), &[], rule).await.result, result, "{rule}");
    }
}

/// Lengths 1, 2, 0 for NULL, 0, 2, 2.
#[tokio::test]
async fn lengths() {
    let conditions = [
        ("> 0", 4),
        (">= 0", 6),
        ("< 2", 3),
        ("<= 1", 3),
        ("= 2", 3),
        ("!= 2", 3),
        ("between 0 and 2", 1),
        ("not between 0 and 2", 5),
        ("in [0, 2]", 5),
        ("not in [0]", 4),
        ("not in [7]", 6),
    ];
    count(&six(), "ColumnLength \"s\"", "Column.s.LengthCompliance", &conditions).await;
    let metrics = |column: &str, share: f64, low: f64, high: f64| {
        let named = |name: &str, value: f64| (format!("Column.{column}.{name}"), value);
        vec![named("LengthCompliance", share), named("MinimumLength", low), named("MaximumLength", high)]
    };
    for (data, rule, result, expected) in [
        (six(), "ColumnLength \"s\" > 4", FAIL, metrics("s", 0.0, 0.0, 2.0)),
        (six(), "ColumnLength \"s\" < 6", PASS, metrics("s", 1.0, 0.0, 2.0)),
        (six(), "ColumnLength \"blank\" = 0", PASS, metrics("blank", 1.0, 0.0, 0.0)),
        (six(), "ColumnLength \"s\" >= 1 where \"n > 0\"", PASS, metrics("s", 1.0, 1.0, 2.0)),
        (twice(), "ColumnLength \"s\" = 2", FAIL, metrics("s", 0.5, 0.0, 2.0)),
        (none(), "ColumnLength \"s\" = 2", PASS, vec![]),
    ] {
        let expected: Vec<(&str, f64)> = expected.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        compare(&data, &[], &[(rule, result, expected)]).await;
    }
    // Characters, not bytes.
    let data = table(vec![("s", texts(&[Some("größe"), Some("서울"), Some("👍")]))]);
    count(&data, "ColumnLength \"s\"", "Column.s.LengthCompliance", &[("= 5", 1), ("= 2", 1), ("= 1", 1)]).await;
}

/// NULL can be cast to nothing.
#[tokio::test]
async fn types() {
    let codes = [Some("12"), Some("1.5"), Some("abc"), Some("NaN"), Some(""), None, Some("2026-03-01"), Some("true")];
    let data = table(vec![("s", texts(&codes)), ("v", texts(&[None; 8])), ("d", floats(&[Some(f64::NAN); 8]))]);
    let conditions = [
        ("= \"Integer\"", 2), // 12, and 1.5 without its fraction
        ("!= \"Integer\"", 6),
        ("= \"LONG\"", 2),
        ("= \"double\"", 3), // 12, 1.5, NaN
        ("= \"Float\"", 3),
        ("= \"DECIMAL(3,1)\"", 2),
        ("= \"Boolean\"", 1),
        ("= \"Date\"", 1),
        ("= \"Timestamp\"", 1),
        ("in [\"Date\", \"Boolean\"]", 2),
        ("not in [\"Date\", \"Boolean\"]", 6),
        ("= \"Date\" with format = \"yyyy-MM-dd\"", 1),
        ("= \"Date\" with format = \"dd/MM/yyyy\"", 0),
    ];
    count(&data, "ColumnDataType \"s\"", "Column.s.ColumnDataType.Compliance", &conditions).await;
    count(
        &data,
        "ColumnDataType \"v\"",
        "Column.v.ColumnDataType.Compliance",
        &[("= \"Date\"", 0), ("!= \"Date\"", 8)],
    )
    .await;
    count(&data, "ColumnDataType \"d\"", "Column.d.ColumnDataType.Compliance", &[("= \"Double\"", 8)]).await;
    let kept = (
        "ColumnDataType \"s\" = \"Integer\" where \"length(s) < 3 and s <> ''\"",
        PASS,
        vec![("Column.s.ColumnDataType.Compliance", 1.0)],
    );
    compare(&data, &[], &[kept]).await;
    compare(&data.slice(0, 0), &[], &[("ColumnDataType \"s\" = \"Integer\"", PASS, vec![])]).await;
}

//! Rules over a metric of the dataset.

use super::*;

const NONE: Vec<(&str, f64)> = Vec::new();

#[tokio::test]
async fn counts_of_rows_and_columns() {
    compare(
        &six(),
        &[],
        &[
            ("RowCount = 6", PASS, vec![("Dataset.*.RowCount", 6.0)]),
            ("RowCount > 6", FAIL, vec![("Dataset.*.RowCount", 6.0)]),
            ("RowCount = 3 where \"n > 0\"", PASS, vec![("Dataset.*.RowCount", 3.0)]), // 2, 2, 6; NULL is not true
            ("RowCount = 0 where \"n > 99\"", PASS, vec![("Dataset.*.RowCount", 0.0)]),
            ("ColumnCount = 8", PASS, vec![("Dataset.*.ColumnCount", 8.0)]),
            ("ColumnExists \"day\"", PASS, vec![("Dataset.day.ColumnExists", 1.0)]),
            ("ColumnExists \"Day\"", FAIL, vec![("Dataset.Day.ColumnExists", 0.0)]),
            // Four of eight names have an `i` or a `d`: id, day, price and void.
            ("ColumnNamesMatchPattern \"[id]\"", FAIL, vec![("Dataset.*.ColumnNamesPatternMatchRatio", 4.0 / 8.0)]),
            ("ColumnNamesMatchPattern \"[a-z]\"", PASS, vec![("Dataset.*.ColumnNamesPatternMatchRatio", 1.0)]),
        ],
    )
    .await;
    compare(
        &none(),
        &[],
        &[
            ("RowCount = 0", PASS, vec![("Dataset.*.RowCount", 0.0)]),
            ("ColumnCount = 8", PASS, vec![("Dataset.*.ColumnCount", 8.0)]),
            ("ColumnExists \"n\"", PASS, vec![("Dataset.n.ColumnExists", 1.0)]),
            ("ColumnNamesMatchPattern \"^.+$\"", PASS, vec![("Dataset.*.ColumnNamesPatternMatchRatio", 1.0)]),
        ],
    )
    .await;
    compare(&twice(), &[], &[("RowCount = 12", PASS, vec![("Dataset.*.RowCount", 12.0)])]).await;
}

#[tokio::test]
async fn completeness() {
    let five = 5.0 / 6.0;
    compare(
        &six(),
        &[],
        &[
            ("Completeness \"id\" = 1", PASS, vec![("Column.id.Completeness", 1.0)]),
            ("Completeness \"n\" > 0.8", PASS, vec![("Column.n.Completeness", five)]),
            ("Completeness \"n\" between 0.8 and 0.9", PASS, vec![("Column.n.Completeness", five)]),
            ("Completeness \"x\" > 0.9", FAIL, vec![("Column.x.Completeness", five)]), // NaN is a value
            ("Completeness \"s\" > 0.8", PASS, vec![("Column.s.Completeness", five)]), // so is the empty string
            ("Completeness \"void\" = 0", PASS, vec![("Column.void.Completeness", 0.0)]),
            ("Completeness \"price\" = 1 where \"n > 0\"", PASS, vec![("Column.price.Completeness", 1.0)]),
            // Of the rows without n only.
            ("Completeness \"n\" = 0 where \"n is null\"", PASS, vec![("Column.n.Completeness", 0.0)]),
            ("Completeness \"n\" >= 0 where \"n > 99\"", FAIL, NONE),
            ("IsComplete \"id\"", PASS, vec![("Column.id.Completeness", 1.0)]),
            ("IsComplete \"x\"", FAIL, vec![("Column.x.Completeness", five)]),
            ("IsComplete \"void\"", FAIL, vec![("Column.void.Completeness", 0.0)]),
            ("IsComplete \"n\" where \"id <> 3\"", PASS, vec![("Column.n.Completeness", 1.0)]),
            ("IsComplete \"void\" where \"n > 99\"", PASS, NONE), // no row that breaks it
        ],
    )
    .await;
    let empty = [("Completeness \"n\" >= 0", FAIL, NONE), ("IsComplete \"n\"", PASS, NONE)];
    compare(&none(), &[], &empty).await;
    let doubled = [("Completeness \"n\" > 0.8", PASS, vec![("Column.n.Completeness", 10.0 / 12.0)])];
    compare(&twice(), &[], &doubled).await;
}

#[tokio::test]
async fn keys() {
    compare(
        &six(),
        &[],
        &[
            // 0, 6 and -2 of five values.
            ("Uniqueness \"n\" = 0.6", PASS, vec![("Column.n.Uniqueness", 0.6)]),
            ("Uniqueness \"x\" = 0.6", PASS, vec![("Column.x.Uniqueness", 0.6)]), // 1, NaN, -2
            ("Uniqueness \"s\" = 0.6", PASS, vec![("Column.s.Uniqueness", 0.6)]), // a, the empty one, the blank one
            ("Uniqueness \"void\" >= 0", FAIL, NONE),
            // (2, a), (2, bb), (0, ""), (6, "  "), (-2, bb); the row of NULLs alone is left out.
            ("Uniqueness \"n\" \"s\" = 1", PASS, vec![("Multicolumn.n,s.Uniqueness", 1.0)]),
            // (2, NULL) twice, and (0, NULL), (6, NULL), (-2, NULL): a partly-null key is one like any other.
            ("Uniqueness \"n\" \"void\" = 0.6", PASS, vec![("Multicolumn.n,void.Uniqueness", 0.6)]),
            ("Uniqueness \"n\" > 0.3 where \"n > 0\"", PASS, vec![("Column.n.Uniqueness", 1.0 / 3.0)]), // 6 of 2, 2, 6
            ("Uniqueness \"n\" >= 0 where \"n > 99\"", FAIL, NONE),
            ("IsUnique \"id\"", PASS, vec![("Column.id.Uniqueness", 1.0)]),
            ("IsUnique \"n\"", FAIL, vec![("Column.n.Uniqueness", 0.6)]),
            ("IsUnique \"n\" where \"n < 2\"", PASS, vec![("Column.n.Uniqueness", 1.0)]),
            ("IsUnique \"n\" \"x\"", PASS, vec![("Multicolumn.n,x.Uniqueness", 1.0)]),
            ("IsUnique \"void\"", FAIL, NONE),
            ("IsPrimaryKey \"id\"", PASS, vec![("Column.id.Uniqueness", 1.0), ("Column.id.Completeness", 1.0)]),
            (
                "IsPrimaryKey \"n\" where \"n < 2\"",
                PASS,
                vec![("Column.n.Uniqueness", 1.0), ("Column.n.Completeness", 1.0)],
            ),
            // Unique, and yet no key: one of the columns holds NULL.
            (
                "IsPrimaryKey \"id\" \"n\"",
                FAIL,
                vec![
                    ("Multicolumn.id,n.Uniqueness", 1.0),
                    ("Column.id.Completeness", 1.0),
                    ("Column.n.Completeness", 5.0 / 6.0),
                ],
            ),
            ("IsPrimaryKey \"void\"", FAIL, vec![("Column.void.Completeness", 0.0)]),
            // 0, 6, -2 of 2, 0, 6, -2.
            ("UniqueValueRatio \"n\" = 0.75", PASS, vec![("Column.n.UniqueValueRatio", 0.75)]),
            ("UniqueValueRatio \"x\" = 0.75", PASS, vec![("Column.x.UniqueValueRatio", 0.75)]),
            ("UniqueValueRatio \"n\" = 0.5 where \"n > 0\"", PASS, vec![("Column.n.UniqueValueRatio", 0.5)]),
            ("UniqueValueRatio \"void\" >= 0", FAIL, NONE),
            // 2, 0, 6, -2 and NULL.
            ("DistinctValuesCount \"n\" = 5", PASS, vec![("Column.n.DistinctValuesCount", 5.0)]),
            ("DistinctValuesCount \"x\" = 5", PASS, vec![("Column.x.DistinctValuesCount", 5.0)]),
            ("DistinctValuesCount \"id\" = 6", PASS, vec![("Column.id.DistinctValuesCount", 6.0)]),
            ("DistinctValuesCount \"void\" = 1", PASS, vec![("Column.void.DistinctValuesCount", 1.0)]),
            ("DistinctValuesCount \"n\" = 2 where \"n > 0\"", PASS, vec![("Column.n.DistinctValuesCount", 2.0)]),
            ("DuplicateRowCount \"n\" = 2", PASS, vec![("Column.n.DuplicateRowCount", 2.0)]),
            ("DuplicateRowCount \"n\" \"s\" = 0", PASS, vec![("Multicolumn.n,s.DuplicateRowCount", 0.0)]),
            ("DuplicateRowCount \"void\" = 0", PASS, vec![("Column.void.DuplicateRowCount", 0.0)]),
            ("DuplicateRowCount = 0", PASS, vec![("Dataset.*.DuplicateRowCount", 0.0)]),
            ("DuplicateRowCount \"n\" = 0 where \"n < 2\"", PASS, vec![("Column.n.DuplicateRowCount", 0.0)]),
        ],
    )
    .await;
}

#[tokio::test]
async fn keys_of_no_row_and_of_each_row_twice() {
    compare(
        &none(),
        &[],
        &[
            ("Uniqueness \"n\" >= 0", FAIL, NONE),
            ("IsUnique \"n\"", FAIL, NONE),
            ("IsPrimaryKey \"n\"", FAIL, vec![("Column.n.Completeness", 0.0)]),
            ("UniqueValueRatio \"n\" >= 0", FAIL, NONE),
            ("DistinctValuesCount \"n\" = 0", PASS, vec![("Column.n.DistinctValuesCount", 0.0)]),
            ("DuplicateRowCount = 0", PASS, vec![("Dataset.*.DuplicateRowCount", 0.0)]),
        ],
    )
    .await;
    compare(
        &twice(),
        &[],
        &[
            ("Uniqueness \"id\" = 0", PASS, vec![("Column.id.Uniqueness", 0.0)]),
            ("IsUnique \"id\"", FAIL, vec![("Column.id.Uniqueness", 0.0)]),
            ("IsPrimaryKey \"id\"", FAIL, vec![("Column.id.Uniqueness", 0.0), ("Column.id.Completeness", 1.0)]),
            ("UniqueValueRatio \"x\" = 0", PASS, vec![("Column.x.UniqueValueRatio", 0.0)]), // both NaN are one value
            ("DistinctValuesCount \"x\" = 5", PASS, vec![("Column.x.DistinctValuesCount", 5.0)]),
            ("DuplicateRowCount = 12", PASS, vec![("Dataset.*.DuplicateRowCount", 12.0)]),
            ("DuplicateRowCount \"x\" = 10", PASS, vec![("Column.x.DuplicateRowCount", 10.0)]), // but for NULL
        ],
    )
    .await;
}

/// NaN is one value however its bits are set, and so is zero: 0/0 has another sign than the NaN of a literal.
#[tokio::test]
async fn values_that_spark_takes_for_equal_are_one() {
    let signs = table(vec![("f", floats(&[Some(f64::NAN), Some(-f64::NAN), Some(0.0), Some(-0.0)]))]);
    let other = table(vec![("f", floats(&[Some(f64::NAN), Some(0.0)]))]);
    compare(
        &signs,
        &[("other", other)],
        &[
            ("DistinctValuesCount \"f\" = 2", PASS, vec![("Column.f.DistinctValuesCount", 2.0)]),
            ("Uniqueness \"f\" = 0", PASS, vec![("Column.f.Uniqueness", 0.0)]),
            ("ZerosCount \"f\" = 2", PASS, vec![("Column.f.ZerosCount", 2.0)]),
            ("Entropy \"f\" between 0.693 and 0.694", PASS, vec![("Column.f.Entropy", f64::ln(2.0))]),
            // Sorted: 0, 0, NaN, NaN; the first quarter lies on the zeros, the third on NaN.
            ("InterquartileRange \"f\" != 0", PASS, vec![("Column.f.InterquartileRange", f64::NAN)]),
            // 0 and NaN alike are not below -1, and NaN alone is above 0.
            (
                "ColumnValues \"f\" > 0 with threshold = 0.5",
                PASS,
                vec![
                    ("Column.f.ColumnValues.Compliance", 0.5),
                    ("Column.f.Minimum", 0.0),
                    ("Column.f.Maximum", f64::NAN),
                ],
            ),
            ("ReferentialIntegrity \"f\" \"other.f\" = 1", PASS, vec![("Column.other.ReferentialIntegrity", 1.0)]),
            ("DatasetMatch \"other\" \"f\" = 1", FAIL, vec![]), // keys are repeated
        ],
    )
    .await;
    let one_negative = [Some(-f64::NAN), Some(1.0), Some(2.0), Some(3.0), Some(4.0)];
    // Sorted: 1, 2, 3, 4, NaN; places 1 and 3 are 2 and 4.
    let cases: [Case<'_>; 1] = [("InterquartileRange \"f\" = 2", PASS, vec![("Column.f.InterquartileRange", 2.0)])];
    compare(&table(vec![("f", floats(&one_negative))]), &[], &cases).await;
}

#[tokio::test]
async fn statistics() {
    let ln = f64::ln;
    compare(
        &six(),
        &[],
        &[
            // Two of five values are 2, three stand alone: ln 5 - 2/5 · ln 2.
            ("Entropy \"n\" > 1.33", PASS, vec![("Column.n.Entropy", ln(5.0) - 0.4 * ln(2.0))]),
            ("Entropy \"x\" > 1.33", PASS, vec![("Column.x.Entropy", ln(5.0) - 0.4 * ln(2.0))]), // NaN is a value
            ("Entropy \"s\" > 1.33", PASS, vec![("Column.s.Entropy", ln(5.0) - 0.4 * ln(2.0))]),
            ("Entropy \"void\" >= 0", FAIL, NONE),
            // 2, 2, 6: ln 3 - 2/3 · ln 2.
            ("Entropy \"n\" > 0 where \"n > 0\"", PASS, vec![("Column.n.Entropy", ln(3.0) - ln(2.0) * 2.0 / 3.0)]),
            // 2 + 2 + 0 + 6 - 2 = 8, of five.
            ("Sum \"n\" = 8", PASS, vec![("Column.n.Sum", 8.0)]),
            ("Mean \"n\" = 1.6", PASS, vec![("Column.n.Mean", 1.6)]),
            // 0.10 + 0.20 + 0.30 + 10.00 + 0.30, exactly.
            ("Sum \"price\" = 10.9", PASS, vec![("Column.price.Sum", 10.9)]),
            ("Mean \"price\" = 2.18", PASS, vec![("Column.price.Mean", 2.18)]),
            ("Sum \"n\" = 10 where \"n > 0\"", PASS, vec![("Column.n.Sum", 10.0)]),
            ("Mean \"n\" > 3.3 where \"n > 0\"", PASS, vec![("Column.n.Mean", 10.0 / 3.0)]),
            // Distances from 1.6: 0.4, 0.4, -1.6, 4.4, -3.6; squares 35.2, cubes 34.56, fourth powers 549.376.
            ("Variance \"n\" between 7.03 and 7.05", PASS, vec![("Column.n.Variance", 7.04)]),
            ("StandardDeviation \"n\" > 2.65", PASS, vec![("Column.n.StandardDeviation", 7.04_f64.sqrt())]),
            ("Skewness \"n\" > 0.37", PASS, vec![("Column.n.Skewness", 5_f64.sqrt() * 34.56 / 35.2_f64.powf(1.5))]),
            ("Kurtosis \"n\" < 0", PASS, vec![("Column.n.Kurtosis", 5.0 * 549.376 / (35.2 * 35.2) - 3.0)]),
            // 2, 2, 6: distances -4/3, -4/3, 8/3; squares 96/9, cubes 384/27, fourth powers 4608/81.
            ("Variance \"n\" > 3.5 where \"n > 0\"", PASS, vec![("Column.n.Variance", 32.0 / 9.0)]),
            (
                "StandardDeviation \"n\" > 1.8 where \"n > 0\"",
                PASS,
                vec![("Column.n.StandardDeviation", 32_f64.sqrt() / 3.0)],
            ),
            ("Skewness \"n\" > 0.7 where \"n > 0\"", PASS, vec![("Column.n.Skewness", 0.5_f64.sqrt())]),
            ("Kurtosis \"n\" < -1 where \"n > 0\"", PASS, vec![("Column.n.Kurtosis", -1.5)]),
            ("Range \"n\" = 8", PASS, vec![("Column.n.Range", 8.0)]),
            ("Range \"n\" = 4 where \"n > 0\"", PASS, vec![("Column.n.Range", 4.0)]),
            // -2, 0, 2, 2, 6: places 1 and 3. 2, 2, 6: places 0.5 and 1.5.
            ("InterquartileRange \"n\" = 2", PASS, vec![("Column.n.InterquartileRange", 2.0)]),
            ("InterquartileRange \"n\" = 2 where \"n > 0\"", PASS, vec![("Column.n.InterquartileRange", 2.0)]),
            ("ZerosCount \"n\" = 1", PASS, vec![("Column.n.ZerosCount", 1.0)]),
            ("ZerosCount \"n\" = 0 where \"n > 0\"", PASS, vec![("Column.n.ZerosCount", 0.0)]),
            ("ZerosCount \"void\" = 0", PASS, vec![("Column.void.ZerosCount", 0.0)]),
            // Rows 1, 2, 4, 5, 6: products of the distances -4.8, squares 17.2 and 35.2.
            (
                "ColumnCorrelation \"id\" \"n\" between -0.2 and -0.19",
                PASS,
                vec![("Multicolumn.id,n.ColumnCorrelation", -4.8 / (17.2_f64 * 35.2).sqrt())],
            ),
            // id 1, 2, 5 and n 2, 2, 6: products 84/9, squares 78/9 and 96/9.
            (
                "ColumnCorrelation \"id\" \"n\" > 0.97 where \"n > 0\"",
                PASS,
                vec![("Multicolumn.id,n.ColumnCorrelation", 84.0 / (78_f64 * 96.0).sqrt())],
            ),
            ("ColumnCorrelation \"id\" \"void\" != 0", FAIL, NONE),
        ],
    )
    .await;
}

/// NaN makes a metric NaN, which is neither above, below nor equal to anything.
#[tokio::test]
async fn statistics_of_nan() {
    for name in ["Mean", "Sum", "StandardDeviation", "Variance", "Skewness", "Kurtosis", "Range"] {
        let metric = format!("Column.x.{name}");
        for (condition, result) in [
            ("> 0", FAIL),
            ("<= 0", FAIL),
            ("= 0", FAIL),
            ("between -9 and 9", FAIL),
            ("not between -9 and 9", FAIL),
            ("in [0, 1]", FAIL),
            ("!= 0", PASS),
            ("not in [0, 1]", PASS),
        ] {
            let rule = format!("{name} \"x\" {condition}");
            compare(&six(), &[], &[(rule.as_str(), result, vec![(metric.as_str(), f64::NAN)])]).await;
        }
    }
    compare(
        &six(),
        &[],
        &[
            // -2, 1, 4, 4, NaN: places 1 and 3 are 1 and 4.
            ("InterquartileRange \"x\" = 3", PASS, vec![("Column.x.InterquartileRange", 3.0)]),
            ("ZerosCount \"x\" = 0", PASS, vec![("Column.x.ZerosCount", 0.0)]),
            ("ColumnCorrelation \"id\" \"x\" != 0", PASS, vec![("Multicolumn.id,x.ColumnCorrelation", f64::NAN)]),
            ("ColumnCorrelation \"id\" \"x\" < 2", FAIL, vec![("Multicolumn.id,x.ColumnCorrelation", f64::NAN)]),
            ("Mean \"x\" = 1.75 where \"not isnan(x)\"", PASS, vec![("Column.x.Mean", 1.75)]), // 1 + 4 + 4 - 2, of four
        ],
    )
    .await;
}

#[tokio::test]
async fn statistics_of_nothing_fail() {
    const NAMES: [&str; 9] = [
        "Entropy",
        "Mean",
        "Sum",
        "StandardDeviation",
        "Variance",
        "Skewness",
        "Kurtosis",
        "Range",
        "InterquartileRange",
    ];
    for name in NAMES {
        for condition in [">= 0", "< 0", "!= 5"] {
            let rule = format!("{name} \"n\" {condition}");
            compare(&none(), &[], &[(rule.as_str(), FAIL, NONE)]).await;
            let filtered = format!("{rule} where \"n > 99\"");
            let of_nulls = format!("{name} \"void\" {condition}");
            compare(&six(), &[], &[(filtered.as_str(), FAIL, NONE), (of_nulls.as_str(), FAIL, NONE)]).await;
        }
    }
    compare(
        &none(),
        &[],
        &[
            ("ZerosCount \"n\" = 0", PASS, vec![("Column.n.ZerosCount", 0.0)]),
            ("ColumnCorrelation \"id\" \"n\" != 0", FAIL, NONE),
        ],
    )
    .await;
}

#[tokio::test]
async fn statistics_of_each_row_twice_are_those_of_the_population() {
    compare(
        &twice(),
        &[],
        &[
            ("Sum \"n\" = 16", PASS, vec![("Column.n.Sum", 16.0)]),
            ("Mean \"n\" = 1.6", PASS, vec![("Column.n.Mean", 1.6)]),
            ("Variance \"n\" > 7.03", PASS, vec![("Column.n.Variance", 7.04)]),
            ("StandardDeviation \"n\" > 2.65", PASS, vec![("Column.n.StandardDeviation", 7.04_f64.sqrt())]),
            ("Kurtosis \"n\" < 0", PASS, vec![("Column.n.Kurtosis", 5.0 * 549.376 / (35.2 * 35.2) - 3.0)]),
            ("Entropy \"n\" > 1.33", PASS, vec![("Column.n.Entropy", 5_f64.ln() - 0.4 * 2_f64.ln())]),
            ("ZerosCount \"n\" = 2", PASS, vec![("Column.n.ZerosCount", 2.0)]),
            ("Range \"n\" = 8", PASS, vec![("Column.n.Range", 8.0)]),
        ],
    )
    .await;
    // AWS's own example: 0, 20, 40; and with two zeros more.
    for (values, deviation) in
        [(vec![0.0, 20.0, 40.0], (800_f64 / 3.0).sqrt()), (vec![0.0, 0.0, 20.0, 0.0, 40.0], 16.0)]
    {
        let data = table(vec![("v", Arc::new(Float64Array::from(values)))]);
        let case = ("StandardDeviation \"v\" > 15", PASS, vec![("Column.v.StandardDeviation", deviation)]);
        compare(&data, &[], &[case]).await;
    }
}

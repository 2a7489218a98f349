//! Dates, times, ages.

use arrow::array::TimestampMicrosecondArray;
use chrono::{Duration, NaiveTime, Utc};

use super::*;

const METRIC: &str = "Column.day.ColumnValues.Compliance";

/// Of 1 March, 2 March, NULL, 2 March, 1 January 2020, 9 March.
#[tokio::test]
async fn dates() {
    let conditions = [
        ("> \"2026-03-01\"", 3),
        (">= \"2026-03-01\"", 4),
        ("< \"2026-03-02\"", 2),
        ("<= \"2026-03-02\"", 4),
        ("= \"2026-03-02\"", 2),
        ("!= \"2026-03-02\"", 4), // NULL satisfies it
        ("between \"2026-03-01\" and \"2026-03-09\"", 2),
        ("not between \"2026-03-01\" and \"2026-03-09\"", 3), // the ends and 2020, not NULL
        ("in [\"2026-03-02\", \"2020-01-01\"]", 3),
        ("in [\"2026-03-02\", NULL]", 3),
        ("not in [\"2026-03-02\"]", 4),
        ("not in [\"2026-03-02\", NULL]", 3),
        ("= NULL", 1),
        ("!= NULL", 5),
        ("<= now()", 5),
        ("> (now() - 1000000 days)", 5),
        ("between (now() - 1000000 days) and (now() + 24 hours)", 5),
        ("not between (now() - 1000000 days) and (now() + 24 hours)", 0),
    ];
    count(&six(), "ColumnValues \"day\"", METRIC, &conditions).await;
    let nulls = table(vec![("day", days(&[None; 3]))]);
    let of_nulls =
        [("> \"2026-03-01\"", 0), ("not between \"2026-03-01\" and \"2026-03-09\"", 0), ("!= \"2026-03-01\"", 3)];
    count(&nulls, "ColumnValues \"day\"", METRIC, &of_nulls).await;
    compare(&none(), &[], &[("ColumnValues \"day\" = \"2026-03-01\"", PASS, vec![])]).await;
    let kept = ("ColumnValues \"day\" >= \"2026-03-01\" where \"n in (2, -2)\"", PASS, vec![(METRIC, 1.0)]);
    compare(&six(), &[], &[kept]).await;
    let half = ("ColumnValues \"day\" > \"2026-03-01\" with threshold = 0.5", PASS, vec![(METRIC, 0.5)]);
    compare(&twice(), &[], &[half]).await;
}

/// Texts are read as Spark's `to_date` reads them; what is no date fails, also where NULL would not.
#[tokio::test]
async fn dates_in_texts() {
    let written =
        ["2026-03-01", "2026-3-1", " 2026-03-01 ", "2026-03-01 10:20:30", "2026-03", "2026-03-01T23:59:59+09:00"];
    let others = ["03/01/2026", "2026-02-30", "20260301", ""];
    let all: Vec<Option<&str>> = written.iter().chain(&others).map(|text| Some(*text)).chain([None]).collect();
    let data = table(vec![("day", texts(&all))]);
    let conditions = [
        ("= \"2026-03-01\"", 6),
        ("!= \"2026-03-02\"", 7), // and NULL
        ("not in [\"2026-03-02\"]", 7),
        ("> \"2026-02-28\"", 6),
        ("not between \"2026-03-02\" and \"2026-03-09\"", 6),
        ("in [\"2026-03-01\", NULL]", 7),
    ];
    count(&data, "ColumnValues \"day\"", METRIC, &conditions).await;
}

/// Today at midnight, noon and a minute before the next midnight, in UTC; and yesterday.
fn today() -> RecordBatch {
    let midnight = Utc::now().date_naive().and_time(NaiveTime::MIN).and_utc();
    let at = |minutes| (midnight + Duration::minutes(minutes)).timestamp_micros();
    let times = TimestampMicrosecondArray::from(vec![at(0), at(720), at(1439), at(-1)]);
    table(vec![("day", Arc::new(times))])
}

/// Values and operands alike are cut to days.
#[tokio::test]
async fn days_are_compared_and_no_times() {
    let conditions = [
        ("= now()", 3),
        (">= now()", 3),
        ("> now()", 0),
        ("= \"00:00\"", 3),
        ("= \"23:59\"", 3),
        ("= \"11:59 PM\"", 3),
        ("< \"12:00 AM\"", 1),
        ("= (now() - 24 hours)", 1),
        ("= (now() - 1440 minutes)", 1),
        ("> (now() - 1 days)", 3),
        ("< (now() + 1 days)", 4),
    ];
    count(&today(), "ColumnValues \"day\"", METRIC, &conditions).await;
}

/// A time of day is that of the day in the zone: east of the date line midnight was on the day before in UTC, or is a day ahead.
#[tokio::test]
async fn times_of_day_have_a_zone() {
    let (utc, there) = (Utc::now(), Utc::now() + Duration::hours(14));
    // Midnight in Kiritimati is ten in the morning of the day before in UTC.
    let midnight = there.date_naive().and_time(NaiveTime::MIN).and_utc() - Duration::hours(14);
    let same_day = if midnight.date_naive() == utc.date_naive() { 3 } else { 1 };
    let rule = "ColumnValues \"day\" = \"00:00\" with timeZone = \"Pacific/Kiritimati\"";
    count(&today(), rule, METRIC, &[("", same_day)]).await;
    let error = judged(&today(), &[], "ColumnValues \"day\" = \"00:00\" with timeZone = \"Mars\"").await;
    assert_eq!(error.result, RuleResult::Error);
}

/// Half an hour old, three hours old, NULL, and an hour in the future.
fn ages() -> RecordBatch {
    let at = |minutes: i64| Some((Utc::now() - Duration::minutes(minutes)).timestamp_micros());
    let seen: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![at(30), at(180), None, at(-60)]));
    table(vec![("seen", seen), ("never", Arc::new(TimestampMicrosecondArray::from(vec![None; 4])))])
}

#[tokio::test]
async fn freshness() {
    let metric = "Column.seen.DataFreshness.Compliance";
    let conditions = [
        ("<= 2 hours", 2), // the future is fresh
        ("< 120 minutes", 2),
        ("> 2 hours", 1),
        (">= 20 minutes", 2),
        ("< 1 days", 3),
        ("between 1 hours and 4 hours", 1),
        ("not between 1 hours and 4 hours", 2), // and not NULL
        ("between 20 minutes and 1 days", 2),
        ("!= 5 hours", 3), // NULL has no age
        ("not in [5 hours, 6 days]", 3),
        ("in [5 hours]", 0),
        ("= 5 hours", 0),
    ];
    count(&ages(), "DataFreshness \"seen\"", metric, &conditions).await;
    count(
        &ages(),
        "DataFreshness \"never\"",
        "Column.never.DataFreshness.Compliance",
        &[("< 1 days", 0), ("!= 1 days", 0)],
    )
    .await;
    let kept = ("DataFreshness \"seen\" <= 24 hours where \"seen is not null\"", PASS, vec![(metric, 1.0)]);
    compare(&ages(), &[], &[kept]).await;
    compare(&ages().slice(0, 0), &[], &[("DataFreshness \"seen\" <= 24 hours", PASS, vec![])]).await;
}

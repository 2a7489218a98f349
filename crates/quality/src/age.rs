//! `DataFreshness`: the age of a value in hours, rounded to two digits, against durations.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::TimestampMicrosecondType;
use chrono::{DateTime, Utc};
use lakegate_contract::Result;

use crate::compare::{cast_column, optional_holds};
use crate::condition::Comparison;
use crate::spark::TIMESTAMP;

/// A condition over ages, ready for one moment. What is NULL or no time has no age and fails.
pub(crate) struct Age {
    /// Seconds since 1970-01-01 of the moment.
    now: i64,
    /// Durations in ten-thousandths of an hour: the open engine rounds those of minutes to four digits.
    comparison: Comparison<Option<i64>>,
}

impl Age {
    pub(crate) fn new(minutes: &Comparison<i64>, now: DateTime<Utc>) -> Self {
        let comparison = minutes.map(|minutes| minutes.checked_mul(10_000).map(|m| rounded(m, 60)));
        Self { now: now.timestamp(), comparison }
    }

    pub(crate) fn judge(&self, column: &ArrayRef) -> Result<BooleanArray> {
        let times = cast_column(column, &TIMESTAMP)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let holds = |row: usize| {
            let age = self
                .now
                .checked_sub(times.value(row).div_euclid(1_000_000))
                .and_then(|seconds| seconds.checked_mul(100));
            age.is_some_and(|hundredfold| optional_holds(&self.comparison, &(rounded(hundredfold, 3600) * 100)))
        };
        let judged = BooleanBuffer::collect_bool(times.len(), |row| times.is_valid(row) && holds(row));
        Ok(BooleanArray::new(judged, None))
    }
}

/// A quotient, rounded to the nearest whole number, halves away from zero.
fn rounded(dividend: i64, divisor: i64) -> i64 {
    let half = if dividend < 0 { -divisor / 2 } else { divisor / 2 };
    dividend.saturating_add(half) / divisor
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, StringArray, TimestampMicrosecondArray};
    use chrono::TimeZone as _;

    use super::*;
    use crate::condition::Operator;

    fn judged(comparison: Comparison<i64>, column: ArrayRef) -> Vec<bool> {
        let now = Utc.with_ymd_and_hms(2026, 3, 9, 12, 0, 0).unwrap();
        Age::new(&comparison, now).judge(&column).unwrap().iter().map(Option::unwrap).collect()
    }

    #[test]
    fn ages_are_hours_rounded_to_two_digits() {
        // 12:00 less 24 h and 17 s is 24.0047 h, so 24.00; 18 s more than a day is 24.005 h, so 24.01.
        let at = |seconds_ago: i64| Some((1_773_057_600 - seconds_ago) * 1_000_000);
        let times = TimestampMicrosecondArray::from(vec![at(86_400 + 17), at(86_400 + 18), at(-3600), None]);
        let times: ArrayRef = Arc::new(times);
        let at_most = |minutes| Comparison::Compare(Operator::LessOrEqual, minutes);
        assert_eq!(judged(at_most(1440), Arc::clone(&times)), [true, false, true, false]);
        assert_eq!(judged(Comparison::Between(1440, 2880, false), Arc::clone(&times)), [false, true, false, false]);
        assert_eq!(judged(Comparison::Between(1440, 2880, true), times), [true, false, true, false]);
    }

    #[test]
    fn days_begin_at_midnight_and_texts_are_read() {
        // 2026-03-09 is 12 h old at noon.
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(20_521), Some(20_520)]));
        assert_eq!(judged(Comparison::Compare(Operator::Less, 721), days), [true, false]);
        let texts: ArrayRef =
            Arc::new(StringArray::from(vec!["2026-03-09 11:00:00", "2026-03-09T00:00:00Z", "gestern"]));
        assert_eq!(judged(Comparison::Compare(Operator::Less, 120), texts), [true, false, false]);
    }
}

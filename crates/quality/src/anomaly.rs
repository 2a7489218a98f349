//! `DetectAnomalies`: whether a metric lies where its earlier values let one expect it. AWS does not disclose its own method; this one can
//! be worked out by hand:
//!
//! 1. At least [`FEWEST`] earlier values are needed; the newest [`MOST`] are looked at. Until then the rule holds and says so.
//! 2. The trend is the median of the slopes between all pairs of values, by the order of the runs (Theil and Sen). What it does not
//!    explain are the residuals; their median is the level.
//! 3. Where the day of the week has at least [`FEWEST_OF_A_DAY`] values, and following each day's own level makes the residuals smaller
//!    by a third, the level is that of the day (in UTC).
//! 4. The spread is 1.4826 times the median distance of the residuals from their level (which for normal values is the standard
//!    deviation), and at least [`LEAST_SPREAD`] of the expected value.
//! 5. The value is expected within [`WIDTH`] spreads of trend and level. Medians throughout, so a few bad runs move nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Utc, Weekday};

use crate::history::{Observation, median};
use crate::measure::as_double;

/// Fewest earlier values.
pub(crate) const FEWEST: usize = 7;
/// Most earlier values.
pub(crate) const MOST: usize = 90;
const FEWEST_OF_A_DAY: usize = 3;
/// Of the distance from the median to the standard deviation of a normal distribution.
const NORMAL: f64 = 1.4826;
const LEAST_SPREAD: f64 = 0.01;
const WIDTH: f64 = 3.5;

/// Where a value is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expected {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// How many earlier values say so.
    pub(crate) runs: usize,
    /// Change from run to run.
    pub(crate) trend: f64,
    /// Whether the day of the week was followed.
    pub(crate) by_weekday: bool,
}

impl Expected {
    /// Where the next value is expected after these, newest first; `None` when they are too few.
    pub(crate) fn after(earlier: &[Observation], at: DateTime<Utc>) -> Option<Self> {
        let mut values: Vec<Observation> = earlier.iter().take(MOST).copied().collect();
        if values.len() < FEWEST {
            return None;
        }
        values.reverse();
        let trend = slope(&values);
        let residuals: Vec<(Weekday, f64)> =
            (0u64..).zip(&values).map(|(i, v)| (v.at.weekday(), v.value - trend * as_double(i))).collect();
        let level = median(residuals.iter().map(|(_, residual)| *residual).collect());
        let spread = distance(residuals.iter().map(|(_, residual)| residual - level));
        let of_day = day_level(&residuals, at.weekday(), level, spread);
        let (level, spread, by_weekday) = match of_day {
            Some((level, spread)) => (level, spread, true),
            None => (level, spread, false),
        };
        let expected = level + trend * as_double(values.len() as u64);
        let reach = WIDTH * (NORMAL * spread).max(LEAST_SPREAD * expected.abs());
        Some(Self { low: expected - reach, high: expected + reach, runs: values.len(), trend, by_weekday })
    }

    pub(crate) fn has(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "between {} and {} after {} runs", short(self.low), short(self.high), self.runs)?;
        if self.trend != 0.0 {
            write!(f, ", with a trend of {} a run", short(self.trend))?;
        }
        if self.by_weekday { write!(f, ", by the day of the week") } else { Ok(()) }
    }
}

/// Six significant digits are enough to be understood.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = 10f64.powf(5.0 - value.abs().log10().floor());
    let rounded = (value * magnitude).round() / magnitude;
    format!("{rounded}")
}

/// The median of the slopes between all pairs.
fn slope(values: &[Observation]) -> f64 {
    let mut slopes = Vec::with_capacity(values.len() * values.len() / 2);
    for (i, first) in values.iter().enumerate() {
        for (apart, second) in (1u64..).zip(values.iter().skip(i + 1)) {
            slopes.push((second.value - first.value) / as_double(apart));
        }
    }
    median(slopes)
}

/// The median distance from zero.
fn distance(residuals: impl Iterator<Item = f64>) -> f64 {
    median(residuals.map(f64::abs).collect())
}

/// The level of one day of the week and the spread round each day's own, where following them explains more.
fn day_level(residuals: &[(Weekday, f64)], day: Weekday, level: f64, spread: f64) -> Option<(f64, f64)> {
    let mut days: BTreeMap<u8, Vec<f64>> = BTreeMap::new();
    let number = |day: Weekday| u8::try_from(day.num_days_from_monday()).unwrap_or_default();
    for (day, residual) in residuals {
        days.entry(number(*day)).or_default().push(*residual);
    }
    let levels: BTreeMap<u8, f64> = days
        .into_iter()
        .map(|(day, values)| (day, if values.len() >= FEWEST_OF_A_DAY { median(values) } else { level }))
        .collect();
    let enough = residuals.iter().filter(|(other, _)| *other == day).count() >= FEWEST_OF_A_DAY;
    let around =
        distance(residuals.iter().map(|(day, residual)| residual - levels.get(&number(*day)).unwrap_or(&level)));
    let own = *levels.get(&number(day))?;
    (enough && around * 1.5 < spread).then_some((own, around))
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone as _};

    use super::*;

    /// A value a day from Sunday, 1 March 2026, oldest first.
    fn daily(values: impl IntoIterator<Item = f64>) -> (Vec<Observation>, DateTime<Utc>) {
        let start = Utc.with_ymd_and_hms(2026, 3, 1, 2, 0, 0).unwrap();
        let mut seen: Vec<Observation> =
            (0..).zip(values).map(|(day, value)| Observation { at: start + Duration::days(day), value }).collect();
        let next = start + Duration::days(i64::try_from(seen.len()).unwrap());
        seen.reverse();
        (seen, next)
    }

    fn expected(values: impl IntoIterator<Item = f64>) -> Option<Expected> {
        let (seen, next) = daily(values);
        Expected::after(&seen, next)
    }

    #[test]
    fn seven_values_are_needed() {
        assert_eq!(expected([5.0; 6]), None);
        // All alike: the spread is the least, 1 % of 5, and the reach 3.5 times that.
        let steady = expected([5.0; 7]).unwrap();
        assert_eq!((steady.low, steady.high, steady.runs), (5.0 - 0.175, 5.0 + 0.175, 7));
        assert!(steady.has(5.1) && !steady.has(5.2));
    }

    #[test]
    fn one_bad_run_widens_nothing() {
        let seen = [100.0, 102.0, 98.0, 101.0, 9000.0, 99.0, 100.0, 101.0];
        let expected = expected(seen).unwrap();
        assert!(expected.has(103.0) && !expected.has(150.0), "{expected}");
    }

    #[test]
    fn what_grows_may_go_on_growing() {
        let growing = expected((0..20).map(|i| 1000.0 + 50.0 * f64::from(i))).unwrap();
        assert!(growing.has(2000.0) && !growing.has(1000.0) && !growing.has(3000.0), "{growing}");
        assert_eq!(growing.trend, 50.0);
    }

    #[test]
    fn a_quiet_day_of_the_week_is_expected_to_be_quiet() {
        // Sundays have a tenth. The next day is a Sunday.
        let week = |day: i32| if day % 7 == 0 { 100.0 } else { 1000.0 + f64::from(day % 3) * 10.0 };
        let sunday = expected((0..28).map(week)).unwrap();
        assert!(sunday.by_weekday && sunday.has(100.0) && !sunday.has(1000.0), "{sunday}");
        let monday = expected((0..29).map(week)).unwrap();
        assert!(monday.has(1010.0) && !monday.has(100.0), "{monday}");
    }

    #[test]
    fn the_range_is_told_in_few_digits() {
        let expected = Expected { low: 98.123_456_789, high: 1_234_567.891, runs: 9, trend: 0.5, by_weekday: true };
        assert_eq!(
            expected.to_string(),
            "between 98.1235 and 1234570 after 9 runs, with a trend of 0.5 a run, by the day of the week"
        );
    }
}

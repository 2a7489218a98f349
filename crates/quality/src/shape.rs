//! Skewness and kurtosis of a column, in one pass: the third and fourth powers of the distance from the mean, of each batch by itself,
//! merged as Pébay describes ("Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical
//! Moments", 2008). Both are those of the population, as in the open engine.

use arrow::array::{Array, Float64Array};

use crate::measure::as_double;

/// Count, mean and sums of powers of the distance from it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Shape {
    count: u64,
    /// One of the values, from which the mean is counted: see [`crate::moments`].
    origin: f64,
    mean: f64,
    second: f64,
    third: f64,
    fourth: f64,
}

impl Shape {
    /// Adds the values of a batch that are not NULL.
    pub(crate) fn add(&mut self, values: &Float64Array) {
        let count = (values.len() - values.null_count()) as u64;
        let Some(origin) = values.iter().flatten().next() else { return };
        let mean = values.iter().flatten().map(|value| value - origin).sum::<f64>() / as_double(count);
        let mut batch = Self { count, origin, mean, ..Self::default() };
        for value in values.iter().flatten() {
            let distance = (value - origin) - mean;
            let square = distance.powi(2);
            batch.second += square;
            batch.third += square * distance;
            batch.fourth += square * square;
        }
        self.merge(&batch);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            self.origin = other.origin;
        }
        let (a, b) = (as_double(self.count), as_double(other.count));
        let count = a + b;
        let apart = (other.origin - self.origin) + (other.mean - self.mean);
        let share = apart / count;
        let spread = apart * share * a * b;
        self.fourth += other.fourth
            + spread * share * share * (a * a - a * b + b * b)
            + 6.0 * share * share * (a * a * other.second + b * b * self.second)
            + 4.0 * share * (a * other.third - b * self.third);
        self.third += other.third + spread * share * (a - b) + 3.0 * share * (a * other.second - b * self.second);
        self.second += other.second + spread;
        self.mean += share * b;
        self.count += other.count;
    }

    /// How far the values lean to one side: 0 when they lean to none or do not vary; `None` when there is no value.
    pub(crate) fn skewness(&self) -> Option<f64> {
        self.of_varying(|n| n.sqrt() * self.third / self.second.powf(1.5))
    }

    /// How heavy the tails are beyond those of a normal distribution, whose kurtosis is 0 here; `None` when there is no value.
    pub(crate) fn kurtosis(&self) -> Option<f64> {
        self.of_varying(|n| n * self.fourth / (self.second * self.second) - 3.0)
    }

    fn of_varying(&self, measure: impl Fn(f64) -> f64) -> Option<f64> {
        (self.count > 0).then(|| if self.second == 0.0 { 0.0 } else { measure(as_double(self.count)) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(values: &[f64]) -> Shape {
        let mut shape = Shape::default();
        shape.add(&Float64Array::from(values.to_vec()));
        shape
    }

    #[test]
    fn shapes_are_those_of_the_population() {
        // Mean 2: distances -1, -1, -1, 3. Squares 12, cubes 24, fourth powers 84.
        let leaning = shape(&[1.0, 1.0, 1.0, 5.0]);
        // 2 · 24 / 12^1.5 = 48 / 41.569 = 1.1547; 4 · 84 / 144 - 3 = -2/3.
        assert!((leaning.skewness().unwrap() - 1.154_700_538_379_251_7).abs() < 1e-12);
        assert!((leaning.kurtosis().unwrap() + 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(shape(&[7.0, 7.0]).skewness(), Some(0.0));
        // Three times 0.1 is more than 0.3 in doubles.
        assert_eq!((shape(&[0.1; 3]).skewness(), shape(&[0.1; 3]).kurtosis()), (Some(0.0), Some(0.0)));
        assert_eq!(shape(&[]).kurtosis(), None);
        assert!(shape(&[1.0, f64::NAN]).skewness().unwrap().is_nan());
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(values in proptest::collection::vec(-1e3..1e3f64, 2..60), cut in 0usize..60) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = shape(left);
            merged.merge(&shape(right));
            let whole = shape(&values);
            prop_assert!((whole.skewness().unwrap() - merged.skewness().unwrap()).abs() < 1e-6);
            prop_assert!((whole.kurtosis().unwrap() - merged.kurtosis().unwrap()).abs() < 1e-6);
        }
    }
}

//! Spread of a column and correlation of two, in one pass: each batch by itself, and batches and parts merged as Chan, Golub and
//! LeVeque describe ("Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979). Summing squares instead
//! would lose all digits of values that are large and near each other. Means are kept as distances from one of the values for the
//! same reason: they have digits that a double of the size of the values has not, and values that do not vary have no distance at all.

use arrow::array::{Array, Float64Array};

use crate::measure::as_double;

/// Count, mean and squared distance from it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Moments {
    count: u64,
    /// One of the values, from which the mean is counted.
    origin: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Adds the values of a batch that are not NULL.
    pub(crate) fn add(&mut self, values: &Float64Array) {
        let count = (values.len() - values.null_count()) as u64;
        let Some(origin) = values.iter().flatten().next() else { return };
        if values.null_count() == 0 {
            return self.add_distances(count, origin, || values.values().iter().map(|value| value - origin));
        }
        self.add_distances(count, origin, || values.iter().flatten().map(|value| value - origin));
    }

    fn add_distances<Distances: Iterator<Item = f64>>(
        &mut self,
        count: u64,
        origin: f64,
        distances: impl Fn() -> Distances,
    ) {
        let mean = distances().sum::<f64>() / as_double(count);
        let squares = distances().map(|distance| (distance - mean).powi(2)).sum();
        self.merge(&Self { count, origin, mean, squares });
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            self.origin = other.origin;
        }
        let count = self.count + other.count;
        let apart = (other.origin - self.origin) + (other.mean - self.mean);
        let share = as_double(other.count) / as_double(count);
        self.squares += other.squares + apart * apart * as_double(self.count) * share;
        self.mean += apart * share;
        self.count = count;
    }

    /// The variance of the population, by n; `None` when there is no value.
    pub(crate) fn variance(&self) -> Option<f64> {
        (self.count > 0).then(|| self.squares / as_double(self.count))
    }

    /// Its root.
    pub(crate) fn deviation(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }
}

/// Two columns, over the rows in which neither is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Pair {
    count: u64,
    /// A row's values, from which the means are counted.
    origins: [f64; 2],
    means: [f64; 2],
    squares: [f64; 2],
    products: f64,
}

impl Pair {
    /// Adds the rows of a batch.
    pub(crate) fn add(&mut self, left: &Float64Array, right: &Float64Array) {
        let both = || left.iter().zip(right.iter()).filter_map(|(x, y)| Some((x?, y?)));
        let Some((first, second)) = both().next() else { return };
        if left.null_count() + right.null_count() == 0 {
            let (left, right) = (left.values(), right.values());
            return self.add_distances([first, second], || {
                left.iter().zip(right.iter()).map(|(x, y)| (x - first, y - second))
            });
        }
        self.add_distances([first, second], || both().map(|(x, y)| (x - first, y - second)));
    }

    fn add_distances<Distances: Iterator<Item = (f64, f64)>>(
        &mut self,
        origins: [f64; 2],
        distances: impl Fn() -> Distances,
    ) {
        let mut batch = Self { origins, ..Self::default() };
        for (x, y) in distances() {
            batch.count += 1;
            batch.means[0] += x;
            batch.means[1] += y;
        }
        batch.means = batch.means.map(|sum| sum / as_double(batch.count));
        for (x, y) in distances() {
            let (dx, dy) = (x - batch.means[0], y - batch.means[1]);
            batch.squares[0] += dx * dx;
            batch.squares[1] += dy * dy;
            batch.products += dx * dy;
        }
        self.merge(&batch);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            self.origins = other.origins;
        }
        let count = self.count + other.count;
        let (weight, share) = (as_double(self.count), as_double(other.count) / as_double(count));
        let apart = |side: usize| (other.origins[side] - self.origins[side]) + (other.means[side] - self.means[side]);
        let apart = [apart(0), apart(1)];
        for (side, apart) in apart.iter().enumerate() {
            self.squares[side] += other.squares[side] + apart * apart * weight * share;
            self.means[side] += apart * share;
        }
        self.products += other.products + apart[0] * apart[1] * weight * share;
        self.count = count;
    }

    /// Pearson's correlation; `None` when there is no row. Not a number where a column does not vary.
    pub(crate) fn correlation(&self) -> Option<f64> {
        (self.count > 0).then(|| self.products / (self.squares[0] * self.squares[1]).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moments(values: &[Option<f64>]) -> Moments {
        let mut moments = Moments::default();
        moments.add(&Float64Array::from(values.to_vec()));
        moments
    }

    /// The two examples of AWS's page on StandardDeviation.
    #[test]
    fn the_deviation_is_that_of_the_population() {
        // Mean 20, squares 400 + 0 + 400: the root of 800 / 3.
        let deviation = moments(&[Some(0.0), None, Some(20.0), Some(40.0)]).deviation().unwrap();
        assert!((deviation - 16.329_931_618_554_52).abs() < 1e-12);
        // Mean 12, squares 144 + 144 + 64 + 144 + 784: the root of 1280 / 5.
        assert_eq!(moments(&[0.0, 0.0, 20.0, 0.0, 40.0].map(Some)).deviation(), Some(16.0));
        assert_eq!(moments(&[None]).deviation(), None);
    }

    #[test]
    fn values_that_are_large_and_near_keep_their_digits() {
        // Around 10⁹: mean 10⁹ + 10, squares 36 + 9 + 9 + 36, by 4.
        let values = [4.0, 7.0, 13.0, 16.0].map(|v| Some(1e9 + v));
        assert_eq!(moments(&values).variance(), Some(22.5));
        // Batches of them merge without loss: 1, 2 and 3 around 10¹⁵ have squares 1, 0 and 1, by 3.
        let mut merged = Moments::default();
        for _ in 0..10_000 {
            merged.merge(&moments(&[1.0, 2.0, 3.0].map(|v| Some(1e15 + v))));
        }
        assert!((merged.variance().unwrap() - 2.0 / 3.0).abs() < 1e-12, "{merged:?}");
    }

    #[test]
    fn values_that_do_not_vary_have_no_spread() {
        // Three times 0.1 is more than 0.3 in doubles.
        let constant = [0.1; 3].map(Some);
        assert_eq!(moments(&constant).variance(), Some(0.0));
        let mut pair = Pair::default();
        pair.add(&Float64Array::from(constant.to_vec()), &Float64Array::from(vec![1.0, 2.0, 4.0]));
        assert!(pair.correlation().unwrap().is_nan());
    }

    #[test]
    fn what_rises_together_correlates() {
        let pair = |left: &[Option<f64>], right: &[Option<f64>]| {
            let mut pair = Pair::default();
            pair.add(&Float64Array::from(left.to_vec()), &Float64Array::from(right.to_vec()));
            pair.correlation()
        };
        let rising = [1.0, 2.0, 3.0].map(Some);
        assert_eq!(pair(&rising, &[2.0, 4.0, 6.0].map(Some)), Some(1.0));
        assert_eq!(pair(&rising, &[3.0, 2.0, 1.0].map(Some)), Some(-1.0));
        // dx = -1, 0, 1; dy = -1, 1, 0: products 1 over √2 · √2.
        let half = pair(&rising, &[1.0, 3.0, 2.0].map(Some)).unwrap();
        assert!((half - 0.5).abs() < 1e-12);
        assert_eq!(pair(&[Some(1.0), None, Some(2.0)], &[Some(5.0), Some(9.0), Some(6.0)]), Some(1.0));
        assert!(pair(&rising, &[7.0; 3].map(Some)).unwrap().is_nan());
        assert_eq!(pair(&[None], &[Some(1.0)]), None);
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(values in proptest::collection::vec(-1e6..1e6f64, 1..60), cut in 0usize..60) {
            let values: Vec<Option<f64>> = values.into_iter().map(Some).collect();
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = moments(left);
            merged.merge(&moments(right));
            let (whole, merged) = (moments(&values).variance().unwrap(), merged.variance().unwrap());
            prop_assert!((whole - merged).abs() <= 1e-6 * whole.max(1.0));
        }
    }
}

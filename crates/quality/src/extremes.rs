//! The least and the greatest value of a column.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use lakegate_contract::{Error, Result};

/// The least and the greatest of the values so far, as doubles. NaN is greater than every number, as in Spark: it is the least only where
/// there is nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Extremes(Option<(f64, f64)>);

impl Extremes {
    /// Adds a column of numbers.
    pub(crate) fn add(&mut self, values: &ArrayRef) -> Result<()> {
        let ends = match values.data_type() {
            DataType::Decimal128(_, scale) => {
                let values = values.as_primitive::<Decimal128Type>();
                min(values).zip(max(values)).map(|(low, high)| (unscaled(low, *scale), unscaled(high, *scale)))
            }
            t if t.is_integer() && *t != DataType::UInt64 => {
                let whole = cast(values, &DataType::Int64).map_err(kernel)?;
                let whole = whole.as_primitive::<Int64Type>();
                min(whole).zip(max(whole)).map(|(low, high)| (unscaled(low.into(), 0), unscaled(high.into(), 0)))
            }
            _ => {
                let doubles = cast(values, &DataType::Float64).map_err(kernel)?;
                let doubles = doubles.as_primitive::<Float64Type>();
                min(doubles).zip(max(doubles)).map(|ends| spark_ends(doubles, ends))
            }
        };
        self.merge(&Self(ends));
        Ok(())
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let of = |a: f64, b: f64, first: bool| if (a.total_cmp(&b).is_le()) == first { a } else { b };
        self.0 = match (self.0, other.0) {
            (Some((low, high)), Some((other_low, other_high))) => {
                Some((of(low, other_low, true), of(high, other_high, false)))
            }
            (own, others) => own.or(others),
        };
    }

    pub(crate) fn minimum(&self) -> Option<f64> {
        self.0.map(|(low, _)| low)
    }

    pub(crate) fn maximum(&self) -> Option<f64> {
        self.0.map(|(_, high)| high)
    }

    /// From the least to the greatest.
    pub(crate) fn range(&self) -> Option<f64> {
        self.0.map(|(low, high)| high - low)
    }
}

/// The ends in Spark's order; the library's, which are given, take a NaN whose sign is set for the least.
fn spark_ends(values: &Float64Array, (low, high): (f64, f64)) -> (f64, f64) {
    if !low.is_nan() {
        return (low, high);
    }
    let least = values.iter().flatten().filter(|value| !value.is_nan()).reduce(f64::min);
    (least.unwrap_or(f64::NAN), f64::NAN)
}

/// The double that is nearest to a count of a decimal's last digit: text is the one way there.
#[expect(clippy::cast_precision_loss, reason = "a metric is a double")]
pub(crate) fn unscaled(value: i128, scale: i8) -> f64 {
    match scale {
        0 => value as f64,
        scale => format!("{value}e-{scale}").parse().unwrap_or(f64::NAN),
    }
}

fn kernel(error: arrow::error::ArrowError) -> Error {
    Error::bug("a column cannot be measured").caused_by(error)
}

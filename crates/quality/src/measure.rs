//! What is measured in the one pass over a dataset, rule by rule.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch};
use arrow::compute::{and, cast, filter, is_not_null};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, Schema};
use lakegate_contract::{Error, Result, type_name};

use crate::ast::Leaf;
use crate::compare::lengths;
use crate::extremes::{Extremes, unscaled};
use crate::keys::{KeyCounter, Room};
use crate::moments::{Moments, Pair};
use crate::row::{Compiler, Filter, RowLeaf, RowNode, is_row_leaf};
use crate::shape::Shape;

/// How a rule is measured in the pass.
pub(crate) enum Gauge {
    /// Rows that `where` keeps.
    Rows(Option<Filter>),
    /// Rows of these whose value satisfies a test, and the extremes of what is tested where these are metrics of the rule.
    Row(Box<RowLeaf>, Option<Tested>),
    /// Rows of which a combination of such tests is true.
    Node(RowNode),
    /// The extremes of what a row rule would compare.
    Tested(Tested, Option<Filter>),
    /// Rows of these that are not NULL.
    NotNull(usize, Option<Filter>),
    /// Sum and count of the values.
    Sum(usize, Option<Filter>),
    /// Mean of the values and distance from it.
    Moments(usize, Option<Filter>),
    /// Higher powers of that distance.
    Shape(usize, Option<Filter>),
    /// The least and the greatest value.
    Extremes(usize, Option<Filter>),
    /// Means and distances of two columns together.
    Pair(usize, usize, Option<Filter>),
    /// Keys of these columns, counted by a [`KeyCounter`].
    Keys(Vec<usize>, Option<Filter>),
}

/// What of a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tested {
    /// Its numbers.
    Values(usize),
    /// The lengths of its texts.
    Lengths(usize),
}

/// What a gauge has counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Reading {
    /// Rows that were kept.
    pub(crate) rows: u64,
    /// Rows that satisfy, or values that were summed.
    pub(crate) hits: u64,
    /// Sum of whole and decimal values, in units of the column's last digit.
    whole: i128,
    /// Sum of floating values.
    floating: f64,
    scale: i8,
    overflowed: bool,
    pub(crate) moments: Moments,
    pub(crate) pair: Pair,
    pub(crate) shape: Shape,
    pub(crate) extremes: Extremes,
}

impl Reading {
    /// Satisfying rows over kept rows; `None` when there are none.
    pub(crate) fn ratio(&self) -> Option<f64> {
        (self.rows > 0).then(|| as_double(self.hits) / as_double(self.rows))
    }

    /// The sum; `None` when nothing was summed.
    pub(crate) fn sum(&self) -> Option<f64> {
        if self.hits == 0 || self.overflowed {
            return None;
        }
        Some(unscaled(self.whole, self.scale) + self.floating)
    }

    pub(crate) fn mean(&self) -> Option<f64> {
        self.sum().map(|sum| sum / as_double(self.hits))
    }

    pub(crate) fn merge(&mut self, other: &Reading) {
        self.rows += other.rows;
        self.hits += other.hits;
        self.floating += other.floating;
        self.scale = self.scale.max(other.scale);
        self.add_whole(other.whole);
        self.overflowed |= other.overflowed;
        self.moments.merge(&other.moments);
        self.pair.merge(&other.pair);
        self.shape.merge(&other.shape);
        self.extremes.merge(&other.extremes);
    }

    fn add_whole(&mut self, value: i128) {
        match self.whole.checked_add(value) {
            Some(sum) => self.whole = sum,
            None => self.overflowed = true,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a metric is a double")]
pub(crate) fn as_double(count: u64) -> f64 {
    count as f64
}

impl Gauge {
    /// The gauge of a rule; `None` when it takes more than one pass, or no data at all.
    pub(crate) fn of(leaf: &Leaf, compiler: &Compiler) -> Result<Option<Self>> {
        if is_row_leaf(leaf) && leaf.condition.is_none() && leaf.name() != "IsComplete" {
            let tested = compiler.tested(leaf)?.ok_or_else(|| {
                Error::usage(format!("column `{}` has no numbers to measure", leaf.column()))
                    .expected("a column of numbers")
            })?;
            return Ok(Some(Gauge::Tested(tested, compiler.filter(leaf)?)));
        }
        if is_row_leaf(leaf) {
            return Ok(Some(Gauge::Row(Box::new(compiler.leaf(leaf)?), compiler.tested(leaf)?)));
        }
        let filter = || compiler.filter(leaf);
        let numbers = || compiler.numeric_column(leaf.column());
        Ok(Some(match leaf.name() {
            "RowCount" => Gauge::Rows(filter()?),
            "RowCountMatch" => Gauge::Rows(None),
            "Completeness" => Gauge::NotNull(compiler.column(leaf.column())?, filter()?),
            "Mean" | "Sum" => Gauge::Sum(numbers()?, filter()?),
            "StandardDeviation" | "Variance" => Gauge::Moments(numbers()?, filter()?),
            "Skewness" | "Kurtosis" => Gauge::Shape(numbers()?, filter()?),
            "Range" => Gauge::Extremes(numbers()?, filter()?),
            "ZerosCount" => Gauge::Row(Box::new(compiler.zeros(leaf)?), None),
            "InterquartileRange" => {
                numbers()?;
                return Ok(None);
            }
            "ColumnCorrelation" => {
                let second = leaf.parameters.get(1).map(String::as_str).unwrap_or_default();
                let columns = (compiler.numeric_column(leaf.column())?, compiler.numeric_column(second)?);
                Gauge::Pair(columns.0, columns.1, compiler.filter(leaf)?)
            }
            "Uniqueness"
            | "IsUnique"
            | "IsPrimaryKey"
            | "UniqueValueRatio"
            | "DistinctValuesCount"
            | "DuplicateRowCount"
            | "Entropy" => {
                let columns = compiler.key_columns(leaf)?;
                Gauge::Keys(columns, compiler.filter(leaf)?)
            }
            _ => return Ok(None),
        }))
    }

    /// Adds a batch to a reading.
    pub(crate) fn read(&self, batch: &RecordBatch, reading: &mut Reading) -> Result<()> {
        let rows = batch.num_rows() as u64;
        match self {
            Gauge::Rows(where_) => {
                let kept = kept(where_.as_ref(), batch)?;
                reading.rows += kept.map_or(rows, |k| k.true_count() as u64);
            }
            Gauge::Row(leaf, tested) => {
                let kept = leaf.kept(batch)?;
                add(reading, rows, &leaf.test(batch)?, kept.as_ref())?;
                if let Some(tested) = tested {
                    reading.extremes.add(&tested.numbers(batch, kept.as_ref())?)?;
                }
            }
            Gauge::Node(node) => add(reading, rows, &node.judge(batch)?, None)?,
            Gauge::Tested(tested, where_) => {
                let kept = kept(where_.as_ref(), batch)?;
                reading.extremes.add(&tested.numbers(batch, kept.as_ref())?)?;
            }
            Gauge::NotNull(index, where_) => {
                let valid = is_not_null(column(batch, *index)?).map_err(kernel)?;
                add(reading, rows, &valid, kept(where_.as_ref(), batch)?.as_ref())?;
            }
            Gauge::Sum(index, where_) => {
                let kept = kept(where_.as_ref(), batch)?;
                sum(reading, &numbers(batch, *index, kept.as_ref())?)?;
            }
            Gauge::Moments(index, where_) => {
                let kept = kept(where_.as_ref(), batch)?;
                reading.moments.add(&doubles(batch, *index, kept.as_ref())?);
            }
            Gauge::Shape(index, where_) => {
                let kept = kept(where_.as_ref(), batch)?;
                reading.shape.add(&doubles(batch, *index, kept.as_ref())?);
            }
            Gauge::Extremes(index, where_) => {
                let kept = kept(where_.as_ref(), batch)?;
                reading.extremes.add(&numbers(batch, *index, kept.as_ref())?)?;
            }
            Gauge::Pair(left, right, where_) => {
                let kept = kept(where_.as_ref(), batch)?;
                let (left, right) = (doubles(batch, *left, kept.as_ref())?, doubles(batch, *right, kept.as_ref())?);
                reading.pair.add(&left, &right);
            }
            Gauge::Keys(..) => {}
        }
        Ok(())
    }

    /// What counts the keys of this gauge, if it is one of keys.
    pub(crate) fn counter(&self, schema: &Schema, room: &Room) -> Result<Option<KeyCounter>> {
        let Gauge::Keys(columns, _) = self else { return Ok(None) };
        let types: Vec<DataType> = columns.iter().map(|i| schema.field(*i).data_type().clone()).collect();
        KeyCounter::new(&types, room).map(Some)
    }

    /// Adds a batch's keys.
    pub(crate) fn count(&self, batch: &RecordBatch, counter: &mut KeyCounter) -> Result<()> {
        let Gauge::Keys(columns, where_) = self else { return Ok(()) };
        counter.add(&columns_of(batch, columns)?, kept(where_.as_ref(), batch)?.as_ref())
    }
}

/// The rows that `where` keeps; `None`: all.
pub(crate) fn kept(filter: Option<&Filter>, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
    filter.map(|f| f.kept(batch)).transpose()
}

/// The columns of these places.
pub(crate) fn columns_of(batch: &RecordBatch, places: &[usize]) -> Result<Vec<ArrayRef>> {
    places.iter().map(|place| column(batch, *place).map(ArrayRef::clone)).collect()
}

fn column(batch: &RecordBatch, index: usize) -> Result<&ArrayRef> {
    batch.columns().get(index).ok_or_else(|| Error::bug("a batch lacks a rule's column"))
}

fn add(reading: &mut Reading, rows: u64, truth: &BooleanArray, kept: Option<&BooleanArray>) -> Result<()> {
    match kept {
        None => {
            reading.rows += rows;
            reading.hits += truth.true_count() as u64;
        }
        Some(kept) => {
            reading.rows += kept.true_count() as u64;
            reading.hits += and(truth, kept).map_err(kernel)?.true_count() as u64;
        }
    }
    Ok(())
}

fn sum(reading: &mut Reading, values: &ArrayRef) -> Result<()> {
    reading.rows += values.len() as u64;
    reading.hits += (values.len() - values.null_count()) as u64;
    match values.data_type() {
        DataType::Decimal128(_, scale) => {
            reading.scale = *scale;
            values.as_primitive::<Decimal128Type>().iter().flatten().for_each(|v| reading.add_whole(v));
        }
        t if t.is_integer() && *t != DataType::UInt64 => {
            let whole = cast(values, &DataType::Int64).map_err(kernel)?;
            whole.as_primitive::<Int64Type>().iter().flatten().for_each(|v| reading.add_whole(v.into()));
        }
        t if t.is_numeric() => {
            let doubles = cast(values, &DataType::Float64).map_err(kernel)?;
            reading.floating += doubles.as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
        }
        other => {
            let found = type_name(other);
            return Err(Error::usage(format!("a column of type {found} has no sum")).expected("a column of numbers"));
        }
    }
    Ok(())
}

impl Tested {
    fn numbers(self, batch: &RecordBatch, kept: Option<&BooleanArray>) -> Result<ArrayRef> {
        match self {
            Tested::Values(index) => numbers(batch, index, kept),
            Tested::Lengths(index) => Ok(Arc::new(lengths(&kept_values(batch, index, kept)?)?)),
        }
    }
}

/// The values of a column that are kept.
fn kept_values(batch: &RecordBatch, index: usize, kept: Option<&BooleanArray>) -> Result<ArrayRef> {
    let values = column(batch, index)?;
    match kept {
        Some(kept) => filter(values, kept).map_err(kernel),
        None => Ok(ArrayRef::clone(values)),
    }
}

/// The same of a column that has numbers, or no type: then they are NULL.
fn numbers(batch: &RecordBatch, index: usize, kept: Option<&BooleanArray>) -> Result<ArrayRef> {
    let values = kept_values(batch, index, kept)?;
    if values.data_type().is_numeric() { Ok(values) } else { cast(&values, &DataType::Float64).map_err(kernel) }
}

/// The same as doubles.
fn doubles(batch: &RecordBatch, index: usize, kept: Option<&BooleanArray>) -> Result<Float64Array> {
    let values = kept_values(batch, index, kept)?;
    Ok(cast(&values, &DataType::Float64).map_err(kernel)?.as_primitive::<Float64Type>().clone())
}

fn kernel(error: arrow::error::ArrowError) -> Error {
    Error::bug("a column cannot be measured").caused_by(error)
}

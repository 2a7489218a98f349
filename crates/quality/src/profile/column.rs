//! What is known of a column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::hash_utils::{HLL_RANDOM_STATE, create_hashes};
use lakegate_contract::{Error, Result};

use super::Sensitive;
use super::distinct::Distinct;
use super::text::TextFacts;

/// A column, as far as it has been read.
#[derive(Debug)]
pub(crate) struct ColumnProfile {
    pub field: FieldRef,
    pub rows: u64,
    pub nulls: u64,
    /// `None` for nested types, whose values are not compared.
    pub distinct: Option<Distinct>,
    /// Smallest and largest number; NaN left out.
    pub numbers: Option<(f64, f64)>,
    pub not_a_number: u64,
    /// First and last instant, in microseconds since 1970.
    pub instants: Option<(i64, i64)>,
    /// Of columns of text.
    pub texts: Option<TextFacts>,
}

impl ColumnProfile {
    pub(super) fn new(field: FieldRef, sensitive: Sensitive) -> Self {
        let data_type = field.data_type();
        let text = is_text(data_type);
        Self {
            rows: 0,
            nulls: 0,
            distinct: (!data_type.is_nested()).then(|| Distinct::new(text || data_type.is_integer())),
            numbers: None,
            not_a_number: 0,
            instants: None,
            texts: text.then(|| TextFacts::new(sensitive)),
            field,
        }
    }

    pub(super) fn read(&mut self, values: &ArrayRef) -> Result<()> {
        self.rows += values.len() as u64;
        self.nulls += values.logical_null_count() as u64;
        let data_type = self.field.data_type();
        if data_type.is_numeric() {
            self.read_numbers(values)?;
        } else if is_instant(data_type) {
            self.read_instants(values)?;
        }
        if self.distinct.is_some() {
            self.read_values(values)?;
        }
        Ok(())
    }

    fn read_numbers(&mut self, values: &ArrayRef) -> Result<()> {
        let numbers = cast(values, &DataType::Float64).map_err(kernel)?;
        let (mut found, mut others) = (self.numbers, 0);
        for number in numbers.as_primitive::<Float64Type>().iter().flatten() {
            if number.is_nan() {
                others += 1;
                continue;
            }
            found = Some(found.map_or((number, number), |(low, high): (f64, f64)| (low.min(number), high.max(number))));
        }
        self.numbers = found;
        self.not_a_number += others;
        Ok(())
    }

    fn read_instants(&mut self, values: &ArrayRef) -> Result<()> {
        let instants = cast(values, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(kernel)?;
        let instants = cast(&instants, &DataType::Int64).map_err(kernel)?;
        let instants = instants.as_primitive::<Int64Type>();
        if let (Some(first), Some(last)) = (min(instants), max(instants)) {
            self.instants = Some(self.instants.map_or((first, last), |(a, b)| (a.min(first), b.max(last))));
        }
        Ok(())
    }

    fn read_values(&mut self, values: &ArrayRef) -> Result<()> {
        let values = if is_text(values.data_type()) {
            cast(values, &DataType::Utf8).map_err(kernel)?
        } else {
            Arc::clone(values)
        };
        let mut hashes = vec![0; values.len()];
        create_hashes([&values], &HLL_RANDOM_STATE, &mut hashes)
            .map_err(|e| Error::bug("values cannot be hashed").caused_by(e.strip_backtrace()))?;
        let Some(distinct) = &mut self.distinct else { return Ok(()) };
        if let (Some(texts), Some(strings)) = (&mut self.texts, values.as_string_opt::<i32>()) {
            for (row, hash) in hashes.into_iter().enumerate().filter(|(row, _)| strings.is_valid(*row)) {
                let text = strings.value(row);
                distinct.add(hash, || Some(text.to_owned()));
                texts.read(text, hash);
            }
            return Ok(());
        }
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(&values, &options).map_err(kernel)?;
        let nulls = values.logical_nulls();
        for (row, hash) in hashes.into_iter().enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                distinct.add(hash, || formatter.value(row).try_to_string().ok());
            }
        }
        Ok(())
    }

    pub(super) fn merge(mut self, other: Self) -> Self {
        self.rows += other.rows;
        self.nulls += other.nulls;
        self.not_a_number += other.not_a_number;
        if let (Some(distinct), Some(more)) = (&mut self.distinct, other.distinct) {
            distinct.merge(more);
        }
        if let (Some(texts), Some(more)) = (&mut self.texts, other.texts) {
            texts.merge(more);
        }
        self.numbers = match (self.numbers, other.numbers) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, another) => one.or(another),
        };
        self.instants = match (self.instants, other.instants) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, another) => one.or(another),
        };
        self
    }

    pub(crate) fn name(&self) -> &str {
        self.field.name()
    }

    /// How many different values it has, about; zero where they are not compared.
    pub(crate) fn estimate(&self) -> u64 {
        self.distinct.as_ref().map_or(0, Distinct::count)
    }

    /// Rows with a value.
    pub(crate) fn filled(&self) -> u64 {
        self.rows - self.nulls
    }
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_instant(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

fn kernel(error: arrow::error::ArrowError) -> Error {
    // Its text may quote a value.
    drop(error);
    Error::bug("a column's values cannot be read")
}

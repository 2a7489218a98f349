//! The same report from two engines, cell by cell.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use lakegate_contract::{Error, Result};

use crate::ReportResult;
use crate::output::Texts;

/// Floating-point numbers are equal when they differ by less than this part: sums are made in another order.
const TOLERANCE: f64 = 1e-9;

/// How two results compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Rows of the one and of the other.
    pub rows: (usize, usize),
    /// Columns whose names differ, by position from 1.
    pub columns: Vec<usize>,
    /// Whether the rows are the same in another order.
    pub reordered: bool,
    /// Cells that differ.
    pub cells: Vec<Cell>,
}

/// A cell that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its row, from 1.
    pub row: usize,
    /// Its column.
    pub column: String,
    /// What the first engine has.
    pub left: Option<String>,
    /// What the second has.
    pub right: Option<String>,
}

impl Comparison {
    /// Whether both say the same.
    pub fn is_equal(&self) -> bool {
        self.rows.0 == self.rows.1 && self.columns.is_empty() && self.cells.is_empty()
    }
}

type Rows = Vec<Vec<Option<String>>>;

/// Compares two results by the values that people see: `12.50` and `12.5` are equal, whatever their types.
///
/// # Errors
/// When a value cannot be shown, which is a defect.
pub fn compare(left: &ReportResult, right: &ReportResult) -> Result<Comparison> {
    let names = |result: &ReportResult| -> Vec<String> {
        result.schema.fields().iter().map(|f| f.name().to_lowercase()).collect()
    };
    let (left_names, right_names) = (names(left), names(right));
    let width = left_names.len().max(right_names.len());
    let columns: Vec<usize> = (0..width).filter(|i| left_names.get(*i) != right_names.get(*i)).map(|i| i + 1).collect();
    let kinds: Vec<Kind> =
        left.schema.fields().iter().zip(right.schema.fields()).map(|(l, r)| Kind::of(l, r)).collect();
    let (mut left_rows, mut right_rows) = (rows(&left.batches, &kinds)?, rows(&right.batches, &kinds)?);
    let counts = (left_rows.len(), right_rows.len());
    let mut cells = differing(&left_rows, &right_rows, &left_names, &kinds);
    let mut reordered = false;
    if !cells.is_empty() && counts.0 == counts.1 {
        left_rows.sort();
        right_rows.sort();
        let sorted = differing(&left_rows, &right_rows, &left_names, &kinds);
        if sorted.is_empty() {
            (reordered, cells) = (true, sorted);
        }
    }
    Ok(Comparison { rows: counts, columns, reordered, cells })
}

/// How the values of a column are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As they are: `1.10` may be a version.
    Text,
    /// As numbers, to the last digit.
    Exact,
    /// As numbers that an engine has rounded.
    Rounded,
}

impl Kind {
    fn of(left: &FieldRef, right: &FieldRef) -> Self {
        let types = [left.data_type(), right.data_type()];
        match types.iter().all(|t| t.is_numeric()) {
            false => Kind::Text,
            true if types.iter().any(|t| t.is_floating()) => Kind::Rounded,
            true => Kind::Exact,
        }
    }
}

fn rows(batches: &[RecordBatch], kinds: &[Kind]) -> Result<Rows> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(in_microseconds).collect::<Result<Vec<_>>>()?;
        let columns = columns.iter().map(|c| Texts::new(c, false)).collect::<Result<Vec<_>>>()?;
        rows.extend((0..batch.num_rows()).map(|row| {
            let texts = columns.iter().zip(kinds.iter().chain(std::iter::repeat(&Kind::Text)));
            texts
                .map(|(c, kind)| c.text(row).map(|text| if *kind == Kind::Text { text } else { canonical(text) }))
                .collect()
        }));
    }
    Ok(rows)
}

/// Instants of any unit and zone, in the one that Athena's are brought to.
fn in_microseconds(column: &ArrayRef) -> Result<ArrayRef> {
    if !matches!(column.data_type(), DataType::Timestamp(..)) {
        return Ok(ArrayRef::clone(column));
    }
    let wanted = DataType::Timestamp(TimeUnit::Microsecond, None);
    arrow::compute::cast(column, &wanted).map_err(|e| Error::bug("an instant cannot be compared").caused_by(e))
}

/// A number without zeros at its end.
fn canonical(text: String) -> String {
    let plain = text.contains('.') && !text.contains(['e', 'E']);
    let short = if plain { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    if short == "-0" { "0".to_owned() } else { short }
}

fn differing(left: &Rows, right: &Rows, names: &[String], kinds: &[Kind]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (row, (a, b)) in left.iter().zip(right).enumerate() {
        for column in 0..a.len().max(b.len()) {
            let (x, y) = (a.get(column).cloned().flatten(), b.get(column).cloned().flatten());
            if !same(x.as_deref(), y.as_deref(), kinds.get(column).copied().unwrap_or(Kind::Text)) {
                let column = names.get(column).cloned().unwrap_or_else(|| format!("column {}", column + 1));
                cells.push(Cell { row: row + 1, column, left: x, right: y });
            }
        }
    }
    cells
}

fn same(left: Option<&str>, right: Option<&str>, kind: Kind) -> bool {
    if left == right || kind != Kind::Rounded {
        return left == right;
    }
    let numbers = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    let (Some(a), Some(b)) = (numbers(left), numbers(right)) else { return false };
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()) || (a.is_nan() && b.is_nan())
}

impl Comparison {
    /// How many cells differ, by column.
    pub fn by_column(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for cell in &self.cells {
            *counts.entry(cell.column.as_str()).or_insert(0) += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, TimestampNanosecondArray,
    };

    use super::*;

    fn result(columns: Vec<(&str, ArrayRef)>) -> ReportResult {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        ReportResult { schema: batch.schema(), batches: vec![batch], tables: Vec::new(), elapsed: Default::default() }
    }

    fn decimals(values: Vec<i128>, scale: i8) -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, scale).unwrap())
    }

    #[test]
    fn values_count_and_not_their_types() {
        let left =
            result(vec![("n", Arc::new(Int64Array::from(vec![1, 2]))), ("amount", decimals(vec![1250, 300], 2))]);
        let right = result(vec![("N", decimals(vec![1, 2], 0)), ("amount", decimals(vec![125, 30], 1))]);
        assert!(compare(&left, &right).unwrap().is_equal());
    }

    #[test]
    fn every_differing_cell_is_found() {
        let left = result(vec![
            ("n", Arc::new(Int64Array::from(vec![1, 2]))),
            ("s", Arc::new(StringArray::from(vec!["a", "b"]))),
        ]);
        let right = result(vec![
            ("n", Arc::new(Int64Array::from(vec![1, 3]))),
            ("s", Arc::new(StringArray::from(vec!["a", "b"]))),
        ]);
        let comparison = compare(&left, &right).unwrap();
        let cell = Cell { row: 2, column: "n".to_owned(), left: Some("2".to_owned()), right: Some("3".to_owned()) };
        assert_eq!((comparison.cells, comparison.reordered), (vec![cell], false));
        let short = result(vec![("n", Arc::new(Int64Array::from(vec![1])))]);
        assert!(!compare(&left, &short).unwrap().is_equal());
    }

    #[test]
    fn rows_in_another_order_are_the_same_rows() {
        let left = result(vec![("n", Arc::new(Int64Array::from(vec![1, 2])))]);
        let right = result(vec![("n", Arc::new(Int64Array::from(vec![2, 1])))]);
        let comparison = compare(&left, &right).unwrap();
        assert!(comparison.reordered && comparison.is_equal());
    }

    #[test]
    fn texts_that_look_like_numbers_are_texts_and_instants_are_instants() {
        let texts = |value: &str| result(vec![("version", Arc::new(StringArray::from(vec![value])) as ArrayRef)]);
        assert!(!compare(&texts("1.10"), &texts("1.1")).unwrap().is_equal());
        assert!(!compare(&texts("1e5"), &texts("100000")).unwrap().is_equal());
        let nanos = result(vec![("at", Arc::new(TimestampNanosecondArray::from(vec![1_000])))]);
        let micros = TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC");
        assert!(compare(&nanos, &result(vec![("at", Arc::new(micros))])).unwrap().is_equal());
        assert!(
            compare(
                &result(vec![("x", decimals(vec![0], 2))]),
                &result(vec![("x", Arc::new(Float64Array::from(vec![-0.0])))])
            )
            .unwrap()
            .is_equal()
        );
    }

    #[test]
    fn only_floating_point_may_differ_in_its_last_digits() {
        let floats = |value: f64| result(vec![("x", Arc::new(Float64Array::from(vec![value])))]);
        assert!(compare(&floats(1.0 / 3.0), &floats(1.0 / 3.0 + 1e-16)).unwrap().is_equal());
        assert!(!compare(&floats(0.333_333_33), &floats(0.333_334_33)).unwrap().is_equal());
        assert!(compare(&floats(12_345_678_901.123_455), &floats(12_345_678_901.123_457)).unwrap().is_equal());
        let long = |value| result(vec![("x", decimals(vec![value], 8))]);
        assert!(!compare(&long(12_345_678_901_212_345_678), &long(12_345_678_901_212_345_679)).unwrap().is_equal());
        let money = |value| result(vec![("x", decimals(vec![value], 2))]);
        assert!(!compare(&money(100_000_000_000_000_001), &money(100_000_000_000_000_002)).unwrap().is_equal());
    }
}

//! Rows to Arrow: for sources whose drivers give one value at a time.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int8Builder, Int16Builder, Int32Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{Field, SchemaRef};
use chrono_tz::Tz;
use lakegate_contract::{Contract, DataType, Error, Result};

use crate::text::{parse_date, parse_decimal, parse_integer, parse_timestamp, timestamp_of_epoch};

/// A value of a row, of the type of its column.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value<'a> {
    /// NULL.
    #[default]
    Null,
    /// For `boolean`.
    Boolean(bool),
    /// For whole numbers of every width; checked to fit when it was made.
    Integer(i64),
    /// For `decimal`: a count of its last digit.
    Decimal(i128),
    /// For `float` and `double`.
    Double(f64),
    /// For `string`.
    Text(Cow<'a, str>),
    /// For `binary`.
    Binary(Cow<'a, [u8]>),
    /// For `date`: days since 1970-01-01.
    Date(i32),
    /// For `timestamp`: microseconds since 1970-01-01 in UTC.
    Timestamp(i64),
    /// For `array<string>`.
    Texts(Vec<Cow<'a, str>>),
}

/// Why a value does not fit its column: words for a reason, without the value.
pub type Misfit = &'static str;

/// The whole number as a value of that type.
///
/// # Errors
/// When it does not fit.
pub fn of_integer(number: i64, data_type: &DataType) -> Result<Value<'static>, Misfit> {
    let fits = match data_type {
        DataType::TinyInt => i8::try_from(number).is_ok(),
        DataType::SmallInt => i16::try_from(number).is_ok(),
        DataType::Int => i32::try_from(number).is_ok(),
        DataType::BigInt => true,
        DataType::Decimal { precision, scale } => {
            let unscaled = i128::from(number).checked_mul(10i128.pow(u32::from(*scale)));
            let fitting = unscaled.filter(|v| v.unsigned_abs() < 10u128.pow(u32::from(*precision)));
            return fitting.map(Value::Decimal).ok_or("a number with too many digits");
        }
        #[expect(clippy::cast_precision_loss, reason = "the contract asks for a floating-point column")]
        DataType::Float | DataType::Double => return Ok(Value::Double(number as f64)),
        DataType::String => return Ok(Value::Text(number.to_string().into())),
        DataType::Timestamp => return timestamp_of_epoch(number).map(Value::Timestamp).ok_or("a time out of range"),
        DataType::Boolean if number == 0 || number == 1 => return Ok(Value::Boolean(number == 1)),
        _ => return Err("a whole number"),
    };
    if fits { Ok(Value::Integer(number)) } else { Err("a number that is too large") }
}

/// The floating-point number as a value of a column of type `float` or `double`. What is infinite or no number already stays what
/// it is.
///
/// # Errors
/// When it is finite and the type would make it infinite.
pub fn of_double(number: f64, data_type: &DataType) -> Result<Value<'static>, Misfit> {
    #[expect(clippy::cast_possible_truncation, reason = "whether it fits is what is asked")]
    let overflows = *data_type == DataType::Float && number.is_finite() && !(number as f32).is_finite();
    if overflows { Err("a number that is too large") } else { Ok(Value::Double(number)) }
}

/// Text as a value of that type.
///
/// # Errors
/// When it is not one.
pub fn of_text<'a>(text: &'a str, data_type: &DataType, zone: Tz) -> Result<Value<'a>, Misfit> {
    match data_type {
        DataType::String => Ok(Value::Text(text.into())),
        DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt => {
            of_integer(parse_integer(text).ok_or("text that is no whole number")?, data_type)
        }
        DataType::Decimal { precision, scale } => parse_decimal(text, *precision, *scale)
            .map(Value::Decimal)
            .ok_or("text that is no decimal of that many digits"),
        DataType::Float | DataType::Double => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => of_double(number, data_type),
            _ => Err("text that is no finite number"),
        },
        DataType::Date => parse_date(text).map(Value::Date).ok_or("text that is no date"),
        DataType::Timestamp => parse_timestamp(text, zone).map(Value::Timestamp).ok_or("text that is no timestamp"),
        DataType::Boolean => match text {
            "true" | "TRUE" | "t" => Ok(Value::Boolean(true)),
            "false" | "FALSE" | "f" => Ok(Value::Boolean(false)),
            _ => Err("text that is neither true nor false"),
        },
        DataType::Binary => Ok(Value::Binary(text.as_bytes().into())),
        _ => Err("text"),
    }
}

/// Collects rows into batches of a contract's source schema.
pub struct RowsBuilder {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    rows: usize,
}

enum ColumnBuilder {
    Boolean(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Texts(ListBuilder<StringBuilder>),
}

impl RowsBuilder {
    /// A builder for the published columns of a contract, in order.
    ///
    /// # Errors
    /// When a column has a nested type other than `array<string>`.
    pub fn new(contract: &Contract) -> Result<Self> {
        let columns = contract
            .published_columns()
            .map(|column| {
                ColumnBuilder::new(&column.data_type).ok_or_else(|| {
                    Error::usage(format!(
                        "column `{}` is of type {}, which this source cannot give",
                        column.name, column.data_type
                    ))
                    .at(format!("schemas/{}.toml", contract.table()))
                    .expected("a plain type, or array<string>")
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { schema: contract.source_schema(), columns, rows: 0 })
    }

    /// Rows collected since the last batch.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether no row waits.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds a row: a value for each column. A value of another type than its column's becomes NULL, which cannot happen
    /// for values made by [`of_text`] and [`of_integer`] for that column.
    pub fn append(&mut self, row: &[Value<'_>]) {
        for (index, column) in self.columns.iter_mut().enumerate() {
            column.append(row.get(index).unwrap_or(&Value::Null));
        }
        self.rows += 1;
    }

    /// The rows as a batch; the builder is empty afterwards.
    ///
    /// # Errors
    /// Never for a builder made by [`RowsBuilder::new`].
    pub fn finish(&mut self) -> Result<RecordBatch> {
        self.rows = 0;
        let columns: Vec<ArrayRef> = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|e| Error::bug("rows do not make a batch").caused_by(e))
    }
}

impl ColumnBuilder {
    fn new(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => ColumnBuilder::Boolean(BooleanBuilder::new()),
            DataType::TinyInt => ColumnBuilder::Int8(Int8Builder::new()),
            DataType::SmallInt => ColumnBuilder::Int16(Int16Builder::new()),
            DataType::Int => ColumnBuilder::Int32(Int32Builder::new()),
            DataType::BigInt => ColumnBuilder::Int64(Int64Builder::new()),
            DataType::Float => ColumnBuilder::Float32(Float32Builder::new()),
            DataType::Double => ColumnBuilder::Float64(Float64Builder::new()),
            DataType::Decimal { .. } => {
                ColumnBuilder::Decimal(Decimal128Builder::new().with_data_type(data_type.to_arrow()))
            }
            DataType::String => ColumnBuilder::Text(StringBuilder::new()),
            DataType::Binary => ColumnBuilder::Binary(BinaryBuilder::new()),
            DataType::Date => ColumnBuilder::Date(Date32Builder::new()),
            DataType::Timestamp => {
                ColumnBuilder::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(data_type.to_arrow()))
            }
            DataType::Array(element) if **element == DataType::String => {
                let field = Field::new("element", arrow::datatypes::DataType::Utf8, true);
                ColumnBuilder::Texts(ListBuilder::new(StringBuilder::new()).with_field(field))
            }
            _ => return None,
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "the width was checked when the value was made")]
    fn append(&mut self, value: &Value<'_>) {
        match (self, value) {
            (ColumnBuilder::Boolean(b), Value::Boolean(v)) => b.append_value(*v),
            (ColumnBuilder::Int8(b), Value::Integer(v)) => b.append_value(*v as i8),
            (ColumnBuilder::Int16(b), Value::Integer(v)) => b.append_value(*v as i16),
            (ColumnBuilder::Int32(b), Value::Integer(v)) => b.append_value(*v as i32),
            (ColumnBuilder::Int64(b), Value::Integer(v)) => b.append_value(*v),
            (ColumnBuilder::Float32(b), Value::Double(v)) => b.append_value(*v as f32),
            (ColumnBuilder::Float64(b), Value::Double(v)) => b.append_value(*v),
            (ColumnBuilder::Decimal(b), Value::Decimal(v)) => b.append_value(*v),
            (ColumnBuilder::Text(b), Value::Text(v)) => b.append_value(v),
            (ColumnBuilder::Binary(b), Value::Binary(v)) => b.append_value(v),
            (ColumnBuilder::Date(b), Value::Date(v)) => b.append_value(*v),
            (ColumnBuilder::Timestamp(b), Value::Timestamp(v)) => b.append_value(*v),
            (ColumnBuilder::Texts(b), Value::Texts(v)) => {
                v.iter().for_each(|text| b.values().append_value(text));
                b.append(true);
            }
            (column, _) => column.append_null(),
        }
    }

    fn append_null(&mut self) {
        match self {
            ColumnBuilder::Boolean(b) => b.append_null(),
            ColumnBuilder::Int8(b) => b.append_null(),
            ColumnBuilder::Int16(b) => b.append_null(),
            ColumnBuilder::Int32(b) => b.append_null(),
            ColumnBuilder::Int64(b) => b.append_null(),
            ColumnBuilder::Float32(b) => b.append_null(),
            ColumnBuilder::Float64(b) => b.append_null(),
            ColumnBuilder::Decimal(b) => b.append_null(),
            ColumnBuilder::Text(b) => b.append_null(),
            ColumnBuilder::Binary(b) => b.append_null(),
            ColumnBuilder::Date(b) => b.append_null(),
            ColumnBuilder::Timestamp(b) => b.append_null(),
            ColumnBuilder::Texts(b) => b.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::Boolean(b) => Arc::new(b.finish()),
            ColumnBuilder::Int8(b) => Arc::new(b.finish()),
            ColumnBuilder::Int16(b) => Arc::new(b.finish()),
            ColumnBuilder::Int32(b) => Arc::new(b.finish()),
            ColumnBuilder::Int64(b) => Arc::new(b.finish()),
            ColumnBuilder::Float32(b) => Arc::new(b.finish()),
            ColumnBuilder::Float64(b) => Arc::new(b.finish()),
            ColumnBuilder::Decimal(b) => Arc::new(b.finish()),
            ColumnBuilder::Text(b) => Arc::new(b.finish()),
            ColumnBuilder::Binary(b) => Arc::new(b.finish()),
            ColumnBuilder::Date(b) => Arc::new(b.finish()),
            ColumnBuilder::Timestamp(b) => Arc::new(b.finish()),
            ColumnBuilder::Texts(b) => Arc::new(b.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finite_number_never_becomes_infinite() {
        const TOO_LARGE: Result<Value<'_>, Misfit> = Err("a number that is too large");
        let largest = f64::from(f32::MAX);
        for number in [1e300, -1e300, 3.5e38, f64::MAX] {
            assert_eq!(of_double(number, &DataType::Float), TOO_LARGE);
            assert_eq!(of_double(number, &DataType::Double), Ok(Value::Double(number)));
        }
        for number in [0.0, largest, -largest, 1e-300, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(of_double(number, &DataType::Float), Ok(Value::Double(number)));
        }
        assert!(matches!(of_double(f64::NAN, &DataType::Float), Ok(Value::Double(number)) if number.is_nan()));
        assert_eq!(of_text("1e39", &DataType::Float, Tz::UTC), TOO_LARGE);
        assert_eq!(of_text("1e39", &DataType::Double, Tz::UTC), Ok(Value::Double(1e39)));
    }
}

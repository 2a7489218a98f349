//! Athena's rows of texts as typed columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use aws_sdk_athena::types::{ColumnInfo, Row};
use lakegate_aws::AwsFailure;
use lakegate_contract::{Error, Result};

use super::AthenaEngine;

/// Rows of a page: the most that Athena gives.
const PAGE: i32 = 1000;

impl AthenaEngine {
    /// All rows of a query that has succeeded.
    pub(super) async fn results(&self, id: &str) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let call = self.client.get_query_results().query_execution_id(id).max_results(PAGE);
        let mut pages = call.into_paginator().send();
        let mut schema: Option<SchemaRef> = None;
        let mut batches = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| AwsFailure::of("Athena", "GetQueryResults", &e).into_error())?;
            let Some(set) = page.result_set() else { continue };
            let columns = set.result_set_metadata().map(|meta| meta.column_info()).unwrap_or_default();
            // The first row of the first page repeats the columns' names.
            let rows = set.rows().get(usize::from(schema.is_none())..).unwrap_or_default();
            let known = schema.get_or_insert_with(|| schema_of(columns));
            if !rows.is_empty() {
                batches.push(batch(known, rows)?);
            }
        }
        Ok((schema.unwrap_or_else(|| Arc::new(Schema::empty())), batches))
    }
}

fn schema_of(columns: &[ColumnInfo]) -> SchemaRef {
    let field = |column: &ColumnInfo| Field::new(column.name(), data_type(column), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// The types of Athena's results: <https://docs.aws.amazon.com/athena/latest/ug/data-types.html>. What has no column of its own
/// stays text, as Athena prints it.
fn data_type(column: &ColumnInfo) -> DataType {
    let decimal = || {
        let (precision, scale) = (u8::try_from(column.precision()).ok()?, i8::try_from(column.scale()).ok()?);
        (1..=38).contains(&precision).then_some(DataType::Decimal128(precision, scale))
    };
    match column.r#type() {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "integer" => DataType::Int32,
        "bigint" => DataType::Int64,
        "float" | "real" => DataType::Float32,
        "double" => DataType::Float64,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "decimal" => decimal().unwrap_or(DataType::Utf8),
        _ => DataType::Utf8,
    }
}

fn batch(schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch> {
    let columns: Result<Vec<ArrayRef>> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            // NULL has no value, and cells at a row's end may be missing altogether.
            let cell = |row| -> Option<&str> { Row::data(row).get(index)?.var_char_value() };
            column(&rows.iter().map(cell).collect::<StringArray>(), field)
        })
        .collect();
    let rows = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns?, &rows)
        .map_err(|e| Error::bug("Athena's rows do not fit their columns").caused_by(e))
}

fn column(texts: &StringArray, field: &Field) -> Result<ArrayRef> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let cast = |texts, to| cast_with_options(texts, to, &strict);
    let values = match field.data_type() {
        to @ DataType::Timestamp(unit, _) => {
            cast(texts, &DataType::Timestamp(*unit, None)).and_then(|plain| cast_with_options(&plain, to, &strict))
        }
        to => cast(texts, to),
    };
    // The cause would quote the value.
    values.map_err(|_| {
        Error::bug(format!("column {} of Athena's result does not hold what its type says", field.name()))
            .expected(field.data_type().to_string())
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray as _;
    use aws_sdk_athena::types::Datum;

    use super::*;

    fn info(name: &str, data_type: &str, precision: i32, scale: i32) -> ColumnInfo {
        ColumnInfo::builder().name(name).r#type(data_type).precision(precision).scale(scale).build().unwrap()
    }

    fn row(cells: &[Option<&str>]) -> Row {
        let datum = |cell: &Option<&str>| Datum::builder().set_var_char_value(cell.map(str::to_owned)).build();
        Row::builder().set_data(Some(cells.iter().map(datum).collect())).build()
    }

    #[test]
    fn texts_become_typed_and_missing_cells_null() {
        let schema = schema_of(&[
            info("name", "varchar", 0, 0),
            info("revenue", "decimal", 38, 2),
            info("share", "double", 17, 0),
            info("at", "timestamp", 3, 0),
            info("tags", "array", 0, 0),
        ]);
        let rows = [
            row(&[
                Some("패션"),
                Some("1234567890123456789.50"),
                Some("1.5E10"),
                Some("2026-03-09 01:02:03.456"),
                Some("[a, b]"),
            ]),
            row(&[None, Some("-0.01")]),
            row(&[]),
        ];
        let batch = batch(&schema, &rows).unwrap();
        assert_eq!(batch.num_rows(), 3);
        assert_eq!(
            batch.column(1).as_primitive::<arrow::datatypes::Decimal128Type>().value(0),
            123_456_789_012_345_678_950
        );
        assert_eq!(batch.column(2).as_primitive::<arrow::datatypes::Float64Type>().value(0), 1.5e10);
        assert_eq!(
            batch.column(3).as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(0),
            1_773_018_123_456_000
        );
        assert!((1..5).all(|column| batch.column(column).is_null(2)));
    }

    #[test]
    fn a_value_that_does_not_fit_is_not_quoted() {
        let schema = schema_of(&[info("n", "integer", 0, 0)]);
        let error = batch(&schema, &[row(&[Some("kim@example.com")])]).unwrap_err();
        assert!(!format!("{error:?}").contains("kim"), "{error:?}");
    }
}

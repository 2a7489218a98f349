//! How results look: a table for people, CSV, JSON.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use lakegate_contract::{Error, Result};

use crate::ReportResult;

/// Digits that a floating-point number shows in a table.
const TABLE_DIGITS: usize = 4;

impl ReportResult {
    /// A table for a terminal: numbers to the right, Korean in its real width.
    ///
    /// # Errors
    /// When a value cannot be shown, which is a defect.
    pub fn to_table(&self) -> Result<String> {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        let aligned = |text: String, data_type: &DataType| {
            let alignment = if data_type.is_numeric() { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(text).set_alignment(alignment)
        };
        table.set_header(self.schema.fields().iter().map(|f| aligned(f.name().clone(), f.data_type())));
        for batch in &self.batches {
            let columns = batch.columns().iter().map(|c| Texts::new(c, true)).collect::<Result<Vec<_>>>()?;
            for row in 0..batch.num_rows() {
                table.add_row(columns.iter().map(|c| aligned(c.text(row).unwrap_or_default(), c.data_type())));
            }
        }
        Ok(table.to_string())
    }

    /// Comma-separated values with a header.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn write_csv(&self, out: impl Write) -> Result<()> {
        let mut csv = CsvOutput::new(out);
        csv.header(&self.schema)?;
        self.batches.iter().try_for_each(|batch| csv.write(batch))?;
        csv.finish()
    }

    /// The rows as JSON objects: numbers and truth values as such, decimals as exact numbers, the rest as text.
    ///
    /// # Errors
    /// When a value cannot be shown, which is a defect.
    pub fn to_json(&self) -> Result<serde_json::Value> {
        let mut rows = Vec::new();
        for batch in &self.batches {
            let columns = batch.columns().iter().map(|c| Texts::new(c, false)).collect::<Result<Vec<_>>>()?;
            for row in 0..batch.num_rows() {
                let members = self.schema.fields().iter().zip(&columns).map(|(f, c)| (f.name().clone(), c.json(row)));
                rows.push(serde_json::Value::Object(members.collect()));
            }
        }
        Ok(serde_json::Value::Array(rows))
    }
}

/// CSV, batch by batch. Text that a spreadsheet would run as a formula gets an apostrophe in front.
pub struct CsvOutput<W: Write> {
    writer: csv::Writer<W>,
    begun: bool,
}

impl<W: Write> CsvOutput<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { writer: csv::Writer::from_writer(out), begun: false }
    }

    fn header(&mut self, schema: &arrow::datatypes::Schema) -> Result<()> {
        self.begun = true;
        self.writer.write_record(schema.fields().iter().map(|f| f.name())).map_err(unwritten)
    }

    /// Writes a batch, and the header before the first.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if !self.begun {
            self.header(&batch.schema())?;
        }
        let columns = batch.columns().iter().map(|c| Texts::new(c, false)).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|c| {
                let text = c.text(row).unwrap_or_default();
                if c.is_text() { defused(text) } else { text }
            });
            self.writer.write_record(cells).map_err(unwritten)?;
        }
        Ok(())
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.writer.flush().map_err(|e| Error::unavailable(format!("the output cannot be written: {}", e.kind())))
    }
}

fn unwritten(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::unavailable(format!("the output cannot be written: {}", error.kind())),
        _ => Error::bug("a row cannot be written as CSV"),
    }
}

fn defused(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

/// A column's values as texts.
struct Texts<'a> {
    column: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
    rounded: bool,
}

const OPTIONS: FormatOptions<'static> = FormatOptions::new();

impl<'a> Texts<'a> {
    fn new(column: &'a ArrayRef, rounded: bool) -> Result<Self> {
        let formatter = ArrayFormatter::try_new(column.as_ref(), &OPTIONS)
            .map_err(|e| Error::bug("a column cannot be shown").caused_by(e))?;
        Ok(Self { column, formatter, rounded })
    }

    fn data_type(&self) -> &DataType {
        self.column.data_type()
    }

    fn is_text(&self) -> bool {
        matches!(self.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
    }

    fn text(&self, row: usize) -> Option<String> {
        if self.column.is_null(row) {
            return None;
        }
        if let Some(times) = self.column.as_primitive_opt::<TimestampMicrosecondType>() {
            let time = chrono::DateTime::from_timestamp_micros(times.value(row))?;
            return Some(time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string());
        }
        let text = self.formatter.value(row).to_string();
        match text.parse::<f64>() {
            Ok(number) if self.rounded && self.data_type().is_floating() => Some(format!("{number:.TABLE_DIGITS$}")),
            _ => Some(text),
        }
    }

    fn json(&self, row: usize) -> serde_json::Value {
        let Some(text) = self.text(row) else { return serde_json::Value::Null };
        let plain = self.data_type().is_numeric() || *self.data_type() == DataType::Boolean;
        if plain && let Ok(value) = serde_json::from_str(&text) {
            return value;
        }
        serde_json::Value::String(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn result() -> ReportResult {
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("이름", Arc::new(StringArray::from(vec![Some("패션"), Some("=1+1"), None])) as ArrayRef, true),
            ("n", Arc::new(Int64Array::from(vec![1, -20, 300])), true),
            (
                "amount",
                Arc::new(Decimal128Array::from(vec![1050, -1, 0]).with_precision_and_scale(12, 2).unwrap()),
                true,
            ),
            ("mean", Arc::new(Float64Array::from(vec![0.5, 1.0 / 3.0, 2.0])), true),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![0, 1_500_000, 0]).with_timezone("UTC")), true),
        ])
        .unwrap();
        ReportResult { schema: batch.schema(), batches: vec![batch], tables: Vec::new(), elapsed: Default::default() }
    }

    #[test]
    fn tables_align_korean_and_numbers() {
        insta::assert_snapshot!(result().to_table().unwrap(), @r"
        ┌──────┬─────┬────────┬────────┬──────────────────────────┐
        │ 이름 ┆   n ┆ amount ┆   mean ┆ at                       │
        ╞══════╪═════╪════════╪════════╪══════════════════════════╡
        │ 패션 ┆   1 ┆  10.50 ┆ 0.5000 ┆ 1970-01-01T00:00:00Z     │
        │ =1+1 ┆ -20 ┆  -0.01 ┆ 0.3333 ┆ 1970-01-01T00:00:01.500Z │
        │      ┆ 300 ┆   0.00 ┆ 2.0000 ┆ 1970-01-01T00:00:00Z     │
        └──────┴─────┴────────┴────────┴──────────────────────────┘
        ");
    }

    #[test]
    fn csv_defuses_formulas_and_leaves_numbers() {
        let mut out = Vec::new();
        result().write_csv(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\n'=1+1,-20,-0.01,"), "{text}");
    }

    #[test]
    fn json_keeps_types() {
        let rows = result().to_json().unwrap();
        assert_eq!(rows[0]["amount"], serde_json::json!(10.5));
        assert_eq!(rows[2]["이름"], serde_json::Value::Null);
    }
}

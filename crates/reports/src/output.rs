//! How results look: a table for people, CSV, JSON.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use lakegate_contract::{Error, Result};
use serde_json::value::RawValue;

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
            let text = visible(&text);
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
        csv.finish().map(drop)
    }

    /// The rows as JSON objects, their members in the order of the columns: numbers exact, lists as lists, the rest as text.
    /// A second column of one name gets a number behind it.
    ///
    /// # Errors
    /// When a value cannot be shown, which is a defect.
    pub fn to_json(&self) -> Result<Box<RawValue>> {
        let names = distinct_names(&self.schema);
        let mut text = String::from("[");
        for batch in &self.batches {
            let columns = batch.columns().iter().map(|c| Texts::new(c, false)).collect::<Result<Vec<_>>>()?;
            for row in 0..batch.num_rows() {
                text.push_str(if text.len() > 1 { ",\n {" } else { "\n {" });
                for (index, (name, column)) in names.iter().zip(&columns).enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    text.push_str(&format!("{comma}{}: {}", json_text(name), column.json(row)?));
                }
                text.push('}');
            }
        }
        text.push_str(if text.len() > 1 { "\n]" } else { "]" });
        RawValue::from_string(text).map_err(|e| Error::bug("a result is no JSON").caused_by(e))
    }
}

fn distinct_names(schema: &arrow::datatypes::Schema) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut number = 2;
        while names.contains(&name) {
            name = format!("{}_{number}", field.name());
            number += 1;
        }
        names.push(name);
    }
    names
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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

    /// Writes the header, also where no row follows.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn header(&mut self, schema: &arrow::datatypes::Schema) -> Result<()> {
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

    /// Ends the output, and gives back what it was written to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<W> {
        self.writer
            .into_inner()
            .map_err(|e| Error::unavailable(format!("the output cannot be written: {}", e.error().kind())))
    }
}

fn unwritten(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::unavailable(format!("the output cannot be written: {}", error.kind())),
        _ => Error::bug("a row cannot be written as CSV"),
    }
}

/// A text without what a terminal would obey: values come from people.
pub fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match c {
            '\n' => shown.push('\n'),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
        shown
    })
}

fn defused(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

/// A number with few digits, unless nothing would be left of it.
fn rounded(number: f64, text: String) -> String {
    let lost = number != 0.0 && number.abs() < 0.5 * 10f64.powi(-(TABLE_DIGITS as i32));
    if lost || !number.is_finite() { text } else { format!("{number:.TABLE_DIGITS$}") }
}

/// A column's values as texts.
pub(crate) struct Texts<'a> {
    column: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
    rounded: bool,
}

/// NULL within a list; as a value of its own it is told before.
const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_null("null");

impl<'a> Texts<'a> {
    pub(crate) fn new(column: &'a ArrayRef, rounded: bool) -> Result<Self> {
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

    pub(crate) fn text(&self, row: usize) -> Option<String> {
        if self.column.is_null(row) {
            return None;
        }
        if let Some(times) = self.column.as_primitive_opt::<TimestampMicrosecondType>() {
            let time = chrono::DateTime::from_timestamp_micros(times.value(row))?;
            return Some(time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string());
        }
        let text = self.formatter.value(row).to_string();
        match text.parse::<f64>() {
            Ok(number) if self.rounded && self.data_type().is_floating() => Some(rounded(number, text)),
            _ => Some(text),
        }
    }

    fn json(&self, row: usize) -> Result<String> {
        let Some(text) = self.text(row) else { return Ok("null".to_owned()) };
        if let DataType::List(_) = self.data_type() {
            let element = self.column.as_list::<i32>().value(row);
            let inner = Texts::new(&element, false)?;
            let values = (0..element.len()).map(|i| inner.json(i)).collect::<Result<Vec<_>>>()?;
            return Ok(format!("[{}]", values.join(", ")));
        }
        let plain = self.data_type().is_numeric() || *self.data_type() == DataType::Boolean;
        // Not a number (NaN, infinity) has no form in JSON but as text.
        let valid = plain && serde_json::from_str::<&RawValue>(&text).is_ok();
        Ok(if valid { text } else { json_text(&text) })
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
    fn a_terminal_obeys_no_value() {
        assert_eq!(visible("a\u{1b}[31mb\u{7}\nc 가"), "a\\u{1b}[31mb\\u{7}\nc 가");
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
        insta::assert_snapshot!(result().to_json().unwrap().get(), @r#"
        [
         {"이름": "패션", "n": 1, "amount": 10.50, "mean": 0.5, "at": "1970-01-01T00:00:00Z"},
         {"이름": "=1+1", "n": -20, "amount": -0.01, "mean": 0.3333333333333333, "at": "1970-01-01T00:00:01.500Z"},
         {"이름": null, "n": 300, "amount": 0.00, "mean": 2.0, "at": "1970-01-01T00:00:00Z"}
        ]
        "#);
    }

    #[test]
    fn json_loses_nothing() {
        let amount =
            Decimal128Array::from(vec![1_234_567_890_123_456_789_012]).with_precision_and_scale(38, 2).unwrap();
        let mut lists = arrow::array::ListBuilder::new(arrow::array::Int64Builder::new());
        lists.append_value([Some(1), None]);
        let schema = Arc::new(arrow::datatypes::Schema::new(vec![
            arrow::datatypes::Field::new("a", amount.data_type().clone(), true),
            arrow::datatypes::Field::new("a", DataType::new_list(DataType::Int64, true), true),
            arrow::datatypes::Field::new("x", DataType::Float64, true),
        ]));
        let columns: Vec<ArrayRef> =
            vec![Arc::new(amount), Arc::new(lists.finish()), Arc::new(Float64Array::from(vec![f64::NAN]))];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let result = ReportResult { schema, batches: vec![batch], tables: Vec::new(), elapsed: Default::default() };
        let text = result.to_json().unwrap();
        assert_eq!(text.get().trim(), "[\n {\"a\": 12345678901234567890.12, \"a_2\": [1, null], \"x\": \"NaN\"}\n]");
    }
}

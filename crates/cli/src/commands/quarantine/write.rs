//! Refused rows as a table, CSV, JSON or Parquet.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use lakegate_contract::{Error, Result};
use lakegate_lake::{QuarantinedPlace, QuarantinedRows};
use lakegate_reports::{CsvOutput, ReportResult};
use parquet::arrow::ArrowWriter;

use super::arguments::ShowFormat;
use crate::output;

/// Where rows go, a batch at a time.
pub enum RowsOutput {
    /// Comma-separated.
    Csv(Box<CsvOutput<Box<dyn Write>>>),
    /// An array of objects.
    Json {
        /// Where to.
        out: Box<dyn Write>,
        /// Whether an object was written.
        begun: bool,
    },
    /// A Parquet file.
    Parquet(Box<ArrowWriter<File>>),
}

impl RowsOutput {
    /// Opens standard output, or makes the file. `columns` are those that stand before the places.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open(format: ShowFormat, path: Option<&Path>, columns: &Schema) -> Result<Self> {
        let sink = || -> Result<Box<dyn Write>> {
            Ok(match path {
                None => Box::new(std::io::stdout()),
                Some(path) => Box::new(BufWriter::new(create(path)?)),
            })
        };
        match (format, path) {
            (ShowFormat::Parquet, Some(path)) => {
                let writer =
                    ArrowWriter::try_new(create(path)?, schema(columns, true), None).map_err(|_| unwritten())?;
                Ok(RowsOutput::Parquet(Box::new(writer)))
            }
            (ShowFormat::Csv, _) => {
                let mut csv = Box::new(CsvOutput::new(sink()?));
                csv.header(&schema(columns, false))?;
                Ok(RowsOutput::Csv(csv))
            }
            _ => {
                let mut out = sink()?;
                out.write_all(b"[").map_err(|_| unwritten())?;
                Ok(RowsOutput::Json { out, begun: false })
            }
        }
    }

    /// Writes rows.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn write(&mut self, rows: &QuarantinedRows) -> Result<()> {
        match self {
            RowsOutput::Csv(csv) => csv.write(&batch(rows, false)?),
            RowsOutput::Parquet(writer) => writer.write(&batch(rows, true)?).map_err(|_| unwritten()),
            RowsOutput::Json { out, begun } => {
                let text = result(vec![batch(rows, true)?], schema(&rows.columns.schema(), true)).to_json()?;
                // `[`, the objects, a line break and `]`.
                let objects = text.get().trim_start_matches('[').trim_end_matches(']').trim_end();
                if objects.is_empty() {
                    return Ok(());
                }
                let comma = if *begun { "," } else { "" };
                *begun = true;
                write!(out, "{comma}{objects}").map_err(|_| unwritten())
            }
        }
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<()> {
        match self {
            RowsOutput::Csv(csv) => csv.finish().map(drop),
            RowsOutput::Parquet(writer) => writer.close().map(drop).map_err(|_| unwritten()),
            RowsOutput::Json { mut out, begun } => {
                let end = if begun { "\n]\n" } else { "]\n" };
                out.write_all(end.as_bytes()).and_then(|()| out.flush()).map_err(|_| unwritten())
            }
        }
    }
}

fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|e| output::unwritable(&e, path))
}

fn unwritten() -> Error {
    Error::unavailable("the output cannot be written")
}

fn result(batches: Vec<RecordBatch>, schema: SchemaRef) -> ReportResult {
    ReportResult { schema, batches, tables: Vec::new(), elapsed: std::time::Duration::ZERO }
}

fn joined() -> Field {
    Field::new("_rules", DataType::Utf8, true)
}

/// The published columns and those of the place, under their names in the lake; the rules as a list, or joined.
fn schema(columns: &Schema, lists: bool) -> SchemaRef {
    let mut places = lakegate_lake::place_fields();
    let [rules, ..] = &mut places;
    if !lists {
        *rules = joined();
    }
    Arc::new(Schema::new(columns.fields().iter().cloned().chain(places.map(Arc::new)).collect::<Vec<_>>()))
}

fn batch(rows: &QuarantinedRows, lists: bool) -> Result<RecordBatch> {
    let rules: ArrayRef =
        if lists { Arc::new(rows.rules.clone()) } else { texts(rows, |row| rows.rules_of(row).join("; ")) };
    let mut columns = rows.columns.columns().to_vec();
    columns.extend([
        rules,
        Arc::new(rows.object.clone()) as ArrayRef,
        Arc::new(rows.part.clone()),
        Arc::new(rows.unit.clone()),
        Arc::new(rows.start.clone()),
        Arc::new(rows.end.clone()),
        Arc::new(rows.undecodable.clone()),
    ]);
    RecordBatch::try_new(schema(&rows.columns.schema(), lists), columns)
        .map_err(|_| Error::bug("refused rows do not have their own schema"))
}

fn texts(rows: &QuarantinedRows, text: impl Fn(usize) -> String) -> ArrayRef {
    Arc::new((0..rows.num_rows()).map(|row| Some(text(row))).collect::<StringArray>())
}

/// For people: the place, the rules, and these columns.
///
/// # Errors
/// When a column is not there, which is a defect.
pub fn places_and_columns(rows: &QuarantinedRows, columns: &[String]) -> Result<RecordBatch> {
    let mut fields = place_fields();
    let mut arrays = vec![
        texts(rows, |row| place(&rows.place(row))),
        texts(rows, |row| {
            let undecodable = if rows.undecodable.value(row) { "undecodable: " } else { "" };
            format!("{undecodable}{}", rows.rules_of(row).join("\n"))
        }),
    ];
    for name in columns {
        let lost = || Error::bug("a column of the quarantine is lost");
        let (_, field) = rows.columns.schema_ref().column_with_name(name).ok_or_else(lost)?;
        fields.push(field.clone());
        arrays.push(rows.columns.column_by_name(name).cloned().ok_or_else(lost)?);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|_| Error::bug("refused rows do not make a table"))
}

fn place_fields() -> Vec<Field> {
    vec![Field::new("place", DataType::Utf8, false), Field::new("refused by", DataType::Utf8, false)]
}

/// The table of batches that [`places_and_columns`] has made of these columns of a schema.
///
/// # Errors
/// When a value cannot be shown, which is a defect.
pub fn table(batches: Vec<RecordBatch>, schema: &Schema, columns: &[String]) -> Result<String> {
    let chosen = schema.fields().iter().filter(|f| columns.contains(f.name())).map(|f| f.as_ref().clone());
    result(batches, Arc::new(Schema::new(place_fields().into_iter().chain(chosen).collect::<Vec<_>>()))).to_table()
}

/// `data/a.json.gz, bytes 120 to 340`; `answers.xlsx, 응답, row 17`.
fn place(place: &QuarantinedPlace<'_>) -> String {
    let part = place.part.map(|part| format!(", {part}")).unwrap_or_default();
    let (last, unit) = (place.end.max(place.start + 1) - 1, place.unit);
    let range = match place.unit {
        "byte" => format!("bytes {} to {}", place.start, place.end),
        _ if last == place.start => format!("{unit} {last}"),
        _ => format!("{unit}s {} to {last}", place.start),
    };
    format!("{}{part}, {range}", place.object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_as_people_look_them_up() {
        let shown = |part, unit, start, end| place(&QuarantinedPlace { object: "a", part, unit, start, end });
        assert_eq!(shown(None, "byte", 120, 340), "a, bytes 120 to 340");
        assert_eq!(shown(Some("응답"), "row", 17, 18), "a, 응답, row 17");
        assert_eq!(shown(None, "row", 4, 9), "a, rows 4 to 8");
    }
}

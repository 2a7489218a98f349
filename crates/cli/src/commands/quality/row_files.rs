//! Rows with their outcomes, written to files as they are judged.

use std::fs::{File, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::writer::{LineDelimited, WriterBuilder};
use lakegate_contract::{Class, Error, Result};
use lakegate_quality::{RULES_FAIL, RULES_PASS, RULES_SKIP};
use lakegate_reports::CsvOutput;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tempfile::NamedTempFile;

use crate::output;

/// Bytes of a row group that are held before it is written.
const ROW_GROUP: usize = 32 << 20;

/// How rows are written, by the ending of the file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    Parquet,
    Csv,
    JsonLines,
}

impl RowFormat {
    /// The format that a file's name asks for.
    ///
    /// # Errors
    /// When its ending is none of the three, or the file is not on this machine.
    pub fn of(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        if shown.contains("://") {
            return Err(Error::usage("rows are written to files of this machine").at(shown).expected("a path"));
        }
        match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("parquet") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            _ => Err(Error::usage("how to write the rows is not known from the file's name")
                .at(shown)
                .expected("a name ending in .parquet, .csv or .jsonl")),
        }
    }
}

/// A file of rows that takes its place when it is whole.
pub struct RowFile {
    /// As the user wrote it.
    path: PathBuf,
    place: PathBuf,
    rows: Rows,
}

enum Rows {
    Parquet(Box<ArrowWriter<Target>>),
    Csv(Box<CsvOutput<Target>>),
    JsonLines(Box<arrow::json::writer::Writer<Target, LineDelimited>>),
}

/// Where the bytes go: beside the file that they become, or straight into what cannot be replaced, such as a pipe.
enum Target {
    Beside(BufWriter<NamedTempFile>),
    Into(BufWriter<File>),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Into(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Into(file) => file.flush(),
        }
    }
}

impl RowFile {
    /// Begins a file for rows of these columns.
    ///
    /// # Errors
    /// When its name says no format, or it cannot be written.
    pub fn create(path: &Path, schema: &SchemaRef) -> Result<Self> {
        let format = RowFormat::of(path)?;
        // A link stays a link: what it names is replaced.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let target = Target::open(&place).map_err(|e| output::unwritable(&e, path))?;
        let rows = match format {
            RowFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_created_by(concat!("lakegate ", env!("CARGO_PKG_VERSION")).to_owned())
                    .build();
                let writer = ArrowWriter::try_new(target, Arc::clone(schema), Some(properties));
                Rows::Parquet(Box::new(writer.map_err(|e| unwritten_parquet(&e, path))?))
            }
            RowFormat::Csv => {
                let mut csv = CsvOutput::new(target);
                csv.header(&as_text(schema))?;
                Rows::Csv(Box::new(csv))
            }
            RowFormat::JsonLines => {
                Rows::JsonLines(Box::new(WriterBuilder::new().with_explicit_nulls(true).build(target)))
            }
        };
        Ok(Self { path: path.to_path_buf(), place, rows })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match &mut self.rows {
            Rows::Parquet(writer) => {
                let written = writer.write(batch).and_then(|()| match writer.in_progress_size() > ROW_GROUP {
                    true => writer.flush(),
                    false => Ok(()),
                });
                written.map_err(|e| unwritten_parquet(&e, &self.path))
            }
            Rows::Csv(csv) => csv.write(&texts_of(batch)?),
            Rows::JsonLines(json) => json.write(batch).map_err(|e| unwritten_json(&e, &self.path)),
        }
    }

    /// Ends the file and puts it into its place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<()> {
        let path = &self.path;
        let target = match self.rows {
            Rows::Parquet(writer) => writer.into_inner().map_err(|e| unwritten_parquet(&e, path))?,
            Rows::Csv(csv) => csv.finish()?,
            Rows::JsonLines(mut json) => {
                json.finish().map_err(|e| unwritten_json(&e, path))?;
                json.into_inner()
            }
        };
        target.close(&self.place).map_err(|e| output::unwritable(&e, path))
    }
}

impl Target {
    fn open(path: &Path) -> std::io::Result<Self> {
        if path.exists() && !path.is_file() {
            return Ok(Self::Into(BufWriter::new(std::fs::OpenOptions::new().write(true).open(path)?)));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // What others may read of a new file, the user's mask decides, as for any other file.
        let file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666))
            .prefix(".lakegate-")
            .tempfile_in(folder)?;
        Ok(Self::Beside(BufWriter::new(file)))
    }

    fn close(self, path: &Path) -> std::io::Result<()> {
        match self {
            Self::Beside(file) => {
                let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
                file.persist(path).map(drop).map_err(|e| e.error)
            }
            Self::Into(mut file) => file.flush(),
        }
    }
}

/// CSV has no lists: those of rules are JSON there. Times without a zone are written without one.
fn as_text(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| match is_rules(field) || is_local_time(field) {
        true => Arc::new(Field::new(field.name(), DataType::Utf8, field.is_nullable())),
        false => Arc::clone(field),
    });
    Schema::new(fields.collect::<Vec<_>>())
}

fn is_rules(field: &Field) -> bool {
    [RULES_PASS, RULES_FAIL, RULES_SKIP].contains(&field.name().as_str())
}

fn is_local_time(field: &Field) -> bool {
    matches!(field.data_type(), DataType::Timestamp(_, None))
}

fn texts_of(batch: &RecordBatch) -> Result<RecordBatch> {
    let wrong = |e| Error::bug("columns cannot be written as text").caused_by(e);
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| match field {
        rules if is_rules(rules) => Ok(json_lists(column)),
        time if is_local_time(time) => cast(column, &DataType::Utf8),
        _ => Ok(Arc::clone(column)),
    });
    let columns = columns.collect::<std::result::Result<Vec<ArrayRef>, _>>().map_err(wrong)?;
    RecordBatch::try_new(Arc::new(as_text(&schema)), columns).map_err(wrong)
}

fn json_lists(column: &ArrayRef) -> ArrayRef {
    let Some(lists) = column.as_list_opt::<i32>() else { return Arc::clone(column) };
    let texts = lists.iter().map(|list| {
        let members = list.as_ref().and_then(|list| list.as_string_opt::<i32>());
        let members: Vec<&str> = members.into_iter().flatten().flatten().collect();
        Some(serde_json::Value::from(members).to_string())
    });
    Arc::new(texts.collect::<StringArray>())
}

fn unwritten_parquet(error: &parquet::errors::ParquetError, path: &Path) -> Error {
    use std::error::Error as _;
    match error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>()) {
        Some(cause) => output::unwritable(cause, path),
        None => cannot_hold(path),
    }
}

fn unwritten_json(error: &arrow::error::ArrowError, path: &Path) -> Error {
    match error {
        arrow::error::ArrowError::IoError(_, cause) => output::unwritable(cause, path),
        _ => cannot_hold(path),
    }
}

/// The library's own words may quote a value.
fn cannot_hold(path: &Path) -> Error {
    Error::new(Class::Usage, "the format cannot hold a column of the data, or the file cannot be written")
        .at(path.display().to_string())
        .help("try another ending: .parquet, .csv or .jsonl")
}

#[cfg(test)]
mod tests {
    use arrow::array::TimestampMicrosecondArray;

    use super::*;

    #[test]
    fn endings_say_the_format() {
        assert_eq!(RowFormat::of(Path::new("a/b.Parquet")).unwrap(), RowFormat::Parquet);
        assert!(RowFormat::of(Path::new("a/b.json")).unwrap_err().expectation().unwrap().contains(".jsonl"));
        assert!(RowFormat::of(Path::new("s3://b/b.csv")).unwrap_err().found().contains("this machine"));
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, "before").unwrap();
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(StringArray::from(vec!["x"]))]).unwrap();
        let mut file = RowFile::create(&path, &schema).unwrap();
        file.write(&batch).unwrap();
        drop(file);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
        let mut file = RowFile::create(&path, &schema).unwrap();
        file.write(&batch).unwrap();
        file.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\nx\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let link = folder.path().join("link.csv");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        RowFile::create(&link, &schema).unwrap().finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n");
    }

    #[test]
    fn times_without_a_zone_get_none_in_csv() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let local: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(1_500_000), None]));
        let utc: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("UTC"));
        let batch = RecordBatch::try_from_iter_with_nullable([("local", local, true), ("utc", utc, true)]).unwrap();
        let mut file = RowFile::create(&path, &batch.schema()).unwrap();
        file.write(&batch).unwrap();
        file.finish().unwrap();
        let expected = "local,utc\n1970-01-01T00:00:01.500,1970-01-01T00:00:00Z\n,1970-01-01T00:00:00.000001Z\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }
}

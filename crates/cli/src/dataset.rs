//! Files on this machine as a table for `lakegate quality`.

use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::options::JsonReadOptions;
use datafusion::error::DataFusionError;
use datafusion::prelude::{
    CsvReadOptions, DataFrame, ParquetReadOptions, SessionConfig, SessionContext, coalesce, col, lit,
};
use lakegate_contract::{Error, Result};

/// What a file holds, by the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Parquet,
    Csv,
    JsonLines,
}

const ENDINGS: [(&str, Kind); 5] = [
    ("parquet", Kind::Parquet),
    ("csv", Kind::Csv),
    ("json", Kind::JsonLines),
    ("jsonl", Kind::JsonLines),
    ("ndjson", Kind::JsonLines),
];

/// A context in which strings are plain Arrow strings, as in the lake.
pub fn session() -> SessionContext {
    let config = SessionConfig::new()
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_bool("datafusion.catalog.information_schema", false);
    SessionContext::new_with_config(config)
}

/// Registers the file, or the folder of files, at `path` under `name`.
///
/// # Errors
/// When there is nothing at the path, its kind is not known, or it cannot be read.
pub async fn register(context: &SessionContext, name: &str, path: &Path) -> Result<SchemaRef> {
    let shown = path.display().to_string();
    let (kind, ending, compressed) = kind_of(path)?;
    let compression = if compressed { FileCompressionType::GZIP } else { FileCompressionType::UNCOMPRESSED };
    let frame = match kind {
        Kind::Parquet => context.read_parquet(shown.as_str(), ParquetReadOptions::new().file_extension(&ending)).await,
        Kind::Csv => {
            // The whole file decides the types: the first rows alone have misled many a reader.
            let options = CsvReadOptions::new()
                .has_header(true)
                .newlines_in_values(true)
                .schema_infer_max_records(usize::MAX)
                .file_extension(&ending)
                .file_compression_type(compression);
            context.read_csv(shown.as_str(), options).await.and_then(blank_text_is_empty)
        }
        Kind::JsonLines => {
            let options = JsonReadOptions::default()
                .schema_infer_max_records(usize::MAX)
                .file_extension(&ending)
                .file_compression_type(compression);
            context.read_json(shown.as_str(), options).await
        }
    }
    .map_err(|e| unreadable(&shown, kind, &e))?;
    let schema = SchemaRef::new(frame.schema().as_arrow().clone());
    context
        .register_table(name, frame.into_view())
        .map_err(|_| Error::usage(format!("`{name}` names two datasets")).expected("another alias"))?;
    Ok(schema)
}

/// A reader's own message may quote what it could not read, so only its kind is passed on.
fn unreadable(shown: &str, kind: Kind, error: &DataFusionError) -> Error {
    let what = match error {
        DataFusionError::ParquetError(_) => "it is not a whole Parquet file",
        DataFusionError::ArrowError(..) => "its text does not parse",
        DataFusionError::IoError(_) | DataFusionError::ObjectStore(_) => "it cannot be read",
        _ => "it cannot be opened",
    };
    Error::bad_input(what).at(shown).expected(format!("{kind:?} data"))
}

/// Glue's rule: a blank CSV cell is the empty string in a text column, NULL in a typed one.
fn blank_text_is_empty(frame: DataFrame) -> datafusion::error::Result<DataFrame> {
    let columns: Vec<_> = frame
        .schema()
        .columns()
        .into_iter()
        .zip(frame.schema().fields().iter())
        .map(|(column, field)| {
            let name = column.name.clone();
            let value = col(column);
            match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => coalesce(vec![value, lit("")]).alias(name),
                _ => value,
            }
        })
        .collect();
    frame.select(columns)
}

fn kind_of(path: &Path) -> Result<(Kind, String, bool)> {
    let file = if path.is_dir() { first_known_file(path)? } else { path.to_path_buf() };
    if !file.exists() {
        return Err(Error::usage("there is no such file or folder").at(path.display().to_string()));
    }
    kind_of_name(&file).ok_or_else(|| {
        Error::usage("what the file holds is not known from its name")
            .at(path.display().to_string())
            .expected("a name ending in .parquet, .csv, .json, .jsonl or .ndjson; the text kinds also with .gz")
    })
}

fn kind_of_name(file: &Path) -> Option<(Kind, String, bool)> {
    let name = file.file_name()?.to_str()?;
    let (stem, compressed) = match name.strip_suffix(".gz") {
        Some(stem) => (stem, true),
        None => (name, false),
    };
    let (_, extension) = stem.rsplit_once('.')?;
    let (_, kind) = ENDINGS.iter().find(|(ending, _)| extension.eq_ignore_ascii_case(ending))?;
    let ending = if compressed { format!(".{extension}.gz") } else { format!(".{extension}") };
    Some((*kind, ending, compressed))
}

fn first_known_file(folder: &Path) -> Result<PathBuf> {
    let unreadable = |e: std::io::Error| {
        Error::usage(format!("the folder cannot be read: {}", e.kind())).at(folder.display().to_string())
    };
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).map_err(unreadable)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
    entries.sort();
    entries
        .into_iter()
        .find(|p| kind_of_name(p).is_some())
        .ok_or_else(|| Error::usage("the folder holds no Parquet, CSV or JSON file").at(folder.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_tell_the_kind() {
        assert_eq!(kind_of_name(Path::new("a/b.CSV")), Some((Kind::Csv, ".CSV".to_owned(), false)));
        assert_eq!(kind_of_name(Path::new("x.json.gz")), Some((Kind::JsonLines, ".json.gz".to_owned(), true)));
        assert_eq!(kind_of_name(Path::new("x.txt")), None);
    }

    #[tokio::test]
    async fn blank_cells_are_empty_text_or_null_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "n,s\n1,a\n,\n3,\"line\nbreak\"\n").unwrap();
        let context = session();
        register(&context, "primary", &file).await.unwrap();
        let counted =
            context.sql("SELECT count(*), count(n), count(s) FROM primary").await.unwrap().collect().await.unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&counted).unwrap().to_string();
        assert!(text.contains("| 3        | 2"), "{text}");
        assert!(text.contains("| 3                |"), "{text}");
    }
}

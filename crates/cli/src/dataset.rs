//! Files on this machine as a table for `lakegate quality`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::options::JsonReadOptions;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::bool_or;
use datafusion::prelude::{
    CsvReadOptions, DataFrame, ParquetReadOptions, SessionConfig, SessionContext, cast, coalesce, col, ident, lit,
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

/// How the names of files end that can be read, in lower case.
pub fn endings() -> Vec<String> {
    ENDINGS.iter().flat_map(|(ending, _)| [format!(".{ending}"), format!(".{ending}.gz")]).collect()
}

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
        Kind::Parquet => context
            .read_parquet(shown.as_str(), ParquetReadOptions::new().file_extension(&ending))
            .await
            .and_then(plain_columns),
        Kind::Csv => {
            // The whole file decides the types: the first rows alone have misled many a reader.
            let options = CsvReadOptions::new()
                .has_header(true)
                .newlines_in_values(true)
                .schema_infer_max_records(usize::MAX)
                .file_extension(&ending)
                .file_compression_type(compression);
            if !compressed {
                refuse_open_quotes(path)?;
            }
            refuse_other_headers(path)?;
            match context.read_csv(shown.as_str(), options.clone()).await {
                Ok(frame) => {
                    let schema = with_leading_zeros_as_text(context, &shown, &options, frame.schema().as_arrow()).await;
                    match schema {
                        Ok(Some(schema)) => context.read_csv(shown.as_str(), options.schema(&schema)).await,
                        Ok(None) => Ok(frame),
                        Err(error) => Err(error),
                    }
                }
                Err(error) => Err(error),
            }
            .and_then(plain_columns)
            .and_then(blank_text_is_empty)
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

/// Rules see plain columns: a dictionary is its values, and a column without any value, whose type nobody knows, is text.
fn plain_columns(frame: DataFrame) -> datafusion::error::Result<DataFrame> {
    let special = |t: &DataType| match t {
        DataType::Dictionary(_, value) => Some(value.as_ref().clone()),
        DataType::Null => Some(DataType::Utf8),
        _ => None,
    };
    if !frame.schema().fields().iter().any(|f| special(f.data_type()).is_some()) {
        return Ok(frame);
    }
    let columns: Vec<_> = frame
        .schema()
        .columns()
        .into_iter()
        .zip(frame.schema().fields().iter())
        .map(|(column, field)| match special(field.data_type()) {
            Some(plain) => {
                let name = column.name.clone();
                cast(col(column), plain).alias(name)
            }
            None => col(column),
        })
        .collect();
    frame.select(columns)
}

/// A number with a zero in front is a code: read as a number it would lose its zero, and rules would judge another value.
/// `None` when there is none.
async fn with_leading_zeros_as_text(
    context: &SessionContext,
    path: &str,
    options: &CsvReadOptions<'_>,
    inferred: &Schema,
) -> datafusion::error::Result<Option<Schema>> {
    let whole = |field: &Field| field.data_type().is_integer();
    let texts =
        Schema::new(inferred.fields().iter().map(|f| Field::new(f.name(), DataType::Utf8, true)).collect::<Vec<_>>());
    let asked: Vec<_> = inferred
        .fields()
        .iter()
        .filter(|f| whole(f))
        .map(|f| bool_or(ident(f.name()).like(lit("0_%"))).alias(f.name()))
        .collect();
    if asked.is_empty() {
        return Ok(None);
    }
    let frame = context.read_csv(path, options.clone().schema(&texts)).await?;
    let found = frame.aggregate(Vec::new(), asked)?.collect().await?;
    let coded = |name: &str| {
        found.iter().any(|batch| {
            batch
                .column_by_name(name)
                .and_then(|c| c.as_boolean_opt())
                .is_some_and(|c| c.iter().any(|v| v == Some(true)))
        })
    };
    if !inferred.fields().iter().any(|f| whole(f) && coded(f.name())) {
        return Ok(None);
    }
    let typed = inferred.fields().iter().map(|f| {
        let data_type = if whole(f) && coded(f.name()) { DataType::Utf8 } else { f.data_type().clone() };
        Field::new(f.name(), data_type, true)
    });
    Ok(Some(Schema::new(typed.collect::<Vec<_>>())))
}

/// The reader goes by the first file's header and takes the cells of all others by their position.
fn refuse_other_headers(path: &Path) -> Result<()> {
    if !path.is_dir() {
        return Ok(());
    }
    let mut first: Option<(PathBuf, String)> = None;
    for file in files_of(path)?.into_iter().filter(|file| kind_of_name(file).is_some()) {
        let unreadable = |e: std::io::Error| {
            Error::bad_input(format!("the file cannot be read: {}", e.kind())).at(file.display().to_string())
        };
        let opened = std::fs::File::open(&file).map_err(unreadable)?;
        let text: Box<dyn std::io::Read> = if file.extension().is_some_and(|e| e == "gz") {
            Box::new(flate2::read::MultiGzDecoder::new(opened))
        } else {
            Box::new(opened)
        };
        let mut header = String::new();
        BufReader::new(text).read_line(&mut header).map_err(unreadable)?;
        match &first {
            Some((known, other)) if other.trim_end() != header.trim_end() => {
                return Err(Error::bad_input("the file has another header than the first one of the folder")
                    .at(file.display().to_string())
                    .expected(format!("the header of {}", known.display()))
                    .help("judge files of different columns one by one"));
            }
            Some(_) => {}
            None => first = Some((file.clone(), header)),
        }
    }
    Ok(())
}

/// The reader takes the rest of a file for one cell when a quote is not closed, and rows would be missing without a word.
fn refuse_open_quotes(path: &Path) -> Result<()> {
    let files = if path.is_dir() { files_of(path)? } else { vec![path.to_path_buf()] };
    for file in files.iter().filter(|f| kind_of_name(f).is_some()) {
        let unreadable = |e: std::io::Error| {
            Error::bad_input(format!("the file cannot be read: {}", e.kind())).at(file.display().to_string())
        };
        let mut reader = std::fs::File::open(file).map_err(unreadable)?;
        let (mut chunk, mut quotes) = (vec![0; 1 << 18], 0);
        loop {
            match reader.read(&mut chunk).map_err(unreadable)? {
                0 => break,
                read => quotes += chunk.iter().take(read).filter(|b| **b == b'"').count(),
            }
        }
        if quotes % 2 == 1 {
            return Err(Error::bad_input("a quote is opened and not closed")
                .at(file.display().to_string())
                .expected("an even number of quotes: one inside a quoted cell is written twice"));
        }
    }
    Ok(())
}

/// A reader's own message may quote what it could not read, so only its kind is passed on.
fn unreadable(shown: &str, kind: Kind, error: &DataFusionError) -> Error {
    let what = match error {
        DataFusionError::ParquetError(_) => "it is not a whole Parquet file",
        DataFusionError::ArrowError(..) => "its text does not parse",
        DataFusionError::IoError(_) | DataFusionError::ObjectStore(_) => "it cannot be read",
        _ => "it cannot be opened",
    };
    // Of the reader's own words only the number of the line is sure to hold no value.
    let text = error.to_string();
    let line: String = text
        .split_once("line ")
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect())
        .unwrap_or_default();
    let what = match (kind, line.as_str()) {
        (Kind::Csv, _) if text.contains("number of fields") => "a line has another number of cells than the header",
        (Kind::Csv, _) if text.contains("UTF-8") || text.contains("utf-8") => "its text is not UTF-8",
        (Kind::Csv, _) if text.contains("duplicate") => "two columns have the same name",
        _ => what,
    };
    let place = if line.is_empty() { shown.to_owned() } else { format!("{shown}, line {line}") };
    Error::bad_input(what).at(place).expected(format!("{kind:?} data"))
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

/// The first file of a folder, whose other files must be of the same kind: a reader passes over what has another ending.
fn first_known_file(folder: &Path) -> Result<PathBuf> {
    let entries = files_of(folder)?;
    let known: Vec<&PathBuf> = entries.iter().filter(|p| kind_of_name(p).is_some()).collect();
    let first = known.first().ok_or_else(|| {
        Error::usage("the folder holds no Parquet, CSV or JSON file").at(folder.display().to_string())
    })?;
    if let Some(other) = known.iter().find(|p| kind_of_name(p) != kind_of_name(first)) {
        return Err(Error::usage(format!(
            "the folder holds files of several kinds: {} and {}",
            first.display(),
            other.display()
        ))
        .at(folder.display().to_string())
        .expected("files with one ending"));
    }
    Ok((*first).clone())
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |e: std::io::Error| {
        Error::usage(format!("the folder cannot be read: {}", e.kind())).at(folder.display().to_string())
    };
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).map_err(unreadable)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
    entries.sort();
    Ok(entries)
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
    async fn codes_keep_their_zeros_and_numbers_stay_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "id,zip\n10,1234\n0,00456\n").unwrap();
        let context = session();
        let schema = register(&context, "primary", &file).await.unwrap();
        assert_eq!(schema.field(0).data_type(), &DataType::Int64);
        assert_eq!(schema.field(1).data_type(), &DataType::Utf8);
    }

    #[tokio::test]
    async fn rows_are_not_lost_without_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "id,name\n1,\"unclosed\n2,b\n").unwrap();
        assert!(register(&session(), "primary", &file).await.unwrap_err().found().contains("quote"));
        std::fs::write(&file, "id\n1\n").unwrap();
        std::fs::write(folder.path().join("u.json"), "{\"id\":2}\n").unwrap();
        assert!(register(&session(), "primary", folder.path()).await.unwrap_err().found().contains("several kinds"));
    }

    #[tokio::test]
    async fn files_of_one_folder_have_one_header() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), "first,last\nkim,park\n").unwrap();
        std::fs::write(folder.path().join("b.csv"), "last,first\nlee,choi\n").unwrap();
        let error = register(&session(), "primary", folder.path()).await.unwrap_err();
        assert!(error.place().unwrap().ends_with("b.csv") && !error.to_string().contains("lee"), "{error}");
        std::fs::write(folder.path().join("b.csv"), "first,last\r\nchoi,lee\n").unwrap();
        assert!(register(&session(), "primary", folder.path()).await.is_ok());
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

//! Any data as a table for `lakegate quality`: files and Delta tables, on this machine or in buckets.

mod csv_types;
mod files_table;
mod guard;
mod json_look;
mod kind;
mod live;
mod location;
mod partitions;
mod placed;
mod shape;
mod stream;

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::{Statistics, TableReference};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_aws::{Aws, AwsOptions};
use lakegate_contract::{Class, Error, Result};
use lakegate_lake::{BucketOptions, FileRoot, engine};
use lakegate_pipeline::patterns::bucket_of;
use object_store::ObjectMeta;
use object_store::path::Path;

use files_table::FilesTable;
use kind::{Kind, Named};
use location::Found;
pub use placed::{PlacedBatch, place_fields, refuse_placed};

/// Files whose heads are read together.
const TOGETHER: usize = 16;

/// What a session reads, and by what means.
pub struct Datasets {
    context: SessionContext,
    aws: Aws,
    /// Files of JSON lines, whose reader does not say where it failed.
    json: Mutex<Vec<JsonFiles>>,
}

#[derive(Clone)]
struct JsonFiles {
    root: FileRoot,
    files: Vec<ObjectMeta>,
    compressed: bool,
}

/// A dataset of a session.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Its columns, as rules are to see them: those without any value are marked as without a type.
    pub schema: SchemaRef,
    /// Its columns, as its rows have them.
    pub read: SchemaRef,
    /// The files that it is read from, but for a Delta table, whose log knows them.
    pub files: Vec<ObjectMeta>,
    /// The version of a Delta table.
    pub version: Option<u64>,
    source: Source,
}

/// What a dataset is read from.
#[derive(Debug, Clone)]
enum Source {
    Files { root: FileRoot, table: FilesTable, kind: Kind },
    Delta { root: FileRoot, folder: Path, version: u64 },
}

impl Datasets {
    /// A session that keeps its working memory within `memory_limit` bytes, where one is given, by spilling to disk. Strings are
    /// plain Arrow strings, as in the lake.
    ///
    /// # Errors
    /// When the engine cannot start.
    pub fn new(memory_limit: Option<usize>) -> Result<Self> {
        let config = SessionConfig::new()
            .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
            .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
            .set_bool("datafusion.catalog.information_schema", false);
        // The other half is for what no pool counts: pages on their way, the keys of rules, texts of rows that are written.
        let context = engine::session(config, memory_limit.map(|bytes| bytes / 2))?;
        Ok(Self { context, aws: Aws::new(AwsOptions::default()), json: Mutex::default() })
    }

    /// The session.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Registers under `name` what stands at `text`: a file, a folder, a pattern of files, a Delta table (also `table@version`);
    /// a path, or `s3://bucket/…`.
    ///
    /// # Errors
    /// When there is nothing, its kind is not known, or it cannot be read.
    pub async fn register(&self, name: &str, text: &str) -> Result<Dataset> {
        let root = self.root(text).await?;
        let (shaped, files, version, source) = match location::look(&root, text).await? {
            Found::Delta { folder, version } => {
                let (provider, version) = root.delta(&self.context, name, &folder, version, None).await?;
                let shaped = self.context.read_table(provider).and_then(Shaped::plain);
                let source = Source::Delta { root, folder, version };
                (shaped.map_err(|e| unreadable(text, None, &e))?, Vec::new(), Some(version), source)
            }
            Found::Files { base, files } => {
                let files = filled(files);
                let (shaped, source) = self.files(&root, text, &base, &files).await?;
                (shaped, files, None, source)
            }
        };
        let Shaped { frame, untyped } = shaped;
        let read = SchemaRef::new(frame.schema().as_arrow().clone());
        let schema = shape::marked(&read, &untyped);
        let taken = || Error::usage(format!("`{name}` names two datasets")).expected("another alias");
        if self.names(name) {
            return Err(taken());
        }
        // An alias is a name as it stands: the engine would read `Users` as `users` and `a.b` as a table of a schema.
        self.context.register_table(TableReference::bare(name), frame.into_view()).map_err(|_| taken())?;
        Ok(Dataset { schema, read, files, version, source })
    }

    /// Whether a dataset has that name: SQL tells `Users` and `users` not apart.
    fn names(&self, name: &str) -> bool {
        let state = self.context.state();
        let schema = state.schema_for_ref(TableReference::bare(name));
        schema.is_ok_and(|schema| schema.table_names().iter().any(|table| table.eq_ignore_ascii_case(name)))
    }

    async fn root(&self, text: &str) -> Result<FileRoot> {
        let root = match (bucket_of(text), text.split_once("://")) {
            (Some((bucket, _)), _) => {
                let options = BucketOptions {
                    region: Some(self.aws.region().await?),
                    credentials: Some(self.aws.store_credentials()),
                    ..BucketOptions::default()
                };
                FileRoot::bucket(bucket, &options)?
            }
            (None, Some((scheme, _))) => {
                return Err(Error::usage(format!("data cannot be read from a `{scheme}://` address"))
                    .at(text)
                    .expected("a path, or s3://bucket/prefix"));
            }
            (None, None) => FileRoot::disk(),
        };
        let url = store_url(&root)?;
        self.context.runtime_env().register_object_store(url.as_ref(), Arc::clone(root.store()));
        Ok(root)
    }

    async fn files(&self, root: &FileRoot, text: &str, base: &Path, files: &[ObjectMeta]) -> Result<(Shaped, Source)> {
        let names: Vec<String> = files.iter().map(|file| stream::shown(root, &file.location)).collect();
        let named = kind::of_all(names.iter().map(String::as_str))
            .map_err(|e| e.at(text))?
            .ok_or_else(|| Error::bug("files of no known kind were found"))?;
        if named.kind == Kind::Csv {
            guard::refuse_misreadings(root, files, named.compressed).await?;
        }
        let partitions =
            partitions::of_files(base, files.iter().map(|file| &file.location)).map_err(|e| e.within(text))?;
        let failed = |e: DataFusionError| unreadable(text, Some(named.kind), &e);
        let format = format_of(named);
        let schema = match named.kind {
            Kind::Csv => csv_schema(root, text, files, named.compressed).await?,
            Kind::Parquet => match format.infer_schema(&self.context.state(), root.store(), files).await {
                Ok(schema) => schema,
                Err(error) => return Err(self.different_types(root, files).await.unwrap_or_else(|| failed(error))),
            },
            Kind::JsonLines => {
                let read = JsonFiles { root: root.clone(), files: files.to_vec(), compressed: named.compressed };
                self.json.lock().unwrap_or_else(PoisonError::into_inner).push(read);
                match format.infer_schema(&self.context.state(), root.store(), files).await {
                    Ok(schema) => schema,
                    Err(error) => return Err(self.explained(failed(error)).await),
                }
            }
        };
        let both = partitions.columns.iter().find(|column| schema.index_of(column.name()).is_ok());
        if let (Kind::Csv, Some(column)) = (named.kind, both) {
            return Err(Error::bad_input(format!(
                "column `{}` stands in the files and in the names of their folders",
                column.name()
            ))
            .at(text)
            .help("rename the column or the folders"));
        }
        let table = FilesTable::new(store_url(root)?, format, schema, files, partitions);
        let table = self.completed(root, table, named.kind, files).await.map_err(failed)?;
        let shaped = Shaped::of_files(&self.context, table.clone(), named.kind).map_err(failed)?;
        Ok((shaped, Source::Files { root: root.clone(), table, kind: named.kind }))
    }

    /// The table with what a look at its files tells: statistics, and which cells would be misread.
    async fn completed(
        &self,
        root: &FileRoot,
        table: FilesTable,
        kind: Kind,
        files: &[ObjectMeta],
    ) -> datafusion::error::Result<FilesTable> {
        Ok(match kind {
            Kind::JsonLines => table,
            Kind::Parquet => {
                let statistics = self.statistics(root, &table, files).await?;
                table.with_statistics(statistics)
            }
            Kind::Csv => match shape::with_misread_cells_as_text(&self.context, &table).await? {
                Some(schema) => table.with_schema(schema),
                None => table,
            },
        })
    }

    /// Why Parquet files have no schema in common.
    async fn different_types(&self, root: &FileRoot, files: &[ObjectMeta]) -> Option<Error> {
        let (state, format, mut schemas) = (self.context.state(), parquet(), Vec::new());
        for file in files {
            let schema = format.infer_schema(&state, root.store(), std::slice::from_ref(file)).await.ok()?;
            schemas.push((stream::shown(root, &file.location), schema));
        }
        shape::conflict(&schemas)
    }

    /// The error with the place of what cannot be read, where a look at the files finds it.
    pub async fn explained(&self, error: Error) -> Error {
        if error.class() != Class::BadInput {
            return error;
        }
        self.refuse_broken().await.err().unwrap_or(error)
    }

    /// Looks for what cannot be read in files of JSON lines, whose reader does not tell where it is.
    ///
    /// # Errors
    /// When there is such a thing: with its place.
    pub async fn refuse_broken(&self) -> Result<()> {
        let json = self.json.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for JsonFiles { root, files, compressed } in &json {
            if let Some(trouble) = json_look::first_trouble(root, files, *compressed).await? {
                return Err(trouble);
            }
        }
        Ok(())
    }

    /// What the footers of Parquet files say of them; they were read for the schema and are remembered.
    async fn statistics(
        &self,
        root: &FileRoot,
        table: &FilesTable,
        files: &[ObjectMeta],
    ) -> datafusion::error::Result<Vec<Statistics>> {
        let state = self.context.state();
        let (format, schema): (_, &SchemaRef) = (parquet(), table.file_schema());
        let asked = files.iter().map(|file| {
            let (format, state, store) = (&format, &state as &dyn Session, root.store());
            async move { format.infer_stats(state, store, Arc::clone(schema), file).await }
        });
        futures::stream::iter(asked.collect::<Vec<_>>()).buffered(TOGETHER).try_collect().await
    }
}

/// A table as rules see it, and those of its columns that have no type.
struct Shaped {
    frame: DataFrame,
    untyped: Vec<String>,
}

impl Shaped {
    fn plain(frame: DataFrame) -> datafusion::error::Result<Self> {
        let untyped = shape::without_type(&frame);
        Ok(Self { frame: shape::plain_columns(frame)?, untyped })
    }

    /// The rows of files.
    fn of_files(context: &SessionContext, table: FilesTable, kind: Kind) -> datafusion::error::Result<Self> {
        let cells = Arc::clone(table.file_schema());
        let shaped = context.read_table(Arc::new(table)).and_then(Self::plain)?;
        match kind {
            Kind::Parquet | Kind::JsonLines => Ok(shaped),
            Kind::Csv => Ok(Self { frame: shape::blank_text_is_empty(shaped.frame, &cells)?, ..shaped }),
        }
    }
}

/// One schema of files with the same header; what is wrong with a file is told of that file.
async fn csv_schema(root: &FileRoot, text: &str, files: &[ObjectMeta], compressed: bool) -> Result<SchemaRef> {
    let schemas = files.iter().map(|file| async move {
        let schema = csv_types::of_file(root, file, compressed).await;
        let name = || if files.len() == 1 { text.to_owned() } else { stream::shown(root, &file.location) };
        schema.map(SchemaRef::new).map_err(|e| unreadable(&name(), Some(Kind::Csv), &e))
    });
    let schemas = futures::stream::iter(schemas.collect::<Vec<_>>()).buffered(guard::FILES);
    Ok(shape::merged(&schemas.try_collect::<Vec<SchemaRef>>().await?))
}

/// Empty files hold nothing; when all are, one of them tells so.
fn filled(files: Vec<ObjectMeta>) -> Vec<ObjectMeta> {
    if files.iter().all(|file| file.size == 0) {
        return files;
    }
    files.into_iter().filter(|file| file.size > 0).collect()
}

fn store_url(root: &FileRoot) -> Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse(root.url()).map_err(|e| Error::bug("the store has no URL").caused_by(e.strip_backtrace()))
}

fn parquet() -> ParquetFormat {
    ParquetFormat::new().with_force_view_types(false)
}

/// The whole of a text decides the types: the first rows alone have misled many a reader.
fn format_of(named: Named) -> Arc<dyn FileFormat> {
    let compression = match named.compressed {
        true => FileCompressionType::GZIP,
        false => FileCompressionType::UNCOMPRESSED,
    };
    match named.kind {
        Kind::Parquet => Arc::new(parquet()),
        Kind::Csv => Arc::new(
            CsvFormat::default()
                .with_has_header(true)
                .with_newlines_in_values(true)
                .with_schema_infer_max_rec(usize::MAX)
                .with_file_compression_type(compression),
        ),
        Kind::JsonLines => Arc::new(
            JsonFormat::default().with_schema_infer_max_rec(usize::MAX).with_file_compression_type(compression),
        ),
    }
}

const OTHER_CELLS: &str = "a line has another number of cells than the header";
const NOT_UTF8: &str = "its text is not UTF-8";

/// A reader's own message may quote what it could not read, so only its kind is passed on.
fn unreadable(shown: &str, kind: Option<Kind>, error: &DataFusionError) -> Error {
    let what = match error.find_root() {
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
    let what = match kind {
        Some(Kind::Csv) if text.contains("number of fields") || text.contains("unequal lengths") => OTHER_CELLS,
        Some(Kind::Csv) if text.contains("UTF-8") || text.contains("utf-8") => NOT_UTF8,
        _ => what,
    };
    let place = if line.is_empty() { shown.to_owned() } else { format!("{shown}, line {line}") };
    let error = Error::bad_input(what).at(place).expected(match kind {
        Some(Kind::Parquet) => "a Parquet file",
        Some(Kind::Csv) => "comma-separated text in UTF-8 with a header",
        Some(Kind::JsonLines) => "one JSON object a line",
        None => "a Delta table",
    });
    match what {
        OTHER_CELLS => error.help("a cell that holds a comma or a line break stands in double quotes"),
        NOT_UTF8 => error.help("iconv -f CP1252 -t UTF-8 FILE > another.csv, with the encoding that it has"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;
    use arrow::util::pretty::pretty_format_batches;

    use super::*;

    async fn registered(path: &std::path::Path) -> Result<(Datasets, Dataset)> {
        let datasets = Datasets::new(None)?;
        let dataset = datasets.register("primary", path.to_str().unwrap()).await?;
        Ok((datasets, dataset))
    }

    async fn refused(path: &std::path::Path) -> Error {
        registered(path).await.err().unwrap()
    }

    async fn query(datasets: &Datasets, sql: &str) -> String {
        let batches = datasets.context().sql(sql).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    #[tokio::test]
    async fn codes_keep_their_zeros_and_numbers_stay_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "id,zip\n10,1234\n0,00456\n").unwrap();
        let (_, dataset) = registered(&file).await.unwrap();
        assert_eq!(dataset.schema.field(0).data_type(), &DataType::Int64);
        assert_eq!(dataset.schema.field(1).data_type(), &DataType::Utf8);
    }

    #[tokio::test]
    async fn a_day_that_no_calendar_has_does_not_keep_the_data_from_being_judged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        let text = "whole,day,time,end\n2026-03-01,2026-03-01,2026-03-01 10:00:00,2026-03-01 10:00:00.0000001\n\
                    2026-03-02,2026-02-30,2026-03-01 25:00:00,9999-12-31 23:59:59.9999999\n,,,\n";
        std::fs::write(&file, text).unwrap();
        let (datasets, dataset) = registered(&file).await.unwrap();
        let types: Vec<_> = dataset.schema.fields().iter().map(|field| field.data_type().clone()).collect();
        let end = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
        assert_eq!(types, [DataType::Date32, DataType::Utf8, DataType::Utf8, end]);
        let text = query(&datasets, "SELECT max(whole), max(day), max(time), max(\"end\") FROM primary").await;
        for value in ["2026-03-02", "2026-03-01", "2026-03-01 25:00:00", "9999-12-31T23:59:59.999999"] {
            assert!(text.contains(value), "{text}");
        }
    }

    #[tokio::test]
    async fn rows_are_not_lost_without_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "id,name\n1,\"unclosed\n2,b\n").unwrap();
        assert!(refused(&file).await.found().contains("quote"));
        std::fs::write(&file, "id\n1\n").unwrap();
        std::fs::write(folder.path().join("u.json"), "{\"id\":2}\n").unwrap();
        assert!(refused(folder.path()).await.found().contains("several kinds"));
    }

    #[tokio::test]
    async fn what_is_gzipped_is_looked_at_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let gzipped = |name: &str, text: &[u8]| {
            let file = folder.path().join(name);
            let mut out = flate2::write::GzEncoder::new(std::fs::File::create(&file).unwrap(), Default::default());
            std::io::Write::write_all(&mut out, text).unwrap();
            out.finish().unwrap();
            file
        };
        let file = gzipped("t.csv.gz", b"id,name\n1,\"unclosed\n2,b\n");
        assert!(refused(&file).await.found().contains("quote"));
        let file = gzipped("t.csv.gz", b"id,name\n1,a\n2,b\n");
        let (datasets, _) = registered(&file).await.unwrap();
        assert!(query(&datasets, "SELECT count(*) AS n FROM primary").await.contains("| 2 |"));
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert!(refused(&file).await.found().contains("gzip"));
        gzipped("t.csv.gz", b"id,name\n1,a\n");
        gzipped("u.csv.gz", b"name,id\na,1\n");
        assert!(refused(folder.path()).await.found().contains("header"));
    }

    #[tokio::test]
    async fn files_of_one_folder_have_one_header() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), "first,last\nkim,park\n").unwrap();
        std::fs::write(folder.path().join("b.csv"), "last,first\nlee,choi\n").unwrap();
        let error = refused(folder.path()).await;
        assert!(error.place().unwrap().ends_with("b.csv") && !error.to_string().contains("lee"), "{error}");
        std::fs::write(folder.path().join("b.csv"), "first,last\r\nchoi,lee\n").unwrap();
        assert!(registered(folder.path()).await.is_ok());
    }

    #[tokio::test]
    async fn files_of_one_folder_may_have_numbers_and_words_in_a_column() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), "a,b\n1,1\n").unwrap();
        std::fs::write(folder.path().join("b.csv"), "a,b\n1.5,x\n").unwrap();
        let (datasets, dataset) = registered(folder.path()).await.unwrap();
        let types: Vec<_> = dataset.schema.fields().iter().map(|f| f.data_type().clone()).collect();
        assert_eq!(types, [DataType::Float64, DataType::Utf8]);
        assert!(query(&datasets, "SELECT sum(a) AS s, max(b) AS m FROM primary").await.contains("| 2.5 | x |"));
    }

    #[tokio::test]
    async fn blank_cells_are_empty_text_or_null_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "n,s\n1,a\n,\n3,\"line\nbreak\"\n").unwrap();
        let (datasets, _) = registered(&file).await.unwrap();
        let text = query(&datasets, "SELECT count(*), count(n), count(s) FROM primary").await;
        assert!(text.contains("| 3        | 2"), "{text}");
        assert!(text.contains("| 3                |"), "{text}");
    }

    #[tokio::test]
    async fn a_column_without_a_value_is_empty_text_of_no_type() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), "n,blank,late\n1,,\n2,,\n").unwrap();
        std::fs::write(folder.path().join("b.csv"), "n,blank,late\n3,,x\n").unwrap();
        let (datasets, dataset) = registered(folder.path()).await.unwrap();
        let text = query(&datasets, "SELECT count(blank) AS blank, count(late) AS late FROM primary").await;
        assert!(text.contains("| 3     | 3    |"), "{text}");
        let untyped = |schema: &SchemaRef| -> Vec<bool> {
            schema.fields().iter().map(|field| !field.metadata().is_empty()).collect()
        };
        assert_eq!(untyped(&dataset.schema), [false, true, false]);
        assert_eq!(untyped(&dataset.read), [false; 3]);
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_file_is_told_of_that_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), "id,name\n1,\"x\ny\"\n").unwrap();
        std::fs::write(folder.path().join("b.csv"), "id,name\n1,\"x\ny\"\n2,b,c\n").unwrap();
        let error = refused(folder.path()).await;
        assert!(error.place().unwrap().ends_with("b.csv, line 4"), "{error}");
    }

    #[tokio::test]
    async fn folders_named_by_a_column_make_it() {
        let folder = tempfile::tempdir().unwrap();
        for (day, text) in [("2026-03-01", "id,s\n1,a\n2,\n"), ("__HIVE_DEFAULT_PARTITION__", "id,s\n3,c\n")] {
            let part = folder.path().join(format!("day={day}/kind=a%2Fb"));
            std::fs::create_dir_all(&part).unwrap();
            std::fs::write(part.join("p.csv"), text).unwrap();
        }
        let (datasets, _) = registered(folder.path()).await.unwrap();
        let shown = query(&datasets, "SELECT id, s, day, kind FROM primary ORDER BY id").await;
        insta::assert_snapshot!(shown, @r"
        +----+---+------------+------+
        | id | s | day        | kind |
        +----+---+------------+------+
        | 1  | a | 2026-03-01 | a/b  |
        | 2  |   | 2026-03-01 | a/b  |
        | 3  | c |            | a/b  |
        +----+---+------------+------+
        ");
        std::fs::write(folder.path().join("day=2026-03-01/kind=a%2Fb/p.csv"), "id,day\n1,2\n").unwrap();
        std::fs::remove_dir_all(folder.path().join("day=__HIVE_DEFAULT_PARTITION__")).unwrap();
        assert!(refused(folder.path()).await.found().contains("`day`"));
    }

    #[tokio::test]
    async fn partitions_that_are_null_are_counted_as_null_in_parquet_too() {
        let folder = tempfile::tempdir().unwrap();
        for (part, rows) in [("p=1", 2), ("p=__HIVE_DEFAULT_PARTITION__", 3)] {
            let part = folder.path().join(part);
            std::fs::create_dir_all(&part).unwrap();
            let values: arrow::array::ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(0..rows));
            let batch = arrow::array::RecordBatch::try_from_iter([("n", Arc::clone(&values)), ("p", values)]).unwrap();
            let file = std::fs::File::create(part.join("a.parquet")).unwrap();
            let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        }
        let (datasets, _) = registered(folder.path()).await.unwrap();
        let counted =
            query(&datasets, "SELECT count(*) AS a, count(p) AS b, max(p) AS m, sum(n) AS n FROM primary").await;
        insta::assert_snapshot!(counted, @r"
        +---+---+---+---+
        | a | b | m | n |
        +---+---+---+---+
        | 5 | 2 | 1 | 4 |
        +---+---+---+---+
        ");
    }
}

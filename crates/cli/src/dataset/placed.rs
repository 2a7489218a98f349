//! The rows of a dataset, each with its place: the file, and the number of the row in it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::{Stream, StreamExt as _};
use lakegate_contract::{Error, Result};
use object_store::path::Path;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Dataset, Datasets, Shaped, Source, shape, unreadable};

/// Batches that are read before they are asked for.
const AHEAD: usize = 2;
/// The column that names the file of a row.
const OBJECT: &str = "_object";
/// The column that numbers it within the file, from 1.
const ROW: &str = "_row";

/// The columns of a row's place.
pub fn place_fields() -> [Field; 2] {
    [Field::new(OBJECT, DataType::Utf8, false), Field::new(ROW, DataType::Int64, false)]
}

/// Refuses data with a column that has the name of one of a place.
///
/// # Errors
/// When there is one.
pub fn refuse_placed(schema: &Schema) -> Result<()> {
    match place_fields().iter().find(|field| schema.index_of(field.name()).is_ok()) {
        None => Ok(()),
        Some(field) => Err(Error::usage(format!("the data has a column `{}` already", field.name()))
            .help("it would say of a bad row where it stands: judge the data without it")),
    }
}

/// Rows in the order in which they stand in their files.
pub struct PlacedRows {
    frame: DataFrame,
    /// The folder of a Delta table, whose reader names files by an address of its own.
    table: Option<String>,
}

/// Rows as rules see them, and where each stands.
pub struct PlacedBatch {
    pub rows: RecordBatch,
    /// A column for each of [`place_fields`].
    pub places: [ArrayRef; 2],
}

/// A file of which rows have come.
struct Seen {
    shown: String,
    rows: i64,
}

impl Datasets {
    /// The rows of a dataset of this session, one file after the other.
    ///
    /// # Errors
    /// When a column has the name of one of a place, or the data cannot be read.
    pub async fn placed(&self, dataset: &Dataset) -> Result<PlacedRows> {
        refuse_placed(&dataset.read)?;
        // In one partition, rows come in the order in which they stand.
        let config = self.context.copied_config().with_target_partitions(1).with_repartition_file_scans(false);
        let context = SessionContext::new_with_config_rt(config, self.context.runtime_env());
        Ok(match &dataset.source {
            Source::Files { root, table, kind } => {
                let table = table.with_objects(OBJECT, |file| root.shown(&file.location));
                let shaped = Shaped::of_files(&context, table, *kind);
                let shaped = shaped.map_err(|e| unreadable(root.url(), Some(*kind), &e))?;
                PlacedRows { frame: shaped.frame, table: None }
            }
            Source::Delta { root, folder, version } => {
                let (provider, _) = root.delta(&context, "placed", folder, Some(*version), Some(OBJECT)).await?;
                let place = root.shown(folder);
                let frame = context.read_table(provider).and_then(shape::plain_columns);
                PlacedRows { frame: frame.map_err(|e| unreadable(&place, None, &e))?, table: Some(place) }
            }
        })
    }
}

impl PlacedRows {
    /// The rows, read ahead while others are judged.
    ///
    /// # Errors
    /// Each is one of reading the data.
    pub fn batches(self) -> impl Stream<Item = Result<PlacedBatch>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        // Dropped with the stream.
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            let mut batches = match self.frame.execute_stream().await {
                Ok(batches) => batches,
                Err(error) => return drop(sender.send(Err(error)).await),
            };
            while let Some(batch) = batches.next().await {
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        let state = (receiver, reader, self.table, HashMap::new());
        futures::stream::unfold(state, |(mut receiver, reader, table, mut seen)| async move {
            let batch = receiver.recv().await?;
            let batch = batch.map_err(|e| judging(&e)).and_then(|batch| placed(batch, table.as_deref(), &mut seen));
            Some((batch, (receiver, reader, table, seen)))
        })
    }
}

/// Numbers the rows of a batch and takes the column of their files out of it.
fn placed(mut batch: RecordBatch, table: Option<&str>, seen: &mut HashMap<String, Seen>) -> Result<PlacedBatch> {
    let unnamed = || Error::bug("rows come without the names of their files");
    let index = batch.schema().index_of(OBJECT).map_err(|_| unnamed())?;
    let objects = batch.remove_column(index);
    let objects = objects.as_string_opt::<i32>().ok_or_else(unnamed)?;
    let (mut shown, mut numbers) = (StringBuilder::new(), Int64Builder::with_capacity(objects.len()));
    for object in objects {
        let object = object.ok_or_else(unnamed)?;
        if !seen.contains_key(object) {
            seen.insert(object.to_owned(), Seen { shown: shown_as_others(object, table), rows: 0 });
        }
        let file = seen.get_mut(object).ok_or_else(unnamed)?;
        file.rows += 1;
        shown.append_value(&file.shown);
        numbers.append_value(file.rows);
    }
    Ok(PlacedBatch { rows: batch, places: [Arc::new(shown.finish()), Arc::new(numbers.finish())] })
}

/// A table's reader names a file `scheme://table/path`, with escapes.
fn shown_as_others(object: &str, table: Option<&str>) -> String {
    let Some(table) = table else { return object.to_owned() };
    let path = object.splitn(4, '/').nth(3).and_then(|path| Path::from_url_path(path).ok());
    path.map_or_else(|| object.to_owned(), |path| format!("{table}/{path}"))
}

/// A reader's own message may quote what it could not read.
fn judging(_: &DataFusionError) -> Error {
    Error::bad_input("the data cannot be read").help("its files may differ in their columns or types")
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Int64Type;

    use super::*;

    async fn places(path: &std::path::Path) -> Vec<(String, i64)> {
        let datasets = Datasets::new(None).unwrap();
        let dataset = datasets.register("primary", path.to_str().unwrap()).await.unwrap();
        let mut batches = std::pin::pin!(datasets.placed(&dataset).await.unwrap().batches());
        let mut places = Vec::new();
        while let Some(batch) = batches.next().await {
            let PlacedBatch { rows, places: [objects, numbers] } = batch.unwrap();
            assert_eq!(rows.schema().fields(), dataset.read.fields());
            let objects = objects.as_string::<i32>().clone();
            let numbers = numbers.as_primitive::<Int64Type>().clone();
            for (row, (object, number)) in objects.iter().zip(numbers.iter()).enumerate() {
                // Each row holds its own number.
                assert_eq!(rows.column(0).as_primitive::<Int64Type>().value(row), number.unwrap());
                places.push((object.unwrap().rsplit('/').next().unwrap().to_owned(), number.unwrap()));
            }
        }
        places
    }

    fn numbered(file: &str, rows: i64) -> Vec<(String, i64)> {
        (1..=rows).map(|row| (file.to_owned(), row)).collect()
    }

    #[tokio::test]
    async fn rows_of_text_are_numbered_in_their_files() {
        let folder = tempfile::tempdir().unwrap();
        for (file, rows) in [("a.csv", 20_000), ("b.csv", 3)] {
            let lines: Vec<String> = (1..=rows).map(|row| format!("{row},\"two\nlines\"\n")).collect();
            std::fs::write(folder.path().join(file), format!("n,text\n{}", lines.concat())).unwrap();
        }
        assert_eq!(places(folder.path()).await, [numbered("a.csv", 20_000), numbered("b.csv", 3)].concat());
    }

    #[tokio::test]
    async fn rows_of_parquet_are_numbered_over_groups_and_partitions() {
        let folder = tempfile::tempdir().unwrap();
        for (part, rows) in [("p=1", 50_000_i64), ("p=2", 3)] {
            let part = folder.path().join(part);
            std::fs::create_dir_all(&part).unwrap();
            let values: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(1..=rows));
            let batch = RecordBatch::try_from_iter([("n", values)]).unwrap();
            let groups =
                parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(7_000));
            let file = std::fs::File::create(part.join(format!("of-{rows}.parquet"))).unwrap();
            let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(groups.build())).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        }
        let wanted = [numbered("of-50000.parquet", 50_000), numbered("of-3.parquet", 3)].concat();
        assert_eq!(places(folder.path()).await, wanted);
    }

    #[test]
    fn files_of_a_table_are_shown_as_others() {
        let object = "table://t7072/day=2026-03-01%20x/part-0.parquet";
        assert_eq!(shown_as_others(object, Some("/lake/t")), "/lake/t/day=2026-03-01 x/part-0.parquet");
        assert_eq!(shown_as_others("s3://b/a%20b", None), "s3://b/a%20b");
    }
}

//! What type each column of a CSV file is of, by all of its cells.
//!
//! `DataFusion`'s own look at a file cuts it at line ends, also at those within a quoted cell.

use std::io::{BufRead, BufReader, Read};

use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::error::ArrowError;
use bytes::{Buf as _, Bytes};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;
use lakegate_lake::FileRoot;
use object_store::ObjectMeta;
use tokio::sync::mpsc;

use super::stream::pieces;

/// The columns of a file with their types; `Null` is that of a column without any value.
///
/// # Errors
/// When it cannot be read, or its text does not parse.
pub async fn of_file(root: &FileRoot, file: &ObjectMeta, compressed: bool) -> DataFusionResult<Schema> {
    let (sender, receiver) = mpsc::channel(1);
    let reading = tokio::task::spawn_blocking(move || {
        let bytes = Pieces { receiver, current: Bytes::new() };
        if compressed { inferred(BufReader::new(MultiGzDecoder::new(bytes))) } else { inferred(BufReader::new(bytes)) }
    });
    let mut pieces = std::pin::pin!(pieces(root, file));
    while let Some(piece) = pieces.next().await {
        // Nobody listens any more when the text does not parse: why, is told below.
        if sender.send(piece?).await.is_err() {
            break;
        }
    }
    drop(sender);
    let schema = reading.await.map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(schema?)
}

fn inferred(text: impl BufRead) -> Result<Schema, ArrowError> {
    let inferred = Format::default().with_header(true).infer_schema(text, None)?.0;
    Ok(Schema::new(inferred.fields().iter().map(|field| in_reach(field)).collect::<Vec<_>>()))
}

/// Times have microseconds, as Spark's do: in nanoseconds those of the year 9999, which often stands for "never", cannot be told, and
/// whole seconds have no type of their own in Parquet.
fn in_reach(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        other => other.clone(),
    };
    Field::new(field.name(), data_type, field.is_nullable())
}

/// Bytes that another task reads.
struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(next) => self.current = next,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.current.len());
        self.current.split_to(length).copy_to_slice(into.split_at_mut(length).0);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::datasource::file_format::FileFormat as _;
    use datafusion::datasource::file_format::csv::CsvFormat;
    use datafusion::prelude::SessionContext;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt as _};

    use super::*;

    /// By columns: cells that are of one type, and some that only look so.
    const COLUMNS: [&[&str]; 16] = [
        &["1", "-2", ""],
        &["1", "2.5", "1e3"],
        &["9223372036854775807", "9223372036854775808", ""],
        &["99999999999999999999", "1", "2"],
        &["NaN", "1.5", "2"],
        &["inf", "-inf", "0.5"],
        &["true", "FALSE", ""],
        &["true", "1", "0"],
        &["2026-03-01", "2026-02-28", ""],
        &["2026-03-01", "2026-03-01 10:00:00", "2026-03-01T10:00:00.123"],
        &["2026-03-01T10:00:00Z", "2026-03-01T10:00:00+09:00", ""],
        &["2026-03-01 10:00", "2026-03-01", ""],
        &["10:00", "10:01", "10:02"],
        &["2026-03-01", "1", "x"],
        &[" 1", "2", "3"],
        &["", "", ""],
    ];

    #[tokio::test]
    async fn types_are_those_of_the_engine_s_own_look() {
        let root = FileRoot::disk();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        let names: Vec<String> = (0..COLUMNS.len()).map(|column| format!("c{column}")).collect();
        let line = |row: usize| COLUMNS.map(|cells| cells[row]).join(",");
        std::fs::write(&file, format!("{}\n{}\n{}\n{}\n", names.join(","), line(0), line(1), line(2))).unwrap();
        let path = Path::from_absolute_path(&file).unwrap();
        let store: &Arc<dyn ObjectStore> = root.store();
        let meta = store.head(&path).await.unwrap();
        let ours = of_file(&root, &meta, false).await.unwrap();
        let format = CsvFormat::default().with_has_header(true).with_newlines_in_values(true);
        let state = SessionContext::new().state();
        let theirs = format.infer_schema(&state, store, std::slice::from_ref(&meta)).await.unwrap();
        let theirs: Vec<Field> = theirs.fields().iter().map(|field| in_reach(field)).collect();
        assert_eq!(ours.fields().iter().map(|field| field.as_ref().clone()).collect::<Vec<_>>(), theirs);
        // Without a fraction, the engine takes them for whole seconds, which a Parquet file would hold as numbers.
        assert_eq!(ours.field(10).data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
    }
}

//! What type each column of a CSV file is of, by all of its cells.
//!
//! `DataFusion`'s own look at a file cuts it at line ends, also at those within a quoted cell.

use std::io::{BufRead, BufReader, Read};

use arrow::csv::reader::Format;
use arrow::datatypes::Schema;
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
    Ok(Format::default().with_header(true).infer_schema(text, None)?.0)
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

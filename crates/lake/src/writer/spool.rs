//! A file on its way to a bucket: gathered on the local disk, sent when it is whole.
//!
//! S3 takes a file in parts of at least 5 MiB, so a writer with hundreds of open partitions would hold gigabytes in memory.
//! The file here has no name: it is gone with the process, however that ends.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};
use parquet::arrow::async_writer::AsyncFileWriter;
use parquet::errors::{ParquetError, Result};

/// Bytes of one part. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>: 5 MiB at least, 10,000 parts at most.
const PART: usize = 16 << 20;

pub(super) struct Spool {
    store: Arc<dyn ObjectStore>,
    location: Path,
    file: File,
}

impl Spool {
    pub(super) fn new(store: Arc<dyn ObjectStore>, location: Path) -> Result<Self> {
        let file = tempfile::tempfile().map_err(external)?;
        Ok(Self { store, location, file })
    }

    async fn send(&mut self) -> Result<()> {
        self.file.rewind().map_err(external)?;
        let first = self.part()?;
        if first.len() < PART {
            self.store.put(&self.location, PutPayload::from(first)).await.map_err(external)?;
            return Ok(());
        }
        let mut upload = self.store.put_multipart(&self.location).await.map_err(external)?;
        let sent = match self.send_parts(upload.as_mut(), first).await {
            Ok(()) => upload.complete().await.map(drop).map_err(external),
            Err(error) => Err(error),
        };
        if sent.is_err() {
            // Parts of an upload that is neither completed nor aborted cost money for ever.
            let _ = upload.abort().await;
        }
        sent
    }

    async fn send_parts(&mut self, upload: &mut dyn MultipartUpload, first: Vec<u8>) -> Result<()> {
        let mut part = first;
        while !part.is_empty() {
            upload.put_part(PutPayload::from(part)).await.map_err(external)?;
            part = self.part()?;
        }
        Ok(())
    }

    fn part(&mut self) -> Result<Vec<u8>> {
        let mut part = Vec::new();
        (&self.file).take(PART as u64).read_to_end(&mut part).map_err(external)?;
        Ok(part)
    }
}

impl AsyncFileWriter for Spool {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        let written = self.file.write_all(&bytes).map_err(external);
        async move { written }.boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, Result<()>> {
        self.send().boxed()
    }
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(error))
}

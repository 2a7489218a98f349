//! For the tests of what is built on a lake: a store that fails where it is told to. See [`crate::Lake::with_store`].

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};

/// Fails one operation, or one and all after it.
#[derive(Debug)]
pub struct FaultStore {
    inner: Arc<dyn ObjectStore>,
    countdown: AtomicU64,
    after: bool,
    fired: AtomicU64,
    forever: bool,
}

impl std::fmt::Display for FaultStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("store with a fault")
    }
}

/// What it fails with.
pub(crate) fn fault() -> object_store::Error {
    object_store::Error::Generic { store: "fault", source: "injected".into() }
}

impl FaultStore {
    /// A store whose operation of that number, from 1, fails: before it is done, or after, when its reply is lost.
    pub fn new(inner: Arc<dyn ObjectStore>, number: u64, after: bool) -> Self {
        Self { inner, countdown: number.into(), after, fired: 0.into(), forever: false }
    }

    /// All operations after it fail too, as those of a process that was killed.
    #[must_use]
    pub fn and_ever_after(self) -> Self {
        Self { forever: true, ..self }
    }

    /// Whether an operation has failed.
    pub fn has_fired(&self) -> bool {
        self.fired.load(Ordering::SeqCst) > 0
    }

    fn hit(&self) -> bool {
        let left = self.countdown.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        let hit = left == Ok(1) || (self.forever && left.is_err());
        self.fired.fetch_add(u64::from(hit), Ordering::SeqCst);
        hit
    }

    async fn run<T>(&self, work: impl Future<Output = object_store::Result<T>> + Send) -> object_store::Result<T> {
        match (self.hit(), self.after) {
            (false, _) => work.await,
            (true, false) => Err(fault()),
            (true, true) => work.await.and(Err(fault())),
        }
    }
}

#[async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.run(self.inner.put_opts(at, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.run(self.inner.put_multipart_opts(at, options)).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.run(self.inner.get_opts(at, options)).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        self.run(self.inner.get_ranges(at, ranges)).await
    }

    fn delete_stream(
        &self,
        at: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(at)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        if self.hit() {
            return futures::stream::once(async { Err(fault()) }).boxed();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.run(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.run(self.inner.copy_opts(from, to, options)).await
    }
}

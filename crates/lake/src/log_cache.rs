//! Entries of a log are never changed once they are written, and one load of a log reads each of them several times: on a
//! bucket they are fetched once in the life of the process.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// Bytes of entries that are kept.
const BUDGET: usize = 16 << 20;
/// Digits of an entry's name: `00000000000000000007.json`.
const VERSION_DIGITS: usize = 20;

/// A store whose log entries are kept once they have been read.
#[derive(Debug)]
pub(crate) struct LogCache {
    inner: Arc<dyn ObjectStore>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<Path, (ObjectMeta, Bytes)>,
    bytes: usize,
}

impl LogCache {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, known: Mutex::default() }
    }

    fn kept(&self, location: &Path) -> Option<(ObjectMeta, Bytes)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).entries.get(location).cloned()
    }

    fn keep(&self, meta: &ObjectMeta, bytes: &Bytes) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.is_empty() || known.bytes + bytes.len() > BUDGET {
            return;
        }
        known.bytes += bytes.len();
        known.entries.insert(meta.location.clone(), (meta.clone(), bytes.clone()));
    }
}

/// Whether an object is an entry of a log, and is asked for as a whole.
fn is_entry(location: &Path, options: &GetOptions) -> bool {
    let plain = options.range.is_none() && !options.head && options.version.is_none();
    let name = location.filename().and_then(|name| name.strip_suffix(".json")).unwrap_or_default();
    let numbered = name.len() == VERSION_DIGITS && name.bytes().all(|b| b.is_ascii_digit());
    plain && numbered && location.parts().rev().nth(1).is_some_and(|folder| folder.as_ref() == "_delta_log")
}

/// Listings that are short enough to be held: those of logs and of runs.
fn is_small(prefix: &Path) -> bool {
    prefix.parts().any(|part| matches!(part.as_ref(), "_delta_log" | "system" | "staging"))
}

/// A listing as a whole, asked for again when it breaks off: the client tries requests again, and not their answers.
fn whole(
    list: impl Fn() -> BoxStream<'static, Result<ObjectMeta>> + Send + 'static,
) -> BoxStream<'static, Result<ObjectMeta>> {
    const ATTEMPTS: u32 = 4;
    /// What takes longer has failed in the client's own attempts.
    const SOON: std::time::Duration = std::time::Duration::from_secs(5);
    let listed = async move {
        let began = std::time::Instant::now();
        let mut attempt = 1;
        loop {
            let entries: Result<Vec<ObjectMeta>> = list().try_collect().await;
            match entries {
                Err(error) if attempt < ATTEMPTS && began.elapsed() < SOON && is_broken_off(&error) => attempt += 1,
                Err(error) => return vec![Err(error)],
                Ok(entries) => return entries.into_iter().map(Ok).collect::<Vec<_>>(),
            }
            tokio::time::sleep(std::time::Duration::from_millis(50) * 2u32.pow(attempt)).await;
        }
    };
    futures::stream::once(listed).flat_map(futures::stream::iter).boxed()
}

fn is_broken_off(error: &object_store::Error) -> bool {
    let refused = |text: &str| text.contains("AccessDenied") || text.contains("NoSuchBucket") || text.contains("403");
    matches!(error, object_store::Error::Generic { .. }) && !refused(&error.to_string())
}

fn result(meta: ObjectMeta, bytes: Bytes) -> GetResult {
    let range = 0..bytes.len() as u64;
    let payload = GetResultPayload::Stream(futures::stream::once(async move { Ok(bytes) }).boxed());
    GetResult { payload, meta, range, attributes: Attributes::default() }
}

impl fmt::Display for LogCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for LogCache {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if !is_entry(location, &options) {
            return self.inner.get_opts(location, options).await;
        }
        if let Some((meta, bytes)) = self.kept(location) {
            return Ok(result(meta, bytes));
        }
        let found = self.inner.get_opts(location, options).await?;
        let meta = found.meta.clone();
        let bytes = found.bytes().await?;
        self.keep(&meta, &bytes);
        Ok(result(meta, bytes))
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let Some(small) = prefix.filter(|prefix| is_small(prefix)).cloned() else { return self.inner.list(prefix) };
        let inner = Arc::clone(&self.inner);
        whole(move || inner.list(Some(&small)))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, prefix, offset) = (Arc::clone(&self.inner), prefix.cloned(), offset.clone());
        whole(move || inner.list_with_offset(prefix.as_ref(), &offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn only_entries_are_kept() {
        let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let store = LogCache::new(Arc::clone(&inner));
        let entry = Path::from("lake/tables/t/_delta_log/00000000000000000001.json");
        let hint = Path::from("lake/tables/t/_delta_log/_last_checkpoint");
        assert!(store.get(&entry).await.is_err());
        for key in [&entry, &hint] {
            inner.put(key, "one".into()).await.unwrap();
            assert_eq!(store.get(key).await.unwrap().bytes().await.unwrap(), "one");
            inner.put(key, "two".into()).await.unwrap();
        }
        assert_eq!(store.get(&entry).await.unwrap().bytes().await.unwrap(), "one");
        assert_eq!(store.get(&hint).await.unwrap().bytes().await.unwrap(), "two");
        assert_eq!(store.get_range(&entry, 0..1).await.unwrap(), "t");
    }
}

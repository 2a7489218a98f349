//! A local folder with an object store's guarantees: an object is there whole and for good, or not at all.
//!
//! `LocalFileSystem` does not sync what it writes; after a power cut a commit could name files that are empty. Here every
//! new object is written aside, synced, linked under its name, and its folder synced.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

const STORE: &str = "local folder";

/// The whole local file system, durably written.
#[derive(Debug)]
pub(crate) struct DurableLocal {
    inner: Arc<LocalFileSystem>,
}

impl DurableLocal {
    pub(crate) fn new() -> Self {
        Self { inner: Arc::new(LocalFileSystem::new()) }
    }
}

impl fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STORE)
    }
}

#[async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let create = match options.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => {
                return Err(Error::NotImplemented { operation: "update".into(), implementer: STORE.into() });
            }
        };
        let path = self.inner.path_to_filesystem(location)?;
        let name = location.to_string();
        blocking(move || put(&path, &payload, create).map_err(|e| failed(e, &name))).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = self.inner.path_to_filesystem(location)?;
        let (folder_of, name) = (path.clone(), location.to_string());
        // Made here, since the inner store would make the folders without syncing them.
        blocking(move || make_folder_of(&folder_of).map_err(|e| failed(e, &name))).await?;
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(DurableUpload { inner, path, name: location.to_string() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        sorted(self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        sorted(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if options.mode != CopyMode::Create {
            return self.inner.copy_opts(from, to, options).await;
        }
        let source = self.inner.path_to_filesystem(from)?;
        let target = self.inner.path_to_filesystem(to)?;
        let name = to.to_string();
        blocking(move || link(&source, &target).map_err(|e| failed(e, &name))).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
    name: String,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let (path, name) = (self.path.clone(), self.name.clone());
        blocking(move || sync_file_and_folder(&path).map_err(|e| failed(e, &name))).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

/// Buckets list their keys in order, and readers of Delta's log rely on it; folders do not.
fn sorted(listed: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
    let all = async move {
        let mut all: Vec<ObjectMeta> = listed.try_collect().await?;
        all.sort_by(|a, b| a.location.cmp(&b.location));
        Ok::<_, Error>(futures::stream::iter(all.into_iter().map(Ok)))
    };
    futures::stream::once(all).try_flatten().boxed()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Generic { store: STORE, source: Box::new(error) }),
    }
}

fn failed(error: io::Error, name: &str) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Error::AlreadyExists { path: name.to_owned(), source: Box::new(error) },
        io::ErrorKind::NotFound => Error::NotFound { path: name.to_owned(), source: Box::new(error) },
        io::ErrorKind::PermissionDenied => Error::PermissionDenied { path: name.to_owned(), source: Box::new(error) },
        _ => Error::Generic { store: STORE, source: Box::new(error) },
    }
}

fn put(path: &FilePath, payload: &PutPayload, create: bool) -> io::Result<()> {
    make_folder_of(path)?;
    let aside = std::iter::repeat_with(|| name_aside(path)).find(|name| !name.exists()).unwrap_or_default();
    let written = write_synced(&aside, payload)
        .and_then(|()| if create { std::fs::hard_link(&aside, path) } else { std::fs::rename(&aside, path) });
    if create || written.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    written?;
    sync_folder_of(path)
}

fn link(source: &FilePath, target: &FilePath) -> io::Result<()> {
    make_folder_of(target)?;
    std::fs::hard_link(source, target)?;
    sync_folder_of(target)
}

/// `LocalFileSystem` leaves names that end in `#` and digits out of its listings. In a container every process may have the
/// same id, so the clock is in the name too.
fn name_aside(path: &FilePath) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let nanoseconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_nanos());
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!("#{}{count:06}{nanoseconds}", std::process::id()));
    path.with_file_name(name)
}

fn write_synced(path: &FilePath, payload: &PutPayload) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    for chunk in payload {
        file.write_all(chunk)?;
    }
    file.sync_all()
}

fn make_folder_of(path: &FilePath) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    if folder.is_dir() {
        return Ok(());
    }
    let made: Vec<&FilePath> = folder.ancestors().take_while(|a| !a.is_dir()).collect();
    std::fs::create_dir_all(folder)?;
    made.into_iter().try_for_each(sync_folder_of)
}

fn sync_file_and_folder(path: &FilePath) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &FilePath) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;

    use super::*;

    fn place(folder: &tempfile::TempDir, name: &str) -> Path {
        Path::from_absolute_path(folder.path()).unwrap().join(name)
    }

    #[tokio::test]
    async fn creating_twice_keeps_the_first_and_leaves_nothing_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (store, path) = (DurableLocal::new(), place(&folder, "a"));
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        store.put_opts(&path, "one".into(), create()).await.unwrap();
        let error = store.put_opts(&path, "two".into(), create()).await.unwrap_err();
        assert!(matches!(error, Error::AlreadyExists { .. }));
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "one");
        store.put(&path, "three".into()).await.unwrap();
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "three");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn of_many_creators_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let (store, path) = (Arc::new(DurableLocal::new()), place(&folder, "a"));
        let racers = (0..16).map(|i| {
            let (store, path) = (Arc::clone(&store), path.clone());
            tokio::spawn(async move {
                let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
                store.put_opts(&path, format!("{i}").into(), options).await.is_ok()
            })
        });
        let won = futures::future::join_all(racers).await.into_iter().filter(|r| *r.as_ref().unwrap()).count();
        assert_eq!(won, 1);
    }

    #[tokio::test]
    async fn a_copy_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let store = DurableLocal::new();
        store.put(&place(&folder, "a"), "one".into()).await.unwrap();
        store.copy_if_not_exists(&place(&folder, "a"), &place(&folder, "deep/b")).await.unwrap();
        assert!(store.copy_if_not_exists(&place(&folder, "a"), &place(&folder, "deep/b")).await.is_err());
    }
}

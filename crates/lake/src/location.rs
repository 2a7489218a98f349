//! Where a lake is: a local folder or a prefix of a bucket, behind one type.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::{Error, Result, TableName};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};

use crate::bucket::{self, BucketOptions};
use crate::durable_local::DurableLocal;
use crate::failure;
use crate::files::DELTA_LOG;
use crate::log_cache::LogCache;

/// A lake: cheap to clone, opened without a request.
#[derive(Clone)]
pub struct Lake {
    location: String,
    /// The whole bucket or file system: Delta's log addresses objects from its root.
    store: Arc<dyn ObjectStore>,
    /// The lake's own place in the store.
    prefix: Path,
    folder: Option<PathBuf>,
}

impl Lake {
    /// Opens `location`: a folder's path (it is made if need be), or `s3://bucket/prefix`.
    ///
    /// # Errors
    /// When the location is neither, or the folder cannot be made.
    pub fn open(location: &str) -> Result<Self> {
        Self::open_with(location, &BucketOptions::default())
    }

    /// Opens `location` as [`Lake::open`] does; `options` count for a bucket.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub fn open_with(location: &str, options: &BucketOptions) -> Result<Self> {
        match location.split_once("://") {
            None => Self::open_folder(location),
            Some(("s3", rest)) => {
                let (store, prefix) = bucket::open(location, rest, options)?;
                let store = Arc::new(LogCache::new(store));
                Ok(Self { location: location.to_owned(), store, prefix, folder: None })
            }
            Some((scheme, _)) => Err(Error::usage(format!("a lake cannot be at a `{scheme}://` location"))
                .expected("a folder's path, or s3://bucket/prefix")),
        }
    }

    fn open_folder(location: &str) -> Result<Self> {
        std::fs::create_dir_all(location).map_err(|e| failure::io(&e, location))?;
        let folder = FilePath::new(location).canonicalize().map_err(|e| failure::io(&e, location))?;
        let prefix = Path::from_absolute_path(&folder)
            .map_err(|_| Error::usage("the folder's path cannot be used").at(location).expected("a path in UTF-8"))?;
        let store = Arc::new(DurableLocal::new());
        Ok(Self { location: location.to_owned(), store, prefix, folder: Some(folder) })
    }

    /// The location as it was given.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The local folder, if it is one.
    pub fn folder(&self) -> Option<&FilePath> {
        self.folder.as_deref()
    }

    /// The store that holds the lake, from its root.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// A lake at the same place whose requests go through `wrap`: for tests that make a store fail.
    #[must_use]
    pub fn with_store(&self, wrap: impl FnOnce(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore>) -> Self {
        Self { store: wrap(Arc::clone(&self.store)), ..self.clone() }
    }

    /// The same lake, believed to be in a bucket.
    #[cfg(test)]
    pub(crate) fn as_bucket(&self) -> Self {
        Self { folder: None, ..self.clone() }
    }

    /// The tables that have a log.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn tables(&self) -> Result<Vec<TableName>> {
        let place = self.key("tables")?;
        let listed =
            self.store.list_with_delimiter(Some(&place)).await.map_err(|e| failure::store(&e, self.shown(&place)))?;
        let mut tables = Vec::new();
        for folder in listed.common_prefixes {
            let Some(table) = folder.filename().and_then(|name| TableName::new(name).ok()) else { continue };
            if self.has_log(&table).await? {
                tables.push(table);
            }
        }
        tables.sort();
        Ok(tables)
    }

    /// Whether the table has been created.
    pub(crate) async fn has_log(&self, table: &TableName) -> Result<bool> {
        let log = self.table_key(table)?.join(DELTA_LOG);
        has_entries(self.store.as_ref(), &log, || self.shown(&log)).await
    }

    /// A key as people write it: a path, or an address of the bucket.
    pub(crate) fn shown(&self, key: &Path) -> String {
        match self.location.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}/{key}", rest.split('/').next().unwrap_or_default()),
            None => format!("/{key}"),
        }
    }

    /// The key of `relative`, a path below the lake whose segments are encoded already.
    pub(crate) fn key(&self, relative: &str) -> Result<Path> {
        if relative.is_empty() {
            return Ok(self.prefix.clone());
        }
        let joined =
            if self.prefix.as_ref().is_empty() { relative.to_owned() } else { format!("{}/{relative}", self.prefix) };
        Path::parse(joined).map_err(|_| Error::bug("a key of the lake is malformed"))
    }

    pub(crate) fn table_key(&self, table: &TableName) -> Result<Path> {
        self.key(&format!("tables/{table}"))
    }

    /// Deletes every object below `relative`, and on a local disk its empty folders.
    pub(crate) async fn delete_below(&self, relative: &str) -> Result<()> {
        let place = self.key(relative)?;
        self.delete_all(self.keys_below(&place).await?).await?;
        if let Some(folder) = &self.folder {
            remove_empty_folders(&folder.join(relative));
        }
        Ok(())
    }

    /// Every object below `place`.
    pub(crate) async fn objects_below(&self, place: &Path) -> Result<Vec<ObjectMeta>> {
        self.store.list(Some(place)).try_collect().await.map_err(|e| failure::store(&e, self.shown(place)))
    }

    /// The keys of every object below `place`.
    pub(crate) async fn keys_below(&self, place: &Path) -> Result<Vec<Path>> {
        Ok(self.objects_below(place).await?.into_iter().map(|meta| meta.location).collect())
    }

    /// An object as a whole.
    pub(crate) async fn bytes_of(&self, key: &Path) -> object_store::Result<Bytes> {
        self.store.get(key).await?.bytes().await
    }

    /// Deletes objects, on a bucket many with one request; those that are gone already are fine.
    pub(crate) async fn delete_all(&self, keys: Vec<Path>) -> Result<()> {
        let mut deleted = self.store.delete_stream(futures::stream::iter(keys.into_iter().map(Ok)).boxed());
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failure::store(&error, self.location.clone())),
            }
        }
        Ok(())
    }

    /// Deletes one object; one that is gone already is fine.
    pub(crate) async fn delete(&self, key: &Path) -> Result<()> {
        match self.store.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure::store(&error, self.shown(key))),
        }
    }
}

/// Whether a table's log is there. An empty entry is refused: rows would be missing without a word.
pub(crate) async fn has_entries(store: &dyn ObjectStore, log: &Path, shown: impl Fn() -> String) -> Result<bool> {
    let mut listed = store.list(Some(log));
    let mut found = false;
    while let Some(entry) = listed.try_next().await.map_err(|e| failure::store(&e, shown()))? {
        found = true;
        if entry.location.extension() == Some("json") {
            refuse_empty_entry(&entry)?;
        }
    }
    Ok(found)
}

/// A reader would take an empty entry of a log for a version that changes nothing.
pub(crate) fn refuse_empty_entry(entry: &ObjectMeta) -> Result<()> {
    if entry.size > 0 {
        return Ok(());
    }
    Err(Error::bad_input("an entry of the table's log is empty")
        .at(entry.location.to_string())
        .help("restore the file, for example from a backup"))
}

/// Removes a folder's empty folders and the folder itself, if nothing else is in it.
pub(crate) fn remove_empty_folders(folder: &FilePath) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            remove_empty_folders(&path);
        } else if is_left_aside(&path) {
            let _ = std::fs::remove_file(&path);
        }
    }
    let _ = std::fs::remove_dir(folder);
}

/// A file that a killed process was still writing: its name ends in `#` and digits, and no listing shows it.
fn is_left_aside(path: &FilePath) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.rsplit_once('#'))
        .is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

impl std::fmt::Debug for Lake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lake({})", self.location)
    }
}

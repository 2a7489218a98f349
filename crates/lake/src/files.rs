//! Files that are read as they lie, on this machine's disk or in a bucket, whoever wrote them; Delta tables among them.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionContext;
use deltalake::DeltaTable;
use deltalake::logstore::{StorageConfig, default_logstore};
use futures::TryStreamExt as _;
use lakegate_contract::{Error, Result};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use url::Url;

use crate::bucket::{self, BucketOptions};
use crate::durable_local::DurableLocal;
use crate::failure;
use crate::location::has_entries;
use crate::table::live_files;

/// The folder of a Delta table's log.
pub const DELTA_LOG: &str = "_delta_log";

/// A disk or a bucket, as a whole.
#[derive(Debug, Clone)]
pub struct FileRoot {
    store: Arc<dyn ObjectStore>,
    /// `file:///` or `s3://bucket/`.
    url: String,
}

impl FileRoot {
    /// This machine's files.
    pub fn disk() -> Self {
        Self { store: Arc::new(DurableLocal::new()), url: "file:///".to_owned() }
    }

    /// A bucket's objects; no request is made.
    ///
    /// # Errors
    /// When the options contradict themselves.
    pub fn bucket(bucket: &str, options: &BucketOptions) -> Result<Self> {
        let (store, _) = bucket::open(&format!("s3://{bucket}"), bucket, options)?;
        Ok(Self { store, url: format!("s3://{bucket}/") })
    }

    /// The store, from its root.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Its address: `file:///` or `s3://bucket/`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A key as people write it.
    pub fn shown(&self, key: &Path) -> String {
        match self.url.as_str() {
            "file:///" => format!("/{key}"),
            bucket => format!("{bucket}{key}"),
        }
    }

    /// The file of that key; `None` when there is none.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn find(&self, key: &Path) -> Result<Option<ObjectMeta>> {
        if key.as_ref().is_empty() {
            return Ok(None);
        }
        match self.store.head(key).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure::store(&error, self.shown(key))),
        }
    }

    /// All files below a folder, by name.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn below(&self, folder: &Path) -> Result<Vec<ObjectMeta>> {
        let listed = self.store.list(Some(folder)).try_collect::<Vec<_>>().await;
        let mut files = listed.map_err(|e| failure::store(&e, self.shown(folder)))?;
        files.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(files)
    }

    /// Whether a folder is a Delta table.
    ///
    /// # Errors
    /// When the store cannot be listed, or an entry of the log is empty.
    pub async fn is_delta(&self, folder: &Path) -> Result<bool> {
        let log = folder.clone().join(DELTA_LOG);
        has_entries(self.store.as_ref(), &log, || self.shown(&log)).await
    }

    /// The Delta table in a folder, at a version or at its newest, and which version that is. `name` is one by which no other
    /// table of the session is read. With `objects`, a column of that name says of each row in which file it stands.
    ///
    /// # Errors
    /// When the log cannot be read, has no such version, or asks for what this reader cannot do.
    pub async fn delta(
        &self,
        session: &SessionContext,
        name: &str,
        folder: &Path,
        version: Option<u64>,
        objects: Option<&str>,
    ) -> Result<(Arc<dyn TableProvider>, u64)> {
        let (place, delta) = (self.shown(folder), self.loaded(name, folder, version).await?);
        let found = delta.version().ok_or_else(|| Error::bug("a loaded table has no version"))?;
        let mut provider = delta.table_provider().with_session(Arc::new(session.state()));
        if let Some(column) = objects {
            provider = provider.with_file_column(column);
        }
        let provider = provider.await.map_err(|e| {
            Error::usage("the Delta table cannot be read by this version of lakegate")
                .at(place)
                .help("it may use features of Delta that came later")
                .caused_by(e.strip_backtrace())
        })?;
        Ok((provider, found))
    }

    /// The files that the log of a version of the Delta table in a folder names, as people write them. Others may lie there: of other
    /// versions, or of writers that did not end.
    ///
    /// # Errors
    /// When the log cannot be read, or has no such version.
    pub async fn delta_files(&self, folder: &Path, version: u64) -> Result<Vec<String>> {
        let place = self.shown(folder);
        let delta = self.loaded("files", folder, Some(version)).await?;
        let files = live_files(&delta, &place)?;
        Ok(files.iter().map(|file| format!("{}/{}", place.trim_end_matches('/'), file.relative)).collect())
    }

    /// The Delta table in a folder, at a version or at its newest.
    async fn loaded(&self, name: &str, folder: &Path, version: Option<u64>) -> Result<DeltaTable> {
        let place = self.shown(folder);
        // The table is the root of its own store: Delta's kernel decodes the names of folders in an address once too often.
        let store: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(Arc::clone(&self.store), folder.clone()));
        let host: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
        let url = Url::parse(&format!("table://t{host}/")).map_err(|_| Error::bug("a table's URL is malformed"))?;
        let log = default_logstore(Arc::clone(&store), store, &url, &StorageConfig::default());
        let mut delta = DeltaTable::new(log);
        match version {
            None => delta.load().await.map_err(|e| failure::delta(e, &place))?,
            Some(wanted) => delta.load_version(wanted).await.map_err(|e| no_such_version(e, wanted, &place))?,
        }
        Ok(delta)
    }
}

fn no_such_version(error: deltalake::DeltaTableError, wanted: u64, place: &str) -> Error {
    let error = failure::delta(error, place);
    Error::usage(format!("version {wanted} of the Delta table cannot be read"))
        .at(place)
        .expected("a version that the log still has")
        .caused_by(error)
}

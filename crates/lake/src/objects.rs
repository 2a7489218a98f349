//! Objects of a bucket that are read as input: listed with what pins them, and read under that pin.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use lakegate_contract::{Error, Result};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _};

use crate::bucket::{self, BucketOptions};
use crate::failure;

/// A bucket whose objects are read.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    bucket: String,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundObject {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its ETag: another content has another one.
    pub e_tag: String,
    /// When it was put there.
    pub modified: DateTime<Utc>,
}

impl Objects {
    /// Opens a bucket, without a request.
    ///
    /// # Errors
    /// When the options contradict themselves.
    pub fn open(bucket: &str, options: &BucketOptions) -> Result<Self> {
        let (store, _) = bucket::open(&format!("s3://{bucket}"), bucket, options)?;
        Ok(Self { store, bucket: bucket.to_owned() })
    }

    /// A bucket that another store plays: for tests.
    pub fn played_by(store: Arc<dyn ObjectStore>, bucket: &str) -> Self {
        Self { store, bucket: bucket.to_owned() }
    }

    /// Objects whose keys begin with the folder `prefix`.
    ///
    /// # Errors
    /// When the bucket cannot be listed.
    pub async fn list(&self, prefix: &str) -> Result<Vec<FoundObject>> {
        let place = self.shown(prefix);
        let prefix = parsed(prefix).map_err(|e| e.at(&place))?;
        let listed = self.store.list(Some(&prefix)).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|e| {
            let error = failure::store(&e, &place);
            match error.found() {
                "there is no such bucket" => {
                    error.help("correct `files` under [source] of the job, or make the bucket")
                }
                _ => error,
            }
        });
        Ok(listed?.into_iter().map(found).collect())
    }

    /// An object by its key; `None` when it is not there.
    ///
    /// # Errors
    /// When the bucket cannot be asked.
    pub async fn find(&self, key: &str) -> Result<Option<FoundObject>> {
        let place = self.shown(key);
        let path = parsed(key).map_err(|e| e.at(&place))?;
        match self.store.head(&path).await {
            Ok(meta) => Ok(Some(FoundObject { key: key.to_owned(), ..found(meta) })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure::store(&error, place)),
        }
    }

    /// A part of an object, if it still is the one that has this ETag.
    ///
    /// # Errors
    /// When it is another one by now, is gone, or is cut short.
    pub async fn range(&self, key: &str, e_tag: &str, range: Range<u64>) -> Result<Bytes> {
        let place = self.shown(key);
        let wanted = range.end - range.start;
        let options = GetOptions {
            if_match: Some(e_tag.to_owned()),
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let key = parsed(key).map_err(|e| e.at(&place))?;
        let read = async { self.store.get_opts(&key, options).await?.bytes().await };
        let bytes = match read.await {
            Ok(bytes) => bytes,
            Err(object_store::Error::Precondition { .. }) => {
                return Err(Error::unavailable("the object was replaced after the run was planned")
                    .at(place)
                    .help("run the job again"));
            }
            Err(object_store::Error::NotFound { .. }) => {
                return Err(Error::unavailable("the object was deleted after the run was planned")
                    .at(place)
                    .help("run the job again"));
            }
            Err(error) => return Err(failure::store(&error, place)),
        };
        if bytes.len() as u64 != wanted {
            return Err(
                Error::unavailable(format!("{} bytes came where {wanted} were asked for", bytes.len())).at(place)
            );
        }
        Ok(bytes)
    }

    fn shown(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

fn found(meta: ObjectMeta) -> FoundObject {
    FoundObject {
        key: meta.location.to_string(),
        bytes: meta.size,
        e_tag: meta.e_tag.unwrap_or_default(),
        modified: meta.last_modified,
    }
}

fn parsed(key: &str) -> Result<Path> {
    Path::parse(key.trim_end_matches('/'))
        .map_err(|_| Error::bad_input("the key has an empty part, or `.` or `..` as one").help("rename the object"))
}

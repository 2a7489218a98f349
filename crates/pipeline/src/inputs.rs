//! Files that a source reads: of the project's folder, or objects of a bucket. What was listed is what is read, or an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use lakegate_contract::{Error, Result};
use lakegate_lake::{BucketOptions, FoundObject, Objects};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, channel};

use crate::files::{self, Hashes, InputFile, NewFiles};
use crate::patterns::{SCHEME, bucket_of, check_pattern, fixed_folder, matches_path, names_object};
use crate::source::{Bookmark, InputObject};
use crate::stored_files::StoredFiles;

/// Bytes of an object that are asked for at once.
const CHUNK: u64 = 4 << 20;
/// Chunks that wait to be read, besides the one that is on its way.
const AHEAD: usize = 1;
/// Objects that are asked for one by one rather than by listing their folder.
pub(crate) const ASKED_ONE_BY_ONE: usize = 16;

/// Where the files of a project's sources are. Cheap to clone.
#[derive(Clone)]
pub struct Inputs(Arc<Shared>);

struct Shared {
    root: PathBuf,
    /// What relative patterns are below, if not the root.
    location: Option<String>,
    options: BucketOptions,
    buckets: Mutex<BTreeMap<String, Objects>>,
    fetcher: OnceLock<Fetcher>,
    /// BLAKE3 of the objects that were read to their end, by name and version.
    hashes: Arc<Mutex<Hashes>>,
}

/// Fetches for threads that block while they wait: on threads of its own, since those of the process may all be waiting.
struct Fetcher(Option<Runtime>);

impl Drop for Fetcher {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputPlace {
    /// On this machine.
    File(PathBuf),
    /// In a bucket.
    Object {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
}

/// A file with what pins it, as data: a part of a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PinnedFile {
    /// Where it is.
    pub place: InputPlace,
    /// Its name and version.
    pub object: InputObject,
}

impl From<&InputFile> for PinnedFile {
    fn from(file: &InputFile) -> Self {
        Self { place: file.place.clone(), object: file.object.clone() }
    }
}

impl Inputs {
    /// Files below `root`, or below `location`, a folder or `s3://bucket/prefix`; `options` say how buckets are reached.
    pub fn new(root: PathBuf, location: Option<String>, options: BucketOptions) -> Self {
        Self(Arc::new(Shared {
            root,
            location,
            options,
            buckets: Mutex::default(),
            fetcher: OnceLock::new(),
            hashes: Arc::default(),
        }))
    }

    /// A pattern as a job has it, with the place that relative ones are below.
    pub fn pattern(&self, files: &str) -> String {
        let absolute = files.starts_with('/') || files.contains("://");
        match self.0.location.as_deref().filter(|_| !absolute) {
            None => files.to_owned(),
            Some(location) => format!("{}/{files}", location.trim_end_matches('/')),
        }
    }

    /// What remains to be read of `files`: see [`files::new_files`].
    ///
    /// # Errors
    /// As [`files::new_files`].
    pub async fn new_files(
        &self,
        since: Option<&Bookmark>,
        files: Vec<InputFile>,
        meaning: fn(&str) -> Option<String>,
    ) -> Result<NewFiles> {
        let (inputs, since) = (self.clone(), since.cloned());
        // Contents are hashed: that must not hold up the other jobs.
        let found = tokio::task::spawn_blocking(move || {
            files::new_files(since.as_ref(), files, meaning, |file| inputs.hash(file))
        });
        found.await.map_err(|_| Error::bug("files were not compared to the end"))?
    }

    /// The bookmark of a run that has read its files to their end.
    ///
    /// # Errors
    /// When it is not one of files.
    pub fn settle(&self, bookmark: Bookmark) -> Result<Bookmark> {
        files::with_hashes(bookmark, &self.0.hashes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hash(&self, file: &InputFile) -> Result<String> {
        let mut hash = blake3::Hasher::new();
        let read = hash.update_reader(self.open(&PinnedFile::from(file))?);
        read.map_err(|e| error_of(e, &file.object.name))?;
        Ok(hash.finalize().to_hex().to_string())
    }

    /// The files that match `pattern`, sorted by name: below the project's folder, or `s3://bucket/prefix/**/*.gz`. `*` and
    /// `?` stand for characters of a name, `**` for any number of folders. With `only`, those of them that are named there:
    /// perhaps none.
    ///
    /// # Errors
    /// When no file matches, or they cannot be listed.
    pub async fn matching(&self, pattern: &str, only: Option<&BTreeSet<String>>) -> Result<Vec<InputFile>> {
        // A published file that the pattern does not name: it has changed since, and who restricted the run did not know.
        let moved = only.and_then(|only| only.iter().find(|name| !names_object(pattern, name)));
        if let Some(name) = moved {
            tracing::info!(name, pattern, "all files are looked at: what was published is not below the pattern");
        }
        let only = only.filter(|_| moved.is_none());
        let found = match bucket_of(pattern) {
            None => files::matching_files(&self.0.root, pattern),
            Some((bucket, keys)) => self.matching_objects(pattern, bucket, keys, only).await,
        };
        match (found, only) {
            (Ok(files), Some(only)) => Ok(files.into_iter().filter(|f| only.contains(&f.object.name)).collect()),
            (found, _) => found,
        }
    }

    async fn matching_objects(
        &self,
        pattern: &str,
        bucket: &str,
        keys: &str,
        only: Option<&BTreeSet<String>>,
    ) -> Result<Vec<InputFile>> {
        check_pattern(pattern)?;
        let folder = fixed_folder(keys);
        let parts: Vec<&str> = keys.split('/').filter(|p| !p.is_empty()).collect();
        let mut found: Vec<InputFile> = Vec::new();
        for object in self.objects(bucket, folder, only).await? {
            let segments: Vec<&str> = object.key.split('/').collect();
            if matches_path(&parts, &segments) {
                let version = format!("etag-{}", object.e_tag);
                let pinned = InputObject {
                    name: format!("{SCHEME}{bucket}/{}", object.key),
                    version,
                    bytes: Some(object.bytes),
                };
                let place = InputPlace::Object { bucket: bucket.to_owned(), key: object.key };
                found.push(InputFile { place, object: pinned });
            }
        }
        found.sort_by(|a, b| a.object.name.cmp(&b.object.name));
        match found.is_empty() && only.is_none() {
            true => Err(files::nothing_matches(pattern, &format!("{SCHEME}{bucket}/{folder}"))),
            false => Ok(found),
        }
    }

    /// All objects of a folder; or, of a few of the bucket that are named, those that are there.
    async fn objects(&self, bucket: &str, folder: &str, only: Option<&BTreeSet<String>>) -> Result<Vec<FoundObject>> {
        let objects = self.bucket(bucket)?;
        let Some(only) = only.filter(|only| only.len() <= ASKED_ONE_BY_ONE) else { return objects.list(folder).await };
        let mut found = Vec::new();
        for (_, key) in only.iter().filter_map(|name| bucket_of(name)) {
            found.extend(objects.find(key).await?);
        }
        Ok(found)
    }

    /// These inputs as rules about files see them.
    pub fn stored_files(&self, objects: &[InputObject]) -> StoredFiles {
        let names = objects.iter().map(|object| object.name.clone()).collect();
        StoredFiles::new(self.0.root.clone(), self.0.options.clone(), names)
    }

    /// The bytes of a file from its beginning on; they come as they are read. The reader may block.
    ///
    /// # Errors
    /// When the file is gone or is no longer what was pinned; the reader tells so later of an object.
    pub fn open(&self, file: &PinnedFile) -> Result<Box<dyn Read + Send>> {
        match &file.place {
            InputPlace::File(path) => Ok(Box::new(self.open_file(path, &file.object)?)),
            InputPlace::Object { bucket, key } => Ok(Box::new(self.fetch(bucket, key, file)?)),
        }
    }

    /// A file that can be read from any place on, such as a workbook. An object is held in memory, never on the disk.
    ///
    /// # Errors
    /// As [`Inputs::open`]; when an object is larger than `limit` bytes.
    pub fn open_whole(&self, file: &PinnedFile, limit: u64) -> Result<WholeFile> {
        let (bucket, key) = match &file.place {
            InputPlace::File(path) => return self.open_file(path, &file.object).map(WholeFile::File),
            InputPlace::Object { bucket, key } => (bucket, key),
        };
        if file.object.bytes.is_some_and(|bytes| bytes > limit) {
            return Err(Error::bad_input("the file is too large to be held in memory")
                .at(&file.object.name)
                .expected(format!("at most {limit} bytes")));
        }
        let mut bytes = Vec::new();
        let read = self.fetch(bucket, key, file)?.read_to_end(&mut bytes);
        read.map_err(|e| error_of(e, &file.object.name))?;
        Ok(WholeFile::Memory(Cursor::new(bytes.into())))
    }

    fn open_file(&self, path: &Path, object: &InputObject) -> Result<File> {
        files::check_pin(&self.0.root, path.to_path_buf(), &object.version)?;
        File::open(path).map_err(|e| files::unreadable(&e, &object.name))
    }

    fn fetch(&self, bucket: &str, key: &str, file: &PinnedFile) -> Result<ObjectReader> {
        let broken = || Error::bug("a split of an object has no ETag or size").at(&file.object.name);
        let e_tag = file.object.version.strip_prefix("etag-").ok_or_else(broken)?.to_owned();
        let size = file.object.bytes.ok_or_else(broken)?;
        let (objects, key) = (self.bucket(bucket)?, key.to_owned());
        let (sender, chunks) = channel(AHEAD);
        self.fetcher()?.spawn(async move {
            let mut at = 0;
            while at < size {
                let end = size.min(at + CHUNK);
                let chunk = objects.range(&key, &e_tag, at..end).await;
                let failed = chunk.is_err();
                // Nobody listens any more: the run was stopped.
                if sender.send(chunk).await.is_err() || failed {
                    return;
                }
                at = end;
            }
        });
        let hashes = Arc::clone(&self.0.hashes);
        let object = (file.object.name.clone(), file.object.version.clone());
        let reader =
            ObjectReader { chunks, current: Bytes::new(), left: size, hash: blake3::Hasher::new(), object, hashes };
        if size == 0 {
            reader.note_hash();
        }
        Ok(reader)
    }

    fn bucket(&self, name: &str) -> Result<Objects> {
        let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = buckets.get(name) {
            return Ok(known.clone());
        }
        let opened = Objects::open(name, &self.0.options)?;
        buckets.insert(name.to_owned(), opened.clone());
        Ok(opened)
    }

    fn fetcher(&self) -> Result<&Runtime> {
        let started = self.0.fetcher.get_or_init(|| {
            Fetcher(Builder::new_multi_thread().worker_threads(1).thread_name("fetch").enable_all().build().ok())
        });
        started.0.as_ref().ok_or_else(|| Error::unavailable("threads cannot be started"))
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inputs({})", self.0.root.display())
    }
}

/// What an error of a reader that [`Inputs`] has opened means: that of the bucket, or of the disk.
pub fn error_of(error: io::Error, name: &str) -> Error {
    let kind = error.kind();
    match error.into_inner().map(|inner| inner.downcast::<Error>()) {
        Some(Ok(ours)) => *ours,
        _ => files::unreadable(&kind.into(), name),
    }
}

/// An object, a chunk at a time.
struct ObjectReader {
    chunks: Receiver<Result<Bytes>>,
    current: Bytes,
    left: u64,
    hash: blake3::Hasher,
    object: (String, String),
    hashes: Arc<Mutex<Hashes>>,
}

impl ObjectReader {
    fn note_hash(&self) {
        let hash = self.hash.finalize().to_hex().to_string();
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(self.object.clone(), hash);
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && self.left > 0 {
            // The budget of the task that waits here does not count: it could not be renewed before this returns.
            let next = futures::executor::block_on(tokio::task::unconstrained(self.chunks.recv()));
            let chunk = next.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
            self.current = chunk.map_err(io::Error::other)?;
            self.left = self.left.saturating_sub(self.current.len() as u64);
            self.hash.update(&self.current);
            if self.left == 0 {
                self.note_hash();
            }
        }
        let count = buffer.len().min(self.current.len());
        let taken = self.current.split_to(count);
        if let Some(space) = buffer.get_mut(..count) {
            space.copy_from_slice(&taken);
        }
        Ok(count)
    }
}

/// A file that can be read from any place on.
#[derive(Debug)]
pub enum WholeFile {
    /// On this machine.
    File(File),
    /// Held in memory.
    Memory(Cursor<Bytes>),
}

impl Read for WholeFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            WholeFile::File(file) => file.read(buffer),
            WholeFile::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for WholeFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            WholeFile::File(file) => file.seek(to),
            WholeFile::Memory(bytes) => bytes.seek(to),
        }
    }
}

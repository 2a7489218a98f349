//! Files for rules about files: of this machine, and objects of buckets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use lakegate_contract::{Error, Result};
use lakegate_lake::{BucketOptions, FoundObject, Objects};
use lakegate_quality::{DigestAlgorithm, FileFacts, FileListing};

use crate::files::unreadable;
use crate::inputs::ASKED_ONE_BY_ONE;
use crate::patterns::{SCHEME, bucket_of};
use crate::stored_digest::{Digester, of_file};

/// Bytes of an object that are asked for at once.
const CHUNK: u64 = 4 << 20;
/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 64;

/// The files of a dataset, and whatever else a rule's path names: local files and folders, relative to a folder, and objects and
/// prefixes of buckets.
pub struct StoredFiles {
    root: PathBuf,
    options: BucketOptions,
    own: Vec<String>,
    /// The addresses of those files of `own` that count; `None`: all.
    named: Option<BTreeSet<String>>,
    buckets: Mutex<BTreeMap<String, Objects>>,
}

impl StoredFiles {
    /// A dataset that was read from the files `own`, paths relative to `root` or addresses; `options` say how buckets are reached.
    pub fn new(root: PathBuf, options: BucketOptions, own: Vec<String>) -> Self {
        Self { root, options, own, named: None, buckets: Mutex::default() }
    }

    /// Of the dataset's folders, only the files of these addresses are its own, and all of them are.
    #[must_use]
    pub fn with_named(self, named: BTreeSet<String>) -> Self {
        Self { named: Some(named), ..self }
    }

    /// With a bucket that is open already.
    #[must_use]
    pub fn with_bucket(self, name: &str, objects: Objects) -> Self {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), objects);
        self
    }

    async fn own_files(&self) -> Result<Vec<FileFacts>> {
        let mut files = Vec::new();
        let (objects, local): (Vec<&String>, Vec<&String>) = self.own.iter().partition(|name| name.contains("://"));
        for path in &local {
            files.extend(self.list_local(path).await?);
        }
        files.extend(self.named_objects(&objects).await?);
        match &self.named {
            None => Ok(files),
            Some(named) => those_named(files, named),
        }
    }

    /// Many objects of one bucket are found by one listing of the folder that has them all.
    async fn named_objects(&self, names: &[&String]) -> Result<Vec<FileFacts>> {
        let mut by_bucket: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in names {
            let (bucket, key) = object_of(name)?;
            by_bucket.entry(bucket).or_default().push(key);
        }
        let mut files = Vec::new();
        for (bucket, keys) in by_bucket {
            if keys.len() <= ASKED_ONE_BY_ONE {
                for key in keys {
                    files.extend(self.list_objects(&bucket, &key).await?);
                }
                continue;
            }
            let folder = common_folder(&keys);
            let wanted: BTreeSet<String> = keys.into_iter().collect();
            let found = self.bucket(&bucket)?.list(&folder).await?.into_iter();
            files.extend(found.filter(|o| wanted.contains(&o.key)).map(|o| facts_of(&bucket, &folder, o)));
        }
        Ok(files)
    }

    /// An object, or all below a folder.
    async fn list_objects(&self, bucket: &str, key: &str) -> Result<Vec<FileFacts>> {
        let objects = self.bucket(bucket)?;
        if !key.is_empty()
            && !key.ends_with('/')
            && let Some(found) = objects.find(key).await?
        {
            let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
            return Ok(vec![facts_of(bucket, folder, found)]);
        }
        let folder = key.trim_end_matches('/');
        let found = without_markers(objects.list(folder).await?, folder);
        Ok(found.into_iter().map(|object| facts_of(bucket, folder, object)).collect())
    }

    async fn list_local(&self, path: &str) -> Result<Vec<FileFacts>> {
        let place = self.root.join(path.strip_prefix("file://").unwrap_or(path));
        let listed = tokio::task::spawn_blocking(move || list_path(&place)).await;
        listed.map_err(|_| Error::bug("a folder was not listed to its end"))?
    }

    fn bucket(&self, name: &str) -> Result<Objects> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = buckets.get(name) {
            return Ok(known.clone());
        }
        let opened = Objects::open(name, &self.options)?;
        buckets.insert(name.to_owned(), opened.clone());
        Ok(opened)
    }

    async fn digest_of_object(&self, file: &FileFacts, algorithm: DigestAlgorithm) -> Result<String> {
        let (bucket, key) = object_of(&file.uri)?;
        let objects = self.bucket(&bucket)?;
        let e_tag = file.e_tag.as_deref().ok_or_else(|| Error::bug("an object without an ETag").at(&file.uri))?;
        let mut digester = Digester::new(algorithm);
        let mut at = 0;
        while at < file.bytes {
            let end = file.bytes.min(at + CHUNK);
            digester.update(&objects.range(&key, e_tag, at..end).await?);
            at = end;
        }
        Ok(digester.finish())
    }
}

#[async_trait]
impl FileListing for StoredFiles {
    async fn list(&self, path: Option<&str>) -> Result<Vec<FileFacts>> {
        match path {
            None => self.own_files().await,
            Some(path) if path.contains("://") && !path.starts_with("file://") => {
                let (bucket, key) = object_of(path)?;
                self.list_objects(&bucket, &key).await
            }
            Some(path) => self.list_local(path).await,
        }
    }

    async fn digest(&self, file: &FileFacts, algorithm: DigestAlgorithm) -> Result<String> {
        if file.uri.contains("://") {
            return self.digest_of_object(file, algorithm).await;
        }
        let file = file.clone();
        let read = tokio::task::spawn_blocking(move || of_file(&file, algorithm)).await;
        read.map_err(|_| Error::bug("a file was not read to its end"))?
    }
}

/// Bucket and key of an address; Hadoop has two more names for S3.
fn object_of(address: &str) -> Result<(String, String)> {
    let plain = ["s3a://", "s3n://"].iter().find_map(|other| address.strip_prefix(other));
    let address = plain.map_or_else(|| address.to_owned(), |rest| format!("{SCHEME}{rest}"));
    let rest = address.strip_prefix(SCHEME).filter(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let Some(rest) = rest else {
        return Err(Error::usage("the files of this place cannot be listed")
            .at(address)
            .expected("s3://bucket/prefix/, or the path of a local file or folder"));
    };
    Ok(bucket_of(&address).map_or_else(
        || (rest.to_owned(), String::new()),
        |(bucket, key)| (bucket.to_owned(), key.trim_start_matches('/').to_owned()),
    ))
}

fn facts_of(bucket: &str, folder: &str, object: FoundObject) -> FileFacts {
    let below = object.key.strip_prefix(folder).unwrap_or(&object.key).trim_start_matches('/');
    FileFacts {
        uri: format!("{SCHEME}{bucket}/{}", object.key),
        name: below.to_owned(),
        bytes: object.bytes,
        modified: object.modified,
        e_tag: Some(object.e_tag.trim_matches('"').to_owned()).filter(|tag| !tag.is_empty()),
    }
}

/// A file that is named and gone would be judged as one that never was.
fn those_named(mut files: Vec<FileFacts>, named: &BTreeSet<String>) -> Result<Vec<FileFacts>> {
    files.retain(|file| named.contains(&file.uri));
    let there: BTreeSet<&str> = files.iter().map(|file| file.uri.as_str()).collect();
    match named.iter().find(|uri| !there.contains(uri.as_str())) {
        None => Ok(files),
        Some(gone) => Err(Error::unavailable("a file that the table's log names is not there")
            .at(gone.as_str())
            .expected("a version whose files were not cleared away")),
    }
}

/// Consoles and Hadoop make empty objects that stand for folders: those are no files.
fn without_markers(objects: Vec<FoundObject>, folder: &str) -> Vec<FoundObject> {
    let folders: BTreeSet<String> = objects
        .iter()
        .flat_map(|o| o.key.match_indices('/').map(|(at, _)| o.key.get(..at).unwrap_or_default().to_owned()))
        .collect();
    let is_marker = |object: &FoundObject| {
        let key = object.key.as_str();
        object.bytes == 0 && (key == folder || folders.contains(key) || key.ends_with("_$folder$"))
    };
    objects.into_iter().filter(|object| !is_marker(object)).collect()
}

/// The folder that has all of these keys.
fn common_folder(keys: &[String]) -> String {
    let folders = |key: &String| -> Vec<String> {
        let mut parts: Vec<String> = key.split('/').map(str::to_owned).collect();
        parts.pop();
        parts
    };
    let mut common = keys.first().map(folders).unwrap_or_default();
    for key in keys {
        let same = common.iter().zip(folders(key)).take_while(|(a, b)| *a == b).count();
        common.truncate(same);
    }
    common.join("/")
}

/// A file, or all files below a folder; none when nothing is there.
fn list_path(place: &Path) -> Result<Vec<FileFacts>> {
    let shown = place.display().to_string();
    let place = absolute(place).map_err(|e| unreadable(&e, &shown))?;
    match std::fs::metadata(&place) {
        Ok(found) if found.is_dir() => {
            let mut files = Vec::new();
            list_folder(&place, &place, MAX_DEPTH, &mut files)?;
            Ok(files)
        }
        Ok(_) => Ok(vec![facts_of_path(&place, place.parent().unwrap_or(&place))?]),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unreadable(&error, &shown)),
    }
}

/// The path from the root, without `.` and `..`, as a shell would understand it.
fn absolute(place: &Path) -> std::io::Result<PathBuf> {
    let mut path = PathBuf::new();
    for part in std::path::absolute(place)?.components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    Ok(path)
}

/// A link to a file is a file; one to a folder may lead round in a circle, and is passed by.
fn list_folder(folder: &Path, base: &Path, depth: usize, files: &mut Vec<FileFacts>) -> Result<()> {
    let failed = |e: std::io::Error| unreadable(&e, &folder.display().to_string());
    if depth == 0 {
        return Err(Error::bad_input(format!("the folder is more than {MAX_DEPTH} folders deep"))
            .at(folder.display().to_string()));
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            list_folder(&path, base, depth - 1, files)?;
        } else if path.is_file() {
            files.push(facts_of_path(&path, base)?);
        }
    }
    Ok(())
}

fn facts_of_path(path: &Path, base: &Path) -> Result<FileFacts> {
    let shown = path.display().to_string();
    let Some(uri) = path.to_str() else {
        return Err(Error::bad_input("a file's name is not UTF-8").at(shown).help("rename the file"));
    };
    let metadata = std::fs::metadata(path).map_err(|e| unreadable(&e, &shown))?;
    let modified: DateTime<Utc> = metadata.modified().map_err(|e| unreadable(&e, &shown))?.into();
    let name = path.strip_prefix(base).ok().and_then(Path::to_str).filter(|name| !name.is_empty()).unwrap_or(uri);
    Ok(FileFacts { uri: uri.to_owned(), name: name.to_owned(), bytes: metadata.len(), modified, e_tag: None })
}

#[cfg(test)]
mod tests;

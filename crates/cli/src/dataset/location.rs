//! What stands at a place that the user names: a file, a folder, a pattern of files, a Delta table; here or in a bucket.

use std::path::Path as FilePath;

use lakegate_contract::{Error, Result};
use lakegate_lake::{DELTA_LOG, FileRoot};
use lakegate_pipeline::patterns::{bucket_of, fixed_folder, matches_path};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::{kind, stream};

/// What stands at a place.
pub enum Found {
    /// Files, and the folder that they were looked for in.
    Files { base: Path, files: Vec<ObjectMeta> },
    /// A Delta table.
    Delta { folder: Path, version: Option<u64> },
}

/// Looks at a place below a root. `text` is what the user wrote, for errors.
pub async fn look(root: &FileRoot, text: &str) -> Result<Found> {
    let key = key_of(text)?;
    if let Some(found) = exactly(root, &key, text).await? {
        return Ok(found);
    }
    if let Some((table, version)) = versioned(text)
        && let Some(folder) = table_at(root, table, text).await?
    {
        return Ok(Found::Delta { folder, version: Some(version) });
    }
    if text.contains(['*', '?']) {
        return matching(root, text).await;
    }
    Err(Error::usage("there is no such file or folder").at(text))
}

/// The place as it is written: a name may hold any character.
async fn exactly(root: &FileRoot, key: &Path, text: &str) -> Result<Option<Found>> {
    if !text.ends_with('/')
        && let Some(file) = root.find(key).await?
    {
        if kind::of_name(key.as_ref()).is_none() {
            return Err(Error::usage("what the file holds is not known from its name")
                .at(text)
                .expected("a name ending in .parquet, .csv, .json, .jsonl or .ndjson; the text kinds also with .gz"));
        }
        // Only folders that are searched make partition columns, not those in which a file that is named lies.
        return Ok(Some(Found::Files { base: parent(key), files: vec![file] }));
    }
    if root.is_delta(key).await? {
        return Ok(Some(Found::Delta { folder: key.clone(), version: None }));
    }
    let below = root.below(key).await?;
    if below.is_empty() && !is_folder(text) {
        return Ok(None);
    }
    let files = below.into_iter().filter(|file| is_data(key, &file.location)).collect();
    some_files(root, key.clone(), files, text).map(Some)
}

/// The Delta table of which a version is asked for; `None` where nothing is.
async fn table_at(root: &FileRoot, table: &str, text: &str) -> Result<Option<Path>> {
    let folder = key_of(table)?;
    let is_file = root.find(&folder).await?.is_some();
    if !is_file && root.is_delta(&folder).await? {
        return Ok(Some(folder));
    }
    if is_file || is_folder(table) {
        return Err(Error::usage("only Delta tables have versions, and there is none at this place")
            .at(text)
            .expected(format!("a Delta table, or `{table}` without a version")));
    }
    Ok(None)
}

/// The files that a pattern names.
async fn matching(root: &FileRoot, text: &str) -> Result<Found> {
    let whole = match bucket_of(text) {
        Some((_, keys)) => keys.to_owned(),
        None => absolute(text)?,
    };
    let pattern: Vec<&str> = whole.split('/').filter(|part| !part.is_empty()).collect();
    let base = parsed(fixed_folder(&whole), text)?;
    let mut files = root.below(&base).await?;
    files.retain(|file| {
        let segments: Vec<&str> = file.location.as_ref().split('/').collect();
        matches_path(&pattern, &segments) && kind::of_name(file.location.as_ref()).is_some()
    });
    if files.iter().any(|file| file.location.parts().any(|part| part.as_ref() == DELTA_LOG)) {
        return Err(Error::usage("the pattern names files of a Delta table's log")
            .at(text)
            .expected("the table's folder"));
    }
    some_files(root, base, files, text)
}

fn some_files(root: &FileRoot, base: Path, files: Vec<ObjectMeta>, text: &str) -> Result<Found> {
    if files.is_empty() {
        return Err(Error::usage("there is no Parquet, CSV or JSON file").at(text));
    }
    if let Some(table) = files.iter().find_map(|file| log_above(&file.location)) {
        let table = stream::shown(root, &table);
        return Err(Error::usage(format!("there are Delta tables below: {table}"))
            .at(text)
            .expected("the folder of one table: its log says which of its files count"));
    }
    Ok(Found::Files { base, files })
}

/// Files and folders whose names begin with `_` or `.` are none of the data, as for Hive and Spark; a Delta log is told.
fn is_data(base: &Path, file: &Path) -> bool {
    let aside = |part: &str| part.starts_with(['_', '.']) && part != DELTA_LOG;
    let below = file.as_ref().strip_prefix(base.as_ref()).unwrap_or(file.as_ref());
    kind::of_name(file.as_ref()).is_some() && !below.split('/').any(aside)
}

fn log_above(file: &Path) -> Option<Path> {
    let (table, _) = file.as_ref().split_once(&format!("/{DELTA_LOG}/"))?;
    Path::parse(table).ok()
}

/// `table@12`
fn versioned(text: &str) -> Option<(&str, u64)> {
    let (table, version) = text.trim_end_matches('/').rsplit_once('@')?;
    Some((table, version.parse().ok()?))
}

fn is_folder(text: &str) -> bool {
    bucket_of(text).is_none() && FilePath::new(text).is_dir()
}

fn parent(key: &Path) -> Path {
    key.as_ref().rsplit_once('/').and_then(|(folder, _)| Path::parse(folder).ok()).unwrap_or_default()
}

/// The key of a place: of a bucket, or of the disk from its root.
fn key_of(text: &str) -> Result<Path> {
    match bucket_of(text) {
        Some((_, key)) => parsed(key, text),
        None => {
            // Links are followed, so that a folder is the same by all its names.
            let resolved = FilePath::new(text).canonicalize().ok().and_then(|path| path.to_str().map(str::to_owned));
            match resolved {
                Some(path) => parsed(&path, text),
                None => parsed(&absolute(text)?, text),
            }
        }
    }
}

fn absolute(text: &str) -> Result<String> {
    let path = std::path::absolute(text)
        .map_err(|e| Error::usage(format!("the path cannot be used: {}", e.kind())).at(text))?;
    path.to_str().map(str::to_owned).ok_or_else(|| Error::usage("the path is not UTF-8").at(text))
}

fn parsed(key: &str, text: &str) -> Result<Path> {
    Path::parse(key.trim_matches('/')).map_err(|_| {
        Error::usage("the path cannot be used").at(text).expected("a path without empty parts, `.` or `..` as one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn names(text: &str) -> Result<Vec<String>> {
        match look(&FileRoot::disk(), text).await? {
            Found::Files { files, .. } => {
                Ok(files.iter().map(|f| f.location.filename().unwrap_or_default().to_owned()).collect())
            }
            Found::Delta { version, .. } => Ok(vec![format!("delta {version:?}")]),
        }
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "a\n1\n").unwrap();
        }
        folder
    }

    #[tokio::test]
    async fn folders_and_patterns_name_files() {
        let folder = folder(&["a.csv", "d=1/b.csv", "d=2/c 가%20.csv", "_tmp/x.csv", ".y.csv", "README.md", "z.json"]);
        let at = |text: &str| format!("{}/{text}", folder.path().display());
        assert_eq!(names(&at("a.csv")).await.unwrap(), ["a.csv"]);
        assert_eq!(names(&at("")).await.unwrap(), ["a.csv", "b.csv", "c 가%20.csv", "z.json"]);
        assert_eq!(names(&at("d=2")).await.unwrap(), ["c 가%20.csv"]);
        assert_eq!(names(&at("*.csv")).await.unwrap(), [".y.csv", "a.csv"]);
        assert_eq!(names(&at("**/?.csv")).await.unwrap(), ["x.csv", "a.csv", "b.csv"]);
        assert!(names(&at("*.parquet")).await.unwrap_err().found().contains("no Parquet"));
        assert!(names(&at("gone.csv")).await.unwrap_err().found().contains("no such file"));
        assert!(names(&at("README.md")).await.unwrap_err().found().contains("not known"));
    }

    #[tokio::test]
    async fn a_name_may_look_like_a_pattern_or_a_version() {
        let folder = folder(&["what?.csv", "mail@7"]);
        let at = |text: &str| format!("{}/{text}", folder.path().display());
        assert_eq!(names(&at("what?.csv")).await.unwrap(), ["what?.csv"]);
        assert!(names(&at("mail@7")).await.unwrap_err().found().contains("not known"));
    }

    #[tokio::test]
    async fn a_table_has_versions_and_a_folder_of_tables_is_refused() {
        let folder = folder(&["t/_delta_log/00000000000000000000.json", "t/a.parquet", "plain/x.csv"]);
        let at = |text: &str| format!("{}/{text}", folder.path().display());
        assert_eq!(names(&at("t")).await.unwrap(), ["delta None"]);
        assert_eq!(names(&at("t@3")).await.unwrap(), ["delta Some(3)"]);
        for no_table in ["t/a.parquet@3", "plain@3"] {
            let error = names(&at(no_table)).await.unwrap_err();
            assert!(error.found().contains("only Delta tables have versions"), "{error}");
        }
        assert!(names(&at("gone@3")).await.unwrap_err().found().contains("no such file"));
        let table = format!("Delta tables below: {}", at("t"));
        assert!(names(&at("")).await.unwrap_err().found().contains(&table));
    }
}

//! Files of a project that a pattern names, pinned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use lakegate_contract::{Error, Result};
use sha2::{Digest as _, Sha256};

use crate::source::{Bookmark, InputObject};

/// A file of the input: where it is, and what pins it.
#[derive(Debug, Clone, PartialEq)]
pub struct InputFile {
    /// Its path.
    pub path: PathBuf,
    /// Its name relative to the project, its version (size and time of change) and size.
    pub object: InputObject,
}

/// The files below `root` that match `pattern`, sorted by name. `*` and `?` stand for characters of a name, `**` for any
/// number of folders.
///
/// # Errors
/// When no file matches, or a folder cannot be read.
pub fn matching_files(root: &Path, pattern: &str) -> Result<Vec<InputFile>> {
    let parts: Vec<&str> = pattern.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    if parts.contains(&"..") {
        return Err(
            Error::usage(format!("the pattern `{pattern}` leaves the project")).expected("a pattern without `..`")
        );
    }
    let base = if pattern.starts_with('/') { PathBuf::from("/") } else { root.to_path_buf() };
    let mut paths = Vec::new();
    collect(&base, &parts, &mut paths)?;
    paths.sort();
    if paths.is_empty() {
        return Err(Error::bad_input(format!("no file matches `{pattern}`"))
            .at(root.display().to_string())
            .help("check `files` under [source] of the job, or whether the files have arrived"));
    }
    paths.into_iter().map(|path| pin(root, path)).collect()
}

/// Pins a file by its size and time of change.
///
/// # Errors
/// When it is gone or cannot be read.
pub fn pin(root: &Path, path: PathBuf) -> Result<InputFile> {
    let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
    let unreadable = |e: std::io::Error| Error::bad_input(format!("the file cannot be read: {}", e.kind())).at(&name);
    let metadata = std::fs::metadata(&path).map_err(unreadable)?;
    let changed = metadata.modified().map_err(unreadable)?.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let object = InputObject { version: format!("{}-{changed}", metadata.len()), bytes: Some(metadata.len()), name };
    Ok(InputFile { path, object })
}

/// Makes sure that a file still is what the plan pinned.
///
/// # Errors
/// When it has changed since.
pub fn check_pin(root: &Path, path: PathBuf, version: &str) -> Result<()> {
    let now = pin(root, path)?;
    if now.object.version == version {
        return Ok(());
    }
    Err(Error::unavailable("the file has changed since the run was planned")
        .at(now.object.name)
        .help("run the job again"))
}

/// The identity of several objects: SHA-256 over their names and versions.
pub fn identity_of<'a>(objects: impl IntoIterator<Item = &'a InputObject>) -> String {
    let mut hash = Sha256::new();
    for object in objects {
        for text in [&object.name, &object.version] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What remains to be read of `files`, and the bookmark for the next plan.
pub struct NewFiles {
    /// Files that no run has published yet.
    pub files: Vec<InputFile>,
    /// All files that will have been published then, by name, with their versions.
    pub bookmark: Bookmark,
}

/// Leaves out the files that the bookmark of the last published run names.
///
/// # Errors
/// When a file that was published has another version now: reading it again would publish its unchanged rows twice.
pub fn new_files(since: Option<&Bookmark>, files: Vec<InputFile>) -> Result<NewFiles> {
    let mut known: BTreeMap<String, String> = match since {
        None => BTreeMap::new(),
        Some(bookmark) => serde_json::from_value(bookmark.0.clone())
            .map_err(|_| Error::bug("the bookmark of the last run is not one of files"))?,
    };
    let mut unread = Vec::new();
    for file in files {
        match known.get(&file.object.name) {
            Some(version) if *version == file.object.version => {}
            Some(_) => return Err(changed(&file.object.name)),
            None => unread.push(file),
        }
    }
    known.extend(unread.iter().map(|f| (f.object.name.clone(), f.object.version.clone())));
    let known = serde_json::to_value(known).map_err(|e| Error::bug("a bookmark cannot be stored").caused_by(e))?;
    Ok(NewFiles { files: unread, bookmark: Bookmark(known) })
}

fn changed(name: &str) -> Error {
    Error::bad_input("the file has changed after its rows were published")
        .at(name)
        .expected("files that stay as they are once they have been loaded")
        .help("put new rows into a new file; to load everything afresh, set mode = \"replace\" for one run")
}

fn collect(folder: &Path, parts: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    let Some((first, rest)) = parts.split_first() else { return Ok(()) };
    if *first == "**" {
        collect(folder, rest, found)?;
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(Error::bad_input(format!("the folder cannot be read: {}", error.kind()))
                .at(folder.display().to_string()));
        }
    };
    for path in entries.flatten().map(|e| e.path()) {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        if *first == "**" {
            if path.is_dir() {
                collect(&path, parts, found)?;
            }
        } else if matches(first, &name) {
            if rest.is_empty() && path.is_file() {
                found.push(path);
            } else if path.is_dir() {
                collect(&path, rest, found)?;
            }
        }
    }
    Ok(())
}

/// Whether a name matches a pattern of `*` and `?`, in time linear in both but for backtracking to the last `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a/x.json", "a/b/y.json", "a/b/c/z.json.gz", "n.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            matching_files(folder.path(), pattern)
                .map(|f| f.into_iter().map(|f| f.object.name).collect())
                .unwrap_or_default()
        };
        assert_eq!(names("a/**/*.json*"), ["a/b/c/z.json.gz", "a/b/y.json", "a/x.json"]);
        assert_eq!(names("a/*/y.json"), ["a/b/y.json"]);
        assert_eq!(names("?.txt"), ["n.txt"]);
        assert!(names("nothing/*.csv").is_empty());
        assert!(matching_files(folder.path(), "../x").is_err());
    }

    #[test]
    fn a_bookmark_leaves_out_what_was_read_and_refuses_what_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let all = || matching_files(folder.path(), "*").unwrap();
        write("a", "one");
        let first = new_files(None, all()).unwrap();
        assert_eq!(first.files.len(), 1);
        write("b", "two");
        let second = new_files(Some(&first.bookmark), all()).unwrap();
        assert_eq!(second.files.iter().map(|f| f.object.name.as_str()).collect::<Vec<_>>(), ["b"]);
        write("a", "longer");
        assert!(new_files(Some(&second.bookmark), all()).err().unwrap().place().unwrap().ends_with('a'));
    }

    #[test]
    fn a_changed_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "one").unwrap();
        let pinned = pin(folder.path(), path.clone()).unwrap();
        std::fs::write(&path, "longer").unwrap();
        assert!(check_pin(folder.path(), path, &pinned.object.version).is_err());
    }
}

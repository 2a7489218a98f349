//! Files of a project that a pattern names, pinned.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use lakegate_contract::{Error, Result};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::inputs::InputPlace;
use crate::patterns::{check_pattern, matches};
use crate::source::{Bookmark, InputObject};
use crate::text::digest;

/// A file of the input: where it is, and what pins it.
#[derive(Debug, Clone, PartialEq)]
pub struct InputFile {
    /// Where it is.
    pub place: InputPlace,
    /// Its name, its version (size and time of change, or ETag) and size.
    pub object: InputObject,
}

/// The files below `root` that match `pattern`, sorted by name. `*` and `?` stand for characters of a name, `**` for any
/// number of folders.
///
/// # Errors
/// When no file matches, or a folder cannot be read.
pub fn matching_files(root: &Path, pattern: &str) -> Result<Vec<InputFile>> {
    check_pattern(pattern)?;
    let parts: Vec<&str> = pattern.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    let base = if pattern.starts_with('/') { PathBuf::from("/") } else { root.to_path_buf() };
    let mut paths = Vec::new();
    collect(&base, &parts, &mut paths)?;
    paths.sort();
    if paths.is_empty() {
        return Err(nothing_matches(pattern, &root.display().to_string()));
    }
    paths.into_iter().map(|path| pin(root, path)).collect()
}

pub(crate) fn nothing_matches(pattern: &str, place: &str) -> Error {
    Error::bad_input(format!("no file matches `{pattern}`"))
        .at(place)
        .help("check `files` under [source] of the job, or whether the files have arrived")
}

pub(crate) fn unreadable(error: &std::io::Error, name: &str) -> Error {
    Error::bad_input(format!("the file cannot be read: {}", error.kind())).at(name)
}

/// Pins a file by its size and time of change.
///
/// # Errors
/// When it is gone or cannot be read.
pub fn pin(root: &Path, path: PathBuf) -> Result<InputFile> {
    let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
    let unreadable = |e: std::io::Error| unreadable(&e, &name);
    let metadata = std::fs::metadata(&path).map_err(unreadable)?;
    let changed = metadata.modified().map_err(unreadable)?.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let object = InputObject { version: format!("{}-{changed}", metadata.len()), bytes: Some(metadata.len()), name };
    Ok(InputFile { place: InputPlace::File(path), object })
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
    digest(objects.into_iter().flat_map(|object| [object.name.as_str(), object.version.as_str()]))
}

/// What remains to be read of `files`, and the bookmark for the next plan.
pub struct NewFiles {
    /// Files that no run has published yet.
    pub files: Vec<InputFile>,
    /// Identity of their names and content.
    pub identity: String,
    /// All files that will have been published then, by name.
    pub bookmark: Bookmark,
    /// Files that were left out because another has the same content.
    pub notices: Vec<String>,
}

/// What a bookmark knows of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Size and time of change: while these are the same, the file is not read again to compare it.
    version: String,
    /// What tells its content from another: BLAKE3 of it, or an object's ETag and size.
    digest: String,
    /// BLAKE3 of an object's content, once it has been read: the same content can come back under another ETag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// Whether it was left out as a copy of another: should it change, it is a new file.
    #[serde(default)]
    copy: bool,
}

/// Leaves out the files that the bookmark of the last published run names, and copies: a file is known by what it holds, so
/// one that was touched, renamed or copied is not read twice. Two empty files are no copies, nor are two whose names mean
/// different things to the source, as `meaning` says. `hash_object` gives BLAKE3 of an object, and is asked only for one that
/// was published under another ETag.
///
/// # Errors
/// When a file that was published holds something else now: reading it again would publish its unchanged rows twice. When
/// a file cannot be read.
pub fn new_files(
    since: Option<&Bookmark>,
    files: Vec<InputFile>,
    meaning: impl Fn(&str) -> Option<String>,
    hash_object: impl Fn(&InputFile) -> Result<String>,
) -> Result<NewFiles> {
    let mut known: BTreeMap<String, Known> = match since {
        None => BTreeMap::new(),
        Some(bookmark) => serde_json::from_value(bookmark.0.clone())
            .map_err(|_| Error::bug("the bookmark of the last run is not one of files"))?,
    };
    let mut holders: HashMap<(String, Option<String>), String> = known
        .iter()
        .filter(|(_, known)| !known.copy)
        .map(|(name, known)| ((known.digest.clone(), meaning(name)), name.clone()))
        .collect();
    let (mut unread, mut notices, mut identity) = (Vec::new(), Vec::new(), Vec::new());
    refuse_twins(known.keys().map(String::as_str).chain(files.iter().map(|file| file.object.name.as_str())))?;
    // Those that are known first: a new file may be a copy of what one of them is now.
    let (of_known, new): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| known.contains_key(&file.object.name));
    for file in of_known.into_iter().chain(new) {
        let (name, version) = (&file.object.name, &file.object.version);
        if known.get(name).is_some_and(|k| k.version == *version) {
            continue;
        }
        let content = digest_of(&file)?;
        match known.get_mut(name) {
            Some(same) if same.digest == content => {
                same.version = version.clone();
                continue;
            }
            // Uploaded again, in other parts or under another key of KMS.
            Some(same) if same.content.is_some() && same.content == hash_if_object(&file, &hash_object)? => {
                same.version = version.clone();
                same.digest = content.clone();
                holders.insert((content, meaning(name)), name.clone());
                continue;
            }
            Some(other) if !other.copy => return Err(changed(name)),
            _ => {}
        }
        let holder = holders.get(&(content.clone(), meaning(name))).filter(|_| file.object.bytes != Some(0));
        known.insert(
            name.clone(),
            Known { version: version.clone(), digest: content.clone(), content: None, copy: holder.is_some() },
        );
        if let Some(other) = holder {
            notices.push(format!("{name} was not read: it is a copy of {other}"));
            continue;
        }
        holders.insert((content.clone(), meaning(name)), name.clone());
        identity.extend([name.clone(), content]);
        unread.push(file);
    }
    let known = serde_json::to_value(known).map_err(|e| Error::bug("a bookmark cannot be stored").caused_by(e))?;
    Ok(NewFiles {
        files: unread,
        identity: digest(identity.iter().map(String::as_str)),
        bookmark: Bookmark(known),
        notices,
    })
}

/// Two names that look the same: one system writes a letter as one sign, another as several. One file would be loaded twice.
fn refuse_twins<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for name in names.filter(|name| !name.is_ascii()) {
        match seen.insert(name.nfc().collect(), name) {
            Some(other) if other != name => {
                return Err(Error::bad_input(
                    "another file has the same name, written with other signs for the same letters",
                )
                .at(name)
                .expected("one of the two: programs of macOS decompose letters (NFD), others do not (NFC)")
                .help("delete the one that is out of date"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The names of the files that a bookmark says are published; `None` when it is not one of files.
pub(crate) fn published_files(bookmark: &serde_json::Value) -> Option<Vec<String>> {
    let known: BTreeMap<String, Known> = serde::Deserialize::deserialize(bookmark).ok()?;
    Some(known.into_keys().collect())
}

/// BLAKE3 of objects, by name and version.
pub(crate) type Hashes = HashMap<(String, String), String>;

/// The bookmark with what was learnt by reading.
pub(crate) fn with_hashes(bookmark: Bookmark, hashes: &Hashes) -> Result<Bookmark> {
    let mut known: BTreeMap<String, Known> =
        serde_json::from_value(bookmark.0).map_err(|_| Error::bug("the bookmark of this run is not one of files"))?;
    for (name, known) in &mut known {
        let read = hashes.get(&(name.clone(), known.version.clone()));
        known.content = read.cloned().or(known.content.take());
    }
    serde_json::to_value(known).map(Bookmark).map_err(|e| Error::bug("a bookmark cannot be stored").caused_by(e))
}

fn hash_if_object(file: &InputFile, hash: impl Fn(&InputFile) -> Result<String>) -> Result<Option<String>> {
    match &file.place {
        InputPlace::File(_) => Ok(None),
        InputPlace::Object { .. } => hash(file).map(Some),
    }
}

/// An object is not fetched to be told from others: its ETag does that, but for one content that was uploaded in two ways.
fn digest_of(file: &InputFile) -> Result<String> {
    let path = match &file.place {
        InputPlace::File(path) => path,
        InputPlace::Object { .. } => return Ok(format!("{} {:?}", file.object.version, file.object.bytes)),
    };
    let unreadable = |e: std::io::Error| unreadable(&e, &file.object.name);
    let mut hash = blake3::Hasher::new();
    hash.update_reader(std::fs::File::open(path).map_err(unreadable)?).map_err(unreadable)?;
    Ok(hash.finalize().to_hex().to_string())
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
        let Some(name) = path.file_name().and_then(|n| n.to_str()).map(str::to_owned) else {
            return Err(Error::bad_input("a file's name is not UTF-8, so it cannot be told apart in records")
                .at(path.display().to_string())
                .help("rename the file"));
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn new_files(
        since: Option<&Bookmark>,
        files: Vec<InputFile>,
        meaning: impl Fn(&str) -> Option<String>,
    ) -> Result<NewFiles> {
        super::new_files(since, files, meaning, |_| Err(Error::bug("no object is asked for")))
    }

    fn object(name: &str, e_tag: &str) -> InputFile {
        let place = InputPlace::Object { bucket: "b".to_owned(), key: name.to_owned() };
        InputFile { place, object: InputObject { name: name.to_owned(), version: e_tag.to_owned(), bytes: Some(3) } }
    }

    #[test]
    fn an_object_that_was_uploaded_again_is_known_by_what_it_holds() {
        let hash = |file: &InputFile| Ok(format!("content of {}", file.object.name));
        let first = super::new_files(None, vec![object("a", "etag-1")], |_| None, hash).unwrap();
        let read = HashMap::from([(("a".to_owned(), "etag-1".to_owned()), "content of a".to_owned())]);
        let bookmark = with_hashes(first.bookmark, &read).unwrap();
        let again = super::new_files(Some(&bookmark), vec![object("a", "etag-2")], |_| None, hash).unwrap();
        assert!(again.files.is_empty());
        let both = vec![object("0", "etag-2"), object("a", "etag-2")];
        assert!(super::new_files(Some(&bookmark), both, |_| None, hash).unwrap().files.is_empty(), "a copy of it");
        let other = |_: &InputFile| Ok("other".to_owned());
        assert!(super::new_files(Some(&again.bookmark), vec![object("a", "etag-3")], |_| None, other).is_err());
        let settled = super::new_files(Some(&again.bookmark), vec![object("a", "etag-2")], |_| None, other).unwrap();
        assert!(settled.files.is_empty());
    }

    #[test]
    fn two_names_that_look_the_same_are_not_loaded_both() {
        let hash = |_: &InputFile| Ok(String::new());
        let twins = || vec![object("설문.xlsx", "etag-1"), object(&"설문.xlsx".nfd().collect::<String>(), "etag-2")];
        let error = super::new_files(None, twins(), |_| None, hash).err().unwrap();
        assert!(error.found().contains("other signs"), "{error}");
        let first = super::new_files(None, twins().split_off(1), |_| None, hash).unwrap();
        assert!(super::new_files(Some(&first.bookmark), twins().drain(..1).collect(), |_| None, hash).is_err());
        assert!(
            super::new_files(Some(&first.bookmark), twins().split_off(1), |_| None, hash).unwrap().files.is_empty()
        );
    }

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
        let first = new_files(None, all(), |_| None).unwrap();
        assert_eq!(first.files.len(), 1);
        write("b", "two");
        let second = new_files(Some(&first.bookmark), all(), |_| None).unwrap();
        assert_eq!(second.files.iter().map(|f| f.object.name.as_str()).collect::<Vec<_>>(), ["b"]);
        std::thread::sleep(std::time::Duration::from_millis(5));
        write("b", "two");
        write("a copy", "one");
        let third = new_files(Some(&second.bookmark), all(), |_| None).unwrap();
        assert!(third.files.is_empty());
        assert_eq!(third.notices, ["a copy was not read: it is a copy of a"]);
        write("a copy", "three, which is new");
        let fourth = new_files(Some(&third.bookmark), all(), |_| None).unwrap();
        assert_eq!(fourth.files.iter().map(|f| f.object.name.as_str()).collect::<Vec<_>>(), ["a copy"]);
        write("again", "one");
        let meant = new_files(Some(&fourth.bookmark), all(), |name| Some(name.to_owned())).unwrap();
        assert_eq!(meant.files.len(), 1, "another meaning makes another input");
        std::fs::remove_file(folder.path().join("again")).unwrap();
        write("a", "longer");
        assert!(new_files(Some(&fourth.bookmark), all(), |_| None).err().unwrap().place().unwrap().ends_with('a'));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_not_passed_over_for_its_name() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe.json");
        if std::fs::write(folder.path().join(odd), "{}").is_ok() {
            assert!(matching_files(folder.path(), "*.json").unwrap_err().found().contains("UTF-8"));
        }
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

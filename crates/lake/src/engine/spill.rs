//! Folders of what sessions spill: rows in plain, which nobody is to find after the process.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::{SpillFile, SpillWriter, TempFileFactory};
use futures::Stream;
use tempfile::TempDir;

/// What the names of the folders begin with; the process's number follows.
const PREFIX: &str = "lakegate-spill-";
/// How often a folder is emptied while others still delete files of it.
const ATTEMPTS: usize = 5;

/// The folders of this process.
static FOLDERS: Folders = Folders(Mutex::new(Known { ended: false, swept: false, sessions: Vec::new() }));

/// Removes what the sessions of this process have spilled, and lets none spill again: the last thing that a process does.
///
/// Where a statement was given up, its tasks may run on and hold their files until the process ends, without destructors.
pub fn clear_spill() {
    FOLDERS.end();
}

/// Where a new session spills to: a folder of its own below the system's folder for temporary files, made when it is needed.
pub(super) fn manager() -> DiskManagerBuilder {
    DiskManagerBuilder::default().with_temp_file_factory(FOLDERS.session(std::env::temp_dir()))
}

struct Folders(Mutex<Known>);

struct Known {
    ended: bool,
    swept: bool,
    sessions: Vec<Weak<SpillFiles>>,
}

impl Folders {
    /// A session; the first one clears up after processes that were killed.
    fn session(&self, below: PathBuf) -> Arc<SpillFiles> {
        let mut known = locked(&self.0);
        if !known.swept {
            known.swept = true;
            sweep(&below);
        }
        let state = if known.ended { State::Ended } else { State::Unused };
        let session = Arc::new(SpillFiles { below, state: Mutex::new(state) });
        known.sessions.retain(|session| session.strong_count() > 0);
        known.sessions.push(Arc::downgrade(&session));
        session
    }

    fn end(&self) {
        let mut known = locked(&self.0);
        known.ended = true;
        for session in known.sessions.drain(..).filter_map(|session| session.upgrade()) {
            session.end();
        }
    }
}

/// The spill files of a session.
struct SpillFiles {
    below: PathBuf,
    state: Mutex<State>,
}

enum State {
    Unused,
    Used(Arc<Folder>),
    Ended,
}

impl SpillFiles {
    fn end(&self) {
        let state = std::mem::replace(&mut *locked(&self.state), State::Ended);
        if let State::Used(folder) = state {
            let removed = || std::fs::remove_dir_all(folder.directory.path());
            let _ = (0..ATTEMPTS).find(|_| removed().map_or_else(|e| e.kind() == io::ErrorKind::NotFound, |()| true));
        }
    }
}

impl TempFileFactory for SpillFiles {
    fn create_temp_file(&self, description: &str) -> Result<Arc<dyn SpillFile>> {
        // Held until the file is there, lest it is made while the folder is removed.
        let mut state = locked(&self.state);
        let folder = match &*state {
            State::Used(folder) => Arc::clone(folder),
            State::Unused => Arc::new(Folder::make(&self.below)?),
            State::Ended => return Err(DataFusionError::ResourcesExhausted("the process is about to end".to_owned())),
        };
        *state = State::Used(Arc::clone(&folder));
        let file = folder.manager.create_tmp_file(description)?;
        Ok(Arc::new(SpilledFile { file, _folder: folder }))
    }
}

/// A folder of this process, removed with the last of its files and its session.
struct Folder {
    manager: Arc<DiskManager>,
    directory: TempDir,
    /// Who holds the lock lives: other than a process's number, it means the same in all containers, and is not given out again.
    _lock: File,
}

impl Folder {
    fn make(below: &Path) -> Result<Self> {
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let owner_only = Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().prefix(&prefix).permissions(owner_only).tempdir_in(below)?;
        let lock = File::open(directory.path())?;
        // Where folders cannot be locked, nobody takes this one for a dead process's either.
        let _ = lock.try_lock();
        let mode = DiskManagerMode::Directories(vec![directory.path().to_path_buf()]);
        let manager = Arc::new(DiskManagerBuilder::default().with_mode(mode).build()?);
        Ok(Self { manager, directory, _lock: lock })
    }
}

/// A spill file, and the folder that it is in.
struct SpilledFile {
    file: Arc<dyn SpillFile>,
    _folder: Arc<Folder>,
}

impl SpillFile for SpilledFile {
    fn path(&self) -> Option<&Path> {
        self.file.path()
    }

    fn size(&self) -> Option<u64> {
        self.file.size()
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        self.file.read_stream()
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        self.file.open_writer()
    }
}

/// Removes the folders of this user's processes that were killed. What cannot be removed is left to the next one.
fn sweep(below: &Path) {
    let Some(own) = std::fs::metadata("/proc/self").ok().map(|found| found.uid()) else { return };
    for entry in std::fs::read_dir(below).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours = || std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir() && found.uid() == own);
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_ours() && is_dead(&path) {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

/// Whether the process that made a folder lives no more: neither is it locked, nor is there a process of its number.
fn is_dead(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
    // After a restart of a container, the number of a dead process may be this one's; folders of this one are locked.
    let is_gone = |pid: u32| pid == std::process::id() || !Path::new("/proc").join(pid.to_string()).exists();
    pid.is_some_and(is_gone) && File::open(folder).is_ok_and(|file| file.try_lock().is_ok())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write as _;

    use super::*;

    fn folders() -> Folders {
        Folders(Mutex::new(Known { ended: false, swept: false, sessions: Vec::new() }))
    }

    fn below(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn spilled(session: &SpillFiles) -> Arc<dyn SpillFile> {
        let file = session.create_temp_file("a test").unwrap();
        file.open_writer().unwrap().write_all(b"rows").unwrap();
        file
    }

    #[test]
    fn a_folder_is_there_from_the_first_file_to_the_last() {
        let temp = tempfile::tempdir().unwrap();
        let folders = folders();
        let session = folders.session(temp.path().to_path_buf());
        assert!(below(temp.path()).is_empty());
        let file = spilled(&session);
        let made = below(temp.path());
        let prefix = format!("{PREFIX}{}-", std::process::id());
        assert!(made.len() == 1 && made[0].file_name().unwrap().to_string_lossy().starts_with(&prefix), "{made:?}");
        assert_eq!(std::fs::metadata(&made[0]).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(file.path().unwrap().starts_with(&made[0]));
        assert_eq!(file.size(), Some(4));
        drop(session);
        assert_eq!(below(temp.path()), made);
        drop(file);
        assert!(below(temp.path()).is_empty());
    }

    #[test]
    fn in_the_end_files_in_use_are_removed_and_none_is_made() {
        let temp = tempfile::tempdir().unwrap();
        let folders = folders();
        let sessions = [(); 2].map(|()| folders.session(temp.path().to_path_buf()));
        let held = sessions.each_ref().map(|session| spilled(session));
        assert_eq!(below(temp.path()).len(), 2);
        folders.end();
        assert!(below(temp.path()).is_empty());
        assert!(sessions[0].create_temp_file("a test").is_err());
        assert!(folders.session(temp.path().to_path_buf()).create_temp_file("a test").is_err());
        drop(held);
        assert!(below(temp.path()).is_empty());
    }

    #[test]
    fn folders_of_the_dead_go_those_of_the_living_stay() {
        let temp = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let dead = temp.path().join(format!("{PREFIX}{}-a", child.id()));
        // The same number, in a container of its own: it holds the lock.
        let elsewhere = temp.path().join(format!("{PREFIX}{}-b", child.id()));
        let living = temp.path().join(format!("{PREFIX}{}-c", std::os::unix::process::parent_id()));
        let earlier = temp.path().join(format!("{PREFIX}{}-d", std::process::id()));
        let other = temp.path().join("another-program");
        for folder in [&dead, &elsewhere, &living, &earlier, &other] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("rows"), "rows").unwrap();
        }
        let lock = File::open(&elsewhere).unwrap();
        lock.try_lock().unwrap();
        folders().session(temp.path().to_path_buf());
        assert_eq!(BTreeSet::from_iter(below(temp.path())), BTreeSet::from([other, elsewhere, living]));
    }
}

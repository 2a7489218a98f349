//! One run of a table at a time on a local disk.

use std::fs::{File, TryLockError};

use lakegate_contract::{Error, Result, TableName};

use crate::{Lake, failure};

/// Held while a run works on a table; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct TableLock {
    /// Dropping the file releases the lock.
    _file: Option<File>,
}

impl Lake {
    /// Takes the table for one run. On a bucket there is no lock: there the commit alone decides who comes first.
    ///
    /// # Errors
    /// When another process has it: retrying later helps.
    pub fn lock(&self, table: &TableName) -> Result<TableLock> {
        let Some(folder) = self.folder() else { return Ok(TableLock { _file: None }) };
        let locks = folder.join("system").join("locks");
        let path = locks.join(format!("{table}.lock"));
        let place = path.display().to_string();
        std::fs::create_dir_all(&locks).map_err(|e| failure::io(&e, &place))?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| failure::io(&e, &place))?;
        match file.try_lock() {
            Ok(()) => Ok(TableLock { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::unavailable(format!("another run, or a vacuum, is at work on table {table}"))
                    .at(place)
                    .help("wait until it has ended, then run again"))
            }
            Err(TryLockError::Error(error)) => Err(failure::io(&error, place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_held_once() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap()).unwrap();
        let table = TableName::new("t").unwrap();
        let held = lake.lock(&table).unwrap();
        assert!(lake.lock(&table).unwrap_err().class().retryable());
        drop(held);
        assert!(lake.lock(&table).is_ok());
    }
}

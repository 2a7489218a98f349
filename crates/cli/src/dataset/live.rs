//! The files that a dataset is read from.

use std::collections::BTreeSet;

use lakegate_contract::Result;
use lakegate_pipeline::StoredFiles;

use super::{Dataset, Source};

impl Dataset {
    /// The files for rules about files, where a listing is made by `listing` of paths and addresses: of a Delta table those that the log
    /// of its version names, whatever else lies in its folder.
    ///
    /// # Errors
    /// When the log of a Delta table cannot be read.
    pub async fn stored_files(&self, listing: impl FnOnce(Vec<String>) -> StoredFiles) -> Result<StoredFiles> {
        match (&self.source, self.version) {
            (Source::Delta { root, folder, .. }, Some(version)) => {
                let named: BTreeSet<String> = root.delta_files(folder, version).await?.into_iter().collect();
                Ok(listing(vec![root.shown(folder)]).with_named(named))
            }
            (Source::Files { root, .. } | Source::Delta { root, .. }, _) => {
                Ok(listing(self.files.iter().map(|file| root.shown(&file.location)).collect()))
            }
        }
    }
}

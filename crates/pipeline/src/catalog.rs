//! What a run needs of a catalog: being told what the lake has, and saying what it shows.

use async_trait::async_trait;
use lakegate_contract::{Contract, Result, TableName};
use lakegate_lake::Lake;

/// What the catalog shows once it is equal to the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mirrored {
    /// The version.
    pub version: u64,
    /// Whether anything had to be changed for it.
    pub changed: bool,
}

/// A catalog that query engines read and that is kept equal to the lake.
///
/// The lake's log is the truth. A catalog is told to show the newest version, never "mine": a run that wakes late then
/// shows what others have published since.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// One line for people: which catalog, where.
    fn describe(&self) -> String;

    /// The version of the lake's table that the catalog shows in full; `None` when it does not show it, only part of a
    /// version, or something that is not the lake's. It costs one request.
    ///
    /// # Errors
    /// When the catalog cannot be asked.
    async fn shown_version(&self, lake: &Lake, table: &TableName) -> Result<Option<u64>>;

    /// Makes the catalog show the newest version of the contract's table, and reads back that it does.
    ///
    /// # Errors
    /// When the catalog cannot be changed, or somebody else has made something of it that cannot be kept.
    async fn mirror(&self, lake: &Lake, contract: &Contract) -> Result<Mirrored>;
}

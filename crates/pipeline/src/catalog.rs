//! What a run needs of a catalog: being told what the lake has, and saying what it shows.

use async_trait::async_trait;
use lakegate_contract::{Contract, Result, TableName};
use lakegate_lake::Lake;

/// A catalog that query engines read and that is kept equal to the lake.
///
/// The lake's log is the truth. A catalog is told to show the newest version, never "mine": a run that wakes late then
/// shows what others have published since.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// One line for people: which catalog, where.
    fn describe(&self) -> String;

    /// The version of a table that the catalog shows in full; `None` when it does not show the table, or only part of a
    /// version. It costs one request.
    ///
    /// # Errors
    /// When the catalog cannot be asked.
    async fn shown_version(&self, table: &TableName) -> Result<Option<u64>>;

    /// Makes the catalog show the newest version of the contract's table, and reads back that it does; returns the version.
    ///
    /// # Errors
    /// When the catalog cannot be changed, or somebody else has made something of it that cannot be kept.
    async fn mirror(&self, lake: &Lake, contract: &Contract) -> Result<u64>;
}

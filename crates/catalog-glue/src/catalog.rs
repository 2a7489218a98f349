//! The catalog: reading, comparing, applying, reading back.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_glue::types;
use lakegate_aws::{Aws, FailureKind};
use lakegate_contract::{Contract, Error, Result, TableName};
use lakegate_lake::{Head, Lake, RunId};
use lakegate_pipeline::{AthenaTables, Catalog, CatalogSettings, Mirrored};

use crate::client::{Answer, Database, Failed};
use crate::desired;
use crate::model::{Current, Desired, Format, Table, VERSION, marker};
use crate::plan::{Change, TablePlan, is_ours, plan};
use crate::wire;

/// How often a table is compared and applied anew when somebody else changes it, or publishes, in the meantime.
const ROUNDS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A database of AWS Glue's catalog.
#[derive(Debug, Clone)]
pub struct GlueCatalog {
    aws: Aws,
    settings: CatalogSettings,
}

/// What the catalog lacks of a table's newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The catalog's table.
    pub table: String,
    /// The version of the lake.
    pub version: u64,
    /// What would change.
    pub changes: Vec<Change>,
}

/// A table as the catalog shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The catalog's table.
    pub table: String,
    /// The version that it shows in full.
    pub version: Option<u64>,
    /// Where its files are, or the folder of its partitions.
    pub location: String,
    /// `name type`, partition columns last.
    pub columns: Vec<String>,
    /// How many partitions it has; `None` for a table without partition columns.
    pub partitions: Option<usize>,
}

impl GlueCatalog {
    /// The catalog that the settings name. Nobody is asked yet.
    pub fn new(aws: Aws, settings: CatalogSettings) -> Self {
        Self { aws, settings }
    }

    /// What the project says of it.
    pub fn settings(&self) -> &CatalogSettings {
        &self.settings
    }

    /// What would have to change for the catalog to show the newest version of a table, for each of its catalog tables. Changes
    /// nothing. With `adopt`, a table that is of another lake would become ours.
    ///
    /// # Errors
    /// When the catalog or the lake cannot be read, or the catalog has something that cannot be turned into ours.
    pub async fn diff(&self, lake: &Lake, contract: &Contract, adopt: bool) -> Result<Vec<Difference>> {
        let Some(head) = lake.head(contract.table()).await? else { return Ok(Vec::new()) };
        let database = self.database().await?;
        let mut differences = Vec::new();
        for desired in self.desired(lake, contract, &head)? {
            let table = desired.table.name.clone();
            let (current, _) = read(&database, &table).await?;
            let planned = plan(desired, &current, adopt).map_err(|e| e.at(self.place(&table)))?;
            differences.push(Difference { table, version: head.version, changes: planned.changes });
        }
        Ok(differences)
    }

    /// What the catalog shows of a table of the lake; empty when it shows nothing.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn show(&self, table: &TableName) -> Result<Vec<Shown>> {
        let database = self.database().await?;
        let mut shown = Vec::new();
        for name in self.names(table) {
            let (current, _) = read(&database, &name).await?;
            let Some(table) = current.table else { continue };
            let columns = table.columns.iter().chain(&table.partition_keys);
            shown.push(Shown {
                version: table.shown_version(),
                columns: columns.map(|c| format!("{} {}", c.name, c.data_type)).collect(),
                partitions: (!table.partition_keys.is_empty()).then_some(current.partitions.len()),
                location: table.location,
                table: name,
            });
        }
        Ok(shown)
    }

    /// Addresses of all folders that the catalog points at for a table of the lake, whichever lake they are in.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn locations(&self, table: &TableName) -> Result<Vec<String>> {
        let database = self.database().await?;
        let mut locations = Vec::new();
        for name in self.names(table) {
            let (current, _) = read(&database, &name).await?;
            let partitions = current.partitions.into_iter().map(|partition| partition.location);
            // The folder of a table with partitions is that of all its generations.
            let own = current.table.filter(|t| t.partition_keys.is_empty() && t.format == Format::Parquet);
            locations.extend(partitions.chain(own.map(|t| t.location)).map(|l| l.trim_end_matches('/').to_owned()));
        }
        Ok(locations)
    }

    /// Makes the catalog show the newest version of a table, as [`Catalog::mirror`] does, and takes it over first where it is
    /// another lake's.
    ///
    /// # Errors
    /// As [`Catalog::mirror`].
    pub async fn adopt(&self, lake: &Lake, contract: &Contract) -> Result<Mirrored> {
        self.equalise(lake, contract, true).await
    }

    /// Which of these names stand in the database, as tables or views.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn taken(&self, names: impl Iterator<Item = &str>) -> Result<BTreeSet<String>> {
        let database = self.database().await?;
        let mut taken = BTreeSet::new();
        for name in names {
            if database.table(name).await?.is_some() {
                taken.insert(name.to_owned());
            }
        }
        Ok(taken)
    }

    /// Whether the database is there.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn exists(&self) -> Result<bool> {
        Ok(self.database().await?.exists().await?)
    }

    async fn database(&self) -> Result<Database> {
        Ok(Database::new(self.aws.config().await?, self.settings.database.clone()))
    }

    /// The catalog's tables for a table of the lake.
    pub fn names(&self, table: &TableName) -> Vec<String> {
        match self.settings.tables {
            AthenaTables::Hive | AthenaTables::Delta => vec![table.to_string()],
            AthenaTables::Both => vec![table.to_string(), format!("{table}_delta")],
        }
    }

    fn desired(&self, lake: &Lake, contract: &Contract, head: &Head) -> Result<Vec<Desired>> {
        let names = self.names(contract.table()).into_iter();
        let desired = names.enumerate().map(|(index, name)| match (self.settings.tables, index) {
            (AthenaTables::Delta, _) | (AthenaTables::Both, 1) => Ok(desired::delta(lake, contract, head, name)),
            _ => desired::hive(lake, contract, head).map_err(|e| e.at(self.place(&name))),
        });
        desired.collect()
    }

    fn place(&self, table: &str) -> String {
        format!("{}.{table} in Glue", self.settings.database)
    }

    /// Applies the newest version of the lake until the catalog shows it and the lake has no newer one.
    async fn equalise(&self, lake: &Lake, contract: &Contract, adopt: bool) -> Result<Mirrored> {
        let database = self.database().await?;
        // One for all rounds: what an earlier round has marked, a later one unmarks.
        let by = Writer { id: RunId::new(), adopt };
        let mut pause = FIRST_PAUSE;
        let mut changed = false;
        let mut last = None;
        for _ in 0..ROUNDS {
            let head = lake.head(contract.table()).await?.ok_or_else(|| {
                Error::usage("the table has not been published")
                    .help(format!("run the job that loads {}", contract.table()))
            })?;
            let applied = self.apply(&database, lake, contract, &head, by).await;
            match applied {
                Ok(some) => {
                    changed |= some;
                    let tail = lake.tail(contract.table()).await?;
                    if tail.is_some_and(|t| t.version == head.version) {
                        return Ok(Mirrored { version: head.version, changed });
                    }
                }
                // Somebody else has changed the table: what they made of it is read and compared anew.
                Err(failed) if matches!(failed.kind(), Some(FailureKind::Conflict | FailureKind::Exists)) => {
                    changed = true;
                    last = Some(failed);
                }
                Err(failed) => return Err(self.error(failed, contract)),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(last.map_or_else(
            || Error::unavailable("the table is published faster than the catalog can follow"),
            |failed| self.error(failed, contract),
        ))
    }

    fn error(&self, failed: Failed, contract: &Contract) -> Error {
        let error = Error::from(failed);
        match error.place() {
            Some(_) => error,
            None => error.at(self.place(contract.table().as_str())),
        }
    }

    async fn apply(
        &self,
        database: &Database,
        lake: &Lake,
        contract: &Contract,
        head: &Head,
        by: Writer,
    ) -> Answer<bool> {
        let mut changed = false;
        for desired in self.desired(lake, contract, head)? {
            let name = desired.table.name.clone();
            changed |= apply_table(database, desired, by).await.map_err(|failed| match failed {
                Failed::Here(error) if error.place().is_none() => Failed::Here(error.at(self.place(&name))),
                other => other,
            })?;
        }
        Ok(changed)
    }
}

/// Who brings the catalog up to date, and whether tables of others become ours.
#[derive(Debug, Clone, Copy)]
struct Writer {
    id: RunId,
    adopt: bool,
}

#[async_trait]
impl Catalog for GlueCatalog {
    fn describe(&self) -> String {
        format!("Glue database {}", self.settings.database)
    }

    async fn shown_version(&self, lake: &Lake, table: &TableName) -> Result<Option<u64>> {
        let folder = desired::table_folder(lake, table);
        let database = self.database().await?;
        let mut shown = None;
        for name in self.names(table) {
            let known = database.table(&name).await.map_err(Error::from)?;
            let version =
                known.as_ref().map(wire::table).filter(|t| is_ours(t, &folder)).and_then(|t| t.shown_version());
            match (version, shown) {
                (None, _) => return Ok(None),
                (Some(version), Some(other)) if version != other => return Ok(None),
                (version, _) => shown = version,
            }
        }
        Ok(shown)
    }

    async fn mirror(&self, lake: &Lake, contract: &Contract) -> Result<Mirrored> {
        self.equalise(lake, contract, false).await
    }
}

/// What the catalog holds of a table, and the table in Glue's own words.
async fn read(database: &Database, name: &str) -> Answer<(Current, Option<types::Table>)> {
    let Some(known) = database.table(name).await? else {
        return Ok((Current { database: database.exists().await?, ..Current::default() }, None));
    };
    let table = wire::table(&known);
    let partitions = match table.partition_keys.is_empty() || table.format == Format::Other {
        true => Vec::new(),
        false => database.partitions(name).await?,
    };
    Ok((Current { database: true, table: Some(table), partitions }, Some(known)))
}

/// Brings one table of the catalog up to date: its columns first, so that no partition has a column that the table lacks;
/// then partitions, each pointed at another folder at once; the version last, so that it stands there only when all of it is
/// true. Everything but the partitions is compare-and-swap on Glue's version of the table.
async fn apply_table(database: &Database, desired: Desired, by: Writer) -> Answer<bool> {
    let (current, known) = read(database, &desired.table.name).await?;
    let mut planned = plan(desired.clone(), &current, by.adopt)?;
    if planned.target.parameters.remove(&marker(by.id)).is_some() {
        planned.changes.push(Change::Parameter(marker(by.id)));
    }
    if planned.is_empty() {
        return Ok(false);
    }
    if !current.database {
        database.create("Tables of a lake, kept by lakegate").await?;
    }
    if planned.touches_partitions() {
        mark(database, &planned, known.as_ref(), by.id).await?;
        database.create_partitions(&planned.target, &planned.create).await?;
        database.update_partitions(&planned.target, &planned.update).await?;
        database.delete_partitions(&planned.target, &planned.delete).await?;
        verify_partitions(database, &desired).await?;
        unmark(database, &desired, version_shown(&current), by.id).await?;
    } else {
        match &known {
            None => database.create_table(&planned.target).await?,
            Some(known) => database.update_table(&planned.target, known).await?,
        }
    }
    verify_table(database, desired).await?;
    Ok(true)
}

fn version_shown(current: &Current) -> Option<String> {
    current.table.as_ref().and_then(|table| table.parameters.get(VERSION).cloned())
}

/// Makes or changes the table, still under the version that it shows, and notes that its partitions are about to follow.
async fn mark(database: &Database, planned: &TablePlan, known: Option<&types::Table>, writer: RunId) -> Answer<()> {
    let mut marked: Table = planned.target.clone();
    marked.parameters.remove(VERSION);
    if let Some(shown) = known.map(wire::table).and_then(|t| t.parameters.get(VERSION).cloned()) {
        marked.parameters.insert(VERSION.to_owned(), shown);
    }
    marked.parameters.insert(marker(writer), "in progress".to_owned());
    match known {
        None => database.create_table(&marked).await,
        Some(known) => database.update_table(&marked, known).await,
    }
}

/// Notes that the partitions are there. What others have changed of the table in the meantime is kept; that another writer has
/// brought it to another version means that these partitions may not be the newest.
async fn unmark(database: &Database, desired: &Desired, before: Option<String>, writer: RunId) -> Answer<()> {
    let gone = || Failed::Differs(Error::unavailable("the table was removed from the catalog in the meantime"));
    let known = database.table(&desired.table.name).await?.ok_or_else(gone)?;
    let current = Current { database: true, table: Some(wire::table(&known)), partitions: desired.partitions.clone() };
    if version_shown(&current) != before {
        // The marker stays until all has been compared anew: these partitions may have gone over newer ones.
        return Err(Failed::Differs(Error::unavailable("another run has changed the table in the meantime")));
    }
    let mut target = plan(desired.clone(), &current, true)?.target;
    target.parameters.remove(&marker(writer));
    database.update_table(&target, &known).await
}

/// Reads the partitions back: an answer of success is not yet the catalog's state.
async fn verify_partitions(database: &Database, desired: &Desired) -> Answer<()> {
    let table = Some(desired.table.clone());
    let partitions = database.partitions(&desired.table.name).await?;
    let left = plan(desired.clone(), &Current { database: true, table, partitions }, true)?;
    if !left.touches_partitions() {
        return Ok(());
    }
    let differ = left.create.len() + left.update.len() + left.delete.len();
    Err(Failed::Differs(Error::unavailable(format!("{differ} partitions are not as they were written"))))
}

/// Reads the table back, after its partitions.
async fn verify_table(database: &Database, desired: Desired) -> Answer<()> {
    let table = database.table(&desired.table.name).await?.as_ref().map(wire::table);
    let current = Current { database: true, table, partitions: desired.partitions.clone() };
    match plan(desired, &current, true)?.is_empty() {
        true => Ok(()),
        false => Err(Failed::Differs(Error::unavailable("the table is not as it was written"))),
    }
}

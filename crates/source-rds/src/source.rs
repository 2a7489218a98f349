//! A table as a source, whatever database it is in.

use std::sync::Arc;

use async_trait::async_trait;
use lakegate_contract::{Contract, Error, Result, suggest};
use lakegate_pipeline::rows::RowsBuilder;
use lakegate_pipeline::{ItemStream, Plan, Scope, Source, SourceEnvironment, Split};
use lakegate_redaction::Secret;
use serde::Deserialize;

use crate::postgres::PostgresTable;
use crate::sqlite::SqliteTable;

/// `[source]` of a job with `kind = "rds"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RdsConfig {
    /// Always `rds`.
    pub kind: String,
    /// The name of a connection in `lakegate.toml`.
    pub connection: String,
    /// The table: `orders`, or with its schema `public.orders`.
    pub table: String,
    /// Readers at once; by default as many as there are cores, one for small tables.
    pub splits: Option<usize>,
}

/// A table of a database.
pub struct RdsSource {
    table: Table,
}

enum Table {
    Postgres(PostgresTable),
    Sqlite(SqliteTable),
}

/// What both kinds of table need.
#[derive(Clone)]
pub(crate) struct TableContext {
    pub(crate) contract: Arc<Contract>,
    pub(crate) connection: String,
    pub(crate) table: String,
    pub(crate) splits: Option<usize>,
    pub(crate) environment: SourceEnvironment,
}

impl TableContext {
    /// `connection shop, table orders`
    pub(crate) fn place(&self) -> String {
        format!("connection `{}`, table {}", self.connection, self.table)
    }

    /// How many readers a table of `size` bytes gets.
    pub(crate) fn readers(&self, size: u64) -> u64 {
        const WORTH_SPLITTING: u64 = 8 << 20;
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        match self.splits {
            Some(splits) => splits.max(1) as u64,
            None if size < WORTH_SPLITTING => 1,
            None => cores,
        }
    }

    /// For each published column, the name that the table has it under, and which of the table's columns nothing names.
    pub(crate) fn match_columns(&self, found: &[String]) -> Result<(Vec<String>, Vec<String>)> {
        let mut wanted = Vec::new();
        for column in self.contract.published_columns() {
            let name = column.source.iter().find(|name| found.contains(name)).ok_or_else(|| {
                let asked = column.source.first().map_or("", String::as_str);
                let error = Error::bad_input(format!("the table has no column `{asked}`"))
                    .at(self.place())
                    .expected(format!("one of {}", found.join(", ")));
                match suggest(asked, found.iter().map(String::as_str)) {
                    Some(near) => {
                        error.help(format!("did you mean `{near}`? Correct schemas/{}.toml", self.contract.table()))
                    }
                    None => error.help(format!("correct schemas/{}.toml", self.contract.table())),
                }
            })?;
            wanted.push(name.clone());
        }
        let declared = |name: &String| self.contract.columns().iter().any(|c| c.source.contains(name));
        let unread = found.iter().filter(|name| !declared(name)).cloned().collect();
        Ok((wanted, unread))
    }
}

impl RdsSource {
    /// A source of `contract`'s rows.
    ///
    /// # Errors
    /// When the connection is not in `lakegate.toml`, its URL is not one of a known database, or the contract has a column
    /// of a type that a table cannot give.
    pub fn new(config: RdsConfig, contract: Arc<Contract>, environment: SourceEnvironment) -> Result<Self> {
        RowsBuilder::new(&contract)?;
        let url = environment.connections.get(&config.connection).cloned().ok_or_else(|| {
            let names = environment.connections.keys().map(String::as_str);
            let error = Error::usage(format!("there is no connection `{}`", config.connection))
                .expected(format!("[connections.{}] in lakegate.toml", config.connection));
            error.suggesting(&config.connection, names)
        })?;
        let context = TableContext {
            contract,
            connection: config.connection,
            table: config.table,
            splits: config.splits,
            environment,
        };
        Ok(Self { table: Table::new(&url, context)? })
    }
}

impl Table {
    fn new(url: &Secret, context: TableContext) -> Result<Self> {
        let scheme = url.expose().split(':').next().unwrap_or_default();
        match scheme {
            "postgres" | "postgresql" => Ok(Table::Postgres(PostgresTable::new(url.clone(), context)?)),
            "sqlite" => Ok(Table::Sqlite(SqliteTable::new(url, context))),
            _ => Err(Error::usage("the URL is of no database that lakegate reads")
                .at(format!("[connections.{}] in lakegate.toml", context.connection))
                .expected("postgres://user:password@host:5432/database or sqlite:path/to/file.db")),
        }
    }
}

#[async_trait]
impl Source for RdsSource {
    fn describe(&self) -> String {
        match &self.table {
            Table::Postgres(table) => table.describe(),
            Table::Sqlite(table) => table.describe(),
        }
    }

    fn service(&self) -> Option<String> {
        match &self.table {
            Table::Postgres(table) => Some(format!("connection {}", table.connection())),
            Table::Sqlite(_) => None,
        }
    }

    async fn plan(&self, _scope: &Scope<'_>) -> Result<Plan> {
        match &self.table {
            Table::Postgres(table) => table.plan().await,
            Table::Sqlite(table) => table.plan(),
        }
    }

    async fn open(&self, split: &Split) -> Result<ItemStream> {
        match &self.table {
            Table::Postgres(table) => table.open(split).await,
            Table::Sqlite(table) => table.open(split),
        }
    }
}

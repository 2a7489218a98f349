//! Tables of PostgreSQL: one snapshot, read through binary COPY by several connections.

mod connect;
mod copy;
mod types;

use std::sync::Arc;

use futures::StreamExt as _;
use lakegate_contract::{Error, Result};
use lakegate_pipeline::{InputObject, ItemStream, Plan, Split};
use lakegate_redaction::Secret;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use crate::failure;
use crate::source::TableContext;
use connect::{Connected, connect};
use copy::CopyDecoder;
use types::SourceType;

/// Every transaction begins so. A server's own limits for idle transactions would end the snapshot in a long run.
const BEGIN: &str = "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0; \
                     BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// First version whose planner reads a range of row addresses without reading the rest.
const RANGE_SCANS_SINCE: i32 = 140_000;

pub(crate) struct PostgresTable {
    url: Secret,
    /// Host, port and database: what may be shown.
    server: String,
    context: Arc<TableContext>,
}

/// Rows of a range of blocks, of one snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    snapshot: String,
    columns: Vec<String>,
    types: Vec<SourceType>,
    blocks: Option<(u64, Option<u64>)>,
}

/// What the catalog says of a table.
struct TableFacts {
    oid: u32,
    ordinary: bool,
    blocks: u64,
    size: u64,
    rows: Option<u64>,
    version: i32,
}

impl PostgresTable {
    pub(crate) fn new(url: Secret, context: TableContext) -> Result<Self> {
        let server = connect::server_of(&url)
            .map_err(|e| e.at(format!("[connections.{}] in lakegate.toml", context.connection)))?;
        Ok(Self { url, server, context: Arc::new(context) })
    }

    pub(crate) fn describe(&self) -> String {
        format!("PostgreSQL table {} at {}", self.context.table, self.server)
    }

    /// The connection's name in `lakegate.toml`.
    pub(crate) fn connection(&self) -> &str {
        &self.context.connection
    }

    fn place(&self) -> String {
        format!("{} at {}", self.context.place(), self.server)
    }

    async fn connect(&self) -> Result<Connected> {
        connect(&self.url, &self.place()).await
    }

    pub(crate) async fn plan(&self) -> Result<Plan> {
        let connected = self.connect().await?;
        let client = &connected.client;
        client.batch_execute(BEGIN).await.map_err(|e| self.failed(&e))?;
        let row = client.query_one("SELECT pg_export_snapshot()", &[]).await.map_err(|e| self.failed(&e))?;
        let snapshot: String = row.get(0);
        let facts = self.facts(client).await?;
        let found = self.columns(client, facts.oid).await?;
        let names: Vec<String> = found.iter().map(|(name, _, _)| name.clone()).collect();
        let (columns, unread_columns) = self.context.match_columns(&names)?;
        self.hold(client, &columns, facts.oid).await?;
        let position = self.position(client, facts.ordinary).await?;
        let types = self.types(&columns, &found)?;
        let payload = Payload { snapshot, columns, types, blocks: None };
        let splits = self.splits(&facts, payload)?;
        let object = InputObject {
            name: format!("{}/{}", self.server, self.context.table),
            version: position.clone(),
            bytes: Some(facts.size),
        };
        Ok(Plan {
            splits,
            identity: format!("{}/{}#{}@{position}", self.server, self.context.table, facts.oid),
            objects: vec![object],
            estimated_rows: facts.rows,
            unread_columns,
            guard: Some(Box::new(connected)),
            ..Plan::default()
        })
    }

    fn failed(&self, error: &tokio_postgres::Error) -> Error {
        failure::postgres(error, &self.place())
    }

    /// A position such that equal positions mean that the same transactions are visible: the snapshot's own text, and when
    /// the server was started, which a restored copy does not share. Views and foreign tables may change without a
    /// transaction of this server, and a standby's snapshot does not tell all: then the position never comes again.
    async fn position(&self, client: &Client, ordinary: bool) -> Result<String> {
        let sql = "SELECT pg_is_in_recovery(), txid_current_snapshot()::text, pg_postmaster_start_time()::text, clock_timestamp()::text";
        let row = client.query_one(sql, &[]).await.map_err(|e| self.failed(&e))?;
        let (standby, snapshot, started, now): (bool, String, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        Ok(if ordinary && !standby { format!("{snapshot} since {started}") } else { format!("at {now}") })
    }

    /// Locks the table against being truncated or rewritten while the snapshot is used: neither respects snapshots, and the
    /// table would look empty. A SELECT of the columns takes the lock with no more rights than reading needs.
    async fn hold(&self, client: &Client, columns: &[String], oid: u32) -> Result<()> {
        let listed = columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {listed} FROM {} LIMIT 0", qualified(&self.context.table));
        client.batch_execute(&sql).await.map_err(|e| self.failed(&e))?;
        let sql = "SELECT relfilenode = coalesce(pg_relation_filenode(oid), relfilenode) FROM pg_class WHERE oid = $1";
        let row = client.query_one(sql, &[&oid]).await.map_err(|e| self.failed(&e))?;
        if row.get(0) {
            return Ok(());
        }
        Err(Error::unavailable("the table was rewritten while the run was planned")
            .at(self.place())
            .help("run the job again"))
    }

    async fn facts(&self, client: &Client) -> Result<TableFacts> {
        let name = qualified(&self.context.table);
        let sql = "SELECT c.oid, c.relkind = 'r' AND NOT c.relhassubclass, pg_relation_size(c.oid), c.reltuples::float8, \
                   current_setting('block_size')::int8, current_setting('server_version_num')::int4 \
                   FROM pg_class c WHERE c.oid = to_regclass($1)";
        let Some(row) = client.query_opt(sql, &[&name]).await.map_err(|e| self.failed(&e))? else {
            return Err(self.missing(client).await);
        };
        let size = u64::try_from(row.get::<_, i64>(2)).unwrap_or(0);
        let block = u64::try_from(row.get::<_, i64>(4)).unwrap_or(8192).max(1);
        let tuples: f64 = row.get(3);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate, and not below zero")]
        let rows = (tuples >= 0.0).then_some(tuples as u64);
        Ok(TableFacts { oid: row.get(0), ordinary: row.get(1), blocks: size / block, size, rows, version: row.get(5) })
    }

    async fn missing(&self, client: &Client) -> Error {
        let sql = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = ANY (current_schemas(false)) ORDER BY 1";
        let found =
            client.query(sql, &[]).await.map(|rows| rows.iter().map(|r| r.get(0)).collect()).unwrap_or_default();
        let found: Vec<String> = found;
        failure::missing_table(&self.context.table, &found, &self.place())
    }

    async fn columns(&self, client: &Client, oid: u32) -> Result<Vec<(String, u32, String)>> {
        // A domain is read as the type that it is made from in the end; an enumeration and citext as text.
        let sql = "WITH RECURSIVE c AS (SELECT attnum, attname::text AS name, atttypid AS type, format_type(atttypid, atttypmod) AS shown \
                     FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped \
                   UNION ALL SELECT c.attnum, c.name, t.typbasetype, c.shown FROM c JOIN pg_type t ON t.oid = c.type AND t.typtype = 'd') \
                   SELECT c.name, CASE WHEN t.typtype = 'e' OR t.typname = 'citext' THEN 25::oid ELSE t.oid END, c.shown \
                   FROM c JOIN pg_type t ON t.oid = c.type AND t.typtype <> 'd' ORDER BY c.attnum";
        let rows = client.query(sql, &[&oid]).await.map_err(|e| self.failed(&e))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    }

    fn types(&self, columns: &[String], found: &[(String, u32, String)]) -> Result<Vec<SourceType>> {
        let contract = self.context.contract.published_columns();
        columns
            .iter()
            .zip(contract)
            .map(|(name, column)| {
                let (_, oid, shown) = found
                    .iter()
                    .find(|(found, _, _)| found == name)
                    .ok_or_else(|| Error::bug("a matched column is gone"))?;
                SourceType::of(*oid, &column.data_type).ok_or_else(|| {
                    Error::bad_input(format!(
                        "column `{name}` is of type {shown} in the database and {} in the contract",
                        column.data_type
                    ))
                    .at(self.place())
                    .expected(types::fitting(*oid))
                    .help(format!("correct schemas/{}.toml", self.context.contract.table()))
                })
            })
            .collect()
    }

    fn splits(&self, facts: &TableFacts, payload: Payload) -> Result<Vec<Split>> {
        let readers = if facts.ordinary && facts.version >= RANGE_SCANS_SINCE {
            self.context.readers(facts.size).min(facts.blocks.max(1))
        } else {
            1
        };
        (0..readers)
            .map(|i| {
                let (from, to) = (facts.blocks * i / readers, facts.blocks * (i + 1) / readers);
                let last = i + 1 == readers;
                let blocks = (readers > 1).then_some((from, (!last).then_some(to)));
                let payload = serde_json::to_value(Payload { blocks, ..payload.clone() })
                    .map_err(|e| Error::bug("a split cannot be stored").caused_by(e))?;
                let name = if readers > 1 {
                    format!("{} blocks {from}..{to}", self.context.table)
                } else {
                    self.context.table.clone()
                };
                Ok(Split { name, bytes: None, payload })
            })
            .collect()
    }

    pub(crate) async fn open(&self, split: &Split) -> Result<ItemStream> {
        let payload: Payload = serde_json::from_value(split.payload.clone())
            .map_err(|_| Error::bug("the split is not one of a PostgreSQL table").at(&split.name))?;
        if !payload.snapshot.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(Error::bug("the split's snapshot is malformed").at(&split.name));
        }
        let connected = self.connect().await?;
        let begin = format!("{BEGIN}; SET TRANSACTION SNAPSHOT '{}'", payload.snapshot);
        connected.client.batch_execute(&begin).await.map_err(|e| self.failed(&e))?;
        let copied = connected
            .client
            .copy_out(copy_statement(&self.context.table, &payload).as_str())
            .await
            .map_err(|e| self.failed(&e))?;
        let place = self.place();
        let decoder = CopyDecoder::new(Arc::clone(&self.context), payload.types, split.name.clone())?;
        Ok(copy::items(connected, copied, decoder, place).boxed())
    }
}

fn copy_statement(table: &str, payload: &Payload) -> String {
    let listed = payload.columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ");
    let filter = match payload.blocks {
        None => String::new(),
        Some((from, None)) => format!(" WHERE ctid >= '({from},0)'::tid"),
        Some((from, Some(to))) => format!(" WHERE ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid"),
    };
    format!("COPY (SELECT {listed} FROM {}{filter}) TO STDOUT (FORMAT binary)", qualified(table))
}

fn qualified(table: &str) -> String {
    table.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;

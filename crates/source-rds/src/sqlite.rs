//! Tables of a SQLite file.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakegate_contract::{DataType, Error, Result};
use lakegate_pipeline::files::{identity_of, pin};
use lakegate_pipeline::rows::{Misfit, RowsBuilder, Value, of_double, of_integer, of_text};
use lakegate_pipeline::source::items_of;
use lakegate_pipeline::text::parse_decimal;
use lakegate_pipeline::{InputObject, ItemStream, Plan, Rejected, SourceItem, Split};
use lakegate_redaction::{Origin, OriginUnit, RawBatch, Secret};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{Sender, channel};

use crate::failure;
use crate::source::TableContext;

/// Where a database file's header counts its changes, and where its write-ahead log's header has the salts that every restart
/// of the log renews: <https://www.sqlite.org/fileformat2.html>, sections 1.3.7 and 4.1.
const CHANGE_COUNTER: Range<u64> = 24..28;
const LOG_SALTS: Range<u64> = 16..24;
/// Batches that wait to be taken.
const AHEAD: usize = 2;

pub(crate) struct SqliteTable {
    path: PathBuf,
    context: Arc<TableContext>,
}

/// Rows of a range of row ids, of the file in one state.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    version: String,
    columns: Vec<String>,
    /// First row id and the one behind the last; `None`: the whole table.
    range: Option<(i64, i64)>,
}

impl SqliteTable {
    pub(crate) fn new(url: &Secret, context: TableContext) -> Self {
        let path = url.expose().trim_start_matches("sqlite:").trim_start_matches("//");
        Self { path: context.environment.project_root.join(path), context: Arc::new(context) }
    }

    pub(crate) fn describe(&self) -> String {
        format!("SQLite table {} of {}", self.context.table, self.path.display())
    }

    fn place(&self) -> String {
        format!("{}, table {}", self.path.display(), self.context.table)
    }

    pub(crate) fn plan(&self) -> Result<Plan> {
        let object = self.pinned()?;
        let connection = self.connect()?;
        let found = self.columns(&connection)?;
        let (columns, unread_columns) = self.context.match_columns(&found)?;
        let place = self.place();
        let size = object.bytes.unwrap_or(0);
        let ranges = self.ranges(&connection, size).map_err(|e| failure::sqlite(&e, &place))?;
        let count = ranges.len() as u64;
        let splits = ranges
            .into_iter()
            .map(|range| {
                let name = match range {
                    Some((from, to)) => format!("{} rows {from}..{to}", self.context.table),
                    None => self.context.table.clone(),
                };
                let payload = Payload { version: object.version.clone(), columns: columns.clone(), range };
                let payload =
                    serde_json::to_value(payload).map_err(|e| Error::bug("a split cannot be stored").caused_by(e))?;
                Ok(Split { name, bytes: None, payload })
            })
            .collect::<Result<Vec<_>>>()?;
        let rows: Option<i64> = connection
            .query_row(&format!("SELECT max(rowid) FROM {}", quoted(&self.context.table)), [], |row| row.get(0))
            .ok()
            .flatten();
        tracing::debug!(splits = count, table = %self.context.table, "planned");
        Ok(Plan {
            splits,
            identity: identity_of([&object, &named(&self.context.table)]),
            objects: vec![object],
            estimated_rows: rows.and_then(|r| u64::try_from(r).ok()),
            unread_columns,
            ..Plan::default()
        })
    }

    /// The file and its write-ahead log, as one object. Sizes and times alone would miss two commits within a tick of the
    /// clock, so SQLite's own counters are with them. An empty log is none: readers may leave one behind.
    fn pinned(&self) -> Result<InputObject> {
        let root = &self.context.environment.project_root;
        let mut object = pin(root, self.path.clone())?.object;
        object.version.push_str(&counter_at(&self.path, CHANGE_COUNTER));
        let log = sibling(&self.path, "-wal");
        if log.metadata().is_ok_and(|m| m.len() > 0) {
            object.version.push('+');
            object.version.push_str(&counter_at(&log, LOG_SALTS));
            object.version.push_str(&pin(root, log)?.object.version);
        }
        Ok(object)
    }

    fn connect(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&self.path, flags).map_err(|e| failure::sqlite(&e, &self.place()))
    }

    fn columns(&self, connection: &Connection) -> Result<Vec<String>> {
        let place = self.place();
        let list = |sql: &str, parameter: &str| -> rusqlite::Result<Vec<String>> {
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([parameter], |row| row.get(0))?;
            rows.collect()
        };
        let found = list("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1", &self.context.table)
            .map_err(|e| failure::sqlite(&e, &place))?;
        if found.is_empty() {
            let sql =
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE ?1 ORDER BY name";
            let tables = list(sql, "sqlite_%").map_err(|e| failure::sqlite(&e, &place))?;
            return Err(failure::missing_table(&self.context.table, &tables, &place));
        }
        Ok(found)
    }

    fn ranges(&self, connection: &Connection, size: u64) -> rusqlite::Result<Vec<Option<(i64, i64)>>> {
        let readers = i64::try_from(self.context.readers(size)).unwrap_or(1);
        let sql = format!("SELECT min(rowid), max(rowid) FROM {}", quoted(&self.context.table));
        // Views and tables without row ids are read as a whole.
        let bounds =
            connection.query_row(&sql, [], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)));
        let Ok((Some(first), Some(last))) = bounds else { return Ok(vec![None]) };
        let span = last.saturating_sub(first).saturating_add(1);
        // A column of that name hides the row ids.
        let hidden = self.columns(connection).is_ok_and(|names| names.iter().any(|n| n.eq_ignore_ascii_case("rowid")));
        if readers < 2 || span < readers || hidden {
            return Ok(vec![None]);
        }
        let step = span / readers;
        Ok((0..readers)
            .map(|i| {
                let from = if i == 0 { i64::MIN } else { first + i * step };
                let to = if i + 1 == readers { i64::MAX } else { first + (i + 1) * step };
                Some((from, to))
            })
            .collect())
    }

    pub(crate) fn open(&self, split: &Split) -> Result<ItemStream> {
        let payload: Payload = serde_json::from_value(split.payload.clone())
            .map_err(|_| Error::bug("the split is not one of a SQLite table").at(&split.name))?;
        self.refuse_changed(&payload)?;
        let reader = SqliteTable { path: self.path.clone(), context: Arc::clone(&self.context) };
        let (sender, receiver) = channel(AHEAD);
        let rows = RowsBuilder::new(&self.context.contract)?;
        let part = payload.range.is_some().then(|| Arc::from(split.name.as_str()));
        std::thread::spawn(move || {
            let result = reader.read(&payload, part, rows, &sender);
            if let Err(error) = result {
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(items_of(receiver))
    }

    fn refuse_changed(&self, payload: &Payload) -> Result<()> {
        if self.pinned()?.version == payload.version {
            return Ok(());
        }
        Err(Error::unavailable("the database has changed since the run was planned")
            .at(self.place())
            .help("run the job again"))
    }

    /// Reads the rows in one transaction, on a thread of its own.
    fn read(
        &self,
        payload: &Payload,
        part: Option<Arc<str>>,
        rows: RowsBuilder,
        sender: &Sender<Result<SourceItem>>,
    ) -> Result<()> {
        let place = self.place();
        let failed = |e: rusqlite::Error| failure::sqlite(&e, &place);
        let connection = self.connect()?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        let listed = payload.columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ");
        let filter = match payload.range {
            Some((from, to)) => {
                format!(" WHERE rowid >= {from} AND rowid < {to}").replace(&format!(" AND rowid < {}", i64::MAX), "")
            }
            None => String::new(),
        };
        let sql = format!("SELECT {listed} FROM {}{filter}", quoted(&self.context.table));
        let mut statement = connection.prepare(&sql).map_err(failed)?;
        let mut found = statement.query([]).map_err(failed)?;
        let mut reading = Reading::new(self, part, rows, sender);
        while let Some(row) = found.next().map_err(failed)? {
            if !reading.take(row).map_err(failed)? {
                return Ok(());
            }
            if !reading.hand_on_if_full()? {
                return Ok(());
            }
        }
        self.refuse_changed(payload)?;
        reading.finish()
    }
}

/// A reader's state: rows that wait, and how many there were.
struct Reading<'a> {
    table: &'a SqliteTable,
    /// Which range of the table the positions count in, when there are several.
    part: Option<Arc<str>>,
    types: Vec<(String, DataType)>,
    rows: RowsBuilder,
    positions: Vec<u64>,
    rejected: Vec<Rejected>,
    records: u64,
    sender: &'a Sender<Result<SourceItem>>,
}

impl<'a> Reading<'a> {
    fn new(
        table: &'a SqliteTable,
        part: Option<Arc<str>>,
        rows: RowsBuilder,
        sender: &'a Sender<Result<SourceItem>>,
    ) -> Self {
        let types =
            table.context.contract.published_columns().map(|c| (c.name.to_string(), c.data_type.clone())).collect();
        Self { table, part, types, rows, positions: Vec::new(), rejected: Vec::new(), records: 0, sender }
    }

    /// Takes a row; `false` when nobody listens any more.
    fn take(&mut self, row: &rusqlite::Row<'_>) -> rusqlite::Result<bool> {
        self.records += 1;
        let zone = self.table.context.environment.time_zone;
        let mut values = Vec::with_capacity(self.types.len());
        for (index, (name, data_type)) in self.types.iter().enumerate() {
            match value_of(row.get_ref(index)?, data_type, zone) {
                Ok(value) => values.push(value),
                Err(misfit) => {
                    let reason = format!("column {name}: {misfit} where {data_type} was expected");
                    self.rejected.push(Rejected {
                        object: self.table.context.table.clone(),
                        part: self.part.as_deref().map(str::to_owned),
                        unit: OriginUnit::Row,
                        start: self.records,
                        end: self.records + 1,
                        reason,
                    });
                    return Ok(true);
                }
            }
        }
        self.rows.append(&values);
        self.positions.push(self.records);
        Ok(true)
    }

    fn hand_on_if_full(&mut self) -> Result<bool> {
        let full = self.rows.len() >= self.table.context.environment.batch_rows || self.rejected.len() >= 1024;
        if full { self.hand_on() } else { Ok(true) }
    }

    fn hand_on(&mut self) -> Result<bool> {
        if !self.rejected.is_empty() {
            let rejected = std::mem::take(&mut self.rejected);
            if self.sender.blocking_send(Ok(SourceItem::Rejected(rejected))).is_err() {
                return Ok(false);
            }
        }
        if self.rows.is_empty() {
            return Ok(true);
        }
        let batch = self.rows.finish()?;
        let positions = std::mem::take(&mut self.positions);
        let starts = arrow::array::UInt64Array::from_iter_values(positions.iter().copied());
        let ends = arrow::array::UInt64Array::from_iter_values(positions.iter().map(|p| p + 1));
        let origin = Origin::new(self.table.context.table.as_str(), self.part.clone(), OriginUnit::Row, starts, ends)?;
        let item = SourceItem::Batch(RawBatch::new(batch, origin)?);
        Ok(self.sender.blocking_send(Ok(item)).is_ok())
    }

    fn finish(mut self) -> Result<()> {
        if self.hand_on()? {
            let _ = self.sender.blocking_send(Ok(SourceItem::Done { records: self.records, bytes: 0 }));
        }
        Ok(())
    }
}

/// SQLite's value as one of the contract's type. A REAL has been through floating point already; it becomes a decimal only
/// where its shortest text is one.
fn value_of<'a>(
    value: ValueRef<'a>,
    data_type: &DataType,
    zone: chrono_tz::Tz,
) -> std::result::Result<Value<'a>, Misfit> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => of_integer(number, data_type),
        ValueRef::Real(number) => match data_type {
            DataType::Float | DataType::Double => of_double(number, data_type),
            DataType::Decimal { precision, scale } => parse_decimal(&number.to_string(), *precision, *scale)
                .map(Value::Decimal)
                .ok_or("a REAL with too many digits"),
            _ => Err("a REAL"),
        },
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).map_err(|_| "text that is not UTF-8")?;
            of_text(text, data_type, zone)
        }
        ValueRef::Blob(bytes) => match data_type {
            DataType::Binary => Ok(Value::Binary(bytes.into())),
            _ => Err("a BLOB"),
        },
    }
}

fn named(table: &str) -> InputObject {
    InputObject { name: table.to_owned(), version: String::new(), bytes: None }
}

/// Some bytes of a file's header, in hexadecimal; empty when there are none.
fn counter_at(path: &Path, range: Range<u64>) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        file.take(range.end - range.start).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    bytes.iter().fold(String::from("#"), |text, byte| format!("{text}{byte:02x}"))
}

fn sibling(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use lakegate_contract::Contract;
    use lakegate_pipeline::testing::check_source;
    use lakegate_pipeline::{Scope, Source, SourceEnvironment};

    use crate::{RdsConfig, RdsSource};

    use super::*;

    fn source(folder: &Path, table: &str, contract: &str, splits: Option<usize>) -> (Arc<RdsSource>, Arc<Contract>) {
        let contract = Arc::new(Contract::parse(contract, "schemas/t.toml").unwrap());
        let environment = SourceEnvironment {
            inputs: lakegate_pipeline::Inputs::new(folder.to_path_buf(), None, Default::default()),
            project_root: folder.to_path_buf(),
            time_zone: chrono_tz::Asia::Seoul,
            connections: [("shop".to_owned(), Secret::new("sqlite:shop.db"))].into(),
            batch_rows: 3,
        };
        let config = RdsConfig { kind: "rds".into(), connection: "shop".into(), table: table.into(), splits };
        (Arc::new(RdsSource::new(config, Arc::clone(&contract), environment).unwrap()), contract)
    }

    fn database() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("shop.db")).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, amount TEXT, at TEXT, email TEXT, extra TEXT);
                 INSERT INTO t VALUES (1, '10.50', '2026-03-09T01:02:03.456Z', 'a@b.c', 'x'), (2, 7, '2026-03-09 10:02:03', NULL, 'x'),
                    (3, 0.1, NULL, 'a@b.c', NULL), (4, 'hunter2', NULL, NULL, NULL), (9, '1.234', NULL, NULL, NULL), (10, NULL, 'never', NULL, NULL);
                 CREATE TABLE n (id INTEGER PRIMARY KEY, double INTEGER AS (id * 2)); INSERT INTO n (id) VALUES (-9), (-3), (0), (4), (5);
                 CREATE TABLE w (id INTEGER, k TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO w VALUES (1, 'a'), (2, 'b');",
            )
            .unwrap();
        folder
    }

    const CONTRACT: &str = r#"columns = [
        { name = "id", type = "bigint" }, { name = "amount", type = "decimal(12,2)" },
        { name = "created_at", source = "at", type = "timestamp" }, { name = "email", type = "string", treatment = "drop" }]"#;

    #[tokio::test]
    async fn rows_are_typed_or_rejected_without_their_values() {
        let folder = database();
        for splits in [None, Some(3)] {
            let (source, contract) = source(folder.path(), "t", CONTRACT, splits);
            let read = check_source(Arc::clone(&source) as Arc<dyn Source>, &contract).await.unwrap();
            assert_eq!(read.rows, ["1|10.50|2026-03-09T01:02:03.456Z", "2|7.00|2026-03-09T01:02:03Z", "3|0.10|NULL"]);
            assert_eq!(read.rejected.len(), 3, "{:?}", read.rejected);
            assert!(!read.rejected.join(" ").contains("hunter2"));
            assert_eq!(source.plan(&Scope::ALL).await.unwrap().unread_columns, ["extra"]);
        }
    }

    #[test]
    fn numbers_too_large_for_a_float_do_not_become_infinite() {
        let get = |value, t: &str| {
            let value = value_of(value, &DataType::parse(t).unwrap(), chrono_tz::UTC);
            value.map(|v| format!("{v:?}"))
        };
        assert_eq!(get(ValueRef::Real(1e300), "float"), Err("a number that is too large"));
        assert_eq!(get(ValueRef::Text(b"1e300"), "float"), Err("a number that is too large"));
        assert_eq!(get(ValueRef::Real(1.5), "float"), Ok("Double(1.5)".to_owned()));
        assert_eq!(get(ValueRef::Real(1e300), "double"), Ok(format!("Double({:?})", 1e300)));
        assert_eq!(get(ValueRef::Real(f64::NEG_INFINITY), "float"), Ok("Double(-inf)".to_owned()));
    }

    #[tokio::test]
    async fn tables_without_row_ids_are_read_whole() {
        let folder = database();
        let (source, contract) = source(folder.path(), "w", "columns = [{ name = \"id\", type = \"int\" }]", Some(4));
        assert_eq!(check_source(source, &contract).await.unwrap().rows, ["1", "2"]);
    }

    #[tokio::test]
    async fn ranges_cover_negative_row_ids_and_generated_columns_are_read() {
        let folder = database();
        let columns =
            "columns = [{ name = \"id\", type = \"int\" }, { name = \"twice\", source = \"double\", type = \"int\" }]";
        for splits in 1..7 {
            let (source, contract) = source(folder.path(), "n", columns, Some(splits));
            let mut rows = check_source(source, &contract).await.unwrap().rows;
            rows.sort();
            assert_eq!(rows, ["-3|-6", "-9|-18", "0|0", "4|8", "5|10"], "{splits} splits");
        }
    }

    #[tokio::test]
    async fn reading_a_file_with_a_write_ahead_log_leaves_its_identity() {
        let folder = database();
        Connection::open(folder.path().join("shop.db")).unwrap().execute_batch("PRAGMA journal_mode = WAL").unwrap();
        let (source, contract) = source(folder.path(), "t", CONTRACT, Some(2));
        let before = source.plan(&Scope::ALL).await.unwrap().identity;
        check_source(Arc::clone(&source) as Arc<dyn Source>, &contract).await.unwrap();
        assert_eq!(source.plan(&Scope::ALL).await.unwrap().identity, before);
        let writer = Connection::open(folder.path().join("shop.db")).unwrap();
        writer.execute_batch("UPDATE t SET extra = 'y' WHERE id = 1").unwrap();
        assert_ne!(source.plan(&Scope::ALL).await.unwrap().identity, before);
    }

    #[tokio::test]
    async fn what_is_missing_is_named_with_what_there_is() {
        let folder = database();
        let (missing, _) = source(folder.path(), "tt", CONTRACT, None);
        let error = missing.plan(&Scope::ALL).await.unwrap_err();
        assert_eq!(error.advice(), Some("did you mean `t`?"));
        let (column, _) = source(folder.path(), "t", &CONTRACT.replace("\"at\"", "\"att\""), None);
        let error = column.plan(&Scope::ALL).await.unwrap_err();
        assert!(error.advice().unwrap().contains("did you mean `at`?"), "{error}");
    }

    #[tokio::test]
    async fn a_change_after_the_plan_is_told() {
        let folder = database();
        let (source, _) = source(folder.path(), "t", CONTRACT, None);
        let plan = source.plan(&Scope::ALL).await.unwrap();
        Connection::open(folder.path().join("shop.db")).unwrap().execute_batch("DELETE FROM t; VACUUM").unwrap();
        let error = source.open(plan.splits.first().unwrap()).await.err().unwrap();
        assert!(error.class().retryable());
    }
}

//! Records of an object, one window after the other, into batches.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::UInt64Array;
use chrono_tz::Tz;
use lakegate_contract::{Contract, DataType, Error, Result};
use lakegate_pipeline::rows::{RowsBuilder, Value, of_text};
use lakegate_pipeline::{Rejected, SourceItem};
use lakegate_redaction::{Origin, OriginUnit, RawBatch};
use memchr::{memchr, memchr_iter, memmem};

use crate::access_log;
use crate::fields::Members;
use crate::json::JsonDecoder;
use crate::reader::Window;
use crate::scanner::Fault;
use crate::source::LogFormat;
use crate::unread::Unread;

const TOO_LONG: &str = "it is longer than max_record_bytes";

/// Bytes of text at hand at once.
const WINDOW: usize = 1 << 20;
/// Rejected records that are handed on together.
const REJECTED_AT_ONCE: usize = 1024;

/// What all objects of a source share.
pub(crate) struct Shape {
    pub(crate) contract: Arc<Contract>,
    pub(crate) format: LogFormat,
    pub(crate) zone: Tz,
    pub(crate) batch_rows: usize,
    pub(crate) max_record: usize,
    pub(crate) members: Members,
    pub(crate) columns: Vec<String>,
    pub(crate) types: Vec<DataType>,
    /// For access logs: the field of each column.
    pub(crate) log_fields: Vec<usize>,
    pub(crate) unread: Mutex<BTreeSet<String>>,
}

/// Decodes one object; an iterator over what a source yields.
pub(crate) struct ObjectDecoder {
    shape: Arc<Shape>,
    window: Window,
    name: Arc<str>,
    rows: RowsBuilder,
    starts: Vec<u64>,
    ends: Vec<u64>,
    rejected: Vec<Rejected>,
    records: u64,
    /// A record that is longer than allowed began here: it is passed over up to its line's end.
    overlong: Option<u64>,
    finished: bool,
    begun: bool,
}

/// How far a window was decoded.
struct Progress {
    used: usize,
    /// More text is needed to go on.
    hungry: bool,
}

impl ObjectDecoder {
    pub(crate) fn new(shape: Arc<Shape>, window: Window, name: &str) -> Result<Self> {
        let rows = RowsBuilder::new(&shape.contract)?;
        Ok(Self {
            shape,
            window,
            name: name.into(),
            rows,
            starts: Vec::new(),
            ends: Vec::new(),
            rejected: Vec::new(),
            records: 0,
            overlong: None,
            finished: false,
            begun: false,
        })
    }

    fn advance(&mut self) -> Result<SourceItem> {
        loop {
            if self.rows.len() >= self.shape.batch_rows || (self.finished && !self.rows.is_empty()) {
                return self.batch();
            }
            if self.rejected.len() >= REJECTED_AT_ONCE || (self.finished && !self.rejected.is_empty()) {
                return Ok(SourceItem::Rejected(std::mem::take(&mut self.rejected)));
            }
            if self.finished {
                return Ok(SourceItem::Done { records: self.records, bytes: self.window.bytes_read() });
            }
            self.decode_window()?;
        }
    }

    fn batch(&mut self) -> Result<SourceItem> {
        let batch = self.rows.finish()?;
        let starts = UInt64Array::from(std::mem::take(&mut self.starts));
        let ends = UInt64Array::from(std::mem::take(&mut self.ends));
        let origin = Origin::new(Arc::clone(&self.name), None, OriginUnit::Byte, starts, ends)?;
        Ok(SourceItem::Batch(RawBatch::new(batch, origin)?))
    }

    fn decode_window(&mut self) -> Result<()> {
        if !self.begun {
            self.begun = true;
            self.window.slide(0, WINDOW)?;
        }
        let bytes = std::mem::take(&mut self.window.bytes);
        let progress = match self.shape.format {
            LogFormat::Json => self.decode_events(&bytes),
            LogFormat::Common | LogFormat::Combined => self.decode_lines(&bytes),
        };
        self.window.bytes = bytes;
        let left = self.window.bytes.len() - progress.used;
        if self.window.at_end && (!progress.hungry || left == 0) {
            self.finished = left == 0;
        }
        if self.finished {
            if self.overlong.is_some() {
                self.reject(self.window.bytes.len(), self.window.bytes.len(), TOO_LONG);
            }
            return Ok(());
        }
        let wanted = if progress.hungry { (left + WINDOW).max(WINDOW) } else { self.window.bytes.len() };
        self.window.slide(progress.used, wanted)
    }

    fn accept(&mut self, row: &[Value<'_>], start: usize, end: usize) {
        self.rows.append(row);
        self.starts.push(self.window.base + start as u64);
        self.ends.push(self.window.base + end as u64);
        self.records += 1;
    }

    fn reject(&mut self, start: usize, end: usize, reason: impl Into<String>) {
        let start = self.overlong.take().unwrap_or(self.window.base + start as u64);
        self.rejected.push(Rejected {
            object: self.name.to_string(),
            part: None,
            unit: OriginUnit::Byte,
            start,
            end: self.window.base + end as u64,
            reason: reason.into(),
        });
        self.records += 1;
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.shape.batch_rows || self.rejected.len() >= REJECTED_AT_ONCE
    }

    fn decode_events(&mut self, bytes: &[u8]) -> Progress {
        let shape = Arc::clone(&self.shape);
        let decoder = JsonDecoder { members: &shape.members, columns: &shape.columns, zone: shape.zone };
        let mut row = vec![Value::Null; shape.columns.len()];
        let mut unread = Unread::default();
        let mut at = 0;
        let hungry = loop {
            at += bytes.get(at..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_whitespace()).count());
            if at >= bytes.len() {
                break true;
            }
            if self.is_full() {
                break false;
            }
            let fault = match self.overlong {
                Some(_) => Fault::Malformed(at, TOO_LONG),
                None => match decoder.decode(bytes, at, &mut row, &mut unread) {
                    Ok(end) if end - at <= shape.max_record => {
                        unread.keep();
                        self.accept(&row, at, end);
                        at = end;
                        continue;
                    }
                    Ok(end) => Fault::Unfit(end, TOO_LONG.to_owned()),
                    Err(fault) => fault,
                },
            };
            match self.recover(bytes, at, fault) {
                Some(next) => at = next,
                None => break true,
            }
        };
        let mut names = unread.into_names();
        if !names.is_empty() {
            shape.unread.lock().unwrap_or_else(PoisonError::into_inner).append(&mut names);
        }
        let used = self.give_up_overlong(bytes, at, hungry);
        Progress { used, hungry }
    }

    /// Rejects the record at `start` and finds where the next one may begin; `None` when that needs more text.
    fn recover(&mut self, bytes: &[u8], start: usize, fault: Fault) -> Option<usize> {
        let (next, reason) = match fault {
            Fault::Unfit(end, reason) => (Some(end), reason),
            Fault::Malformed(at, what) => (next_record(bytes, start, at), format!("malformed JSON: {what}")),
            Fault::Incomplete => (None, "malformed JSON: it ends in the middle".to_owned()),
        };
        match next {
            Some(next) => {
                self.reject(start, trimmed(bytes, start, next), reason);
                Some(next)
            }
            None if self.window.at_end => {
                // An unfinished record swallows nothing that begins a line of its own.
                let next = next_record(bytes, start, bytes.len()).unwrap_or(bytes.len());
                self.reject(start, trimmed(bytes, start, next), reason);
                Some(next)
            }
            None => None,
        }
    }

    /// A record that is longer than allowed is not kept at hand: what is passed over, its beginning remembered.
    fn give_up_overlong(&mut self, bytes: &[u8], at: usize, hungry: bool) -> usize {
        if !hungry || bytes.len() - at <= self.shape.max_record {
            return at;
        }
        self.overlong.get_or_insert(self.window.base + at as u64);
        bytes.len()
    }

    fn decode_lines(&mut self, bytes: &[u8]) -> Progress {
        let shape = Arc::clone(&self.shape);
        let mut row = vec![Value::Null; shape.columns.len()];
        let mut at = 0;
        let hungry = loop {
            if at >= bytes.len() {
                break true;
            }
            if self.is_full() {
                break false;
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let end = match memchr(b'\n', rest) {
                Some(length) => at + length,
                None if self.window.at_end => bytes.len(),
                None => break true,
            };
            let line = bytes.get(at..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if self.overlong.is_some() || line.len() > shape.max_record {
                self.reject(at, end, TOO_LONG);
            } else if !line.iter().all(u8::is_ascii_whitespace) {
                match log_row(&shape, line, &mut row) {
                    Ok(()) => self.accept(&row, at, at + line.len()),
                    Err(reason) => self.reject(at, at + line.len(), reason),
                }
            }
            at = (end + 1).min(bytes.len());
        };
        let used = self.give_up_overlong(bytes, at, hungry);
        Progress { used, hungry }
    }
}

fn log_row<'a>(shape: &Shape, line: &'a [u8], row: &mut [Value<'a>]) -> std::result::Result<(), String> {
    let line = std::str::from_utf8(line).map_err(|_| "text that is not UTF-8".to_owned())?;
    let fields =
        access_log::parse(line, shape.format == LogFormat::Combined).map_err(|e| format!("malformed line: {e}"))?;
    for (index, (place, field)) in row.iter_mut().zip(&shape.log_fields).enumerate() {
        let (Some(data_type), Some(name)) = (shape.types.get(index), shape.columns.get(index)) else { continue };
        let text = fields.get(*field).cloned().flatten();
        let misfit = |m| format!("column {name}: {m} where {data_type} was expected");
        *place = match text {
            None => Value::Null,
            Some(text) if *data_type == DataType::String => Value::Text(text),
            Some(text) => match of_text(&text, data_type, shape.zone).map_err(misfit)? {
                Value::Integer(v) => Value::Integer(v),
                Value::Timestamp(v) => Value::Timestamp(v),
                Value::Date(v) => Value::Date(v),
                Value::Decimal(v) => Value::Decimal(v),
                Value::Double(v) => Value::Double(v),
                _ => return Err(misfit("text")),
            },
        };
    }
    Ok(())
}

/// Where the record behind a malformed one begins: behind the first line break at or after the fault, or before it where
/// the next line begins with `{`; or at an object that is glued to the end of one, `}{`. The end of the text is no answer
/// while there may be more.
fn next_record(bytes: &[u8], start: usize, fault: usize) -> Option<usize> {
    let rest = bytes.get(start..).unwrap_or_default();
    let by_line =
        memchr_iter(b'\n', rest).map(|at| start + at + 1).find(|next| *next > fault || bytes.get(*next) == Some(&b'{'));
    let glued = bytes.get(fault..).and_then(|after| memmem::find(after, b"}{")).map(|at| fault + at + 1);
    match (by_line, glued) {
        (Some(line), Some(glued)) => Some(line.min(glued)),
        (line, glued) => line.or(glued),
    }
}

/// The end of a record without the white space behind it.
fn trimmed(bytes: &[u8], start: usize, end: usize) -> usize {
    let text = bytes.get(start..end).unwrap_or_default();
    start + text.trim_ascii_end().len()
}

impl Iterator for ObjectDecoder {
    type Item = Result<SourceItem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.records == u64::MAX {
            return None;
        }
        let item = self.advance();
        if matches!(item, Ok(SourceItem::Done { .. }) | Err(_)) {
            self.records = u64::MAX;
        }
        Some(item)
    }
}

impl Shape {
    /// # Errors
    /// When a column of an access log's contract names no field of it.
    pub(crate) fn new(
        contract: Arc<Contract>,
        format: LogFormat,
        zone: Tz,
        batch_rows: usize,
        max_record: usize,
    ) -> Result<Self> {
        let columns = contract.published_columns().map(|c| c.name.to_string()).collect();
        let types = contract.published_columns().map(|c| c.data_type.clone()).collect();
        let log_fields = if format == LogFormat::Json { Vec::new() } else { log_fields(&contract)? };
        let members = Members::of(&contract)?;
        Ok(Self {
            contract,
            format,
            zone,
            batch_rows,
            max_record,
            members,
            columns,
            types,
            log_fields,
            unread: Mutex::default(),
        })
    }
}

fn log_fields(contract: &Contract) -> Result<Vec<usize>> {
    contract
        .published_columns()
        .map(|column| {
            let position = column.source.iter().find_map(|name| access_log::FIELDS.iter().position(|f| f == name));
            position.ok_or_else(|| {
                let wanted = column.source.first().map_or("", String::as_str);
                let error = Error::bad_input(format!("an access log has no field `{wanted}`"))
                    .at(format!("schemas/{}.toml, column {}", contract.table(), column.name))
                    .expected(format!("one of {}", access_log::FIELDS.join(", ")));
                match lakegate_contract::suggest(wanted, access_log::FIELDS) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error,
                }
            })
        })
        .collect()
}

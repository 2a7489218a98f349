//! The stream of a binary COPY, cut into tuples.
//!
//! Form: <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>, "Binary Format".

use std::sync::Arc;

use arrow::array::UInt64Array;
use bytes::{Buf as _, Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use lakegate_contract::{DataType, Error, Result};
use lakegate_pipeline::rows::{RowsBuilder, Value};
use lakegate_pipeline::{Rejected, SourceItem};
use lakegate_redaction::{Origin, OriginUnit, RawBatch};
use tokio_postgres::CopyOutStream;

use super::connect::Connected;
use super::types::SourceType;
use crate::failure;
use crate::source::TableContext;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, the flags and the length of the header's extension.
const HEADER: usize = SIGNATURE.len() + 8;
/// Flags that a reader must refuse when it does not know them; none is known.
const CRITICAL_FLAGS: u32 = 0xFFFF_0000;

/// Tuples from bytes, wherever these were cut.
pub(super) struct CopyDecoder {
    context: Arc<TableContext>,
    part: Arc<str>,
    columns: Vec<(String, DataType, SourceType)>,
    rows: RowsBuilder,
    positions: Vec<u64>,
    rejected: Vec<Rejected>,
    pending: BytesMut,
    header_read: bool,
    ended: bool,
    records: u64,
    bytes: u64,
}

impl CopyDecoder {
    pub(super) fn new(context: Arc<TableContext>, types: Vec<SourceType>, part: String) -> Result<Self> {
        let published = context.contract.published_columns();
        let columns = published.zip(types).map(|(c, t)| (c.name.to_string(), c.data_type.clone(), t)).collect();
        Ok(Self {
            rows: RowsBuilder::new(&context.contract)?,
            context,
            part: part.into(),
            columns,
            positions: Vec::new(),
            rejected: Vec::new(),
            pending: BytesMut::new(),
            header_read: false,
            ended: false,
            records: 0,
            bytes: 0,
        })
    }

    /// Takes bytes; nothing is said of what they hold but that it is whole.
    pub(super) fn push(&mut self, bytes: &Bytes) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.pending.extend_from_slice(bytes);
        if !self.header_read && !self.read_header()? {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        while !self.ended {
            match self.tuple(pending.get(at..).unwrap_or_default())? {
                Some(length) => at += length,
                None => break,
            }
        }
        self.pending = pending;
        self.pending.advance(at);
        Ok(())
    }

    fn read_header(&mut self) -> Result<bool> {
        let Some(head) = self.pending.get(..HEADER) else { return Ok(false) };
        let extension = head.get(HEADER - 4..).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes) as usize;
        let flags = head.get(SIGNATURE.len()..HEADER - 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
        if !head.starts_with(SIGNATURE) || flags & CRITICAL_FLAGS != 0 {
            return Err(self.broken("the stream does not begin like a binary COPY"));
        }
        if self.pending.len() < HEADER + extension {
            return Ok(false);
        }
        self.pending.advance(HEADER + extension);
        self.header_read = true;
        Ok(true)
    }

    fn broken(&self, what: &str) -> Error {
        Error::unavailable(what.to_owned()).at(self.context.place()).help("run the job again")
    }

    /// Reads the tuple at the front; its length, or `None` when it is not all there.
    fn tuple(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some(count) = bytes.get(..2).and_then(|b| b.try_into().ok()).map(i16::from_be_bytes) else {
            return Ok(None);
        };
        if count == -1 {
            self.ended = true;
            return Ok(Some(2));
        }
        if usize::try_from(count) != Ok(self.columns.len()) {
            return Err(self.broken("a row has a wrong number of columns"));
        }
        let zone = self.context.environment.time_zone;
        let mut values = Vec::with_capacity(self.columns.len());
        let mut misfit = None;
        let mut at = 2;
        for (name, data_type, source) in &self.columns {
            let Some(length) = bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(i32::from_be_bytes) else {
                return Ok(None);
            };
            at += 4;
            let Ok(length) = usize::try_from(length) else {
                values.push(Value::Null);
                continue;
            };
            let Some(field) = bytes.get(at..at + length) else { return Ok(None) };
            at += length;
            match source.decode(field, data_type, zone) {
                Ok(value) => values.push(value),
                Err(found) => {
                    misfit.get_or_insert_with(|| format!("column {name}: {found} where {data_type} was expected"));
                }
            }
        }
        self.records += 1;
        match misfit {
            None => {
                self.rows.append(&values);
                self.positions.push(self.records);
            }
            Some(reason) => self.reject(reason),
        }
        Ok(Some(at))
    }

    fn reject(&mut self, reason: String) {
        self.rejected.push(Rejected {
            object: self.context.table.clone(),
            part: Some(self.part.to_string()),
            unit: OriginUnit::Row,
            start: self.records,
            end: self.records + 1,
            reason,
        });
    }

    /// An item that is ready: a full batch, rejected rows, or what is left once the stream has ended.
    fn ready(&mut self, at_end: bool) -> Result<Option<SourceItem>> {
        const REJECTED_AT_ONCE: usize = 1024;
        if self.rejected.len() >= REJECTED_AT_ONCE || (at_end && !self.rejected.is_empty()) {
            return Ok(Some(SourceItem::Rejected(std::mem::take(&mut self.rejected))));
        }
        if self.rows.len() >= self.context.environment.batch_rows || (at_end && !self.rows.is_empty()) {
            let batch = self.rows.finish()?;
            let positions = std::mem::take(&mut self.positions);
            let starts = UInt64Array::from_iter_values(positions.iter().copied());
            let ends = UInt64Array::from_iter_values(positions.iter().map(|p| p + 1));
            let origin =
                Origin::new(self.context.table.as_str(), Some(Arc::clone(&self.part)), OriginUnit::Row, starts, ends)?;
            return Ok(Some(SourceItem::Batch(RawBatch::new(batch, origin)?)));
        }
        Ok(None)
    }
}

enum State {
    Copying,
    Copied,
    Ending,
    Over,
}

/// What a COPY yields. It ends with `Done` only when the server has sent the trailer and has answered another statement of
/// the same transaction: the driver drops an error that comes behind the last row.
pub(super) fn items(
    connected: Connected,
    copied: CopyOutStream,
    decoder: CopyDecoder,
    place: String,
) -> impl Stream<Item = Result<SourceItem>> + Send {
    let state = (connected, Box::pin(copied), decoder, place, State::Copying);
    futures::stream::unfold(state, |(connected, mut copied, mut decoder, place, mut state)| async move {
        let item = loop {
            match state {
                State::Over => return None,
                State::Copying => {}
                State::Ending => break finish(&mut decoder, &mut state),
                State::Copied => {
                    if let Err(error) = connected.client.batch_execute("SELECT 1").await {
                        break Err(failure::postgres(&error, &place));
                    }
                    state = State::Ending;
                    continue;
                }
            }
            match decoder.ready(false) {
                Ok(Some(item)) => break Ok(item),
                Ok(None) => {}
                Err(error) => break Err(error),
            }
            match copied.next().await {
                Some(Ok(bytes)) => {
                    if let Err(error) = decoder.push(&bytes) {
                        break Err(error);
                    }
                }
                Some(Err(error)) => break Err(failure::postgres(&error, &place)),
                None => state = State::Copied,
            }
        };
        if item.is_err() {
            state = State::Over;
        }
        Some((item, (connected, copied, decoder, place, state)))
    })
}

fn finish(decoder: &mut CopyDecoder, state: &mut State) -> Result<SourceItem> {
    if !decoder.ended {
        return Err(decoder.broken("the database ended the COPY in the middle"));
    }
    if let Some(item) = decoder.ready(true)? {
        return Ok(item);
    }
    *state = State::Over;
    Ok(SourceItem::Done { records: decoder.records, bytes: decoder.bytes })
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray as _;
    use arrow::datatypes::Int64Type;
    use lakegate_contract::Contract;
    use lakegate_pipeline::SourceEnvironment;

    use super::*;

    fn decoder() -> CopyDecoder {
        let contract = r#"columns = [{ name = "id", type = "bigint" }, { name = "note", type = "string" }]"#;
        let context = TableContext {
            contract: Arc::new(Contract::parse(contract, "schemas/t.toml").unwrap()),
            connection: "shop".into(),
            table: "t".into(),
            splits: None,
            environment: SourceEnvironment {
                inputs: lakegate_pipeline::Inputs::new(".".into(), None, Default::default()),
                project_root: ".".into(),
                time_zone: chrono_tz::UTC,
                connections: Default::default(),
                batch_rows: 100,
            },
        };
        CopyDecoder::new(Arc::new(context), vec![SourceType::Int8, SourceType::Text], "t".into()).unwrap()
    }

    /// Header, three rows (one without a note, one with a note that is not UTF-8), trailer.
    fn stream(flags: u32, trailer: bool) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        out.extend(flags.to_be_bytes());
        out.extend([0, 0, 0, 2, 9, 9]);
        for (id, note) in [(1i64, Some("한글".as_bytes())), (2, None), (3, Some(b"\xff".as_slice()))] {
            out.extend([0, 2, 0, 0, 0, 8]);
            out.extend(id.to_be_bytes());
            match note {
                Some(note) => {
                    out.extend((note.len() as i32).to_be_bytes());
                    out.extend(note);
                }
                None => out.extend((-1i32).to_be_bytes()),
            }
        }
        if trailer {
            out.extend([0xff, 0xff]);
        }
        out
    }

    #[test]
    fn a_stream_may_be_cut_anywhere() {
        let whole = stream(0, true);
        for cut in 0..=whole.len() {
            let mut decoder = decoder();
            for part in [&whole[..cut], &whole[cut..]] {
                decoder.push(&Bytes::copy_from_slice(part)).unwrap();
            }
            assert!(decoder.ended && decoder.records == 3 && decoder.bytes == whole.len() as u64, "cut at {cut}");
            let Some(SourceItem::Rejected(rejected)) = decoder.ready(true).unwrap() else { panic!("cut at {cut}") };
            assert_eq!((rejected.len(), rejected[0].start), (1, 3));
            let Some(SourceItem::Batch(batch)) = decoder.ready(true).unwrap() else { panic!("cut at {cut}") };
            let columns = batch.expose();
            assert_eq!(columns.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
            let notes: Vec<_> = columns.column(1).as_string::<i32>().iter().collect();
            assert_eq!(notes, [Some("한글"), None]);
        }
    }

    #[test]
    fn an_early_end_is_an_error() {
        let whole = stream(0, true);
        for cut in 0..whole.len() {
            let mut decoder = decoder();
            decoder.push(&Bytes::copy_from_slice(&whole[..cut])).unwrap();
            let error = finish(&mut decoder, &mut State::Ending).unwrap_err();
            assert!(error.class().retryable(), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_copy_or_of_an_unknown_kind_is_refused() {
        assert!(decoder().push(&Bytes::from(stream(1 << 16, true))).is_err());
        assert!(decoder().push(&Bytes::from(stream(1, true))).is_ok());
        assert!(decoder().push(&Bytes::from_static(b"id,note\n1,hello and some more\n")).is_err());
        let mut narrow = stream(0, true);
        narrow[HEADER + 3] = 1;
        assert!(decoder().push(&Bytes::from(narrow)).is_err());
    }
}

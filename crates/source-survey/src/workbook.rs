//! Reading one workbook: its sheet, its header, its respondents.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::sync::Arc;

use arrow::array::UInt64Array;
use calamine::{Data, Dimensions, Reader as _, SheetVisible, Xlsx};
use lakegate_contract::{DataType, Error, Result, suggest};
use lakegate_pipeline::rows::{Misfit, RowsBuilder, Value, of_text};
use lakegate_pipeline::{PinnedFile, Rejected, SourceItem, WholeFile};
use lakegate_redaction::{Origin, OriginUnit, RawBatch};
use tokio::sync::mpsc::Sender;

use crate::archive;
use crate::cell::{address, owned, text_of, value_of};
use crate::header::{names, normal};
use crate::reshape::{LongRow, explode, unpivot};
use crate::source::{BadCell, Shared};

/// Respondents that are reshaped together.
const CHUNK: usize = 8192;
/// Most cells of a sheet.
const MAX_CELLS: u64 = 50_000_000;

pub(crate) type Book = Xlsx<BufReader<WholeFile>>;

/// The largest workbook of a bucket, in bytes: it is held in memory. Excel itself saves no larger ones than some hundred MB.
const MAX_WORKBOOK: u64 = 256 << 20;

/// What a workbook's header gives.
pub(crate) struct Headers {
    sheet: String,
    /// Names by column.
    found: BTreeMap<u32, String>,
    /// Headers that the contract does not name.
    pub(crate) unread: Vec<String>,
}

/// Where a published column's values come from.
enum From {
    Cell(u32),
    Answer,
    Question,
    Quarter,
    File,
    Sheet,
    Row,
}

/// A respondent's row: its number in the sheet and its cells by column.
struct Respondent {
    row: u32,
    cells: BTreeMap<u32, Data>,
}

pub(crate) struct Reader<'a> {
    shared: &'a Shared,
    name: &'a str,
    quarter: Option<&'a str>,
    headers: Headers,
    columns: Vec<(String, DataType, From)>,
}

/// Opens a workbook that is worth opening.
pub(crate) fn open(shared: &Shared, file: &PinnedFile) -> Result<Book> {
    let name = &file.object.name;
    let opened = shared.environment.inputs.open_whole(file, MAX_WORKBOOK)?;
    let file = archive::inspect(opened, name)?;
    // The parser's message may quote the workbook.
    Xlsx::new(BufReader::new(file)).map_err(|_| damaged(name))
}

fn damaged(name: &str) -> Error {
    Error::bad_input("the workbook is damaged: it cannot be read to its end")
        .at(name)
        .help("open it in Excel, save it again, and put that copy in its place")
}

/// Reads a workbook's header alone.
pub(crate) fn headers(shared: &Shared, file: &PinnedFile) -> Result<Headers> {
    let (mut book, name) = (open(shared, file)?, &file.object.name);
    let headers = read_headers(shared, &mut book, name)?;
    sources(shared, &headers, name)?;
    Ok(headers)
}

fn read_headers(shared: &Shared, book: &mut Book, name: &str) -> Result<Headers> {
    let sheet = pick_sheet(shared, book, name)?;
    let last = shared.header_rows.last().copied().unwrap_or(0);
    let merged = book.merge_cells_by_sheet_name(&sheet).map_err(|_| damaged(name))?;
    let merged: Vec<Dimensions> = merged.into_iter().filter(|m| m.start.0 <= last).collect();
    let mut cells = BTreeMap::new();
    let mut reader = book.worksheet_cells_reader(&sheet).map_err(|_| damaged(name))?;
    while let Some(cell) = reader.next_cell().map_err(|_| damaged(name))? {
        let place = cell.get_position();
        if place.0 > last {
            break;
        }
        if shared.header_rows.contains(&place.0) {
            cells.insert(place, owned(cell.get_value().clone()));
        }
    }
    let found = names(&shared.header_rows, &cells, &merged);
    if found.is_empty() {
        return Err(Error::bad_input("the header rows are empty")
            .at(format!("{name}!{sheet}, row {}", last + 1))
            .help("correct header_rows under [source] of the job: rows count from 1"));
    }
    let declared = |header: &String| {
        let columns = shared.contract.columns().iter().flat_map(|c| &c.source);
        let own = shared
            .config
            .explode
            .iter()
            .map(|e| &e.column)
            .chain(shared.config.unpivot.iter().flat_map(|u| &u.columns));
        columns.chain(own).any(|source| same(source, header))
    };
    let unread = found.values().filter(|header| !declared(header)).cloned().collect();
    Ok(Headers { sheet, found, unread })
}

fn pick_sheet(shared: &Shared, book: &Book, name: &str) -> Result<String> {
    let visible =
        || book.sheets_metadata().iter().filter(|s| s.visible == SheetVisible::Visible).map(|s| s.name.as_str());
    let Some(wanted) = &shared.config.sheet else {
        return visible()
            .next()
            .map(str::to_owned)
            .ok_or_else(|| Error::bad_input("the workbook has no visible sheet").at(name));
    };
    let all = || book.sheets_metadata().iter().map(|s| s.name.as_str());
    if let Some(found) = all().find(|sheet| *sheet == wanted) {
        return Ok(found.to_owned());
    }
    let error = Error::bad_input(format!("the workbook has no sheet `{wanted}`"))
        .at(name)
        .expected(format!("one of {}", all().collect::<Vec<_>>().join(", ")));
    Err(error.suggesting(wanted, all()))
}

fn same(a: &str, b: &str) -> bool {
    normal(a).eq_ignore_ascii_case(&normal(b))
}

/// Where each published column comes from.
fn sources(shared: &Shared, headers: &Headers, name: &str) -> Result<Vec<(String, DataType, From)>> {
    shared
        .contract
        .published_columns()
        .map(|column| {
            let from = column.source.iter().find_map(|source| source_of(shared, headers, source));
            let from =
                from.ok_or_else(|| missing(headers, column.source.first().map_or("", String::as_str), shared, name))?;
            Ok((column.name.to_string(), column.data_type.clone(), from))
        })
        .collect()
}

fn source_of(shared: &Shared, headers: &Headers, source: &str) -> Option<From> {
    Some(match source {
        "$quarter" => From::Quarter,
        "$file" => From::File,
        "$sheet" => From::Sheet,
        "$row" => From::Row,
        "$question" => From::Question,
        "$score" => From::Answer,
        _ => {
            let column = headers.found.iter().find(|(_, header)| same(header, source)).map(|(column, _)| *column)?;
            match &shared.config.explode {
                Some(explode) if same(&explode.column, source) => From::Answer,
                _ => From::Cell(column),
            }
        }
    })
}

/// The headers that were found are told only where most of the contract's are among them: in another row stand answers.
fn missing(headers: &Headers, wanted: &str, shared: &Shared, name: &str) -> Error {
    let row = shared.header_rows.last().copied().unwrap_or(0) + 1;
    let error = Error::bad_input(format!("there is no header `{wanted}`"))
        .at(format!("{name}!{}, row {row}", headers.sheet))
        .help("a column's `source` in the contract may list several headers");
    let found = || headers.found.values().map(String::as_str);
    let named: Vec<&String> = shared.contract.columns().iter().flat_map(|column| &column.source).collect();
    let of_contract = found().filter(|header| named.iter().any(|source| same(header, source))).count();
    let columns = shared.contract.columns().iter().filter(|column| !column.source.iter().any(|s| s.starts_with('$')));
    if of_contract * 2 < columns.count().max(2) {
        return error
            .expected(format!("the headers of the contract in row {row}; {of_contract} of them are there"))
            .help("see whether `header_rows` and `sheet` under [source] of the job fit the workbook");
    }
    let error = error.expected(format!("one of {}", found().collect::<Vec<_>>().join(", ")));
    match suggest(wanted, found()) {
        Some(near) => error.help(format!("did you mean `{near}`? A column's `source` may list several headers")),
        None => error,
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(shared: &'a Shared, book: &mut Book, name: &'a str, quarter: Option<&'a str>) -> Result<Self> {
        let headers = read_headers(shared, book, name)?;
        let columns = sources(shared, &headers, name)?;
        Ok(Self { shared, name, quarter, headers, columns })
    }

    /// Reads all respondents, a chunk at a time.
    pub(crate) fn read(self, mut book: Book, bytes: u64, sender: &Sender<Result<SourceItem>>) -> Result<()> {
        let needed = self.needed_columns()?;
        let mut cells = book.worksheet_cells_reader(&self.headers.sheet).map_err(|_| damaged(self.name))?;
        let first = self.shared.header_rows.last().copied().unwrap_or(0) + 1;
        let (mut chunk, mut current): (Vec<Respondent>, Option<Respondent>) = (Vec::new(), None);
        let (mut records, mut seen) = (0, 0);
        while let Some(cell) = cells.next_cell().map_err(|_| damaged(self.name))? {
            seen += 1;
            if seen > MAX_CELLS {
                return Err(Error::bad_input(format!("the sheet has more than {MAX_CELLS} cells")).at(self.name));
            }
            let (row, column) = cell.get_position();
            if row < first || !needed.contains(&column) {
                continue;
            }
            if current.as_ref().is_none_or(|c| c.row != row) {
                chunk.extend(current.take());
                if chunk.len() >= CHUNK && !self.hand_on(&mut chunk, &mut records, sender)? {
                    return Ok(());
                }
                current = Some(Respondent { row, cells: BTreeMap::new() });
            }
            if let Some(current) = &mut current {
                current.cells.insert(column, owned(cell.get_value().clone()));
            }
        }
        chunk.extend(current);
        if self.hand_on(&mut chunk, &mut records, sender)? {
            let _ = sender.blocking_send(Ok(SourceItem::Done { records, bytes }));
        }
        Ok(())
    }

    fn column_of(&self, header: &str) -> Result<u32> {
        let found = self.headers.found.iter().find(|(_, name)| same(name, header)).map(|(column, _)| *column);
        found.ok_or_else(|| missing(&self.headers, header, self.shared, self.name))
    }

    fn needed_columns(&self) -> Result<Vec<u32>> {
        let mut needed: Vec<u32> = self
            .columns
            .iter()
            .filter_map(|(_, _, from)| if let From::Cell(c) = from { Some(*c) } else { None })
            .collect();
        let own = self
            .shared
            .config
            .explode
            .iter()
            .map(|e| &e.column)
            .chain(self.shared.config.unpivot.iter().flat_map(|u| &u.columns));
        for header in own {
            needed.push(self.column_of(header)?);
        }
        Ok(needed)
    }

    /// Reshapes and types a chunk; `false` when nobody listens any more.
    fn hand_on(
        &self,
        chunk: &mut Vec<Respondent>,
        records: &mut u64,
        sender: &Sender<Result<SourceItem>>,
    ) -> Result<bool> {
        // A row without any answer is no respondent: forms leave such rows below the table.
        let respondents: Vec<Respondent> = std::mem::take(chunk)
            .into_iter()
            .filter(|r| r.cells.values().any(|c| text_of(c).is_some() || matches!(c, Data::Error(_))))
            .collect();
        let mut rows = RowsBuilder::new(&self.shared.contract)?;
        let (mut places, mut rejected) = (Vec::new(), Vec::new());
        let long_rows = self.long_rows(&respondents)?;
        for answers in long_rows.chunk_by(|a, b| a.respondent == b.respondent) {
            let Some(respondent) = answers.first().and_then(|first| respondents.get(first.respondent)) else {
                continue;
            };
            // One bad answer takes all of its respondent's with it: half a respondent would be counted as a whole one.
            let typed: std::result::Result<Vec<_>, String> =
                answers.iter().map(|long| self.row(respondent, long)).collect();
            match typed {
                Ok(typed) => typed.iter().for_each(|values| {
                    rows.append(values);
                    places.push(u64::from(respondent.row) + 1);
                }),
                Err(reason) => rejected.push(self.rejection(respondent, reason)),
            }
        }
        *records += (rows.len() + rejected.len()) as u64;
        let mut items = Vec::new();
        if !rejected.is_empty() {
            items.push(SourceItem::Rejected(rejected));
        }
        if !rows.is_empty() {
            items.push(SourceItem::Batch(RawBatch::new(rows.finish()?, self.origin(&places)?)?));
        }
        Ok(items.into_iter().all(|item| sender.blocking_send(Ok(item)).is_ok()))
    }

    fn origin(&self, places: &[u64]) -> Result<Origin> {
        let starts = UInt64Array::from_iter_values(places.iter().copied());
        let ends = UInt64Array::from_iter_values(places.iter().map(|p| p + 1));
        Origin::new(self.name, Some(Arc::from(self.headers.sheet.as_str())), OriginUnit::Row, starts, ends)
    }

    fn rejection(&self, respondent: &Respondent, reason: String) -> Rejected {
        Rejected {
            object: self.name.to_owned(),
            part: Some(self.headers.sheet.clone()),
            unit: OriginUnit::Row,
            start: u64::from(respondent.row) + 1,
            end: u64::from(respondent.row) + 2,
            reason,
        }
    }

    fn long_rows(&self, respondents: &[Respondent]) -> Result<Vec<LongRow>> {
        let texts =
            |column: u32| respondents.iter().map(|r| r.cells.get(&column).and_then(text_of)).collect::<Vec<_>>();
        if let Some(spec) = &self.shared.config.explode {
            return explode(&texts(self.column_of(&spec.column)?), &spec.separator);
        }
        if let Some(spec) = &self.shared.config.unpivot {
            let questions: Result<Vec<_>> =
                spec.columns.iter().map(|header| Ok((header.clone(), texts(self.column_of(header)?)))).collect();
            return unpivot(&questions?, respondents.len());
        }
        Ok((0..respondents.len()).map(|respondent| LongRow { respondent, question: None, answer: None }).collect())
    }

    /// The values of a row, or what is wrong with which cell.
    fn row<'r>(&'r self, respondent: &'r Respondent, long: &'r LongRow) -> std::result::Result<Vec<Value<'r>>, String> {
        const EMPTY: &Data = &Data::Empty;
        let zone = self.shared.environment.time_zone;
        let words = |text: Option<&'r str>, t: &DataType| text.map_or(Ok(Value::Null), |text| of_text(text, t, zone));
        let mut values = Vec::with_capacity(self.columns.len());
        for (name, data_type, from) in &self.columns {
            let value: std::result::Result<Value<'r>, Misfit> = match from {
                From::Cell(column) => value_of(respondent.cells.get(column).unwrap_or(EMPTY), data_type, zone),
                From::Answer => words(long.answer.as_deref(), data_type),
                From::Question => words(long.question.as_deref(), data_type),
                From::Quarter => words(self.quarter, data_type),
                From::File => words(Some(self.name), data_type),
                From::Sheet => words(Some(&self.headers.sheet), data_type),
                From::Row => lakegate_pipeline::rows::of_integer(i64::from(respondent.row) + 1, data_type),
            };
            match value {
                Ok(value) => values.push(value),
                Err(_) if self.shared.config.on_bad_cell == BadCell::Null => {
                    tracing::debug!(
                        workbook = self.name,
                        row = respondent.row + 1,
                        column = name,
                        "a cell that does not fit became NULL"
                    );
                    values.push(Value::Null);
                }
                Err(misfit) => {
                    let place = match from {
                        From::Cell(column) => format!("cell {}: ", address(respondent.row, *column)),
                        _ => String::new(),
                    };
                    return Err(format!("{place}column {name}: {misfit} where {data_type} was expected"));
                }
            }
        }
        Ok(values)
    }
}

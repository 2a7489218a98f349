//! A look at a workbook's archive before any parser sees it: what it inflates to is counted, not believed.

use std::io::{BufReader, Read, Seek as _, SeekFrom};

use lakegate_contract::{Error, Result};
use lakegate_pipeline::WholeFile;
use zip::ZipArchive;

const MAX_ENTRIES: usize = 10_000;
const MAX_INFLATED: u64 = 1 << 30;
/// Inflated bytes for each byte of the file; tables of repeated cells reach about 100.
const MAX_RATIO: u64 = 400;
/// Below this, a ratio says nothing.
const RATIO_FROM: u64 = 64 << 20;
/// Strings that a shared table may announce: the parser reserves room for all of them at once.
const MAX_SHARED_STRINGS: u64 = 20_000_000;
const HEAD: usize = 4096;

/// Refuses files that are no workbook, or that would take too much to read; gives others back, at their beginning.
pub(crate) fn inspect(mut file: WholeFile, name: &str) -> Result<WholeFile> {
    let bad = |found: String| Error::bad_input(found).at(name);
    let unreadable = |e: std::io::Error| bad(format!("the file cannot be read: {}", e.kind()));
    let size = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    refuse_other_kinds(&mut file, name)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|_| {
        bad("the workbook is damaged: its archive cannot be opened".to_owned())
            .help("open it in Excel, save it again, and put that copy in its place")
    })?;
    if archive.len() > MAX_ENTRIES {
        return Err(bad(format!("the workbook's archive has {} entries", archive.len()))
            .expected(format!("at most {MAX_ENTRIES}")));
    }
    let mut total = 0;
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|_| bad("an entry of the workbook's archive cannot be opened".to_owned()))?;
        let entry_name = entry.name().map(|n| n.into_owned()).unwrap_or_default();
        let xml = entry_name.ends_with(".xml") || entry_name.ends_with(".rels");
        let strings = entry_name.ends_with("sharedStrings.xml");
        total = inflate(&mut entry, total, size, xml, strings)
            .map_err(|found| bad(found).help("the file may be damaged, or made to do harm"))?;
    }
    let mut file = archive.into_inner().into_inner();
    file.rewind().map_err(unreadable)?;
    Ok(file)
}

/// Inflates an entry to nowhere; the bytes so far.
fn inflate(
    entry: &mut impl Read,
    mut total: u64,
    size: u64,
    xml: bool,
    strings: bool,
) -> std::result::Result<u64, String> {
    let mut buffer = vec![0; 64 << 10];
    let mut head: Vec<u8> = Vec::new();
    loop {
        let count = entry
            .read(&mut buffer)
            .map_err(|_| "the workbook is damaged: an entry of its archive cannot be inflated".to_owned())?;
        if count == 0 {
            break;
        }
        total += count as u64;
        if total > MAX_INFLATED || (total > RATIO_FROM && total / size.max(1) > MAX_RATIO) {
            return Err(format!(
                "the workbook inflates to more than {} MiB from {} KiB",
                (total - 1) >> 20,
                size >> 10
            ));
        }
        let missing = HEAD.saturating_sub(head.len());
        head.extend(buffer.iter().take(count.min(missing)));
    }
    if xml && contains(&head, b"<!DOCTYPE") {
        return Err("the workbook declares a document type, which no workbook does".to_owned());
    }
    if strings && announced(&head).is_some_and(|count| count > MAX_SHARED_STRINGS) {
        return Err("the workbook announces more shared strings than it can hold".to_owned());
    }
    Ok(total)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|w| w.eq_ignore_ascii_case(part))
}

/// The count in `uniqueCount="…"`.
fn announced(head: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(head);
    let (_, rest) = text.split_once("uniqueCount=\"")?;
    let (count, _) = rest.split_once('"')?;
    Some(count.parse().unwrap_or(u64::MAX))
}

fn refuse_other_kinds(file: &mut WholeFile, name: &str) -> Result<()> {
    let mut magic = [0; 8];
    let count = file.read(&mut magic).unwrap_or(0);
    let begins = |with: &[u8]| magic.get(..count).is_some_and(|m| m.starts_with(with));
    let looks_like = if begins(b"PK") {
        file.rewind().map_err(|e| Error::bad_input(format!("the file cannot be read: {}", e.kind())).at(name))?;
        return Ok(());
    } else if begins(&[0xD0, 0xCF, 0x11, 0xE0]) {
        "an old .xls workbook, or one with a password"
    } else if begins(b"<") || begins(b"\xef\xbb\xbf<") {
        "a web page or XML"
    } else if count == 0 {
        "an empty file"
    } else {
        "text, such as CSV, or something else"
    };
    Err(Error::bad_input(format!("the file is no xlsx workbook: it looks like {looks_like}"))
        .at(name)
        .help("open it in Excel and save it as .xlsx, without a password"))
}

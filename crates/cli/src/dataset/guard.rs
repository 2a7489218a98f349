//! What a reader of CSV passes over without a word, found before it reads: quotes that are not closed, files whose columns are
//! in another order. Each file is read once for it, in pieces.

use std::io::Write;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::{Error, Result};
use lakegate_lake::FileRoot;
use object_store::{ObjectMeta, ObjectStoreExt as _};

/// Bytes that are asked for at once.
const PIECE: u64 = 8 << 20;
/// Pieces that are on their way together.
const AHEAD: usize = 4;
/// Files that are read together.
pub const FILES: usize = 4;
/// Most bytes of a first line that are compared.
const LONGEST_HEADER: usize = 1 << 20;

/// Refuses CSV files that would be misread.
pub async fn refuse_misreadings(root: &FileRoot, files: &[ObjectMeta], compressed: bool) -> Result<()> {
    let looks = files.iter().map(|file| async move { look(root, file, compressed).await });
    let mut looks = futures::stream::iter(looks.collect::<Vec<_>>()).buffered(FILES);
    let mut first: Option<(String, Vec<u8>)> = None;
    for file in files {
        let Some(look) = looks.try_next().await? else { break };
        let place = root.shown(&file.location);
        if look.quotes % 2 == 1 {
            return Err(Error::bad_input("a quote is opened and not closed")
                .at(place)
                .expected("an even number of quotes: one inside a quoted cell is written twice"));
        }
        match &first {
            Some((known, header)) if *header != look.header => {
                return Err(Error::bad_input("the file has another header than the first one")
                    .at(place)
                    .expected(format!("the header of {known}"))
                    .help("judge files of different columns one by one"));
            }
            Some(_) => {}
            None => first = Some((place, look.header)),
        }
    }
    Ok(())
}

/// What is seen of a text as it goes by.
#[derive(Default)]
struct Look {
    quotes: u64,
    header: Vec<u8>,
    header_ended: bool,
}

impl Look {
    fn see(&mut self, text: &[u8]) {
        self.quotes += memchr::memchr_iter(b'"', text).count() as u64;
        if !self.header_ended {
            let end = memchr::memchr(b'\n', text);
            self.header.extend(text.iter().take(end.unwrap_or(text.len())));
            self.header_ended = end.is_some() || self.header.len() > LONGEST_HEADER;
        }
    }
}

impl Write for Look {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.see(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn look(root: &FileRoot, file: &ObjectMeta, compressed: bool) -> Result<Look> {
    let unreadable = || Error::bad_input("the file cannot be read").at(root.shown(&file.location));
    let mut look = Look::default();
    if compressed {
        let mut decoder = MultiGzDecoder::new(look);
        let mut pieces = std::pin::pin!(pieces(root, file));
        while let Some(piece) = pieces.next().await {
            decoder.write_all(&piece.map_err(|_| unreadable())?).map_err(|_| broken_gzip(root, file))?;
        }
        look = decoder.finish().map_err(|_| broken_gzip(root, file))?;
    } else {
        let mut pieces = std::pin::pin!(pieces(root, file));
        while let Some(piece) = pieces.next().await {
            look.see(&piece.map_err(|_| unreadable())?);
        }
    }
    while look.header.last().is_some_and(u8::is_ascii_whitespace) {
        look.header.pop();
    }
    Ok(look)
}

fn broken_gzip(root: &FileRoot, file: &ObjectMeta) -> Error {
    Error::bad_input("it is not a whole gzip file").at(root.shown(&file.location))
}

/// The bytes of a file in order, several pieces on their way at once.
pub fn pieces<'a>(
    root: &'a FileRoot,
    file: &'a ObjectMeta,
) -> impl futures::Stream<Item = object_store::Result<Bytes>> + 'a {
    let count = file.size.div_ceil(PIECE);
    futures::stream::iter(0..count)
        .map(move |number| {
            let range = number * PIECE..((number + 1) * PIECE).min(file.size);
            async move { root.store().get_range(&file.location, range).await }
        })
        .buffered(AHEAD)
}

//! The bytes of a file in order, unzipped, as they come: a look at a file of any size.

use std::io::Write;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures::StreamExt as _;
use lakegate_contract::{Error, Result};
use lakegate_lake::FileRoot;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};

/// Bytes that are asked for at once.
const PIECE: u64 = 8 << 20;
/// Pieces that are on their way together.
const AHEAD: usize = 4;

/// What looks at a text as it goes by.
pub trait Look {
    /// The next bytes.
    fn see(&mut self, text: &[u8]);

    /// Whether it has seen enough.
    fn done(&self) -> bool {
        false
    }
}

/// A look as what a decoder writes to.
struct Eye<'a, L>(&'a mut L);

impl<L: Look> Write for Eye<'_, L> {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.see(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Shows a file to `look`, until that has seen enough.
///
/// # Errors
/// When the file cannot be read, or is no whole gzip file though its name says so.
pub async fn through<L: Look>(root: &FileRoot, file: &ObjectMeta, compressed: bool, look: &mut L) -> Result<()> {
    let unreadable = || Error::bad_input("the file cannot be read").at(shown(root, &file.location));
    let broken = || Error::bad_input("it is not a whole gzip file").at(shown(root, &file.location));
    let mut pieces = std::pin::pin!(pieces(root, file));
    if !compressed {
        while !look.done()
            && let Some(piece) = pieces.next().await
        {
            look.see(&piece.map_err(|_| unreadable())?);
        }
        return Ok(());
    }
    let mut decoder = MultiGzDecoder::new(Eye(look));
    while let Some(piece) = pieces.next().await {
        decoder.write_all(&piece.map_err(|_| unreadable())?).map_err(|_| broken())?;
        if decoder.get_ref().0.done() {
            return Ok(());
        }
    }
    decoder.finish().map(drop).map_err(|_| broken())
}

/// A key as people write it: below the working folder without the way there.
pub fn shown(root: &FileRoot, key: &Path) -> String {
    let whole = root.shown(key);
    let folder = std::env::current_dir().map(|folder| format!("{}/", folder.display())).unwrap_or_default();
    match whole.strip_prefix(&folder) {
        Some(below) if !folder.is_empty() => below.to_owned(),
        _ => whole,
    }
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

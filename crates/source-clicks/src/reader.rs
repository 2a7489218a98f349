//! The bytes of an object, decompressed, a window at a time.

use std::io::{BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use lakegate_contract::{Error, Result};
use lakegate_pipeline::inputs::error_of;

const READ_BUFFER: usize = 256 << 10;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// A window over the decompressed text of an object.
pub(crate) struct Window {
    input: Box<dyn Read + Send>,
    name: String,
    compressed: bool,
    read: Arc<AtomicU64>,
    pub(crate) bytes: Vec<u8>,
    /// Where in the text the window begins.
    pub(crate) base: u64,
    pub(crate) at_end: bool,
}

/// Counts what is read from the file itself.
struct Counted {
    file: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Window {
    pub(crate) fn new(file: Box<dyn Read + Send>, name: &str) -> Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted { file, count: Arc::clone(&read) };
        let mut buffered = BufReader::with_capacity(READ_BUFFER, counted);
        let begun = std::io::BufRead::fill_buf(&mut buffered).map_err(|e| error_of(e, name))?;
        let compressed = begun.starts_with(&GZIP);
        let input: Box<dyn Read + Send> =
            if compressed { Box::new(MultiGzDecoder::new(buffered)) } else { Box::new(buffered) };
        Ok(Self { input, name: name.to_owned(), compressed, read, bytes: Vec::new(), base: 0, at_end: false })
    }

    /// Bytes of the file that were read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Drops the first `used` bytes and reads on until there are `wanted`, or the object ends.
    pub(crate) fn slide(&mut self, used: usize, wanted: usize) -> Result<()> {
        self.bytes.drain(..used.min(self.bytes.len()));
        self.base += used as u64;
        let mut filled = self.bytes.len();
        self.bytes.resize(wanted.max(filled), 0);
        while filled < self.bytes.len() {
            let space = self.bytes.get_mut(filled..).unwrap_or_default();
            match self.input.read(space) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error, filled)),
            }
        }
        self.bytes.truncate(filled);
        if self.base == 0 && used == 0 && self.bytes.starts_with(&BYTE_ORDER_MARK) {
            self.bytes.drain(..BYTE_ORDER_MARK.len());
            self.base = BYTE_ORDER_MARK.len() as u64;
        }
        Ok(())
    }

    fn broken(&self, error: std::io::Error, filled: usize) -> Error {
        // The bucket's own account of it, and not that of the decoder.
        if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            return error_of(error, &self.name);
        }
        let found = match (self.compressed, error.kind()) {
            (true, std::io::ErrorKind::UnexpectedEof) => "the gzip stream ends early: the file is truncated".to_owned(),
            (true, std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData) => {
                "the gzip stream is corrupt".to_owned()
            }
            (_, kind) => format!("the file cannot be read: {kind}"),
        };
        Error::bad_input(found)
            .at(format!("{}@byte {}", self.name, self.base + filled as u64))
            .help("nothing of this run is published; fetch or upload the file again, or move it away")
    }
}

//! Digests of files.

use std::fs::File;
use std::io::Read as _;

use chrono::{DateTime, Utc};
use lakegate_contract::{Error, Result};
use lakegate_quality::{DigestAlgorithm, FileFacts};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::files::unreadable;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// A digest of bytes that come piece by piece.
pub(crate) enum Digester {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Digester {
    pub(crate) fn new(algorithm: DigestAlgorithm) -> Self {
        match algorithm {
            DigestAlgorithm::Md5 => Self::Md5(Md5::new()),
            DigestAlgorithm::Sha1 => Self::Sha1(Sha1::new()),
            DigestAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hash) => hash.update(bytes),
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    /// The digest in lower-case hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        match self {
            Self::Md5(hash) => hexadecimal(&hash.finalize()),
            Self::Sha1(hash) => hexadecimal(&hash.finalize()),
            Self::Sha256(hash) => hexadecimal(&hash.finalize()),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of a local file; it blocks.
///
/// # Errors
/// When the file cannot be read, or is another one than when it was listed.
pub(crate) fn of_file(facts: &FileFacts, algorithm: DigestAlgorithm) -> Result<String> {
    let failed = |e: std::io::Error| unreadable(&e, &facts.uri);
    let mut file = File::open(&facts.uri).map_err(failed)?;
    let (mut digester, mut buffer, mut read) = (Digester::new(algorithm), vec![0; BUFFER], 0);
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            break;
        }
        digester.update(buffer.get(..count).unwrap_or_default());
        read += count as u64;
    }
    let modified: DateTime<Utc> = file.metadata().and_then(|m| m.modified()).map_err(failed)?.into();
    if read != facts.bytes || modified != facts.modified {
        return Err(Error::unavailable("the file was changed while its rules were judged")
            .at(&facts.uri)
            .help("judge it again when nobody writes to it"));
    }
    Ok(digester.finish())
}

//! Named keys for pseudonyms.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use lakegate_contract::{Error, Result};
use sha2::Sha256;

use crate::Secret;

/// A shorter key than the hash's output would weaken it (RFC 2104, section 3).
const MIN_KEY_BYTES: usize = 32;

/// HMAC keys by name, ready for use.
#[derive(Clone, Default)]
pub struct KeyRing {
    keys: BTreeMap<String, Hmac<Sha256>>,
}

impl KeyRing {
    /// A ring without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    ///
    /// # Errors
    /// When it has fewer than 32 bytes.
    pub fn insert(&mut self, name: impl Into<String>, key: &Secret) -> Result<()> {
        let name = name.into();
        let bytes = key.expose().trim().as_bytes();
        if bytes.len() < MIN_KEY_BYTES {
            return Err(Error::usage(format!("key `{name}` has {} bytes", bytes.len()))
                .expected(format!("at least {MIN_KEY_BYTES} bytes"))
                .help("make one with `openssl rand -hex 32`"));
        }
        let keyed = Hmac::new_from_slice(bytes).map_err(|_| Error::bug(format!("key `{name}` cannot be used")))?;
        self.keys.insert(name, keyed);
        Ok(())
    }

    /// The keyed state of that name.
    pub(crate) fn get(&self, name: &str) -> Result<&Hmac<Sha256>> {
        self.keys.get(name).ok_or_else(|| {
            Error::usage(format!("there is no key `{name}`")).expected(format!("[keys.{name}] in lakegate.toml")).help(
                format!("add `[keys.{name}]` with `value = \"${{env:NAME}}\"` or `file = \"secrets/{name}.key\"`"),
            )
        })
    }
}

impl KeyRing {
    /// Tells keys apart without telling anything else of them: an HMAC under the key of a text that no identifier's domain
    /// can give. `None` when there is no such key.
    pub fn fingerprint(&self, name: &str) -> Option<String> {
        let mut keyed = self.keys.get(name)?.clone();
        keyed.update(b"lakegate key fingerprint\0\0");
        Some(keyed.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

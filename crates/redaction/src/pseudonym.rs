//! HMAC-SHA-256 over a column.

use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Int8Type, Int16Type, Int32Type, Int64Type};
use hmac::{Hmac, Mac as _};
use lakegate_contract::{Error, Result};
use sha2::Sha256;

/// Characters of a pseudonym: SHA-256 in hexadecimal.
const HEX_LENGTH: usize = 64;
const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A key and a domain, ready to be applied to a value.
///
/// The message is the domain, a zero byte and the value's text; whole numbers are written in decimal, so that a number
/// and its text get the same pseudonym.
#[derive(Clone)]
pub(crate) struct Pseudonymizer {
    seeded: Hmac<Sha256>,
}

impl Pseudonymizer {
    pub(crate) fn new(key: &Hmac<Sha256>, domain: &str) -> Self {
        let mut seeded = key.clone();
        seeded.update(domain.as_bytes());
        seeded.update(&[0]);
        Self { seeded }
    }

    pub(crate) fn apply(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let mut out = StringBuilder::with_capacity(column.len(), column.len() * HEX_LENGTH);
        macro_rules! numbers {
            ($type:ty) => {{
                let mut text = String::with_capacity(20);
                for value in column.as_primitive::<$type>() {
                    out.append_option(
                        value
                            .map(|v| {
                                text.clear();
                                let _ = write!(text, "{v}");
                                self.hex(text.as_bytes())
                            })
                            .as_ref()
                            .map(as_text),
                    );
                }
            }};
        }
        match column.data_type() {
            DataType::Utf8 => {
                for value in column.as_string::<i32>() {
                    out.append_option(value.map(|v| self.hex(v.as_bytes())).as_ref().map(as_text));
                }
            }
            DataType::Int8 => numbers!(Int8Type),
            DataType::Int16 => numbers!(Int16Type),
            DataType::Int32 => numbers!(Int32Type),
            DataType::Int64 => numbers!(Int64Type),
            other => return Err(Error::bug(format!("hmac over a column of type {other}"))),
        }
        Ok(std::sync::Arc::new(out.finish()))
    }

    fn hex(&self, value: &[u8]) -> [u8; HEX_LENGTH] {
        let mut mac = self.seeded.clone();
        mac.update(value);
        let digest = mac.finalize().into_bytes();
        let mut hex = [0; HEX_LENGTH];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
            if let [high, low] = pair {
                *high = digit(byte >> 4);
                *low = digit(byte & 15);
            }
        }
        hex
    }
}

fn digit(value: u8) -> u8 {
    HEX_DIGITS.get(usize::from(value)).copied().unwrap_or(b'?')
}

fn as_text(hex: &[u8; HEX_LENGTH]) -> &str {
    std::str::from_utf8(hex).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use hmac::KeyInit as _;

    use super::*;

    fn pseudonyms(column: ArrayRef, domain: &str) -> Vec<Option<String>> {
        let key = Hmac::new_from_slice(b"0123456789abcdef0123456789abcdef").unwrap();
        let out = Pseudonymizer::new(&key, domain).apply(&column).unwrap();
        out.as_string::<i32>().iter().map(|v| v.map(str::to_owned)).collect()
    }

    #[test]
    fn it_is_hmac_sha_256_of_domain_zero_value() {
        // python3 -c "import hmac; print(hmac.new(b'0123456789abcdef'*2, b'user\0' + b'42', 'sha256').hexdigest())"
        let expected = "64c8b50d54ab256bb2f55e5002f77ea5bdb9f779db5361d8dba3c60d5332d71e";
        let got = pseudonyms(Arc::new(Int64Array::from(vec![Some(42), None])), "user");
        assert_eq!(got.len(), 2);
        assert_eq!(got[1], None);
        assert_eq!(got[0].as_deref(), Some(expected));
    }

    #[test]
    fn a_number_and_its_text_join_and_domains_do_not() {
        let number = pseudonyms(Arc::new(Int64Array::from(vec![42])), "user");
        let text = pseudonyms(Arc::new(StringArray::from(vec!["42"])), "user");
        let other = pseudonyms(Arc::new(StringArray::from(vec!["42"])), "order");
        assert_eq!(number, text);
        assert_ne!(text, other);
    }
}

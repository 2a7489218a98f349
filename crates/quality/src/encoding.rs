//! The bytes of a ruleset's file as text.

use lakegate_contract::{Error, Result};

/// The text of a ruleset's file: UTF-8, with or without a byte order mark, which stays.
///
/// # Errors
/// With the line and the byte that are not UTF-8; or when the file is UTF-16, as some editors of Windows write it.
///
/// ```
/// let error = lakegate_quality::text_of(b"Rules = [\n# caf\xe9\n]".to_vec(), "a.dqdl").unwrap_err();
/// assert_eq!(error.place(), Some("a.dqdl:2:6"));
/// ```
pub fn text_of(bytes: Vec<u8>, file: &str) -> Result<String> {
    if let Some(name) = wide(&bytes) {
        return Err(Error::usage(format!("the file is written in {name}"))
            .at(file)
            .expected("UTF-8")
            .help(format!("iconv -f {name} -t UTF-8 FILE > another.dqdl")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
        Error::usage(format!("the text is not UTF-8 from byte {} of the file on", valid + 1))
            .at(crate::lexer::place(&before, file, before.len()))
            .expected("UTF-8")
            .help("save it as UTF-8; a file of Windows: iconv -f CP1252 -t UTF-8 FILE > another.dqdl")
    })
}

/// An encoding of two bytes or four: by its byte order mark, else by the zero that stands beside each letter of a ruleset's beginning.
fn wide(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [1..=255, 0, 1..=255, 0, ..] => Some("UTF-16LE"),
        [0, 1..=255, 0, 1..=255, ..] => Some("UTF-16BE"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_told_by_its_name() {
        let wide = |text: &str, mark: &[u8]| -> Vec<u8> {
            mark.iter().copied().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        };
        for (bytes, name) in [(wide("Rules", &[0xff, 0xfe]), "UTF-16"), (wide("Rules", &[]), "UTF-16LE")] {
            let error = text_of(bytes, "a.dqdl").unwrap_err();
            assert!(error.found().ends_with(name) && error.advice().unwrap().contains("-f UTF-16"), "{error}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_placed() {
        let error = text_of(b"\xef\xbb\xbfRules = [ # caf\xe9".to_vec(), "a.dqdl").unwrap_err();
        assert_eq!(error.place(), Some("a.dqdl:1:16"));
        assert!(error.found().contains("byte 19 "), "{error}");
        let text = text_of("\u{feff}Rules = [ RowCount > x ]".as_bytes().to_vec(), "a.dqdl").unwrap();
        assert_eq!(crate::parse(&text, "a.dqdl").unwrap_err().place(), Some("a.dqdl:1:22"));
    }
}

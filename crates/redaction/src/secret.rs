//! A text that must not be shown.

use std::fmt;

/// A password, key or URL that holds one: no `Display`, and `Debug` shows nothing of it.
///
/// ```
/// let secret = lakegate_redaction::Secret::new("postgres://u:hunter2@db/shop");
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// ```
///
/// ```compile_fail,E0277
/// let secret = lakegate_redaction::Secret::new("hunter2");
/// println!("{secret}");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

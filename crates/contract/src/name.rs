//! Names that become folders, columns of a catalog and identifiers in SQL.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, Result};

/// Longest name accepted: Glue allows 255 bytes, Hive's metastore 128.
const MAX_NAME_LENGTH: usize = 128;

fn check_name(kind: &str, text: &str) -> Result<()> {
    let mut bytes = text.bytes();
    let head_ok = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    let tail_ok = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if head_ok && tail_ok && text.len() <= MAX_NAME_LENGTH {
        return Ok(());
    }
    Err(Error::usage(format!("`{}` is not a {kind} name", shorten(text)))
        .expected("a lower-case letter or `_`, then lower-case letters, digits or `_`, at most 128 in all"))
}

fn shorten(text: &str) -> String {
    const SHOWN: usize = 40;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain("…".chars()).collect()
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// Checks and wraps a name: `[a-z_][a-z0-9_]{0,127}`.
            ///
            /// # Errors
            /// When the text is not such a name.
            pub fn new(text: impl Into<String>) -> Result<Self> {
                let text = text.into();
                check_name($kind, &text)?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(
    /// The name of a table of the lake.
    TableName,
    "table"
);
name_type!(
    /// The name of a published column.
    ColumnName,
    "column"
);
name_type!(
    /// The name of a job.
    JobName,
    "job"
);
name_type!(
    /// The name of a report.
    ReportName,
    "report"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_names_and_refuses_the_rest() {
        assert!(TableName::new("order_items").is_ok());
        assert!(TableName::new("_x9").is_ok());
        for bad in ["", "9x", "Orders", "a-b", "a b", "사용자", "a\"; DROP", "../x"] {
            assert!(TableName::new(bad).is_err(), "{bad}");
        }
        assert!(TableName::new("a".repeat(128)).is_ok());
        assert!(TableName::new("a".repeat(129)).is_err());
    }
}

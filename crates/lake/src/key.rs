//! Partition values as folder names: `key=value`, percent-encoded exactly once.

use lakegate_contract::{Error, HIVE_NULL_PARTITION, MAX_PARTITION_SEGMENT, PartitionField, PartitionValue, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but RFC 3986's unreserved characters: what remains is safe in file names, object keys and URLs alike.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `key=value` as a folder name.
///
/// # Errors
/// When the value is empty (a reader could not tell it from NULL) or too long for a folder's name.
///
/// ```
/// use lakegate_contract::PartitionField;
/// use lakegate_lake::encode_partition_segment;
///
/// let city = PartitionField::parse("city")?;
/// assert_eq!(encode_partition_segment(&city, &Some("a/b %".to_owned()))?, "city=a%2Fb%20%25");
/// assert_eq!(encode_partition_segment(&city, &None)?, "city=__HIVE_DEFAULT_PARTITION__");
/// # Ok::<(), lakegate_contract::Error>(())
/// ```
pub fn encode_partition_segment(field: &PartitionField, value: &PartitionValue) -> Result<String> {
    let segment = match value {
        None => format!("{}={HIVE_NULL_PARTITION}", field.name),
        Some(value) if value == HIVE_NULL_PARTITION => {
            return Err(Error::bad_input(format!("partition column `{}` holds Hive's own name for NULL", field.name))
                .expected("any other value"));
        }
        Some(value) if value.is_empty() => {
            return Err(Error::bad_input(format!("partition column `{}` holds an empty string", field.name))
                .expected("a value or NULL: Delta and Hive read an empty partition value back as NULL"));
        }
        Some(value) => format!("{}={}", field.name, utf8_percent_encode(value, RESERVED)),
    };
    if segment.len() > MAX_PARTITION_SEGMENT {
        return Err(Error::bad_input(format!(
            "a value of partition column `{}` makes a folder name of {} bytes",
            field.name,
            segment.len()
        ))
        .expected(format!("at most {MAX_PARTITION_SEGMENT} bytes once percent-encoded")));
    }
    Ok(segment)
}

/// The key and the value of a folder name that [`encode_partition_segment`] made; `None` when it is no such name.
pub fn decode_partition_segment(segment: &str) -> Option<(String, PartitionValue)> {
    let (key, value) = segment.split_once('=')?;
    if value == HIVE_NULL_PARTITION {
        return Some((key.to_owned(), None));
    }
    let value = percent_decode_str(value).decode_utf8().ok()?;
    Some((key.to_owned(), Some(value.into_owned())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(value in prop::option::of("\\PC{1,20}")) {
            let field = PartitionField::parse("k").unwrap();
            if let Ok(segment) = encode_partition_segment(&field, &value) {
                prop_assert!(segment.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'\\'));
                prop_assert_eq!(decode_partition_segment(&segment), Some(("k".to_owned(), value)));
            }
        }
    }

    #[test]
    fn empty_and_overlong_values_are_refused_without_showing_them() {
        let field = PartitionField::parse("k").unwrap();
        assert!(encode_partition_segment(&field, &Some(String::new())).is_err());
        let error = encode_partition_segment(&field, &Some("비밀".repeat(40))).unwrap_err();
        assert!(!error.to_string().contains("비밀"));
    }
}

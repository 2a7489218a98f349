//! Column types in Athena's words, and what they are in Arrow.
//!
//! Athena's list: <https://docs.aws.amazon.com/athena/latest/ug/data-types.html>.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType as ArrowType, Field, Fields, TimeUnit};
use serde::{Deserialize, Deserializer};

use crate::document::suggest;
use crate::{Error, Result};

/// Deepest nesting of types accepted.
const MAX_DEPTH: usize = 16;

const SCALARS: [&str; 12] = [
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "decimal",
    "string",
    "binary",
    "date",
    "timestamp",
];

/// The type of a column, as Athena and Glue name it.
///
/// ```
/// use lakegate_contract::DataType;
///
/// let parsed = DataType::parse("array<struct<price:decimal(12,2),seen:timestamp>>")?;
/// assert_eq!(parsed.to_string(), "array<struct<price:decimal(12,2),seen:timestamp>>");
/// assert!(DataType::parse("integer").unwrap_err().advice().is_some());
/// # Ok::<(), lakegate_contract::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `boolean`
    Boolean,
    /// `tinyint`: 8 bits, signed
    TinyInt,
    /// `smallint`: 16 bits, signed
    SmallInt,
    /// `int`: 32 bits, signed
    Int,
    /// `bigint`: 64 bits, signed
    BigInt,
    /// `float`: 32 bits
    Float,
    /// `double`: 64 bits
    Double,
    /// `decimal(precision,scale)`, precision 1 to 38
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `string`: UTF-8
    String,
    /// `binary`
    Binary,
    /// `date`: days, without a time zone
    Date,
    /// `timestamp`: an instant in UTC; milliseconds, stored as INT64 microseconds
    Timestamp,
    /// `array<element>`
    Array(Box<DataType>),
    /// `map<key,value>`
    Map(Box<DataType>, Box<DataType>),
    /// `struct<name:type,…>`
    Struct(Vec<StructField>),
}

/// A field of a `struct` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StructField {
    /// The field's name, lower case.
    pub name: String,
    /// The field's type.
    pub data_type: DataType,
}

impl DataType {
    /// Parses a type such as `decimal(12,2)`.
    ///
    /// # Errors
    /// When the text is not such a type; names the valid ones.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser { text, at: 0 };
        let parsed = parser.data_type(0)?;
        parser.skip_spaces();
        if parser.at < text.len() {
            return Err(parser.error("there is more text after the type"));
        }
        Ok(parsed)
    }

    /// The Arrow type that holds it in memory and in files.
    pub fn to_arrow(&self) -> ArrowType {
        match self {
            DataType::Boolean => ArrowType::Boolean,
            DataType::TinyInt => ArrowType::Int8,
            DataType::SmallInt => ArrowType::Int16,
            DataType::Int => ArrowType::Int32,
            DataType::BigInt => ArrowType::Int64,
            DataType::Float => ArrowType::Float32,
            DataType::Double => ArrowType::Float64,
            DataType::Decimal { precision, scale } => ArrowType::Decimal128(*precision, scale.cast_signed()),
            DataType::String => ArrowType::Utf8,
            DataType::Binary => ArrowType::Binary,
            DataType::Date => ArrowType::Date32,
            DataType::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            DataType::Array(element) => ArrowType::List(Arc::new(Field::new("element", element.to_arrow(), true))),
            DataType::Map(key, value) => {
                let entries = Fields::from(vec![
                    Field::new("key", key.to_arrow(), false),
                    Field::new("value", value.to_arrow(), true),
                ]);
                ArrowType::Map(Arc::new(Field::new("key_value", ArrowType::Struct(entries), false)), false)
            }
            DataType::Struct(fields) => {
                ArrowType::Struct(fields.iter().map(|f| Field::new(&f.name, f.data_type.to_arrow(), true)).collect())
            }
        }
    }

    /// Whether values are whole, fixed-point or floating numbers.
    pub fn is_numeric(&self) -> bool {
        matches!(
            self,
            DataType::TinyInt
                | DataType::SmallInt
                | DataType::Int
                | DataType::BigInt
                | DataType::Float
                | DataType::Double
                | DataType::Decimal { .. }
        )
    }

    /// Whether the type holds other types.
    pub fn is_nested(&self) -> bool {
        matches!(self, DataType::Array(_) | DataType::Map(..) | DataType::Struct(_))
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Boolean => f.write_str("boolean"),
            DataType::TinyInt => f.write_str("tinyint"),
            DataType::SmallInt => f.write_str("smallint"),
            DataType::Int => f.write_str("int"),
            DataType::BigInt => f.write_str("bigint"),
            DataType::Float => f.write_str("float"),
            DataType::Double => f.write_str("double"),
            DataType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            DataType::String => f.write_str("string"),
            DataType::Binary => f.write_str("binary"),
            DataType::Date => f.write_str("date"),
            DataType::Timestamp => f.write_str("timestamp"),
            DataType::Array(element) => write!(f, "array<{element}>"),
            DataType::Map(key, value) => write!(f, "map<{key},{value}>"),
            DataType::Struct(fields) => {
                f.write_str("struct<")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{}:{}", field.name, field.data_type)?;
                }
                f.write_str(">")
            }
        }
    }
}

impl<'de> Deserialize<'de> for DataType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        DataType::parse(&text).map_err(|error| {
            let advice = error.advice().map(|a| format!(" ({a})")).unwrap_or_default();
            serde::de::Error::custom(format!("{error}{advice}"))
        })
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn error(&self, found: &str) -> Error {
        Error::usage(format!("type `{}`: {found}", self.text))
            .expected("a type in Athena's words, such as `bigint`, `decimal(12,2)`, `timestamp`, `array<string>` or `struct<a:int>`")
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn word(&mut self) -> &'a str {
        self.skip_spaces();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn symbol(&mut self, symbol: char) -> Result<()> {
        if self.take(symbol) {
            return Ok(());
        }
        Err(self.error(&format!("`{symbol}` is missing at character {}", self.at + 1)))
    }

    fn take(&mut self, symbol: char) -> bool {
        self.skip_spaces();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len_utf8();
        }
        found
    }

    fn data_type(&mut self, depth: usize) -> Result<DataType> {
        if depth > MAX_DEPTH {
            return Err(self.error(&format!("it is nested more than {MAX_DEPTH} deep")));
        }
        let word = self.word().to_ascii_lowercase();
        Ok(match word.as_str() {
            "boolean" => DataType::Boolean,
            "tinyint" => DataType::TinyInt,
            "smallint" => DataType::SmallInt,
            "int" => DataType::Int,
            "bigint" => DataType::BigInt,
            "float" => DataType::Float,
            "double" => DataType::Double,
            "string" => DataType::String,
            "binary" => DataType::Binary,
            "date" => DataType::Date,
            "timestamp" => DataType::Timestamp,
            "decimal" => self.decimal()?,
            "array" => {
                self.symbol('<')?;
                let element = self.data_type(depth + 1)?;
                self.symbol('>')?;
                DataType::Array(Box::new(element))
            }
            "map" => {
                self.symbol('<')?;
                let key = self.data_type(depth + 1)?;
                self.symbol(',')?;
                let value = self.data_type(depth + 1)?;
                self.symbol('>')?;
                DataType::Map(Box::new(key), Box::new(value))
            }
            "struct" => self.fields(depth)?,
            other => return Err(self.unknown(other)),
        })
    }

    fn unknown(&self, word: &str) -> Error {
        let error = self.error(&format!("`{word}` is not a type"));
        let synonym = match word {
            "integer" | "int4" | "int32" => Some("int"),
            "int8" | "int64" | "long" => Some("bigint"),
            "text" | "varchar" | "char" | "character" | "json" | "uuid" => Some("string"),
            "numeric" | "number" => Some("decimal(12,2)"),
            "datetime" | "timestamptz" => Some("timestamp"),
            "bool" => Some("boolean"),
            "real" => Some("float"),
            _ => suggest(word, SCALARS.into_iter().chain(["array", "map", "struct"])),
        };
        match synonym {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    fn decimal(&mut self) -> Result<DataType> {
        self.symbol('(')?;
        let precision: u8 = self.word().parse().map_err(|_| self.error("the precision is not a number"))?;
        self.symbol(',')?;
        let scale: u8 = self.word().parse().map_err(|_| self.error("the scale is not a number"))?;
        self.symbol(')')?;
        if !(1..=38).contains(&precision) || scale > precision {
            return Err(self.error("the precision goes from 1 to 38 and the scale from 0 to the precision"));
        }
        Ok(DataType::Decimal { precision, scale })
    }

    fn fields(&mut self, depth: usize) -> Result<DataType> {
        self.symbol('<')?;
        let mut fields: Vec<StructField> = Vec::new();
        loop {
            let name = self.word().to_ascii_lowercase();
            if name.is_empty() || fields.iter().any(|f| f.name == name) {
                return Err(self.error("a struct's fields need names, each once"));
            }
            self.symbol(':')?;
            let data_type = self.data_type(depth + 1)?;
            fields.push(StructField { name, data_type });
            if !self.take(',') {
                break;
            }
        }
        self.symbol('>')?;
        Ok(DataType::Struct(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_type() -> impl Strategy<Value = DataType> {
        let leaf = prop_oneof![
            Just(DataType::Boolean),
            Just(DataType::BigInt),
            Just(DataType::String),
            Just(DataType::Timestamp),
            (1u8..=38)
                .prop_flat_map(|p| (Just(p), 0..=p))
                .prop_map(|(precision, scale)| DataType::Decimal { precision, scale }),
        ];
        leaf.prop_recursive(4, 16, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|t| DataType::Array(Box::new(t))),
                (inner.clone(), inner.clone()).prop_map(|(k, v)| DataType::Map(Box::new(k), Box::new(v))),
                prop::collection::vec(inner, 1..4).prop_map(|types| DataType::Struct(
                    types
                        .into_iter()
                        .enumerate()
                        .map(|(i, data_type)| StructField { name: format!("f{i}"), data_type })
                        .collect()
                )),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(data_type in any_type()) {
            prop_assert_eq!(DataType::parse(&data_type.to_string()).unwrap(), data_type);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            let _ = DataType::parse(&text);
        }
    }

    #[test]
    fn refusals_say_what_is_valid() {
        let error = DataType::parse("varchar(20)").unwrap_err();
        assert_eq!(error.advice(), Some("did you mean `string`?"));
        assert!(DataType::parse("decimal(39,2)").is_err());
        assert!(DataType::parse("decimal(5,6)").is_err());
        assert!(DataType::parse("struct<a:int,a:int>").is_err());
        assert!(DataType::parse(&"array<".repeat(100_000)).is_err());
        assert!(DataType::parse("").is_err());
    }
}

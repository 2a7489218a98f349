//! The contract of a table: `schemas/<table>.toml`.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use serde::Deserialize;

use crate::document::{Located, load_document, parse_document};
use crate::{ColumnName, DataType, Detector, Error, PartitionField, PartitionTransform, Result, TableName, Treatment};

/// What a run does about a column that the source has and the contract does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnNewColumn {
    /// It is not read; the run says so.
    #[default]
    Ignore,
    /// The run fails.
    Fail,
}

/// One column of a contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The published name.
    pub name: ColumnName,
    /// Names to look for in the source, in this order; at least one.
    pub source: Vec<String>,
    /// The type of the values as they come from the source.
    pub data_type: DataType,
    /// Whether NULL may be published.
    pub nullable: bool,
    /// Shown in the catalog: at most 255 characters, Glue's limit.
    pub comment: Option<String>,
    /// What redaction does.
    pub treatment: Treatment,
    /// Kinds of sensitive-looking values that this column is known to hold; the guard lets them pass.
    pub contains: Vec<Detector>,
}

impl Column {
    /// Whether any of it is published.
    pub fn is_published(&self) -> bool {
        self.treatment != Treatment::Drop
    }

    /// The type after redaction.
    pub fn published_type(&self) -> DataType {
        match &self.treatment {
            Treatment::Keep | Treatment::Drop => self.data_type.clone(),
            Treatment::Truncate(_) | Treatment::Mask { .. } | Treatment::Hmac { .. } | Treatment::Band(_) => {
                DataType::String
            }
        }
    }
}

/// A table's contract: an allow-list of columns, checked.
#[derive(Debug, Clone)]
pub struct Contract {
    table: TableName,
    description: Option<String>,
    columns: Vec<Column>,
    key: Vec<ColumnName>,
    partition_by: Vec<PartitionField>,
    on_new_column: OnNewColumn,
    text: String,
}

impl Contract {
    /// Reads `schemas/<table>.toml`; the file's name is the table's.
    ///
    /// # Errors
    /// As [`Contract::parse`]; also when the file cannot be read.
    pub fn load(path: &Path) -> Result<Self> {
        let (document, text): (ContractDocument, String) = load_document(path)?;
        document.check(text, &path.display().to_string())
    }

    /// Parses a contract; `file` names it in errors, and its stem names the table.
    ///
    /// # Errors
    /// With file, line and column: unknown keys, types and treatments; names used twice; keys and partition keys
    /// over columns that are not published or not of a fitting type; treatments that do not fit a type.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let document: ContractDocument = parse_document(text, file)?;
        document.check(text.to_owned(), file)
    }

    /// The table's name.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// What the table is, for the catalog.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Every declared column, dropped ones included.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Columns of which something is published, in order.
    pub fn published_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.is_published())
    }

    /// The published column of that name.
    pub fn published_column(&self, name: &str) -> Option<&Column> {
        self.published_columns().find(|c| c.name.as_str() == name)
    }

    /// Names of the key's columns; empty when the table has no key.
    pub fn key(&self) -> &[ColumnName] {
        &self.key
    }

    /// Partition columns, outermost first.
    pub fn partition_by(&self) -> &[PartitionField] {
        &self.partition_by
    }

    /// What to do about columns that are not named here.
    pub fn on_new_column(&self) -> OnNewColumn {
        self.on_new_column
    }

    /// The contract's own text, for the run's configuration hash.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Schema of the batches a source gives: every column that is not dropped, under its published name, with
    /// the type that it has before redaction. Everything is nullable: nullability is judged after redaction.
    pub fn source_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.published_columns()
                .map(|c| Field::new(c.name.as_str(), c.data_type.to_arrow(), true))
                .collect::<Vec<_>>(),
        ))
    }

    /// Schema of redacted batches: the published columns with the types they have after redaction. Nullable
    /// throughout, since rows that break nullability must still reach quarantine.
    pub fn published_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.published_columns()
                .map(|c| Field::new(c.name.as_str(), c.published_type().to_arrow(), true))
                .collect::<Vec<_>>(),
        ))
    }

    /// Columns that stand inside the data files: the published ones but those that partition as they are.
    pub fn file_columns(&self) -> impl Iterator<Item = &Column> {
        self.published_columns().filter(|c| !self.partitions_as_it_is(c))
    }

    /// The partition columns with their types, in order.
    pub fn partition_columns(&self) -> impl Iterator<Item = (&PartitionField, DataType)> {
        self.partition_by.iter().map(|field| {
            let column = self.published_column(field.column.as_str()).map_or(DataType::String, Column::published_type);
            (field, field.data_type(&column).unwrap_or(DataType::String))
        })
    }

    fn partitions_as_it_is(&self, column: &Column) -> bool {
        self.partition_by
            .iter()
            .any(|field| field.transform == PartitionTransform::Identity && field.column == column.name)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractDocument {
    description: Option<String>,
    columns: Vec<Located<ColumnDocument>>,
    #[serde(default)]
    key: Vec<Located<String>>,
    #[serde(default)]
    partition_by: Vec<Located<String>>,
    #[serde(default)]
    on_new_column: OnNewColumn,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnDocument {
    name: ColumnName,
    #[serde(default)]
    source: SourceNames,
    #[serde(rename = "type")]
    data_type: DataType,
    #[serde(default = "yes")]
    nullable: bool,
    comment: Option<String>,
    #[serde(default)]
    treatment: Treatment,
    #[serde(default)]
    contains: Vec<Detector>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
enum SourceNames {
    #[default]
    Same,
    One(String),
    Any(Vec<String>),
}

impl ContractDocument {
    fn check(self, text: String, file: &str) -> Result<Contract> {
        let stem = Path::new(file).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let table = TableName::new(stem).map_err(|e| e.at(file))?;
        let mut columns: Vec<Column> = Vec::with_capacity(self.columns.len());
        for located in &self.columns {
            let place = located.place(&text, file);
            let column = check_column(located.value().clone()).map_err(|e| e.at(&place))?;
            if columns.iter().any(|c| c.name == column.name) {
                return Err(Error::usage(format!("column `{}` is declared twice", column.name)).at(place));
            }
            columns.push(column);
        }
        if !columns.iter().any(Column::is_published) {
            return Err(Error::usage("no column is published")
                .at(file)
                .expected("at least one column that is not dropped"));
        }
        let key = check_key(&self.key, &columns, &text, file)?;
        let partition_by = check_partitions(&self.partition_by, &columns, &text, file)?;
        Ok(Contract {
            table,
            description: self.description,
            columns,
            key,
            partition_by,
            on_new_column: self.on_new_column,
            text,
        })
    }
}

fn published<'a>(name: &str, columns: &'a [Column]) -> Result<&'a Column> {
    if let Some(column) = columns.iter().find(|c| c.name.as_str() == name) {
        if column.is_published() {
            return Ok(column);
        }
        return Err(Error::usage(format!("column `{name}` is dropped")).expected("a published column"));
    }
    let names = || columns.iter().filter(|c| c.is_published()).map(|c| c.name.as_str());
    let listed = names().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let error = Error::usage(format!("there is no column `{name}`")).expected(format!("one of {listed}"));
    Err(error.suggesting(name, names()))
}

fn check_key(key: &[Located<String>], columns: &[Column], text: &str, file: &str) -> Result<Vec<ColumnName>> {
    let mut names = Vec::with_capacity(key.len());
    for located in key {
        let column = published(located.value(), columns).map_err(|e| e.at(located.place(text, file)))?;
        names.push(column.name.clone());
    }
    Ok(names)
}

fn check_partitions(
    partition_by: &[Located<String>],
    columns: &[Column],
    text: &str,
    file: &str,
) -> Result<Vec<PartitionField>> {
    let mut fields: Vec<PartitionField> = Vec::with_capacity(partition_by.len());
    for located in partition_by {
        let field = check_partition(located.value(), columns, &fields).map_err(|e| e.at(located.place(text, file)))?;
        fields.push(field);
    }
    Ok(fields)
}

fn check_partition(text: &str, columns: &[Column], earlier: &[PartitionField]) -> Result<PartitionField> {
    let field = PartitionField::parse(text)?;
    let column = published(field.column.as_str(), columns)?;
    field.data_type(&column.published_type())?;
    let own_column = field.transform == PartitionTransform::Identity;
    let taken = columns.iter().any(|c| c.is_published() && c.name == field.name) && !own_column;
    if taken || earlier.iter().any(|f| f.name == field.name) {
        return Err(Error::usage(format!("partition column `{}` has the name of another column", field.name))
            .help(format!("give it another name: `{text} as …`")));
    }
    Ok(field)
}

fn check_column(document: ColumnDocument) -> Result<Column> {
    /// Longest column comment in Glue: <https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html>.
    const MAX_COMMENT: usize = 255;
    let source = match document.source {
        SourceNames::Same => vec![document.name.to_string()],
        SourceNames::One(name) => vec![name],
        SourceNames::Any(names) => names,
    };
    let column = Column {
        name: document.name,
        source,
        data_type: document.data_type,
        nullable: document.nullable,
        comment: document.comment,
        treatment: document.treatment,
        contains: document.contains,
    };
    if column.source.is_empty() || column.source.iter().any(String::is_empty) {
        return Err(Error::usage(format!("column `{}`: `source` names nothing", column.name)));
    }
    if column.comment.as_ref().is_some_and(|c| c.chars().count() > MAX_COMMENT) {
        return Err(Error::usage(format!(
            "column `{}`: the comment has more than {MAX_COMMENT} characters",
            column.name
        )));
    }
    check_treatment(&column)?;
    Ok(column)
}

fn check_treatment(column: &Column) -> Result<()> {
    let bad = |found: &str, expected: &str| {
        Err(Error::usage(format!("column `{}` ({}): {found}", column.name, column.data_type))
            .expected(expected.to_owned()))
    };
    let is_text = column.data_type == DataType::String;
    match &column.treatment {
        Treatment::Keep | Treatment::Drop => Ok(()),
        Treatment::Hmac { key, domain } => {
            let whole = matches!(
                column.data_type,
                DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt | DataType::String
            );
            if !whole {
                return bad("`hmac` does not fit the type", "a string or a whole number");
            }
            if key.is_empty() || domain.is_empty() {
                return bad("`hmac` needs a key's name and a domain", "{ key = \"pii\", domain = \"user\" }");
            }
            Ok(())
        }
        Treatment::Mask { .. } if !is_text => bad("`mask` does not fit the type", "a string"),
        Treatment::Mask { .. } => Ok(()),
        Treatment::Truncate(_) if !is_text => bad("`truncate` does not fit the type", "a string"),
        Treatment::Truncate(truncation) => {
            let address = truncation.ipv4.is_some() || truncation.ipv6.is_some();
            if truncation.characters.is_some() == address {
                return bad(
                    "`truncate` takes either `characters` or `ipv4` and `ipv6`",
                    "for example { ipv4 = 24, ipv6 = 48 }",
                );
            }
            if truncation.ipv4.is_some_and(|bits| bits > 32) || truncation.ipv6.is_some_and(|bits| bits > 128) {
                return bad("a prefix length is too large", "at most 32 bits for ipv4 and 128 for ipv6");
            }
            Ok(())
        }
        Treatment::Band(band) => {
            let is_date = column.data_type == DataType::Date;
            if !is_date && !column.data_type.is_numeric() {
                return bad("`band` does not fit the type", "a date or a number");
            }
            if is_date != band.as_of.is_some() {
                return bad("`as_of` is needed for a date, and only there", "as_of = \"2026-03-09\" or \"today\"");
            }
            if band.edges.is_empty() || band.edges.windows(2).any(|pair| pair.first() >= pair.last()) {
                return bad("`edges` must rise", "for example edges = [20, 30, 40]");
            }
            if band.labels.len() != band.edges.len() + 1 {
                return bad(
                    "there must be one label more than edges",
                    "one label below the first edge and one from each edge on",
                );
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = r#"
key = ["user_id"]
columns = [
  { name = "user_id", type = "bigint", nullable = false },
  { name = "email", type = "string", treatment = "drop" },
  { name = "visitor", source = "ip", type = "string", treatment = { hmac = { key = "pii", domain = "ip" } } },
  { name = "age_band", source = "birth_date", type = "date",
    treatment = { band = { as_of = "2026-03-09", edges = [20, 30], labels = ["10대", "20대", "30대 이상"] } } },
]
"#;

    fn refused(text: &str) -> Error {
        Contract::parse(text, "schemas/users.toml").unwrap_err()
    }

    #[test]
    fn a_contract_gives_the_schemas_around_redaction() {
        let contract = Contract::parse(USERS, "schemas/users.toml").unwrap();
        let names: Vec<_> = contract.source_schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, ["user_id", "visitor", "age_band"]);
        assert_eq!(contract.source_schema().field(2).data_type(), &DataType::Date.to_arrow());
        assert_eq!(contract.published_schema().field(2).data_type(), &DataType::String.to_arrow());
    }

    #[test]
    fn a_key_over_a_dropped_or_missing_column_is_placed() {
        let error = refused(&USERS.replace("key = [\"user_id\"]", "key = [\"email\"]"));
        assert_eq!(error.place(), Some("schemas/users.toml:2:8"));
        assert!(error.found().contains("dropped"));
        let error = refused(&USERS.replace("key = [\"user_id\"]", "key = [\"usr_id\"]"));
        assert_eq!(error.advice(), Some("did you mean `user_id`?"));
    }

    #[test]
    fn unknown_words_are_answered_with_the_valid_ones() {
        let error = refused(&USERS.replace("\"drop\"", "\"dorp\""));
        assert!(error.expectation().unwrap().contains("`hmac`"), "{error}");
        assert_eq!(error.advice(), Some("did you mean `drop`?"));
        let error = refused(&USERS.replace("type = \"bigint\"", "type = \"bigit\""));
        assert!(error.to_string().contains("did you mean `bigint`?"), "{error}");
        assert!(error.place().unwrap().starts_with("schemas/users.toml:4:"));
        let error = refused(&USERS.replace("nullable", "nulable"));
        assert_eq!(error.advice(), Some("did you mean `nullable`?"));
    }

    #[test]
    fn treatments_must_fit_their_types() {
        assert!(refused(&USERS.replace("type = \"date\"", "type = \"string\"")).found().contains("band"));
        assert!(refused(&USERS.replace("[20, 30]", "[30, 20]")).found().contains("rise"));
        assert!(refused(&USERS.replace("[20, 30]", "[20]")).found().contains("label"));
        assert!(refused(&USERS.replace("as_of = \"2026-03-09\", ", "")).found().contains("as_of"));
    }

    #[test]
    fn a_column_that_partitions_as_it_is_leaves_the_files() {
        let text = USERS.replace("\nkey =", "\npartition_by = [\"age_band\"]\nkey =");
        let contract = Contract::parse(&text, "schemas/users.toml").unwrap();
        let names: Vec<_> = contract.file_columns().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["user_id", "visitor"]);
    }
}

//! Rows that come back from the lake's own quarantine: redacted when they were put there, and never a second time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use lakegate_contract::{Column, Contract, Error, Result, Treatment};
use serde::{Deserialize, Serialize};

use crate::{CleanBatch, KeyRing, Origin, VERSION};

/// Under which treatments and keys rows were redacted, by column: what a file of the quarantine says of itself. It holds
/// words of the contract and fingerprints of keys, never a key or a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedactionState {
    version: u32,
    columns: BTreeMap<String, ColumnState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ColumnState {
    treatment: String,
    /// The key's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl RedactionState {
    /// What a [`Redactor`](crate::Redactor) of this contract and these keys does.
    pub fn of(contract: &Contract, keys: &KeyRing) -> Self {
        let columns = contract.published_columns().map(|column| (column.name.to_string(), state_of(column, keys)));
        Self { version: VERSION, columns: columns.collect() }
    }

    /// Whether a column's values that were made under this state may be shown to those who may see what the contract publishes
    /// of it today. A value that was kept as it was then, and is treated today, may not.
    pub fn may_be_shown(&self, column: &Column) -> bool {
        let same = |state: &ColumnState| state.treatment == words(&column.treatment);
        column.is_published()
            && (column.treatment == Treatment::Keep || self.columns.get(column.name.as_str()).is_some_and(same))
    }

    /// Whether the values of a column are what today's redaction would have made.
    fn is_same(&self, column: &Column, keys: &KeyRing) -> bool {
        self.version == VERSION && self.columns.get(column.name.as_str()) == Some(&state_of(column, keys))
    }
}

fn state_of(column: &Column, keys: &KeyRing) -> ColumnState {
    let key = match &column.treatment {
        Treatment::Hmac { key, .. } => keys.fingerprint(key),
        _ => None,
    };
    ColumnState { treatment: words(&column.treatment), key }
}

fn words(treatment: &Treatment) -> String {
    format!("{treatment:?}")
}

/// Makes [`CleanBatch`]es of rows that a [`Redactor`](crate::Redactor) has made earlier, without a second treatment. Besides
/// the redactor it is the only maker of them, and it takes only files of which each published column was treated as the
/// contract says today, under the same key.
///
/// A column that the contract has got since is NULL, unless it is required; one that it no longer publishes is left out.
#[derive(Debug)]
pub struct Restorer {
    published: SchemaRef,
    /// For each published column, whether the file has it.
    stored: Vec<bool>,
    left_out: Vec<String>,
}

impl Restorer {
    /// Prepares for the rows of a file: its columns, and what it says of their redaction.
    ///
    /// # Errors
    /// When it says nothing of it, a column has another type or was treated otherwise, or one that is required is not there.
    pub fn new(
        contract: &Contract,
        keys: &KeyRing,
        stored: &Schema,
        made_under: Option<&RedactionState>,
    ) -> Result<Self> {
        let made_under = made_under.ok_or_else(|| {
            Error::usage("the file does not say how its rows were redacted: an older version of lakegate wrote it")
                .help(AFRESH)
        })?;
        let published = contract.published_schema();
        let check = |column: &Column| {
            let found = stored.fields().find(column.name.as_str()).map(|(_, field)| field.data_type());
            check_type(contract, column, found)?;
            if found.is_some() && !made_under.is_same(column, keys) {
                return Err(Error::usage(format!(
                    "column `{}` was treated otherwise, or under another key",
                    column.name
                ))
                .at(schema_file(contract))
                .expected("the treatment and the key of the time when the rows were read")
                .help(AFRESH));
            }
            Ok(found.is_some())
        };
        let is_stored = contract.published_columns().map(check).collect::<Result<_>>()?;
        let is_left_out = |name: &&String| contract.published_column(name).is_none();
        let left_out = stored.fields().iter().map(|f| f.name()).filter(is_left_out).cloned().collect();
        Ok(Self { published, stored: is_stored, left_out })
    }

    /// Whether a column of the file is needed.
    pub fn takes(&self, name: &str) -> bool {
        self.published.fields().find(name).is_some()
    }

    /// Columns of the file that the contract no longer publishes.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Columns that the contract has got since: they are NULL.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        let fields = self.published.fields().iter().zip(&self.stored);
        fields.filter(|(_, stored)| !**stored).map(|(field, _)| field.name().as_str())
    }

    /// Rows of the file as today's contract has them.
    ///
    /// # Errors
    /// When the batch lacks columns of the file that are needed, which is a defect.
    pub fn restore(&self, batch: &RecordBatch, origin: Origin) -> Result<CleanBatch> {
        let rows = batch.num_rows();
        if origin.len() != rows {
            return Err(Error::bug("restored rows and their origin differ in length"));
        }
        let lost = || Error::bug("restored rows lack a column");
        let columns = self.published.fields().iter().zip(&self.stored).map(|(field, stored)| match stored {
            true => batch.column_by_name(field.name()).cloned().ok_or_else(lost),
            false => Ok(new_null_array(field.data_type(), rows)),
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let clean = RecordBatch::try_new(Arc::clone(&self.published), columns)
            .map_err(|_| Error::bug("restored rows do not have the published schema"))?;
        Ok(CleanBatch::new(clean, origin))
    }
}

const AFRESH: &str = "load the table afresh, with mode = \"replace\" for one run: that reads the rows anew";

fn schema_file(contract: &Contract) -> String {
    format!("schemas/{}.toml", contract.table())
}

/// Whether a column may stand in the file as it does, or be missing there.
fn check_type(contract: &Contract, column: &Column, found: Option<&arrow::datatypes::DataType>) -> Result<()> {
    let wanted = column.published_type();
    match found {
        None if column.nullable => Ok(()),
        None => Err(Error::usage(format!("column `{}` is required, and the rows were read without it", column.name))
            .at(schema_file(contract))
            .expected("a new column that is nullable")
            .help(AFRESH)),
        Some(found) if *found == wanted.to_arrow() => Ok(()),
        Some(_) => Err(Error::usage(format!("column `{}` had another type when the rows were read", column.name))
            .at(schema_file(contract))
            .expected(format!("{wanted} then as now"))
            .help(AFRESH)),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};

    use super::*;
    use crate::Secret;

    fn contract(columns: &str) -> Contract {
        Contract::parse(&format!("columns = [{columns}]"), "schemas/t.toml").unwrap()
    }

    fn keys(letter: &str) -> KeyRing {
        let mut keys = KeyRing::new();
        keys.insert("pii", &Secret::new(letter.repeat(32))).unwrap();
        keys
    }

    const THEN: &str = r#"{ name = "id", type = "bigint" }, { name = "ip", type = "string" },
        { name = "visitor", type = "string", treatment = { hmac = { key = "pii", domain = "v" } } }"#;

    fn stored() -> RecordBatch {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1, 2])),
            Arc::new(StringArray::from(vec!["1.2.3.4", "5.6.7.8"])),
            Arc::new(StringArray::from(vec!["0a", "0b"])),
        ];
        RecordBatch::try_new(contract(THEN).published_schema(), columns).unwrap()
    }

    fn restorer(today: &str, letter: &str) -> Result<Restorer> {
        let made_under = RedactionState::of(&contract(THEN), &keys("k"));
        Restorer::new(&contract(today), &keys(letter), &stored().schema(), Some(&made_under))
    }

    #[test]
    fn what_was_redacted_comes_back_as_it_is() {
        let clean = restorer(THEN, "k").unwrap().restore(&stored(), Origin::rows("t", None, 1, 2)).unwrap();
        assert_eq!(clean.columns(), &stored());
        assert!(restorer(THEN, "k").unwrap().restore(&stored(), Origin::rows("t", None, 1, 1)).is_err());
    }

    #[test]
    fn columns_come_as_null_and_go_unseen() {
        let today = r#"{ name = "note", type = "string" }, { name = "id", type = "bigint" },
            { name = "ip", type = "string", treatment = "drop" }"#;
        let restorer = restorer(today, "k").unwrap();
        assert_eq!(
            (restorer.left_out(), restorer.missing().collect::<Vec<_>>()),
            (&["ip".to_owned(), "visitor".to_owned()][..], vec!["note"])
        );
        let clean = restorer.restore(&stored(), Origin::rows("t", None, 1, 2)).unwrap();
        assert_eq!(clean.columns().column(0).null_count(), 2);
        assert_eq!(clean.columns().column(1).as_ref(), &Int64Array::from(vec![1, 2]) as &dyn arrow::array::Array);
        assert_eq!(clean.columns().num_columns(), 2);
    }

    #[test]
    fn what_would_be_redacted_otherwise_today_is_refused() {
        let refused = |today: &str, letter: &str| restorer(today, letter).unwrap_err().to_string();
        let masked =
            THEN.replace(r#""ip", type = "string""#, r#""ip", type = "string", treatment = { mask = { last = 2 } }"#);
        assert!(refused(&masked, "k").contains("`ip` was treated otherwise"));
        let plain = THEN.replace(r#", treatment = { hmac = { key = "pii", domain = "v" } }"#, "");
        assert!(refused(&plain, "k").contains("`visitor` was treated otherwise"));
        assert!(refused(THEN, "l").contains("`visitor` was treated otherwise, or under another key"));
        assert!(refused(&THEN.replace("bigint", "int"), "k").contains("`id` had another type"));
        let required = format!("{THEN}, {{ name = \"note\", type = \"string\", nullable = false }}");
        assert!(refused(&required, "k").contains("`note` is required"));
        let unsaid = Restorer::new(&contract(THEN), &keys("k"), &stored().schema(), None).unwrap_err();
        assert!(unsaid.to_string().contains("older version"));
    }

    #[test]
    fn what_is_treated_today_and_was_not_then_is_not_shown() {
        let then = RedactionState::of(&contract(THEN), &KeyRing::new());
        let shown =
            |today: &str| -> Vec<bool> { contract(today).columns().iter().map(|c| then.may_be_shown(c)).collect() };
        assert_eq!(shown(THEN), [true, true, true]);
        let masked = r#"{ name = "ip", type = "string", treatment = { mask = { last = 2 } } },
            { name = "id", type = "bigint", treatment = "drop" }, { name = "visitor", type = "string" }"#;
        assert_eq!(shown(masked), [false, false, true]);
    }
}

//! From raw to clean.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use chrono::NaiveDate;
use lakegate_contract::{AsOf, Column, Contract, Error, Result, Treatment};

use crate::coarsen::{band, mask, network, prefix};
use crate::pseudonym::Pseudonymizer;
use crate::{CleanBatch, KeyRing, RawBatch};

/// Applies a contract's treatments: the only maker of [`CleanBatch`]es from raw rows.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, RecordBatch, StringArray};
/// use lakegate_contract::Contract;
/// use lakegate_redaction::{KeyRing, Origin, RawBatch, Redactor};
///
/// let contract = Contract::parse(
///     r#"columns = [{ name = "postcode", type = "string", treatment = { truncate = { characters = 3 } } }]"#,
///     "schemas/users.toml",
/// )?;
/// let redactor = Redactor::new(&contract, &KeyRing::new(), chrono::NaiveDate::MIN)?;
/// let column: ArrayRef = Arc::new(StringArray::from(vec!["06236"]));
/// let raw = RecordBatch::try_new(contract.source_schema(), vec![column]).unwrap();
/// let clean = redactor.redact(RawBatch::new(raw, Origin::rows("users", None, 1, 1))?)?;
/// assert_eq!(clean.columns().column(0).as_ref(), &StringArray::from(vec!["062"]) as &dyn arrow::array::Array);
/// # Ok::<(), lakegate_contract::Error>(())
/// ```
pub struct Redactor {
    source: SchemaRef,
    published: SchemaRef,
    steps: Vec<Step>,
    /// For each column, values that its treatment could make nothing of: they were published as NULL.
    nulled: Vec<AtomicU64>,
}

enum Step {
    Keep,
    Milliseconds,
    Pseudonym(Pseudonymizer),
    Mask(usize),
    Prefix(usize),
    Network { ipv4: Option<u8>, ipv6: Option<u8> },
    Band { edges: Vec<i64>, labels: Vec<String>, as_of: Option<NaiveDate> },
}

impl Redactor {
    /// Prepares the treatments of a contract; `today` stands for `as_of = "today"`.
    ///
    /// # Errors
    /// When a key that the contract names is not in the ring.
    pub fn new(contract: &Contract, keys: &KeyRing, today: NaiveDate) -> Result<Self> {
        let steps = contract
            .published_columns()
            .map(|column| {
                step_of(column, keys, today)
                    .map_err(|e| e.at(format!("table {}, column {}", contract.table(), column.name)))
            })
            .collect::<Result<_>>()?;
        let nulled = contract.published_columns().map(|_| AtomicU64::new(0)).collect();
        Ok(Self { source: contract.source_schema(), published: contract.published_schema(), steps, nulled })
    }

    /// The schema of the batches that come out.
    pub fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.published)
    }

    /// Redacts one batch.
    ///
    /// # Errors
    /// When the batch does not have the contract's source schema, which is a defect of the source.
    pub fn redact(&self, raw: RawBatch) -> Result<CleanBatch> {
        let (batch, origin) = raw.into_parts();
        self.check_columns(&batch)?;
        let columns = batch
            .columns()
            .iter()
            .zip(&self.steps)
            .map(|(column, step)| step.apply(column))
            .collect::<Result<Vec<ArrayRef>>>()?;
        for ((before, after), nulled) in batch.columns().iter().zip(&columns).zip(&self.nulled) {
            let more = after.null_count().saturating_sub(before.null_count());
            if more > 0 {
                nulled.fetch_add(more as u64, Ordering::Relaxed);
            }
        }
        let clean = RecordBatch::try_new(Arc::clone(&self.published), columns)
            .map_err(|_| Error::bug("a redacted batch does not have the published schema"))?;
        Ok(CleanBatch::new(clean, origin))
    }

    /// How many values each column's treatment could make nothing of, such as a text that is no address: they became NULL.
    pub fn nulled(&self) -> BTreeMap<String, u64> {
        let names = self.published.fields().iter().map(|f| f.name().clone());
        let counts = self.nulled.iter().map(|n| n.load(Ordering::Relaxed));
        names.zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    fn check_columns(&self, batch: &RecordBatch) -> Result<()> {
        let same = batch.num_columns() == self.source.fields().len()
            && batch
                .schema_ref()
                .fields()
                .iter()
                .zip(self.source.fields())
                .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
        if same {
            return Ok(());
        }
        let names = |schema: &SchemaRef| {
            schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect::<Vec<_>>().join(", ")
        };
        Err(Error::bug(format!("a source gave the columns ({})", names(&batch.schema())))
            .expected(format!("({})", names(&self.source))))
    }
}

fn step_of(column: &Column, keys: &KeyRing, today: NaiveDate) -> Result<Step> {
    Ok(match &column.treatment {
        Treatment::Keep if column.data_type == lakegate_contract::DataType::Timestamp => Step::Milliseconds,
        Treatment::Keep | Treatment::Drop => Step::Keep,
        Treatment::Hmac { key, domain } => Step::Pseudonym(Pseudonymizer::new(keys.get(key)?, domain)),
        Treatment::Mask { last } => Step::Mask(*last),
        Treatment::Truncate(truncation) => match truncation.characters {
            Some(characters) => Step::Prefix(characters),
            None => Step::Network { ipv4: truncation.ipv4, ipv6: truncation.ipv6 },
        },
        Treatment::Band(spec) => Step::Band {
            edges: spec.edges.clone(),
            labels: spec.labels.clone(),
            as_of: spec.as_of.map(|as_of| match as_of {
                AsOf::Date(date) => date,
                AsOf::Today => today,
            }),
        },
    })
}

impl Step {
    fn apply(&self, column: &ArrayRef) -> Result<ArrayRef> {
        Ok(match self {
            Step::Keep => Arc::clone(column),
            Step::Milliseconds => milliseconds(column),
            Step::Pseudonym(pseudonymizer) => pseudonymizer.apply(column)?,
            Step::Mask(last) => mask(column, *last),
            Step::Prefix(characters) => prefix(column, *characters),
            Step::Network { ipv4, ipv6 } => network(column, *ipv4, *ipv6),
            Step::Band { edges, labels, as_of } => band(column, edges, labels, *as_of)?,
        })
    }
}

/// Athena's timestamps have milliseconds: finer digits are cut, towards the past.
fn milliseconds(column: &ArrayRef) -> ArrayRef {
    let Some(values) = column.as_primitive_opt::<TimestampMicrosecondType>() else { return Arc::clone(column) };
    if values.values().iter().all(|v| v % 1000 == 0) {
        return Arc::clone(column);
    }
    let cut: TimestampMicrosecondArray = values.unary(|v| v.saturating_sub(v.rem_euclid(1000)));
    match values.data_type() {
        DataType::Timestamp(_, Some(zone)) => Arc::new(cut.with_timezone(Arc::clone(zone))),
        _ => Arc::new(cut),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::{Origin, Secret};

    fn contract(columns: &str) -> Contract {
        Contract::parse(&format!("columns = [{columns}]"), "schemas/t.toml").unwrap()
    }

    fn redact(contract: &Contract, columns: Vec<ArrayRef>) -> CleanBatch {
        let mut keys = KeyRing::new();
        keys.insert("pii", &Secret::new("k".repeat(32))).unwrap();
        let rows = columns.first().unwrap().len();
        let batch = RecordBatch::try_new(contract.source_schema(), columns).unwrap();
        let raw = RawBatch::new(batch, Origin::rows("t", None, 1, rows)).unwrap();
        Redactor::new(contract, &keys, NaiveDate::MIN).unwrap().redact(raw).unwrap()
    }

    #[test]
    fn dropped_columns_do_not_exist_after_redaction() {
        let contract =
            contract(r#"{ name = "a", type = "bigint" }, { name = "b", type = "string", treatment = "drop" }"#);
        let clean = redact(&contract, vec![Arc::new(Int64Array::from(vec![1]))]);
        assert_eq!(clean.schema().fields().len(), 1);
    }

    #[test]
    fn a_missing_or_short_key_is_refused() {
        let contract =
            contract(r#"{ name = "a", type = "string", treatment = { hmac = { key = "pii", domain = "d" } } }"#);
        let error = Redactor::new(&contract, &KeyRing::new(), NaiveDate::MIN).err().unwrap();
        assert_eq!(error.class(), lakegate_contract::Class::Usage);
        let error = KeyRing::new().insert("pii", &Secret::new("hunter2")).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn timestamps_are_cut_to_milliseconds_towards_the_past() {
        let contract = contract(r#"{ name = "t", type = "timestamp" }"#);
        let column = TimestampMicrosecondArray::from(vec![1_234_567, -1, 1000]).with_timezone("UTC");
        let clean = redact(&contract, vec![Arc::new(column)]);
        let got = clean.columns().column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec();
        assert_eq!(got, [1_234_000, -1000, 1000]);
    }

    #[test]
    fn what_a_treatment_can_make_nothing_of_is_counted() {
        let contract = contract(r#"{ name = "ip", type = "string", treatment = { truncate = { ipv4 = 24 } } }"#);
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("1.2.3.4"), Some("999.1.1.1"), None, Some("x")]));
        let batch = RecordBatch::try_new(contract.source_schema(), vec![column]).unwrap();
        let redactor = Redactor::new(&contract, &KeyRing::new(), NaiveDate::MIN).unwrap();
        redactor.redact(RawBatch::new(batch, Origin::rows("t", None, 1, 4)).unwrap()).unwrap();
        assert_eq!(redactor.nulled(), BTreeMap::from([("ip".to_owned(), 2)]));
    }

    #[test]
    fn a_batch_of_another_shape_is_a_defect() {
        let contract = contract(r#"{ name = "a", type = "bigint" }"#);
        let other = RecordBatch::try_from_iter([("b", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
        let raw = RawBatch::new(other, Origin::rows("t", None, 1, 1)).unwrap();
        let error = Redactor::new(&contract, &KeyRing::new(), NaiveDate::MIN).unwrap().redact(raw).unwrap_err();
        assert_eq!(error.class(), lakegate_contract::Class::Bug);
    }

    proptest! {
        #[test]
        fn no_text_makes_a_treatment_fail(values in prop::collection::vec(prop::option::of("\\PC{0,40}"), 1..20)) {
            let contract = contract(
                r#"{ name = "a", type = "string", treatment = { mask = { last = 4 } } },
                   { name = "b", type = "string", treatment = { truncate = { ipv4 = 24, ipv6 = 48 } } },
                   { name = "c", type = "string", treatment = { hmac = { key = "pii", domain = "d" } } }"#,
            );
            let column: ArrayRef = Arc::new(StringArray::from(values.clone()));
            let clean = redact(&contract, vec![Arc::clone(&column), Arc::clone(&column), column]);
            let masked = clean.columns().column(0).as_string::<i32>();
            for (value, shown) in values.iter().zip(masked) {
                let readable = shown.map_or(0, |s| s.chars().filter(|c| *c != '*').count());
                prop_assert!(readable <= value.as_ref().map_or(0, |v| v.chars().count() / 2));
            }
        }
    }
}

//! A second pair of eyes: samples what was published for values that look sensitive.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use lakegate_contract::{ColumnName, Contract, Detector, Treatment};

use crate::CleanBatch;
use crate::detector::{Likeness, likeness};

/// Values looked at in each column of each batch.
const SAMPLE: usize = 512;
/// Of a thousand sampled values, how many must look like a number of some kind: random identifiers do now and then, about
/// one in a hundred thousand. An e-mail address is never an accident.
const HITS_PER_THOUSAND: u64 = 1;
/// Of a hundred values that have the shape of a number with a check digit, how many must have the right one: of other long
/// numbers ten do by accident.
const RIGHT_PER_HUNDRED: u64 = 30;

/// Looks for e-mail addresses, telephone, resident registration and card numbers in string columns that are published
/// as they are, unless the contract says that a column `contains` them. It samples, so it finds a mistake in a contract,
/// not a single stray value.
pub struct Guard {
    columns: Vec<Watched>,
}

struct Watched {
    index: usize,
    name: ColumnName,
    sampled: AtomicU64,
    detectors: Vec<Tally>,
}

/// What one detector has seen in one column.
struct Tally {
    detector: Detector,
    /// Values of the right shape.
    shapes: AtomicU64,
    /// Of them those with the right check digit.
    hits: AtomicU64,
}

/// Sensitive-looking values in a column. It holds counts, never a value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The column.
    pub column: ColumnName,
    /// What its values look like.
    pub detector: Detector,
    /// How many values were looked at.
    pub sampled: u64,
    /// How many of them look so.
    pub hits: u64,
}

impl Guard {
    /// Watches the string columns that the contract keeps.
    pub fn new(contract: &Contract) -> Self {
        let columns = contract
            .published_columns()
            .enumerate()
            .filter(|(_, column)| column.treatment == Treatment::Keep && holds_text(&column.data_type.to_arrow()))
            .map(|(index, column)| Watched {
                index,
                name: column.name.clone(),
                sampled: AtomicU64::new(0),
                detectors: Detector::ALL
                    .into_iter()
                    .filter(|detector| !column.contains.contains(detector))
                    .map(|detector| Tally { detector, shapes: AtomicU64::new(0), hits: AtomicU64::new(0) })
                    .collect(),
            })
            .collect();
        Self { columns }
    }

    /// Samples a batch.
    pub fn inspect(&self, batch: &CleanBatch) {
        for watched in &self.columns {
            if let Some(texts) = batch.columns().columns().get(watched.index).and_then(text_of) {
                watched.inspect(&texts);
            }
        }
    }

    /// What was seen so far.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for watched in &self.columns {
            let sampled = watched.sampled.load(Ordering::Relaxed);
            for tally in &watched.detectors {
                let (shapes, hits) = (tally.shapes.load(Ordering::Relaxed), tally.hits.load(Ordering::Relaxed));
                let frequent = hits * 1000 >= sampled * HITS_PER_THOUSAND && hits * 100 >= shapes * RIGHT_PER_HUNDRED;
                if hits > 0 && (frequent || tally.detector == Detector::Email) {
                    findings.push(Finding { column: watched.name.clone(), detector: tally.detector, sampled, hits });
                }
            }
        }
        findings
    }
}

impl Watched {
    fn inspect(&self, texts: &StringArray) {
        let step = texts.len().div_ceil(SAMPLE).max(1);
        let mut sampled = 0;
        for row in (0..texts.len()).step_by(step).filter(|row| texts.is_valid(*row)) {
            sampled += 1;
            let text = texts.value(row);
            for tally in &self.detectors {
                let likeness = likeness(tally.detector, text);
                if likeness >= Likeness::Shape {
                    tally.shapes.fetch_add(1, Ordering::Relaxed);
                }
                if likeness == Likeness::Value {
                    tally.hits.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        self.sampled.fetch_add(sampled, Ordering::Relaxed);
    }
}

fn holds_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 => true,
        DataType::List(element) => *element.data_type() == DataType::Utf8,
        _ => false,
    }
}

fn text_of(column: &ArrayRef) -> Option<StringArray> {
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string::<i32>().clone()),
        DataType::List(_) => {
            // A slice of a list array keeps the values of the whole.
            let lists = column.as_list::<i32>();
            let (first, last) = (lists.value_offsets().first()?, lists.value_offsets().last()?);
            let (first, length) = (usize::try_from(*first).ok()?, usize::try_from(last - first).ok()?);
            lists.values().as_string_opt::<i32>().map(|texts| texts.slice(first, length))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::RecordBatch;

    use super::*;
    use crate::Origin;

    fn findings(columns: &str, values: Vec<&str>) -> Vec<Finding> {
        let contract = Contract::parse(&format!("columns = [{columns}]"), "schemas/t.toml").unwrap();
        let rows = values.len();
        let column: ArrayRef = Arc::new(StringArray::from(values));
        let batch = RecordBatch::try_new(contract.published_schema(), vec![column]).unwrap();
        let guard = Guard::new(&contract);
        guard.inspect(&CleanBatch::new(batch, Origin::rows("t", None, 1, rows)));
        guard.findings()
    }

    #[test]
    fn an_undeclared_kind_is_found_and_a_declared_one_is_not() {
        let values = vec!["hello", "kim@example.com", "010-1234-5678"];
        let found = findings(r#"{ name = "note", type = "string" }"#, values.clone());
        assert_eq!(
            found.iter().map(|f| (f.detector, f.hits, f.sampled)).collect::<Vec<_>>(),
            [(Detector::Email, 1, 3), (Detector::Phone, 1, 3)]
        );
        let declared = findings(r#"{ name = "note", type = "string", contains = ["email", "phone"] }"#, values);
        assert!(declared.is_empty());
    }

    #[test]
    fn an_accident_in_many_identifiers_is_no_finding() {
        let mut values = vec!["d41d8cd98f00b204"; 2000];
        values[0] = "4111111111111111";
        assert!(findings(r#"{ name = "session", type = "string" }"#, values.clone()).len() <= 1);
        values.resize(4_000_000 / 512, "d41d8cd98f00b204");
        let contract = Contract::parse("columns = [{ name = \"s\", type = \"string\" }]", "schemas/t.toml").unwrap();
        let guard = Guard::new(&contract);
        for round in 0..8 {
            let column: ArrayRef =
                Arc::new(StringArray::from(if round == 0 { values.clone() } else { values[1..].to_vec() }));
            let rows = column.len();
            let batch = RecordBatch::try_new(contract.published_schema(), vec![column]).unwrap();
            guard.inspect(&CleanBatch::new(batch, Origin::rows("t", None, 1, rows)));
        }
        assert!(guard.findings().is_empty(), "{:?}", guard.findings());
    }

    #[test]
    fn long_order_numbers_are_no_card_numbers() {
        let numbers: Vec<String> =
            (0..2000u64).map(|i| (4_000_000_000_000_000 + i * 7_919_431_007).to_string()).collect();
        let values: Vec<&str> = numbers.iter().map(String::as_str).collect();
        assert!(findings(r#"{ name = "order_no", type = "string" }"#, values).is_empty());
        let cards = vec!["4111111111111111", "5500005555555559", "ask 4111 1111 1111 1111", "none", "2024123456789012"];
        assert_eq!(findings(r#"{ name = "note", type = "string" }"#, cards).len(), 1);
    }

    #[test]
    fn masked_columns_are_not_watched() {
        let masked = r#"{ name = "phone", type = "string", treatment = { mask = { last = 4 } } }"#;
        assert!(findings(masked, vec!["010-1234-5678"]).is_empty());
    }
}

//! Events on their way through Firehose: cut to the members that the contract publishes, and told the folder they belong into.
//!
//! What rests in the bucket before a job reads it is then as little as what the job would take. Treatments come later, with the
//! keys that only the job has: a member that is pseudonymised is still plain here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use chrono_tz::Tz;
use lakegate_contract::{Contract, DataType, Error, PartitionField, Result, Treatment};
use lakegate_pipeline::rows::{RowsBuilder, Value};

use crate::fields::{Members, Target};
use crate::json::JsonDecoder;
use crate::scanner::{Fault, MAX_DEPTH, Parsed, Scanner};
use crate::unread::Unread;

/// An event that can be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutEvent {
    /// JSON objects, a line each.
    pub data: Vec<u8>,
    /// The partition columns of the table and their values, as folders are named.
    pub keys: BTreeMap<String, String>,
}

/// Why an event cannot be delivered: words without its values.
pub type CutFault = &'static str;

/// Cuts events by a contract.
pub struct Transformation {
    keep: Members,
    time: Members,
    columns: Vec<String>,
    schema: SchemaRef,
    contract: Arc<Contract>,
    fields: Vec<PartitionField>,
    zone: Tz,
}

impl Transformation {
    /// For the events of a table.
    ///
    /// # Errors
    /// When the table is not partitioned, or by a column that a treatment makes: its key is not known here.
    pub fn new(contract: &Arc<Contract>, zone: Tz) -> Result<Self> {
        let fields = contract.partition_by().to_vec();
        let place = || format!("schemas/{}.toml", contract.table());
        if fields.is_empty() {
            return Err(Error::usage("the table has no partitions, so there is nothing to cut its events by")
                .at(place())
                .expected("partition_by, such as [\"date(ts) as date\"]"));
        }
        let treated = |name: &str| contract.published_column(name).is_none_or(|c| c.treatment != Treatment::Keep);
        if let Some(field) = fields.iter().find(|field| treated(field.column.as_str())) {
            return Err(Error::usage(format!("partition column `{}` is made by a treatment", field.name))
                .at(place())
                .expected("columns that are kept as they are: treatments come after Firehose"));
        }
        let wanted: BTreeSet<&str> = fields.iter().map(|field| field.column.as_str()).collect();
        Ok(Self {
            keep: Members::of(contract)?,
            time: Members::of_columns(contract, |column| wanted.contains(column))?,
            columns: contract.published_columns().map(|column| column.name.to_string()).collect(),
            schema: contract.source_schema(),
            contract: Arc::clone(contract),
            fields,
            zone,
        })
    }

    /// Cuts the record of a stream: one event, or several that belong into the same folder.
    ///
    /// # Errors
    /// When it is no JSON, an event has no time that can be read, or events of one record belong into different folders.
    pub fn record(&self, bytes: &[u8]) -> std::result::Result<CutEvent, CutFault> {
        let mut data = Vec::with_capacity(bytes.len() + 1);
        let mut keys: Option<BTreeMap<String, String>> = None;
        let mut scanner = Scanner::new(bytes, 0);
        while scanner.after_space().is_ok() {
            let start = scanner.at;
            let these = self.keys(bytes, start)?;
            if keys.as_ref().is_some_and(|others| *others != these) {
                return Err("events of one record belong into different folders");
            }
            keys = Some(these);
            if !matches!(cut(&mut scanner, &self.keep, &mut data, 0), Ok(true)) {
                return Err("not a JSON object that can be read");
            }
            data.push(b'\n');
        }
        match keys {
            Some(keys) => Ok(CutEvent { data, keys }),
            None => Err("an empty record"),
        }
    }

    fn keys(&self, bytes: &[u8], start: usize) -> std::result::Result<BTreeMap<String, String>, CutFault> {
        let mut row = vec![Value::Null; self.columns.len()];
        let decoder = JsonDecoder { members: &self.time, columns: &self.columns, zone: self.zone };
        decoder.decode(bytes, start, &mut row, &mut Unread::default()).map_err(|fault| match fault {
            Fault::Unfit(..) => "a partition column does not fit its type",
            Fault::Incomplete | Fault::Malformed(..) => "not a JSON object that can be read",
        })?;
        self.values(&row).ok_or("a partition column is missing, or cannot name a folder")
    }

    /// The partition values of a row; `None` when one is NULL or cannot be stored.
    fn values(&self, row: &[Value<'_>]) -> Option<BTreeMap<String, String>> {
        let mut builder = RowsBuilder::new(&self.contract).ok()?;
        builder.append(row);
        let batch = builder.finish().ok()?;
        let mut keys = BTreeMap::new();
        for field in &self.fields {
            let column: &ArrayRef = batch.column(self.schema.index_of(field.column.as_str()).ok()?);
            if field.unstorable(column).is_some() {
                return None;
            }
            let codes = field.codes(column, self.zone).ok()?;
            keys.insert(field.name.to_string(), codes.value(*codes.codes().first()?)?);
        }
        Some(keys)
    }
}

/// Copies an object with those members alone that `keep` publishes; whether there was one. Their texts stay as they are.
fn cut(scanner: &mut Scanner<'_>, keep: &Members, out: &mut Vec<u8>, depth: usize) -> Parsed<bool> {
    if scanner.after_space()? != b'{' || depth >= MAX_DEPTH {
        return Ok(false);
    }
    scanner.at += 1;
    out.push(b'{');
    if scanner.after_space()? == b'}' {
        scanner.at += 1;
        out.push(b'}');
        return Ok(true);
    }
    let mut first = true;
    loop {
        scanner.after_space()?;
        let name = scanner.at;
        let key = scanner.key()?;
        let target = keep.find(key.as_bytes(), 0).and_then(|index| keep.fields.get(index)).map(|field| &field.target);
        let wanted = matches!(target, Some(Target::Columns(_) | Target::Members(_)));
        if wanted {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(scanner.slice(name, scanner.at));
        }
        let inner = match (target, scanner.after_space()?) {
            (Some(Target::Members(inner)), b'{') => Some(inner),
            _ => None,
        };
        let start = scanner.at;
        match inner {
            Some(inner) => {
                if !cut(scanner, inner, out, depth + 1)? {
                    return Ok(false);
                }
            }
            None => {
                scanner.skip(depth)?;
                if let Some(target) = target.filter(|_| wanted) {
                    out.extend_from_slice(publishable(target, scanner.slice(start, scanner.at)));
                }
            }
        }
        match scanner.after_space()? {
            b',' => scanner.at += 1,
            b'}' => {
                scanner.at += 1;
                out.push(b'}');
                return Ok(true);
            }
            _ => return Ok(false),
        }
    }
}

/// The text of a member's value, or one that the job rejects: where a single value was expected, what stands within an object or
/// an array is nothing that the contract names.
fn publishable<'a>(target: &Target, value: &'a [u8]) -> &'a [u8] {
    let nested = matches!(value.first(), Some(b'{' | b'['));
    match target {
        Target::Members(_) if value == b"null" => value,
        Target::Columns(columns) => {
            let all = |wanted: fn(&DataType) -> bool| columns.iter().all(|(_, data_type)| wanted(data_type));
            let texts = all(|data_type| matches!(data_type, DataType::Array(_))) && is_list_of_texts(value);
            match nested && !texts {
                false => value,
                true if all(|data_type| *data_type == DataType::Boolean) => b"0",
                true => b"false",
            }
        }
        _ => b"false",
    }
}

/// Whether a JSON array holds strings alone.
fn is_list_of_texts(value: &[u8]) -> bool {
    serde_json::from_slice::<Vec<String>>(value).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONTRACT: &str = r#"
partition_by = ["date(ts) as date", "hour(ts) as hour"]
columns = [
  { name = "event_id", type = "string" },
  { name = "ts", source = ["ts", "time"], type = "timestamp", nullable = false },
  { name = "price", type = "decimal(20,2)" },
  { name = "ip", type = "string", treatment = "drop" },
  { name = "user", type = "string", treatment = { hmac = { key = "k", domain = "user" } } },
  { name = "source", source = "utm.source", type = "string" },
]
"#;

    fn transformation() -> Transformation {
        let contract = Arc::new(Contract::parse(CONTRACT, "schemas/clicks.toml").unwrap());
        Transformation::new(&contract, chrono_tz::Asia::Seoul).unwrap()
    }

    fn cut_text(text: &str) -> std::result::Result<(String, Vec<String>), CutFault> {
        let event = transformation().record(text.as_bytes())?;
        Ok((String::from_utf8(event.data).unwrap(), event.keys.into_values().collect()))
    }

    #[test]
    fn an_event_goes_into_the_folder_of_its_own_time_without_what_nobody_wants() {
        let text = r#" {"event_id":"a\u0020b", "ip":"203.0.113.7","ts" : "2025-12-31T16:55:36Z","price":1.10,"secret":{"x":[1]},
            "utm":{"source":"신문","id":"7"},"user":"42"} "#;
        let (data, keys) = cut_text(text).unwrap();
        assert_eq!(keys, ["2026-01-01", "01"]);
        assert_eq!(
            data,
            "{\"event_id\":\"a\\u0020b\",\"ts\" :\"2025-12-31T16:55:36Z\",\"price\":1.10,\"utm\":{\"source\":\"신문\"},\"user\":\"42\"}\n"
        );
    }

    #[test]
    fn several_events_of_a_record_need_one_folder() {
        let line = |hour: u32| format!("{{\"ts\":\"2026-03-09T0{hour}:00:00Z\"}}");
        let (data, keys) = cut_text(&format!("{}{}\n", line(1), line(1))).unwrap();
        assert_eq!((data.lines().count(), keys), (2, vec!["2026-03-09".to_owned(), "10".to_owned()]));
        assert!(cut_text(&format!("{}\n{}", line(1), line(2))).is_err());
    }

    #[test]
    fn what_has_no_time_or_is_no_event_fails() {
        for text in [
            "",
            " ",
            "{}",
            "[]",
            "1",
            "{\"ts\":null}",
            "{\"ts\":\"yesterday\"}",
            "{\"ts\":\"2026-03-09T01:00:00Z\"",
            "{\"ts\":\"2026-03-09T01:00:00Z\"} x",
            "{\"ts\":\"+99999-03-09T01:00:00Z\"}",
            "\u{feff}{}",
        ] {
            assert!(cut_text(text).is_err(), "{text}");
        }
        let odd = cut_text("{\"ts\":1773018000,\"utm\":\"x\"}").unwrap();
        assert_eq!(odd.0, "{\"ts\":1773018000,\"utm\":false}\n");
    }

    #[test]
    fn a_key_that_a_treatment_makes_is_refused() {
        for (good, bad) in
            [("\"date(ts) as date\"", "\"user\""), ("partition_by = [\"date(ts) as date\", \"hour(ts) as hour\"]", "")]
        {
            let contract = Arc::new(Contract::parse(&CONTRACT.replace(good, bad), "schemas/clicks.toml").unwrap());
            assert!(Transformation::new(&contract, chrono_tz::UTC).is_err());
        }
    }

    /// Every member of every object in a text.
    fn names(value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(members) => members.iter().for_each(|(name, value)| {
                found.insert(name.clone());
                names(value, found);
            }),
            serde_json::Value::Array(values) => values.iter().for_each(|value| names(value, found)),
            _ => {}
        }
    }

    #[test]
    fn what_stands_where_a_single_value_was_expected_does_not_come_through() {
        let event = |member: &str| format!("{{\"ts\":\"2026-03-09T01:00:00Z\",{member}}}");
        for (member, expected) in [
            ("\"utm\":null", "\"utm\":null"),
            ("\"event_id\":{\"ip\":\"203.0.113.7\"}", "\"event_id\":false"),
            ("\"event_id\":[\"203.0.113.7\"]", "\"event_id\":false"),
            ("\"event_id\":null", "\"event_id\":null"),
            ("\"utm\":[{\"source\":1}]", "\"utm\":false"),
            ("\"utm\":{\"source\":{\"ip\":1}}", "\"utm\":{\"source\":false}"),
            ("\"event_id\":\"a\",\"\\u0069p\":\"203.0.113.7\"", "\"event_id\":\"a\""),
        ] {
            let (data, _) = cut_text(&event(member)).unwrap();
            assert_eq!(data, format!("{}\n", event(expected)), "{member}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_and_nothing_undeclared_comes_through(
            text in r#"[\{\}\[\]",:a-z0-9\\ ]{0,40}"#,
            member in "(ip|event_id|utm|price|user|\\\\u0069p|x)",
        ) {
            let _ = cut_text(&text);
            let event = format!("{{\"ts\":\"2026-03-09T01:00:00Z\",\"{member}\":{text},\"event_id\":\"e\"}}");
            if let Ok((data, _)) = cut_text(&event) {
                let cut: serde_json::Value = serde_json::from_str(&data).unwrap();
                let mut found = BTreeSet::new();
                names(&cut, &mut found);
                let declared = ["event_id", "ts", "time", "price", "user", "utm", "source"];
                prop_assert!(found.iter().all(|name| declared.contains(&name.as_str())), "{}", data);
            }
        }
    }
}

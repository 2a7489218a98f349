//! Delta's per-file statistics, from a Parquet footer.
//!
//! Form: <https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics>.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat};
use lakegate_contract::{Column, Contract, DataType, Treatment};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde_json::{Map, Value, json};

/// Longest text whose value stands in the statistics.
const MAX_TEXT: usize = 32;

/// Least and greatest value of a column in one file.
type Range = (Value, Value);

/// Rows, nulls, least and greatest values of a file, as Delta writes them. Columns whose treatment hides values have no
/// least and greatest value here.
pub(crate) fn of_file(metadata: &ParquetMetaData, contract: &Contract) -> String {
    let mut nulls = Map::new();
    let mut ranges: BTreeMap<&str, Option<Range>> = BTreeMap::new();
    for group in metadata.row_groups() {
        for chunk in group.columns() {
            let [name] = chunk.column_path().parts() else { continue };
            let Some(column) = contract.published_column(name) else { continue };
            let statistics = chunk.statistics();
            let count = statistics.and_then(Statistics::null_count_opt);
            add_nulls(&mut nulls, name, count);
            let range = statistics.and_then(|s| range_of(column, s, count == Some(chunk.num_values().cast_unsigned())));
            ranges
                .entry(column.name.as_str())
                .and_modify(|known| *known = known.take().zip(range.clone()).and_then(|(a, b)| widest(a, b)))
                .or_insert(range);
        }
    }
    let (mut least, mut greatest) = (Map::new(), Map::new());
    for (name, (low, high)) in ranges.into_iter().filter_map(|(name, range)| Some((name, range?))) {
        least.insert(name.to_owned(), low);
        greatest.insert(name.to_owned(), high);
    }
    let rows = metadata.file_metadata().num_rows();
    json!({ "numRecords": rows, "minValues": least, "maxValues": greatest, "nullCount": nulls }).to_string()
}

fn add_nulls(nulls: &mut Map<String, Value>, name: &str, count: Option<u64>) {
    if let Some(count) = count {
        let known = nulls.get(name).and_then(Value::as_u64).unwrap_or(0);
        nulls.insert(name.to_owned(), json!(known + count));
    }
}

fn widest(a: Range, b: Range) -> Option<Range> {
    Some((lesser(a.0, b.0, true)?, lesser(a.1, b.1, false)?))
}

/// Both are of one column, so both are numbers or both are texts whose order is that of their values.
fn lesser(a: Value, b: Value, least: bool) -> Option<Value> {
    let a_first = match (&a, &b) {
        (Value::String(x), Value::String(y)) => x <= y,
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x <= y,
            _ => x.as_f64()? <= y.as_f64()?,
        },
        _ => return None,
    };
    Some(if a_first == least { a } else { b })
}

fn range_of(column: &Column, statistics: &Statistics, all_null: bool) -> Option<Range> {
    if column.treatment != Treatment::Keep || all_null {
        return None;
    }
    match (&column.data_type, statistics) {
        (DataType::TinyInt | DataType::SmallInt | DataType::Int, Statistics::Int32(s)) => {
            Some((json!(s.min_opt()?), json!(s.max_opt()?)))
        }
        (DataType::BigInt, Statistics::Int64(s)) => Some((json!(s.min_opt()?), json!(s.max_opt()?))),
        (DataType::Date, Statistics::Int32(s)) => Some((date(*s.min_opt()?)?, date(*s.max_opt()?)?)),
        (DataType::Timestamp, Statistics::Int64(s)) => Some((instant(*s.min_opt()?)?, instant(*s.max_opt()?)?)),
        (DataType::String, Statistics::ByteArray(s)) if s.min_is_exact() && s.max_is_exact() => {
            Some((text(s.min_opt()?.data())?, text(s.max_opt()?.data())?))
        }
        _ => None,
    }
}

/// Years of more than four digits have no form that all readers take.
fn date(days: i32) -> Option<Value> {
    let date = NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(chrono::Duration::days(i64::from(days)))?;
    (0..=9999).contains(&date.year()).then(|| json!(date.format("%Y-%m-%d").to_string()))
}

/// Redaction has cut timestamps to milliseconds, which is what Delta's statistics hold.
fn instant(micros: i64) -> Option<Value> {
    let instant = DateTime::from_timestamp_micros(micros)?;
    (0..=9999).contains(&instant.year()).then(|| json!(instant.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

fn text(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok().filter(|t| t.len() <= MAX_TEXT)?;
    Some(json!(text))
}

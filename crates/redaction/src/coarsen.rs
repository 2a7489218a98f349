//! Treatments that leave part of a value: mask, truncate, band.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use chrono::{Datelike, NaiveDate};
use lakegate_contract::{Error, Result};

/// All but the last `last` characters become `*`; at most half of a value stays readable.
pub(crate) fn mask(column: &ArrayRef, last: usize) -> ArrayRef {
    let values = column.as_string::<i32>();
    let mut out = StringBuilder::with_capacity(values.len(), values.value_data().len());
    let mut masked = String::new();
    for value in values {
        let Some(value) = value else {
            out.append_null();
            continue;
        };
        let characters = value.chars().count();
        let hidden = characters - last.min(characters / 2);
        masked.clear();
        masked.extend(std::iter::repeat_n('*', hidden));
        masked.extend(value.chars().skip(hidden));
        out.append_value(&masked);
    }
    Arc::new(out.finish())
}

/// The first `characters` characters of each value.
pub(crate) fn prefix(column: &ArrayRef, characters: usize) -> ArrayRef {
    let values = column.as_string::<i32>();
    let mut out = StringBuilder::with_capacity(values.len(), values.value_data().len());
    for value in values {
        out.append_option(value.map(|v| match v.char_indices().nth(characters) {
            Some((end, _)) => v.get(..end).unwrap_or_default(),
            None => v,
        }));
    }
    Arc::new(out.finish())
}

/// The network that each address belongs to. What is no address, or of a family without a prefix length, becomes NULL.
pub(crate) fn network(column: &ArrayRef, ipv4: Option<u8>, ipv6: Option<u8>) -> ArrayRef {
    let values = column.as_string::<i32>();
    let mut out = StringBuilder::with_capacity(values.len(), values.len() * 15);
    for value in values {
        let network = value.and_then(|v| v.trim().parse::<IpAddr>().ok()).and_then(|address| cut(address, ipv4, ipv6));
        out.append_option(network.map(|n| n.to_string()));
    }
    Arc::new(out.finish())
}

fn cut(address: IpAddr, ipv4: Option<u8>, ipv6: Option<u8>) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let kept = u32::MAX.checked_shl(32 - u32::from(ipv4?)).unwrap_or(0);
            Some(IpAddr::V4((v4.to_bits() & kept).into()))
        }
        IpAddr::V6(v6) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(ipv6?)).unwrap_or(0);
            Some(IpAddr::V6((v6.to_bits() & kept).into()))
        }
    }
}

/// The label of the band that each value falls into. `as_of` turns birth dates into ages first.
pub(crate) fn band(column: &ArrayRef, edges: &[i64], labels: &[String], as_of: Option<NaiveDate>) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(column.len(), column.len() * 8);
    let mut put = |index: Option<usize>| out.append_option(index.and_then(|i| labels.get(i)));
    macro_rules! whole {
        ($type:ty) => {
            for value in column.as_primitive::<$type>() {
                put(value.map(|v| edges.partition_point(|edge| *edge <= i64::from(v))));
            }
        };
    }
    macro_rules! floating {
        ($type:ty) => {
            for value in column.as_primitive::<$type>() {
                put(value.filter(|v| !v.is_nan()).map(|v| edges.partition_point(|edge| at_least(f64::from(v), *edge))));
            }
        };
    }
    match (column.data_type(), as_of) {
        (DataType::Date32, Some(day)) => {
            for value in column.as_primitive::<Date32Type>() {
                put(value.and_then(|v| age(v, day)).map(|age| edges.partition_point(|edge| *edge <= age)));
            }
        }
        (DataType::Int8, None) => whole!(Int8Type),
        (DataType::Int16, None) => whole!(Int16Type),
        (DataType::Int32, None) => whole!(Int32Type),
        (DataType::Int64, None) => whole!(Int64Type),
        (DataType::Float32, None) => floating!(Float32Type),
        (DataType::Float64, None) => floating!(Float64Type),
        (DataType::Decimal128(_, scale), None) => {
            let unit = 10i128.pow(u32::from(scale.unsigned_abs()));
            for value in column.as_primitive::<Decimal128Type>() {
                // An edge that overflows at this scale lies beyond every value.
                let reached = |edge: &i64, v| i128::from(*edge).checked_mul(unit).is_some_and(|edge| edge <= v);
                put(value.map(|v| edges.partition_point(|edge| reached(edge, v))));
            }
        }
        (other, _) => return Err(Error::bug(format!("band over a column of type {other}"))),
    }
    Ok(Arc::new(out.finish()))
}

#[expect(clippy::cast_precision_loss, reason = "edges of bands are small numbers")]
fn at_least(value: f64, edge: i64) -> bool {
    value >= edge as f64
}

/// Full years from a birth date (days since 1970-01-01) to `day`; `None` for a birth after it.
fn age(birth: i32, day: NaiveDate) -> Option<i64> {
    let birth = NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(chrono::Duration::days(i64::from(birth)))?;
    if birth > day {
        return None;
    }
    let had_birthday = (day.month(), day.day()) >= (birth.month(), birth.day());
    Some(i64::from(day.year() - birth.year() - i32::from(!had_birthday)))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Decimal128Array, Float64Array, Int32Array, StringArray};

    use super::*;

    fn texts(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    fn shown(column: &ArrayRef) -> Vec<&str> {
        column.as_string::<i32>().iter().map(|v| v.unwrap_or("NULL")).collect()
    }

    #[test]
    fn a_mask_leaves_at_most_half() {
        let column = texts(&["010-1234-5678", "abcd", "가나다", "x", ""]);
        assert_eq!(shown(&mask(&column, 4)), ["*********5678", "**cd", "**다", "*", ""]);
    }

    #[test]
    fn a_prefix_is_counted_in_characters() {
        assert_eq!(shown(&prefix(&texts(&["06236", "서울특별시", "1"]), 3)), ["062", "서울특", "1"]);
    }

    #[test]
    fn addresses_become_their_network_and_the_rest_null() {
        let column = texts(&["203.0.113.77", "::ffff:203.0.113.77", "2001:db8:1:2::3", "not an address", ""]);
        let both = network(&column, Some(24), Some(48));
        assert_eq!(shown(&both), ["203.0.113.0", "203.0.113.0", "2001:db8:1::", "NULL", "NULL"]);
        assert_eq!(shown(&network(&column, Some(0), None)), ["0.0.0.0", "0.0.0.0", "NULL", "NULL", "NULL"]);
    }

    fn days(date: &str) -> i32 {
        let date: NaiveDate = date.parse().unwrap();
        i32::try_from((date - NaiveDate::from_ymd_opt(1970, 1, 1).unwrap()).num_days()).unwrap()
    }

    #[test]
    fn ages_change_on_the_birthday() {
        let labels = ["10대", "20대", "30대 이상"].map(str::to_owned);
        let births = ["2006-03-09", "2006-03-10", "1996-03-09", "1996-03-10", "2026-03-10", "2004-02-29"];
        let column: ArrayRef = Arc::new(Date32Array::from(births.map(days).to_vec()));
        let got = band(&column, &[20, 30], &labels, "2026-03-09".parse().ok()).unwrap();
        assert_eq!(shown(&got), ["20대", "10대", "30대 이상", "20대", "NULL", "20대"]);
        let leap: ArrayRef = Arc::new(Date32Array::from(vec![days("2004-02-29")]));
        assert_eq!(shown(&band(&leap, &[20, 30], &labels, "2024-02-28".parse().ok()).unwrap()), ["10대"]);
    }

    #[test]
    fn numbers_of_every_kind_are_banded_alike() {
        let labels = ["low", "high"].map(str::to_owned);
        let whole: ArrayRef = Arc::new(Int32Array::from(vec![Some(9), Some(10), None]));
        let floating: ArrayRef = Arc::new(Float64Array::from(vec![9.99, 10.0, f64::NAN]));
        let decimal: ArrayRef =
            Arc::new(Decimal128Array::from(vec![Some(999), Some(1000), None]).with_precision_and_scale(10, 2).unwrap());
        for column in [whole, floating, decimal] {
            assert_eq!(shown(&band(&column, &[10], &labels, None).unwrap()), ["low", "high", "NULL"]);
        }
    }
}

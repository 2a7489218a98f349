//! Metrics in JSON, which has no NaN and no infinities: AWS writes them as texts, and so does all that is written here.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

const NAN: &str = "NaN";
const INFINITY: &str = "Infinity";
const NEGATIVE_INFINITY: &str = "-Infinity";

/// A metric as JSON: a number, or one of the texts `NaN`, `Infinity` and `-Infinity`.
pub fn json_number(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => NAN.into(),
        None if value > 0.0 => INFINITY.into(),
        None => NEGATIVE_INFINITY.into(),
    }
}

/// What [`json_number`] wrote.
fn of_json(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            NAN => Some(f64::NAN),
            INFINITY => Some(f64::INFINITY),
            NEGATIVE_INFINITY => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// Metrics by their names, as JSON.
pub fn json_metrics(metrics: &BTreeMap<String, f64>) -> Value {
    Value::Object(metrics.iter().map(|(name, value)| (name.clone(), json_number(*value))).collect())
}

/// For `#[serde(with)]`.
pub(crate) fn serialize<S: Serializer>(metrics: &BTreeMap<String, f64>, to: S) -> Result<S::Ok, S::Error> {
    json_metrics(metrics).serialize(to)
}

/// For `#[serde(with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let metrics = BTreeMap::<String, Value>::deserialize(from)?;
    let read = |(name, value): (String, Value)| match of_json(&value) {
        Some(value) => Ok((name, value)),
        None => Err(D::Error::custom("a metric is neither a number nor NaN, Infinity or -Infinity")),
    };
    metrics.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::AnalyzerOutcome;

    #[test]
    fn every_metric_comes_back() {
        let values = [0.5, -3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let metrics = values.iter().enumerate().map(|(number, value)| (format!("m{number}"), *value)).collect();
        let outcome = AnalyzerOutcome { metrics, ..AnalyzerOutcome::default() };
        let written = serde_json::to_value(&outcome).unwrap();
        let expected = json!({ "m0": 0.5, "m1": -3.0, "m2": "NaN", "m3": "Infinity", "m4": "-Infinity" });
        assert_eq!(written["metrics"], expected);
        let read: AnalyzerOutcome = serde_json::from_value(written).unwrap();
        let same = values.iter().zip(read.metrics.values()).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
        assert!(same, "{read:?}");
        for wrong in [json!(null), json!("nan"), json!(true)] {
            let outcome = json!({ "analyzer": "a", "metrics": { "m": wrong } });
            assert!(serde_json::from_value::<AnalyzerOutcome>(outcome).is_err());
        }
    }
}

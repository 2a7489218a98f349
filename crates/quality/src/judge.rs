//! One rule, judged by what was measured.

use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use lakegate_contract::{Error, Result};

use crate::anomaly::{Expected, FEWEST};
use crate::ast::Leaf;
use crate::files::{FileListing, is_file_rule, judge_files};
use crate::finding::{
    Finding, complete, compliance, distinct, duplicates, errored, finding, number, optional, told, uniqueness,
};
use crate::history::{History, known_runs};
use crate::matching;
use crate::measure::as_double;
use crate::measuring;
use crate::metric;
use crate::outcome::RuleResult;
use crate::pass::{Measured, Pass};
use crate::pattern::Pattern;
use crate::queries;

/// All that a rule may ask.
pub(crate) struct Judge<'a> {
    pub(crate) schema: &'a SchemaRef,
    pub(crate) files: Option<&'a dyn FileListing>,
    pub(crate) pass: &'a Pass,
    pub(crate) measured: &'a Measured,
    pub(crate) history: &'a History,
    pub(crate) context: &'a SessionContext,
}

impl Judge<'_> {
    /// Judges a rule whose gauge is that of `index`.
    pub(crate) async fn leaf(&self, leaf: &Leaf, index: usize) -> Finding {
        if let Some(problem) = self.pass.problem(index).or_else(|| self.measured.problem(index)) {
            return errored(problem.to_owned());
        }
        match self.history.resolved(leaf) {
            Ok(leaf) => self.resolved_leaf(&leaf, index).await,
            Err(error) => errored(told(&error)),
        }
    }

    /// What a finding adds to the history.
    pub(crate) fn series(&self, leaf: &Leaf, found: &Finding) -> Vec<(String, f64)> {
        let inner = if leaf.name() == "DetectAnomalies" { measuring::of_anomalies(leaf).ok() } else { None };
        let leaf = inner.as_ref().unwrap_or(leaf);
        found.metrics.iter().map(|(name, value)| (metric::series(leaf, name), *value)).collect()
    }

    async fn resolved_leaf(&self, leaf: &Leaf, index: usize) -> Finding {
        let reading = self.measured.reading(index);
        let judged = match leaf.name() {
            "ColumnCount" => Ok(number(leaf, as_double(self.schema.fields().len() as u64))),
            "ColumnExists" => Ok(self.column_exists(leaf)),
            "RowCount" => Ok(number(leaf, as_double(reading.rows))),
            "Mean" => Ok(optional(leaf, reading.mean())),
            "Sum" => Ok(optional(leaf, reading.sum())),
            "StandardDeviation" => Ok(optional(leaf, reading.moments.deviation())),
            "Variance" => Ok(optional(leaf, reading.moments.variance())),
            "ColumnCorrelation" => Ok(optional(leaf, reading.pair.correlation())),
            "ColumnNamesMatchPattern" => self.names_match(leaf),
            "Entropy" => self.measured.keys(index).map(|counts| optional(leaf, counts.entropy())),
            "UniqueValueRatio" | "DistinctValuesCount" => {
                self.measured.keys(index).map(|counts| distinct(leaf, counts))
            }
            "DuplicateRowCount" => self.measured.keys(index).map(|counts| duplicates(leaf, counts)),
            "Completeness" => Ok(optional(leaf, reading.ratio())),
            "IsComplete" => Ok(complete(leaf, &reading)),
            "ColumnValues" | "ColumnLength" | "ColumnDataType" | "DataFreshness" => Ok(compliance(leaf, &reading)),
            "Skewness" => Ok(optional(leaf, reading.shape.skewness())),
            "Kurtosis" => Ok(optional(leaf, reading.shape.kurtosis())),
            "Range" => Ok(optional(leaf, reading.extremes.range())),
            "ZerosCount" => Ok(optional(leaf, Some(as_double(reading.hits)))),
            "InterquartileRange" => {
                let range = queries::interquartile_range(leaf, self.context).await;
                range.map(|range| optional(leaf, range))
            }
            "Uniqueness" | "IsUnique" | "IsPrimaryKey" => {
                self.measured.keys(index).map(|counts| uniqueness(leaf, counts))
            }
            "RowCountMatch" => matching::row_count_match(leaf, reading.rows, self.context).await,
            "SchemaMatch" => matching::schema_match(leaf, self.schema, self.context).await,
            "AggregateMatch" => matching::aggregate_match(leaf, self.context).await,
            "DatasetMatch" => matching::dataset_match(leaf, self.schema, self.context).await,
            "ReferentialIntegrity" => queries::referential_integrity(leaf, self.schema, self.context).await,
            "CustomSql" => queries::custom_sql(leaf, self.schema, self.context).await,
            _ if is_file_rule(leaf) => judge_files(leaf, self.files, chrono::Utc::now()).await,
            "DetectAnomalies" => return Box::pin(self.anomalies(leaf, index)).await,
            other => Err(Error::usage(format!("`{other}` cannot be evaluated by lakegate"))),
        };
        judged.unwrap_or_else(|error| errored(told(&error)))
    }

    /// Measures what the rule watches, and compares it with what earlier runs let one expect.
    async fn anomalies(&self, leaf: &Leaf, index: usize) -> Finding {
        let inner = match measuring::of_anomalies(leaf) {
            Ok(inner) => inner,
            Err(error) => return errored(told(&error)),
        };
        let mut found = self.resolved_leaf(&inner, index).await;
        if found.result == RuleResult::Error {
            return found;
        }
        if found.metrics.is_empty() {
            return finding(false, [], Some("there is no value to measure".to_owned()));
        }
        let (mut unexpected, mut fewest) = (Vec::new(), usize::MAX);
        for (name, value) in &found.metrics {
            let earlier = self.history.of(&metric::series(&inner, name));
            fewest = fewest.min(earlier.len());
            match Expected::after(earlier, chrono::Utc::now()) {
                Some(expected) if !expected.has(*value) => {
                    unexpected.push(format!("{name} is {value}, and is expected {expected}"));
                }
                _ => {}
            }
        }
        found.result = if unexpected.is_empty() { RuleResult::Pass } else { RuleResult::Fail };
        found.message = match unexpected.is_empty() {
            true if fewest < FEWEST => {
                Some(format!("{}, and what to expect is told after {FEWEST}", known_runs(fewest)))
            }
            true => None,
            false => Some(unexpected.join("; ")),
        };
        found
    }

    fn column_exists(&self, leaf: &Leaf) -> Finding {
        let exists = self.schema.index_of(leaf.column()).is_ok();
        let metric = (format!("Dataset.{}.ColumnExists", leaf.column()), f64::from(u8::from(exists)));
        let message = (!exists).then(|| "there is no such column".to_owned());
        finding(exists, [metric], message)
    }

    /// Every column's name must contain a match.
    fn names_match(&self, leaf: &Leaf) -> Result<Finding> {
        let pattern = Pattern::search(leaf.column())?;
        let names: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut others = Vec::new();
        for name in &names {
            if !pattern.is_match(name)? {
                others.push(*name);
            }
        }
        let ratio = 1.0 - as_double(others.len() as u64) / as_double(names.len().max(1) as u64);
        let message = format!("columns that do not match: {}", others.join(", "));
        Ok(finding(others.is_empty(), [(metric::of(leaf), ratio)], Some(message)))
    }
}

//! Dataset rules over rows that pass by: what they give on their way to where they are stored need not be read again.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use lakegate_contract::{Error, Result};

use crate::pass::Meter;
use crate::{DatasetRules, Evaluation, FileListing, History};

/// Dataset rules that measure the rows of a dataset batch by batch, from several workers at once.
pub struct MeteredRules {
    rules: DatasetRules,
    meter: Meter,
}

impl MeteredRules {
    pub(crate) fn new(rules: DatasetRules, meter: Meter) -> Self {
        Self { rules, meter }
    }

    /// With the files that rules about files judge; without them, such a rule is an error.
    #[must_use]
    pub fn with_files(self, files: Arc<dyn FileListing>) -> Self {
        Self { rules: self.rules.with_files(files), ..self }
    }

    /// The columns that are measured; `None` when there are none, and nothing need be added.
    pub fn columns(&self) -> Option<&SchemaRef> {
        self.meter.columns()
    }

    /// Measures a batch of these columns, in their order.
    ///
    /// # Errors
    /// When keys cannot be spilled: then the dataset cannot be judged. A rule that fails on the data by itself fails when it is judged.
    pub fn add(&self, batch: &RecordBatch) -> Result<()> {
        self.meter.add(batch)
    }

    /// Judges the `rows` that were added, as [`DatasetRules::evaluate`] does: table `primary` of the context is read for rules alone that
    /// take a query of their own.
    ///
    /// # Errors
    /// As [`DatasetRules::evaluate`], and when it were other rows that were added.
    pub async fn evaluate(self, rows: u64, context: &SessionContext, history: &History) -> Result<Evaluation> {
        let measures = self.meter.columns().is_some();
        let measured = self.meter.total().await?;
        if measures && measured.rows != rows {
            return Err(Error::bug(format!("the rules have measured {} rows of {rows}", measured.rows)));
        }
        self.rules.judge(&measured, context, history).await
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};
    use lakegate_contract::Class;

    use super::*;
    use crate::{Options, RuleResult, Scope, parse};

    #[tokio::test]
    async fn rows_that_were_not_measured_are_not_judged() {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let rows = RecordBatch::try_from_iter([("id", ids)]).unwrap();
        let metered = |rules: &str| {
            let ruleset = parse(&format!("Rules = [ {rules} ]"), "t").unwrap();
            let rules = DatasetRules::compile(&ruleset, rows.schema(), Scope::Whole, &Options::default()).unwrap();
            rules.metered(0, 1)
        };
        let (context, history) = (SessionContext::new(), History::new());
        let rules = metered("IsUnique \"id\"");
        rules.add(&rows).unwrap();
        assert_eq!(rules.evaluate(4, &context, &history).await.unwrap_err().class(), Class::Bug);
        let nothing = metered("ColumnCount = 1");
        assert!(nothing.columns().is_none());
        assert!(nothing.evaluate(3, &context, &history).await.is_ok());
    }

    #[tokio::test]
    async fn rules_over_the_same_keys_count_them_once() {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(2), None]));
        let others: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
        let rows = RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("other", others, true)]).unwrap();
        let text = "Rules = [ Uniqueness \"id\" between 0.3 and 0.4, IsUnique \"id\", IsUnique \"id\" where \"other < 3\",
            DistinctValuesCount \"id\" = 3, IsPrimaryKey \"id\", IsPrimaryKey \"id\" \"other\", UniqueValueRatio \"id\" = 0.5 ]";
        let rules = DatasetRules::compile(&parse(text, "t").unwrap(), rows.schema(), Scope::Whole, &Options::default())
            .unwrap();
        assert_eq!(rules.keys(), 3);
        let rules = rules.metered(0, 1);
        rules.add(&rows).unwrap();
        let found = rules.evaluate(4, &SessionContext::new(), &History::new()).await.unwrap().outcomes;
        let passed: Vec<bool> = found.iter().map(|outcome| outcome.result == RuleResult::Pass).collect();
        assert_eq!(passed, [true, false, true, true, false, false, true], "{found:?}");
    }
}

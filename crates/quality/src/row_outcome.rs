//! What the rules say of each row, in the columns that Glue gives them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, BooleanArray, ListArray, RecordBatch, StringArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::kernels::boolean::not;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::prelude::SessionContext;
use lakegate_contract::{Error, Result};

use crate::ast::Leaf;
use crate::row_keys::RowKeys;
use crate::{FilteredRows, Options, RowRules, Ruleset};

/// The texts of the rules that a row has passed.
pub const RULES_PASS: &str = "DataQualityRulesPass";
/// The texts of the rules that it has failed.
pub const RULES_FAIL: &str = "DataQualityRulesFail";
/// The texts of the rules that say nothing of it.
pub const RULES_SKIP: &str = "DataQualityRulesSkip";
/// `Failed` when there is a rule that it has failed, else `Passed`.
pub const EVALUATION_RESULT: &str = "DataQualityEvaluationResult";

/// Most bytes of rule texts that the columns of one batch hold: they stand in it once for each row.
const MOST_BYTES: usize = 32 << 20;

/// Gives the rows of batches the four columns of Glue's row-level results.
pub struct RowOutcomes {
    rules: RowRules,
    /// The texts of all rules of the ruleset.
    texts: StringArray,
    /// Where each of the row rules stands among them.
    places: Vec<usize>,
    filtered: FilteredRows,
}

/// A batch with the four columns behind its own.
#[derive(Debug, Clone)]
pub struct JudgedRows {
    /// The rows.
    pub batch: RecordBatch,
    /// Which of them fail a rule.
    pub failed: BooleanArray,
}

/// What a rule says of the rows of a batch; `None`: that of no row.
#[derive(Default, Clone)]
struct Said {
    judges: bool,
    failed: Option<BooleanArray>,
    skipped: Option<BooleanArray>,
}

impl Said {
    fn failed(&self, row: usize) -> bool {
        self.failed.as_ref().is_some_and(|rows| rows.value(row))
    }

    fn skipped(&self, row: usize) -> bool {
        !self.judges || self.skipped.as_ref().is_some_and(|rows| rows.value(row))
    }
}

impl RowOutcomes {
    /// Refuses rows that have one of the four columns already.
    ///
    /// # Errors
    /// When they have.
    pub fn refuse_judged(schema: &Schema) -> Result<()> {
        match [RULES_PASS, RULES_FAIL, RULES_SKIP, EVALUATION_RESULT].iter().find(|name| schema.index_of(name).is_ok())
        {
            None => Ok(()),
            Some(name) => Err(Error::usage(format!("the data has a column `{name}` already"))
                .help("it holds the outcome of an earlier judgement: judge the data without it")),
        }
    }

    /// Compiles the rules of a ruleset that say something of single rows; the others skip every row, and so do those that
    /// [could not be judged](crate::Evaluation::unjudged) over the dataset. For rules about keys, table `primary` of the context is
    /// read once before: which of them are repeated, or stand in another dataset, is known only then.
    ///
    /// # Errors
    /// As [`RowRules::compile`] and [`RowOutcomes::refuse_judged`], and when the data cannot be read.
    pub async fn prepare(
        ruleset: &Ruleset,
        schema: SchemaRef,
        options: &Options,
        unjudged: &BTreeSet<usize>,
        context: &SessionContext,
    ) -> Result<Self> {
        Self::refuse_judged(&schema)?;
        let judged = ruleset.rules().iter().enumerate().filter(|(number, _)| !unjudged.contains(number));
        let leaves: Vec<&Leaf> = judged.flat_map(|(_, rule)| rule.node.leaves()).collect();
        let keys = RowKeys::find(&leaves, &schema, context).await?;
        let rules = RowRules::compile_all(ruleset, schema, keys, unjudged)?;
        let texts: Vec<&str> = ruleset.rules().iter().map(crate::Rule::text).collect();
        let places = places_of(&rules.rules(), &texts)?;
        Ok(Self { rules, places, texts: StringArray::from(texts), filtered: options.filtered_rows })
    }

    /// The columns of what is judged, then the four.
    pub fn schema(schema: &Schema) -> SchemaRef {
        let list = |name: &str| Arc::new(Field::new(name, DataType::List(item()), false));
        let four = [
            list(RULES_PASS),
            list(RULES_FAIL),
            list(RULES_SKIP),
            Arc::new(Field::new(EVALUATION_RESULT, DataType::Utf8, false)),
        ];
        Arc::new(Schema::new(schema.fields().iter().cloned().chain(four).collect::<Vec<_>>()))
    }

    /// How many rows one batch may have for its texts to stay small; a larger one is for the caller to slice.
    pub fn most_rows(&self) -> usize {
        (MOST_BYTES / self.texts.value_data().len().max(1)).max(1)
    }

    /// Judges a batch.
    ///
    /// # Errors
    /// As [`RowRules::judge`].
    pub fn judge(&self, batch: &RecordBatch) -> Result<JudgedRows> {
        let verdict = self.rules.judge(batch)?;
        let mut said = vec![Said::default(); self.texts.len()];
        for place in &self.places {
            if let Some(said) = said.get_mut(*place) {
                said.judges = true;
            }
        }
        for (rule, rows) in verdict.failed {
            self.of_rule(&mut said, rule)?.failed = Some(rows);
        }
        if self.filtered == FilteredRows::Skipped {
            for (rule, rows) in self.rules.left_out(batch)? {
                self.of_rule(&mut said, rule)?.skipped = Some(rows);
            }
        }
        let failed = not(&verdict.passed).map_err(kernel)?;
        let rows = batch.num_rows();
        let mut columns = batch.columns().to_vec();
        columns.push(self.list(rows, &said, |said, row| !said.failed(row) && !said.skipped(row))?);
        columns.push(self.list(rows, &said, |said, row| said.failed(row))?);
        columns.push(self.list(rows, &said, |said, row| said.skipped(row))?);
        let results = failed.iter().map(|failed| Some(if failed == Some(true) { "Failed" } else { "Passed" }));
        columns.push(Arc::new(results.collect::<StringArray>()));
        let batch = RecordBatch::try_new(Self::schema(&batch.schema()), columns).map_err(kernel)?;
        Ok(JudgedRows { batch, failed })
    }

    fn of_rule<'a>(&self, said: &'a mut [Said], rule: usize) -> Result<&'a mut Said> {
        let place = self.places.get(rule).copied().unwrap_or(usize::MAX);
        said.get_mut(place).ok_or_else(|| Error::bug("a verdict names a rule that there is not"))
    }

    /// For each row the texts of the rules that `holds` of it.
    fn list(&self, rows: usize, said: &[Said], holds: impl Fn(&Said, usize) -> bool) -> Result<ArrayRef> {
        let mut members: Vec<u32> = Vec::new();
        let mut lengths = Vec::with_capacity(rows);
        for row in 0..rows {
            let before = members.len();
            members.extend((0u32..).zip(said).filter(|(_, said)| holds(said, row)).map(|(rule, _)| rule));
            lengths.push(members.len() - before);
        }
        let values = arrow::compute::take(&self.texts, &UInt32Array::from(members), None).map_err(kernel)?;
        let list = ListArray::try_new(item(), OffsetBuffer::from_lengths(lengths), values, None::<NullBuffer>);
        Ok(Arc::new(list.map_err(kernel)?))
    }
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Utf8, false))
}

/// The row rules are some of the ruleset's rules, in its order.
fn places_of(rules: &[&str], texts: &[&str]) -> Result<Vec<usize>> {
    let mut all = texts.iter().enumerate();
    rules
        .iter()
        .map(|rule| {
            all.find(|(_, text)| *text == rule)
                .map(|(place, _)| place)
                .ok_or_else(|| Error::bug("a row rule is none of the ruleset's"))
        })
        .collect()
}

fn kernel(error: arrow::error::ArrowError) -> Error {
    Error::bug("the columns of row outcomes cannot be made").caused_by(error)
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::util::pretty::pretty_format_batches;

    use super::*;

    fn rows() -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] = [
            ("id", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
            ("amount", Arc::new(Int64Array::from(vec![5, 5, -5]))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
    }

    async fn prepared(rules: &str, filtered_rows: FilteredRows, context: &SessionContext) -> Result<RowOutcomes> {
        let ruleset = crate::parse(rules, "t.dqdl").unwrap();
        let options = Options { filtered_rows, ..Options::default() };
        let schema = context.table("primary").await.unwrap().schema().as_arrow().clone();
        RowOutcomes::prepare(&ruleset, Arc::new(schema), &options, &BTreeSet::new(), context).await
    }

    async fn judged_rows(rows: &RecordBatch, rules: &str, filtered_rows: FilteredRows) -> JudgedRows {
        let context = SessionContext::new();
        context.register_batch("primary", rows.clone()).unwrap();
        prepared(rules, filtered_rows, &context).await.unwrap().judge(rows).unwrap()
    }

    async fn judged(rules: &str, filtered_rows: FilteredRows) -> JudgedRows {
        judged_rows(&rows(), rules, filtered_rows).await
    }

    fn shown(judged: &JudgedRows) -> String {
        let columns: Vec<usize> = std::iter::once(0).chain(2..6).collect();
        pretty_format_batches(&[judged.batch.project(&columns).unwrap()]).unwrap().to_string()
    }

    #[tokio::test]
    async fn every_row_says_which_rules_it_passed_failed_and_which_skip_it() {
        let judged =
            judged("Rules = [ RowCount > 0, IsComplete \"id\", ColumnValues \"amount\" > 0 ]", FilteredRows::Passed)
                .await;
        insta::assert_snapshot!(shown(&judged), @r#"
        +----+----------------------------------------------+-----------------------------+----------------------+-----------------------------+
        | id | DataQualityRulesPass                         | DataQualityRulesFail        | DataQualityRulesSkip | DataQualityEvaluationResult |
        +----+----------------------------------------------+-----------------------------+----------------------+-----------------------------+
        | 1  | [IsComplete "id", ColumnValues "amount" > 0] | []                          | [RowCount > 0]       | Passed                      |
        |    | [ColumnValues "amount" > 0]                  | [IsComplete "id"]           | [RowCount > 0]       | Failed                      |
        | 3  | [IsComplete "id"]                            | [ColumnValues "amount" > 0] | [RowCount > 0]       | Failed                      |
        +----+----------------------------------------------+-----------------------------+----------------------+-----------------------------+
        "#);
        assert_eq!(judged.failed, BooleanArray::from(vec![false, true, true]));
    }

    #[tokio::test]
    async fn a_share_is_told_of_each_row() {
        // Both hold over the dataset, and yet there is a row of each that does not satisfy them.
        let judged = judged(
            "Rules = [ Completeness \"id\" > 0.5, ColumnValues \"amount\" > 0 with threshold > 0.5 ]",
            FilteredRows::Passed,
        )
        .await;
        assert_eq!(judged.failed.iter().map(|row| row == Some(true)).collect::<Vec<_>>(), [false, true, true]);
    }

    #[tokio::test]
    async fn rows_that_where_leaves_out_have_passed_or_were_skipped() {
        let rules = "Rules = [ IsComplete \"id\" where \"amount < 0\",
            (ColumnValues \"id\" > 1 where \"amount > 0\") and (IsComplete \"id\" where \"amount > 5\") ]";
        let lists = async |filtered| {
            let judged = judged(rules, filtered).await;
            let list = |name: &str| {
                let column = judged.batch.column_by_name(name).unwrap();
                let list = column.as_any().downcast_ref::<ListArray>().unwrap().clone();
                (0..list.len()).map(|row| list.value(row).len()).collect::<Vec<_>>()
            };
            [list(RULES_PASS), list(RULES_FAIL), list(RULES_SKIP)]
        };
        assert_eq!(lists(FilteredRows::Passed).await, [vec![1, 1, 2], vec![1, 1, 0], vec![0, 0, 0]]);
        // The second rule is about the first two rows alone: of those, one of its parts still says something.
        assert_eq!(lists(FilteredRows::Skipped).await, [vec![0, 0, 1], vec![1, 1, 0], vec![1, 1, 1]]);
    }

    #[tokio::test]
    async fn rules_of_the_same_text_are_told_apart_by_their_place() {
        let judged =
            judged("Rules = [ IsComplete \"id\", RowCount > 0, IsComplete \"id\" ]", FilteredRows::Passed).await;
        assert!(shown(&judged).contains("[IsComplete \"id\", IsComplete \"id\"]"), "{}", shown(&judged));
    }

    #[tokio::test]
    async fn outcomes_are_not_judged_again() {
        let judged = judged("Rules = [ IsComplete \"id\" ]", FilteredRows::Passed).await;
        let context = SessionContext::new();
        context.register_batch("primary", judged.batch).unwrap();
        let again = prepared("Rules = [ RowCount > 0 ]", FilteredRows::Passed, &context).await;
        assert!(again.err().unwrap().found().contains("DataQualityRulesPass"));
    }

    #[tokio::test]
    async fn many_long_rules_make_small_batches() {
        let rules: Vec<String> =
            (0..2000).map(|n| format!("ColumnValues \"id\" in [{n}, {}]", "1".repeat(80))).collect();
        let context = SessionContext::new();
        context.register_batch("primary", rows()).unwrap();
        let rules = format!("Rules = [ {} ]", rules.join(", "));
        let outcomes = prepared(&rules, FilteredRows::Passed, &context).await.unwrap();
        assert!((100..1000).contains(&outcomes.most_rows()), "{}", outcomes.most_rows());
    }
}

//! Every row judged, and written with what the rules say of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{filter, filter_record_batch};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use futures::StreamExt as _;
use lakegate_contract::{Error, Result};
use lakegate_quality::{JudgedRows, Options, RowOutcomes, Ruleset};

use super::judgement::RowCounts;
use super::phases::Phases;
use super::row_files::RowFile;
use crate::dataset::{Dataset, Datasets, PlacedBatch, place_fields, refuse_placed};

/// The files that rows go to.
struct Files {
    all: Option<RowFile>,
    bad: Option<RowFile>,
    /// The columns of bad rows: theirs, the outcomes, their place.
    placed: SchemaRef,
}

/// Refuses data with a column of a name that rows are to get.
///
/// # Errors
/// When there is one.
pub fn refuse_names(primary: &Dataset) -> Result<()> {
    RowOutcomes::refuse_judged(&primary.read)?;
    refuse_placed(&primary.read)
}

/// Judges the rows of `primary` and writes them; a batch at a time is held.
pub async fn write(
    datasets: &Datasets,
    primary: &Dataset,
    ruleset: &Ruleset,
    options: &Options,
    unjudged: &BTreeSet<usize>,
    [row_outcomes, bad_rows]: [Option<&PathBuf>; 2],
    phases: &Phases,
) -> Result<RowCounts> {
    let rows = datasets.placed(primary).await?;
    let schema = RowOutcomes::schema(&primary.read);
    let placed = schema.fields().iter().cloned().chain(place_fields().map(FieldRef::new));
    let placed: SchemaRef = Arc::new(Schema::new(placed.collect::<Vec<_>>()));
    let create = |path: Option<&PathBuf>, schema| path.map(|path| RowFile::create(path, schema)).transpose();
    let mut files = Files { all: create(row_outcomes, &schema)?, bad: create(bad_rows, &placed)?, placed };
    phases.now("looking for the rows that break rules about keys");
    let outcomes =
        RowOutcomes::prepare(ruleset, Arc::clone(&primary.read), options, unjudged, datasets.context()).await?;
    let mut batches = std::pin::pin!(rows.batches());
    let mut counts =
        RowCounts { row_outcomes: row_outcomes.cloned(), bad_rows: bad_rows.cloned(), ..RowCounts::default() };
    while let Some(batch) = batches.next().await {
        for part in slices(&batch?, outcomes.most_rows()) {
            let judged = outcomes.judge(&part.rows)?;
            counts.processed += judged.batch.num_rows() as u64;
            counts.failed += judged.failed.true_count() as u64;
            files.take(&judged, &part.places)?;
            // Rows that are read faster than they are written never make it wait: it could not be stopped.
            tokio::task::yield_now().await;
        }
        phases.written(counts.processed);
    }
    files.finish()?;
    Ok(counts)
}

impl Files {
    fn take(&mut self, judged: &JudgedRows, places: &[ArrayRef]) -> Result<()> {
        if let Some(all) = &mut self.all {
            all.write(&judged.batch)?;
        }
        if let Some(bad) = &mut self.bad
            && judged.failed.true_count() > 0
        {
            bad.write(&failed(judged, places, &self.placed)?)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        self.all.into_iter().chain(self.bad).try_for_each(RowFile::finish)
    }
}

/// The rows that fail a rule, with their places.
fn failed(judged: &JudgedRows, places: &[ArrayRef], schema: &SchemaRef) -> Result<RecordBatch> {
    let wrong = |e| Error::bug("rows cannot be filtered").caused_by(e);
    let failed: &BooleanArray = &judged.failed;
    let mut columns = filter_record_batch(&judged.batch, failed).map_err(wrong)?.columns().to_vec();
    for place in places {
        columns.push(filter(place, failed).map_err(wrong)?);
    }
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(wrong)
}

fn slices(batch: &PlacedBatch, most: usize) -> impl Iterator<Item = PlacedBatch> + '_ {
    let rows = batch.rows.num_rows();
    (0..rows).step_by(most.max(1)).map(move |start| {
        let length = most.min(rows - start);
        let places = batch.places.each_ref().map(|place| place.slice(start, length));
        PlacedBatch { rows: batch.rows.slice(start, length), places }
    })
}

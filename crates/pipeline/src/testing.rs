//! The conformance suite: what every source must hold. Call [`check_source`] in the tests of a source.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt as _;
use lakegate_contract::{Contract, Error, Result};

use crate::source::{Plan, Scope, Source, SourceItem, Split};

/// What a source gave, all splits together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Everything {
    /// Each row's values as text, sorted.
    pub rows: Vec<String>,
    /// The reasons of records that could not be decoded, sorted.
    pub rejected: Vec<String>,
    /// Records left out.
    pub excluded: u64,
}

/// Reads every split of a plan.
///
/// # Errors
/// The source's own, and whatever breaks the contract of [`Source`].
pub async fn read_all(source: &dyn Source, contract: &Contract, plan: &Plan) -> Result<Everything> {
    let mut all = Everything::default();
    for split in &plan.splits {
        read_split(source, contract, split, &mut all).await?;
    }
    all.rows.sort();
    all.rejected.sort();
    Ok(all)
}

async fn read_split(source: &dyn Source, contract: &Contract, split: &Split, all: &mut Everything) -> Result<()> {
    let mut stream = source.open(split).await?;
    let (mut seen, mut done) = (0, None);
    while let Some(item) = stream.next().await {
        if done.is_some() {
            return Err(Error::bug("an item comes after Done").at(&split.name));
        }
        match item? {
            SourceItem::Batch(raw) => {
                let batch = raw.expose();
                if batch.schema_ref().fields() != contract.source_schema().fields() {
                    return Err(Error::bug(format!("a batch has the schema {:?}", batch.schema())).at(&split.name));
                }
                seen += batch.num_rows() as u64;
                all.rows.extend(texts(batch)?);
            }
            SourceItem::Rejected(records) => {
                seen += records.len() as u64;
                all.rejected
                    .extend(records.into_iter().map(|r| format!("{} {}..{}: {}", r.object, r.start, r.end, r.reason)));
            }
            SourceItem::Excluded(count) => {
                seen += count;
                all.excluded += count;
            }
            SourceItem::Done { records, .. } => done = Some(records),
        }
    }
    match done {
        Some(records) if records == seen => Ok(()),
        Some(records) => {
            Err(Error::bug(format!("{records} records were counted and {seen} were given")).at(&split.name))
        }
        None => Err(Error::bug("the stream ended without Done").at(&split.name)),
    }
}

fn texts(batch: &RecordBatch) -> Result<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch
        .columns()
        .iter()
        .map(|c| ArrayFormatter::try_new(c, &options))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|e| Error::bug("a column cannot be shown").caused_by(e))?;
    Ok((0..batch.num_rows())
        .map(|row| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"))
        .collect())
}

/// Holds a source to the contract of [`Source`]; returns what it read, for the test to compare with what it expects.
///
/// Two plans of one input are equal; splits survive serialisation; a split reads the same twice; batches have the contract's
/// source schema; `Done` comes last and its count is right; nothing is new since the plan's own bookmark; a split that
/// makes no sense is an error.
///
/// # Errors
/// The first thing that does not hold.
pub async fn check_source(source: Arc<dyn Source>, contract: &Contract) -> Result<Everything> {
    let first = source.plan(&Scope::ALL).await?;
    let second = source.plan(&Scope::ALL).await?;
    if first.identity != second.identity || first.identity.is_empty() {
        return Err(Error::bug("two plans of one input have different identities"));
    }
    let stored =
        serde_json::to_string(&first.splits).map_err(|e| Error::bug("splits cannot be stored").caused_by(e))?;
    let splits: Vec<Split> =
        serde_json::from_str(&stored).map_err(|e| Error::bug("splits cannot be read back").caused_by(e))?;
    if splits != first.splits {
        return Err(Error::bug("splits change when they are stored"));
    }
    let once = read_all(source.as_ref(), contract, &first).await?;
    let twice = read_all(source.as_ref(), contract, &Plan { splits, ..Plan::default() }).await?;
    if once != twice {
        return Err(Error::bug("reading twice gives different rows"));
    }
    if let Some(bookmark) = &first.bookmark
        && !source.plan(&Scope { since: Some(bookmark), only: None }).await?.splits.is_empty()
    {
        return Err(Error::bug("something is new since the plan's own bookmark"));
    }
    for payload in [serde_json::Value::Null, serde_json::json!({ "no": "such" }), serde_json::json!(1e9)] {
        let split = Split { name: "nonsense".to_owned(), bytes: None, payload };
        let opened = match source.open(&split).await {
            Ok(mut stream) => stream.next().await.is_none_or(|item| item.is_ok()),
            Err(_) => false,
        };
        if opened {
            return Err(Error::bug("a split that makes no sense was opened"));
        }
    }
    Ok(once)
}

//! Rules about rows and other rows, or rows of other datasets: which rows they are that break them.
//!
//! Whether a key is repeated, or stands in the other dataset, is known when all of them were seen. A pass collects the keys that
//! break a rule; with these, each row can be judged on its own.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::prelude::{SessionContext, ident};
use lakegate_contract::{Error, Result};

use crate::ast::Leaf;
use crate::finding::its_own;
use crate::key_search::{Search, count, scanned};
use crate::keys::{self, KeyCounter, KeyHasher, KeySet, Keyless, Room};
use crate::matching::{Pairs, keys_are_unique};
use crate::measure::{columns_of, kept};
use crate::pass;
use crate::queries::unreadable;
use crate::row::{Compiler, Filter};

/// The rules about keys that have a truth for each row, and what is known of it, or why it is not.
#[derive(Default)]
pub(crate) struct RowKeys(Vec<(Leaf, Known)>);

type Known = std::result::Result<Arc<KeyTruth>, String>;

/// What decides whether a row satisfies a rule about keys.
pub(crate) struct KeyTruth {
    columns: Vec<String>,
    types: Vec<DataType>,
    keyless: Keyless,
    /// Whether a row without a key satisfies the rule.
    keyless_passes: bool,
    /// Whether there is no such row.
    all_have_keys: bool,
    /// The keys that break it.
    broken: KeySet,
}

/// A rule about keys, compiled for one schema.
pub(crate) struct KeyLeaf {
    columns: Vec<usize>,
    hasher: KeyHasher,
    truth: Arc<KeyTruth>,
    filter: Option<Filter>,
}

/// Whether a rule says of single rows what depends on their keys.
pub(crate) fn is_key_leaf(leaf: &Leaf) -> bool {
    match leaf.name() {
        "Uniqueness" | "IsUnique" | "IsPrimaryKey" | "UniqueValueRatio" | "ReferentialIntegrity" | "DatasetMatch" => {
            true
        }
        "CustomSql" => leaf.condition.is_none(),
        _ => false,
    }
}

impl RowKeys {
    /// Looks for the keys that break these rules: one pass over table `primary`, and one over each dataset that a rule names.
    ///
    /// # Errors
    /// When the data cannot be read. Of a rule that fails by itself, the reason is known.
    pub(crate) async fn find(leaves: &[&Leaf], schema: &SchemaRef, context: &SessionContext) -> Result<Self> {
        let (mut known, mut searches) = (Self::default(), Vec::new());
        let compiler = Compiler::new(SchemaRef::clone(schema));
        for leaf in leaves.iter().filter(|leaf| is_key_leaf(leaf)) {
            match its_own(search_of(leaf, &compiler, schema, context).await)? {
                Ok(search) => searches.extend(search),
                Err(why) => known.0.push(((*leaf).clone(), Err(why))),
            }
        }
        if searches.is_empty() {
            return Ok(known);
        }
        let scanned = scanned(&searches, schema);
        let frame = context.table("primary").await.map_err(unreadable)?;
        let frame = frame.select(scanned.fields().iter().map(|f| ident(f.name()))).map_err(unreadable)?;
        let room = pass::room_of_keys(context).shared_by(searches.len());
        let compiler = Compiler::new(scanned);
        let countings = |room: &Room| searches.iter().map(|search| search.counting(&compiler, room)).collect();
        let counted = count(frame, &room, countings).await?;
        for (search, counters) in searches.into_iter().zip(counted) {
            let leaf = search.leaf.clone();
            let truth = match counters {
                Ok(counters) => its_own(truth_of(search, counters, &room).await)?.map(Arc::new),
                Err(why) => Err(why),
            };
            known.0.push((leaf, truth));
        }
        Ok(known)
    }

    /// Whether there is no such rule.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is known of a rule; `None` when it has no truth for single rows.
    ///
    /// # Errors
    /// When it fails by itself.
    pub(crate) fn of(&self, leaf: &Leaf) -> Result<Option<Arc<KeyTruth>>> {
        match self.0.iter().find(|(known, _)| known == leaf) {
            None => Ok(None),
            Some((_, Ok(truth))) => Ok(Some(Arc::clone(truth))),
            Some((_, Err(why))) => Err(Error::usage(why.clone())),
        }
    }
}

impl KeyLeaf {
    pub(crate) fn new(truth: Arc<KeyTruth>, leaf: &Leaf, compiler: &Compiler) -> Result<Self> {
        let columns = truth.columns.iter().map(|column| compiler.column(column)).collect::<Result<_>>()?;
        let hasher = KeyHasher::new(&truth.types, truth.keyless)?;
        Ok(Self { columns, hasher, truth, filter: compiler.filter(leaf)? })
    }

    /// The rule's truth for each row, filtered out or not.
    pub(crate) fn test(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let (broken, rows) = (&self.truth.broken, batch.num_rows());
        if broken.is_empty() && (self.truth.keyless_passes || self.truth.all_have_keys) {
            return Ok(vec![true; rows].into());
        }
        let hashes = self.hasher.hashes(&columns_of(batch, &self.columns)?)?;
        hashes.truths(rows, self.truth.keyless_passes, |hash| Ok(!broken.contains(hash)?))
    }

    /// The rows that `where` keeps; `None`: all.
    pub(crate) fn kept(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        kept(self.filter.as_ref(), batch)
    }
}

/// `None` when the rule says nothing of single rows: of keys that are repeated where they may not be, no row is guiltier than another.
async fn search_of<'a>(
    leaf: &'a Leaf,
    compiler: &Compiler,
    schema: &SchemaRef,
    context: &SessionContext,
) -> Result<Option<Search<'a>>> {
    if leaf.name() == "DatasetMatch" {
        let (keys, _) = Pairs::of_rule(leaf, schema);
        if keys_are_unique(leaf, &keys, context).await?.is_err() {
            return Ok(None);
        }
    }
    Search::of(leaf, compiler, schema, context).await.map(Some)
}

async fn truth_of(search: Search<'_>, mut counters: Vec<KeyCounter>, room: &Room) -> Result<KeyTruth> {
    let broken = match search.others(room).await? {
        None => keys::repeated(counters, room).await?,
        Some(others) => {
            counters.extend(others);
            keys::missing_there(counters, room).await?
        }
    };
    let Search { columns, types, keyless, keyless_passes, all_have_keys, .. } = search;
    Ok(KeyTruth { columns, types, keyless, keyless_passes, all_have_keys, broken })
}

//! Rules about rows and other rows, or rows of other datasets: which rows they are that break them.
//!
//! Whether a key is repeated, or stands in the other dataset, is known when all of them were seen. A pass collects the keys that
//! break a rule; with these, each row can be judged on its own.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::prelude::{DataFrame, SessionContext, ident};
use futures::StreamExt as _;
use lakegate_contract::{Error, Result};

use crate::ast::Leaf;
use crate::compared::common_types;
use crate::custom_sql::could_name;
use crate::finding::its_own;
use crate::keys::{self, KeyCounter, KeyHasher, KeySet, Keyless, Room};
use crate::matching::{Pairs, keys_are_unique};
use crate::measure::{columns_of, kept};
use crate::queries::unreadable;
use crate::row::{Compiler, Filter};
use crate::{custom_sql, pass};

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
            match its_own(Search::of(leaf, &compiler, schema, context).await)? {
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
                Ok(counters) => its_own(search.finish(counters, &room).await)?.map(Arc::new),
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

/// What is looked for.
struct Search<'a> {
    leaf: &'a Leaf,
    columns: Vec<String>,
    types: Vec<DataType>,
    keyless: Keyless,
    keyless_passes: bool,
    all_have_keys: bool,
    /// The columns of the other dataset, in the same order.
    there: Option<DataFrame>,
}

impl<'a> Search<'a> {
    /// `None` when the rule says nothing of single rows.
    async fn of(
        leaf: &'a Leaf,
        compiler: &Compiler,
        schema: &SchemaRef,
        context: &SessionContext,
    ) -> Result<Option<Self>> {
        // What cannot be compiled is told by the judgement over the dataset.
        compiler.filter(leaf)?;
        let (columns, keyless, there) = match leaf.name() {
            "ReferentialIntegrity" => {
                let (alias, theirs) = leaf.reference()?;
                let own = leaf.columns();
                let there = context.table(TableReference::bare(alias)).await.map_err(unreadable)?;
                let there = placed(&there, &theirs)?;
                (own.clone(), Keyless::AnyNull(own.len()), Some(there))
            }
            "DatasetMatch" => match matched(leaf, schema, context).await? {
                Some(matched) => matched,
                None => return Ok(None),
            },
            "CustomSql" => {
                let frame = custom_sql::plan(context, leaf.column())?;
                let names = frame.schema().fields().iter().map(|field| field.name().clone()).collect();
                (names, Keyless::Never, Some(frame))
            }
            "IsPrimaryKey" => (leaf.parameters.clone(), Keyless::AnyNull(leaf.parameters.len()), None),
            _ => (leaf.parameters.clone(), Keyless::AllNull, None),
        };
        let types = match &there {
            Some(there) => common_types(&columns, schema, there.schema().as_arrow())?,
            None => types_of(&columns, schema)?,
        };
        let keyless_passes = keyless == Keyless::AllNull;
        // A value that the common type cannot hold is no key.
        let all_have_keys = keyless == Keyless::Never && types == types_of(&columns, schema)?;
        Ok(Some(Self { leaf, columns, types, keyless, keyless_passes, all_have_keys, there }))
    }

    fn counter(&self, room: &Room) -> Result<KeyCounter> {
        Ok(KeyCounter::of(KeyHasher::new(&self.types, self.keyless)?, self.types.len(), room))
    }

    fn counting(&self, compiler: &Compiler, room: &Room) -> Result<Counting> {
        let columns = self.columns.iter().map(|column| compiler.column(column)).collect::<Result<_>>()?;
        Ok(Counting { columns, filter: compiler.filter(self.leaf)?, counter: Ok(self.counter(room)?) })
    }

    async fn finish(self, mut counters: Vec<KeyCounter>, room: &Room) -> Result<KeyTruth> {
        let broken = match &self.there {
            None => keys::repeated(counters, room).await?,
            Some(frame) => {
                let columns: Vec<usize> = (0..self.types.len()).collect();
                let there = |room: &Room| {
                    let counter = self.counter(room)?.of_the_other();
                    Ok(vec![Counting { columns: columns.clone(), filter: None, counter: Ok(counter) }])
                };
                for counted in count(frame.clone(), room, there).await? {
                    counters.extend(counted.map_err(Error::usage)?);
                }
                keys::missing_there(counters, room).await?
            }
        };
        let Self { columns, types, keyless, keyless_passes, all_have_keys, .. } = self;
        Ok(KeyTruth { columns, types, keyless, keyless_passes, all_have_keys, broken })
    }
}

type Matched = (Vec<String>, Keyless, Option<DataFrame>);

/// The keys and values of a DatasetMatch; `None` when keys are not unique, of which no row is guiltier than another.
async fn matched(leaf: &Leaf, schema: &SchemaRef, context: &SessionContext) -> Result<Option<Matched>> {
    let (keys, compared) = Pairs::of_rule(leaf, schema);
    if keys_are_unique(leaf, &keys, context).await?.is_err() {
        return Ok(None);
    }
    let there = context.table(TableReference::bare(leaf.column())).await.map_err(unreadable)?;
    let there = placed(&there, &[keys.theirs, compared.theirs].concat())?;
    let keyless = Keyless::AnyNull(keys.own.len());
    Ok(Some((keys.own.into_iter().chain(compared.own).collect(), keyless, Some(there))))
}

/// Columns under the names of their places: a rule may name one twice.
fn placed(frame: &DataFrame, names: &[String]) -> Result<DataFrame> {
    let columns = names.iter().enumerate().map(|(place, name)| ident(name.as_str()).alias(format!("c{place}")));
    frame.clone().select(columns.collect::<Vec<_>>()).map_err(unreadable)
}

fn types_of(columns: &[String], schema: &Schema) -> Result<Vec<DataType>> {
    let own = columns.iter().map(|name| match schema.field_with_name(name) {
        Ok(field) => Ok(field.data_type().clone()),
        Err(_) => Err(crate::row::unknown_column(name, schema)),
    });
    own.collect()
}

/// The columns that the searches need: those of the keys, and what their `where` could mean.
fn scanned(searches: &[Search<'_>], schema: &Schema) -> SchemaRef {
    let filters: Vec<String> =
        searches.iter().filter_map(|search| search.leaf.filter.as_deref()).map(str::to_lowercase).collect();
    let needed = |field: &&Arc<Field>| {
        searches.iter().any(|search| search.columns.contains(field.name()))
            || filters.iter().any(|filter| could_name(filter, field.name()))
    };
    Arc::new(Schema::new(schema.fields().iter().filter(needed).cloned().collect::<Vec<_>>()))
}

/// A counter, and what it counts of a batch.
struct Counting {
    columns: Vec<usize>,
    filter: Option<Filter>,
    /// Or why the rule fails on the data, while others go on.
    counter: std::result::Result<KeyCounter, String>,
}

/// The counters of a rule from all parts of the data, or why it fails on them.
type Counted = std::result::Result<Vec<KeyCounter>, String>;

/// Counts keys in one pass, every partition in its own task: for each of what `countings` gives, the counters of all tasks. Those of
/// one place share the room.
async fn count(
    frame: DataFrame,
    room: &Room,
    countings: impl Fn(&Room) -> Result<Vec<Counting>>,
) -> Result<Vec<Counted>> {
    let streams = frame.execute_stream_partitioned().await.map_err(unreadable)?;
    let room = room.shared_by(streams.len());
    // Dropped with the judgement, when that is stopped.
    let mut tasks = tokio::task::JoinSet::new();
    for mut stream in streams {
        let mut countings = countings(&room)?;
        tasks.spawn(async move {
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(unreadable)?;
                countings.iter_mut().try_for_each(|counting| counting.add(&batch))?;
            }
            Ok::<_, Error>(countings)
        });
    }
    let mut all: Vec<Counted> = Vec::new();
    while let Some(part) = tasks.join_next().await {
        let part = part.map_err(|_| Error::bug("collecting keys has stopped"))??;
        all.resize_with(part.len(), || Ok(Vec::new()));
        for (counted, counting) in all.iter_mut().zip(part) {
            match (counted.as_mut(), counting.counter) {
                (Ok(counters), Ok(counter)) => counters.push(counter),
                (Ok(_), Err(why)) => *counted = Err(why),
                (Err(_), _) => {}
            }
        }
    }
    Ok(all)
}

impl Counting {
    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let Ok(counter) = &mut self.counter else { return Ok(()) };
        let kept = match its_own(kept(self.filter.as_ref(), batch))? {
            Ok(kept) => kept,
            Err(why) => {
                self.counter = Err(why);
                return Ok(());
            }
        };
        counter.add(&columns_of(batch, &self.columns)?, kept.as_ref())
    }
}

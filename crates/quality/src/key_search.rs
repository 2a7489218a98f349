//! The keys of rules about rows and other rows, or rows of other datasets: what is read, and how it is counted.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::prelude::{DataFrame, SessionContext, ident};
use futures::StreamExt as _;
use lakegate_contract::{Error, Result};

use crate::ast::Leaf;
use crate::compared::common_types;
use crate::custom_sql::could_name;
use crate::finding::its_own;
use crate::keys::{self, KeyCounter, KeyHasher, Keyless, KnownKeys, Room};
use crate::matching::Pairs;
use crate::measure::{columns_of, kept};
use crate::queries::unreadable;
use crate::row::{Compiler, Filter};
use crate::{custom_sql, pass};

/// The keys of a rule, and where they are looked for.
pub(crate) struct Search<'a> {
    pub(crate) leaf: &'a Leaf,
    pub(crate) columns: Vec<String>,
    /// What columns are cast to before they are compared.
    pub(crate) types: Vec<DataType>,
    pub(crate) keyless: Keyless,
    /// Whether a row without a key satisfies the rule.
    pub(crate) keyless_passes: bool,
    /// Whether there is no such row.
    pub(crate) all_have_keys: bool,
    /// The columns of the other dataset, in the same order.
    there: Option<DataFrame>,
}

impl<'a> Search<'a> {
    /// What a rule about keys looks for.
    ///
    /// # Errors
    /// When there is no such column or dataset, or columns cannot be compared.
    pub(crate) async fn of(
        leaf: &'a Leaf,
        compiler: &Compiler,
        schema: &SchemaRef,
        context: &SessionContext,
    ) -> Result<Self> {
        compiler.filter(leaf)?;
        let (columns, keyless, there) = match leaf.name() {
            "ReferentialIntegrity" => {
                let (alias, theirs) = leaf.reference()?;
                let own = leaf.columns();
                let there = context.table(TableReference::bare(alias)).await.map_err(unreadable)?;
                let there = placed(&there, &theirs)?;
                (own.clone(), Keyless::AnyNull(own.len()), Some(there))
            }
            "DatasetMatch" => {
                let (keys, compared) = Pairs::of_rule(leaf, schema);
                let there = context.table(TableReference::bare(leaf.column())).await.map_err(unreadable)?;
                let there = placed(&there, &[keys.theirs, compared.theirs].concat())?;
                let keyless = Keyless::AnyNull(keys.own.len());
                ([keys.own, compared.own].concat(), keyless, Some(there))
            }
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
        Ok(Self { leaf, columns, types, keyless, keyless_passes, all_have_keys, there })
    }

    fn counter(&self, room: &Room) -> Result<KeyCounter> {
        Ok(KeyCounter::of(KeyHasher::new(&self.types, self.keyless)?, self.types.len(), room))
    }

    /// What counts the keys in batches that a compiler knows.
    pub(crate) fn counting(&self, compiler: &Compiler, room: &Room) -> Result<Counting> {
        let columns = self.columns.iter().map(|column| compiler.column(column)).collect::<Result<_>>()?;
        Ok(Counting { columns, filter: compiler.filter(self.leaf)?, counter: Ok(self.counter(room)?) })
    }

    /// Counters of the other dataset's keys, where there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn others(&self, room: &Room) -> Result<Option<Vec<KeyCounter>>> {
        let Some(frame) = &self.there else { return Ok(None) };
        let countings = |room: &Room| {
            let columns = (0..self.types.len()).collect();
            Ok(vec![Counting { columns, filter: None, counter: Ok(self.counter(room)?.of_the_other()) }])
        };
        let mut counted = count(frame.clone(), room, countings).await?;
        counted.pop().unwrap_or_else(|| Ok(Vec::new())).map(Some).map_err(Error::usage)
    }
}

/// Rows of the dataset beside another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Matches {
    /// Rows that `where` keeps.
    pub(crate) rows: u64,
    /// Rows of these whose key stands there, with the same values.
    pub(crate) hits: u64,
}

/// Counts the rows that match, in one pass over each of both datasets. Where the other one's keys fit into memory, rows are looked up
/// among them; else the keys of both are merged.
///
/// # Errors
/// As [`Search::of`], and when the data cannot be read.
pub(crate) async fn matches(leaf: &Leaf, schema: &SchemaRef, context: &SessionContext) -> Result<Matches> {
    let search = Search::of(leaf, &Compiler::new(SchemaRef::clone(schema)), schema, context).await?;
    let scanned = scanned(std::slice::from_ref(&search), schema);
    let frame = context.table("primary").await.map_err(unreadable)?;
    let frame = frame.select(scanned.fields().iter().map(|f| ident(f.name()))).map_err(unreadable)?;
    let room = pass::room_of_keys(context).shared_by(2);
    let compiler = Compiler::new(scanned);
    let others = match keys::in_memory(search.others(&room).await?.unwrap_or_default()) {
        Ok(known) => return look_up(frame, &search, &compiler, known).await,
        Err(others) => others,
    };
    let mut counted = count(frame, &room, |room| Ok(vec![search.counting(&compiler, room)?])).await?;
    let mut counters = counted.pop().unwrap_or_else(|| Ok(Vec::new())).map_err(Error::usage)?;
    let rows = counters.iter().map(KeyCounter::rows).sum();
    counters.extend(others);
    Ok(Matches { rows, hits: keys::rows_there(counters).await? })
}

/// Looks rows up among keys.
struct Lookup {
    columns: Vec<usize>,
    filter: Option<Filter>,
    hasher: KeyHasher,
    known: Arc<KnownKeys>,
    found: Matches,
}

async fn look_up(frame: DataFrame, search: &Search<'_>, compiler: &Compiler, known: KnownKeys) -> Result<Matches> {
    let known = Arc::new(known);
    let begin = |_| {
        Ok(Lookup {
            columns: search.columns.iter().map(|column| compiler.column(column)).collect::<Result<_>>()?,
            filter: compiler.filter(search.leaf)?,
            hasher: KeyHasher::new(&search.types, search.keyless)?,
            known: Arc::clone(&known),
            found: Matches::default(),
        })
    };
    let parts = read(frame, begin, Lookup::add).await?;
    let sum = |a: Matches, b: &Lookup| Matches { rows: a.rows + b.found.rows, hits: a.hits + b.found.hits };
    Ok(parts.iter().fold(Matches::default(), sum))
}

impl Lookup {
    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let kept = kept(self.filter.as_ref(), batch)?;
        let columns = keys::kept_columns(columns_of(batch, &self.columns)?, kept.as_ref())?;
        self.found.rows += columns.first().map_or(0, |column| column.len() as u64);
        let hashes = self.hasher.hashes(&columns)?.hashes;
        self.found.hits += hashes.iter().filter(|hash| self.known.contains(*hash)).count() as u64;
        Ok(())
    }
}

/// Whether no key of a dataset stands in it twice; rows with NULL in a key have none.
///
/// # Errors
/// When there is no such column or dataset, or it cannot be read.
pub(crate) async fn is_unique(table: &str, columns: &[String], context: &SessionContext) -> Result<bool> {
    let table = context.table(TableReference::bare(table)).await.map_err(unreadable)?;
    let types = types_of(columns, table.schema().as_arrow())?;
    let places: Vec<usize> = (0..columns.len()).collect();
    let countings = |room: &Room| {
        let hasher = KeyHasher::new(&types, Keyless::AnyNull(types.len()))?;
        let counter = KeyCounter::of(hasher, types.len(), room);
        Ok(vec![Counting { columns: places.clone(), filter: None, counter: Ok(counter) }])
    };
    let mut counted = count(placed(&table, columns)?, &pass::room_of_keys(context), countings).await?;
    let counters = counted.pop().unwrap_or_else(|| Ok(Vec::new())).map_err(Error::usage)?;
    let counts = keys::total(counters).await?;
    Ok(counts.once == counts.distinct)
}

/// Columns under the names of their places: a rule may name one twice.
fn placed(frame: &DataFrame, names: &[String]) -> Result<DataFrame> {
    types_of(names, frame.schema().as_arrow())?;
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
pub(crate) fn scanned(searches: &[Search<'_>], schema: &Schema) -> SchemaRef {
    let filters: Vec<String> =
        searches.iter().filter_map(|search| search.leaf.filter.as_deref()).map(str::to_lowercase).collect();
    let needed = |field: &&Arc<Field>| {
        searches.iter().any(|search| search.columns.contains(field.name()))
            || filters.iter().any(|filter| could_name(filter, field.name()))
    };
    Arc::new(Schema::new(schema.fields().iter().filter(needed).cloned().collect::<Vec<_>>()))
}

/// A counter, and what it counts of a batch.
pub(crate) struct Counting {
    columns: Vec<usize>,
    filter: Option<Filter>,
    /// Or why the rule fails on the data, while others go on.
    counter: std::result::Result<KeyCounter, String>,
}

/// The counters of a rule from all parts of the data, or why it fails on them.
pub(crate) type Counted = std::result::Result<Vec<KeyCounter>, String>;

/// Counts keys in one pass, every partition in its own task: for each of what `countings` gives, the counters of all tasks. Those of
/// one place share the room.
pub(crate) async fn count(
    frame: DataFrame,
    room: &Room,
    countings: impl Fn(&Room) -> Result<Vec<Counting>>,
) -> Result<Vec<Counted>> {
    let begin = |parts| countings(&room.shared_by(parts));
    let add = |countings: &mut Vec<Counting>, batch: &RecordBatch| {
        countings.iter_mut().try_for_each(|counting| counting.add(batch))
    };
    let mut all: Vec<Counted> = Vec::new();
    for part in read(frame, begin, add).await? {
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

/// Reads a frame, every partition in its own task; `begin` gets their number.
async fn read<P: Send + 'static>(
    frame: DataFrame,
    begin: impl Fn(usize) -> Result<P>,
    add: impl Fn(&mut P, &RecordBatch) -> Result<()> + Copy + Send + 'static,
) -> Result<Vec<P>> {
    let streams = frame.execute_stream_partitioned().await.map_err(unreadable)?;
    let parts = streams.len();
    // Dropped with the judgement, when that is stopped.
    let mut tasks = tokio::task::JoinSet::new();
    for mut stream in streams {
        let mut part = begin(parts)?;
        tasks.spawn(async move {
            while let Some(batch) = stream.next().await {
                add(&mut part, &batch.map_err(unreadable)?)?;
            }
            Ok::<_, Error>(part)
        });
    }
    let mut read = Vec::new();
    while let Some(part) = tasks.join_next().await {
        read.push(part.map_err(|_| Error::bug("reading keys has stopped"))??);
    }
    Ok(read)
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

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::parse;

    fn table(ids: impl Iterator<Item = Option<i64>>) -> RecordBatch {
        let ids: Int64Array = ids.collect();
        let texts: StringArray = ids.iter().map(|id| Some(format!("v{}", id.unwrap_or_default() % 7))).collect();
        let columns: [(&str, ArrayRef); 2] = [("id", Arc::new(ids)), ("text", Arc::new(texts))];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
    }

    #[tokio::test]
    async fn rows_match_the_same_whether_the_others_fit_into_memory_or_not() {
        // Of 20,000 rows every tenth has no id; the others go twice through 0..10,000. There, every third of 0..12,000 stands.
        let own = table((0..20_000).map(|n| (n % 10 != 0).then_some(n % 10_000)));
        let there = table((0..12_000).step_by(3).map(Some));
        let expected = (0..20_000).filter(|n| n % 10 != 0 && (n % 10_000) % 3 == 0).count() as u64;
        for limit in [None, Some(1 << 20)] {
            let mut runtime = RuntimeEnvBuilder::new();
            if let Some(bytes) = limit {
                runtime = runtime.with_memory_limit(bytes, 1.0);
            }
            let config = SessionConfig::new().with_target_partitions(2);
            let context = SessionContext::new_with_config_rt(config, runtime.build_arc().unwrap());
            context.register_batch("primary", own.clone()).unwrap();
            context.register_batch("there", there.clone()).unwrap();
            let room = pass::room_of_keys(&context).shared_by(2);
            for (rule, rows, hits) in [
                ("ReferentialIntegrity \"id\" \"there.id\" = 1", 20_000, expected),
                ("ReferentialIntegrity \"id,text\" \"there.{id,text}\" = 1", 20_000, expected),
                ("CustomSql \"select id, text from there where id < 3000\"", 20_000, expected / 10 * 3),
            ] {
                let ruleset = parse(&format!("Rules = [ {rule} ]"), "t").unwrap();
                let leaf = ruleset.rules()[0].node.leaves()[0].clone();
                let found = matches(&leaf, &own.schema(), &context).await.unwrap();
                assert_eq!(found, Matches { rows, hits }, "{rule} with {limit:?}");
            }
            let leaf = parse("Rules = [ IsUnique \"id\" ]", "t").unwrap().rules()[0].node.leaves()[0].clone();
            let compiler = Compiler::new(own.schema());
            let unique = Search::of(&leaf, &compiler, &own.schema(), &context).await.unwrap();
            assert!(unique.others(&room).await.unwrap().is_none());
            let rule = parse("Rules = [ ReferentialIntegrity \"id\" \"there.id\" = 1 ]", "t").unwrap();
            let search =
                Search::of(rule.rules()[0].node.leaves()[0], &compiler, &own.schema(), &context).await.unwrap();
            let others = search.others(&room).await.unwrap().unwrap();
            assert_eq!(keys::in_memory(others).is_ok(), limit.is_none());
        }
    }
}

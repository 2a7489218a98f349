//! The one pass over a dataset in which all is measured that can be measured on the way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::prelude::{SessionContext, ident};
use futures::StreamExt as _;
use lakegate_contract::{Error, Result};

use crate::finding::its_own;
use crate::keys::{self, KeyCounter, KeyCounts, Room};
use crate::measure::{Gauge, Reading};
use crate::queries::unreadable;

/// A gauge for each rule; `None` where the pass does not measure it, and why where it cannot.
pub(crate) type Gauges = Vec<std::result::Result<Option<Gauge>, String>>;

/// Gauges, ready for data of one schema.
pub(crate) struct Pass {
    /// The columns that are read.
    scanned: SchemaRef,
    gauges: Arc<Gauges>,
    /// Of rules that count keys, the first one that counts the same.
    counted_by: Arc<BTreeMap<usize, usize>>,
}

impl Pass {
    pub(crate) fn new(scanned: SchemaRef, gauges: Gauges) -> Self {
        let counted_by = Arc::new(counted_by(&gauges));
        Self { scanned, gauges: Arc::new(gauges), counted_by }
    }

    /// Why a rule cannot be measured.
    pub(crate) fn problem(&self, index: usize) -> Option<&str> {
        match self.gauges.get(index) {
            Some(Err(message)) => Some(message),
            _ => None,
        }
    }

    /// The pass: every partition of the data in its own task, each with readings of its own.
    pub(crate) async fn measure(&self, context: &SessionContext) -> Result<Measured> {
        if !self.gauges.iter().any(|g| matches!(g, Ok(Some(_)))) {
            return Ok(Measured::default());
        }
        let columns: Vec<&str> = self.scanned.fields().iter().map(|f| f.name().as_str()).collect();
        let frame = context.table("primary").await.map_err(unreadable)?.select(columns.into_iter().map(ident));
        let streams = frame.map_err(unreadable)?.execute_stream_partitioned().await.map_err(unreadable)?;
        let meter = self.meter(&room_of_keys(context), streams.len());
        // Dropped with the judgement, when that is stopped.
        let mut tasks = tokio::task::JoinSet::new();
        for stream in streams {
            tasks.spawn(meter.part()?.read(stream));
        }
        let mut parts = Vec::new();
        while let Some(part) = tasks.join_next().await {
            parts.push(part.map_err(|_| Error::bug("judging the rules has stopped"))??);
        }
        Measured::of(parts, &self.counted_by).await
    }

    /// Different keys that are counted.
    pub(crate) fn keys(&self) -> usize {
        self.counted_by.iter().filter(|(index, first)| index == first).count()
    }

    /// What measures batches that pass by, in as many parts as there are tasks.
    pub(crate) fn meter(&self, room: &Room, tasks: usize) -> Meter {
        Meter {
            gauges: Arc::clone(&self.gauges),
            scanned: SchemaRef::clone(&self.scanned),
            counted_by: Arc::clone(&self.counted_by),
            room: room.shared_by(self.keys() * tasks),
            idle: Mutex::default(),
        }
    }
}

/// Rules over the same keys of all rows count them once.
fn counted_by(gauges: &Gauges) -> BTreeMap<usize, usize> {
    let mut firsts = BTreeMap::new();
    let first = |(index, gauge): (usize, &std::result::Result<Option<Gauge>, String>)| match gauge {
        Ok(Some(Gauge::Keys(columns, None))) => Some((index, *firsts.entry(columns.clone()).or_insert(index))),
        Ok(Some(Gauge::Keys(..))) => Some((index, index)),
        _ => None,
    };
    gauges.iter().enumerate().filter_map(first).collect()
}

/// Measures batches as they pass by. Several workers may share it.
pub(crate) struct Meter {
    gauges: Arc<Gauges>,
    scanned: SchemaRef,
    counted_by: Arc<BTreeMap<usize, usize>>,
    /// For the keys of one rule in one part.
    room: Room,
    /// Parts that no worker adds to at the moment: there are never more than workers.
    idle: Mutex<Vec<Part>>,
}

impl Meter {
    /// The columns that it measures; `None` when it measures nothing.
    pub(crate) fn columns(&self) -> Option<&SchemaRef> {
        self.gauges.iter().any(|g| matches!(g, Ok(Some(_)))).then_some(&self.scanned)
    }

    /// Measures a batch of its columns, in their order. What an error has cut short is missing from the total.
    pub(crate) fn add(&self, batch: &RecordBatch) -> Result<()> {
        let known = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut part = known.map_or_else(|| self.part(), Ok)?;
        part.add(batch)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(part);
        Ok(())
    }

    /// What all batches gave.
    pub(crate) async fn total(self) -> Result<Measured> {
        // Of no rows, too, there are counts.
        let nothing = self.part()?;
        let mut parts = self.idle.into_inner().unwrap_or_else(PoisonError::into_inner);
        parts.push(nothing);
        Measured::of(parts, &self.counted_by).await
    }

    fn part(&self) -> Result<Part> {
        Part::new(Arc::clone(&self.gauges), &self.counted_by, &self.scanned, &self.room)
    }
}

/// What all keys together may hold: a quarter of the engine's memory, the rest is for queries.
pub(crate) fn room_of_keys(context: &SessionContext) -> Room {
    const UNLIMITED: usize = 128 << 20;
    Room::new(match context.runtime_env().memory_pool.memory_limit() {
        MemoryLimit::Finite(bytes) => bytes / 4,
        _ => UNLIMITED,
    })
}

/// What the pass has measured, by the place of the rule's leaf.
#[derive(Default)]
pub(crate) struct Measured {
    /// Rows that were measured.
    pub(crate) rows: u64,
    readings: Vec<Reading>,
    keys: BTreeMap<usize, KeyCounts>,
    problems: BTreeMap<usize, String>,
}

impl Measured {
    async fn of(parts: Vec<Part>, counted_by: &BTreeMap<usize, usize>) -> Result<Self> {
        let mut total = Self::default();
        let mut counters: BTreeMap<usize, Vec<KeyCounter>> = BTreeMap::new();
        for part in parts {
            total.readings.resize(part.readings.len(), Reading::default());
            total.rows += part.rows;
            for (sum, reading) in total.readings.iter_mut().zip(&part.readings) {
                sum.merge(reading);
            }
            total.problems.extend(part.problems);
            for (index, counter) in part.counters {
                counters.entry(index).or_default().push(counter);
            }
        }
        for (index, counters) in counters {
            total.keys.insert(index, keys::total(counters).await?);
        }
        for (index, first) in counted_by {
            if let Some(counts) = total.keys.get(first).cloned() {
                total.keys.insert(*index, counts);
            }
        }
        Ok(total)
    }

    /// Why a rule could not be measured on the data.
    pub(crate) fn problem(&self, index: usize) -> Option<&str> {
        self.problems.get(&index).map(String::as_str)
    }

    /// What was counted for the rule.
    pub(crate) fn reading(&self, index: usize) -> Reading {
        self.readings.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn keys(&self, index: usize) -> Result<&KeyCounts> {
        self.keys.get(&index).ok_or_else(|| Error::bug("the keys were not counted"))
    }
}

/// The pass over one part of the data.
struct Part {
    rows: u64,
    gauges: Arc<Gauges>,
    readings: Vec<Reading>,
    counters: BTreeMap<usize, KeyCounter>,
    /// Rules that fail on the data, and why: the others go on.
    problems: BTreeMap<usize, String>,
}

impl Part {
    fn new(gauges: Arc<Gauges>, counted_by: &BTreeMap<usize, usize>, schema: &Schema, room: &Room) -> Result<Self> {
        let mut counters = BTreeMap::new();
        for (index, gauge) in gauges.iter().enumerate() {
            if let Ok(Some(gauge)) = gauge
                && counted_by.get(&index) == Some(&index)
                && let Some(counter) = gauge.counter(schema, room)?
            {
                counters.insert(index, counter);
            }
        }
        let readings = vec![Reading::default(); gauges.len()];
        Ok(Self { rows: 0, readings, gauges, counters, problems: BTreeMap::new() })
    }

    async fn read(mut self, mut stream: SendableRecordBatchStream) -> Result<Self> {
        while let Some(batch) = stream.next().await {
            self.add(&batch.map_err(unreadable)?)?;
        }
        Ok(self)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        for index in 0..self.gauges.len() {
            if self.problems.contains_key(&index) {
                continue;
            }
            if let Err(why) = its_own(self.measure(index, batch))? {
                self.problems.insert(index, why);
            }
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn measure(&mut self, index: usize, batch: &RecordBatch) -> Result<()> {
        let Some(Ok(Some(gauge))) = self.gauges.get(index) else { return Ok(()) };
        if let Some(reading) = self.readings.get_mut(index) {
            gauge.read(batch, reading)?;
        }
        match self.counters.get_mut(&index) {
            Some(counter) => gauge.count(batch, counter),
            None => Ok(()),
        }
    }
}

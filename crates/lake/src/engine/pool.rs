//! The memory that the operators of a session share.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// What the names of those consumers begin with that hand rows from one partition to others.
const EXCHANGE: &str = "RepartitionExec";

/// Shares memory fairly among the operators that can spill, but for exchanges, which have an allowance of their own.
///
/// An exchange of DataFusion 55 that spills may wait forever: once two files of its spill pool are open, the reader of one waits for
/// the writer of the other (<https://github.com/apache/datafusion/issues/24883>). What exchanges hold is little, as they pass rows on
/// as soon as these are taken, so they are let have it; only beyond as much again as the whole limit are they refused, and spill.
/// Their number, one for each partition, would also make the fair share of everybody tiny. With a DataFusion that has the fix, the
/// allowance can go, and a `FairSpillPool` alone will do.
#[derive(Debug)]
pub(super) struct SharedMemory {
    inner: FairSpillPool,
    exchanged: AtomicUsize,
    limit: usize,
}

impl SharedMemory {
    /// Memory of so many bytes, and as many for exchanges.
    pub(super) fn new(limit: usize) -> Self {
        Self { inner: FairSpillPool::new(limit), exchanged: AtomicUsize::new(0), limit }
    }

    fn exchange(&self, additional: usize) -> Result<()> {
        let grown = |held: usize| held.checked_add(additional).filter(|held| *held <= self.limit);
        let refused = |held| {
            let limit = self.limit;
            DataFusionError::ResourcesExhausted(format!(
                "{additional} bytes more for an exchange of rows, with {held} of {limit} held by exchanges"
            ))
        };
        self.exchanged.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).map(drop).map_err(refused)
    }
}

/// Whether it is an exchange: one that can spill, unlike the merge of an exchange that keeps an order, which goes by that name too.
fn is_exchange(consumer: &MemoryConsumer) -> bool {
    consumer.can_spill() && consumer.name().starts_with(EXCHANGE)
}

impl MemoryPool for SharedMemory {
    fn name(&self) -> &str {
        "lakegate"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if !is_exchange(consumer) {
            self.inner.register(consumer);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if !is_exchange(consumer) {
            self.inner.unregister(consumer);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if is_exchange(reservation.consumer()) {
            self.exchanged.fetch_add(additional, Ordering::Relaxed);
        } else {
            self.inner.grow(reservation, additional);
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if is_exchange(reservation.consumer()) {
            self.exchanged.fetch_sub(shrink, Ordering::Relaxed);
        } else {
            self.inner.shrink(reservation, shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if is_exchange(reservation.consumer()) {
            self.exchange(additional)
        } else {
            self.inner.try_grow(reservation, additional)
        }
    }

    fn reserved(&self) -> usize {
        self.inner.reserved() + self.exchanged.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

impl fmt::Display for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(limit: {})", self.name(), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn pool(limit: usize) -> Arc<dyn MemoryPool> {
        Arc::new(SharedMemory::new(limit))
    }

    fn spilling(name: &str, pool: &Arc<dyn MemoryPool>) -> MemoryReservation {
        MemoryConsumer::new(name).with_can_spill(true).register(pool)
    }

    #[test]
    fn exchanges_have_their_memory_while_others_hold_it_all() {
        let pool = pool(100);
        let sorter = spilling("ExternalSorter[0]", &pool);
        sorter.try_grow(100).unwrap();
        let exchange = spilling("RepartitionExec[0]", &pool);
        exchange.try_grow(60).unwrap();
        assert_eq!(pool.reserved(), 160);
        drop(exchange);
        assert_eq!(pool.reserved(), 100);
    }

    #[test]
    fn exchanges_together_have_no_more_than_the_limit() {
        let pool = pool(100);
        let exchanges = [spilling("RepartitionExec[0]", &pool), spilling("RepartitionExec[1]", &pool)];
        exchanges[0].try_grow(60).unwrap();
        let refused = exchanges[1].try_grow(41).unwrap_err();
        assert!(matches!(refused, DataFusionError::ResourcesExhausted(_)), "{refused}");
        assert_eq!(exchanges[1].size(), 0);
        exchanges[1].try_grow(40).unwrap();
        exchanges[0].shrink(1);
        exchanges[1].try_grow(1).unwrap();
    }

    #[test]
    fn the_share_of_those_that_spill_does_not_depend_on_exchanges() {
        let pool = pool(100);
        let exchanges: Vec<_> = (0..9).map(|i| spilling(&format!("RepartitionExec[{i}]"), &pool)).collect();
        let sorters = [spilling("ExternalSorter[0]", &pool), spilling("ExternalSorter[1]", &pool)];
        sorters[0].try_grow(50).unwrap();
        sorters[0].try_grow(1).unwrap_err();
        drop(exchanges);
        sorters[1].try_grow(50).unwrap();
        assert_eq!(pool.reserved(), 100);
    }

    #[test]
    fn the_merge_of_an_exchange_counts_as_any_other() {
        let pool = pool(100);
        let merge = MemoryConsumer::new("RepartitionExec[Merge 0]").register(&pool);
        merge.try_grow(100).unwrap();
        spilling("ExternalSorter[0]", &pool).try_grow(1).unwrap_err();
        merge.try_grow(1).unwrap_err();
    }
}

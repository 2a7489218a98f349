//! The catalog's part of a run: made equal after the commit, and before it where an earlier run could not.

use std::time::Instant;

use lakegate_contract::{Class, Error, Result};
use lakegate_lake::Tail;

use super::{Attempt, JobContext, milliseconds};
use crate::Phase;

impl Attempt<'_> {
    /// Every run makes good what an earlier one could not do in the catalog, whatever becomes of itself.
    pub(super) async fn catch_up(&mut self, tail: Option<&Tail>) -> Result<()> {
        let (Some(catalog), Some(tail)) = (self.context.catalog.clone(), tail) else { return Ok(()) };
        let (lake, table) = (&self.context.lake, self.context.contract.table());
        let breakers = self.context.breakers.clone();
        let shown = breakers.call(&catalog.describe(), 1, || catalog.shown_version(lake, table)).await;
        if shown.map_err(|e| lagging(UNKNOWN, e, self.context))? == Some(tail.version) {
            return Ok(());
        }
        if self.mirror().await? {
            self.notices.push("the catalog did not show the newest version: it was made equal".to_owned());
        }
        Ok(())
    }

    /// Whether anything had to be changed. Not interruptible: what is published is to be seen.
    pub(super) async fn mirror(&mut self) -> Result<bool> {
        let Some(catalog) = self.context.catalog.clone() else { return Ok(false) };
        self.phase(Phase::Mirror);
        let began = Instant::now();
        let (lake, contract) = (&self.context.lake, &self.context.contract);
        let breakers = self.context.breakers.clone();
        let mirrored = breakers.call(&catalog.describe(), 1, || catalog.mirror(lake, contract)).await;
        self.record.timings.mirror = milliseconds(began);
        let mirrored = mirrored.map_err(|e| lagging(BEHIND, e, self.context))?;
        self.record.catalog_version = Some(mirrored.version);
        Ok(mirrored.changed)
    }
}

const UNKNOWN: &str = "the lake has the data; whether the catalog shows it could not be told";
const BEHIND: &str = "the lake has the data, the catalog does not show it";

fn lagging(found: &str, cause: Error, context: &JobContext) -> Error {
    let help = match cause.advice() {
        Some(advice) => format!("{advice}; then `lakegate catalog apply`, or the job's next run, makes it equal"),
        None => "the job's next run makes it equal, or `lakegate catalog apply` now".to_owned(),
    };
    let error = Error::new(Class::CatalogLagging, format!("{found}: {}", cause.found()))
        .at(cause.place().map_or_else(|| format!("table {}", context.contract.table()), str::to_owned))
        .help(help);
    let error = match cause.expectation() {
        Some(expected) => error.expected(expected),
        None => error,
    };
    if cause.retryable() { error } else { error.lasting() }
}

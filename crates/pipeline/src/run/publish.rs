//! The commit of a run, and what it says of it.

use lakegate_contract::Result;
use lakegate_lake::{Head, RunInfo, Staged};

use super::Attempt;
use crate::source::{Bookmark, Plan, Source};

impl Attempt<'_> {
    pub(super) async fn publish(
        &mut self,
        source: &dyn Source,
        staged: &Staged,
        plan: &Plan,
        head: Option<&Head>,
    ) -> Result<()> {
        let bookmark = plan.bookmark.clone().map(|bookmark| source.settle(bookmark)).transpose()?;
        self.commit(staged, &plan.identity, bookmark, head).await
    }

    /// Publishes what was staged of an input; a replay notes which quarantines it has judged again.
    pub(super) async fn commit(
        &mut self,
        staged: &Staged,
        input: &str,
        bookmark: Option<Bookmark>,
        head: Option<&Head>,
    ) -> Result<()> {
        let info = RunInfo {
            run: self.run,
            job: self.context.definition.name.to_string(),
            input: input.to_owned(),
            configuration: self.record.configuration.clone(),
            bookmark: bookmark.map(|b| b.0),
            redaction: self.redaction.clone(),
            sequence: head.map_or(0, |h| h.sequence) + 1,
            rows: staged.rows,
            fence: false,
            replays: self.record.replays.clone(),
        };
        let published = self.context.lake.publish(staged, &info).await?;
        self.record.published_version = Some(published.version);
        self.record.generation = Some(published.generation);
        self.record.partitions = published.partitions.len();
        Ok(())
    }
}

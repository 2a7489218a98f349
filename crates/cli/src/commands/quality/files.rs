//! The files that rules about files judge.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakegate_aws::{Aws, AwsOptions};
use lakegate_contract::Result;
use lakegate_lake::BucketOptions;
use lakegate_pipeline::StoredFiles;
use lakegate_quality::{DatasetRules, Ruleset};

use crate::dataset::endings;

/// The rules with the files at `data`, which the dataset is read from. Paths in rules are relative to the working folder.
pub async fn known(rules: DatasetRules, ruleset: &Ruleset, data: &Path) -> Result<DatasetRules> {
    if !ruleset.judges_files() {
        return Ok(rules);
    }
    let own = data.display().to_string();
    let remote = |path: &str| path.contains("://") && !path.starts_with("file://");
    let buckets = remote(&own) || ruleset.file_paths().into_iter().any(remote);
    let options = if buckets { bucket_options().await? } else { BucketOptions::default() };
    let files = StoredFiles::new(PathBuf::from("."), options, vec![own]).with_endings(endings());
    Ok(rules.with_files(Arc::new(files)))
}

/// Buckets as the environment says: there need not be a project.
async fn bucket_options() -> Result<BucketOptions> {
    let aws = Aws::new(AwsOptions::default());
    Ok(BucketOptions {
        region: Some(aws.region().await?),
        credentials: Some(aws.store_credentials()),
        ..BucketOptions::default()
    })
}

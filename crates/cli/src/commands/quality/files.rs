//! The files that rules about files judge.

use std::path::PathBuf;
use std::sync::Arc;

use lakegate_aws::{Aws, AwsOptions};
use lakegate_contract::Result;
use lakegate_lake::BucketOptions;
use lakegate_pipeline::StoredFiles;
use lakegate_quality::{DatasetRules, Ruleset};

use crate::dataset::Dataset;

/// The rules with the files that the dataset at `data` is read from; those of a Delta table are the ones that the log of its version
/// names. Paths in rules are relative to the working folder.
pub async fn known(rules: DatasetRules, ruleset: &Ruleset, data: &str, dataset: &Dataset) -> Result<DatasetRules> {
    if !ruleset.judges_files() {
        return Ok(rules);
    }
    let remote = |path: &str| path.contains("://") && !path.starts_with("file://");
    let buckets = remote(data) || ruleset.file_paths().into_iter().any(remote);
    let options = if buckets { bucket_options().await? } else { BucketOptions::default() };
    let files = dataset.stored_files(|own| StoredFiles::new(PathBuf::from("."), options, own)).await?;
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

//! What S3 says of a bucket besides its objects: settings that decide whether a lake in it is safe and cheap to keep.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketVersioningStatus, ExpirationStatus};
use aws_types::region::Region;
use lakegate_contract::Result;

use crate::{Aws, AwsFailure, FailureKind};

const SERVICE: &str = "S3";

/// A bucket's settings. `None`: they may not be read, or the store does not have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketFacts {
    /// Whether earlier versions of objects are kept.
    pub versioned: Option<bool>,
    /// How objects are encrypted by default: `AES256` or `aws:kms`.
    pub encryption: Option<String>,
    /// Whether nothing in it can be made public.
    pub public_access_blocked: Option<bool>,
    /// Days after which parts of unfinished uploads are removed; `Some(None)` when they never are.
    pub unfinished_uploads_end: Option<Option<i32>>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The AWS account.
    pub account: String,
    /// The user or role.
    pub arn: String,
}

impl Aws {
    /// Whose credentials these are.
    ///
    /// # Errors
    /// When there are none, or they no longer count.
    pub async fn identity(&self) -> Result<Identity> {
        let client = aws_sdk_sts::Client::new(self.config().await?);
        let answer = client.get_caller_identity().send().await;
        let answer = answer.map_err(|e| AwsFailure::of("STS", "GetCallerIdentity", &e).into_error())?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(Identity { account: text(answer.account()), arn: text(answer.arn()) })
    }

    /// The settings of a bucket, as far as they may be read.
    ///
    /// # Errors
    /// When no region is known.
    pub async fn bucket_facts(
        &self,
        bucket: &str,
        region: Option<String>,
        endpoint: Option<String>,
    ) -> Result<BucketFacts> {
        let mut config = Builder::from(self.config().await?).force_path_style(endpoint.is_some());
        if let Some(region) = region {
            config = config.region(Region::new(region));
        }
        if let Some(endpoint) = endpoint {
            config = config.endpoint_url(endpoint);
        }
        let client = Client::from_conf(config.build());
        Ok(BucketFacts {
            versioned: versioned(&client, bucket).await,
            encryption: encryption(&client, bucket).await,
            public_access_blocked: public_access_blocked(&client, bucket).await,
            unfinished_uploads_end: unfinished_uploads_end(&client, bucket).await,
        })
    }
}

async fn versioned(client: &Client, bucket: &str) -> Option<bool> {
    let answer = client.get_bucket_versioning().bucket(bucket).send().await;
    let answer = answer.map_err(|e| unread("GetBucketVersioning", &e)).ok()?;
    Some(answer.status() == Some(&BucketVersioningStatus::Enabled))
}

async fn encryption(client: &Client, bucket: &str) -> Option<String> {
    let answer = client.get_bucket_encryption().bucket(bucket).send().await;
    let answer = answer.map_err(|e| unread("GetBucketEncryption", &e)).ok()?;
    let rule = answer.server_side_encryption_configuration()?.rules().first()?;
    Some(rule.apply_server_side_encryption_by_default()?.sse_algorithm().as_str().to_owned())
}

async fn public_access_blocked(client: &Client, bucket: &str) -> Option<bool> {
    match client.get_public_access_block().bucket(bucket).send().await {
        Ok(answer) => {
            let block = answer.public_access_block_configuration()?;
            let all = [
                block.block_public_acls(),
                block.ignore_public_acls(),
                block.block_public_policy(),
                block.restrict_public_buckets(),
            ];
            Some(all.into_iter().all(|blocked| blocked == Some(true)))
        }
        Err(error) => is_absent("GetPublicAccessBlock", &error).then_some(false),
    }
}

async fn unfinished_uploads_end(client: &Client, bucket: &str) -> Option<Option<i32>> {
    match client.get_bucket_lifecycle_configuration().bucket(bucket).send().await {
        Ok(answer) => {
            let enabled = answer.rules().iter().filter(|rule| *rule.status() == ExpirationStatus::Enabled);
            let days = enabled.filter_map(|r| r.abort_incomplete_multipart_upload()?.days_after_initiation());
            Some(days.min())
        }
        Err(error) => is_absent("GetBucketLifecycleConfiguration", &error).then_some(None),
    }
}

/// Whether the answer is that nothing was ever set.
fn is_absent<E, R>(operation: &'static str, error: &SdkError<E, R>) -> bool
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let failure = unread(operation, error);
    failure.kind == FailureKind::Missing || failure.code.as_deref().is_some_and(|code| code.starts_with("NoSuch"))
}

fn unread<E, R>(operation: &'static str, error: &SdkError<E, R>) -> AwsFailure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let failure = AwsFailure::of(SERVICE, operation, error);
    tracing::info!(%failure, "a setting of the bucket");
    failure
}

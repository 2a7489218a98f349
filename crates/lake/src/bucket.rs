//! A lake in a bucket of S3, or of a store that speaks its language.

use std::sync::Arc;
use std::time::Duration;

use lakegate_contract::{Error, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use crate::owner::OwnerConnector;

/// How long a request is tried again, all attempts together.
const DEADLINE: Duration = Duration::from_secs(45);
const MAX_RETRIES: usize = 8;
/// How long one attempt may take: a part of 16 MiB goes through in that time on a line of 1 MB/s.
const ATTEMPT: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);

/// What a bucket needs besides its name.
#[derive(Debug, Clone, Default)]
pub struct BucketOptions {
    /// Its region; otherwise `AWS_REGION` says.
    pub region: Option<String>,
    /// Another server than AWS's: `https://host:port`. Plain `http://` is taken for a server on a network that you trust.
    pub endpoint: Option<String>,
    /// The KMS key under which objects are encrypted; otherwise the bucket's own rule decides.
    pub kms_key: Option<String>,
    /// The AWS account that must own the bucket: a bucket of that name that somebody else has made is refused.
    pub owner: Option<String>,
    /// Where credentials come from; otherwise from the environment, the container or the instance.
    pub credentials: Option<AwsCredentialProvider>,
}

/// The store and the prefix of `bucket/prefix`.
pub(crate) fn open(location: &str, rest: &str, options: &BucketOptions) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let bad = |found: &str| Error::usage(found.to_owned()).at(location).expected("s3://bucket/prefix");
    if bucket.is_empty() {
        return Err(bad("the bucket's name is missing"));
    }
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retries());
    builder = builder.with_client_options(ClientOptions::new().with_timeout(ATTEMPT).with_connect_timeout(CONNECT));
    if let Some(credentials) = &options.credentials {
        builder = builder.with_credentials(Arc::clone(credentials));
    }
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &options.endpoint {
        check_endpoint(endpoint)?;
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(key) = &options.kms_key {
        builder = builder.with_sse_kms_encryption(key).with_bucket_key(true);
    }
    let plain = builder.get_config_value(&AmazonS3ConfigKey::Endpoint).is_some_and(|e| e.starts_with("http://"));
    if plain {
        builder = builder.with_allow_http(true);
    }
    if let Some(owner) = &options.owner {
        let credentials =
            options.credentials.clone().ok_or_else(|| bad("an owner is asked for without credentials"))?;
        let region = builder.get_config_value(&AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned());
        builder = builder.with_http_connector(OwnerConnector::new(owner, region, credentials)?);
    }
    let store = builder.build().map_err(|e| {
        bad("the bucket cannot be used").help("check AWS_REGION and the credentials of the environment").caused_by(e)
    })?;
    let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|_| bad("the prefix is not a key"))?;
    Ok((Arc::new(store), prefix))
}

/// The client takes any text and fails in the middle of its first request.
///
/// # Errors
/// When the endpoint is not the address of a server.
pub fn check_endpoint(endpoint: &str) -> Result<()> {
    let parsed = Url::parse(endpoint).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && matches!(url.path(), "" | "/")
            && url.username().is_empty()
            && url.query().is_none()
    });
    if parsed.is_some() {
        return Ok(());
    }
    Err(Error::usage("the endpoint is not a server's address")
        .expected("https://host or http://host:port, without a path"))
}

/// Backoff with jitter: many writers that are throttled together must not come back together.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(15),
            base: 2.0,
        },
        max_retries: MAX_RETRIES,
        retry_timeout: DEADLINE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_addresses_of_servers() {
        for good in ["http://127.0.0.1:5000", "https://minio.example.com/", "https://[::1]:9000"] {
            assert!(check_endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost:5555",
            "127.0.0.1:5555",
            "http://",
            "http://127.0.0.1:99999",
            "http://h/x y",
            "ftp://h",
            "https://u:p@h",
        ] {
            assert!(check_endpoint(bad).is_err(), "{bad}");
        }
    }
}

//! The configuration that all clients share.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use lakegate_contract::{Error, Result};
use tokio::sync::OnceCell;

/// Attempts of one call, the first included; between them the SDK waits twice as long each time, with jitter.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
const CONNECT: Duration = Duration::from_secs(5);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(20);
/// How long a call may take, all its attempts together.
const CALL: Duration = Duration::from_secs(45);

/// What a project says of its AWS account; what it leaves out comes from the environment and the user's AWS files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsOptions {
    /// The region.
    pub region: Option<String>,
    /// A profile of `~/.aws/config`.
    pub profile: Option<String>,
    /// Another server than AWS's, for all services: `http://127.0.0.1:5000`.
    pub endpoint: Option<String>,
}

/// An AWS account, as this process reaches it. Cheap to clone; nothing is read and nobody is asked before the first use.
#[derive(Debug, Clone, Default)]
pub struct Aws {
    options: Arc<AwsOptions>,
    config: Arc<OnceCell<SdkConfig>>,
}

impl Aws {
    /// An account under these options.
    pub fn new(options: AwsOptions) -> Self {
        Self { options: Arc::new(options), config: Arc::default() }
    }

    /// The configuration for clients: region, credentials of the SDK's chain (environment, profile, SSO, web identity,
    /// container, instance), retries with a deadline.
    ///
    /// # Errors
    /// [`Class::Usage`](lakegate_contract::Class::Usage) when no region is known.
    pub async fn config(&self) -> Result<&SdkConfig> {
        let config = self.config.get_or_init(|| self.load()).await;
        if config.region().is_none() {
            return Err(Error::usage("no AWS region is known")
                .expected("region under [aws] in lakegate.toml, AWS_REGION, or a profile that has one"));
        }
        Ok(config)
    }

    /// The region.
    ///
    /// # Errors
    /// As [`Aws::config`].
    pub async fn region(&self) -> Result<String> {
        Ok(self.config().await?.region().map(ToString::to_string).unwrap_or_default())
    }

    async fn load(&self) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS)
                    .with_initial_backoff(FIRST_PAUSE)
                    .with_max_backoff(LONGEST_PAUSE),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT)
                    .operation_attempt_timeout(ATTEMPT)
                    .operation_timeout(CALL)
                    .build(),
            );
        if let Some(region) = &self.options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &self.options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &self.options.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        loader.load().await
    }
}

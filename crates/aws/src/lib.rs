//! How AWS is reached: one configuration for every client, credentials of the SDK's chain, typed failures, secrets.

mod account;
mod bucket;
mod credentials;
mod failure;
mod queue;
mod secrets;

pub use account::{Aws, AwsOptions};
pub use bucket::{BucketFacts, Identity};
pub use failure::{AwsFailure, FailureKind};
pub use queue::{Queue, ReceivedMessage};
pub use secrets::{AwsSecrets, SecretReference};

/// The configuration of the SDK, for crates that make clients of their own.
pub use aws_config::SdkConfig;

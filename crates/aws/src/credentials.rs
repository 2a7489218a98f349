//! The SDK's credentials for the store that holds the lake.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use object_store::CredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use tokio::sync::Mutex;

use crate::Aws;

/// Credentials are renewed this long before they expire: a long upload must not end with ones that no longer count.
const MARGIN: Duration = Duration::from_secs(300);

impl Aws {
    /// Credentials of the SDK's chain, asked for when a request needs them and renewed before they expire.
    pub fn store_credentials(&self) -> AwsCredentialProvider {
        Arc::new(Chain { aws: self.clone(), known: Mutex::default() })
    }
}

/// The SDK's clients keep credentials themselves; its chain does not, and asking it can cost a request to STS each time.
#[derive(Debug)]
struct Chain {
    aws: Aws,
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    credential: Arc<AwsCredential>,
    expires: Option<SystemTime>,
}

impl Known {
    fn new(found: &Credentials) -> Self {
        let credential = AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        };
        Self { credential: Arc::new(credential), expires: found.expiry() }
    }

    /// Whether they will count for so long.
    fn counts_for(&self, long: Duration) -> bool {
        self.expires.is_none_or(|at| SystemTime::now() + long < at)
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut known = self.known.lock().await;
        if let Some(fresh) = known.as_ref().filter(|k| k.counts_for(MARGIN)) {
            return Ok(Arc::clone(&fresh.credential));
        }
        let missing = |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Unauthenticated {
            path: "AWS credentials".to_owned(),
            source,
        };
        let config = self.aws.config().await.map_err(|e| missing(Box::new(e)))?;
        let provider = config.credentials_provider().ok_or_else(|| missing("no provider of credentials".into()))?;
        let found = match (provider.provide_credentials().await, known.as_ref()) {
            (Ok(found), _) => found,
            // They cannot be renewed just now, and are good for a while.
            (Err(_), Some(still)) if still.counts_for(Duration::ZERO) => return Ok(Arc::clone(&still.credential)),
            (Err(error), _) => return Err(missing(Box::new(error))),
        };
        let found = known.insert(Known::new(&found));
        Ok(Arc::clone(&found.credential))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_before_they_expire() {
        let expiring_in = |seconds| {
            let at = SystemTime::now() + Duration::from_secs(seconds);
            Known::new(&Credentials::new("id", "secret", None, Some(at), "test"))
        };
        assert!(expiring_in(3600).counts_for(MARGIN));
        assert!(!expiring_in(200).counts_for(MARGIN) && expiring_in(200).counts_for(Duration::ZERO));
        assert!(Known::new(&Credentials::new("id", "secret", None, None, "test")).counts_for(MARGIN));
    }
}

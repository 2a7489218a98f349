//! The account that must own a bucket, told to S3 with every request: it refuses when another account owns the bucket.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>
//!
//! S3 takes such a header only when it is signed, and the client signs headers of its configuration with some requests and not
//! with others. So it is added, and the request signed anew, on the way out.

use async_trait::async_trait;
use http::HeaderValue;
use lakegate_contract::{Error, Result};
use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

const OWNER: &str = "x-amz-expected-bucket-owner";
const DIGEST: &str = "x-amz-content-sha256";

/// Connects as usual, and adds the owner to each request.
#[derive(Debug, Clone)]
pub(crate) struct OwnerConnector {
    owner: HeaderValue,
    region: String,
    credentials: AwsCredentialProvider,
}

#[derive(Debug)]
struct Owned {
    client: HttpClient,
    connector: OwnerConnector,
}

/// Whether a text is the number of an AWS account.
///
/// # Errors
/// When it is not 12 digits.
pub fn check_account(owner: &str) -> Result<()> {
    if owner.len() == 12 && owner.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    Err(Error::usage("[lake] owner is not the number of an AWS account").expected("12 digits"))
}

impl OwnerConnector {
    /// A connector for buckets of `owner`, the 12 digits of an account.
    pub(crate) fn new(owner: &str, region: String, credentials: AwsCredentialProvider) -> Result<Self> {
        check_account(owner)?;
        let owner = HeaderValue::from_str(owner).map_err(|e| Error::bug("an account is no header").caused_by(e))?;
        Ok(Self { owner, region, credentials })
    }
}

impl HttpConnector for OwnerConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Owned { client, connector: self.clone() }))
    }
}

#[async_trait]
impl HttpService for Owned {
    async fn call(&self, mut request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let connector = &self.connector;
        let credential = connector.credentials.get_credential().await;
        let credential = credential.map_err(|e| HttpError::new(HttpErrorKind::Request, e))?;
        request.headers_mut().insert(OWNER, connector.owner.clone());
        // The digest of the body stays: it may have been made piece by piece.
        let digest = request.headers().get(DIGEST).and_then(|value| bytes_of(value.to_str().ok()?));
        let authorizer = AwsAuthorizer::new(&credential, "s3", &connector.region);
        match digest {
            Some(digest) => authorizer.authorize(&mut request, Some(&digest)),
            None => authorizer.with_sign_payload(false).authorize(&mut request, None),
        }
        self.client.execute(request).await
    }
}

/// The bytes of a digest in hexadecimal; `None` when the body was not signed.
fn bytes_of(digest: &str) -> Option<Vec<u8>> {
    let pairs = digest.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> =
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    bytes.filter(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;

    use object_store::StaticCredentialProvider;
    use object_store::aws::AwsCredential;

    use crate::{BucketOptions, Lake};

    fn options(endpoint: String, owner: &str) -> BucketOptions {
        let credential =
            AwsCredential { key_id: "id".into(), secret_key: "secret".into(), token: Some("token".into()) };
        BucketOptions {
            region: Some("ap-northeast-2".into()),
            endpoint: Some(endpoint),
            owner: Some(owner.into()),
            credentials: Some(Arc::new(StaticCredentialProvider::new(credential))),
            ..BucketOptions::default()
        }
    }

    /// A server that takes one request, refuses it, and tells what it was.
    fn one_request() -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let taken = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = vec![0; 8192];
            let count = stream.read(&mut bytes).unwrap();
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            String::from_utf8_lossy(&bytes[..count]).to_lowercase()
        });
        (endpoint, taken)
    }

    #[tokio::test]
    async fn every_kind_of_request_names_the_owner_under_its_signature() {
        for kind in ["list", "get", "put", "delete"] {
            let (endpoint, taken) = one_request();
            let lake = Lake::open_with("s3://bucket/lake", &options(endpoint, "123456789012")).unwrap();
            let key = object_store::path::Path::from("lake/a b/가=1");
            use futures::TryStreamExt as _;
            use object_store::ObjectStoreExt as _;
            let refused = match kind {
                "list" => lake.store().list(Some(&key)).try_collect::<Vec<_>>().await.is_err(),
                "get" => lake.store().get(&key).await.is_err(),
                "put" => lake.store().put(&key, "text".into()).await.is_err(),
                _ => lake.store().delete(&key).await.is_err(),
            };
            let request = taken.join().unwrap();
            assert!(refused && request.contains("x-amz-expected-bucket-owner: 123456789012"), "{kind}: {request}");
            let signed = request.lines().find(|line| line.starts_with("authorization:")).unwrap();
            assert!(signed.contains("x-amz-expected-bucket-owner"), "{kind}: {signed}");
            assert_eq!(request.matches("authorization:").count(), 1, "{kind}");
        }
    }

    #[test]
    fn an_owner_is_the_number_of_an_account() {
        for bad in ["", "12345678901", "1234567890123", "12345678901x"] {
            assert!(Lake::open_with("s3://bucket", &options("http://127.0.0.1:1".into(), bad)).is_err(), "{bad}");
        }
    }
}

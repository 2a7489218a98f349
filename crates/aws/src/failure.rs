//! What AWS answers when it does not do what was asked, in kinds that callers can act upon.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lakegate_contract::{Class, Error};

/// What kind of answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// Too many requests; later it may go.
    Throttled,
    /// The credentials do not allow it, or there are none.
    Denied,
    /// Somebody else changed it in the meantime.
    Conflict,
    /// What is asked for is not there.
    Missing,
    /// What is to be made is there already.
    Exists,
    /// The request is refused as it stands.
    Invalid,
    /// No answer, or the service failed.
    Unavailable,
}

impl FailureKind {
    /// The kind behind an error code of a service.
    fn of_code(code: &str) -> Self {
        match code {
            "ThrottlingException"
            | "Throttling"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "ProvisionedThroughputExceededException"
            | "SlowDown"
            | "ResourceNumberLimitExceededException" => FailureKind::Throttled,
            "AccessDeniedException"
            | "AccessDenied"
            | "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "NotAuthorized"
            | "MissingAuthenticationTokenException" => FailureKind::Denied,
            "ConcurrentModificationException" | "ConflictException" | "ResourceNotReadyException" => {
                FailureKind::Conflict
            }
            "EntityNotFoundException"
            | "ResourceNotFoundException"
            | "ParameterNotFound"
            | "NotFound"
            | "NotFoundException"
            | "QueueDoesNotExist"
            | "AWS.SimpleQueueService.NonExistentQueue" => FailureKind::Missing,
            "AlreadyExistsException" => FailureKind::Exists,
            "InternalServiceException"
            | "InternalServerException"
            | "InternalServiceError"
            | "InternalServerError"
            | "InternalFailure"
            | "OperationTimeoutException"
            | "ServiceUnavailable"
            | "ServiceUnavailableException" => FailureKind::Unavailable,
            _ => FailureKind::Invalid,
        }
    }

    /// Whether the same request can succeed later.
    pub fn retryable(self) -> bool {
        matches!(self, FailureKind::Throttled | FailureKind::Conflict | FailureKind::Unavailable)
    }
}

/// A call that failed: the service, the operation, and the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsFailure {
    /// What kind it is.
    pub kind: FailureKind,
    /// The service: `Glue`.
    pub service: &'static str,
    /// The operation: `UpdateTable`.
    pub operation: &'static str,
    /// The service's own error code.
    pub code: Option<String>,
    /// What it says. AWS names resources and principals here; services that may quote data are asked for no text.
    pub message: Option<String>,
}

impl AwsFailure {
    /// What a client's error means.
    pub fn of<E, R>(service: &'static str, operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: fmt::Debug,
    {
        if let SdkError::ServiceError(answer) = error {
            let meta = answer.err();
            let kind = meta.code().map_or(FailureKind::Unavailable, FailureKind::of_code);
            let (code, message) = (meta.code().map(str::to_owned), meta.message().map(str::to_owned));
            return Self { kind, service, operation, code, message };
        }
        let chain = causes(error);
        let unsigned = chain.iter().any(|text| text.contains("credential"));
        let (kind, message) = match error {
            _ if unsigned => (FailureKind::Denied, "no usable AWS credentials were found".to_owned()),
            SdkError::TimeoutError(_) => (FailureKind::Unavailable, "no answer in time".to_owned()),
            _ => (FailureKind::Unavailable, chain.last().cloned().unwrap_or_else(|| "no answer".to_owned())),
        };
        Self { kind, service, operation, code: None, message: Some(message) }
    }

    /// What an error means that stands for one item in the answer to a batch.
    pub fn of_item(service: &'static str, operation: &'static str, code: Option<&str>, message: Option<&str>) -> Self {
        let kind = code.map_or(FailureKind::Unavailable, FailureKind::of_code);
        Self { kind, service, operation, code: code.map(str::to_owned), message: message.map(str::to_owned) }
    }

    /// The same as an error of the workspace.
    pub fn into_error(self) -> Error {
        let class = match self.kind {
            FailureKind::Denied | FailureKind::Missing | FailureKind::Invalid | FailureKind::Exists => Class::Usage,
            FailureKind::Throttled | FailureKind::Conflict | FailureKind::Unavailable => Class::Unavailable,
        };
        let error = Error::new(class, self.to_string());
        match self.kind {
            FailureKind::Denied if self.code.as_deref().is_none_or(|code| code.contains("Token")) => {
                error.help("sign in (`aws sso login`), set a profile under [aws], or give the function or task a role")
            }
            FailureKind::Denied => {
                error.help(format!("the role needs {}:{}", self.service.to_lowercase(), self.operation))
            }
            _ => error,
        }
    }
}

impl fmt::Display for AwsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FailureKind::Throttled => "is throttled",
            FailureKind::Denied => "is denied",
            FailureKind::Conflict => "met another change",
            FailureKind::Missing => "did not find it",
            FailureKind::Exists => "found it there already",
            FailureKind::Invalid => "is refused",
            FailureKind::Unavailable => "failed",
        };
        write!(f, "{} {} {what}", self.service, self.operation)?;
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, ": {code}: {message}"),
            (Some(text), None) | (None, Some(text)) => write!(f, ": {text}"),
            (None, None) => Ok(()),
        }
    }
}

impl StdError for AwsFailure {}

/// The texts of an error and of what caused it, outermost first.
fn causes(error: &dyn StdError) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(inner) = cause {
        texts.push(inner.to_string());
        cause = inner.source();
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_kinds_and_kinds_classes() {
        let item = |code| AwsFailure::of_item("Glue", "UpdateTable", Some(code), Some("no"));
        assert!(item("ThrottlingException").kind.retryable());
        assert_eq!(item("ConcurrentModificationException").kind, FailureKind::Conflict);
        let denied = item("AccessDeniedException").into_error();
        assert_eq!((denied.class(), denied.advice()), (Class::Usage, Some("the role needs glue:UpdateTable")));
        assert_eq!(
            item("EntityNotFoundException").to_string(),
            "Glue UpdateTable did not find it: EntityNotFoundException: no"
        );
        assert_eq!(AwsFailure::of_item("Glue", "GetTable", None, None).kind, FailureKind::Unavailable);
    }
}

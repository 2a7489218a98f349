//! Secrets of a project: values of Secrets Manager and of SSM's Parameter Store.

use std::collections::HashMap;
use std::sync::Arc;

use lakegate_contract::{Error, Result};
use lakegate_redaction::Secret;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{Aws, AwsFailure};

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretReference {
    /// `secretsmanager:name#key`: a secret by name or ARN; with a key, a member of its JSON object.
    SecretsManager {
        /// Name or ARN.
        name: String,
        /// Member of the secret's JSON object.
        key: Option<String>,
    },
    /// `ssm:name`: a parameter, decrypted.
    Parameter {
        /// Its name, such as `/shop/database-url`.
        name: String,
    },
}

impl SecretReference {
    /// Reads the text after a scheme: `secretsmanager` or `ssm`.
    ///
    /// # Errors
    /// When the scheme is another one, or the name is empty.
    pub fn parse(scheme: &str, rest: &str) -> Result<Self> {
        let bad = || {
            Error::usage(format!("`${{{scheme}:…}}` names no secret"))
                .expected("${secretsmanager:name}, ${secretsmanager:name#key} or ${ssm:/name}")
        };
        let (name, key) = match rest.split_once('#') {
            Some((name, key)) => (name, Some(key)),
            None => (rest, None),
        };
        if name.is_empty() || key == Some("") {
            return Err(bad());
        }
        match scheme {
            "secretsmanager" => Ok(Self::SecretsManager { name: name.to_owned(), key: key.map(str::to_owned) }),
            "ssm" if key.is_none() => Ok(Self::Parameter { name: name.to_owned() }),
            _ => Err(bad()),
        }
    }

    fn place(&self) -> String {
        match self {
            Self::SecretsManager { name, .. } => format!("secret {name}"),
            Self::Parameter { name } => format!("parameter {name}"),
        }
    }
}

/// Fetches secrets, each once in the life of the process.
#[derive(Debug, Clone)]
pub struct AwsSecrets {
    aws: Aws,
    /// Whole values, before a key is looked up: several keys of one secret are one request.
    known: Arc<Mutex<HashMap<SecretReference, Secret>>>,
}

impl AwsSecrets {
    /// Secrets of this account.
    pub fn new(aws: Aws) -> Self {
        Self { aws, known: Arc::default() }
    }

    /// The value.
    ///
    /// # Errors
    /// When it does not exist, may not be read, is binary, or has no such key. The value stands in no error.
    pub async fn fetch(&self, reference: &SecretReference) -> Result<Secret> {
        let (whole, key) = match reference {
            SecretReference::SecretsManager { name, key } => {
                (SecretReference::SecretsManager { name: name.clone(), key: None }, key.as_deref())
            }
            parameter @ SecretReference::Parameter { .. } => (parameter.clone(), None),
        };
        let value = self.whole(&whole).await.map_err(|e| e.at(reference.place()))?;
        let value = match key {
            None => value,
            Some(key) => member(&value, key).map_err(|e| e.at(reference.place()))?,
        };
        // Editors and consoles leave a line break at the end.
        let value = value.expose().trim_end_matches(['\r', '\n']);
        match value.is_empty() {
            true => Err(Error::usage("the secret is empty").at(reference.place())),
            false => Ok(Secret::new(value)),
        }
    }

    async fn whole(&self, reference: &SecretReference) -> Result<Secret> {
        let mut known = self.known.lock().await;
        if let Some(value) = known.get(reference) {
            return Ok(value.clone());
        }
        let value = match reference {
            SecretReference::SecretsManager { name, .. } => self.secret(name).await?,
            SecretReference::Parameter { name } => self.parameter(name).await?,
        };
        known.insert(reference.clone(), value.clone());
        Ok(value)
    }

    async fn secret(&self, name: &str) -> Result<Secret> {
        let client = aws_sdk_secretsmanager::Client::new(self.aws.config().await?);
        let answer = client.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|e| AwsFailure::of("SecretsManager", "GetSecretValue", &e).into_error())?;
        answer
            .secret_string()
            .map(|text| Secret::new(text.to_owned()))
            .ok_or_else(|| Error::usage("the secret is binary").expected("a secret with a text"))
    }

    async fn parameter(&self, name: &str) -> Result<Secret> {
        let client = aws_sdk_ssm::Client::new(self.aws.config().await?);
        let answer = client.get_parameter().name(name).with_decryption(true).send().await;
        let answer = answer.map_err(|e| AwsFailure::of("SSM", "GetParameter", &e).into_error())?;
        answer
            .parameter()
            .and_then(|parameter| parameter.value())
            .map(|text| Secret::new(text.to_owned()))
            .ok_or_else(|| Error::usage("the parameter has no value"))
    }
}

/// A member of a secret that is a JSON object, as the secrets that RDS makes are.
fn member(secret: &Secret, key: &str) -> Result<Secret> {
    let parsed: Value = serde_json::from_str(secret.expose())
        .map_err(|_| Error::usage(format!("the secret is no JSON object, so it has no key `{key}`")))?;
    match parsed.get(key) {
        Some(Value::String(text)) => Ok(Secret::new(text.clone())),
        Some(Value::Number(number)) => Ok(Secret::new(number.to_string())),
        Some(_) => Err(Error::usage(format!("the key `{key}` of the secret is neither a text nor a number"))),
        None => {
            let names = parsed.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>().join(", "));
            Err(Error::usage(format!("the secret has no key `{key}`"))
                .expected(format!("one of {}", names.unwrap_or_default())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_parsed() {
        let parsed = SecretReference::parse("secretsmanager", "shop/db#password").unwrap();
        assert_eq!(
            parsed,
            SecretReference::SecretsManager { name: "shop/db".to_owned(), key: Some("password".to_owned()) }
        );
        assert!(SecretReference::parse("ssm", "/shop/url").is_ok());
        for (scheme, rest) in [("ssm", "a#b"), ("secretsmanager", ""), ("secretsmanager", "a#"), ("vault", "a")] {
            assert!(SecretReference::parse(scheme, rest).is_err(), "{scheme}:{rest}");
        }
    }

    #[test]
    fn keys_of_a_json_secret_are_found_and_values_never_shown() {
        let secret = Secret::new(r#"{"username":"reader","password":"hunter2","port":5432}"#.to_owned());
        assert_eq!(member(&secret, "password").unwrap().expose(), "hunter2");
        assert_eq!(member(&secret, "port").unwrap().expose(), "5432");
        let error = member(&secret, "pass").unwrap_err().to_string();
        assert!(error.contains("username") && !error.contains("hunter2"), "{error}");
        let error = member(&Secret::new("hunter2".to_owned()), "a").unwrap_err().to_string();
        assert!(!error.contains("hunter2"));
    }
}

//! `${env:NAME}`, `${secretsmanager:name#key}` and `${ssm:name}` in the texts of `lakegate.toml`.

use async_trait::async_trait;
use lakegate_contract::{Error, Result};
use lakegate_redaction::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Where references are looked up that are not environment variables.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The secret that `${scheme:name}` means, where the scheme is `secretsmanager` or `ssm`.
    ///
    /// # Errors
    /// When it cannot be read. The error does not hold it.
    async fn fetch(&self, scheme: &str, name: &str) -> Result<Secret>;
}

/// A store without secrets: environment variables still count.
#[derive(Debug, Clone, Copy)]
pub struct NoSecrets;

#[async_trait]
impl SecretStore for NoSecrets {
    async fn fetch(&self, scheme: &str, name: &str) -> Result<Secret> {
        Err(Error::usage(format!("`${{{scheme}:{name}}}` cannot be looked up here")).expected("${env:NAME}"))
    }
}

/// A part of a text: as it stands, or a reference.
enum Part<'a> {
    Plain(&'a str),
    Reference { scheme: &'a str, name: &'a str },
}

/// The text with the values of its references.
pub(super) async fn resolve(text: &str, store: &dyn SecretStore) -> Result<Secret> {
    let mut out = String::new();
    for part in parts(text)? {
        match part {
            Part::Plain(text) => out.push_str(text),
            Part::Reference { scheme, name } => out.push_str(value(scheme, name, store).await?.expose()),
        }
    }
    Ok(Secret::new(out))
}

/// A URL with the values of its references. Those of user and password are percent-encoded: an `@` in a password would
/// otherwise end it, and what follows would be taken for the host's name, shown and looked up.
pub(super) async fn resolve_url(text: &str, store: &dyn SecretStore) -> Result<Secret> {
    let parts = parts(text)?;
    let host = parts.iter().rposition(|part| matches!(part, Part::Plain(text) if text.contains('@')));
    let mut out = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        match part {
            Part::Plain(text) => out.push_str(text),
            Part::Reference { scheme, name } => {
                let value = value(scheme, name, store).await?;
                match host.is_some_and(|host| index < host) {
                    true => out.extend(utf8_percent_encode(value.expose(), NON_ALPHANUMERIC)),
                    false => out.push_str(value.expose()),
                }
            }
        }
    }
    Ok(Secret::new(out))
}

async fn value(scheme: &str, name: &str, store: &dyn SecretStore) -> Result<Secret> {
    match scheme {
        "env" => variable(name).map(Secret::new),
        _ => store.fetch(scheme, name).await,
    }
}

/// The text with the values of environment variables, for what is no secret.
pub(super) fn resolve_plain(text: &str) -> Result<String> {
    let mut out = String::new();
    for part in parts(text)? {
        match part {
            Part::Plain(text) => out.push_str(text),
            Part::Reference { scheme: "env", name } => out.push_str(&variable(name)?),
            Part::Reference { scheme, name } => {
                return Err(Error::usage(format!("`${{{scheme}:{name}}}` stands where no secret belongs"))
                    .expected("a plain value, or ${env:NAME}"));
            }
        }
    }
    Ok(out)
}

/// Whether every reference of the text could be one.
pub(super) fn check(text: &str) -> Result<()> {
    parts(text).map(drop)
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).map_err(|_| {
        Error::usage(format!("the environment variable {name} is not set")).help(format!("set it: export {name}=…"))
    })
}

fn parts(text: &str) -> Result<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        parts.push(Part::Plain(before));
        let (reference, tail) = after.split_once('}').ok_or_else(|| Error::usage("`${` without `}`"))?;
        let known = reference
            .split_once(':')
            .filter(|(scheme, name)| matches!(*scheme, "env" | "secretsmanager" | "ssm") && !name.is_empty());
        let (scheme, name) = known.ok_or_else(|| {
            Error::usage(format!("`${{{reference}}}` cannot be resolved"))
                .expected("${env:NAME}, ${secretsmanager:name#key} or ${ssm:/name}")
        })?;
        parts.push(Part::Reference { scheme, name });
        rest = tail;
    }
    parts.push(Part::Plain(rest));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shelf;

    #[async_trait]
    impl SecretStore for Shelf {
        async fn fetch(&self, scheme: &str, name: &str) -> Result<Secret> {
            Ok(Secret::new(format!("<{scheme} {name}>")))
        }
    }

    #[tokio::test]
    async fn references_stand_within_texts() {
        let text = "postgres://${ssm:/shop/user}:${secretsmanager:shop/db#password}@host/db";
        let resolved = resolve(text, &Shelf).await.unwrap();
        assert_eq!(resolved.expose(), "postgres://<ssm /shop/user>:<secretsmanager shop/db#password>@host/db");
        let url = resolve_url(text, &Shelf).await.unwrap();
        assert_eq!(
            url.expose(),
            "postgres://%3Cssm%20%2Fshop%2Fuser%3E:%3Csecretsmanager%20shop%2Fdb%23password%3E@host/db"
        );
        assert_eq!(resolve_url("${ssm:/url}", &Shelf).await.unwrap().expose(), "<ssm /url>");
        assert_eq!(resolve_url("u@${ssm:/host}", &Shelf).await.unwrap().expose(), "u@<ssm /host>");
        assert!(resolve(text, &NoSecrets).await.is_err());
        assert!(resolve_plain("${ssm:/a}").is_err());
        for bad in ["${", "${env:}", "${vault:a}", "${a}"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(resolve_plain("a$b{c}").unwrap(), "a$b{c}");
    }
}

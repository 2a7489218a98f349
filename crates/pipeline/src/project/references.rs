//! `${env:NAME}`, `${secretsmanager:name#key}` and `${ssm:name}` in the texts of `lakegate.toml`.

use async_trait::async_trait;
use lakegate_contract::{Error, Result};
use lakegate_redaction::Secret;

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
            Part::Reference { scheme: "env", name } => out.push_str(&variable(name)?),
            Part::Reference { scheme, name } => out.push_str(store.fetch(scheme, name).await?.expose()),
        }
    }
    Ok(Secret::new(out))
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
        assert!(resolve(text, &NoSecrets).await.is_err());
        assert!(resolve_plain("${ssm:/a}").is_err());
        for bad in ["${", "${env:}", "${vault:a}", "${a}"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(resolve_plain("a$b{c}").unwrap(), "a$b{c}");
    }
}

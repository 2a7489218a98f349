//! Connections to PostgreSQL, with TLS where the URL asks for it.

use std::sync::Arc;
use std::time::Duration;

use lakegate_contract::{Error, Result};
use lakegate_redaction::Secret;
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that vanishes without a word is noticed after five of these.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A connection that lives as long as this value.
pub(crate) struct Connected {
    pub(crate) client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn parse(url: &Secret) -> Result<Config> {
    // The parser's message may quote the URL.
    let text =
        url.expose().replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    let mut config: Config = text.parse().map_err(|_| {
        Error::usage("the URL cannot be understood")
            .expected("postgres://user:password@host:5432/database?sslmode=require")
    })?;
    config.connect_timeout(CONNECT_TIMEOUT);
    config.keepalives_idle(KEEPALIVE);
    config.keepalives_interval(KEEPALIVE);
    config.keepalives_retries(4);
    config.application_name("lakegate");
    Ok(config)
}

/// `host:port/database`: what may be shown of a URL.
pub(crate) fn server_of(url: &Secret) -> Result<String> {
    let config = parse(url)?;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    Ok(format!("{host}:{port}/{}", config.get_dbname().or(config.get_user()).unwrap_or("?")))
}

fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        Host::Unix(_) => true,
    })
}

/// Other libraries of the process bring a cryptography of their own, so which one is meant has to be said.
fn trusting_the_system(place: &str) -> Result<ClientConfig> {
    let failed = |e: rustls::Error| {
        Error::unavailable("the system's trusted certificates cannot be used").at(place).caused_by(e)
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(failed)?
        .with_no_client_auth())
}

/// Connects: with TLS and a checked certificate where the URL says `sslmode=require`, `verify-ca` or `verify-full`; plain to
/// this machine, or where it says `sslmode=disable`. `prefer` would fall back to plain silently, so it is not used.
pub(crate) async fn connect(url: &Secret, place: &str) -> Result<Connected> {
    let mut config = parse(url)?;
    if config.get_ssl_mode() != SslMode::Require {
        if config.get_ssl_mode() != SslMode::Disable && !is_local(&config) {
            return Err(Error::usage("the URL does not say whether the connection is encrypted")
                .at(place)
                .expected("…?sslmode=require, or sslmode=disable on a network that you trust"));
        }
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await.map_err(|e| failure::postgres(&e, place))?;
        return Ok(Connected { client, driver: tokio::spawn(async move { drop(connection.await) }) });
    }
    let (client, connection) = config
        .connect(MakeRustlsConnect::new(trusting_the_system(place)?))
        .await
        .map_err(|e| failure::postgres(&e, place))?;
    Ok(Connected { client, driver: tokio::spawn(async move { drop(connection.await) }) })
}

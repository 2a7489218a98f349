//! What commands need besides the project's files: the lake, the catalog, secrets, AWS.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lakegate_alarms::{Slack, Sns};
use lakegate_aws::{Aws, AwsOptions, AwsSecrets, SecretReference};
use lakegate_catalog_glue::GlueCatalog;
use lakegate_contract::{Class, Error, Result};
use lakegate_lake::{BucketOptions, Lake};
use lakegate_pipeline::alarm::AlarmChannel;
use lakegate_pipeline::{Breakers, Catalog, Inputs, Project, SecretStore};
use lakegate_redaction::Secret;
use lakegate_reports::{AthenaEngine, AthenaOptions};

use crate::{errors, output};

/// How long the address of a channel may take: an alarm must not wait for it that others can be told of.
const SECRET_PATIENCE: Duration = Duration::from_secs(5);

/// The services of a project. None of them is asked before it is used, and a project of folders needs none.
pub struct Services {
    /// The lake.
    pub lake: Lake,
    /// The AWS account.
    pub aws: Aws,
    /// Secrets of the account.
    pub secrets: Secrets,
    /// Where the files of sources are.
    pub inputs: Inputs,
    /// Breakers that all jobs share.
    pub breakers: Breakers,
    glue: Option<GlueCatalog>,
}

impl Services {
    /// The services that a project's settings name.
    ///
    /// # Errors
    /// When the settings name a variable that is not set, or the lake's place cannot be used.
    pub async fn new(project: &Project) -> Result<Self> {
        let [region, profile, endpoint] = project.aws()?;
        let aws = Aws::new(AwsOptions { region, profile, endpoint });
        let mut options = project.bucket_options()?;
        options.credentials = Some(aws.store_credentials());
        let location = project.lake_location()?;
        if location.contains("://") && options.region.is_none() {
            // That of the environment, of a profile, or of the machine.
            options.region = Some(aws.region().await?);
        }
        let glue = project.catalog()?.map(|settings| GlueCatalog::new(aws.clone(), settings));
        Ok(Self {
            inputs: Inputs::new(project.root.clone(), project.inputs_location()?, input_options(&options)),
            lake: Lake::open_with(&location, &options)?,
            secrets: Secrets(AwsSecrets::new(aws.clone())),
            aws,
            breakers: Breakers::default(),
            glue,
        })
    }

    /// The catalog that runs keep equal to the lake; none when there is none, or it is not ours to write.
    pub fn catalog(&self) -> Option<Arc<dyn Catalog>> {
        let glue = self.glue.clone().filter(|glue| !glue.settings().read_only)?;
        Some(Arc::new(glue))
    }

    /// The catalog, for commands that are about it.
    ///
    /// # Errors
    /// When the project has none, or, with `to_write`, may not write it.
    pub fn glue(&self, to_write: bool) -> Result<&GlueCatalog> {
        let glue = self.glue.as_ref().ok_or_else(|| {
            Error::usage("the project has no catalog").expected(
                "[catalog] with database = \"…\" in lakegate.toml, or under the environment: [env.prod.catalog]",
            )
        })?;
        if to_write && glue.settings().read_only {
            return Err(Error::usage("the catalog is read-only for this project")
                .expected("mode = \"write\" under [catalog]")
                .help("`lakegate catalog diff` says what would change"));
        }
        Ok(glue)
    }

    /// Who is told of alarms; and what keeps a channel from being one of them: a variable that is not set, a secret that cannot
    /// be read. One that is broken silences no other.
    pub async fn alarm_channels(&self, project: &Project) -> (Vec<Arc<dyn AlarmChannel>>, Vec<Error>) {
        let (mut channels, mut errors): (Vec<Arc<dyn AlarmChannel>>, _) = (Vec::new(), Vec::new());
        match project.alarm_topic() {
            Ok(topic) => {
                channels.extend(topic.map(|t| Arc::new(Sns::new(self.aws.clone(), t)) as Arc<dyn AlarmChannel>))
            }
            Err(error) => errors.push(error),
        }
        let late = |_| Err(Error::unavailable("the secret does not come in time").at("[alarms] slack"));
        match tokio::time::timeout(SECRET_PATIENCE, project.slack_webhook(&self.secrets)).await.unwrap_or_else(late) {
            Ok(None) => {}
            Ok(Some(webhook)) => match Slack::new(webhook) {
                Ok(slack) => channels.push(Arc::new(slack)),
                Err(error) => errors.push(error),
            },
            Err(error) => errors.push(error),
        }
        (channels, errors)
    }

    /// Athena, over the catalog. `may_reuse`: an earlier result will do, where the project says so.
    ///
    /// # Errors
    /// When the project has no catalog, or no region is known.
    pub async fn athena(&self, project: &Project, may_reuse: bool) -> Result<AthenaEngine> {
        let (catalog, athena) = (self.glue(false)?.settings(), project.athena()?);
        let options = AthenaOptions {
            database: catalog.database.clone(),
            work_group: athena.work_group,
            output: athena.output,
            reuse: athena.reuse.filter(|_| may_reuse),
        };
        AthenaEngine::new(&self.aws, options).await
    }
}

/// Buckets that sources read are reached as the lake's is; whose they are and under which key, nobody says.
fn input_options(lake: &BucketOptions) -> BucketOptions {
    BucketOptions { kms_key: None, owner: None, ..lake.clone() }
}

/// Ends when the user or the system asks the process to stop.
pub async fn interrupted() {
    interrupted_by_hand().await;
}

/// The same; whether it was a user at a keyboard.
pub async fn interrupted_by_hand() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! { _ = interrupt.recv() => true, _ = terminate.recv() => false, _ = hangup.recv() => false }
}

/// Ends the process when it is asked to, where nothing has begun that must be undone but what statements have spilled.
pub fn end_on_signals() {
    tokio::spawn(async {
        interrupted().await;
        lakegate_lake::clear_spill();
        let error = Error::new(Class::Interrupted, "interrupted before there was a result");
        output::warn(&errors::render(&error));
        std::process::exit(i32::from(error.class().exit_code()));
    });
}

/// The account's secrets, as the project's files refer to them.
pub struct Secrets(AwsSecrets);

#[async_trait]
impl SecretStore for Secrets {
    async fn fetch(&self, scheme: &str, name: &str) -> Result<Secret> {
        self.0.fetch(&SecretReference::parse(scheme, name)?).await
    }
}

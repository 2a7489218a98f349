//! `lakegate doctor`: whether everything that the project needs is there and answers.

use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use lakegate_contract::{Error, Result};
use lakegate_pipeline::{JobFile, Project, Scope};
use serde_json::json;

use crate::arguments::GlobalArguments;
use crate::cloud::Services;
use crate::commands::run::most_telling;
use crate::{context, errors, output};

/// What came of one check.
struct Check {
    name: String,
    found: String,
    /// What could be better, though it works.
    advice: Vec<String>,
    error: Option<Error>,
}

impl Check {
    fn good(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), found: found.into(), advice: Vec::new(), error: None }
    }

    fn of(name: impl Into<String>, result: Result<(String, Vec<String>)>) -> Self {
        match result {
            Ok((found, advice)) => Self { advice, ..Self::good(name, found) },
            Err(error) => Self { error: Some(error), ..Self::good(name, "") },
        }
    }

    fn mark(&self) -> &'static str {
        match (&self.error, self.advice.is_empty()) {
            (Some(_), _) => "✗",
            (None, false) => "!",
            (None, true) => "✓",
        }
    }
}

/// Asks everything that a run would ask, and changes nothing but an object of its own that it deletes again.
pub async fn run(global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let services = Services::new(&project).await?;
    let mut checks = vec![Check::good("project", format!("{}: {} jobs", project.name, project.jobs.len()))];
    if services.lake.folder().is_none() {
        checks.push(Check::of("account", account(&services).await));
        checks.push(Check::of("bucket", bucket(&project, &services).await));
    }
    checks.push(Check::of("lake", lake(&services).await));
    if services.glue(false).is_ok() {
        checks.push(Check::of("catalog", catalog(&project, &services).await));
        checks.push(Check::of("athena", athena(&project, &services).await));
    }
    for job in &project.jobs {
        checks.push(Check::of(format!("job {}", job.definition.name), reads(&project, &services, job).await));
    }
    show(&checks, global)?;
    Ok(most_telling(checks.iter().filter_map(|check| check.error.as_ref())))
}

async fn account(services: &Services) -> Result<(String, Vec<String>)> {
    let (identity, region) = (services.aws.identity().await?, services.aws.region().await?);
    Ok((format!("{} as {}, region {region}", identity.account, identity.arn), Vec::new()))
}

async fn bucket(project: &Project, services: &Services) -> Result<(String, Vec<String>)> {
    let rest = services.lake.location().trim_start_matches("s3://");
    let name = rest.split('/').next().unwrap_or_default();
    let options = project.bucket_options()?;
    let facts = services.aws.bucket_facts(name, options.region, options.endpoint).await?;
    let mut advice = Vec::new();
    let mut note = |missing: bool, text: &str| {
        if missing {
            advice.push(text.to_owned());
        }
    };
    note(facts.public_access_blocked == Some(false), "block public access to it");
    note(
        facts.unfinished_uploads_end == Some(None),
        "add a lifecycle rule that removes unfinished uploads: a killed run leaves parts that cost money",
    );
    let known = |known: Option<bool>, yes: &str, no: &str| match known {
        Some(true) => yes.to_owned(),
        Some(false) => no.to_owned(),
        None => format!("unknown whether {yes}"),
    };
    let encryption = facts.encryption.unwrap_or_else(|| "unknown".to_owned());
    let found = format!(
        "{name}: {}, {}, encryption {encryption}",
        known(facts.versioned, "versioned", "not versioned"),
        known(facts.public_access_blocked, "closed to the public", "may be made public"),
    );
    Ok((found, advice))
}

async fn lake(services: &Services) -> Result<(String, Vec<String>)> {
    let lake = &services.lake;
    if !lake.keeps_the_first_writer().await? {
        return Err(Error::usage("the store lets a second writer overwrite what the first has created")
            .at(lake.location())
            .expected("a store that honours `If-None-Match: *`, as S3 does")
            .help("two runs at once would lose rows here: use another store"));
    }
    let tables = lake.tables().await?.len();
    Ok((format!("{}: {tables} tables; of two writers the first wins", lake.location()), Vec::new()))
}

async fn catalog(project: &Project, services: &Services) -> Result<(String, Vec<String>)> {
    let glue = services.glue(false)?;
    if !glue.exists().await? {
        let found = format!("Glue database {} is not there yet: the first run makes it", glue.settings().database);
        return Ok((found, Vec::new()));
    }
    let mut lagging = Vec::new();
    for contract in project.contracts() {
        let differences = glue.diff(&services.lake, contract, false).await?;
        lagging.extend(differences.into_iter().filter(|d| !d.changes.is_empty()).map(|d| d.table));
    }
    let settings = glue.settings();
    let mode = if settings.read_only { ", which is not ours to write" } else { "" };
    let advice = match lagging.is_empty() {
        true => Vec::new(),
        false => vec![format!("`lakegate catalog diff`: it does not show the newest of {}", lagging.join(", "))],
    };
    Ok((format!("Glue database {}{mode}", settings.database), advice))
}

async fn athena(project: &Project, services: &Services) -> Result<(String, Vec<String>)> {
    let group = services.athena(project, false).await?.work_group().await?;
    let mut advice = Vec::new();
    if group.output.is_none() {
        advice.push(
            "set output = \"s3://bucket/prefix/\" under [athena], or an output location of the work group".to_owned(),
        );
    }
    if group.limit.is_none() {
        advice.push("give the work group a limit of bytes scanned: a mistaken query can cost a lot".to_owned());
    }
    Ok((format!("work group {}{}", group.name, group.engine.map(|e| format!(", {e}")).unwrap_or_default()), advice))
}

async fn reads(project: &Project, services: &Services, job: &JobFile) -> Result<(String, Vec<String>)> {
    let (_, source) = context::job(project, services, job.definition.name.as_str()).await?;
    let plan = source.plan(&Scope::ALL).await?;
    Ok((format!("{}: {} splits", source.describe(), plan.splits.len()), plan.notices))
}

fn show(checks: &[Check], global: &GlobalArguments) -> Result<()> {
    if global.json {
        let checks: Vec<_> = checks
            .iter()
            .map(|c| json!({ "check": c.name, "good": c.error.is_none(), "found": c.found, "advice": c.advice, "error": c.error.as_ref().map(errors::to_json) }))
            .collect();
        return output::print_json(&json!({ "checks": checks }));
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for check in checks {
        let found = match &check.error {
            Some(error) => error.found().to_owned(),
            None => [vec![check.found.clone()], check.advice.clone()].concat().join("\n"),
        };
        table.add_row([check.mark().to_owned(), check.name.clone(), found]);
    }
    output::print(&table.to_string())?;
    checks.iter().filter_map(|c| c.error.as_ref()).for_each(|error| output::warn(&errors::render(error)));
    Ok(())
}

//! Reports in Athena's console and QuickSight: a view and a named query for each.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_athena::types::NamedQuery;
use lakegate_aws::AwsFailure;
use lakegate_contract::{Error, Result};
use ulid::Ulid;

use super::execution::Started;
use super::statement::Statement;
use super::{AthenaEngine, within};
use crate::Report;
use crate::parameter::placeholders;

/// Named queries that are asked for at once. Source: Athena's service model, `NamedQueryIdList`.
const BATCH: usize = 50;
/// The longest description of a named query. Source: Athena's service model, `DescriptionString`.
const LONGEST_DESCRIPTION: usize = 1024;

/// What publishing a report has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The report.
    pub report: String,
    /// Whether there is a view of it: a report with a parameter that has no default cannot have one.
    pub view: bool,
    /// Whether the named query was new.
    pub named_query_created: bool,
    /// Parameters for which the view has the default's value.
    pub fixed: Vec<String>,
}

impl AthenaEngine {
    /// Makes or updates a view and a named query for each report. `tables` are names that the lake's tables have in the
    /// catalog, `taken` those of reports that something in it has already. A report that fails holds up no other.
    ///
    /// # Errors
    /// When Athena cannot be asked, or `stop` ends first.
    pub async fn publish(
        &self,
        reports: &[Report],
        tables: &BTreeSet<String>,
        taken: &BTreeSet<String>,
        stop: impl Future<Output = ()>,
    ) -> Result<Vec<(String, Result<Publication>)>> {
        let started = Started::default();
        let work = async {
            let known = self.named_queries().await?;
            let mut published = Vec::new();
            for report in reports {
                let name = report.name.as_str();
                let place = format!("report {name} on Athena");
                let own = known.contains_key(name);
                let done = match refused(name, tables, taken.contains(name) && !own) {
                    Some(error) => Err(error),
                    None => self.publish_one(report, &known, &started).await,
                };
                published.push((name.to_owned(), done.map_err(|e| within(&place, e))));
            }
            Ok(published)
        };
        self.until(stop, &started, work).await
    }

    async fn publish_one(
        &self,
        report: &Report,
        known: &BTreeMap<String, NamedQuery>,
        started: &Started,
    ) -> Result<Publication> {
        let fixed: Vec<String> =
            report.parameters.iter().filter(|p| p.default.is_some()).map(|p| p.name.clone()).collect();
        let view = fixed.len() == report.parameters.len();
        // The named query first: it is how a view is known for ours the next time.
        let named_query_created = self.publish_query(report, known.get(report.name.as_str())).await?;
        if view {
            let sql = report.bind(&BTreeMap::new())?;
            let statement = Statement::plain(format!("CREATE OR REPLACE VIEW \"{}\" AS\n{sql}", report.name));
            self.execute(&statement, None, started).await?;
        }
        Ok(Publication { report: report.name.to_string(), view, named_query_created, fixed })
    }

    /// Whether it was new.
    async fn publish_query(&self, report: &Report, known: Option<&NamedQuery>) -> Result<bool> {
        let (sql, names) = placeholders(&report.sql, &report.parameters);
        let text = match names.is_empty() {
            true => sql,
            false => format!("-- ? in order: {}\n{sql}", names.join(", ")),
        };
        let description = described(report);
        let Some((known, id)) = known.and_then(|query| Some((query, query.named_query_id()?))) else {
            let call = self.client.create_named_query().name(report.name.as_str()).description(description);
            let call = call.database(&self.options.database).work_group(&self.options.work_group);
            let nonce = Ulid::generate().to_string();
            let token = Statement::plain(text.clone()).token(&nonce, &self.options.database);
            let answer = call.query_string(text).client_request_token(token).send().await;
            answer.map_err(|e| AwsFailure::of("Athena", "CreateNamedQuery", &e).into_error())?;
            return Ok(true);
        };
        if known.query_string() != text || known.description() != Some(&description) {
            let call = self.client.update_named_query().named_query_id(id).name(report.name.as_str());
            let answer = call.description(description).query_string(text).send().await;
            answer.map_err(|e| AwsFailure::of("Athena", "UpdateNamedQuery", &e).into_error())?;
        }
        Ok(false)
    }

    /// The work group's named queries of this database, by name.
    async fn named_queries(&self) -> Result<BTreeMap<String, NamedQuery>> {
        let mut pages = self.client.list_named_queries().work_group(&self.options.work_group).into_paginator().send();
        let mut ids: Vec<String> = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| AwsFailure::of("Athena", "ListNamedQueries", &e).into_error())?;
            ids.extend(page.named_query_ids().iter().cloned());
        }
        let mut queries = BTreeMap::new();
        for chunk in ids.chunks(BATCH) {
            let call = self.client.batch_get_named_query().set_named_query_ids(Some(chunk.to_vec()));
            let answer =
                call.send().await.map_err(|e| AwsFailure::of("Athena", "BatchGetNamedQuery", &e).into_error())?;
            let own = answer.named_queries().iter().filter(|q| q.database() == self.options.database);
            queries.extend(own.map(|q| (q.name().to_owned(), q.clone())));
        }
        Ok(queries)
    }
}

/// Why a view of this name cannot be made. A view without a named query beside it is not one of ours.
fn refused(name: &str, tables: &BTreeSet<String>, foreign: bool) -> Option<Error> {
    if tables.contains(name) {
        return Some(Error::usage("a view cannot have the name of a table").help("rename the report's file"));
    }
    foreign.then(|| {
        Error::usage("the catalog has a table or view of this name that lakegate has not made")
            .help("rename the report's file, or drop what is there if nobody needs it")
    })
}

fn described(report: &Report) -> String {
    let text = match &report.description {
        Some(description) => format!("{}. {description}", report.title),
        None => report.title.clone(),
    };
    text.chars().take(LONGEST_DESCRIPTION).collect()
}

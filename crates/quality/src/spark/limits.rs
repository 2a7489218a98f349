//! How large a statement may be once the tables that it defines stand in place of their names, and how deep its plan.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Query, Visit, Visitor, visit_relations};
use lakegate_contract::{Error, Result};

/// Most tables of a statement, those inside of a definition counted wherever it is named: the engine plans them anew each time, and
/// definitions that name the one before twice would double with each.
const MAX_TABLES: usize = 64;

/// Deepest plan that goes to the engine: its optimizer recurses for each level, in threads whose stacks are small.
const MAX_LEVELS: usize = 60;

/// Refuses statements that would grow without end when they are planned or run.
///
/// # Errors
/// When a definition is recursive, or there are too many tables.
pub(super) fn refuse_growth(query: &Query) -> Result<()> {
    let mut definitions = Definitions::default();
    if query.visit(&mut definitions).is_break() {
        return Err(Error::usage("`with recursive` is not available in lakegate: Spark SQL of AWS Glue has none"));
    }
    let main = names(&query.body);
    let tables = main.iter().fold(0usize, |sum, name| sum.saturating_add(definitions.tables(name)));
    if tables > MAX_TABLES {
        return Err(Error::usage("the SQL reads too many tables").expected(format!(
            "at most {MAX_TABLES}, where one that `with` defines counts as all that it reads, each time that it is named"
        )));
    }
    Ok(())
}

/// The tables that each definition of `with` names, and how many come of it.
#[derive(Default)]
struct Definitions {
    names: BTreeMap<String, Vec<String>>,
    counted: BTreeMap<String, usize>,
}

impl Visitor for Definitions {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let Some(with) = &query.with else { return ControlFlow::Continue(()) };
        if with.recursive {
            return ControlFlow::Break(());
        }
        for table in &with.cte_tables {
            // Two of one name count as both.
            self.names.entry(table.alias.name.value.to_lowercase()).or_default().extend(names(&table.query));
        }
        ControlFlow::Continue(())
    }
}

impl Definitions {
    fn tables(&mut self, name: &str) -> usize {
        if let Some(counted) = self.counted.get(name) {
            return *counted;
        }
        let Some(inner) = self.names.get(name).cloned() else { return 1 };
        // A definition that names itself means a table of that name.
        self.counted.insert(name.to_owned(), 1);
        let tables = inner.iter().fold(0usize, |sum, name| sum.saturating_add(self.tables(name))).max(1);
        self.counted.insert(name.to_owned(), tables);
        tables
    }
}

fn names(sql: &impl Visit) -> Vec<String> {
    let mut found = Vec::new();
    let _: ControlFlow<()> = visit_relations(sql, |name| {
        found.extend(name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_lowercase()));
        ControlFlow::Continue(())
    });
    found
}

/// Refuses plans that are too deep for the engine.
///
/// # Errors
/// When the plan is one.
pub(super) fn refuse_depth(plan: &LogicalPlan) -> Result<()> {
    if is_deeper(plan, MAX_LEVELS) {
        return Err(Error::usage(format!("the plan of the SQL is more than {MAX_LEVELS} levels deep"))
            .help("join, unite and nest fewer tables"));
    }
    Ok(())
}

fn is_deeper(plan: &LogicalPlan, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else { return true };
    let mut deeper = plan.inputs().into_iter().any(|input| is_deeper(input, below));
    // The closure cannot fail.
    let _ = plan.apply_subqueries(|subquery| {
        deeper |= is_deeper(subquery, below);
        Ok::<_, DataFusionError>(if deeper { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Jump })
    });
    deeper
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
    use datafusion::prelude::SessionContext;

    use crate::custom_sql;

    fn context() -> SessionContext {
        let (i, s): (ArrayRef, ArrayRef) =
            (Arc::new(Int32Array::from(vec![1, 2])), Arc::new(StringArray::from(vec!["a", "b"])));
        let context = SessionContext::new();
        context.register_batch("primary", RecordBatch::try_from_iter([("i", i), ("s", s)]).unwrap()).unwrap();
        context
    }

    fn refusal(sql: &str) -> String {
        custom_sql::plan(&context(), sql).map_or_else(|error| error.to_string(), |_| "planned".to_owned())
    }

    /// Definitions of which each names the one before so often.
    fn definitions(count: usize, times: usize) -> String {
        let named =
            |before: usize| vec![format!("c{before} as x{before}"); times].join(", ").replacen("as x", "as y", 1);
        let more: String =
            (1..count).map(|n| format!(", c{n} as (select y{0}.i from {1})", n - 1, named(n - 1))).collect();
        format!("with c0 as (select i from primary){more} select count(*) from c{}", count - 1)
    }

    #[test]
    fn definitions_that_double_are_refused_before_they_are_planned() {
        insta::assert_snapshot!(refusal(&definitions(20, 2)), @"CustomSql: the SQL reads too many tables; expected at most 64, where one that `with` defines counts as all that it reads, each time that it is named");
        assert_eq!(refusal(&definitions(6, 2)), "planned");
        assert_eq!(refusal(&definitions(15, 1)), "planned");
        assert_eq!(
            refusal("with primary as (select * from primary where i > 1) select count(*) from primary"),
            "planned"
        );
        let crossed = format!("select count(*) from primary a{}", ", primary".repeat(2_000));
        assert!(refusal(&crossed).starts_with("CustomSql: the SQL reads too many tables"));
        insta::assert_snapshot!(refusal("with recursive t as (select 1 as n union all select n + 1 from t) select count(*) from t"), @"CustomSql: `with recursive` is not available in lakegate: Spark SQL of AWS Glue has none");
    }

    #[test]
    fn chains_that_the_parser_would_nest_are_refused_before_it() {
        for link in [
            "::int",
            " is null",
            " like 's'",
            " between 1 and 2",
            " collate x",
            " at time zone 'x'",
            " is true",
            " in (1)",
        ] {
            let answer = refusal(&format!("select i{} from primary", link.repeat(60_000 / link.len())));
            assert!(answer.ends_with("expected at most 500"), "{link}: {answer}");
        }
        for (head, link) in [("select i from primary", " except table primary"), ("select 1", " union all select 1")] {
            let answer = refusal(&format!("{head}{}", link.repeat(2_000)));
            assert!(answer.ends_with("expected at most 500"), "{link}: {answer}");
        }
    }

    /// Threads of a runtime have stacks of 2 MiB: what is let through must not be too deep for them.
    #[test]
    fn the_deepest_plans_that_are_let_through_run() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let context = context();
        let shapes: [fn(usize) -> String; 5] = [
            |n| format!("{}select i from primary", "select i from primary except ".repeat(n)),
            |n| format!("{}select 1", "select 1 except ".repeat(n)),
            |n| format!("{}select i from primary", "select i from primary union ".repeat(n)),
            |n| {
                format!(
                    "select count(*) from primary a0{}",
                    (1..n).map(|k| format!(" join primary a{k} on a{k}.i = a0.i")).collect::<String>()
                )
            },
            |n| definitions(n, 1),
        ];
        for (index, shape) in shapes.into_iter().enumerate() {
            let plans = |n: &usize| custom_sql::plan(&context, &shape(*n)).is_ok();
            let deepest = (2..120).rev().find(plans).unwrap();
            let frame = custom_sql::plan(&context, &shape(deepest)).unwrap();
            let run = runtime.block_on(runtime.spawn(frame.collect())).unwrap();
            assert!(run.is_ok() && deepest > 10, "{index}: {deepest} {run:?}");
        }
    }
}

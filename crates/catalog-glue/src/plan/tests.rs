use super::*;
use lakegate_lake::RunId;
use ulid::Ulid;

use crate::model::{VERSION, marker};

fn column(name: &str, data_type: &str, comment: Option<&str>) -> Column {
    Column { name: name.to_owned(), data_type: data_type.to_owned(), comment: comment.map(str::to_owned) }
}

fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn table(version: &str) -> Table {
    Table {
        name: "orders".to_owned(),
        description: None,
        columns: vec![column("order_id", "bigint", None), column("total", "decimal(12,2)", Some("won"))],
        partition_keys: vec![column("month", "string", None)],
        location: "s3://lake/tables/orders/".to_owned(),
        format: Format::Parquet,
        parameters: parameters(&[(VERSION, version)]),
    }
}

fn partition(month: &str, generation: &str) -> Partition {
    Partition {
        values: vec![month.to_owned()],
        location: format!("s3://lake/tables/orders/month={month}/{generation}/"),
        parameters: parameters(&[(COLUMNS, "c1")]),
    }
}

fn desired(table: Table, partitions: Vec<Partition>) -> Desired {
    Desired { table, partitions, folder: "s3://lake/tables/orders".to_owned() }
}

fn plan(desired: Desired, current: &Current) -> Result<TablePlan> {
    super::plan(desired, current, false)
}

fn current(table: Table, partitions: Vec<Partition>) -> Current {
    Current { database: true, table: Some(table), partitions }
}

fn shown(plan: &TablePlan) -> Vec<String> {
    plan.changes.iter().map(Change::to_string).collect()
}

#[test]
fn an_empty_catalog_gets_everything() {
    let desired = desired(table("3"), vec![partition("2026-03", "g-1"), partition("2026-04", "g-1")]);
    let planned = plan(desired, &Current::default()).unwrap();
    assert_eq!(shown(&planned), ["+ database", "+ table", "+ partition month=2026-03", "+ partition month=2026-04"]);
    assert_eq!((planned.create.len(), planned.update.len(), planned.delete.len()), (2, 0, 0));
}

#[test]
fn what_is_equal_needs_nothing() {
    let desired = desired(table("3"), vec![partition("2026-03", "g-1")]);
    assert!(plan(desired.clone(), &current(desired.table.clone(), desired.partitions.clone())).unwrap().is_empty());
    let mut without_slash = desired.partitions.clone();
    without_slash[0].location.pop();
    assert!(plan(desired.clone(), &current(desired.table, without_slash)).unwrap().is_empty());
}

#[test]
fn partitions_follow_the_lake_and_keep_what_others_noted() {
    let mut there = vec![partition("2026-02", "g-1"), partition("2026-03", "g-1"), partition("2026-04", "g-1")];
    there[1].parameters.insert("owner".to_owned(), "finance".to_owned());
    let partitions = vec![partition("2026-03", "g-2"), partition("2026-04", "g-1"), partition("2026-05", "g-2")];
    let desired = desired(table("4"), partitions);
    let planned = plan(desired, &current(table("3"), there)).unwrap();
    assert_eq!(
        shown(&planned),
        [
            "~ parameter lakegate.version",
            "~ partition month=2026-03",
            "+ partition month=2026-05",
            "- partition month=2026-02"
        ]
    );
    assert_eq!(planned.update[0].parameters.get("owner").map(String::as_str), Some("finance"));
    assert_eq!(planned.delete, [vec!["2026-02".to_owned()]]);
}

#[test]
fn columns_keep_the_catalogs_order_and_what_only_it_has() {
    let mut known = table("3");
    known.columns = vec![
        column("note", "string", Some("by hand")),
        column("total", "double", Some("old")),
        column("order_id", "bigint", Some("by hand")),
    ];
    known.description = Some("by hand".to_owned());
    known.parameters.insert("team".to_owned(), "finance".to_owned());
    let mut wanted = table("3");
    wanted.columns.push(column("status", "string", None));
    let planned = plan(desired(wanted, vec![]), &current(known, vec![])).unwrap();
    assert_eq!(
        shown(&planned),
        ["~ column total: double → decimal(12,2)", "~ comment of column total", "+ column status"]
    );
    let names: Vec<_> = planned.target.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["note", "total", "order_id", "status"]);
    assert_eq!(planned.target.columns[2].comment.as_deref(), Some("by hand"));
    assert_eq!(planned.target.description.as_deref(), Some("by hand"));
    assert_eq!(planned.target.parameters.get("team").map(String::as_str), Some("finance"));
}

#[test]
fn new_columns_reach_partitions_that_stay() {
    let mut wanted = partition("2026-03", "g-1");
    wanted.parameters = parameters(&[(COLUMNS, "c2")]);
    let desired = desired(table("3"), vec![wanted]);
    let planned = plan(desired, &current(table("3"), vec![partition("2026-03", "g-1")])).unwrap();
    assert_eq!(shown(&planned), ["~ partition month=2026-03"]);
}

#[test]
fn what_another_run_left_half_done_is_finished() {
    let mut known = table("3");
    let (dead, alive) = (RunId::from(Ulid::from_parts(0, 1)), RunId::new());
    known.parameters.insert(marker(dead), String::new());
    known.parameters.insert(marker(alive), String::new());
    assert_eq!(known.shown_version(), None);
    let planned = plan(desired(table("4"), vec![]), &current(known, vec![])).unwrap();
    assert_eq!(planned.target.markers().collect::<Vec<_>>(), [&marker(alive)]);
}

#[test]
fn tables_of_others_are_refused() {
    let refused = |change: &dyn Fn(&mut Table)| {
        let mut known = table("3");
        change(&mut known);
        plan(desired(table("3"), vec![]), &current(known, vec![])).unwrap_err()
    };
    assert!(refused(&|t| t.format = Format::Other).found().contains("view"));
    assert!(refused(&|t| t.partition_keys[0].data_type = "int".to_owned()).found().contains("month int"));
    let projected = refused(&|t| drop(t.parameters.insert("projection.enabled".to_owned(), "TRUE".to_owned())));
    assert!(projected.found().contains("projection"));
    let elsewhere = |t: &mut Table| t.location = "s3://lake/tables/orders-of-others/".to_owned();
    assert!(refused(&elsewhere).advice().unwrap().contains("--adopt"));
    let mut known = table("3");
    elsewhere(&mut known);
    let adopted = super::plan(desired(table("3"), vec![]), &current(known, vec![]), true).unwrap();
    assert_eq!(shown(&adopted), ["~ location"]);
}

#[test]
fn another_format_leaves_nothing_of_the_earlier_one() {
    let mut known = table("3");
    known.format = Format::Delta;
    known.parameters.insert("table_type".to_owned(), "DELTA".to_owned());
    let planned = plan(desired(table("3"), vec![]), &current(known, vec![])).unwrap();
    assert!(!planned.target.parameters.contains_key("table_type"));
}

//! The names of what rules measure: Glue's keys `Entity.Instance.Name`.

use twox_hash::XxHash3_64;

use crate::ast::Leaf;

/// A metric of one column or of several together.
pub(crate) fn of_columns(columns: &[String], name: &str) -> String {
    match columns {
        [only] => format!("Column.{only}.{name}"),
        _ => format!("Multicolumn.{}.{name}", columns.join(",")),
    }
}

/// The metric that a rule compares with its condition or its threshold.
pub(crate) fn of(leaf: &Leaf) -> String {
    let (first, name) = (leaf.column(), leaf.name());
    match name {
        "RowCount" | "ColumnCount" => format!("Dataset.*.{name}"),
        "ColumnNamesMatchPattern" => "Dataset.*.ColumnNamesPatternMatchRatio".to_owned(),
        "CustomSql" if leaf.condition.is_some() => "Dataset.*.CustomSQL".to_owned(),
        "CustomSql" => "Dataset.*.CustomSQL.Compliance".to_owned(),
        "IsComplete" => format!("Column.{first}.Completeness"),
        "IsUnique" | "IsPrimaryKey" => of_columns(&leaf.parameters, "Uniqueness"),
        "Uniqueness" | "ColumnCorrelation" => of_columns(&leaf.parameters, name),
        "DuplicateRowCount" if leaf.parameters.is_empty() => "Dataset.*.DuplicateRowCount".to_owned(),
        "DuplicateRowCount" => of_columns(&leaf.parameters, name),
        "ColumnLength" => format!("Column.{first}.LengthCompliance"),
        "ColumnValues" | "ColumnDataType" | "DataFreshness" => format!("Column.{first}.{name}.Compliance"),
        "ReferentialIntegrity" => {
            let alias = leaf.reference().map(|(alias, _)| alias).unwrap_or_default();
            format!("Column.{alias}.{name}")
        }
        "RowCountMatch" | "SchemaMatch" | "DatasetMatch" => format!("Dataset.{first}.{name}"),
        "AggregateMatch" => {
            let aggregates = leaf.aggregates().unwrap_or_default();
            let mut columns: Vec<&str> = aggregates.iter().map(|aggregate| aggregate.column.as_str()).collect();
            columns.dedup();
            format!("Column.{}.{name}", columns.join(","))
        }
        "FileUniqueness" => "Dataset.*.FileUniquenessRatio".to_owned(),
        "FileFreshness" | "FileSize" => format!("Dataset.*.{name}.Compliance"),
        _ => format!("Column.{first}.{name}"),
    }
}

/// The name under which values of a rule's metric are compared from run to run: its `where`, and whatever else the metric's name does
/// not tell, is part of it.
pub(crate) fn series(leaf: &Leaf, metric: &str) -> String {
    let mut series = metric.to_owned();
    if let Some(filter) = &leaf.filter {
        series.push_str(&format!(" (where: {filter})"));
    }
    let ambiguous = [
        "CustomSql",
        "AggregateMatch",
        "DatasetMatch",
        "ReferentialIntegrity",
        "FileFreshness",
        "FileSize",
        "FileUniqueness",
        "FileMatch",
        "ColumnValues",
        "ColumnLength",
        "ColumnDataType",
        "DataFreshness",
    ];
    let own = metric == of(leaf) || leaf.name().starts_with("File");
    if own && ambiguous.contains(&leaf.name()) {
        // The threshold and what a share is compared with may change without a new series; what is measured may not.
        let told = format!("{:?} {:?}", leaf.parameters, leaf.tags);
        let condition = if leaf.rule_type.threshold { format!("{:?}", leaf.condition) } else { String::new() };
        series.push_str(&format!(" #{:016x}", XxHash3_64::oneshot(format!("{told}{condition}").as_bytes())));
    }
    series
}

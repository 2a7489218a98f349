//! What Glue's `AdditionalOptions` decide about judging.

/// How rules are judged, where Glue leaves it to the caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// How a combination of rules is judged.
    pub composite: Composite,
    /// What the rows are that a rule's `where` leaves out.
    pub filtered_rows: FilteredRows,
}

/// How `(A) and (B)` is judged: Glue's `compositeRuleEvaluation.method`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Composite {
    /// Each rule over the whole dataset, then the outcomes are combined. Glue's default.
    #[default]
    Dataset,
    /// Row by row: the combination holds when it holds for every row.
    Row,
}

/// What the rows are that a rule's `where` leaves out: Glue's `rowLevelConfiguration.filteredRowLabel`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FilteredRows {
    /// They have passed the rule. Glue's default.
    #[default]
    Passed,
    /// The rule has skipped them.
    Skipped,
}

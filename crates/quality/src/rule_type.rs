//! The rule types of DQDL: what each takes, and whether it can be evaluated here.

/// Which condition a rule type takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Number,
    NumberOrNothing,
    Text,
    /// Numbers, texts or dates.
    Value,
    Date,
    Duration,
    Size,
    TextOrNothing,
}

/// A rule type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RuleType {
    pub(crate) name: &'static str,
    /// Fewest and most parameters.
    pub(crate) parameters: (usize, usize),
    pub(crate) takes: Takes,
    pub(crate) filter: bool,
    pub(crate) threshold: bool,
    /// Whether lakegate evaluates it.
    pub(crate) supported: bool,
}

const MANY: usize = 64;

const fn rule(name: &'static str, parameters: (usize, usize), takes: Takes) -> RuleType {
    RuleType { name, parameters, takes, filter: false, threshold: false, supported: false }
}

impl RuleType {
    const fn with_filter(self) -> Self {
        Self { filter: true, ..self }
    }

    const fn with_threshold(self) -> Self {
        Self { threshold: true, ..self }
    }

    const fn supported(self) -> Self {
        Self { supported: true, ..self }
    }

    /// The type of that name.
    pub(crate) fn find(name: &str) -> Option<&'static RuleType> {
        RULE_TYPES.iter().find(|t| t.name == name)
    }

    /// Which condition it takes with so many parameters: files are compared with each other, or with a list of digests.
    pub(crate) fn takes_with(&self, parameters: usize) -> Takes {
        match (self.takes, parameters) {
            (Takes::TextOrNothing, 2) => Takes::Nothing,
            (Takes::TextOrNothing, _) => Takes::Text,
            (takes, _) => takes,
        }
    }

    /// Whether it measures something that an analyzer can keep: it does not if it only holds or does not.
    pub(crate) fn measures(&self, parameters: usize) -> bool {
        self.takes_with(parameters) != Takes::Nothing
    }

    /// How many parameters it takes, for messages.
    pub(crate) fn arity(&self) -> String {
        match self.parameters {
            (fewest, most) if fewest == most => fewest.to_string(),
            (fewest, most) => format!("{fewest} to {most}"),
        }
    }

    /// The names that lakegate evaluates, for messages.
    pub(crate) fn supported_names() -> String {
        RULE_TYPES.iter().filter(|t| t.supported).map(|t| t.name).collect::<Vec<_>>().join(", ")
    }
}

/// What stands only among analyzers: `Distribution` in AWS's documentation, and not in the open grammar.
pub(crate) static ANALYZER_TYPES: [RuleType; 2] =
    [rule("AllStatistics", (1, 1), Takes::Number), rule("Distribution", (1, 1), Takes::Number)];

/// Words of the language, which name a column or a constant only in quotes.
pub(crate) const RESERVED: [&str; 32] = [
    "and",
    "AND",
    "or",
    "OR",
    "of",
    "OF",
    "null",
    "NULL",
    "empty",
    "EMPTY",
    "whitespaces_only",
    "WHITESPACES_ONLY",
    "between",
    "in",
    "not",
    "where",
    "with",
    "matches",
    "labels",
    "days",
    "hours",
    "minutes",
    "B",
    "KB",
    "MB",
    "GB",
    "TB",
    "Rules",
    "Analyzers",
    "Metadata",
    "DataSources",
    "DefaultLabels",
];

/// Every rule type of the open grammar (`awslabs/dqdl`, rules-config.json), and those that the open engine adds.
pub(crate) static RULE_TYPES: [RuleType; 38] = [
    rule("RowCount", (0, 0), Takes::Number).with_filter().supported(),
    rule("ColumnCount", (0, 0), Takes::Number).supported(),
    rule("ColumnExists", (1, 1), Takes::Nothing).supported(),
    rule("ColumnNamesMatchPattern", (1, 1), Takes::Nothing).supported(),
    rule("Completeness", (1, 1), Takes::Number).with_filter().supported(),
    rule("IsComplete", (1, 1), Takes::Nothing).with_filter().supported(),
    rule("Uniqueness", (1, MANY), Takes::Number).with_filter().supported(),
    rule("IsUnique", (1, MANY), Takes::Nothing).with_filter().supported(),
    rule("IsPrimaryKey", (1, MANY), Takes::Nothing).with_filter().supported(),
    rule("UniqueValueRatio", (1, 1), Takes::Number).with_filter().supported(),
    rule("DistinctValuesCount", (1, 1), Takes::Number).with_filter().supported(),
    rule("Entropy", (1, 1), Takes::Number).with_filter().supported(),
    rule("Mean", (1, 1), Takes::Number).with_filter().supported(),
    rule("Sum", (1, 1), Takes::Number).with_filter().supported(),
    rule("StandardDeviation", (1, 1), Takes::Number).with_filter().supported(),
    rule("Variance", (1, 1), Takes::Number).with_filter().supported(),
    rule("ColumnCorrelation", (2, 2), Takes::Number).with_filter().supported(),
    rule("ColumnLength", (1, 1), Takes::Number).with_filter().supported(),
    rule("ColumnValues", (1, 1), Takes::Value).with_filter().with_threshold().supported(),
    rule("ColumnDataType", (1, 1), Takes::Text).with_filter().with_threshold().supported(),
    rule("DataFreshness", (1, 1), Takes::Duration).with_filter().supported(),
    rule("CustomSql", (1, 1), Takes::NumberOrNothing).with_threshold().supported(),
    rule("ReferentialIntegrity", (2, 2), Takes::Number).supported(),
    rule("DatasetMatch", (2, 3), Takes::Number).supported(),
    rule("SchemaMatch", (1, 1), Takes::Number).supported(),
    rule("RowCountMatch", (1, 1), Takes::Number).supported(),
    rule("AggregateMatch", (2, 2), Takes::Number).supported(),
    rule("DetectAnomalies", (1, MANY), Takes::Nothing).supported(),
    rule("FileFreshness", (0, 1), Takes::Date).with_threshold().supported(),
    rule("FileSize", (0, 1), Takes::Size).with_threshold().supported(),
    rule("FileUniqueness", (0, 1), Takes::Number).supported(),
    rule("FileMatch", (0, 2), Takes::TextOrNothing).supported(),
    rule("Range", (1, 1), Takes::Number).with_filter().supported(),
    rule("InterquartileRange", (1, 1), Takes::Number).with_filter().supported(),
    rule("Skewness", (1, 1), Takes::Number).with_filter().supported(),
    rule("Kurtosis", (1, 1), Takes::Number).with_filter().supported(),
    rule("ZerosCount", (1, 1), Takes::Number).with_filter().supported(),
    rule("DuplicateRowCount", (0, MANY), Takes::Number).with_filter().supported(),
];

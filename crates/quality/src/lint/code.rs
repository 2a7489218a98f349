//! Every warning there is: its name, whom it concerns, and why it is given.

use super::Concern;

/// A kind of warning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) name: &'static str,
    pub(super) concern: Concern,
    pub(super) why: &'static str,
}

macro_rules! codes {
    ($($constant:ident $name:literal $concern:ident $why:literal)*) => {
        $(pub(super) static $constant: Code = Code { name: $name, concern: Concern::$concern, why: $why };)*
        /// All of them.
        #[cfg(test)]
        pub(super) static ALL: &[&Code] = &[$(&$constant),*];
    };
}

codes! {
    NEVER_HOLDS "never-holds" Rule "a rule that no value can satisfy always fails"
    ALWAYS_HOLDS "always-holds" Rule "a rule that every value satisfies judges nothing"
    CONTRADICTION "contradiction" Rule "no value satisfies both rules, so one of them always fails"
    NULL_COMPARISON "null-comparison" Rule "nothing is greater or less than NULL"
    DUPLICATE_RULE "duplicate-rule" Rule "it judges nothing more; Glue drops one of them"
    DUPLICATE_VALUE "duplicate-value" Rule "a value counts once, so another one may have been meant"
    UNUSED_CONSTANT "unused-constant" Rule "no rule uses it"
    QUOTED_THRESHOLD "quoted-threshold" Rule "a number in quotes is no threshold, so every row must pass"
    UNKNOWN_TAG "unknown-tag" Rule "no rule type reads it, so it changes nothing"
    GATE_LABEL "gate-label" Rule "only the value \"warn\" means something to the gate"
    FLAT_ARITHMETIC "flat-arithmetic" Rule "`+ - * /` have one precedence and are worked out from the left"
    CONDITION_AND_THRESHOLD "condition-and-threshold" Rule "the condition is over one number, of which no share of rows can be taken"
    FRESHNESS_EQUALITY "freshness-equality" Rule "ages have fractions of an hour, and hardly any row has exactly this one"
    DATE_ON_TEXT "date-on-text" Rule "a string of this form is a date or a time, never a text"

    EXCLUSIVE_BETWEEN "exclusive-between" Reading "`between` leaves out both ends, `not between` takes them in"
    NULL_LENGTH "null-length" Reading "the length of NULL is 0"
    NULL_DISTINCT "null-distinct" Reading "NULL counts as one distinct value"

    TOO_LONG "too-long" Glue "Glue's API takes 65,536 characters"
    TOO_MANY_RULES "too-many-rules" Glue "Glue may overflow its stack beyond about 2,000 rules"
    NOT_ASCII "not-ascii" Glue "Glue's API takes printable ASCII characters and white space alone"
    CARRIAGE_RETURN "carriage-return" Glue "CR is no white space to AWS's open parser"
    FINAL_COMMENT "final-comment" Glue "to AWS's open parser a comment ends with LF"
    PART_ORDER "part-order" Glue "AWS's open grammar has one order: condition, where, labels, with"
    BARE_COMPOSITE "bare-composite" Glue "Glue wants parentheses round each rule of a composite, and may take `and Rule` for a parameter"
    COMPOSITE_LABELS "composite-labels" Glue "AWS's open parser drops labels inside of a composite rule"
    EMPTY_LABEL "empty-label" Glue "AWS's open parser refuses an empty value"
    TAG_FORM "tag-form" Glue "AWS's open parser knows strings and numbers as values of tags"
    DATE_FORM "date-form" Glue "a string of this form is a date or a time to Glue, which may not stand here"
    CONSTANT_PLACE "constant-place" Glue "AWS's open parser resolves constants as parameters and right after `in` alone"
    LARGE_AMOUNT "large-amount" Glue "amounts have 32 bits in AWS's open parser"
    OPEN_GRAMMAR "not-in-open-grammar" Glue "AWS's open parser does not know it"
    ETL_ONLY "glue-etl-only" Glue "Glue knows it in ETL jobs, not in runs of the Data Catalog"
    DOTTED_COLUMN "dotted-column" Glue "Glue does not support points in names of columns"
    PATTERN_ALTERNATIVES "pattern-alternatives" Glue "the open engine anchors the pattern without a group, so only the first alternative is bound to the start and only the last to the end"
    PATTERN_NEGATED "pattern-negated" Glue "the open engine also refuses values that merely begin with a match"
}

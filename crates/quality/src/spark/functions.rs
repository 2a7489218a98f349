//! Spark's functions: which are known, and what each becomes.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value};
use lakegate_contract::{Error, Result, suggest};

use super::bounded::{LONGEST, LONGEST_SQUARED};
use super::build::{binary, call, case, cast, is_not_null, is_null, minus, not, null, text, whole};
use super::moment::Format;
use crate::pattern::{Pattern, Replacement};

/// What a function becomes.
pub(super) enum Meaning {
    /// A function of DataFusion, or of its library for Spark, with the same meaning.
    Same(&'static str),
    /// An aggregate or window function: what stands behind its arguments stays.
    Whole(&'static str),
    /// An expression over its arguments.
    Made(fn(Args) -> Result<Expr>),
}

/// The arguments of a call.
pub(super) struct Args {
    all: Vec<Expr>,
}

impl Args {
    pub(super) fn new(all: Vec<Expr>) -> Self {
        Self { all }
    }

    fn get(&self, index: usize) -> Expr {
        self.all.get(index).cloned().unwrap_or_else(null)
    }

    fn or(&self, index: usize, default: Expr) -> Expr {
        self.all.get(index).cloned().unwrap_or(default)
    }

    fn len(&self) -> usize {
        self.all.len()
    }

    /// The constant text of an argument.
    fn constant(&self, index: usize) -> Option<&str> {
        constant(self.all.get(index)?)
    }
}

fn constant(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        Expr::Nested(inner) => constant(inner),
        _ => None,
    }
}

/// Names, fewest and most arguments, meaning.
type Entry = (&'static str, usize, usize, Meaning);

const MANY: usize = 255;

use Meaning::{Made, Same, Whole};

/// Texts.
const TEXTS: &[Entry] = &[
    ("length char_length character_length len", 1, 1, Made(|a| Ok(call("length", vec![cast(a.get(0), "string")])))),
    ("upper ucase", 1, 1, Made(|a| Ok(call("upper", vec![cast(a.get(0), "string")])))),
    ("lower lcase", 1, 1, Made(|a| Ok(call("lower", vec![cast(a.get(0), "string")])))),
    ("trim", 1, 1, Made(|a| Ok(call("btrim", vec![cast(a.get(0), "string")])))),
    ("btrim", 1, 2, Made(|a| Ok(call("btrim", a.all)))),
    ("ltrim", 1, 2, Made(|a| Ok(trimmed("ltrim", a)))),
    ("rtrim", 1, 2, Made(|a| Ok(trimmed("rtrim", a)))),
    ("lpad", 2, 3, Made(|a| Ok(call("spark_pad", vec![a.get(0), a.get(1), a.or(2, text(" ")), text("l")])))),
    ("rpad", 2, 3, Made(|a| Ok(call("spark_pad", vec![a.get(0), a.get(1), a.or(2, text(" ")), text("r")])))),
    ("substring substr mid", 2, 3, Made(|a| Ok(substring(a)))),
    ("left", 2, 2, Made(|a| Ok(call("substring", vec![cast(a.get(0), "string"), whole(1), a.get(1)])))),
    ("right", 2, 2, Made(|a| Ok(right(&a)))),
    ("concat", 0, MANY, Made(|a| Ok(if a.len() == 0 { text("") } else { call("spark_concat", a.all) }))),
    ("concat_ws", 1, MANY, Same("spark_concat_ws")),
    ("instr", 2, 2, Made(|a| Ok(call("spark_locate", vec![a.get(1), a.get(0), whole(1)])))),
    (
        "locate position charindex",
        2,
        3,
        Made(|a| Ok(call("spark_locate", vec![a.get(0), a.get(1), a.or(2, whole(1))]))),
    ),
    ("replace", 2, 3, Made(|a| Ok(call("spark_replace", vec![a.get(0), a.get(1), a.or(2, text(""))])))),
    ("translate", 3, 3, Made(|a| Ok(bounded(call("translate", a.all), LONGEST)))),
    ("split", 2, 3, Made(|a| with_pattern(&a, call("spark_split", vec![a.get(0), a.get(1), a.or(2, whole(-1))])))),
    ("split_part", 3, 3, Same("split_part")),
    (
        "regexp_extract",
        2,
        3,
        Made(|a| with_pattern(&a, call("spark_regexp_extract", vec![a.get(0), a.get(1), a.or(2, whole(1))]))),
    ),
    (
        "regexp_replace",
        3,
        3,
        Made(|a| with_pattern(&a, call("spark_regexp_replace", vec![a.get(0), a.get(1), a.get(2)]))),
    ),
    ("regexp_like regexp rlike", 2, 2, Made(|a| with_pattern(&a, call("spark_rlike", vec![a.get(0), a.get(1)])))),
    ("regexp_count", 2, 2, Made(|a| with_pattern(&a, call("spark_regexp_count", vec![a.get(0), a.get(1)])))),
    ("regexp_substr", 2, 2, Made(|a| with_pattern(&a, call("spark_regexp_substr", vec![a.get(0), a.get(1)])))),
    ("like", 2, 2, Made(|a| Ok(like(&a, false)))),
    ("ilike", 2, 2, Made(|a| Ok(like(&a, true)))),
    ("startswith", 2, 2, Same("starts_with")),
    ("endswith", 2, 2, Same("ends_with")),
    ("contains", 2, 2, Same("contains")),
    ("reverse", 1, 1, Same("reverse")),
    ("repeat", 2, 2, Made(|a| Ok(call("spark_repeat", vec![a.get(0), a.get(1)])))),
    ("initcap", 1, 1, Same("initcap")),
    ("ascii", 1, 1, Same("ascii")),
    ("chr char", 1, 1, Same("char")),
    ("space", 1, 1, Made(|a| Ok(call("spark_repeat", vec![text(" "), a.get(0)])))),
    ("substring_index", 3, 3, Same("substr_index")),
    ("levenshtein", 2, 2, Made(|a| Ok(call("levenshtein", vec![short(a.get(0)), short(a.get(1))])))),
    ("soundex", 1, 1, Same("soundex")),
    ("find_in_set", 2, 2, Same("find_in_set")),
    ("md5", 1, 1, Same("md5")),
    ("sha sha1", 1, 1, Same("sha1")),
    ("sha2", 2, 2, Same("sha2")),
    ("crc32", 1, 1, Same("crc32")),
    ("base64", 1, 1, Made(|a| Ok(bounded(call("base64", a.all), LONGEST)))),
    ("unbase64", 1, 1, Same("unbase64")),
    ("hex", 1, 1, Made(|a| Ok(bounded(call("hex", a.all), LONGEST)))),
    ("unhex", 1, 1, Same("unhex")),
];

/// NULL, and choices.
const CHOICES: &[Entry] = &[
    ("coalesce", 1, MANY, Made(|a| Ok(call("coalesce", alternatives(a.all))))),
    ("nvl ifnull", 2, 2, Made(|a| Ok(call("coalesce", alternatives(a.all))))),
    (
        "nvl2",
        3,
        3,
        Made(|a| Ok(case(vec![(is_not_null(a.get(0)), alternative(a.get(1)))], Some(alternative(a.get(2)))))),
    ),
    (
        "nullif",
        2,
        2,
        Made(|a| Ok(case(vec![(binary(a.get(0), BinaryOperator::Eq, a.get(1)), null())], Some(a.get(0))))),
    ),
    ("if iff", 3, 3, Made(|a| Ok(case(vec![(a.get(0), alternative(a.get(1)))], Some(alternative(a.get(2))))))),
    ("isnull", 1, 1, Made(|a| Ok(is_null(a.get(0))))),
    ("isnotnull", 1, 1, Made(|a| Ok(is_not_null(a.get(0))))),
    (
        "isnan",
        1,
        1,
        Made(|a| Ok(call("coalesce", vec![call("isnan", vec![cast(a.get(0), "double")]), boolean(false)]))),
    ),
    ("nanvl", 2, 2, Made(|a| Ok(call("nanvl", vec![cast(a.get(0), "double"), cast(a.get(1), "double")])))),
];

/// Numbers.
const NUMBERS: &[Entry] = &[
    ("abs", 1, 1, Same("abs")),
    ("ceil ceiling", 1, 1, Same("ceil")),
    ("floor", 1, 1, Same("floor")),
    ("round", 1, 2, Made(|a| Ok(call("spark_round", vec![a.get(0), a.or(1, whole(0))])))),
    ("bround", 1, 2, Made(|a| Ok(call("spark_bround", vec![a.get(0), a.or(1, whole(0))])))),
    ("rint", 1, 1, Same("rint")),
    ("sqrt", 1, 1, Made(|a| Ok(doubles("spark_sqrt", a)))),
    ("cbrt", 1, 1, Made(|a| Ok(doubles("cbrt", a)))),
    ("pow power", 2, 2, Made(|a| Ok(doubles("power", a)))),
    ("mod", 2, 2, Made(|a| Ok(binary(a.get(0), BinaryOperator::Modulo, a.get(1))))),
    ("pmod", 2, 2, Same("pmod")),
    ("exp", 1, 1, Made(|a| Ok(doubles("exp", a)))),
    ("ln", 1, 1, Made(|a| Ok(logarithm("ln", a.get(0))))),
    ("log", 1, 2, Made(|a| Ok(if a.len() == 1 { logarithm("ln", a.get(0)) } else { of_base(&a) }))),
    ("log10", 1, 1, Made(|a| Ok(logarithm("log10", a.get(0))))),
    ("log2", 1, 1, Made(|a| Ok(logarithm("log2", a.get(0))))),
    ("log1p", 1, 1, Made(|a| Ok(logarithm("ln", binary(whole(1), BinaryOperator::Plus, a.get(0)))))),
    ("greatest", 2, MANY, Made(|a| Ok(call("greatest", alternatives(a.all))))),
    ("least", 2, MANY, Made(|a| Ok(call("least", alternatives(a.all))))),
    ("sign signum", 1, 1, Made(|a| Ok(doubles("signum", a)))),
    ("sin", 1, 1, Made(|a| Ok(doubles("sin", a)))),
    ("cos", 1, 1, Made(|a| Ok(doubles("cos", a)))),
    ("tan", 1, 1, Made(|a| Ok(doubles("tan", a)))),
    ("asin", 1, 1, Made(|a| Ok(doubles("asin", a)))),
    ("acos", 1, 1, Made(|a| Ok(doubles("acos", a)))),
    ("atan", 1, 1, Made(|a| Ok(doubles("atan", a)))),
    ("atan2", 2, 2, Made(|a| Ok(doubles("atan2", a)))),
    ("degrees", 1, 1, Made(|a| Ok(doubles("degrees", a)))),
    ("radians", 1, 1, Made(|a| Ok(doubles("radians", a)))),
    ("pi", 0, 0, Same("pi")),
    ("hypot", 2, 2, Made(|a| Ok(doubles("hypot", a)))),
    ("factorial", 1, 1, Made(|a| Ok(call("factorial", vec![cast(a.get(0), "int")])))),
    ("negative", 1, 1, Made(|a| Ok(minus(a.get(0))))),
    ("positive", 1, 1, Made(|a| Ok(a.get(0)))),
    ("try_divide", 2, 2, Made(|a| Ok(binary(a.get(0), BinaryOperator::Divide, a.get(1))))),
    ("bin", 1, 1, Made(|a| Ok(call("bin", vec![cast(a.get(0), "bigint")])))),
];

/// Dates and times.
const TIMES: &[Entry] = &[
    ("current_date curdate", 0, 0, Same("current_date")),
    ("current_timestamp now localtimestamp", 0, 0, Made(|_| Ok(cast(call("now", vec![]), "timestamp")))),
    ("date_add dateadd", 2, 2, Made(|a| Ok(call("date_add", vec![day(&a), cast(a.get(1), "int")])))),
    ("date_sub", 2, 2, Made(|a| Ok(call("date_sub", vec![day(&a), cast(a.get(1), "int")])))),
    ("datediff date_diff", 2, 2, Made(|a| Ok(call("spark_date_diff", vec![day(&a), cast(a.get(1), "date")])))),
    ("add_months", 2, 2, Made(|a| Ok(call("add_months", vec![day(&a), cast(a.get(1), "int")])))),
    ("months_between", 2, 2, Made(|a| Ok(call("spark_months_between", vec![a.get(0), a.get(1)])))),
    ("last_day", 1, 1, Made(|a| Ok(call("last_day", vec![day(&a)])))),
    ("next_day", 2, 2, Made(|a| Ok(call("next_day", vec![day(&a), a.get(1)])))),
    ("date_trunc", 2, 2, Made(|a| Ok(call("date_trunc", vec![a.get(0), cast(a.get(1), "timestamp")])))),
    ("trunc", 2, 2, Made(|a| Ok(call("trunc", vec![day(&a), a.get(1)])))),
    ("to_date", 1, 2, Made(|a| Ok(cast(timestamp(&a)?, "date")))),
    ("to_timestamp", 1, 2, Made(|a| timestamp(&a))),
    ("date_format", 2, 2, Made(|a| with_format(&a, call("spark_date_format", vec![a.get(0), a.get(1)])))),
    ("unix_timestamp to_unix_timestamp", 0, 2, Made(|a| unix(&a))),
    ("from_unixtime", 1, 2, Made(|a| with_format(&a, from_unix(&a)))),
    ("year", 1, 1, Made(|a| Ok(part("year", &a)))),
    ("quarter", 1, 1, Made(|a| Ok(part("quarter", &a)))),
    ("month", 1, 1, Made(|a| Ok(part("month", &a)))),
    ("weekofyear", 1, 1, Made(|a| Ok(part("week", &a)))),
    ("day dayofmonth", 1, 1, Made(|a| Ok(part("day", &a)))),
    ("dayofyear", 1, 1, Made(|a| Ok(part("doy", &a)))),
    ("dayofweek", 1, 1, Made(|a| Ok(part("dow", &a)))),
    ("weekday", 1, 1, Made(|a| Ok(weekday(&a)))),
    ("hour", 1, 1, Made(|a| Ok(clock("hour", &a)))),
    ("minute", 1, 1, Made(|a| Ok(clock("minute", &a)))),
    ("second", 1, 1, Made(|a| Ok(clock("second", &a)))),
    ("timestamp_seconds", 1, 1, Made(|a| Ok(cast(a.get(0), "timestamp")))),
    ("unix_date", 1, 1, Made(|a| Ok(call("spark_date_diff", vec![day(&a), cast(text("1970-01-01"), "date")])))),
];

/// Casts by the name of a type.
const CASTS: &[Entry] = &[
    ("string", 1, 1, Made(|a| Ok(cast(a.get(0), "string")))),
    ("int", 1, 1, Made(|a| Ok(cast(a.get(0), "int")))),
    ("bigint", 1, 1, Made(|a| Ok(cast(a.get(0), "bigint")))),
    ("smallint", 1, 1, Made(|a| Ok(cast(a.get(0), "smallint")))),
    ("tinyint", 1, 1, Made(|a| Ok(cast(a.get(0), "tinyint")))),
    ("double", 1, 1, Made(|a| Ok(cast(a.get(0), "double")))),
    ("float", 1, 1, Made(|a| Ok(cast(a.get(0), "float")))),
    ("decimal", 1, 1, Made(|a| Ok(cast(a.get(0), "decimal(10,0)")))),
    ("boolean", 1, 1, Made(|a| Ok(cast(a.get(0), "boolean")))),
    ("date", 1, 1, Made(|a| Ok(cast(a.get(0), "date")))),
    ("timestamp", 1, 1, Made(|a| Ok(cast(a.get(0), "timestamp")))),
];

/// Arrays.
const ARRAYS: &[Entry] = &[
    ("array", 0, MANY, Same("make_array")),
    ("size cardinality", 1, 1, Same("size")),
    ("array_contains", 2, 2, Same("array_contains")),
    ("array_distinct", 1, 1, Same("array_distinct")),
    ("array_max", 1, 1, Same("array_max")),
    ("array_min", 1, 1, Same("array_min")),
    ("array_join", 2, 3, Made(|a| Ok(bounded(call("array_to_string", a.all), LONGEST)))),
    ("element_at", 2, 2, Same("array_element")),
];

/// Functions over many rows.
const AGGREGATES: &[Entry] = &[
    ("count", 1, 1, Whole("count")),
    ("sum", 1, 1, Whole("sum")),
    ("avg mean", 1, 1, Whole("avg")),
    ("min", 1, 1, Whole("min")),
    ("max", 1, 1, Whole("max")),
    ("stddev std stddev_samp", 1, 1, Whole("stddev")),
    ("stddev_pop", 1, 1, Whole("stddev_pop")),
    ("variance var_samp", 1, 1, Whole("var")),
    ("var_pop", 1, 1, Whole("var_pop")),
    ("corr", 2, 2, Whole("corr")),
    ("covar_pop", 2, 2, Whole("covar_pop")),
    ("covar_samp", 2, 2, Whole("covar_samp")),
    ("approx_count_distinct", 1, 1, Whole("approx_distinct")),
    ("bool_and every", 1, 1, Whole("bool_and")),
    ("bool_or any some", 1, 1, Whole("bool_or")),
    ("first first_value", 1, 1, Whole("first_value")),
    ("last last_value", 1, 1, Whole("last_value")),
    ("any_value", 1, 1, Whole("first_value")),
    ("collect_set", 1, 1, Whole("collect_set")),
    ("collect_list array_agg", 1, 1, Whole("collect_list")),
    ("row_number", 0, 0, Whole("row_number")),
    ("rank", 0, 0, Whole("rank")),
    ("dense_rank", 0, 0, Whole("dense_rank")),
    ("percent_rank", 0, 0, Whole("percent_rank")),
    ("cume_dist", 0, 0, Whole("cume_dist")),
    ("ntile", 1, 1, Whole("ntile")),
    ("lag", 1, 3, Whole("lag")),
    ("lead", 1, 3, Whole("lead")),
    ("count_if", 1, 1, Made(|a| Ok(call("count", vec![case(vec![(a.get(0), whole(1))], None)])))),
    ("median", 1, 1, Made(|a| Ok(call("median", vec![cast(a.get(0), "double")])))),
    (
        "percentile",
        2,
        2,
        Made(|a| Ok(call("percentile_cont", vec![cast(a.get(0), "double"), cast(a.get(1), "double")]))),
    ),
];

const TABLES: [&[Entry]; 7] = [TEXTS, CHOICES, NUMBERS, TIMES, CASTS, ARRAYS, AGGREGATES];

/// Functions that Spark has and lakegate does not, with what to write instead.
const INSTEAD: &[(&str, &str)] = &[
    ("percentile_approx approx_percentile", "`percentile(x, 0.9)` gives the exact one"),
    ("get_json_object from_json json_tuple to_json", "parse the document before it is loaded, or `regexp_extract`"),
    ("rand randn uuid random shuffle", "a rule must give the same answer twice"),
    ("explode posexplode explode_outer inline stack", "`array_contains`, `size` or `array_distinct` over the array"),
    ("timestampdiff timestampadd", "`datediff` for days, `unix_timestamp(a) - unix_timestamp(b)` for seconds"),
    ("mode", "a subquery with `group by` and `order by count(*) desc limit 1`"),
    ("regexp_extract_all regexp_instr", "`regexp_extract`, `regexp_count` or `regexp_substr`"),
    ("skewness kurtosis", "the rule types Skewness and Kurtosis"),
    ("make_date make_timestamp", "`to_date(concat_ws('-', y, m, d))`"),
    ("to_utc_timestamp from_utc_timestamp convert_timezone", "`ts - interval 9 hours`: times are UTC here"),
    ("conv format_number format_string printf to_number to_char", "`cast`, `round`, `lpad` and `concat`"),
    (
        "sequence transform filter exists forall aggregate map_keys map_values map_from_arrays named_struct struct map",
        "flat columns",
    ),
    ("input_file_name monotonically_increasing_id spark_partition_id current_user", "the rule types over files"),
    ("hash xxhash64", "`md5` or `sha2`"),
    ("encode decode", "`base64`, `hex`, or `case`"),
    ("max_by min_by", "a subquery with `order by` and `limit 1`"),
];

/// The entry of a name in lower case.
pub(super) fn find(name: &str) -> Option<&'static Entry> {
    TABLES.iter().flat_map(|table| table.iter()).find(|(names, ..)| names.split(' ').any(|known| known == name))
}

fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|table| table.iter()).flat_map(|(names, ..)| names.split(' '))
}

/// Why a function cannot be used.
pub(super) fn refused(name: &str) -> Error {
    if let Some((_, instead)) = INSTEAD.iter().find(|(names, _)| names.split(' ').any(|known| known == name)) {
        return Error::usage(format!("the function `{name}` of Spark is not available in lakegate"))
            .help(format!("use {instead}"));
    }
    let error = Error::usage(format!("there is no function `{name}`"))
        .expected("a function of Spark SQL (docs/quality.md lists them)");
    match suggest(name, names()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// One of several values of which the result is made. A number with a point is a decimal to Spark, which then widens to the double
/// beside it; DataFusion narrows the double instead, so here the constant is a double from the start.
pub(super) fn alternative(expr: Expr) -> Expr {
    match &expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) if digits.contains('.') => cast(text(digits), "double"),
            _ => expr,
        },
        _ => expr,
    }
}

fn alternatives(all: Vec<Expr>) -> Vec<Expr> {
    all.into_iter().map(alternative).collect()
}

/// What a library's function makes, if it is not too long.
fn bounded(made: Expr, longest: usize) -> Expr {
    call(super::bounded::NAME, vec![made, whole(i64::try_from(longest).unwrap_or(i64::MAX))])
}

fn short(of: Expr) -> Expr {
    bounded(cast(of, "string"), LONGEST_SQUARED)
}

fn boolean(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).into())
}

fn day(args: &Args) -> Expr {
    cast(args.get(0), "date")
}

fn doubles(name: &str, args: Args) -> Expr {
    call(name, args.all.into_iter().map(|arg| cast(arg, "double")).collect())
}

/// The text to trim stands first in Spark.
fn trimmed(name: &str, args: Args) -> Expr {
    let mut all: Vec<Expr> = args.all.into_iter().map(|arg| cast(arg, "string")).collect();
    all.reverse();
    call(name, all)
}

fn substring(args: Args) -> Expr {
    let mut all = args.all.into_iter();
    let first = all.next().map(|arg| cast(arg, "string"));
    call("substring", first.into_iter().chain(all.map(|arg| cast(arg, "bigint"))).collect())
}

fn right(args: &Args) -> Expr {
    let value = || cast(args.get(0), "string");
    let none = binary(binary(args.get(1), BinaryOperator::LtEq, whole(0)), BinaryOperator::And, is_not_null(value()));
    let length = minus(cast(args.get(1), "bigint"));
    case(vec![(none, text(""))], Some(call("substring", vec![value(), length])))
}

fn like(args: &Args, ignore_case: bool) -> Expr {
    let (expr, pattern) = (Box::new(args.get(0)), Box::new(args.get(1)));
    let like = if ignore_case {
        Expr::ILike { negated: false, any: false, expr, pattern, escape_char: None }
    } else {
        Expr::Like { negated: false, any: false, expr, pattern, escape_char: None }
    };
    super::build::nested(like)
}

/// Outside of its domain a logarithm is NULL.
fn logarithm(name: &str, of: Expr) -> Expr {
    let value = || cast(of.clone(), "double");
    case(vec![(binary(value(), BinaryOperator::Gt, whole(0)), call(name, vec![value()]))], None)
}

fn of_base(args: &Args) -> Expr {
    binary(logarithm("ln", args.get(1)), BinaryOperator::Divide, logarithm("ln", args.get(0)))
}

fn part(field: &str, args: &Args) -> Expr {
    call("date_part", vec![text(field), day(args)])
}

fn clock(field: &str, args: &Args) -> Expr {
    call("date_part", vec![text(field), cast(args.get(0), "timestamp")])
}

/// Monday is 0; the library's days begin with Sunday as 1.
fn weekday(args: &Args) -> Expr {
    let from_monday = binary(part("dow", args), BinaryOperator::Plus, whole(5));
    binary(from_monday, BinaryOperator::Modulo, whole(7))
}

fn timestamp(args: &Args) -> Result<Expr> {
    if args.len() == 1 {
        return Ok(cast(args.get(0), "timestamp"));
    }
    with_format(args, call("spark_to_timestamp", vec![args.get(0), args.get(1)]))
}

const DEFAULT_FORMAT: &str = "yyyy-MM-dd HH:mm:ss";

fn unix(args: &Args) -> Result<Expr> {
    if args.len() == 0 {
        return Ok(cast(cast(call("now", vec![]), "timestamp"), "bigint"));
    }
    let format = args.or(1, text(DEFAULT_FORMAT));
    with_format(args, call("spark_unix_timestamp", vec![args.get(0), format]))
}

fn from_unix(args: &Args) -> Expr {
    let format = args.or(1, text(DEFAULT_FORMAT));
    call("spark_date_format", vec![cast(cast(args.get(0), "bigint"), "timestamp"), format])
}

/// Refuses a constant format that cannot be used before any data is read.
fn with_format(args: &Args, made: Expr) -> Result<Expr> {
    let checked = args.constant(1).map_or(Ok(()), |format| Format::new(format).map(drop));
    checked.map(|()| made).map_err(|why| {
        Error::usage(format!("the format of a date cannot be used: {why}"))
            .expected("letters of yyyy, MM, MMM, dd, HH, hh, mm, ss, SSS, a, E, as in Spark")
    })
}

/// Refuses a constant regular expression, or a constant replacement for it, that cannot be used before any data is read.
fn with_pattern(args: &Args, made: Expr) -> Result<Expr> {
    if let Some(pattern) = args.constant(1).map(Pattern::search).transpose()?
        && let Some(replacement) = args.constant(2)
    {
        Replacement::new(replacement, &pattern)?;
    }
    Ok(made)
}

/// `NOT` of a made expression.
pub(super) fn negated(expr: Expr, negate: bool) -> Expr {
    if negate { not(expr) } else { expr }
}

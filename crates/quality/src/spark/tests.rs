//! Spark's answers, recorded by `tests/oracle/spark_expressions.py`, replayed.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::DFSchema;
use datafusion::prelude::SessionContext;
use serde_json::{Map, Value, json};

use super::{cast, plan, predicate, prepared};
use crate::{spark_number, spark_time};

#[derive(serde::Deserialize)]
struct Case {
    e: String,
    v: Vec<Value>,
}

fn recorded() -> (RecordBatch, Vec<Case>) {
    let mut lines = include_str!("spark35.jsonl").lines();
    let columns: Map<String, Value> = serde_json::from_str(lines.next().unwrap()).unwrap();
    let array = |name: &str| {
        let values = columns[name].as_array().unwrap();
        let texts = || values.iter().map(Value::as_str);
        let array: ArrayRef = match name {
            "OrderId" | "l" => Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>()),
            "i" | "Order Id" => {
                Arc::new(values.iter().map(|v| v.as_i64().map(|v| i32::try_from(v).unwrap())).collect::<Int32Array>())
            }
            "d" => Arc::new(values.iter().map(number).collect::<Float64Array>()),
            "m" => {
                let decimals = values
                    .iter()
                    .map(|v| spark_number::decimal(v.get("d")?.as_str()?, 10, 2))
                    .collect::<Decimal128Array>();
                Arc::new(decimals.with_precision_and_scale(10, 2).unwrap())
            }
            "day" => Arc::new(texts().map(|v| spark_time::date(v?)).collect::<Date32Array>()),
            "ts" => Arc::new(texts().map(|v| spark_time::timestamp(v?)).collect::<TimestampMicrosecondArray>()),
            "b" => Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>()),
            _ => Arc::new(texts().collect::<StringArray>()),
        };
        (name.to_owned(), array, true)
    };
    let names = ["OrderId", "i", "l", "d", "m", "s", "n", "day", "ts", "b", "Order Id"];
    let batch = RecordBatch::try_from_iter_with_nullable(names.map(array)).unwrap();
    (batch, lines.map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Object(decimal) => decimal["d"].as_str().unwrap().parse().ok(),
        other => other.as_f64(),
    }
}

/// A value as the script writes it.
fn plain(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| plain(&items, item)).collect()
        }
        DataType::Binary => {
            json!(array.as_binary::<i32>().value(row).iter().map(|b| format!("{b:02x}")).collect::<String>())
        }
        DataType::Timestamp(..) => {
            let text = cast::array(&cast::array(array, &cast::TIMESTAMP).unwrap(), &DataType::Utf8).unwrap();
            let text = text.as_string::<i32>().value(row).to_owned();
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            json!(format!("{whole}.{fraction:0<6}"))
        }
        t if t.is_numeric() => {
            let double = cast::array(array, &DataType::Float64).unwrap();
            let double = double.as_primitive::<Float64Type>().value(row);
            if double.is_finite() { json!(double) } else { json!(cast_text(double)) }
        }
        _ => {
            let text = cast::array(array, &DataType::Utf8).unwrap();
            json!(text.as_string::<i32>().value(row))
        }
    }
}

fn cast_text(double: f64) -> String {
    if double.is_nan() { "NaN".to_owned() } else { format!("{}Infinity", if double < 0.0 { "-" } else { "" }) }
}

fn same(own: &Value, spark: &Value) -> bool {
    match (own, spark) {
        (Value::Array(own), Value::Array(spark)) => {
            own.len() == spark.len() && own.iter().zip(spark).all(|(own, spark)| same(own, spark))
        }
        (Value::Number(own), spark) => match (own.as_f64(), number(spark)) {
            (Some(own), Some(spark)) => (own - spark).abs() <= spark.abs() * 1e-12,
            _ => false,
        },
        (own, spark) => own == spark,
    }
}

async fn answers(context: &SessionContext, sql: &str) -> Result<Vec<Value>, String> {
    let statement = match sql.starts_with("select ") || sql.starts_with("with ") {
        true => sql.to_owned(),
        false => format!("select {sql} from primary"),
    };
    let frame = plan(context, &statement).map_err(|e| full(&e))?;
    let batches = frame.collect().await.map_err(|e| e.strip_backtrace())?;
    Ok(batches.iter().flat_map(|b| (0..b.num_rows()).map(|row| plain(b.column(0), row))).collect())
}

fn full(error: &lakegate_contract::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause} ({})", error.advice().unwrap_or("-"))
}

#[tokio::test]
async fn answers_are_those_of_spark() {
    let (batch, cases) = recorded();
    let context = SessionContext::new();
    context.register_batch("primary", batch.clone()).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        match answers(&context, &case.e).await {
            Ok(own) => {
                let agree = own.len() == case.v.len() && own.iter().zip(&case.v).all(|(own, spark)| same(own, spark));
                if !agree {
                    wrong.push(format!("{}\n   own   {}\n   spark {}", case.e, json!(own), json!(case.v)));
                }
            }
            Err(error) => wrong.push(format!("{}\n   {error}", case.e)),
        }
    }
    assert!(cases.len() > 450, "{}", cases.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_predicate_is_planned_like_a_statement() {
    let (batch, _) = recorded();
    let context = SessionContext::new();
    let schema = DFSchema::try_from(batch.schema()).unwrap();
    let state = prepared(&context).unwrap();
    for (text, kept) in [
        ("ORDERID > 6", 2),
        ("s rlike '^a' and n is not null", 3),
        ("length(s) = 3 or `Order Id` = 2", 3),
        ("s = \\\"abc\\\"", 2),
        ("day > '2026-01-01' and i / 0 is null", 2),
        ("cast(n as int) = 12", 1),
    ] {
        let expr = predicate(&state, text, &schema).unwrap_or_else(|e| panic!("{text}: {}", full(&e)));
        let compiled = state.create_physical_expr(expr, &schema).unwrap();
        let truth = compiled.evaluate(&batch).unwrap().into_array(batch.num_rows()).unwrap();
        assert_eq!(truth.as_boolean().true_count(), kept, "{text}");
    }
}

fn refusal(sql: &str) -> String {
    let (batch, _) = recorded();
    let context = SessionContext::new();
    context.register_batch("primary", batch).unwrap();
    match plan(&context, sql) {
        Ok(_) => format!("{sql} is not refused"),
        Err(error) => full(&error),
    }
}

#[test]
fn what_has_no_counterpart_is_named_and_answered() {
    insta::assert_snapshot!(refusal("select lenght(s) from primary"), @"line 1, column 8 of the SQL: there is no function `lenght`; expected a function of Spark SQL (docs/quality.md lists them) (did you mean `length`?)");
    insta::assert_snapshot!(refusal("select\n  get_json_object(s, '$.a') from primary"), @"line 2, column 3 of the SQL: the function `get_json_object` of Spark is not available in lakegate (use parse the document before it is loaded, or `regexp_extract`)");
    insta::assert_snapshot!(refusal("select count(distinct i, l) from primary"), @"line 1, column 8 of the SQL: `count` takes one column here (count the rows of a subquery: select count(*) from (select distinct a, b from primary))");
    insta::assert_snapshot!(refusal("select count(*) from primary where s rlike '(a'"), @r#"the regular expression "(a" cannot be used: a group is not closed, at character 2; expected a regular expression of Java (java.util.regex) (-)"#);
    insta::assert_snapshot!(refusal("select date_format(ts, 'YYYY') from primary"), @"line 1, column 8 of the SQL: the format of a date cannot be used: `YYYY` is not supported; expected letters of yyyy, MM, MMM, dd, HH, hh, mm, ss, SSS, a, E, as in Spark (-)");
    insta::assert_snapshot!(refusal("select cast(s as interval) from primary"), @"line 1, column 13 of the SQL: there is no cast to `INTERVAL`; expected boolean, tinyint, smallint, int, bigint, float, double, decimal(p,s), string, binary, date or timestamp (-)");
    insta::assert_snapshot!(refusal("select substring(s) from primary"), @"line 1, column 18 of the SQL: `substring` has 1 arguments; expected 2 to 3 (-)");
    insta::assert_snapshot!(refusal("drop table primary"), @"the SQL is no query; expected one SELECT over `primary` and the declared references (-)");
    insta::assert_snapshot!(refusal("select 1; select 2"), @"the SQL has 2 statements; expected one SELECT (-)");
    insta::assert_snapshot!(refusal("select nope from primary"), @"there is no column `nope`; expected one of `OrderId`, `i`, `l`, `d`, `m`, `s`, `n`, `day`, `ts`, `b`, `Order Id` (-)");
    insta::assert_snapshot!(refusal("selec 1"), @"line 1, column 1 of the SQL: the SQL cannot be read: found selec; expected an SQL statement (-)");
    insta::assert_snapshot!(refusal("select * from nowhere"), @"there is no dataset `nowhere`; expected one of `primary` (`primary` is the dataset that is judged; `lakegate quality` takes others with --ref NAME=PATH)");
    insta::assert_snapshot!(refusal("select s, max(l) from primary"), @"column `s` stands beside an aggregate, and is neither grouped by nor aggregated; expected `group by s`, or an aggregate such as `max(s)` (-)");
    insta::assert_snapshot!(refusal("select i from primary where day + d > 1"), @"values of these types do not go together: date + double (make them of one type, such as `cast(x as double)` or `cast(x as string)`)");
    insta::assert_snapshot!(refusal("select i from primary where ts > 5"), @"a timestamp_ntz is compared with a number; expected another date or time, such as `'2026-03-01'`, or what is made of it, such as `year(x)` (-)");
    insta::assert_snapshot!(refusal("select i, i from primary"), @"the statement gives two columns of the name `i` (give one of them another name: `i as another`)");
    insta::assert_snapshot!(refusal("select i from primary a join primary b on a.i = b.i"), @"column `i` is in several of the tables; expected the table's name or alias before it, such as `primary.i` (-)");
    insta::assert_snapshot!(refusal("select x.i from primary"), @"the statement has no table or alias `x`; expected one of `primary` (-)");
}

#[tokio::test]
async fn a_failing_expression_names_no_value() {
    let (batch, _) = recorded();
    let context = SessionContext::new();
    context.register_batch("primary", batch).unwrap();
    let frame = plan(&context, "select regexp_extract(s, concat('(', s), 1) from primary").unwrap();
    let error = super::own_error(&frame.collect().await.unwrap_err()).unwrap();
    assert_eq!(error.to_string(), "a regular expression, computed for a row, cannot be used");
}

#[tokio::test]
async fn no_function_makes_texts_without_end() {
    let (batch, _) = recorded();
    let context = SessionContext::new();
    context.register_batch("primary", batch).unwrap();
    let nested = |open: &str, close: &str, times: usize| format!("{}s{}", open.repeat(times), close.repeat(times));
    for made in [
        "repeat('a', 2000000000)".to_owned(),
        "repeat(s, 9223372036854775807)".to_owned(),
        "space(2000000000)".to_owned(),
        "lpad(s, 2000000000, 'é')".to_owned(),
        "hex(hex(repeat('a', 4000000)))".to_owned(),
        nested("hex(", ")", 40),
        nested("replace(", ", 'a', 'aaaaaaaaaaaaaaaaaaaaaaaa')", 12),
        nested("regexp_replace(", ", '$', repeat('a', 1000000))", 12),
        "repeat(s, 4000000) || repeat(s, 4000000)".to_owned(),
        "concat_ws(repeat(',', 4000000), s, s, s)".to_owned(),
        "translate(repeat('a', 4000000), 'a', '한')".to_owned(),
        "levenshtein(repeat(s, 10000), 'a')".to_owned(),
        "array_join(split(repeat('a', 4000), ''), repeat(',', 4000))".to_owned(),
    ] {
        let answer = match plan(&context, &format!("select length({made}) from primary where s <> ''")) {
            Err(error) => error.to_string(),
            Ok(frame) => super::own_error(&frame.collect().await.unwrap_err()).unwrap().to_string(),
        };
        assert!(answer.starts_with("a function of SQL m"), "{made}: {answer}");
    }
    assert_eq!(
        answers(&context, "select length(repeat('a', 4000000)) from primary limit 1").await,
        Ok(vec![json!(4e6)])
    );
}

#[tokio::test]
async fn bombs_do_not_grow_or_overflow() {
    let nested = |open: &str, close: &str, times: usize| format!("{}s{}", open.repeat(times), close.repeat(times));
    for predicate in [
        format!("{}1 > 0", "1+".repeat(490)),
        format!("{}b", "b and ".repeat(400)),
        nested("right(", ", 3)", 50),
        nested("(", " between 'a' and 'b')", 50),
        nested("length(", ")", 50),
        nested("case ", " when 'a' then 'b' end", 50),
        format!("{}b", "not ".repeat(300)),
        nested("(", " in ('a', 'b', 'c'))", 50),
        "(".repeat(300),
    ] {
        let answer = refusal(&format!("select count(*) from primary where {predicate}"));
        assert!(answer.len() < 5_000);
    }
    let (batch, _) = recorded();
    let context = SessionContext::new();
    context.register_batch("primary", batch.clone()).unwrap();
    for (sql, answer) in [
        (format!("select {}1 from primary limit 1", "1+".repeat(100)), json!(101.0)),
        (format!("select count(*) from primary where {}i > 0", "i > 0 and ".repeat(160)), json!(5.0)),
        (format!("select count(*) from primary where {}i > 0", "i = 0 or ".repeat(160)), json!(6.0)),
    ] {
        assert_eq!(answers(&context, &sql).await, Ok(vec![answer]));
    }
    let deep = refusal(&format!("select {}1 from primary", "1+".repeat(400)));
    assert!(deep.starts_with("the SQL is nested more than 128 levels deep"), "{deep}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_planner_panic(text in "[a-z0-9 ()'\"`.,*/%<>=!+\\\\-]{0,40}") {
        let (batch, _) = recorded();
        let schema = DFSchema::try_from(batch.schema()).unwrap();
        let _ = predicate(&prepared(&SessionContext::new()).unwrap(), &text, &schema);
    }

    #[test]
    fn any_words_are_planned_and_judged_or_refused(text in soup()) {
        crate::exercise::spark_sql(text.as_bytes());
        crate::exercise::spark_sql(format!("select {text} from primary").as_bytes());
    }

    #[test]
    fn any_text_is_cast_or_null(text in "[-+0-9.eExpTZ:/ \\n]{0,30}|\\PC{0,20}", format in "[yMdHhmsSaE' :T./-]{0,12}") {
        crate::exercise::casts(text.as_bytes());
        crate::exercise::casts(format!("{format}\0{text}").as_bytes());
    }

    #[test]
    fn any_bytes_are_cast_or_null(bytes in proptest::array::uniform8(proptest::num::u8::ANY)) {
        crate::exercise::casts(&bytes);
    }
}

const WORDS: [&str; 78] = [
    "i",
    "l",
    "f",
    "d",
    "m",
    "s",
    "n",
    "day",
    "ts",
    "b",
    "tags",
    "`OrderId`",
    "primary",
    "users",
    "i > 0",
    "s = 'a'",
    "n is not null",
    "and",
    "or",
    "not",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "div",
    "%",
    "=",
    "<=>",
    "<",
    "||",
    "in",
    "between",
    "like",
    "rlike",
    "is",
    "null",
    "case",
    "when",
    "then",
    "else",
    "end",
    "cast(",
    "as",
    "int)",
    "date)",
    "timestamp)",
    "decimal(38,10))",
    "interval",
    "'1'",
    "'a.*'",
    "'2026-01-31'",
    "0",
    "1",
    "2147483647",
    "9223372036854775807",
    "1e308",
    "0.1",
    "true",
    "length(",
    "substring(",
    "round(",
    "coalesce(",
    "date_add(",
    "split(",
    "regexp_extract(",
    "abs(",
    "concat(",
    "if(",
    "to_date(",
    "element_at(",
    "add_months(",
    "count(",
    "from",
    "where",
    "group by",
];

/// Words, symbols and values of Spark SQL, in any order.
fn soup() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::strategy::Strategy as _;
    proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..14).prop_map(|words| words.join(" "))
}

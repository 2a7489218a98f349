//! Spark SQL and Spark's casts over texts of any kind: what must hold of the answers, whatever they are.

#![expect(clippy::panic, reason = "a fuzzer's way to say that it has found something")]

use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array,
    Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};
use lakegate_contract::{Class, Result};

use super::cast;
use super::moment::Format;
use crate::castable::Castable;
use crate::condition::{Comparison, Condition, Operator, TextOperand};
use crate::custom_sql;
use crate::row::Compiler;

/// A small table with the ends of each type, and what judges it.
struct Ground {
    context: SessionContext,
    compiler: Compiler,
    batch: RecordBatch,
    runtime: tokio::runtime::Runtime,
}

fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| {
        let made = || -> std::result::Result<Ground, DataFusionError> {
            let batch = batch()?;
            let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
            context.register_batch("primary", batch.clone())?;
            context.register_batch("users", batch.clone())?;
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            Ok(Ground { context, compiler: Compiler::new(batch.schema()), batch, runtime })
        };
        made().unwrap_or_else(|error| panic!("the table cannot be made: {error}"))
    })
}

fn batch() -> std::result::Result<RecordBatch, DataFusionError> {
    let mut tags = ListBuilder::new(StringBuilder::new());
    for row in [Some(vec![Some("a"), None]), None, Some(vec![]), Some(vec![Some("b")])] {
        tags.append_option(row);
    }
    let decimals = Decimal128Array::from(vec![Some(1050), Some(-9_999_999_999), None, Some(0)]);
    let columns: [(&str, ArrayRef); 12] = [
        ("OrderId", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("i", Arc::new(Int32Array::from(vec![Some(i32::MAX), Some(i32::MIN), None, Some(7)]))),
        ("l", Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(i64::MIN), None, Some(0)]))),
        ("f", Arc::new(Float32Array::from(vec![Some(f32::MAX), Some(-0.0), None, Some(0.1)]))),
        ("d", Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(f64::NEG_INFINITY), None, Some(0.5)]))),
        ("m", Arc::new(decimals.with_precision_and_scale(10, 2)?)),
        ("s", Arc::new(StringArray::from(vec![Some("a1b2"), Some(""), None, Some("한글 \u{1f600}")]))),
        ("n", Arc::new(StringArray::from(vec![Some(" 12 "), Some("2026-03-01"), None, Some("-1e5")]))),
        ("day", Arc::new(Date32Array::from(vec![Some(i32::MAX), Some(-719_528), None, Some(20_513)]))),
        ("ts", Arc::new(TimestampMicrosecondArray::from(vec![Some(i64::MAX), Some(i64::MIN), None, Some(1)]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]))),
        ("tags", Arc::new(tags.finish())),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true)))?)
}

/// Reads any bytes as a statement and as a predicate of Spark SQL; plans the one, and judges rows by the other.
///
/// # Panics
/// When a text leads to what is told as a defect of lakegate, or when a predicate keeps other rows than a
/// statement with the same, or than of each row alone.
pub fn spark_sql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let ground = ground();
    let _ = custom_sql::tables(text);
    no_defect(custom_sql::plan(&ground.context, text));
    let Some(filter) = no_defect(ground.compiler.predicate(text)) else { return };
    let alone: Vec<Option<BooleanArray>> =
        (0..ground.batch.num_rows()).map(|row| no_defect(filter.kept(&ground.batch.slice(row, 1)))).collect();
    let Some(kept) = no_defect(filter.kept(&ground.batch)) else { return };
    // What asks for the time may get another answer a moment later.
    let lower = text.to_lowercase();
    if ["now", "cur", "local", "unix"].iter().any(|word| lower.contains(word)) {
        return;
    }
    rows_stand_alone(&kept, &alone);
    let Some(counted) = counted(ground, text) else { return };
    if i64::try_from(kept.true_count()).ok() != Some(counted) {
        panic!("a predicate keeps {} rows, and a statement {counted}", kept.true_count());
    }
}

/// A row is kept or not whatever stands beside it.
fn rows_stand_alone(kept: &BooleanArray, alone: &[Option<BooleanArray>]) {
    for (row, alone) in alone.iter().enumerate() {
        if alone.as_ref().is_some_and(|alone| alone.value(0) != kept.value(row)) {
            panic!("row {row} is judged otherwise alone");
        }
    }
}

/// What is refused is no value; what is told as a defect is found.
fn no_defect<T>(result: Result<T>) -> Option<T> {
    match result {
        Err(error) if error.class() == Class::Bug => panic!("{error}: {:?}", std::error::Error::source(&error)),
        result => result.ok(),
    }
}

/// How many rows a statement keeps by a predicate.
fn counted(ground: &Ground, predicate: &str) -> Option<i64> {
    let statement = format!("select count(*) from primary where (\n{predicate}\n)");
    let frame = no_defect(custom_sql::plan(&ground.context, &statement))?;
    let batches = ground.runtime.block_on(frame.collect()).ok()?;
    batches.first()?.column(0).as_primitive_opt::<Int64Type>()?.iter().next()?
}

/// Types as `ColumnDataType` names them and as casts do.
const TYPES: [(&str, &str); 9] = [
    ("Boolean", "boolean"),
    ("Date", "date"),
    ("Timestamp", "timestamp"),
    ("Integer", "int"),
    ("Long", "bigint"),
    ("Double", "double"),
    ("Decimal(10,2)", "decimal(10,2)"),
    ("Decimal(38,0)", "decimal(38,0)"),
    ("Decimal(38,38)", "decimal(38,38)"),
];

/// Casts any bytes: as text to every type, with the format of a date in front of a NUL if there is one, and as numbers.
///
/// # Panics
/// When a cast fails instead of giving NULL, when `ColumnDataType` and `cast` take different texts, or when a value that is spelled
/// is not read again as the same.
pub fn casts(bytes: &[u8]) {
    let first: [u8; 8] = std::array::from_fn(|at| bytes.get(at).copied().unwrap_or(0));
    for values in numbers(i64::from_le_bytes(first)) {
        cast_to_all(&values);
    }
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let (format, text) = input.split_once('\0').unwrap_or(("yyyy-MM-dd HH:mm:ss", input));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
    cast_to_all(&texts);
    for (name, word) in TYPES {
        let taken = castable(name, &texts).unwrap_or_else(|error| panic!("{error}"));
        let value = cast::named(word).and_then(|to| cast::array(&texts, &to).ok());
        let valid = value.as_ref().is_some_and(|value| value.is_valid(0));
        if taken != valid {
            panic!("{name}: ColumnDataType says {taken}, a cast {valid}");
        }
        if let Some(value) = value.filter(|_| valid) {
            spelled_and_read(&value);
        }
    }
    formatted(format, text);
}

fn castable(name: &str, texts: &ArrayRef) -> Result<bool> {
    let equal = Comparison::Compare(Operator::Equal, TextOperand::Text(name.to_owned()));
    Ok(Castable::new(&Condition::Text(equal), None)?.judge(texts)?.true_count() == 1)
}

/// A number as a value of every type of numbers and times.
fn numbers(bits: i64) -> Vec<ArrayRef> {
    let [low, .., high] = bits.to_le_bytes();
    let narrow = i32::from_le_bytes(std::array::from_fn(|at| bits.to_le_bytes().get(at).copied().unwrap_or(0)));
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![bits]));
    let small: ArrayRef = Arc::new(Int32Array::from(vec![narrow]));
    let scaled = i128::from(bits) * (i128::from(low) + 1) * (i128::from(high) + 1);
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let as_is = |values: &ArrayRef, to: DataType| arrow::compute::cast(values, &to).ok();
    let decimals = [(38, 10), (38, 0), (38, 38)].map(|(precision, scale)| {
        let array = Decimal128Array::from(vec![scaled]).with_precision_and_scale(precision, scale);
        array.ok().map(|array| Arc::new(array) as ArrayRef)
    });
    let mut all: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(vec![f64::from_bits(bits.cast_unsigned())])),
        Arc::new(Float32Array::from(vec![f32::from_bits(narrow.cast_unsigned())])),
        Arc::new(BooleanArray::from(vec![bits < 0])),
    ];
    all.extend(units.into_iter().filter_map(|unit| as_is(&whole, DataType::Timestamp(unit, None))));
    all.extend(as_is(&whole, DataType::Timestamp(TimeUnit::Second, Some("Asia/Seoul".into()))));
    all.extend(as_is(&whole, DataType::Date64));
    all.extend(as_is(&small, DataType::Date32));
    all.extend(decimals.into_iter().flatten());
    all.extend([whole, small]);
    all
}

/// Every cast that can be planned gives a value or NULL.
fn cast_to_all(values: &ArrayRef) {
    const WORDS: [&str; 14] = [
        "boolean",
        "tinyint",
        "smallint",
        "int",
        "bigint",
        "float",
        "double",
        "string",
        "binary",
        "date",
        "timestamp",
        "decimal(10,2)",
        "decimal(38,0)",
        "decimal(38,38)",
    ];
    for word in WORDS {
        let Some(to) = cast::named(word).filter(|to| !cast::impossible(values.data_type(), to)) else { continue };
        match cast::array(values, &to) {
            Ok(cast) if cast.len() == values.len() && *cast.data_type() == to => {}
            Ok(cast) => panic!("a cast to {to} gives {} values of {}", cast.len(), cast.data_type()),
            Err(error) => panic!("a cast from {} to {to} fails: {error}", values.data_type()),
        }
    }
}

/// A value that is cast to text and back is the same.
fn spelled_and_read(value: &ArrayRef) {
    let again = cast::array(value, &DataType::Utf8).and_then(|text| cast::array(&text, value.data_type()));
    match again {
        Ok(again) if again.as_ref() == value.as_ref() => {}
        Ok(_) => panic!("a value of {} that is spelled is read as another one", value.data_type()),
        Err(error) => panic!("a value of {} that is spelled is not read: {error}", value.data_type()),
    }
}

/// What a format has read it spells, and what it spells it reads, so that it is spelled the same again.
fn formatted(format: &str, text: &str) {
    let Ok(format) = Format::new(format) else { return };
    let Some(time) = format.read(text) else { return };
    let spelled = format.spelled(time);
    if let Some(again) = format.read(&spelled)
        && format.spelled(again) != spelled
    {
        panic!("a time that is spelled, read and spelled is another one");
    }
}

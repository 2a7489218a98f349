//! Any bytes as a statement and as a predicate of Spark SQL.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakegate_quality::exercise::spark_sql(bytes));

"""Writes crates/quality/src/fixtures/casts.tsv: which texts Spark casts to which types, outside of its ANSI mode.

    pip install pyspark==3.5.4        (and Java 17)
    python tests/oracle/casts.py > crates/quality/src/fixtures/casts.tsv

A line: the type, the text as a JSON string, and whether the cast gives a value.
"""
import json

from pyspark.sql import SparkSession

TEXTS = {
    "int": ["0", " 12 ", "-7", "+7", "12.9", "007", "2147483647", "-2147483648", ".", "", "-", "+.", "-.5", "1e3", "2147483648",
            "1_0", "0x1", "1.2.3", "１", "\u00a012", "\t3\n", "12 3"],
    "bigint": ["2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "a"],
    "double": ["1", "1.", ".5", "1e5", "1E-5", "1e+5", "1d", "2f", "NaN", "nan", "+NaN", "-nan", "inf", "+inf", "-Infinity", "infd",
               "1e999", "", ".", "e5", "1e", "1,5", "--1", "+-1", "0x1p3", "0x1", "-0X1.8P-1", "0xp1", " 1 ", "1 2", "1dd", "1_0"],
    "decimal(4,2)": ["99.99", "99.994", "99.995", "0.001", "1e1", "-0", "1E-9", "00012", "100", "1e2", "", ".", "x", "1e",
                     "9999999999", ".5", "5.", "+1", "0e99", "1e-99", "1e5", "-99.994", "9.9949e1", "0.00000000000000000000000000000000000000000001"],
    "boolean": ["true", "T", "yes", "0", " N ", "", "2", "on", "TRUE", "f"],
    "date": ["2026", "2026-1", "2026-01-31", "2026-1-3", "2026-01-31 x", "2026-01-31T12:00", "-2026-01-01", "012026", "0122026",
             "01220265", "", "26-01-01", "2026-13", "2026-02-30", "2026/01/31", "2026-01-31x", "2026-", "20260131", "x",
             "2026-00-01", "+2026-01-01", " 2026-01-01 ", "0000-01-01", "2026-01T", "2024-02-29"],
    "timestamp": ["2026", "2026-01-31", "2026-01-31 9", "2026-01-31T09:05", "2026-01-31 23:59:59.123456789", "2026-01-31 09:05:00Z",
                  "2026-01-31T09:05:00+09:00", "2026-01-31 09:05:00 Asia/Seoul", "2026-01-31 09:05:00 UTC+9", "T09:05", "9:05:01",
                  "", "2026-01-31T", "2026-01-31 24:00:00", "2026-01-31 9:60", "2026-01 9:00", "2026-01-31 9:00 Mars", "12",
                  "2026-01-31 09:05:00+19:00", "2026-01-31 09:05:00+9", "2026-01-31 09:05:00+0900", "2026-01-31 09:05:00 utc",
                  "2026-01-31 09:05:00 KST", "2026-01-31 09:05:00EST", "2026-01-31 09:05:", "2026-01-31 09:05:00.",
                  "2026-01-31  09:05", "20260131", "-2026-01-01 00:00", "2026-01-31 09Z", "2026-01-31 09:05Z",
                  "2026-01-31 09:05+09:00:00", "2026-01-31 09:05:00+24:00", "2026-01-31 09:05:00-1:5", "012026", "0122026",
                  "2026-01-31 09:05:00 +09:00", "2026-01-31 09:05:00.5 Europe/Berlin", "T9", "2026-1-3 9:5:1"],
}

spark = (SparkSession.builder.master("local[1]").config("spark.sql.ansi.enabled", "false")
         .config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
for name, texts in TEXTS.items():
    frame = spark.createDataFrame([(text,) for text in texts], "text string")
    for row in frame.selectExpr("text", f"cast(text as {name}) is not null as cast").collect():
        print(name, json.dumps(row.text), str(row.cast).lower(), sep="\t")

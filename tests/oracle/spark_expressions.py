"""What Apache Spark says of the expressions in spark_expressions.txt, with the settings of AWS Glue (no ANSI mode, UTC).

From the root of the repository, with Java 17 and a throw-away environment (python3 -m venv V; V/bin/pip install pyspark==3.5.4):

    V/bin/python tests/oracle/spark_expressions.py > crates/quality/src/spark/spark35.jsonl

The first line is the data, column by column; each other line is an expression `e` and its values `v`, a row each, or `error`.
Dates and timestamps are texts, decimals are {"d": "1.50"}, other numbers are numbers or "NaN" and "Infinity".
"""

import datetime
import decimal
import json
import math
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.types import (
    BooleanType, DateType, DecimalType, DoubleType, IntegerType, LongType, StringType, StructField, StructType, TimestampType,
)

DATE, TIME, D = datetime.date, datetime.datetime, decimal.Decimal
ROWS = [
    (1, 7, 100, 0.5, D("10.50"), "abc", "12", DATE(2026, 3, 1), TIME(2026, 3, 1, 12, 30, 45, 500000), True, 1),
    (2, 0, -5, -2.5, D("-0.15"), "", "3", DATE(2024, 2, 29), TIME(2024, 2, 29, 0, 0, 0), False, 2),
    (3, None, None, None, None, None, None, None, None, None, None),
    (4, -7, 3000000000, float("nan"), D("0.25"), " aB1 ", " 7 ", DATE(1999, 12, 31), TIME(1999, 12, 31, 23, 59, 59), True, 4),
    (5, 12, 0, 1234567.891, D("99999.99"), "a1b2c3", "1.5", DATE(2026, 12, 31), TIME(2026, 7, 4, 13, 5, 9), False, 5),
    (6, 300, 42, 2.5, D("2.35"), "한글 abc", "x", DATE(1969, 7, 20), TIME(1969, 7, 20, 20, 17, 40), True, 6),
    (7, 1, 1, 1e-5, D("0.05"), "100%", "2026-03-01", DATE(2000, 1, 1), TIME(2000, 1, 1, 0, 0, 1), None, 7),
    (8, 2, 2, -0.0, D("3.00"), "abc", "true", DATE(2025, 1, 31), TIME(2025, 1, 31, 6, 0, 0), True, 8),
]
SCHEMA = StructType([
    StructField("OrderId", LongType()), StructField("i", IntegerType()), StructField("l", LongType()), StructField("d", DoubleType()),
    StructField("m", DecimalType(10, 2)), StructField("s", StringType()), StructField("n", StringType()), StructField("day", DateType()),
    StructField("ts", TimestampType()), StructField("b", BooleanType()), StructField("Order Id", IntegerType()),
])


def plain(value):
    if isinstance(value, decimal.Decimal):
        return {"d": format(value, "f")}
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value


def main():
    spark = (
        SparkSession.builder.master("local[1]").config("spark.sql.ansi.enabled", "false").config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1").config("spark.driver.memory", "2g").getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    frame = spark.createDataFrame(ROWS, SCHEMA).coalesce(1)
    frame.createOrReplaceTempView("primary")
    print(json.dumps({field.name: [plain(row[at]) for row in ROWS] for at, field in enumerate(SCHEMA)}, ensure_ascii=False))
    for line in Path("tests/oracle/spark_expressions.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        try:
            rows = spark.sql(line).collect() if line.startswith(("select ", "with ")) else frame.selectExpr(line).collect()
            answer = {"v": [plain(row[0]) for row in rows]}
        except Exception as error:  # Spark's own refusal is an answer, too.
            answer = {"error": type(error).__name__}
        print(json.dumps({"e": line, **answer}, ensure_ascii=False))


main()

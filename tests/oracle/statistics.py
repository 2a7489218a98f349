"""Statistics of a table, by DuckDB: what lakegate's rules measure is compared with them.

    python statistics.py FILE.parquet       makes the file, and prints {metric: value}
"""

import json
import sys

import duckdb

# NULLs in every column, values that repeat, large ones near each other, and a column that follows another.
DATA = """
    SELECT CASE WHEN i % 7 = 0 THEN NULL ELSE 1e9 + hash(i) % 1000 / 8.0 END AS amount,
           CASE WHEN i % 11 = 0 THEN NULL ELSE (hash(i * 3) % 97)::BIGINT END AS kind,
           CASE WHEN i % 5 = 0 THEN NULL ELSE 'w' || (hash(i * 5) % 4000) END AS word,
           CASE WHEN i % 13 = 0 THEN NULL ELSE (1e9 + hash(i) % 1000 / 8.0) * 2 + hash(i * 9) % 100 END AS follower,
           ((hash(i * 2) % 100000)::DECIMAL(12, 2) / 100)::DECIMAL(12, 2) AS price
    FROM range(50000) t(i)
"""

METRICS = {
    "Column.amount.StandardDeviation": "stddev_pop(amount)",
    "Column.kind.Variance": "var_pop(kind)",
    "Column.price.StandardDeviation": "stddev_pop(price)",
    "Multicolumn.amount,follower.ColumnCorrelation": "corr(amount, follower)",
    # DuckDB's entropy counts in bits and takes NULL for a value; distinct values leave it out.
    "Column.kind.Entropy": "(SELECT entropy(kind) * ln(2) FROM data WHERE kind IS NOT NULL)",
    "Column.word.Entropy": "(SELECT entropy(word) * ln(2) FROM data WHERE word IS NOT NULL)",
    "Column.kind.DistinctValuesCount": "count(DISTINCT kind) + 1",
    "Column.word.UniqueValueRatio":
        "(SELECT count(*) FILTER (n = 1) / count(*) FROM (SELECT count(*) AS n FROM data WHERE word IS NOT NULL GROUP BY word))",
}


def main():
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE data AS {DATA}")
    connection.execute(f"COPY data TO '{sys.argv[1]}' (FORMAT parquet, ROW_GROUP_SIZE 4096)")
    columns = ", ".join(f"({expression})::DOUBLE" for expression in METRICS.values())
    print(json.dumps(dict(zip(METRICS, connection.execute(f"SELECT {columns} FROM data").fetchone()))))


if __name__ == "__main__":
    main()

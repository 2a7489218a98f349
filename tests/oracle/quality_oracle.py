"""What DuckDB measures where lakegate judges rules: makes Parquet files, and prints what to run and what to expect.

    python quality_oracle.py generated FOLDER          data that is made here
    python quality_oracle.py olist FOLDER SOURCE       the CSV files of the marketplace Olist in SOURCE

Prints a list of runs: a file, other files by their alias, and cases of a rule, its metric, the metric's value and the rule's result.
"""

import json
import math
import sys

import duckdb

import quality_oracle_generated
import quality_oracle_olist

PARTS = {"generated": quality_oracle_generated, "olist": quality_oracle_olist}


def near(value):
    """A condition that holds for a value and those next to it alone."""
    if not math.isfinite(value):
        return "!= 0"
    margin = max(abs(value) * 1e-9, 1e-12)
    return f"between {value - margin:.15f} and {value + margin:.15f}"


class Cases:
    """The rules over one dataset, and what DuckDB says of them."""

    def __init__(self, connection, data, references):
        self.connection = connection
        self.data = data
        self.references = references
        self.cases = []

    def value(self, expression, where=None):
        """An aggregate over the dataset or a query for one value; what is no text is the value."""
        if not isinstance(expression, str):
            return expression
        filtered = f" WHERE {where}" if where else ""
        (value,) = self.connection.execute(f"SELECT ({expression})::DOUBLE FROM {self.data}{filtered}").fetchone()
        return value

    def add(self, rule, metric, value, result):
        # JSON has no such numbers.
        value = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(value), value)
        self.cases.append({"rule": rule, "metric": metric, "value": value, "result": result})

    def measure(self, rule, metric, expression, where=None):
        """A rule with a number for its condition, which is put round the value: it passes. Without a value it fails."""
        value = self.value(expression, where)
        filtered = f' where "{where}"' if where else ""
        condition = "> 0" if value is None else near(value)
        self.add(f"{rule} {condition}{filtered}", metric, value, "FAIL" if value is None else "PASS")

    def rows(self, rule, metric, predicate, where=None):
        """A rule over rows: the share of those for which the predicate is true, and whether that is all of them."""
        value = self.value(f"avg(coalesce(({predicate}), false)::INTEGER)", where)
        filtered = f' where "{where}"' if where else ""
        self.add(f"{rule}{filtered}", metric, value, "PASS" if value == 1.0 else "FAIL")

    def values(self, column, condition, predicate, where=None):
        self.rows(f'ColumnValues "{column}" {condition}', f"Column.{column}.ColumnValues.Compliance", predicate, where)

    def extreme(self, rule, metric, predicate, expression):
        """A metric beside the share of a rule over rows, which tells the result."""
        held = self.value(f"avg(coalesce(({predicate}), false)::INTEGER)") == 1.0
        self.add(rule, metric, self.value(expression), "PASS" if held else "FAIL")

    def run(self):
        references = {alias: f"{table}.parquet" for alias, table in self.references.items()}
        return {"data": f"{self.data}.parquet", "references": references, "cases": self.cases}


def main():
    part, folder, *more = sys.argv[1:]
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    tables = PARTS[part].make(connection, *more)
    for table in tables:
        connection.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet, ROW_GROUP_SIZE 4096)")
    runs = PARTS[part].runs(lambda data, references={}: Cases(connection, data, references))
    print(json.dumps([cases.run() for cases in runs]))


if __name__ == "__main__":
    main()

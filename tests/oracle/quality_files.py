"""Data for `lakegate quality`, and what it wrote, through writers and readers that are not ours.

    python quality_files.py write FOLDER      the same 1,000 rows in every form that is read; see `write`
    python quality_files.py keys FILE ROWS    a Parquet file of so many rows, each with a key of its own
    python quality_files.py read FILE         how many rows a file of row outcomes has by its four columns, as JSON
    python quality_files.py junit FILE        a JUnit document as JSON: attributes of suites and cases
"""

import gzip
import json
import pathlib
import sys
import xml.etree.ElementTree

import duckdb
from deltalake import write_deltalake

# Every tenth row has status `lost`; `day` is one of five; `note` is blank in a quarter of the rows.
ROWS = """select i as id, case when i % 10 = 0 then 'lost' else 'paid' end as status, i * 0.5 as amount,
    date '2026-03-01' + (i % 5)::int as day, case when i % 4 = 0 then null else 'n' || i end as note
    from range(1000) t(i) order by i"""


def gzipped(path):
    gzip.open(f"{path}.gz", "wb").write(path.read_bytes())


def write(folder):
    folder = pathlib.Path(folder)
    connection = duckdb.connect()
    connection.execute(f"create table rows as {ROWS}")
    for name, options in [("rows.parquet", ""), ("rows.csv", "(header)"), ("rows.jsonl", "(format json)")]:
        connection.execute(f"copy rows to '{folder / name}' {options}")
    gzipped(folder / "rows.csv")
    gzipped(folder / "rows.jsonl")
    for kind in ["parquet", "csv"]:
        connection.execute(f"copy rows to '{folder / ('days_' + kind)}' (format {kind}, partition_by (day))")
    (folder / "parts").mkdir()
    for part in range(4):
        connection.execute(f"copy (select * from rows where id % 4 = {part}) to '{folder}/parts/part-{part}.parquet'")
    (folder / "parts" / "_SUCCESS").write_text("")
    halves = [connection.sql(f"select * from rows where {where} order by id").to_arrow_table()
              for where in ["id < 500", "id >= 500"]]
    for half in halves:
        write_deltalake(str(folder / "table"), half, mode="append", partition_by=["day"])
    # The writer itself cannot make a folder of this name.
    (folder / "table").rename(folder / "table 표%41")


def keys(file, rows):
    duckdb.execute(f"copy (select i as id, md5(i::varchar) as key from range({int(rows)}) t(i)) to '{file}'")


def lists(text):
    return json.dumps(json.loads(text) if isinstance(text, str) else text)


def read(file):
    columns = ["DataQualityRulesPass", "DataQualityRulesFail", "DataQualityRulesSkip", "DataQualityEvaluationResult"]
    if file.endswith(".jsonl"):
        lines = [json.loads(line) for line in pathlib.Path(file).read_text().splitlines()]
        found = [[line[column] for column in columns] for line in lines]
    else:
        source = f"read_csv('{file}', all_varchar = true)" if file.endswith(".csv") else f"'{file}'"
        found = duckdb.execute(f"select {', '.join(columns)} from {source}").fetchall()
    counts = {}
    for *rules, result in found:
        key = " ".join([lists(part) for part in rules] + [result])
        counts[key] = counts.get(key, 0) + 1
    print(json.dumps(counts))


def junit(file):
    root = xml.etree.ElementTree.parse(file).getroot()
    cases = [dict(case.attrib, outcome=[child.tag for child in case if child.tag != "properties"],
                  properties={p.get("name"): p.get("value") for p in case.iter("property")})
             for case in root.iter("testcase")]
    print(json.dumps({"suites": [dict(suite.attrib) for suite in root.iter("testsuite")], "cases": cases}))


if __name__ == "__main__":
    {"write": write, "keys": keys, "read": read, "junit": junit}[sys.argv[1]](*sys.argv[2:])

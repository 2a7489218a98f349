"""Data for `lakegate quality`, and what it wrote, through writers and readers that are not ours.

    python quality_files.py write FOLDER      the same 1,000 rows in every form that is read; see `write`
    python quality_files.py features FOLDER   Delta tables with deletion vectors and with column mapping; see `features`
    python quality_files.py keys FILE ROWS    a Parquet file of so many rows, each with a key of its own
    python quality_files.py read FILE         how many rows a file of row outcomes has by its four columns, as JSON
    python quality_files.py junit FILE        a JUnit document as JSON: attributes of suites and cases
"""

import gzip
import json
import pathlib
import struct
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


def inline_deletions(rows):
    """A Delta deletion vector of these rows, which must be even in number: a roaring bitmap of one array, in Z85."""
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16) + struct.pack(f"<{len(rows)}H", *sorted(rows))
    packed = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    text = ""
    for (word,) in struct.iter_unpack(">I", packed):
        text += "".join(alphabet[word // 85**place % 85] for place in (4, 3, 2, 1, 0))
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(packed), "cardinality": len(rows)}


def features(folder):
    """Delta tables as Spark leaves them: `deleted` lacks four of the 1,000 rows, `renamed` calls its column `id` `c1` in the file."""
    for name, feature, column, configuration in [
            ("deleted", "deletionVectors", {}, {"delta.enableDeletionVectors": "true"}),
            ("renamed", "columnMapping", {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "c1"},
             {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "1"})]:
        table = pathlib.Path(folder, name)
        (table / "_delta_log").mkdir(parents=True)
        file = table / "part.parquet"
        inside = "c1" if column else "id"
        duckdb.execute(f"copy (select i as {inside} from range(1000) t(i)) to '{file}' (field_ids {{{inside}: 1}})")
        schema = {"type": "struct", "fields": [{"name": "id", "type": "long", "nullable": True, "metadata": column}]}
        add = {"path": file.name, "partitionValues": {}, "size": file.stat().st_size, "modificationTime": 1, "dataChange": True,
               "stats": json.dumps({"numRecords": 1000})}
        if name == "deleted":
            add["deletionVector"] = inline_deletions([0, 1, 500, 999])
        entries = [{"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [feature], "writerFeatures": [feature]}},
                   {"metaData": {"id": name, "format": {"provider": "parquet", "options": {}}, "schemaString": json.dumps(schema),
                                 "partitionColumns": [], "configuration": configuration, "createdTime": 1}},
                   {"add": add}]
        (table / "_delta_log" / f"{0:020}.json").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


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
    {"write": write, "features": features, "keys": keys, "read": read, "junit": junit}[sys.argv[1]](*sys.argv[2:])

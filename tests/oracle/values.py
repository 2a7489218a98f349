"""Reads a table through independent readers and prints its rows, in the order of `id`, as JSON: {reader: [row, ...]}.

    python values.py TABLE

`deltalake` and `polars` read the log by themselves. `duckdb` reads the Parquet files, once with the partition values that the log
gives, once with those that it finds in the folders' names, as Athena does with a Hive table.
"""

import json
import sys
import urllib.parse

import duckdb
import polars
import pyarrow
from deltalake import DeltaTable


# Without the module pytz DuckDB hands no timestamp with a time zone over to Python.
TIME = "strftime(make_timestamp(epoch_us(opened_at)), '%Y-%m-%d %H:%M:%S')"


def plain(rows):
    out = [[v if v is None or isinstance(v, (int, str)) else v.strftime("%Y-%m-%d %H:%M:%S") for v in row] for row in rows]
    return sorted(out, key=lambda row: row[0])


def through_the_log(table, files):
    rows = []
    actions = pyarrow.table(table.get_add_actions(flatten=True)).to_pydict()
    for at, path in enumerate(actions["path"]):
        (file,) = [f for f in files if f.endswith(path) or f.endswith(urllib.parse.unquote(path))]
        for (id_, note, opened) in duckdb.execute(f"select id, note, {TIME} from read_parquet(?)", [file]).fetchall():
            rows.append((id_, actions["partition.city"][at], note, opened))
    return rows


def main(path):
    table = DeltaTable(path)
    files = [urllib.parse.unquote(urllib.parse.urlparse(uri).path) if uri.startswith("file:") else uri for uri in table.file_uris()]
    arrow = table.to_pyarrow_table()
    select = f"select id, city, note, {TIME} from read_parquet(?, hive_partitioning = true, hive_types_autocast = false)"
    print(json.dumps({
        "deltalake": plain(tuple(row.values()) for row in arrow.select(["id", "city", "note", "opened_at"]).to_pylist()),
        "duckdb, through the log": plain(through_the_log(table, files)),
        "duckdb, through the folders": plain(duckdb.execute(select, [files]).fetchall()),
        "polars": plain(polars.scan_delta(path).select("id", "city", "note", "opened_at").collect().rows()),
    }))


if __name__ == "__main__":
    main(*sys.argv[1:])

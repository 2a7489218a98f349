"""Counts the rows of every table of a lake through independent readers, as JSON: {table: {reader: rows}}.

    python readers.py LAKE

`deltalake` is delta-rs' Python package reading the log; `duckdb` reads the Parquet files that the log names, by its own reader.
"""

import json
import os
import pathlib
import sys
import urllib.parse

import duckdb
from deltalake import DeltaTable


def main(lake):
    counts = {}
    for folder in sorted(pathlib.Path(lake, "tables").iterdir()):
        table = DeltaTable(str(folder))
        paths = [urllib.parse.urlparse(uri).path if uri.startswith("file:") else uri for uri in table.file_uris()]
        files = [path if pathlib.Path(path).exists() else urllib.parse.unquote(path) for path in paths]
        by_log = table.to_pyarrow_table().num_rows if hasattr(table, "to_pyarrow_table") else sum(
            batch.num_rows for batch in table.to_pyarrow_dataset().to_batches())
        by_duckdb = sum(duckdb.execute("select count(*) from read_parquet(?)", [file]).fetchall()[0][0] for file in files)
        counts[folder.name] = {"deltalake": by_log, "duckdb": by_duckdb}
    print(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
    # Arrow's threads do not always end well with the interpreter.
    sys.stdout.flush()
    os._exit(0)

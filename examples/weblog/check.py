"""Compares the lake's traffic report with DuckDB over the raw access log.

    python examples/weblog/check.py LAKEGATE DATA

LAKEGATE is the program, DATA the folder of combined.log. Exits with 1 where they differ.
"""

import csv
import io
import pathlib
import subprocess
import sys

import duckdb

HERE = pathlib.Path(__file__).parent
# One line of the log is cut off within its user agent: lakegate quarantines it, so it is left out here too.
LINE = r'^(\S+) \S+ \S+ \[([^\]]+)\] "(?:[^"\\]|\\.)*" (\d{3}) \S+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"$'
EXPECTED = f"""
    with line as (
        select regexp_extract(line, '{LINE}', 1) as ip, regexp_extract(line, '{LINE}', 3)::int as status,
            strptime(regexp_extract(line, '{LINE}', 2)[:20], '%d/%b/%Y:%H:%M:%S') as ts
        from read_csv('DATA/combined.log', columns={{'line': 'varchar'}}, delim='\x01', quote='', escape='', header=false))
    select date_trunc('hour', ts), count(*), count(distinct ip),
        count(*) filter (status between 200 and 299), count(*) filter (status between 300 and 399),
        count(*) filter (status between 400 and 499), count(*) filter (status between 500 and 599)
    from line where ip <> '' group by 1 order by 1"""


def main(lakegate, data):
    printed = subprocess.run(
        [lakegate, "--project", str(HERE), "report", "traffic_by_hour", "--format", "csv"],
        check=True, capture_output=True, text=True).stdout
    found = [[row[0][:13].replace("T", " "), *map(int, row[1:])] for row in list(csv.reader(io.StringIO(printed)))[1:]]
    expected = [[str(row[0])[:13], *row[1:]] for row in duckdb.sql(EXPECTED.replace("DATA", data)).fetchall()]
    if found == expected:
        print(f"traffic_by_hour: {len(found)} rows, as in DuckDB")
        return 0
    print(f"traffic_by_hour differs: {found[:3]} here, {expected[:3]} in DuckDB")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

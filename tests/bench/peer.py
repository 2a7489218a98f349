"""lakegate as one more tool of the side-by-side benchmark.

    run.py W1 --data DATA --out OUT --extra 'lakegate=python3 tests/bench/peer.py target/release/lakegate clicks {data} {out}'
    run.py W2 --data DATA --out OUT --extra 'lakegate=python3 tests/bench/peer.py target/release/lakegate rds {data} {out}'

Writes a project for the benchmark's data, runs it, puts the published files where the benchmark looks for them, and prints the
counts that it asks for. What is measured is a whole run: redaction, row rules, audit and commit included.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROJECT = """name = "bench"
time_zone = "UTC"
[lake]
location = "lake"
[connections.shop]
url = "postgres://bench:bench@127.0.0.1:{port}/shop"
"""

CLICKS = {
    "event_id": "string", "ts": "timestamp", "user_id": "bigint", "session_id": "string", "event": "string", "page": "string",
    "product_id": "bigint", "referrer": "string", "user_agent": "string", "ip": "drop", "utm_source": "utm.source",
    "utm_medium": "utm.medium", "utm_campaign": "utm.campaign",
}
BAND = '{ band = { as_of = "2026-03-09", edges = [20, 30, 40, 50, 60], labels = ["10대", "20대", "30대", "40대", "50대", "60대 이상"] } }'
RDS = {
    "users": {"user_id": "bigint", "age_band": "birth_date", "gender": "string", "signup_at": "timestamp", "email": "drop",
              "password_hash": "drop", "name": "drop", "phone": "drop", "address": "drop"},
    "categories": {"category_id": "bigint", "name": "string", "parent_id": "bigint"},
    "products": {"product_id": "bigint", "name": "string", "category_id": "bigint", "price": "decimal(12,2)", "created_at": "timestamp"},
    "orders": {"order_id": "bigint", "user_id": "bigint", "status": "string", "ordered_at": "timestamp", "total_amount": "decimal(12,2)"},
    "order_items": {"order_item_id": "bigint", "order_id": "bigint", "product_id": "bigint", "quantity": "int", "unit_price": "decimal(12,2)"},
    "reviews": {"review_id": "bigint", "product_id": "bigint", "user_id": "bigint", "rating": "int", "body": "string", "created_at": "timestamp"},
}


def column(name, kind):
    required = ", nullable = false" if name in ("event_id", "ts", "event") else ""
    if kind == "drop":
        return f'{{ name = "{name}", type = "string", treatment = "drop" }}'
    if kind == "birth_date":
        return f'{{ name = "{name}", source = "birth_date", type = "date", treatment = {BAND} }}'
    if kind.startswith("utm."):
        return f'{{ name = "{name}", source = "{kind}", type = "string" }}'
    return f'{{ name = "{name}", type = "{kind}"{required} }}'


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def contract(columns, partition_by):
    listed = ",\n".join(column(name, kind) for name, kind in columns.items())
    return f"partition_by = {json.dumps(partition_by)}\ncolumns = [\n{listed}\n]\n"


def clicks(project, data):
    write(project / "schemas/clicks.toml", contract(CLICKS, ["date(ts) as date", "hour(ts) as hour"]))
    write(project / "jobs/clicks.toml",
          f'[source]\nkind = "clicks"\nfiles = "{data}/clicks/**/*.json.gz"\nformat = "json"\n')
    write(project / "quality-rules/clicks.dqdl",
          'Rules = [ ColumnValues "event" in ["page_view", "product_view", "add_to_cart", "checkout", "purchase"] ]\n')


def rds(project, _data):
    for table, columns in RDS.items():
        write(project / f"schemas/{table}.toml", contract(columns, ["month(ordered_at) as month"] if table == "orders" else []))
        write(project / f"jobs/{table}.toml",
              f'[source]\nkind = "rds"\nconnection = "shop"\ntable = "{table}"\n')


def main(binary, item, data, out):
    binary, out = os.path.abspath(binary), pathlib.Path(out).absolute()
    project = pathlib.Path(tempfile.mkdtemp(prefix="lakegate-bench-", dir=out.parent))
    try:
        write(project / "lakegate.toml", PROJECT.format(port=os.environ.get("BENCH_PG_PORT", "54329")))
        {"clicks": clicks, "rds": rds}[item](project, os.path.abspath(data))
        run = subprocess.run([binary, "--project", str(project), "run", "--json"], stdout=subprocess.PIPE, check=True)
        jobs = json.loads(run.stdout)["jobs"]
        for table in (project / "lake/tables").iterdir():
            target = out if item == "clicks" else out / table.name
            target.mkdir(parents=True, exist_ok=True)
            for entry in table.iterdir():
                if entry.name != "_delta_log":
                    shutil.move(str(entry), str(target / entry.name))
        result = {}
        if item == "clicks":
            result = {"rows": jobs[0]["record"]["rows_out"], "rejected": jobs[0]["record"]["rows_quarantined"]}
        print(json.dumps(result))
    finally:
        shutil.rmtree(project, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

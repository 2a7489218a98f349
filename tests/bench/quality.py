"""lakegate as one more tool of the benchmark's item W4: twenty rules over 20 M rows of Parquet.

    run.py W4 --data DATA --out OUT --extra 'lakegate=python3 tests/bench/quality.py target/release/lakegate {data} {out}'

The rules below are those of the benchmark in DQDL. What is measured is the whole process; a memory limit in LAKEGATE_MEMORY, such as
512MB, is passed on.
"""

import json
import os
import pathlib
import subprocess
import sys

STATUSES = ["delivered", "shipped", "paid", "cancelled", "refunded"]
# Where the benchmark measures what DQDL does: elsewhere it counts rows that break a rule, and DQDL gives their share.
COMPARED = {"row_count", "total_amount_mean", "total_amount_stddev", "total_amount_sum", "distinct_users", "corr_amount_items"}
CHANNELS = ["web", "app", "kakao", "store"]


def rules(params):
    """The benchmark's name of each rule, and the rule."""
    rows, listed = params["rows"], lambda values: ", ".join(f'"{value}"' for value in values)
    day = params["fresh_after"][:10]
    return {
        "row_count": f"RowCount > {params['min_rows']}",
        "complete_order_id": 'IsComplete "order_id"',
        "complete_user_id": 'IsComplete "user_id"',
        "complete_status": 'IsComplete "status"',
        "complete_ordered_at": 'IsComplete "ordered_at"',
        "complete_zip_code": 'Completeness "zip_code" >= 0.99',
        "unique_order_id": 'IsUnique "order_id"',
        "status_in_set": f'ColumnValues "status" in [{listed(STATUSES)}, NULL]',
        "channel_in_set": f'ColumnValues "channel" in [{listed(CHANNELS)}, NULL]',
        "total_amount_range": '(ColumnValues "total_amount" >= 0) and (ColumnValues "total_amount" < 10000000)',
        "coupon_regex": 'ColumnValues "coupon_code" matches "[A-Z]{3}-[0-9]{4}" where "coupon_code is not null" with threshold >= 0.999',
        "zip_code_length": 'ColumnLength "zip_code" = 5 where "zip_code is not null"',
        "total_amount_mean": 'Mean "total_amount" between 9999.999 and 60000.001',
        "total_amount_stddev": 'StandardDeviation "total_amount" between 4999.999 and 80000.001',
        "total_amount_sum": f'Sum "total_amount" between {10_000 * rows - 1} and {60_000 * rows + 1}',
        "user_id_exists": 'ReferentialIntegrity "user_id" "users.user_id" = 1.0',
        "freshness": f"RowCount > 0 where \"ordered_at >= timestamp '{day} 00:00:00'\"",
        "distinct_users": f'DistinctValuesCount "user_id" >= {params["users"] // 2}',
        "corr_amount_items": 'ColumnCorrelation "total_amount" "item_count" >= 0.5',
        "custom_discount": 'CustomSql "select count(*) from primary where discount > total_amount" = 0',
    }


def main(binary, data, out):
    data, out = pathlib.Path(data) / "quality", pathlib.Path(out)
    named = rules(json.loads((data / "params.json").read_text()))
    ruleset = out / "orders.dqdl"
    ruleset.write_text("Rules = [\n  " + ",\n  ".join(named.values()) + "\n]\n")
    memory = ["--memory-limit", os.environ["LAKEGATE_MEMORY"]] if "LAKEGATE_MEMORY" in os.environ else []
    command = [os.path.abspath(binary), "quality", "--data", str(data / "orders.parquet"), "--rules", str(ruleset),
               "--ref", f"users={data / 'users.parquet'}", "--json", *memory]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    ruleset.unlink()
    if run.returncode not in (0, 3):
        sys.exit(run.returncode)
    results = json.loads(run.stdout)["RuleResults"]
    judged = {name: {"pass": result["Result"] == "PASS"} for name, result in zip(named, results, strict=True)}
    for name, result in zip(named, results, strict=True):
        if name in COMPARED:
            judged[name]["value"] = next(iter(result["EvaluatedMetrics"].values()))
    (out / "quality.json").write_text(json.dumps(judged))
    print("{}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Compares the lake's reports with DuckDB over the raw CSV files.

    python examples/olist/check.py LAKEGATE DATA

LAKEGATE is the program, DATA the folder of the CSV files. Exits with 1 and names the report where they differ.
"""

import csv
import io
import pathlib
import subprocess
import sys

import duckdb

HERE = pathlib.Path(__file__).parent
CATEGORY = """
    coalesce(t.product_category_name_english, p.product_category_name, 'unknown')
"""
EXPECTED = {
    "category_sales": f"""
        select {CATEGORY}, count(distinct o.order_id), count(*), sum(i.price)
        from orders o join items i using (order_id) join products p using (product_id)
        left join translation t on t.product_category_name = p.product_category_name
        where o.order_status not in ('canceled', 'unavailable') group by 1""",
    "category_sales_and_reviews": f"""
        with item as (
            select i.order_id, i.price, {CATEGORY} as category from items i join products p using (product_id)
            left join translation t on t.product_category_name = p.product_category_name),
        score as (
            select category, count(*) as n, avg(review_score) as mean
            from (select distinct category, order_id from item) join reviews using (order_id) group by 1)
        select category, count(*), sum(price), coalesce(any_value(n), 0), any_value(mean)
        from item left join score using (category) group by 1""",
    "customers_by_district": """
        select left(customer_zip_code_prefix, 3), customer_state, count(*), count(distinct customer_unique_id)
        from customers group by 1, 2 having count(distinct customer_unique_id) >= 10""",
}
FILES = {
    "orders": "olist_orders_dataset", "items": "olist_order_items_dataset", "products": "olist_products_dataset",
    "reviews": "olist_order_reviews_dataset", "customers": "olist_customers_dataset",
    "translation": "product_category_name_translation",
}


def normal(cell):
    """A cell as something comparable: numbers to six digits, the rest as text."""
    if cell is None:
        return ""
    try:
        return round(float(cell), 6)
    except (TypeError, ValueError):
        return str(cell)


def rows(table):
    return sorted((tuple(normal(c) for c in row) for row in table), key=repr)


def main(lakegate, data):
    database = duckdb.connect()
    for name, file in FILES.items():
        database.execute(
            f"create view {name} as select * from read_csv('{data}/{file}.csv', types={{'price': 'decimal(10,2)'}})"
            if name == "items" else f"create view {name} as select * from read_csv('{data}/{file}.csv')")
    wrong = 0
    for report, sql in EXPECTED.items():
        printed = subprocess.run(
            [lakegate, "--project", str(HERE), "report", report, "--format", "csv"],
            check=True, capture_output=True, text=True).stdout
        found = rows(list(csv.reader(io.StringIO(printed)))[1:])
        expected = rows(database.execute(sql).fetchall())
        if found == expected:
            print(f"{report}: {len(found)} rows, as in DuckDB")
        else:
            wrong += 1
            print(f"{report}: {len(found)} rows, DuckDB has {len(expected)}; "
                  f"only here: {[r for r in found if r not in expected][:3]}, "
                  f"only there: {[r for r in expected if r not in found][:3]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

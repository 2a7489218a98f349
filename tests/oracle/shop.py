"""Computes the shop's five reports from its raw files, independently of lakegate, and prints them as JSON.

    python shop.py PROJECT

SQLite is read by Python's own module, workbooks by openpyxl, events by Python's json; the rest is DuckDB. The row rules of
`quality-rules/` are written here a second time.
"""

import collections
import gzip
import json
import pathlib
import re
import sqlite3
import sys
from datetime import date, datetime, timedelta

import duckdb
import openpyxl

AS_OF = date(2026, 3, 9)
BANDS = ["10대", "20대", "30대", "40대", "50대", "60대 이상"]
EVENTS = {"page_view", "product_view", "add_to_cart", "checkout", "purchase"}
STATUSES = "('delivered', 'shipped', 'paid', 'cancelled', 'refunded')"


def band(birth):
    birth = date.fromisoformat(birth)
    age = AS_OF.year - birth.year - ((AS_OF.month, AS_OF.day) < (birth.month, birth.day))
    return BANDS[min(max(age // 10 - 1, 0), 5)]


def database(project):
    raw = sqlite3.connect(project / "data/shop.db")
    out = duckdb.connect()
    columns = {
        "users": ("user_id bigint, birth_date varchar", "user_id, birth_date"),
        "categories": ("category_id bigint, name varchar, parent_id bigint", "*"),
        "products": ("product_id bigint, category_id bigint", "product_id, category_id"),
        "orders": ("order_id bigint, user_id bigint, status varchar, amount decimal(12,2)", "order_id, user_id, status, total_amount"),
        "order_items": ("order_id bigint, product_id bigint, quantity int, price decimal(12,2)",
                        "order_id, product_id, quantity, unit_price"),
        "reviews": ("product_id bigint, rating int", "product_id, rating"),
    }
    for table, (declared, selected) in columns.items():
        rows = raw.execute(f"select {selected} from {table}").fetchall()
        if table == "users":
            rows = [(user, band(birth)) for user, birth in rows]
        out.execute(f"create table {table} ({declared})")
        out.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)
    out.execute(f"delete from orders where amount < 0 or status not in {STATUSES}")
    out.execute("delete from reviews where rating not between 1 and 5")
    out.execute("""create view top as select product_id, coalesce(p.name, c.name) as category from products
        join categories c using (category_id) left join categories p on p.category_id = c.parent_id""")
    out.execute("""create view sold as select o.order_id, o.user_id, category, quantity, quantity * price as revenue from orders o
        join order_items using (order_id) join top using (product_id) where status not in ('cancelled', 'refunded')""")
    return out


def rows(names, table):
    return [dict(zip(names.split(), row)) for row in table]


def events(project):
    for path in sorted((project / "data/clicks").rglob("*.json.gz")):
        text, at = gzip.open(path, "rt").read(), 0
        decoder = json.JSONDecoder()
        while at < len(text):
            if text[at] in "\n ":
                at += 1
                continue
            try:
                event, at = decoder.raw_decode(text, at)
            except ValueError:
                at = text.find("\n", at)
                if at < 0:
                    break
                continue
            yield event


def hourly(project):
    hours = collections.defaultdict(lambda: [set(), collections.Counter()])
    for event in events(project):
        try:
            moment = datetime.fromisoformat(event["ts"].replace("Z", "+00:00")) + timedelta(hours=9)
        except ValueError:
            continue
        if event["event"] in EVENTS:
            sessions, counts = hours[moment.hour]
            sessions.add(event["session_id"])
            counts[event["event"]] += 1
    names = "hour sessions page_views product_views carts checkouts purchases"
    order = ["page_view", "product_view", "add_to_cart", "checkout", "purchase"]
    return rows(names, [(f"{h:02}", len(s), *(c[e] for e in order)) for h, (s, c) in sorted(hours.items())])


def survey(project):
    answers, respondents = collections.Counter(), collections.Counter()
    for path in sorted((project / "data/surveys").glob("*.xlsx")):
        sheet = openpyxl.load_workbook(path, read_only=True)["응답"]
        for cells in sheet.iter_rows(min_row=6, values_only=True):
            age, channels, scores = cells[1], cells[3], cells[5:8]
            good = all(s is None or (isinstance(s, (int, float)) and 1 <= s <= 5) for s in scores)
            if not good or (age is not None and not re.fullmatch("[1-6]0대( 이상)?", age)):
                continue
            if age is not None:
                respondents[age] += 1
                answers.update((age, channel.strip()) for channel in channels.split(","))
    table = [(age, channel, n, respondents[age], n / respondents[age]) for (age, channel), n in answers.items()]
    table.sort(key=lambda row: (row[0].encode(), -row[2], row[1].encode()))
    return rows("age_band channel answers respondents share", table)


def main(project):
    project = pathlib.Path(project)
    shop = database(project)
    print(json.dumps({
        "category_sales": rows("category orders quantity revenue", shop.execute(
            "select category, count(distinct order_id), sum(quantity)::bigint, sum(revenue)::double from sold group by 1 order by 4 desc, 1").fetchall()),
        "category_sales_by_age_band": rows("age_band category quantity revenue", shop.execute(
            "select birth_date, category, sum(quantity)::bigint, sum(revenue)::double from sold join users using (user_id) "
            "group by 1, 2 order by 1, 3 desc, 2").fetchall()),
        "category_sales_and_reviews": rows("category quantity revenue reviews average_rating", shop.execute(
            "with s as (select category, sum(quantity)::bigint as q, sum(revenue)::double as r from sold group by 1), "
            "v as (select category, count(*) as n, avg(rating) as m from reviews join top using (product_id) group by 1) "
            "select category, q, r, coalesce(n, 0), m from s left join v using (category) order by r desc, 1").fetchall()),
        "channel_by_age_band": survey(project),
        "hourly_clicks": hourly(project),
    }))


if __name__ == "__main__":
    main(*sys.argv[1:])

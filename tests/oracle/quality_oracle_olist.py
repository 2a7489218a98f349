"""Real data: a Brazilian marketplace with free text, line breaks in it, repeated ids, missing times and prices."""

TABLES = {"orders": "orders", "items": "order_items", "customers": "customers", "reviews": "order_reviews", "products": "products",
          "payments": "order_payments", "sellers": "sellers", "places": "geolocation"}


def make(connection, source):
    for table, name in TABLES.items():
        connection.execute(
            f"CREATE TABLE {table} AS SELECT * FROM read_csv('{source}/olist_{name}_dataset.csv', header = true, sample_size = -1)")
    return list(TABLES)


def runs(cases_of):
    made = []
    for part, references in ((orders, ("customers", "items", "payments")), (items, ("orders", "products", "sellers")),
                             (customers, ("orders",)), (reviews, ("orders",)), (products, ("items",)), (places, ())):
        cases = cases_of(part.__name__, {table: table for table in references})
        shape(cases)
        part(cases)
        made.append(cases)
    return made


def columns_of(cases):
    return cases.connection.execute(
        f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{cases.data}' ORDER BY column_index").fetchall()


def grouped(cases, columns, measure):
    keys = ", ".join(columns)
    present = " OR ".join(f"{column} IS NOT NULL" for column in columns)
    return f"SELECT {measure} FROM (SELECT count(*) AS n FROM {cases.data} WHERE {present} GROUP BY {keys})"


def shape(cases):
    """What can be asked of every column."""
    cases.measure("RowCount", "Dataset.*.RowCount", "count(*)")
    cases.measure("ColumnCount", "Dataset.*.ColumnCount", str(len(columns_of(cases))))
    whole = f"SELECT coalesce(sum(n) FILTER (n > 1), 0) FROM (SELECT count(*) AS n FROM {cases.data} t GROUP BY t)"
    cases.measure("DuplicateRowCount", "Dataset.*.DuplicateRowCount", whole)
    for column, kind in columns_of(cases):
        metric = f"Column.{column}."
        cases.measure(f'Completeness "{column}"', f"{metric}Completeness", f"count({column}) / count(*)")
        for name, measure in (("Uniqueness", "count(*) FILTER (n = 1) / sum(n)"),
                              ("UniqueValueRatio", "count(*) FILTER (n = 1) / count(*)"),
                              ("Entropy", "ln(sum(n)) - sum(n * ln(n)) / sum(n)"),
                              ("DuplicateRowCount", "coalesce(sum(n) FILTER (n > 1), 0)")):
            cases.measure(f'{name} "{column}"', f"{metric}{name}", grouped(cases, [column], measure))
        cases.measure(f'DistinctValuesCount "{column}"', f"{metric}DistinctValuesCount",
                      f"count(DISTINCT {column}) + (count({column}) < count(*))::INTEGER")
        if kind == "VARCHAR":
            length = f"coalesce(length({column}), 0)"
            for condition in ("> 10", "<= 32", "= 32"):
                rule = f'ColumnLength "{column}" {condition}'
                cases.rows(rule, f"{metric}LengthCompliance", f"{length} {condition}")
                cases.extreme(rule, f"{metric}MaximumLength", f"{length} {condition}", f"max({length})")
            cases.values(column, 'matches "[0-9a-f]{32}"', f"regexp_full_match({column}, '[0-9a-f]{{32}}')")
            cases.values(column, 'not matches "(?s).*[çãé].*"', f"NOT regexp_full_match({column}, '(?s).*[çãé].*')")
            cases.values(column, "!= EMPTY", f"{column} IS DISTINCT FROM ''")
        elif kind in ("BIGINT", "DOUBLE"):
            numbers(cases, column, metric)
        elif kind in ("DATE", "TIMESTAMP"):
            times(cases, column)


def numbers(cases, column, metric):
    mean = f"(SELECT avg({column}) FROM {cases.data})"
    for name, expression in (("Mean", f"avg({column})"), ("Sum", f"sum({column})"), ("StandardDeviation", f"stddev_pop({column})"),
                             ("Variance", f"var_pop({column})"), ("Range", f"max({column}) - min({column})"),
                             ("InterquartileRange", f"quantile_cont({column}, 0.75) - quantile_cont({column}, 0.25)"),
                             ("Skewness", f"avg(power({column} - {mean}, 3)) / power(stddev_pop({column}), 3)"),
                             ("Kurtosis", f"avg(power({column} - {mean}, 4)) / power(var_pop({column}), 2) - 3"),
                             ("ZerosCount", f"count(*) FILTER ({column} = 0)")):
        cases.measure(f'{name} "{column}"', f"{metric}{name}", expression)
    for condition, predicate in (("> 10", f"{column} > 10"), ("between 0 and 100", f"{column} > 0 AND {column} < 100"),
                                 ("not between 0 and 100", f"{column} <= 0 OR {column} >= 100"),
                                 ("in [1, 5, 99.9]", f"{column} IN (1, 5, 99.9)"),
                                 ("!= 99.9", f"{column} IS DISTINCT FROM 99.9")):
        cases.values(column, condition, predicate)
    cases.extreme(f'ColumnValues "{column}" > 10', f"{metric}Maximum", f"{column} > 10", f"max({column})")


def times(cases, column):
    day = f"{column}::DATE"
    for condition, predicate in (('> "2018-01-01"', f"{day} > DATE '2018-01-01'"), ('<= "2017-12-31"', f"{day} <= DATE '2017-12-31'"),
                                 ('between "2017-06-30" and "2018-07-01"', f"{day} > DATE '2017-06-30' AND {day} < DATE '2018-07-01'"),
                                 ('not in ["2017-11-24"]', f"{day} IS DISTINCT FROM DATE '2017-11-24'"),
                                 ("!= NULL", f"{column} IS NOT NULL")):
        cases.values(column, condition, predicate)
    metric = f"Column.{column}.DataFreshness.Compliance"
    cases.rows(f'DataFreshness "{column}" > 1000 days', metric, f"{column} < now() AT TIME ZONE 'UTC' - INTERVAL 1000 DAY")


def integrity(cases, own, table, theirs):
    pairs = " AND ".join(f"d.{a} = r.{b}" for a, b in zip(own, theirs))
    value = f"SELECT avg(EXISTS (SELECT 1 FROM {table} r WHERE {pairs})::INTEGER) FROM {cases.data} d"
    listed = f"{table}.{theirs[0]}" if len(theirs) == 1 else f"{table}.{{{','.join(theirs)}}}"
    cases.measure(f'ReferentialIntegrity "{",".join(own)}" "{listed}"', f"Column.{table}.ReferentialIntegrity", value)


STATUSES = ("delivered", "shipped", "invoiced")


def orders(cases):
    cases.rows('IsComplete "order_approved_at"', "Column.order_approved_at.Completeness", "order_approved_at IS NOT NULL")
    cases.rows('IsComplete "order_delivered_customer_date"', "Column.order_delivered_customer_date.Completeness",
               "order_delivered_customer_date IS NOT NULL", "order_status = 'delivered'")
    listed = ", ".join(f'"{status}"' for status in STATUSES)
    cases.values("order_status", f"in [{listed}]", f"order_status IN {STATUSES}")
    cases.values("order_status", f"not in [{listed}]", f"order_status NOT IN {STATUSES}")
    cases.values("order_purchase_timestamp", '> "2017-01-01"', "order_purchase_timestamp::DATE > DATE '2017-01-01'",
                 "order_status = 'delivered'")
    integrity(cases, ["customer_id"], "customers", ["customer_id"])
    integrity(cases, ["order_id"], "items", ["order_id"])
    integrity(cases, ["order_id"], "payments", ["order_id"])
    cases.measure('RowCountMatch "items"', "Dataset.items.RowCountMatch", "count(*) / (SELECT count(*) FROM items)")
    late = "order_delivered_customer_date > order_estimated_delivery_date"
    cases.measure(f'CustomSql "SELECT count(*) FROM primary WHERE {late}"', "Dataset.*.CustomSQL", f"count(*) FILTER ({late})")
    cases.rows(f'CustomSql "SELECT order_id FROM primary WHERE {late}"', "Dataset.*.CustomSQL.Compliance", late)


def items(cases):
    cases.measure('Uniqueness "order_id" "order_item_id"', "Multicolumn.order_id,order_item_id.Uniqueness",
                  grouped(cases, ["order_id", "order_item_id"], "count(*) FILTER (n = 1) / sum(n)"))
    integrity(cases, ["order_id"], "orders", ["order_id"])
    integrity(cases, ["product_id"], "products", ["product_id"])
    integrity(cases, ["seller_id"], "sellers", ["seller_id"])
    cases.measure('ColumnCorrelation "price" "freight_value"', "Multicolumn.price,freight_value.ColumnCorrelation",
                  "corr(price, freight_value)")
    cases.measure('Sum "price"', "Column.price.Sum", "sum(price)", "freight_value = 0")
    cases.measure('AggregateMatch "sum(price)" "sum(freight_value)"', "Column.price,freight_value.AggregateMatch",
                  "sum(price) / sum(freight_value)")
    cases.measure('AggregateMatch "avg(order_item_id)" "avg(products.product_weight_g)"',
                  "Column.order_item_id,product_weight_g.AggregateMatch",
                  "avg(order_item_id) / (SELECT avg(product_weight_g) FROM products)")


def customers(cases):
    integrity(cases, ["customer_id"], "orders", ["customer_id"])
    cases.measure('DuplicateRowCount "customer_city" "customer_state"', "Multicolumn.customer_city,customer_state.DuplicateRowCount",
                  grouped(cases, ["customer_city", "customer_state"], "sum(n) FILTER (n > 1)"))
    cases.values("customer_state", 'in ["SP", "RJ", "MG"]', "customer_state IN ('SP', 'RJ', 'MG')")
    cases.values("customer_state", 'matches "[A-Z]{2}"', "regexp_full_match(customer_state, '[A-Z]{2}')")


def reviews(cases):
    cases.measure('Uniqueness "review_id" "order_id"', "Multicolumn.review_id,order_id.Uniqueness",
                  grouped(cases, ["review_id", "order_id"], "count(*) FILTER (n = 1) / sum(n)"))
    integrity(cases, ["order_id"], "orders", ["order_id"])
    cases.values("review_score", "in [1, 2, 3, 4, 5]", "review_score BETWEEN 1 AND 5")
    # Java's point leaves out line breaks of all kinds, DuckDB's the line feed alone.
    cases.values("review_comment_message", 'matches "[^\n\r]*"', r"regexp_full_match(review_comment_message, '[^\n\r]*')")


def products(cases):
    integrity(cases, ["product_id"], "items", ["product_id"])
    cases.values("product_category_name", 'in ["bebes", NULL]', "product_category_name = 'bebes' OR product_category_name IS NULL")
    cases.values("product_category_name", 'not in ["bebes", NULL]', "product_category_name <> 'bebes'")
    cases.values("product_weight_g", "> 0", "product_weight_g > 0", "product_length_cm > 10")


def places(cases):
    pair = ["geolocation_lat", "geolocation_lng"]
    cases.measure('DuplicateRowCount "geolocation_lat" "geolocation_lng"', f"Multicolumn.{','.join(pair)}.DuplicateRowCount",
                  grouped(cases, pair, "coalesce(sum(n) FILTER (n > 1), 0)"))
    cases.measure('ColumnCorrelation "geolocation_lat" "geolocation_lng"', f"Multicolumn.{','.join(pair)}.ColumnCorrelation",
                  f"corr({', '.join(pair)})")
    cases.values("geolocation_lat", "between -34 and 6", "geolocation_lat > -34 AND geolocation_lat < 6")

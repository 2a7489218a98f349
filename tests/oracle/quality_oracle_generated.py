"""Generated data, and a rule of every type that measures something. NULL is treated as the documentation of DQDL says, which is not
always as SQL does: so each expression says what NULL gives."""

import math

WORDS = """['paid', 'lost', 'sent', '', '   ', '\t ', ' paid', 'paid ', 'PAID', 'größe', '서울', '👍🏽', 'é', 'e' || chr(769), 'a|b', 'a.b', 'x''y',
    'paid\nlost']"""
CODES = """['12', '-7', '+3', '1.5', '1e3', '.5', 'abc', '', '2026-03-01', '2026-02-30', '2026-03-01 10:20:30', '99999999999', '9999999999999999999',
    'true', 'NO', 'y', '123.456', '2147483648', '-0']"""

# NULLs in every column but the first, NaN, values that repeat, large ones near each other, a column that follows another.
DATA = f"""
    SELECT i AS id,
           CASE WHEN i % 3 <> 0 THEN i * 7 END AS loose_key,
           CASE WHEN i % 7 <> 0 THEN 1e9 + hash(i) % 1000 / 8.0 END AS amount,
           CASE WHEN i % 7 <> 0 THEN (1e9 + hash(i) % 1000 / 8.0) * 2 + hash(i * 9) % 100 END AS follower,
           CASE WHEN i % 997 = 0 THEN 'NaN'::DOUBLE WHEN i % 6 = 0 THEN NULL WHEN i % 5 = 0 THEN -0.0
                ELSE hash(i * 4) % 10000 / 16.0 - 100 END AS ratio,
           CASE WHEN i % 11 <> 0 THEN (hash(i * 3) % 97)::BIGINT END AS kind,
           (hash(i * 31) % 5)::TINYINT AS small,
           CASE WHEN i % 5 <> 0 THEN 'w' || (hash(i * 5) % 4000) END AS word,
           CASE WHEN i % 13 <> 0 THEN ({WORDS})[1 + (hash(i * 6) % 18)::INTEGER] END AS status,
           CASE WHEN i % 17 <> 0 THEN ({CODES})[1 + (hash(i * 7) % 19)::INTEGER] END AS code,
           CASE WHEN i % 19 <> 0 THEN ((hash(i * 2) % 100000)::DECIMAL(12, 2) / 100 - 100)::DECIMAL(12, 2) END AS price,
           CASE WHEN i % 23 <> 0 THEN 9000000000000000000 - (hash(i) % 1000)::BIGINT END AS huge,
           CASE WHEN i % 8 <> 0 THEN DATE '2026-01-01' + (hash(i * 11) % 90)::INTEGER END AS day,
           CASE WHEN i % 9 <> 0 THEN TIMESTAMP '2026-01-01 00:00:00' + to_minutes((hash(i * 12) % 129600)::INTEGER) END AS moment,
           CASE WHEN i % 9 <> 0 THEN date_trunc('second', now() AT TIME ZONE 'UTC') - INTERVAL 30 MINUTE
                - INTERVAL 1 HOUR * (hash(i * 13) % 100)::INTEGER END AS seen,
           CASE WHEN i % 29 <> 0 THEN hash(i * 14) % 3 = 0 END AS flag,
           CASE WHEN i % 10 <> 0 THEN (hash(i * 15) % 1200)::BIGINT END AS user_id,
           CASE WHEN i % 4 <> 0 THEN 'r' || (hash(i * 16) % 6) END AS region,
           CASE WHEN i % 9 <> 0 THEN TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_minutes((hash(i * 17) % 129600)::INTEGER) END AS zoned,
           0.1::DOUBLE AS rate,
           NULL::INTEGER AS nothing
    FROM range(50000) t(i)
"""

# Two rows with one key, NULL in each key, and less than the keys above.
USERS = """
    SELECT CASE WHEN i % 50 <> 0 THEN (i % 1000)::BIGINT END AS user_id,
           CASE WHEN i % 7 <> 0 THEN 'r' || (i % 5) END AS area
    FROM range(3000) t(i)
"""

# Other rows at both ends, other values in some, NULL on either side in some; the types and the order of some columns differ.
TWIN = """
    SELECT * REPLACE (
        CASE WHEN id % 41 = 0 THEN NULL WHEN id % 43 = 0 THEN 5 ELSE amount END AS amount,
        CASE WHEN id % 37 = 0 THEN 'other' ELSE status END AS status,
        CASE WHEN id % 31 = 0 THEN 1.0 ELSE ratio END AS ratio)
    FROM data WHERE id >= 100
    UNION ALL SELECT * REPLACE (id + 50000 AS id, NULL AS loose_key) FROM data WHERE id < 300
"""
COUSIN = """
    SELECT status AS state, id::INTEGER AS id, amount, follower, ratio, kind, small, word, code, price::DECIMAL(13, 2) AS price, huge,
           day, moment::DATE AS moment, seen, flag, user_id, region, nothing, rate, zoned, loose_key
    FROM twin
"""


def make(connection):
    for name, sql in {"data": DATA, "users": USERS, "twin": TWIN, "cousin": COUSIN, "empty": "SELECT * FROM data LIMIT 0"}.items():
        connection.execute(f"CREATE TABLE {name} AS {sql}")
    return ["data", "users", "twin", "cousin", "empty"]


def runs(cases_of):
    data = cases_of("data", {"users": "users", "twin": "twin", "Cousin": "cousin", "other data": "cousin", "empty": "empty"})
    for part in (counts, keys, statistics, texts, numbers, dates, types, others, statements):
        part(data)
    empty = cases_of("empty", {"data": "data"})
    without_rows(data, empty)
    return [data, empty]


def counts(data):
    data.measure("RowCount", "Dataset.*.RowCount", "count(*)")
    data.measure("RowCount", "Dataset.*.RowCount", "count(*)", "kind > 50 AND status <> 'paid'")
    data.measure("RowCount", "Dataset.*.RowCount", "count(*)", "ratio > 1000000 OR flag")
    data.measure("ColumnCount", "Dataset.*.ColumnCount",
                 "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'data'")
    share = "SELECT avg(regexp_matches(column_name, '{}')::INTEGER) FROM duckdb_columns() WHERE table_name = 'data'"
    for pattern, result in (("e", "FAIL"), ("^[a-z_]+$", "PASS")):
        ratio = data.value(share.format(pattern))
        data.add(f'ColumnNamesMatchPattern "{pattern}"', "Dataset.*.ColumnNamesPatternMatchRatio", ratio, result)
    data.add('ColumnExists "kind"', "Dataset.kind.ColumnExists", 1.0, "PASS")
    data.add('ColumnExists "Kind"', "Dataset.Kind.ColumnExists", 0.0, "FAIL")
    for column in ("id", "amount", "status", "nothing", "flag", "seen"):
        data.measure(f'Completeness "{column}"', f"Column.{column}.Completeness", f'count("{column}") / count(*)')
    data.measure('Completeness "kind"', "Column.kind.Completeness", "count(kind) / count(*)", "small >= 3")
    data.rows('IsComplete "kind"', "Column.kind.Completeness", "kind IS NOT NULL")
    data.rows('IsComplete "kind"', "Column.kind.Completeness", "kind IS NOT NULL", "kind < 10")
    for column in ("kind", "small", "price", "ratio"):
        data.measure(f'ZerosCount "{column}"', f"Column.{column}.ZerosCount", f'count(*) FILTER ("{column}" = 0)')
    data.measure('ZerosCount "small"', "Column.small.ZerosCount", "count(*) FILTER (small = 0)", "flag")


def grouped(columns, measure, where="true"):
    """Over the number `n` of rows of each key; rows of which all columns are NULL have no key."""
    present = " OR ".join(f"{column} IS NOT NULL" for column in columns)
    keys = ", ".join(columns)
    return f"SELECT {measure} FROM (SELECT count(*) AS n FROM data WHERE ({present}) AND ({where}) GROUP BY {keys})"


def keys(data):
    once = "count(*) FILTER (n = 1)"
    for columns in (["id"], ["loose_key"], ["word"], ["ratio"], ["kind", "word"], ["status", "code", "day"], ["amount", "price"]):
        listed = " ".join(f'"{column}"' for column in columns)
        entity = f"Column.{columns[0]}" if len(columns) == 1 else f"Multicolumn.{','.join(columns)}"
        data.measure(f"Uniqueness {listed}", f"{entity}.Uniqueness", grouped(columns, f"{once} / sum(n)"))
        data.measure(f"DuplicateRowCount {listed}", f"{entity}.DuplicateRowCount",
                     grouped(columns, "coalesce(sum(n) FILTER (n > 1), 0)"))
    for column in ("word", "status", "kind", "ratio", "price", "moment", "flag", "loose_key"):
        data.measure(f'UniqueValueRatio "{column}"', f"Column.{column}.UniqueValueRatio",
                     grouped([column], f"{once} / count(*)"))
        data.measure(f'DistinctValuesCount "{column}"', f"Column.{column}.DistinctValuesCount",
                     f'count(DISTINCT {column}) + 1')
        # DuckDB's own entropy counts in bits and takes NULL for a value.
        data.measure(f'Entropy "{column}"', f"Column.{column}.Entropy",
                     grouped([column], "ln(sum(n)) - sum(n * ln(n)) / sum(n)"))
    data.measure('DistinctValuesCount "id"', "Column.id.DistinctValuesCount", "count(DISTINCT id)")
    data.measure('DistinctValuesCount "nothing"', "Column.nothing.DistinctValuesCount", 1.0)
    data.measure('DistinctValuesCount "kind"', "Column.kind.DistinctValuesCount", "count(DISTINCT kind)", "kind > 20")
    where = "kind > 20 AND day IS NOT NULL"
    for name, measure in (("Uniqueness", f"{once} / sum(n)"), ("UniqueValueRatio", f"{once} / count(*)"),
                          ("Entropy", "ln(sum(n)) - sum(n * ln(n)) / sum(n)")):
        value = data.value(grouped(["word"], measure, where))
        data.add(f'{name} "word" > 0 where "{where}"', f"Column.word.{name}", value, "PASS")
    data.measure('Uniqueness "nothing"', "Column.nothing.Uniqueness", None)
    data.measure('UniqueValueRatio "nothing"', "Column.nothing.UniqueValueRatio", None)
    data.measure('Entropy "nothing"', "Column.nothing.Entropy", None)
    data.add('IsUnique "loose_key"', "Column.loose_key.Uniqueness", 1.0, "PASS")
    data.add('IsPrimaryKey "loose_key"', "Column.loose_key.Completeness", data.value("count(loose_key) / count(*)"), "FAIL")
    data.add('IsPrimaryKey "id"', "Column.id.Uniqueness", 1.0, "PASS")
    whole = "SELECT coalesce(sum(n) FILTER (n > 1), 0) FROM (SELECT count(*) AS n FROM data GROUP BY data)"
    data.measure("DuplicateRowCount", "Dataset.*.DuplicateRowCount", whole)


STATISTICS = {
    "Mean": "avg({0}::DOUBLE)",
    "Sum": "sum({0}::DOUBLE)",
    "StandardDeviation": "stddev_pop({2})",
    "Variance": "var_pop({2})",
    "Range": "max({0})::DOUBLE - min({0})::DOUBLE",
    "InterquartileRange": "quantile_cont({0}::DOUBLE, 0.75) - quantile_cont({0}::DOUBLE, 0.25)",
    # Distances from a value nearby first: the average of large values has too few digits.
    "Skewness": "avg(power({2} - (SELECT avg({2}) FROM data WHERE {1}), 3)) / power(stddev_pop({2}), 3)",
    "Kurtosis": "avg(power({2} - (SELECT avg({2}) FROM data WHERE {1}), 4)) / power(var_pop({2}), 2) - 3",
}


NEARBY = {"amount": "1e9", "follower": "2e9", "huge": "9000000000000000000"}


def statistic(name, column, where="true"):
    nearby = f"({column} - {NEARBY[column]})" if column in NEARBY else column
    return STATISTICS[name].format(column, where, f"({nearby})::DOUBLE")


def statistics(data):
    for name in STATISTICS:
        for column in ("amount", "kind", "small", "price", "follower", "nothing"):
            data.measure(f'{name} "{column}"', f"Column.{column}.{name}", statistic(name, column))
        for column, where in (("price", "kind > 50"), ("amount", "status = 'paid' AND flag"), ("ratio", "ratio < 1000000")):
            data.measure(f'{name} "{column}"', f"Column.{column}.{name}", statistic(name, column, where), where)
    for name in ("StandardDeviation", "Variance", "Skewness", "Kurtosis", "Range"):
        data.add(f'{name} "rate" = 0', f"Column.rate.{name}", 0.0, "PASS")
    data.add('ColumnCorrelation "rate" "kind" != 0', "Multicolumn.rate,kind.ColumnCorrelation", float("nan"), "PASS")
    for name in ("Mean", "Sum"):
        data.measure(f'{name} "huge"', f"Column.huge.{name}", statistic(name, "huge"))
    for name in STATISTICS:
        if name == "InterquartileRange":
            data.measure(f'{name} "ratio"', f"Column.ratio.{name}", statistic(name, "ratio"))
        else:
            data.add(f'{name} "ratio" != 0', f"Column.ratio.{name}", float("nan"), "PASS")
    for first, second in (("amount", "follower"), ("kind", "small"), ("price", "amount"), ("id", "loose_key")):
        metric = f"Multicolumn.{first},{second}.ColumnCorrelation"
        nearby = " , ".join(f"{column} - {NEARBY[column]}" if column in NEARBY else column for column in (first, second))
        for where in (None, "kind > 30"):
            data.measure(f'ColumnCorrelation "{first}" "{second}"', metric, f"corr({nearby})", where)
    data.measure('ColumnCorrelation "amount" "nothing"', "Multicolumn.amount,nothing.ColumnCorrelation", None)


def texts(data):
    length = "coalesce(length(status), 0)"
    conditions = {"> 0": f"{length} > 0", "< 5": f"{length} < 5", "= 4": f"{length} = 4", "!= 4": f"{length} <> 4",
                  "between 0 and 5": f"{length} > 0 AND {length} < 5", "not between 0 and 5": f"{length} <= 0 OR {length} >= 5",
                  "in [0, 2, 4]": f"{length} IN (0, 2, 4)", "not in [0, 2]": f"{length} NOT IN (0, 2)", "<= 9": f"{length} <= 9"}
    for condition, predicate in conditions.items():
        rule = f'ColumnLength "status" {condition}'
        data.rows(rule, "Column.status.LengthCompliance", predicate)
        data.extreme(rule, "Column.status.MinimumLength", predicate, f"min({length})")
        data.extreme(rule, "Column.status.MaximumLength", predicate, f"max({length})")
    data.rows('ColumnLength "status" > 2', "Column.status.LengthCompliance", f"{length} > 2", "kind > 50")
    listed = {'= "paid"': "status = 'paid'", '!= "paid"': "status IS DISTINCT FROM 'paid'",
              'in ["paid", "서울", "x\'y"]': "status IN ('paid', '서울', 'x''y')",
              'in ["paid", NULL]': "status = 'paid' OR status IS NULL",
              'not in ["paid", "lost"]': "coalesce(status NOT IN ('paid', 'lost'), true)",
              'not in ["paid", NULL]': "coalesce(status <> 'paid', false)",
              "= NULL": "status IS NULL", "!= NULL": "status IS NOT NULL", "= EMPTY": "status = ''",
              "!= EMPTY": "status IS DISTINCT FROM ''", "= WHITESPACES_ONLY": "status <> '' AND trim(status) = ''",
              "!= WHITESPACES_ONLY": "coalesce(NOT (status <> '' AND trim(status) = ''), true)",
              'in ["paid", EMPTY, WHITESPACES_ONLY]': "status = 'paid' OR trim(status) = ''",
              'not in ["paid", EMPTY, NULL]': "status NOT IN ('paid', '')",
              'in ["é"]': "status = 'é'"}
    for condition, predicate in listed.items():
        data.values("status", condition, predicate)
    patterns = ("pa.*", "[a-z]{4}", "a|b", "paid|lost", "\\\\p{L}+", "[^ ]*", "(?i)paid", ".{1}", "a[.|]b", "")
    for pattern in patterns:
        sql = pattern.replace("\\\\", "\\")
        data.values("status", f'matches "{pattern.replace(chr(92) * 2, chr(92))}"', f"regexp_full_match(status, '{sql}')")
        data.values("status", f'not matches "{pattern.replace(chr(92) * 2, chr(92))}"', f"NOT regexp_full_match(status, '{sql}')")
    data.values("status", 'in ["paid", "lost", "sent"]', "status IN ('paid', 'lost', 'sent')", "kind < 9")
    value = data.value("avg(coalesce(status IN ('paid', 'lost'), false)::INTEGER)")
    data.add(f'ColumnValues "status" in ["paid", "lost"] with threshold > {value - 1e-9:.12f}',
             "Column.status.ColumnValues.Compliance", value, "PASS")
    data.add(f'ColumnValues "status" in ["paid", "lost"] with threshold > {value + 1e-9:.12f}',
             "Column.status.ColumnValues.Compliance", value, "FAIL")


def numbers(data):
    """NaN is greater than every number, to DuckDB as to Spark."""
    plain = {">": "{0} > {1}", ">=": "{0} >= {1}", "<": "{0} < {1}", "<=": "{0} <= {1}", "=": "{0} = {1}"}
    for column, operand in (("kind", "50"), ("price", "10.10"), ("amount", "1000000050.125"), ("ratio", 0.0),
                            ("huge", "8999999999999999500"), ("small", "2"), ("price", "10.105"), ("kind", "50.5")):
        for operator, predicate in plain.items():
            data.values(column, f"{operator} {operand}", predicate.format(column, operand))
        data.values(column, f"!= {operand}", f"{column} IS DISTINCT FROM {operand}")
        data.values(column, f"in [{operand}, 3]", f"{column} IN ({operand}, 3)")
        data.values(column, f"in [{operand}, NULL]", f"{column} = {operand} OR {column} IS NULL")
        data.values(column, f"not in [{operand}, 3]", f"coalesce({column} NOT IN ({operand}, 3), true)")
        data.values(column, f"not in [{operand}, NULL]", f"{column} <> {operand}")
        data.values(column, f"between -5 and {operand}", f"{column} > -5 AND {column} < {operand}")
        data.values(column, f"not between -5 and {operand}", f"{column} <= -5 OR {column} >= {operand}")
    data.values("kind", "= NULL", "kind IS NULL")
    data.values("kind", "!= NULL", "kind IS NOT NULL")
    data.values("kind", ">= 0", "kind >= 0", "kind IS NOT NULL")
    data.values("code", "> 10", "TRY_CAST(code AS DOUBLE) > 10")
    for column in ("kind", "price", "amount", "huge", "ratio"):
        data.extreme(f'ColumnValues "{column}" > 0', f"Column.{column}.Minimum", f"{column} > 0", f"min({column})")
        data.extreme(f'ColumnValues "{column}" > 0', f"Column.{column}.Maximum", f"{column} > 0", f"max({column})")


def dates(data):
    for column in ("day", "moment", "zoned"):
        date = f"{column}::DATE"
        for operator in (">", ">=", "<", "<=", "="):
            data.values(column, f'{operator} "2026-02-10"', f"{date} {operator} DATE '2026-02-10'")
        data.values(column, '!= "2026-02-10"', f"{date} IS DISTINCT FROM DATE '2026-02-10'")
        both = f"{date} > DATE '2026-01-31' AND {date} < DATE '2026-03-01'"
        data.values(column, 'between "2026-01-31" and "2026-03-01"', both)
        data.values(column, 'not between "2026-01-31" and "2026-03-01"', f"NOT ({both})")
        data.values(column, 'in ["2026-01-01", "2026-02-28"]', f"{date} IN (DATE '2026-01-01', DATE '2026-02-28')")
        data.values(column, 'in ["2026-01-01", NULL]', f"{date} = DATE '2026-01-01' OR {date} IS NULL")
        data.values(column, 'not in ["2026-01-01", "2026-02-28"]',
                    f"coalesce({date} NOT IN (DATE '2026-01-01', DATE '2026-02-28'), true)")
        data.values(column, 'not in ["2026-01-01", NULL]', f"{date} <> DATE '2026-01-01'")
    data.values("day", '> "2026-01-10"', "day > DATE '2026-01-10'", "day > DATE '2026-01-20'")
    # Ages lie half an hour from every bound.
    age = "date_diff('minute', seen, now() AT TIME ZONE 'UTC')"
    for condition, predicate in (("<= 48 hours", f"{age} <= 48 * 60"), ("> 2 days", f"{age} > 2 * 1440"),
                                 ("between 1 days and 90 hours", f"{age} > 1440 AND {age} < 90 * 60"),
                                 ("not between 1 days and 90 hours", f"{age} <= 1440 OR {age} >= 90 * 60"),
                                 ("< 600 minutes", f"{age} < 600"), ("< 101 hours", f"{age} < 101 * 60")):
        data.rows(f'DataFreshness "seen" {condition}', "Column.seen.DataFreshness.Compliance", predicate)
    data.rows('DataFreshness "seen" < 101 hours', "Column.seen.DataFreshness.Compliance", "true", "seen IS NOT NULL")


def types(data):
    """What Spark casts, by patterns over the texts that there are."""
    number = r"regexp_full_match(code, '[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?')"
    # A number with a point is cut to a whole one; one with an exponent is none.
    integer = r"regexp_full_match(code, '[+-]?(\d+\.?\d*|\.\d+)') AND trunc(TRY_CAST(code AS DOUBLE)) BETWEEN {0} AND {1}"
    cast = {"Integer": integer.format(-2147483648, 2147483647), "Long": integer.format("-9.2e18", "9.2e18"),
            "Double": number, "Float": number,
            "Boolean": "lower(code) IN ('t', 'true', 'y', 'yes', '1', 'f', 'false', 'n', 'no', '0')",
            "Date": "code IN ('2026-03-01', '2026-03-01 10:20:30')",
            "Timestamp": "code IN ('2026-03-01', '2026-03-01 10:20:30')",
            "DECIMAL(5,2)": f"{number} AND abs(TRY_CAST(code AS DOUBLE)) < 1000"}
    for name, predicate in cast.items():
        metric = "Column.code.ColumnDataType.Compliance"
        data.rows(f'ColumnDataType "code" = "{name}"', metric, f"coalesce({predicate}, false)")
        data.rows(f'ColumnDataType "code" != "{name}"', metric, f"NOT coalesce({predicate}, false)")
    data.rows('ColumnDataType "code" = "Integer"', "Column.code.ColumnDataType.Compliance", cast["Integer"], "code in ('12', '-7')")


def matched(own, theirs, table, values=()):
    """Rows that have a partner with equal keys, none NULL, and the same values, over rows."""
    pairs = [f"d.{a} = r.{b}" for a, b in zip(own, theirs)] + [f"d.{a} IS NOT DISTINCT FROM r.{b}" for a, b in values]
    return f"SELECT avg(EXISTS (SELECT 1 FROM {table} r WHERE {' AND '.join(pairs)})::INTEGER) FROM data d"


def others(data):
    integrity = "Column.{}.ReferentialIntegrity"
    data.measure('ReferentialIntegrity "user_id" "users.user_id"', integrity.format("users"),
                 matched(["user_id"], ["user_id"], "users"))
    data.measure('ReferentialIntegrity "user_id,region" "users.{user_id,area}"', integrity.format("users"),
                 matched(["user_id", "region"], ["user_id", "area"], "users"))
    data.measure('ReferentialIntegrity "region" "users.{area}"', integrity.format("users"), matched(["region"], ["area"], "users"))
    data.measure('ReferentialIntegrity "id" "twin.id"', integrity.format("twin"), matched(["id"], ["id"], "twin"))
    data.measure('ReferentialIntegrity "nothing" "twin.nothing"', integrity.format("twin"), 0.0)
    columns = [name for (name,) in data.connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = 'data' AND column_name <> 'id'").fetchall()]
    same = [(column, column) for column in columns]
    data.measure('DatasetMatch "twin" "id"', "Dataset.twin.DatasetMatch", matched(["id"], ["id"], "twin", same))
    for text, values in (("status", [("status", "status")]), ("amount,ratio", [("amount", "amount"), ("ratio", "ratio")]),
                         ("nothing", [("nothing", "nothing")])):
        data.measure(f'DatasetMatch "twin" "id" "{text}"', "Dataset.twin.DatasetMatch", matched(["id"], ["id"], "twin", values))
    data.measure('DatasetMatch "Cousin" "id" "status->state,word"', "Dataset.Cousin.DatasetMatch",
                 matched(["id"], ["id"], "cousin", [("status", "state"), ("word", "word")]))
    data.measure('DatasetMatch "twin" "loose_key" "word"', "Dataset.twin.DatasetMatch",
                 matched(["loose_key"], ["loose_key"], "twin", [("word", "word")]))
    data.measure('DatasetMatch "twin" "id,loose_key->loose_key" "word"', "Dataset.twin.DatasetMatch",
                 matched(["id", "loose_key"], ["id", "loose_key"], "twin", [("word", "word")]))
    data.add('DatasetMatch "twin" "kind" "word" >= 0', "Dataset.twin.DatasetMatch", None, "FAIL")
    for alias, table in data.references.items():
        if table in ("users", "empty"):
            continue
        data.measure(f'RowCountMatch "{alias}"', f"Dataset.{alias}.RowCountMatch", f"count(*) / (SELECT count(*) FROM {table})")
        data.measure(f'SchemaMatch "{alias}"', f"Dataset.{alias}.SchemaMatch", f"""
            SELECT avg((EXISTS (SELECT 1 FROM duckdb_columns() b WHERE b.table_name = '{table}' AND b.column_name = a.column_name
                               AND b.data_type = a.data_type))::INTEGER) FROM duckdb_columns() a WHERE a.table_name = 'data'""")
    data.measure('SchemaMatch "users"', "Dataset.users.SchemaMatch", 0.0)
    for first, second, metric, expression in (
            ("sum(price)", "sum(twin.price)", "price", "sum(price) / (SELECT sum(price)::DOUBLE FROM twin)"),
            ("avg(price)", "avg(twin.price)", "price", "avg(price::DOUBLE) / (SELECT avg(price::DOUBLE) FROM twin)"),
            ("avg(price)", "sum(twin.kind)", "price,kind", "avg(price::DOUBLE) / (SELECT sum(kind) FROM twin)"),
            ("SUM(kind)", "AVG(small)", "kind,small", "sum(kind) / avg(small)"),
            ("sum(huge)", "sum(twin.huge)", "huge", "sum(huge)::DOUBLE / (SELECT sum(huge)::DOUBLE FROM twin)"),
            ("avg(amount)", "avg(primary.follower)", "amount,follower", "avg(amount) / avg(follower)")):
        data.measure(f'AggregateMatch "{first}" "{second}"', f"Column.{metric}.AggregateMatch", expression)
    data.add('AggregateMatch "sum(price)" "sum(nothing)" > 0', "Column.price,nothing.AggregateMatch", None, "FAIL")


def statements(data):
    one = {"SELECT count(*) FROM primary WHERE status = 'paid'": "count(*) FILTER (status = 'paid')",
           "SELECT avg(amount) FROM primary": "avg(amount)",
           "SELECT max(price) - min(price) FROM primary": "max(price) - min(price)",
           "SELECT count(*) FROM primary p JOIN users u ON p.user_id = u.user_id":
               "SELECT count(*) FROM data p JOIN users u ON p.user_id = u.user_id",
           "SELECT count(DISTINCT kind) FROM primary WHERE day > DATE '2026-02-01'":
               "count(DISTINCT kind) FILTER (day > DATE '2026-02-01')",
           "SELECT max(amount) FROM primary WHERE kind > 1000": "max(amount) FILTER (kind > 1000)"}
    for sql, expression in one.items():
        data.measure(f'CustomSql "{sql}"', "Dataset.*.CustomSQL", expression)
    rows = {"SELECT id FROM primary WHERE kind > 10": "kind > 10",
            "SELECT id FROM primary": "true",
            "SELECT loose_key, word FROM primary WHERE kind > 10":
                "EXISTS (SELECT 1 FROM data o WHERE o.kind > 10 AND o.loose_key IS NOT DISTINCT FROM data.loose_key "
                "AND o.word IS NOT DISTINCT FROM data.word)",
            "SELECT kind FROM primary WHERE kind IS NULL OR kind < 5": "kind IS NULL OR kind < 5"}
    for sql, predicate in rows.items():
        data.rows(f'CustomSql "{sql}"', "Dataset.*.CustomSQL.Compliance", predicate)


def without_rows(data, empty):
    """Nothing there, or nothing in the other dataset. Where there is nothing to measure the rule fails."""
    data.measure('RowCountMatch "empty"', "Dataset.empty.RowCountMatch", math.inf)
    data.measure('ReferentialIntegrity "id" "empty.id"', "Column.empty.ReferentialIntegrity", 0.0)
    data.measure('DatasetMatch "empty" "id"', "Dataset.empty.DatasetMatch", 0.0)
    data.measure('SchemaMatch "empty"', "Dataset.empty.SchemaMatch", 1.0)
    empty.measure("RowCount", "Dataset.*.RowCount", "count(*)")
    empty.measure('RowCountMatch "data"', "Dataset.data.RowCountMatch", 0.0)
    empty.measure('ZerosCount "kind"', "Column.kind.ZerosCount", 0.0)
    empty.measure('DistinctValuesCount "kind"', "Column.kind.DistinctValuesCount", 0.0)
    for name in ("Completeness", "Uniqueness", "UniqueValueRatio", "Entropy", *STATISTICS):
        empty.measure(f'{name} "kind"', f"Column.kind.{name}", None)
    for rule, metric in (('ReferentialIntegrity "id" "data.id"', "Column.data.ReferentialIntegrity"),
                         ('DatasetMatch "data" "id"', "Dataset.data.DatasetMatch"),
                         ('ColumnCorrelation "kind" "small"', "Multicolumn.kind,small.ColumnCorrelation"),
                         ('AggregateMatch "sum(kind)" "sum(data.kind)"', "Column.kind.AggregateMatch")):
        empty.measure(rule, metric, None)

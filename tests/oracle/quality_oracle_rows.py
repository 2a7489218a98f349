"""Which rows break a rule, beside what DuckDB says in SQL: runs `lakegate quality --bad-rows` over generated data.

    python quality_oracle_rows.py LAKEGATE FOLDER

Prints how many rules were compared, and those of which lakegate says something else: of a row, or of the share of all of them.
"""

import json
import pathlib
import subprocess
import sys

import duckdb
import pyarrow
import pyarrow.parquet

WORDS = """['paid', 'lost', '', ' ', 'paid ', 'PAID', 'größe', '서울', '👍🏽', 'é', 'e' || chr(769), 'a,b', 'x''y', 'say "so"', 'two
lines', '12', '012', '1e1']"""

# Keys that repeat and that do not, NULL in all but the first, NaN, both zeros, values that other types hold as well.
DATA = f"""
    SELECT i AS id,
           CASE WHEN i % 40 = 1 THEN i - 1 WHEN i % 3 <> 0 THEN i * 7 END AS loose,
           CASE WHEN i % 11 <> 0 THEN (hash(i * 3) % 3000)::BIGINT END AS kind,
           (hash(i * 31) % 60)::TINYINT AS small,
           CASE WHEN i % 13 <> 0 THEN ({WORDS})[1 + (hash(i * 6) % 18)::INTEGER] END AS status,
           CASE WHEN i % 5 <> 0 THEN 'w' || (hash(i * 5) % 3000) END AS word,
           CASE WHEN i % 97 = 0 THEN 'NaN'::DOUBLE WHEN i % 7 = 0 THEN NULL WHEN i % 89 = 0 THEN -0.0 WHEN i % 83 = 0 THEN 0.0
                WHEN i % 1009 = 0 THEN 'inf'::DOUBLE ELSE hash(i * 4) % 8000 / 16.0 - 100 END AS ratio,
           CASE WHEN i % 19 <> 0 THEN ((hash(i * 2) % 4000)::DECIMAL(12, 2) / 100 - 10)::DECIMAL(12, 2) END AS price,
           CASE WHEN i % 8 <> 0 THEN DATE '1899-01-01' + (hash(i * 11) % 9000)::INTEGER * 9 END AS day,
           CASE WHEN i % 9 <> 0 THEN TIMESTAMP '1960-01-01 00:00:00' + to_hours((hash(i * 12) % 9000)::INTEGER * 12) END AS moment,
           CASE WHEN i % 9 <> 0 THEN TIMESTAMPTZ '1960-01-01 00:00:00+00' + to_hours((hash(i * 12) % 9000)::INTEGER * 12) END AS zoned,
           CASE WHEN i % 29 <> 0 THEN hash(i * 14) % 3 = 0 END AS flag,
           CASE WHEN i % 23 <> 0 THEN ('k' || (hash(i) % 500))::BLOB END AS bytes,
           CASE WHEN i % 17 <> 0 THEN (hash(i * 7) % 9000)::VARCHAR END AS code,
           CASE WHEN i % 10 <> 0 THEN (hash(i * 15) % 1200)::BIGINT END AS user_id,
           CASE WHEN i % 4 <> 0 THEN 'r' || (hash(i * 16) % 6) END AS region,
           hash(i * 18) % 4000 AS "Order Id",
           NULL::INTEGER AS nothing
    FROM range(6000) t(i)
"""
# The first row of each file; the third one has none.
FILES = {"a.parquet": 0, "b.parquet": 4200, "c.parquet": 4201, "d.parquet": 4201}

# Keys that are there twice, NULL in each, types that are wider, narrower or others than those of the data.
USERS = """
    SELECT CASE WHEN i % 50 <> 0 THEN (i % 1000)::{whole} END AS user_id,
           CASE WHEN i % 7 <> 0 THEN 'r' || (i % 5) END AS area,
           CASE WHEN i % 9 <> 0 THEN (i % 50)::{whole} END AS small,
           CASE WHEN i % 12 <> 0 THEN {status} END AS state,
           CASE WHEN i % 31 = 0 THEN 'NaN'::{floating} WHEN i % 37 = 0 THEN 0.0 WHEN i % 3 <> 0 THEN i / 16.0 - 100 END AS ratio,
           CASE WHEN i % 8 <> 0 THEN ((i % 3000) / 100.0 - 10)::{decimal} END AS price,
           CASE WHEN i % 6 <> 0 THEN (DATE '1899-01-01' + (i * 9)::INTEGER)::{day} END AS day,
           CASE WHEN i % 6 <> 0 THEN (TIMESTAMP '1960-01-01 00:00:00' + to_hours((i * 12)::INTEGER))::{moment} END AS moment,
           CASE WHEN i % 5 <> 0 THEN i % 2 = 0 END AS flag,
           CASE WHEN i % 5 <> 0 THEN ('k' || (i % 400))::BLOB END AS bytes,
           CASE WHEN i % 11 <> 0 THEN (i % 5000)::{code} END AS "Order Id"
    FROM range(6000) t(i)
"""
PLAIN = {"whole": "BIGINT", "floating": "DOUBLE", "decimal": "DECIMAL(12, 2)", "day": "DATE", "moment": "TIMESTAMP", "code": "UBIGINT",
         "status": f"({WORDS})[1 + (i % 15)::INTEGER]"}
OTHER = PLAIN | {"whole": "SMALLINT", "floating": "FLOAT", "decimal": "DECIMAL(18, 4)", "moment": "TIMESTAMPTZ", "code": "INTEGER"}
STRANGE = PLAIN | {"whole": "UINTEGER", "decimal": "DOUBLE", "day": "TIMESTAMP", "moment": "TIMESTAMP_NS", "code": "DECIMAL(10, 1)"}

# The same rows with other values in some, NULL on either side in some, others at both ends.
TWIN = """
    SELECT * REPLACE (
        CASE WHEN id % 41 = 0 THEN NULL WHEN id % 43 = 0 THEN 5 WHEN ratio = 0 THEN 0.0 ELSE ratio END AS ratio,
        CASE WHEN id % 37 = 0 THEN 'other' WHEN id % 13 = 0 AND id % 2 = 0 THEN 'NULL' ELSE status END AS status,
        CASE WHEN id % 47 = 0 THEN price + 0.01 ELSE price END AS price)
    FROM data WHERE id >= 100
    UNION ALL SELECT * REPLACE (id + 6000 AS id) FROM data WHERE id < 300
"""
COUSIN = """
    SELECT id::INTEGER AS number, status AS state, price::DECIMAL(14, 3) AS cost, ratio, day::TIMESTAMP AS moment, flag,
           kind::DOUBLE AS kind, word, small::SMALLINT AS small
    FROM twin
"""


def quoted(columns):
    return ", ".join(f'"{column}"' for column in columns)


def listed(columns):
    return " ".join(f'"{column}"' for column in columns)


class Cases:
    """Rules over one dataset, each with a predicate that is true of the rows that break it."""

    def __init__(self, data, path, references, options=()):
        self.data, self.path, self.references, self.options = data, path, references, options
        self.rules = {}

    def add(self, rule, broken, left_out=None, share=None):
        """`left_out`: the rows that the rule is not about; `share`: the metric that is the share of rows that satisfy it."""
        self.rules[rule] = (broken, left_out or "false", share)
        return rule

    def rows(self, rule, holds, where=None):
        kept = f"coalesce(({where}), false)" if where else "true"
        suffix = f' where "{where}"' if where else ""
        self.add(rule + suffix, f"{kept} AND NOT coalesce(({holds}), false)", f"NOT {kept}" if where else None)

    def keys(self, columns, where=None, rules=("IsUnique {}", "Uniqueness {} > 0.5")):
        kept = f"coalesce(({where}), false)" if where else "true"
        suffix = f' where "{where}"' if where else ""
        left_out = f"NOT {kept}" if where else None
        some = " OR ".join(f'"{column}" IS NOT NULL' for column in columns)
        none = " OR ".join(f'"{column}" IS NULL' for column in columns)
        several = f"count(*) OVER (PARTITION BY {quoted(columns)}, {kept}) > 1"
        for rule in rules:
            self.add(rule.format(listed(columns)) + suffix, f"{kept} AND ({some}) AND {several}", left_out)
        self.add(f"IsPrimaryKey {listed(columns)}{suffix}", f"{kept} AND (({none}) OR {several})", left_out)

    def integrity(self, own, alias, theirs):
        table = self.references[alias]
        pairs = " AND ".join(f'd."{a}" = r."{b}"' for a, b in zip(own, theirs))
        target = f"{alias}.{theirs[0]}" if len(theirs) == 1 else f"{alias}.{{{','.join(theirs)}}}"
        self.add(f'ReferentialIntegrity "{",".join(own)}" "{target}" > 0.5',
                 f"NOT EXISTS (SELECT 1 FROM {table} r WHERE {pairs})", share=f"Column.{alias}.ReferentialIntegrity")

    def match(self, alias, keys, values=None, columns=()):
        """`keys` and `values` as in DQDL; `columns`: what is compared without the latter."""
        table = self.references[alias]
        pairs = lambda text: [part.strip().split("->") * 2 for part in text.split(",")]
        compared = pairs(values) if values else [[column] * 2 for column in columns]
        same = [f'd."{pair[0]}" = r."{pair[1]}"' for pair in pairs(keys)]
        same += [f'd."{pair[0]}" IS NOT DISTINCT FROM r."{pair[1]}"' for pair in compared]
        third = f' "{values}"' if values else ""
        self.add(f'DatasetMatch "{alias}" "{keys}"{third} > 0.5',
                 f"NOT EXISTS (SELECT 1 FROM {table} r WHERE {' AND '.join(same)})", share=f"Dataset.{alias}.DatasetMatch")

    def statement(self, sql, columns, same_in_duckdb=None):
        same = " AND ".join(f'd."{column}" IS NOT DISTINCT FROM r."{column}"' for column in columns)
        returned = same_in_duckdb or sql.replace("`", '"').replace("primary", self.data)
        self.add(f'CustomSql "{sql}"', f"NOT EXISTS (SELECT 1 FROM ({returned}) r WHERE {same})", share="Dataset.*.CustomSQL.Compliance")

    def skips(self, rule):
        self.add(rule, "false", "true")

    def combine(self, connective, *rules, of_rows=False):
        """Left out are the rows that no part is about; a part has passed the rows that it is not about."""
        parts = [self.rules[rule] for rule in rules]
        operator = {"and": " OR ", "or": " AND "}[connective]
        self.add(f" {connective} ".join(f"({rule})" for rule in rules), operator.join(f"({broken})" for broken, _, _ in parts),
                 " AND ".join(f"({left_out})" for _, left_out, _ in parts))


def over_keys(cases):
    for columns in (["id"], ["loose"], ["kind"], ["status"], ["word"], ["ratio"], ["price"], ["day"], ["moment"], ["zoned"], ["bytes"],
                    ["nothing"], ["Order Id"], ["kind", "small"], ["status", "day"], ["word", "ratio"], ["ratio", "flag"],
                    ["nothing", "price"], ["status", "small", "flag", "region"], ["loose", "id"]):
        cases.keys(columns)
    for column in ("loose", "kind", "ratio", "status", "flag"):
        cases.keys([column], rules=['UniqueValueRatio {} > 0.1'])
    cases.keys(["kind"], "small > 30")
    cases.keys(["ratio", "region"], "flag")
    cases.keys(["word"], "status <> 'paid' AND day IS NOT NULL", ["UniqueValueRatio {} > 0.1", "IsUnique {}"])
    cases.keys(["kind"], "id < 0")


def over_references(cases):
    for alias in ("users", "other", "strange"):
        for own, theirs in ((["user_id"], ["user_id"]), (["small"], ["small"]), (["status"], ["state"]), (["price"], ["price"]),
                            (["day"], ["day"]), (["moment"], ["moment"]), (["flag"], ["flag"]), (["bytes"], ["bytes"]),
                            (["Order Id"], ["Order Id"]), (["user_id", "region"], ["user_id", "area"]),
                            (["small", "flag", "status"], ["small", "flag", "state"]), (["region", "small"], ["area", "small"])):
            cases.integrity(own, alias, theirs)
    for alias in ("users", "other"):
        cases.integrity(["ratio"], alias, ["ratio"])
    cases.integrity(["zoned"], "other", ["moment"])
    cases.integrity(["code"], "users", ["user_id"])
    cases.integrity(["id"], "empty", ["id"])
    cases.integrity(["kind", "small"], "strange", ["user_id", "user_id"])


ALL = ["loose", "kind", "small", "status", "word", "ratio", "price", "day", "moment", "zoned", "flag", "bytes", "code", "user_id", "region",
       "Order Id", "nothing"]


def over_twins(cases):
    cases.match("twin", "id", columns=ALL)
    cases.match("twin", "id", "status")
    cases.match("twin", "id", "ratio, price")
    cases.match("twin", "id,small", "status,word,flag")
    cases.match("cousin", "id->number", "status->state,price->cost")
    cases.match("cousin", "id->number", "ratio")
    cases.match("cousin", "id->number", "day->moment")
    cases.match("cousin", "id->number,small", "kind,flag,word")
    cases.match("cousin", "id->number", "word,status->word")
    cases.match("empty", "id", columns=ALL)
    cases.skips('DatasetMatch "twin" "kind" "status" > 0.5')
    cases.skips('DatasetMatch "twin" "small" > 0.5')


def over_statements(cases):
    cases.statement("SELECT id FROM primary WHERE small > 30", ["id"])
    cases.statement("SELECT kind FROM primary WHERE flag", ["kind"])
    cases.statement("SELECT status FROM primary WHERE small > 30 OR status IS NULL", ["status"])
    cases.statement("SELECT ratio FROM primary WHERE id < 900", ["ratio"])
    cases.statement("SELECT status, flag FROM primary WHERE id % 3 = 0", ["status", "flag"])
    cases.statement("SELECT price, region, kind FROM primary WHERE id % 2 = 0", ["price", "region", "kind"])
    cases.statement("SELECT p.id, p.status FROM primary p JOIN users u ON p.user_id = u.user_id WHERE u.area IS NULL", ["id", "status"])
    cases.statement("SELECT `Order Id`, day FROM primary WHERE flag", ["Order Id", "day"])
    cases.statement("SELECT user_id FROM users", ["user_id"])
    cases.statement("SELECT cast(user_id as int) AS user_id FROM primary WHERE flag", ["user_id"])
    cases.statement("SELECT nothing FROM primary WHERE id = 5", ["nothing"])
    cases.statement("SELECT nothing FROM primary WHERE id < 0", ["nothing"])
    cases.statement("SELECT abs(ratio) AS ratio FROM primary WHERE ratio = 0 OR small > 30", ["ratio"])
    cases.statement("SELECT cast(price AS double) AS price FROM primary WHERE flag", ["price"])
    cases.statement("SELECT cast(day AS timestamp) AS day FROM primary WHERE flag", ["day"])
    cases.statement("SELECT max(id) AS id FROM primary GROUP BY region", ["id"])
    cases.statement("SELECT id FROM primary UNION SELECT user_id FROM users", ["id"])


def over_rows(cases):
    cases.rows('IsComplete "word"', "word IS NOT NULL")
    cases.rows('Completeness "kind" > 0.5', "kind IS NOT NULL", "small < 40")
    cases.rows('ColumnValues "price" > 5', "price > 5")
    cases.rows('ColumnValues "ratio" >= 0 with threshold > 0.1', "ratio >= 0")
    cases.rows('ColumnValues "status" in ["paid", "größe", "서울"]', "status IN ('paid', 'größe', '서울')", "flag")
    cases.rows('ColumnLength "word" > 4', "coalesce(length(word), 0) > 4")
    for rule in ("RowCount > 0", 'Mean "kind" > 0', 'DistinctValuesCount "kind" > 5', 'SchemaMatch "twin" = 1.0'):
        cases.skips(rule)


def combinations(cases):
    for columns, where in ((["kind"], None), (["loose"], None), (["kind"], "small > 30")):
        cases.keys(columns, where)
    over_rows(cases)
    cases.integrity(["status"], "users", ["state"])
    cases.integrity(["day"], "users", ["day"])
    cases.match("twin", "id", "status")
    cases.statement("SELECT kind FROM primary WHERE flag", ["kind"])
    complete, unique, key = 'IsComplete "word"', 'IsUnique "kind"', 'IsPrimaryKey "loose"'
    some, kept = 'IsUnique "kind" where "small > 30"', 'Completeness "kind" > 0.5 where "small < 40"'
    statement = 'CustomSql "SELECT kind FROM primary WHERE flag"'
    for connective in ("and", "or"):
        for rules in ((complete, unique), (unique, key), (complete, unique, key), (some, kept), (some, complete),
                      ('ReferentialIntegrity "status" "users.state" > 0.5', 'ReferentialIntegrity "day" "users.day" > 0.5'),
                      (statement, 'DatasetMatch "twin" "id" "status" > 0.5')):
            cases.combine(connective, *rules)
    cases.skips(f"({complete}) and (RowCount > 0)")
    cases.skips(f'({unique}) or (Mean "kind" > 0)')


def parts(cases, *some):
    for part in some or (over_keys, over_references, over_twins, over_statements, over_rows, combinations):
        part(cases)
    return cases


def by_row():
    """Combinations that must hold for every row: the rule's result follows from its rows."""
    cases = Cases("data", "data", {"users": "users"}, ["--composite", "row"])
    cases.keys(["kind"])
    cases.keys(["loose"])
    cases.statement("SELECT id FROM primary WHERE small > 30", ["id"])
    cases.rows('IsComplete "word"', "word IS NOT NULL")
    names = ['IsUnique "kind"', 'IsPrimaryKey "loose"', 'CustomSql "SELECT id FROM primary WHERE small > 30"', 'IsComplete "word"']
    for connective in ("and", "or"):
        for n in range(len(names)):
            cases.combine(connective, names[n], names[n - 1])
        cases.combine(connective, *names)
    return cases


def of_csv():
    cases = Cases("texts", "texts.csv", {"users": "users", "other": "other", "text_users": "text_users"})
    for columns in (["id"], ["status"], ["price"], ["day"], ["moment"], ["status", "day"], ["price", "moment", "flag"], ["code"], ["kind"]):
        cases.keys(columns)
    for alias in ("users", "other", "text_users"):
        for own, theirs in ((["user_id"], ["user_id"]), (["status"], ["state"]), (["price"], ["price"]), (["day"], ["day"]), (["moment"], ["moment"]),
                            (["user_id", "region"], ["user_id", "area"])):
            cases.integrity(own, alias, theirs)
    cases.statement("SELECT status, kind FROM primary WHERE flag", ["status", "kind"])
    cases.rows('IsComplete "kind"', "kind IS NOT NULL")
    return cases


def make(connection, folder):
    tables = {"data": DATA, "users": USERS.format(**PLAIN), "other": USERS.format(**OTHER), "strange": USERS.format(**STRANGE), "twin": TWIN,
              "cousin": COUSIN, "empty": "SELECT * FROM data LIMIT 0"}
    for name, sql in tables.items():
        connection.execute(f"CREATE TABLE {name} AS {sql}")
    (folder / "data").mkdir()
    ends = [*list(FILES.values())[1:], 6000]
    for (file, start), end in zip(FILES.items(), ends):
        write(connection, f"SELECT * FROM data WHERE id >= {start} AND id < {end} ORDER BY id", folder / "data" / file, 2048)
    for name in list(tables)[1:]:
        write(connection, f"FROM {name}", folder / f"{name}.parquet")
    # Texts as codes of a dictionary, long texts, one that is a view: types of the file's own schema.
    users = connection.sql("FROM other").to_arrow_table()
    encoded = {"area": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), "state": pyarrow.large_string()}
    fields = [field.with_type(encoded.get(field.name, field.type)) for field in users.schema]
    pyarrow.parquet.write_table(users.cast(pyarrow.schema(fields)), folder / "other.parquet")
    connection.execute("CREATE TABLE texts AS SELECT * EXCLUDE (bytes, zoned, nothing, ratio) REPLACE ("
                       "coalesce(status, '') AS status, coalesce(word, '') AS word, coalesce(region, '') AS region) FROM data")
    connection.execute("CREATE TABLE text_users AS SELECT * EXCLUDE (bytes, ratio) REPLACE (coalesce(area, '') AS area, coalesce(state, '') AS state) FROM users")
    for name in ("texts", "text_users"):
        connection.execute(f"COPY (FROM {name}) TO '{folder}/{name}.csv' (FORMAT csv, HEADER true)")


def write(connection, query, file, group=100000):
    connection.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE {group})")


def differences(connection, lakegate, folder, cases):
    """What lakegate says otherwise, of each rule."""
    # It holds for no row: so every row is a bad one, and tells which rules it passes, fails and skips.
    never = 'ColumnValues "id" < 0'
    (folder / "rules.dqdl").write_text("Rules = [\n" + ",\n".join([*cases.rules, never]) + "\n]")
    references = [f"{alias}={table}.{'csv' if table.startswith('text') else 'parquet'}" for alias, table in cases.references.items()]
    command = [lakegate, "quality", "--data", cases.path, "--rules", "rules.dqdl", "--bad-rows", "bad.parquet", "--json", *cases.options]
    for reference in references:
        command += ["--ref", reference]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if run.returncode != 3:
        return [f"exit code {run.returncode}: {run.stderr}"]
    results = json.loads(run.stdout)["RuleResults"]
    found = {}
    for kind in ("Fail", "Skip"):
        query = f"""SELECT rule, list(id) FROM (SELECT id, unnest(DataQualityRules{kind}) AS rule FROM '{folder}/bad.parquet') GROUP BY rule"""
        found[kind] = {rule: set(ids) for rule, ids in connection.execute(query).fetchall()}
    told = misplaced(connection, folder, cases)
    total = connection.execute(f"SELECT count(*) FROM {cases.data}").fetchone()[0]
    for (rule, (broken, left_out, share)), result in zip(cases.rules.items(), results):
        fails = ids_of(connection, cases.data, broken)
        skips = ids_of(connection, cases.data, left_out) if left_out == "true" or "skipped" in cases.options else set()
        for kind, expected in (("Fail", fails - skips if left_out == "true" else fails), ("Skip", skips)):
            ours = found[kind].get(result["Description"], set())
            if ours != expected:
                told.append(f"{kind} {rule}: {len(expected - ours)} missing, such as {sorted(expected - ours)[:3]}; "
                            f"{len(ours - expected)} too many, such as {sorted(ours - expected)[:3]}")
        if share and abs(result["EvaluatedMetrics"].get(share, -1.0) - (1 - len(fails) / total)) > 1e-9:
            told.append(f"{rule}: DuckDB has {1 - len(fails) / total}, found {result['EvaluatedMetrics']} {result.get('EvaluationMessage')}")
        if (rule.startswith(("IsUnique", "IsPrimaryKey")) and "nothing" not in rule and "id < 0" not in rule or "row" in cases.options and rule.startswith("(")) \
                and (result["Result"] == "PASS") != (not fails):
            told.append(f"{rule}: {len(fails)} rows break it, and it is {result['Result']} {result.get('EvaluationMessage')}")
    return told


def ids_of(connection, table, predicate):
    rows = connection.execute(f"SELECT id FROM (SELECT id, ({predicate}) AS broken FROM {table} d) WHERE broken").fetchall()
    return {row[0] for row in rows}


def misplaced(connection, folder, cases):
    """Every row tells its own file and its number there."""
    starts = FILES if cases.path == "data" else {cases.path: 0}
    begins = " ".join(f"WHEN '{file}' THEN {start}" for file, start in starts.items())
    query = f"""SELECT count(*), count(DISTINCT id), count(*) FILTER (CASE parse_filename(_object) {begins} END + _row - 1 IS DISTINCT FROM id)
        FROM '{folder}/bad.parquet'"""
    rows, ids, wrong = connection.execute(query).fetchone()
    return [] if (rows, ids, wrong) == (6000, 6000, 0) else [f"places: {rows} rows, {ids} of them different, {wrong} misplaced"]


def main():
    lakegate, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    make(connection, folder)
    references = {"users": "users", "other": "other", "strange": "strange", "twin": "twin", "cousin": "cousin", "empty": "empty"}
    runs = [parts(Cases("data", "data", references)),
            parts(Cases("data", "data", references, ["--filtered-rows", "skipped"]), combinations), by_row(), of_csv()]
    told = [f"{cases.path} {' '.join(cases.options)}: {difference}" for cases in runs
            for difference in differences(connection, lakegate, folder, cases)]
    print(json.dumps({"rules": sum(len(cases.rules) for cases in runs), "differences": told}))


if __name__ == "__main__":
    main()

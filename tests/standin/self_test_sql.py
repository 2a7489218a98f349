"""What Athena's queries give: reading tables, meaning and printing of values, and what Athena refuses."""

import datetime
import decimal

import deltalake
import pyarrow

from self_test_athena import Athena, make_table, parquet


def check_athena_reads_tables(stand):
    """partitions, NULL partitions, hidden and foreign keys, columns that a file lacks, order of columns, empty places."""
    athena = Athena(stand)
    columns = (("b", "string"), ("a", "bigint"), ("late", "double"))
    location = make_table(stand, athena.database, athena.bucket, "t", columns, (("day", "date"), ("n", "int")))

    def put(key, **data):
        athena.s3.put_object(Bucket=athena.bucket, Key=f"t/{key}", Body=parquet(**data))
    put("day=2026-03-01/n=7/one.parquet", a=[1, 2], b=["x", "y"])
    put("day=2026-03-01/n=7/two.parquet", b=["z"], late=[1.5], a=pyarrow.array([3], pyarrow.int32()), extra=["no"])
    put("day=2026-03-01/n=7/_hidden/x.parquet", a=[99])
    put("day=2026-03-01/n=7/.hidden.parquet", a=[99])
    put("day=2026-03-01/n=77/other.parquet", a=[98])
    put("100%25=a+b/nulls.parquet", a=[4], b=["w"])
    athena.s3.put_object(Bucket=athena.bucket, Key="t/day=2026-03-01/n=7/", Body=b"")
    for values, place in ((["2026-03-01", "7"], "day=2026-03-01/n=7"), (["__HIVE_DEFAULT_PARTITION__", "8"], "100%25=a+b/"),
                          (["2026-03-03", "9"], "nothing/here")):
        athena.glue.create_partition(DatabaseName=athena.database, TableName="t", PartitionInput={
            "Values": values, "StorageDescriptor": {"Location": location + place}})
    assert athena.rows("SELECT * FROM t ORDER BY a") == [
        ["x", "1", None, "2026-03-01", "7"], ["y", "2", None, "2026-03-01", "7"], ["z", "3", "1.5", "2026-03-01", "7"],
        ["w", "4", None, None, "8"]]
    assert athena.rows("SELECT count(*) FROM t WHERE day = DATE '2026-03-01'") == [["3"]]
    make_table(stand, athena.database, athena.bucket, "flat", (("a", "bigint"),))
    assert athena.rows("SELECT a FROM flat") == []
    athena.s3.put_object(Bucket=athena.bucket, Key="flat/deep/er/x.parquet", Body=parquet(a=[5]))
    assert athena.rows(f'SELECT a FROM "awsdatacatalog"."{athena.database}"."flat"') == [["5"]]


def check_athena_many_partitions(stand):
    """300 partitions of one file each, in one scan."""
    athena = Athena(stand)
    location = make_table(stand, athena.database, athena.bucket, "t", (("a", "bigint"),), (("p", "string"),))
    entries = []
    for number in range(300):
        athena.s3.put_object(Bucket=athena.bucket, Key=f"t/p={number}/x.parquet", Body=parquet(a=[number]))
        entries.append({"Values": [str(number)], "StorageDescriptor": {"Location": f"{location}p={number}/"}})
    for start in (0, 100, 200):
        athena.glue.batch_create_partition(DatabaseName=athena.database, TableName="t", PartitionInputList=entries[start:start + 100])
    assert athena.rows("SELECT count(*), sum(a), count_if(CAST(a AS varchar) = p) FROM t") == [["300", "44850", "300"]]


def check_athena_bad_data(stand):
    """physical types that the catalog contradicts, files that are no Parquet, partitions with other types."""
    athena = Athena(stand)
    wrong = {"string": pyarrow.array([1]), "bigint": pyarrow.array(["x"]), "int": pyarrow.array([1], pyarrow.int64()),
             "decimal(10,2)": pyarrow.array([1], pyarrow.decimal128(10, 3)), "double": pyarrow.array([1]),
             "date": pyarrow.array(["2026-01-01"]), "timestamp": pyarrow.array([1]), "array<string>": pyarrow.array([[1]])}
    for number, (kind, data) in enumerate(wrong.items()):
        make_table(stand, athena.database, athena.bucket, f"t{number}", (("a", kind),))
        athena.s3.put_object(Bucket=athena.bucket, Key=f"t{number}/x.parquet", Body=parquet(a=data))
        athena.fails(f"SELECT a FROM t{number}", "HIVE_BAD_DATA")
    make_table(stand, athena.database, athena.bucket, "text", (("a", "int"),))
    athena.s3.put_object(Bucket=athena.bucket, Key="text/x.csv", Body=b"a,b")
    athena.fails("SELECT a FROM text", "HIVE_BAD_DATA")
    location = make_table(stand, athena.database, athena.bucket, "m", (("a", "bigint"),), (("p", "string"),))
    athena.glue.create_partition(DatabaseName=athena.database, TableName="m", PartitionInput={
        "Values": ["1"], "StorageDescriptor": {"Location": location + "p=1", "Columns": [{"Name": "a", "Type": "string"}]}})
    athena.fails("SELECT a FROM m", "HIVE_PARTITION_SCHEMA_MISMATCH")


def check_athena_prints_values(stand):
    """every type as Athena prints it, with its name; timestamps in milliseconds."""
    athena = Athena(stand)
    zone = datetime.timezone.utc
    data = dict(
        c_boolean=[True], c_int=pyarrow.array([-5], pyarrow.int32()), c_bigint=[2**62], c_double=[12345678.0],
        c_float=pyarrow.array([0.1], pyarrow.float32()), c_decimal=pyarrow.array([decimal.Decimal("1.50")], pyarrow.decimal128(12, 2)),
        c_string=["한글, \"x\""], c_date=[datetime.date(2026, 3, 9)],
        c_timestamp=pyarrow.array([datetime.datetime(2026, 3, 9, 1, 2, 3, 456700)], pyarrow.timestamp("us")),
        c_utc=pyarrow.array([datetime.datetime(2026, 3, 9, 1, 2, 3, 4000, zone)], pyarrow.timestamp("us", "UTC")),
        c_array=[["a", None]], c_binary=[b"\x00\xff"],
        c_struct=pyarrow.array([{"x": 1, "y": None}], pyarrow.struct([("x", pyarrow.int32()), ("y", pyarrow.string())])))
    kinds = {"c_decimal": "decimal(12,2)", "c_utc": "timestamp", "c_array": "array<string>", "c_struct": "struct<x:int,y:string>"}
    make_table(stand, athena.database, athena.bucket, "t", [(name, kinds.get(name, name[2:])) for name in data])
    athena.s3.put_object(Bucket=athena.bucket, Key="t/x.parquet", Body=parquet(**data))
    number = athena.run("SELECT * FROM t")
    result = athena.client.get_query_results(QueryExecutionId=number)["ResultSet"]
    assert [cell["VarCharValue"] for cell in result["Rows"][1]["Data"]] == [
        "true", "-5", str(2**62), "1.2345678E7", "0.1", "1.50", "한글, \"x\"", "2026-03-09", "2026-03-09 01:02:03.457",
        "2026-03-09 01:02:03.004", "[a, null]", "00 ff", "{x=1, y=null}"], result["Rows"][1]
    info = result["ResultSetMetadata"]["ColumnInfo"]
    assert [each["Type"] for each in info] == ["boolean", "integer", "bigint", "double", "float", "decimal", "varchar", "date",
                                              "timestamp", "timestamp", "array", "varbinary", "row"]
    assert (info[5]["Precision"], info[5]["Scale"]) == (12, 2)
    assert athena.rows("SELECT 1e10, 1e-4, 0.001e0, 100e0, 1.5e0, -1e7, 0e0, 1e0 / 0, 1.5") == [
        ["1.0E10", "1.0E-4", "0.001", "100.0", "1.5", "-1.0E7", "0.0", "Infinity", "1.5"]]


def check_athena_means_trino(stand):
    """division, averages, sums, rounding, dates, time zones, comparisons with NULL, names of columns."""
    athena = Athena(stand)
    athena.orders()
    expected = {
        "SELECT 7 / 2, -7 / 2, 7 % 4": ["3", "-3", "3"],
        "SELECT sum(amount) / count(*), avg(amount), sum(id), sum(id) / count(*) FROM orders": ["11.67", "11.67", "6", "2"],
        "SELECT CAST(sum(id) AS double) / 4, sum(amount * id) FROM orders": ["1.5", "65.00"],
        "SELECT avg(id), round(avg(id), 1), round(1.2345, 2) FROM orders": ["2.0", "2.0", "1.2300"],
        "SELECT DECIMAL '10.05' / 2, DECIMAL '1' / 3, 1.00 / 3": ["5.03", "0", "0.33"],
        "SELECT CAST('7' AS decimal) / 2, CAST(5 AS decimal(5,1)) / 2": ["4", "2.5"],
        "SELECT date_trunc('month', DATE '2026-03-09'), DATE '2026-03-09' + INTERVAL '1' DAY": ["2026-03-01", "2026-03-10"],
        "SELECT date_add('day', 1, DATE '2026-02-28'), date_diff('day', DATE '2026-01-01', DATE '2026-02-01')": ["2026-03-01", "31"],
        "SELECT date_format(TIMESTAMP '2026-03-09 01:02:03', '%Y-%m'), year(DATE '2026-03-09')": ["2026-03", "2026"],
        "SELECT hour(TIMESTAMP '2026-03-09 20:00:00' AT TIME ZONE 'Asia/Seoul')": ["5"],
        "SELECT CAST(TIMESTAMP '2026-03-09 01:02:03' AS varchar), CAST(DATE '2026-03-09' AS varchar)": [
            "2026-03-09 01:02:03.000", "2026-03-09"],
        "SELECT greatest(1, 2), greatest(1, NULL), coalesce(NULL, 3), nullif(1, 1), if(true, 1, 2)": ["2", None, "3", None, "1"],
        "SELECT count_if(status = 'paid'), count(DISTINCT status), array_agg(id ORDER BY id) FROM orders": ["2", "1", "[1, 2, 3]"],
        "WITH a AS (SELECT status, sum(id) AS s FROM orders GROUP BY 1) SELECT sum(s) / 4 FROM a": ["1"],
        "SELECT sum(x) OVER () FROM (SELECT sum(id) AS x FROM orders) t": ["6"],
        "SELECT try_cast('x' AS bigint), CAST('5' AS bigint), 'a' || 'b', concat('a', 'b', 'c')": [None, "5", "ab", "abc"],
        "SELECT status FROM orders GROUP BY status HAVING count(*) = 2 ORDER BY status NULLS FIRST": ["paid"],
        "SELECT json_extract_scalar('{\"a\": 1}', '$.a'), cardinality(ARRAY[1, 2]), element_at(ARRAY[5, 6], 2)": ["1", "2", "6"],
        "SELECT id FROM orders ORDER BY id OFFSET 1 LIMIT 1": ["2"],
        "SELECT (SELECT max(id) FROM orders), EXISTS (SELECT 1 FROM orders WHERE id = 9)": ["3", "false"],
    }
    for sql, row in expected.items():
        assert athena.rows(sql) == [row], (sql, athena.rows(sql))
    number = athena.run("SELECT id, 1, id + 1, status AS s FROM orders LIMIT 1")
    info = athena.client.get_query_results(QueryExecutionId=number)["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [each["Name"] for each in info] == ["id", "_col1", "_col2", "s"]


def check_athena_parameters(stand):
    """literals fill question marks in order, not in strings; a wrong count or no literal fails."""
    athena = Athena(stand)
    athena.orders()
    sql = "SELECT '?' AS q, id -- ?\nFROM orders WHERE status = ? AND id >= ? AND DATE '2026-01-01' <= ? ORDER BY id"
    assert athena.rows(sql, "'paid'", "2", "DATE '2026-01-01'") == [["?", "3"]]
    assert athena.rows("SELECT ?, ?, ?", "'it''s'", "-1.5", "NULL") == [["it's", "-1.5", None]]
    athena.fails(sql, "SYNTAX_ERROR", "'paid'", "2")
    athena.fails("SELECT 1", "SYNTAX_ERROR", "1")
    athena.fails("SELECT ?", "SYNTAX_ERROR")
    athena.fails(sql, "SYNTAX_ERROR", "paid", "2", "DATE '2026-01-01'")
    athena.fails(sql, "SYNTAX_ERROR", "'paid'", "2", "'2026-01-01'")
    athena.fails("SELECT id FROM orders WHERE id = ?", "SYNTAX_ERROR", "1 OR true")
    athena.fails("SELECT id FROM orders WHERE id = ?", "SYNTAX_ERROR", "'1'")


REFUSED = """
SELECT id, FROM orders
SELECT `id` FROM orders
SELECT id::varchar FROM orders
SELECT try_cast(id AS text) FROM orders
SELECT CAST(id AS int4) FROM orders
SELECT CAST(id AS utf8) FROM orders
SELECT CAST(id AS string) FROM orders
SELECT CAST(id AS float) FROM orders
SELECT id FROM orders WHERE status ILIKE 'p%'
SELECT id, row_number() OVER (ORDER BY id) AS r FROM orders QUALIFY r = 1
SELECT date_part('year', DATE '2026-01-01')
SELECT string_agg(status, ',') FROM orders
SELECT ifnull(status, 'x') FROM orders
SELECT left(status, 1) FROM orders
SELECT strftime(DATE '2026-01-01', '%Y')
SELECT INTERVAL 1 DAY
SELECT INTERVAL '1 day'
SELECT extract(epoch FROM TIMESTAMP '2026-01-01 00:00:00')
SELECT * EXCLUDE (id) FROM orders
SELECT count(DISTINCT id, status) FROM orders
SELECT DISTINCT ON (status) id FROM orders
SELECT id FROM orders GROUP BY ALL
SELECT id FROM orders ORDER BY ALL
SELECT id FROM orders LIMIT 1 OFFSET 1
SELECT id FROM orders WHERE id == 1
SELECT id FROM orders WHERE (status = 'x') IS TRUE
SELECT [1, 2]
SELECT {'a': 1}
SELECT 7 // 2
SELECT id AS 번호 FROM orders
SELECT id AS end FROM orders
SELECT id AS 1a FROM orders
SELECT id FROM orders WHERE status = "paid
SELECT id FROM orders WHERE id = '1'
SELECT id FROM orders WHERE status = 1
SELECT id FROM orders WHERE month >= DATE '2026-01-01'
SELECT id FROM orders WHERE id IN (1, 'x')
SELECT id FROM orders WHERE id
SELECT id || 'x' FROM orders
SELECT coalesce(id, 'x') FROM orders
SELECT CASE WHEN id = 1 THEN 1 ELSE 'x' END FROM orders
SELECT '1' + 1
SELECT DATE '2026-01-01' + 1
SELECT sum(status) FROM orders
SELECT id, count(*) FROM orders
SELECT id FROM orders SEMI JOIN orders o USING (id)
FROM orders
SELECT $1
SELECT id FROM orders WHERE id = :id
SELECT id FROM
"""


def check_athena_refuses(stand):
    """what Trino does not take, although DuckDB, DataFusion or sqlglot do: every statement fails with SYNTAX_ERROR."""
    athena = Athena(stand)
    athena.orders()
    wrong = []
    for sql in REFUSED.strip().split("\n"):
        try:
            athena.fails(sql, "NOT_SUPPORTED" if sql.startswith("FROM") else "SYNTAX_ERROR")
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n".join(wrong)
    athena.fails("SELECT upper(status) AS u, count(*) FROM orders GROUP BY u", "COLUMN_NOT_FOUND")
    athena.fails("SELECT id + 1 AS next, next + 1 AS after FROM orders", "COLUMN_NOT_FOUND")
    athena.fails("SELECT id + 1 AS next FROM orders WHERE next > 1", "COLUMN_NOT_FOUND")
    athena.fails("SELECT nothing FROM orders", "COLUMN_NOT_FOUND")
    athena.fails("SELECT id FROM nowhere", "TABLE_NOT_FOUND")
    athena.fails("SELECT id FROM nowhere.orders", "SCHEMA_NOT_FOUND")
    athena.fails("SELECT 1 / 0", "DIVISION_BY_ZERO")
    athena.fails("SELECT CAST('x' AS bigint)", "INVALID_CAST_ARGUMENT")


def check_athena_delta(stand):
    """a table that the catalog calls Delta is read by its log, not by its files."""
    athena = Athena(stand)
    options = {"AWS_ENDPOINT_URL": stand.endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "ap-northeast-2",
               "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    when = pyarrow.array([datetime.datetime(2026, 3, 9, 1, 2, 3)], pyarrow.timestamp("us", "UTC"))
    for value in (1, 2):
        table = pyarrow.table({"a": [value], "at": when, "p": ["x y"]})
        deltalake.write_deltalake(f"s3://{athena.bucket}/d", table, mode="overwrite", partition_by=["p"], storage_options=options)
    make_table(stand, athena.database, athena.bucket, "d", (("a", "bigint"),),
               Parameters={"spark.sql.sources.provider": "delta"})
    assert athena.rows('SELECT a, "at", p FROM d') == [["2", "2026-03-09 01:02:03.000", "x y"]]
    number = athena.run("SELECT a FROM d")
    assert athena.get(number)["Statistics"]["DataScannedInBytes"] > 0

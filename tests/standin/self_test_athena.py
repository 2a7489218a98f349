"""Athena's API: states, tokens, errors, cancellation, reuse, pages, named queries, work groups; views and other DDL."""

import io
import time
import uuid

import pyarrow
import pyarrow.parquet

from self_test_proxy import refusal


def parquet(**columns):
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def make_table(stand, database, bucket, name, columns, keys=(), **more):
    location = f"s3://{bucket}/{name}/"
    stand.client("glue").create_table(DatabaseName=database, TableInput={
        "Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys],
        "StorageDescriptor": {"Columns": [{"Name": each, "Type": kind} for each, kind in columns], "Location": location}, **more})
    return location


class Athena:
    """A client of Athena in a database and with a bucket of its own."""

    def __init__(self, stand):
        self.stand = stand
        self.database = stand.database()
        self.bucket = stand.bucket()
        self.client = stand.client("athena")
        self.s3 = stand.client("s3")
        self.glue = stand.client("glue")

    def start(self, sql, **more):
        more.setdefault("ResultConfiguration", {"OutputLocation": f"s3://{self.bucket}/athena-results/"})
        more.setdefault("ClientRequestToken", uuid.uuid4().hex)
        return self.client.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": self.database}, **more)["QueryExecutionId"]

    def get(self, number):
        return self.client.get_query_execution(QueryExecutionId=number)["QueryExecution"]

    def wait(self, number):
        while self.get(number)["Status"]["State"] in ("QUEUED", "RUNNING"):
            time.sleep(0.01)
        return self.get(number)

    def run(self, sql, *parameters, **more):
        if parameters:
            more["ExecutionParameters"] = list(parameters)
        done = self.wait(self.start(sql, **more))
        assert done["Status"]["State"] == "SUCCEEDED", f"{sql}: {done['Status']}"
        return done["QueryExecutionId"]

    def rows(self, sql, *parameters):
        """The rows below the header, None for NULL, as long as the header."""
        answer = self.client.get_query_results(QueryExecutionId=self.run(sql, *parameters))["ResultSet"]["Rows"]
        width = len(answer[0]["Data"])
        rows = [[cell.get("VarCharValue") for cell in row["Data"]] for row in answer[1:]]
        return [row + [None] * (width - len(row)) for row in rows]

    def fails(self, sql, code, *parameters):
        more = {"ExecutionParameters": list(parameters)} if parameters else {}
        done = self.wait(self.start(sql, **more))
        status = done["Status"]
        assert status["State"] == "FAILED" and status["StateChangeReason"].startswith(code), f"{sql}: {status}"
        assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"] and not status["AthenaError"]["Retryable"]
        return status["StateChangeReason"]

    def orders(self):
        """orders(id, status, amount) partitioned by month, in two partitions, one of which is empty."""
        columns = (("id", "bigint"), ("status", "string"), ("amount", "decimal(12,2)"))
        location = make_table(self.stand, self.database, self.bucket, "orders", columns, (("month", "string"),))
        body = parquet(id=[1, 2, 3], status=["paid", None, "paid"],
                       amount=pyarrow.array([10, 20, 5], pyarrow.decimal128(12, 2)))
        self.s3.put_object(Bucket=self.bucket, Key="orders/month=2026-03/part-0.parquet", Body=body)
        for month in ("2026-03", "2026-04"):
            self.glue.create_partition(DatabaseName=self.database, TableName="orders", PartitionInput={
                "Values": [month], "StorageDescriptor": {"Location": f"{location}month={month}/"}})
        return len(body)


def check_athena_states(stand):
    """QUEUED, RUNNING, SUCCEEDED; results only then; statistics; the result as a file."""
    athena = Athena(stand)
    size = athena.orders()
    stand.control("POST", "athena", {"scope": athena.database, "queue_seconds": 0.2, "run_seconds": 0.3})
    number, seen = athena.start("SELECT id FROM orders ORDER BY id"), []
    refusal("InvalidRequestException", lambda: athena.client.get_query_results(QueryExecutionId=number))
    while not seen or seen[-1] not in ("SUCCEEDED", "FAILED"):
        state = athena.get(number)["Status"]["State"]
        seen += [state] if state not in seen else []
    assert seen == ["QUEUED", "RUNNING", "SUCCEEDED"], seen
    done = athena.get(number)
    statistics = done["Statistics"]
    assert statistics["DataScannedInBytes"] == size and statistics["QueryQueueTimeInMillis"] >= 200
    assert statistics["EngineExecutionTimeInMillis"] >= 290 and statistics["TotalExecutionTimeInMillis"] >= 490
    assert done["Status"]["CompletionDateTime"] and done["QueryExecutionContext"]["Database"] == athena.database
    key = done["ResultConfiguration"]["OutputLocation"].split("/", 3)[3]
    assert athena.s3.get_object(Bucket=athena.bucket, Key=key)["Body"].read() == b'"id"\n"1"\n"2"\n"3"\n'
    both = athena.client.batch_get_query_execution(QueryExecutionIds=[number, "none"])
    assert len(both["QueryExecutions"]) == 1 and len(both["UnprocessedQueryExecutionIds"]) == 1
    refusal("InvalidRequestException", lambda: athena.get("none"))
    scoped = {each["operation"] for each in stand.control("GET", f"log?scope={athena.database}")}
    assert {"StartQueryExecution", "GetQueryExecution", "GetQueryResults"} <= scoped


def check_athena_tokens(stand):
    """the same token gives the same query, executed once; with another query it is an error; sizes."""
    athena, token = Athena(stand), uuid.uuid4().hex
    first = athena.start("SELECT 1", ClientRequestToken=token)
    assert athena.start("SELECT 1", ClientRequestToken=token) == first
    message = refusal("InvalidRequestException", lambda: athena.start("SELECT 2", ClientRequestToken=token))
    assert message == "Idempotent parameters do not match"
    refusal("InvalidRequestException", lambda: athena.start("SELECT 1", ClientRequestToken=token, ExecutionParameters=["1"]))
    for bad in ("x" * 31, "x" * 129):
        refusal("InvalidRequestException", lambda: athena.start("SELECT 1", ClientRequestToken=bad))
    refusal("InvalidRequestException", lambda: athena.start("SELECT '" + "x" * 262_144 + "'"))
    refusal("InvalidRequestException", lambda: athena.start("SELECT 1; SELECT 2"))
    assert athena.rows("SELECT 1;") == [["1"]]
    stand.rule(scope=athena.database, service="athena", operation="StartQueryExecution", action="status",
               error="TooManyRequestsException")
    refusal("TooManyRequestsException", lambda: athena.start("SELECT 1"))


def check_athena_stop_and_fail(stand):
    """StopQueryExecution cancels; fail_next fails once, with Retryable."""
    athena = Athena(stand)
    stand.control("POST", "athena", {"scope": athena.database, "run_seconds": 20})
    number = athena.start("SELECT 1")
    stand.until(lambda: athena.get(number)["Status"]["State"] == "RUNNING", "running")
    athena.client.stop_query_execution(QueryExecutionId=number)
    assert athena.get(number)["Status"]["State"] == "CANCELLED"
    refusal("InvalidRequestException", lambda: athena.client.get_query_results(QueryExecutionId=number))
    time.sleep(0.1)
    assert athena.get(number)["Status"]["State"] == "CANCELLED"
    stand.control("POST", "athena", {"scope": athena.database, "run_seconds": 0.01,
                                     "fail_next": {"message": "out of resources", "retryable": True}})
    status = athena.wait(athena.start("SELECT 1"))["Status"]
    assert status["State"] == "FAILED" and status["StateChangeReason"] == "out of resources"
    assert status["AthenaError"]["Retryable"] is True and status["AthenaError"]["ErrorCategory"] == 1
    assert athena.rows("SELECT 1") == [["1"]]


def check_athena_reuse(stand):
    """results are reused by age: the old rows, nothing scanned; not for another parameter, not without asking."""
    athena = Athena(stand)
    size = athena.orders()
    reuse = {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}}
    sql = "SELECT count(*) AS n FROM orders WHERE id >= ?"

    def ask(parameter, **more):
        done = athena.wait(athena.start(sql, ExecutionParameters=[parameter], **more))
        rows = athena.client.get_query_results(QueryExecutionId=done["QueryExecutionId"])["ResultSet"]["Rows"]
        statistics = done["Statistics"]
        return (rows[1]["Data"][0]["VarCharValue"], statistics["DataScannedInBytes"],
                statistics["ResultReuseInformation"]["ReusedPreviousResult"])
    assert ask("1", **reuse) == ("3", size, False)
    athena.s3.delete_object(Bucket=athena.bucket, Key="orders/month=2026-03/part-0.parquet")
    assert ask("1", **reuse) == ("3", 0, True)
    assert ask("2", **reuse) == ("0", 0, False)
    assert ask("1") == ("0", 0, False)
    refusal("InvalidRequestException", lambda: athena.start(sql, ResultReuseConfiguration={
        "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 10_081}}))


def check_athena_pages(stand):
    """1,000 rows a page with the header as the first row; NULL cells without value, none at the end of a row."""
    athena = Athena(stand)
    number = athena.run("SELECT x, NULL AS a, CAST(NULL AS varchar) AS b, y, NULL AS c FROM UNNEST(sequence(1, 2500)) t (x) "
                        "CROSS JOIN (VALUES 'v') u (y) ORDER BY x")
    pages, token = [], {}
    while True:
        page = athena.client.get_query_results(QueryExecutionId=number, **token)
        pages.append(page["ResultSet"]["Rows"])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [len(page) for page in pages] == [1000, 1000, 501]
    assert [cell["VarCharValue"] for cell in pages[0][0]["Data"]] == ["x", "a", "b", "y", "c"]
    assert pages[0][1]["Data"] == [{"VarCharValue": "1"}, {}, {}, {"VarCharValue": "v"}]
    assert pages[2][-1]["Data"][0]["VarCharValue"] == "2500"
    three = athena.client.get_query_results(QueryExecutionId=number, MaxResults=3)
    assert len(three["ResultSet"]["Rows"]) == 3 and three["NextToken"]
    refusal("InvalidRequestException", lambda: athena.client.get_query_results(QueryExecutionId=number, MaxResults=1001))


def check_athena_groups_and_named_queries(stand):
    """work groups; named queries: create, get, list by pages, update, delete."""
    athena = Athena(stand)
    group = f"group_{uuid.uuid4().hex}"
    assert athena.client.get_work_group(WorkGroup="primary")["WorkGroup"]["State"] == "ENABLED"
    message = refusal("InvalidRequestException", lambda: athena.client.get_work_group(WorkGroup="missing_one"))
    assert message == "WorkGroup is not found"
    refusal("InvalidRequestException", lambda: athena.start("SELECT 1", WorkGroup="missing"))
    message = refusal("InvalidRequestException", lambda: athena.start("SELECT 1", WorkGroup="no_output", ResultConfiguration={}))
    assert message.startswith("No output location provided")
    athena.start("SELECT 1", WorkGroup="no_output")
    create = athena.client.create_named_query
    token = uuid.uuid4().hex
    numbers = [create(Name=f"q{n}", Database=athena.database, QueryString="SELECT 1", WorkGroup=group)["NamedQueryId"]
               for n in range(59)]
    twice = [create(Name="twice", Database=athena.database, QueryString="SELECT 1", WorkGroup=group, Description="d",
                    ClientRequestToken=token)["NamedQueryId"] for _ in range(2)]
    assert twice[0] == twice[1]
    pages = list(athena.client.get_paginator("list_named_queries").paginate(WorkGroup=group))
    assert [each for page in pages for each in page["NamedQueryIds"]] == [*numbers, twice[0]] and len(pages) == 2
    athena.client.update_named_query(NamedQueryId=twice[0], Name="new", QueryString="SELECT 2", Description="e")
    found = athena.client.get_named_query(NamedQueryId=twice[0])["NamedQuery"]
    assert (found["Name"], found["QueryString"], found["Description"]) == ("new", "SELECT 2", "e")
    athena.client.delete_named_query(NamedQueryId=numbers[0])
    refusal("InvalidRequestException", lambda: athena.client.get_named_query(NamedQueryId=numbers[0]))
    both = athena.client.batch_get_named_query(NamedQueryIds=numbers[:2])
    assert len(both["NamedQueries"]) == 1 and len(both["UnprocessedNamedQueryIds"]) == 1


def check_athena_views(stand):
    """CREATE OR REPLACE VIEW is stored in the catalog and can be read, also by other views; DROP VIEW; SHOW TABLES."""
    athena = Athena(stand)
    athena.orders()
    athena.run("-- made by a test\nCREATE OR REPLACE VIEW paid AS SELECT month, sum(amount) AS total, count(*) AS n FROM orders "
               "WHERE status = 'paid' GROUP BY month")
    entry = athena.glue.get_table(DatabaseName=athena.database, Name="paid")["Table"]
    assert entry["TableType"] == "VIRTUAL_VIEW" and entry["Parameters"]["presto_view"] == "true"
    assert entry["ViewOriginalText"].startswith("/* Presto View: ") and entry["ViewOriginalText"].endswith(" */")
    assert [(each["Name"], each["Type"]) for each in entry["StorageDescriptor"]["Columns"]] == [
        ("month", "string"), ("total", "decimal(38,2)"), ("n", "bigint")]
    assert athena.rows("SELECT * FROM paid") == [["2026-03", "15.00", "2"]]
    athena.run(f'CREATE VIEW "{athena.database}"."totals" AS SELECT total / n AS each FROM paid')
    assert athena.rows(f"SELECT each FROM {athena.database}.totals") == [["7.50"]]
    athena.fails("CREATE VIEW paid AS SELECT 1 AS a", "ALREADY_EXISTS")
    athena.fails("CREATE OR REPLACE VIEW orders AS SELECT 1 AS a", "NOT_SUPPORTED")
    athena.fails("CREATE OR REPLACE VIEW wrong AS SELECT nothing FROM orders", "COLUMN_NOT_FOUND")
    athena.fails("CREATE OR REPLACE VIEW wrong AS SELECT * FROM nowhere", "TABLE_NOT_FOUND")
    athena.fails("CREATE OR REPLACE VIEW wrong AS SELECT * FROM wrong", "INVALID_VIEW")
    number = athena.run("SHOW TABLES")
    rows = athena.client.get_query_results(QueryExecutionId=number)["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in rows] == ["orders", "paid", "totals"]
    athena.run("DROP VIEW totals")
    athena.run("DROP VIEW IF EXISTS totals")
    athena.fails("DROP VIEW totals", "TABLE_NOT_FOUND")
    athena.fails("DROP VIEW orders", "TABLE_NOT_FOUND")
    for other in ("INSERT INTO orders SELECT * FROM orders", "CREATE TABLE x AS SELECT 1 AS a", "DELETE FROM orders",
                  "MSCK REPAIR TABLE orders", "DROP TABLE orders", "ALTER TABLE orders ADD COLUMNS (x int)"):
        athena.fails(other, "NOT_SUPPORTED")

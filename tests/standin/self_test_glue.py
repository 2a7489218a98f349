"""Glue: pages, limits, versions, errors by item, faults."""

import threading
import urllib.error
import uuid

from self_test_proxy import breaks, refusal


def table_input(name="t", columns=(("id", "bigint"),), keys=("month",), **more):
    return {"Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
            "StorageDescriptor": {"Columns": [{"Name": column, "Type": kind} for column, kind in columns],
                                  "Location": "s3://bucket/t/"}, **more}


def partition(*values):
    return {"Values": list(values), "StorageDescriptor": {"Columns": [{"Name": "id", "Type": "bigint"}],
                                                          "Location": f"s3://bucket/t/{'/'.join(values)}/"}}


def check_glue_pages(stand):
    """250 partitions in pages of 100, by MaxResults, by segment; without columns; tables, databases, versions."""
    glue, database = stand.client("glue"), stand.database()
    place = {"DatabaseName": database, "TableName": "t"}
    glue.create_table(DatabaseName=database, TableInput=table_input())
    for start in (0, 100, 200):
        batch = [partition(f"m{number:03d}") for number in range(start, min(start + 100, 250))]
        assert not glue.batch_create_partition(**place, PartitionInputList=batch).get("Errors")
    pages = list(glue.get_paginator("get_partitions").paginate(**place, ExcludeColumnSchema=True))
    assert [len(page["Partitions"]) for page in pages] == [100, 100, 50]
    assert "Columns" not in pages[0]["Partitions"][0]["StorageDescriptor"]
    assert len({each["Values"][0] for page in pages for each in page["Partitions"]}) == 250
    first = glue.get_partitions(**place, MaxResults=240)
    again = [glue.get_partitions(**place, MaxResults=240, NextToken=first["NextToken"])["Partitions"] for _ in range(2)]
    assert len(again[0]) == 10 and again[0] == again[1]
    segments = [glue.get_paginator("get_partitions").paginate(**place, Segment={"SegmentNumber": n, "TotalSegments": 3})
                for n in range(3)]
    assert sorted(each["Values"][0] for s in segments for page in s for each in page["Partitions"]) == [
        f"m{number:03d}" for number in range(250)]
    refusal("InvalidInputException", lambda: glue.get_partitions(**place, NextToken="nonsense"))
    refusal("ValidationException", lambda: glue.get_partitions(**place, MaxResults=1001))
    for number in range(120):
        glue.create_table(DatabaseName=database, TableInput=table_input(f"t{number}"))
        glue.update_table(DatabaseName=database, TableInput=table_input())
    pages = list(glue.get_paginator("get_tables").paginate(DatabaseName=database))
    assert [len(page["TableList"]) for page in pages] == [100, 21]
    pages = list(glue.get_paginator("get_table_versions").paginate(DatabaseName=database, TableName="t"))
    assert [len(page["TableVersions"]) for page in pages] == [100, 21]
    assert glue.get_databases(MaxResults=1)["DatabaseList"]


def check_glue_limits(stand):
    """sizes of batches and texts, lower case, types, duplicates, numbers of values."""
    glue, database = stand.client("glue"), stand.database()
    place = {"DatabaseName": database, "TableName": "t"}

    def create(kind, **more):
        refusal(kind, lambda: glue.create_table(DatabaseName=database, TableInput=table_input(**{"name": "t", **more})))
    for kind in ("integer", "text", "decimal(39,2)", "decimal(2,3)", "array<int", "map<int>", "struct<a int>", "uint64",
                 "varchar", "timestamp(3)", "list<int>", ""):
        create("InvalidInputException", columns=(("a", kind),))
    create("InvalidInputException", name="Upper")
    create("InvalidInputException", columns=(("Id", "int"),))
    create("InvalidInputException", columns=(("a", "int"), ("a", "int")))
    create("InvalidInputException", columns=(("month", "int"),))
    create("ValidationException", columns=(("a", f"struct<{'a' * 131_072}:int>"),))
    create("ValidationException", Description="x" * 2049)
    create("ValidationException", Parameters={"p": "x" * 512_001})
    long = table_input()
    long["StorageDescriptor"]["Columns"][0]["Comment"] = "x" * 256
    refusal("ValidationException", lambda: glue.create_table(DatabaseName=database, TableInput=long))
    refusal("InvalidInputException", lambda: glue.create_database(DatabaseInput={"Name": "Upper"}))
    good = [("a", "decimal(38,9)"), ("b", "array<struct<x:int,y:map<string,double>>>"), ("c", "varchar(10)"), ("d", "binary"),
            ("e", "tinyint"), ("f", "timestamp"), ("g", "date"), ("h", "char(3)"), ("i", "float"), ("한글", "boolean")]
    glue.create_table(DatabaseName=database, TableInput=table_input(columns=good))
    many = [partition(f"m{number}") for number in range(101)]
    values = [{"Values": each["Values"]} for each in many]
    refusal("ValidationException", lambda: glue.batch_create_partition(**place, PartitionInputList=many))
    refusal("ValidationException", lambda: glue.batch_update_partition(**place, Entries=[
        {"PartitionValueList": each["Values"], "PartitionInput": each} for each in many]))
    refusal("ValidationException", lambda: glue.batch_delete_partition(**place, PartitionsToDelete=values[:26]))
    refusal("ValidationException", lambda: glue.batch_get_partition(**place, PartitionsToGet=values * 10))
    refusal("InvalidInputException", lambda: glue.create_partition(**place, PartitionInput=partition("a", "b")))
    refusal("InvalidInputException", lambda: glue.get_partition(**place, PartitionValues=["a", "b"]))


def check_glue_missing(stand):
    """EntityNotFoundException for every missing thing, AlreadyExistsException for what is there."""
    glue, database = stand.client("glue"), stand.database()
    place = {"DatabaseName": database, "TableName": "t"}
    missing = [lambda: glue.get_database(Name="none"), lambda: glue.get_table(DatabaseName=database, Name="t"),
               lambda: glue.get_table(DatabaseName="none", Name="t"), lambda: glue.get_partitions(**place),
               lambda: glue.update_table(DatabaseName=database, TableInput=table_input()),
               lambda: glue.delete_table(DatabaseName=database, Name="t"), lambda: glue.get_tables(DatabaseName="none"),
               lambda: glue.batch_create_partition(**place, PartitionInputList=[partition("a")]),
               lambda: glue.delete_database(Name="none")]
    for action in missing:
        refusal("EntityNotFoundException", action)
    glue.create_table(DatabaseName=database, TableInput=table_input())
    refusal("EntityNotFoundException", lambda: glue.get_partition(**place, PartitionValues=["a"]))
    refusal("EntityNotFoundException", lambda: glue.delete_partition(**place, PartitionValues=["a"]))
    refusal("AlreadyExistsException", lambda: glue.create_table(DatabaseName=database, TableInput=table_input()))
    refusal("AlreadyExistsException", lambda: glue.create_database(DatabaseInput={"Name": database}))


def check_glue_batches(stand):
    """errors by item: existing, missing, renamed onto another."""
    glue, database = stand.client("glue"), stand.database()
    place = {"DatabaseName": database, "TableName": "t"}
    glue.create_table(DatabaseName=database, TableInput=table_input())
    made = glue.batch_create_partition(**place, PartitionInputList=[partition("a"), partition("b")])
    assert not made.get("Errors")
    made = glue.batch_create_partition(**place, PartitionInputList=[partition("a"), partition("c")])["Errors"]
    assert [(e["PartitionValues"], e["ErrorDetail"]["ErrorCode"]) for e in made] == [(["a"], "AlreadyExistsException")]

    def update(old, new):
        found = glue.batch_update_partition(**place, Entries=[{"PartitionValueList": [old], "PartitionInput": partition(new)}])
        return [(e["PartitionValueList"], e["ErrorDetail"]["ErrorCode"]) for e in found.get("Errors", [])]
    assert update("a", "a") == []
    assert update("x", "x") == [(["x"], "EntityNotFoundException")]
    assert update("a", "b") == [(["a"], "AlreadyExistsException")]
    gone = glue.batch_delete_partition(**place, PartitionsToDelete=[{"Values": ["x"]}, {"Values": ["c"]}])["Errors"]
    assert [(e["PartitionValues"], e["ErrorDetail"]["ErrorCode"]) for e in gone] == [(["x"], "EntityNotFoundException")]
    found = glue.batch_get_partition(**place, PartitionsToGet=[{"Values": ["a"]}, {"Values": ["x"]}, {"Values": ["b"]}])
    assert [each["Values"] for each in found["Partitions"]] == [["a"], ["b"]]


def check_glue_versions(stand):
    """a stale VersionId loses; of 8 that race with the same one exactly one wins; the whole input is replaced."""
    glue, database = stand.client("glue"), stand.database()
    glue.create_table(DatabaseName=database, TableInput=table_input(Description="old", Parameters={"a": "1"}))
    first = glue.get_table(DatabaseName=database, Name="t")["Table"]["VersionId"]
    glue.update_table(DatabaseName=database, TableInput=table_input(), VersionId=first, SkipArchive=True)
    table = glue.get_table(DatabaseName=database, Name="t")["Table"]
    assert int(table["VersionId"]) > int(first) and "Description" not in table and "Parameters" not in table
    refusal("ConcurrentModificationException",
            lambda: glue.update_table(DatabaseName=database, TableInput=table_input(), VersionId=first))
    wins = []

    def race(number):
        try:
            glue.update_table(DatabaseName=database, VersionId=table["VersionId"],
                              TableInput=table_input(Parameters={"winner": str(number)}))
            wins.append(str(number))
        except glue.exceptions.ConcurrentModificationException:
            pass
    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(wins) == 1 and glue.get_table(DatabaseName=database, Name="t")["Table"]["Parameters"] == {"winner": wins[0]}
    glue.update_table(DatabaseName=database, TableInput=table_input())


def check_glue_faults(stand):
    """throttling, access denied, lost replies, and batches that are done in part."""
    glue, database = stand.client("glue"), stand.database()
    place = {"DatabaseName": database, "TableName": "t"}
    glue.create_table(DatabaseName=database, TableInput=table_input())
    for error, status in (("ThrottlingException", 400), ("AccessDeniedException", 400), ("InternalServiceException", 500)):
        stand.rule(scope=database, service="glue", operation="GetTable", action="status", error=error, status=status)
        refusal(error, lambda: glue.get_table(DatabaseName=database, Name="t"), status)
    stand.rule(scope=database, service="glue", operation="BatchCreatePartition", action="lost_reply")
    breaks(lambda: glue.batch_create_partition(**place, PartitionInputList=[partition("a")]))
    assert len(glue.get_partitions(**place)["Partitions"]) == 1
    stand.rule(scope=database, service="glue", operation="BatchCreatePartition", action="partial", count=2)
    some = [partition(value) for value in ("b", "c", "d", "a")]
    errors = glue.batch_create_partition(**place, PartitionInputList=some)["Errors"]
    assert [(e["PartitionValues"], e["ErrorDetail"]["ErrorCode"]) for e in errors] == [
        (["b"], "InternalServiceException"), (["c"], "InternalServiceException"), (["a"], "AlreadyExistsException")]
    assert {each["Values"][0] for each in glue.get_partitions(**place)["Partitions"]} == {"a", "d"}
    stand.rule(scope=database, operation="BatchDeletePartition", action="partial", count=1, error="ThrottlingException")
    errors = glue.batch_delete_partition(**place, PartitionsToDelete=[{"Values": ["a"]}])["Errors"]
    assert errors[0]["ErrorDetail"]["ErrorCode"] == "ThrottlingException"
    stand.rule(scope=database, operation="GetTable", key='"Name": ?"u"', action="status")
    glue.get_table(DatabaseName=database, Name="t")
    refusal("ThrottlingException", lambda: glue.get_table(DatabaseName=database, Name="u"))
    operations = [each["operation"] for each in stand.control("GET", f"log?scope={database}")]
    assert operations[:3] == ["CreateDatabase", "CreateTable", "GetTable"]


def check_glue_runs(stand):
    """runs as told: one by its name, all of a job newest first and by pages, one that ends later; what is missing."""
    glue, job = stand.client("glue"), f"job-{uuid.uuid4().hex}"
    for number in range(5):
        stand.control("POST", "glue_runs", {"job": job, "run": f"jr_{number}", "execution_time": 10 * number, "state": "FAILED",
                                            "started": 1_700_000_000 + number, "error": "exit code 3"})
    stand.control("POST", "glue_runs", {"scope": job, "run": "jr_2", "execution_time": 840, "arguments": {"--lakegate_jobs": "a"},
                                        "started": 1_700_000_002})
    run = glue.get_job_run(JobName=job, RunId="jr_2")["JobRun"]
    assert (run["JobName"], run["ExecutionTime"], run["JobRunState"]) == (job, 840, "SUCCEEDED")
    assert run["Arguments"] == {"--lakegate_jobs": "a"} and (run["CompletedOn"] - run["StartedOn"]).total_seconds() == 840
    assert glue.get_job_run(JobName=job, RunId="jr_1")["JobRun"]["ErrorMessage"] == "exit code 3"
    pages = list(glue.get_paginator("get_job_runs").paginate(JobName=job, PaginationConfig={"PageSize": 2}))
    assert [[each["Id"] for each in page["JobRuns"]] for page in pages] == [["jr_4", "jr_3"], ["jr_2", "jr_1"], ["jr_0"]]
    stand.control("POST", "glue_runs", {"job": job, "run": "jr_5", "execution_time": 1, "state": "RUNNING"})
    assert "CompletedOn" not in glue.get_job_runs(JobName=job, MaxResults=1)["JobRuns"][0]
    refusal("EntityNotFoundException", lambda: glue.get_job_run(JobName=job, RunId="jr_9"))
    refusal("EntityNotFoundException", lambda: glue.get_job_run(JobName="none", RunId="jr_0"))
    refusal("EntityNotFoundException", lambda: glue.get_job_runs(JobName="none"))
    refusal("ValidationException", lambda: glue.get_job_runs(JobName=job, MaxResults=201))
    stand.rule(scope=job, service="glue", operation="GetJobRun", action="status", error="ThrottlingException")
    refusal("ThrottlingException", lambda: glue.get_job_run(JobName=job, RunId="jr_0"))
    for wrong in ({"state": "DONE"}, {"execution_time": "1"}, {"arguments": {"a": 1}}, {"duration": 1}):
        try:
            stand.control("POST", "glue_runs", {"job": job, "run": "jr_6", "execution_time": 1, **wrong})
            raise AssertionError(f"{wrong} was taken")
        except urllib.error.HTTPError as error:
            assert error.code == 400
    stand.control("DELETE", f"glue_runs?scope={job}")
    refusal("EntityNotFoundException", lambda: glue.get_job_run(JobName=job, RunId="jr_2"))

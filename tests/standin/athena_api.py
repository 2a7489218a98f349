"""Athena's API: executes its queries, on DuckDB, over what the catalog and the buckets hold."""

from athena_engine import Engine
from athena_named import NamedQueries
from athena_objects import Objects
from athena_queries import Queries, invalid, results
from wire import ServiceError, json_reply

BATCH = 50


class Athena:
    def __init__(self, backend, glue):
        self.objects = Objects(backend.endpoint)
        self.queries = Queries(Engine(glue, self.objects), self.objects)
        self.named = NamedQueries()
        self.operations = {
            "StartQueryExecution": self._start, "GetQueryExecution": self._get, "BatchGetQueryExecution": self._batch_get,
            "GetQueryResults": self._results, "StopQueryExecution": self._stop, "GetWorkGroup": self._work_group,
            "CreateNamedQuery": lambda asked, caller: self.named.create(asked, group_of(asked)),
            "GetNamedQuery": lambda asked, caller: {"NamedQuery": self.named.get(asked.get("NamedQueryId"))},
            "BatchGetNamedQuery": lambda asked, caller: self.named.batch_get(asked),
            "ListNamedQueries": lambda asked, caller: self.named.list(asked, group_of(asked)),
            "UpdateNamedQuery": lambda asked, caller: self.named.update(asked),
            "DeleteNamedQuery": lambda asked, caller: self.named.delete(asked.get("NamedQueryId")),
        }

    def clean_up(self):
        self.objects.clean_up()

    def steer(self, settings):
        self.queries.steer(settings)

    def handle(self, operation, request):
        if operation not in self.operations:
            raise ServiceError("UnknownOperationException", f"the stand-in does not know {operation}")
        return json_reply(self.operations[operation](request.json(), request))

    def scope_of(self, operation, body):
        """The database; for calls that name only a query that of the query; else the work group."""
        context = body.get("QueryExecutionContext") or {}
        if context.get("Database") or body.get("Database"):
            return str(context.get("Database") or body["Database"])
        number = body.get("QueryExecutionId") or next(iter(body.get("QueryExecutionIds") or []), None)
        query = self.queries.find(number) if number else None
        if query is not None:
            return query.scope
        number = body.get("NamedQueryId") or next(iter(body.get("NamedQueryIds") or []), None)
        named = self.named.find(number) if number else None
        return named["Database"] if named else str(body.get("WorkGroup") or "")

    def _start(self, asked, caller):
        group = group_of(asked)
        output = (asked.get("ResultConfiguration") or {}).get("OutputLocation")
        if not output and group == "no_output":
            raise invalid("No output location provided. An output location is required either through the Workgroup result "
                          "configuration setting or as an API input.")
        return {"QueryExecutionId": self.queries.start(asked, group, output, caller)}

    def _get(self, asked, caller):
        return {"QueryExecution": self.queries.get(asked.get("QueryExecutionId")).view()}

    def _batch_get(self, asked, caller):
        numbers = asked.get("QueryExecutionIds") or []
        if not 1 <= len(numbers) <= BATCH:
            raise invalid(f"QueryExecutionIds must have 1 to {BATCH} items")
        found = {number: self.queries.find(number) for number in numbers}
        return {"QueryExecutions": [query.view() for query in found.values() if query],
                "UnprocessedQueryExecutionIds": [
                    {"QueryExecutionId": number, "ErrorCode": "INVALID_INPUT",
                     "ErrorMessage": f"QueryExecution {number} was not found"} for number, query in found.items() if not query]}

    def _results(self, asked, caller):
        return results(self.queries.get(asked.get("QueryExecutionId")), asked)

    def _stop(self, asked, caller):
        self.queries.stop(asked.get("QueryExecutionId"))
        return {}

    def _work_group(self, asked, caller):
        name = group_of(asked)
        output = {} if name == "no_output" else {"OutputLocation": f"s3://aws-athena-query-results-{name}/"}
        version = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
        return {"WorkGroup": {"Name": name, "State": "ENABLED", "Configuration": {
            "ResultConfiguration": output, "EnforceWorkGroupConfiguration": False, "PublishCloudWatchMetricsEnabled": True,
            "RequesterPaysEnabled": False, "EngineVersion": version}}}


def group_of(asked):
    """The work group of a call. Every name is one, but for those that begin with `missing`."""
    name = asked.get("WorkGroup") or "primary"
    if name.startswith("missing"):
        raise invalid("WorkGroup is not found", "WORKGROUP_NOT_FOUND")
    return name

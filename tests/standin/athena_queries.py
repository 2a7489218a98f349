"""Query executions: their states by time, tokens, cancellation, reuse of results, pages of rows."""

import csv
import io
import threading
import time
import traceback
import uuid

from athena_syntax import QueryFailed, fill_parameters, is_one_statement
from wire import ServiceError

FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
QUERY_BYTES = 262_144


def invalid(message, code="INVALID_INPUT"):
    return ServiceError("InvalidRequestException", message, AthenaErrorCode=code)


class Steering:
    """What a test set for the queries of a scope."""

    def __init__(self):
        self.queue_seconds = 0.03
        self.run_seconds = 0.03
        self.fail_next = None

    def take_failure(self):
        failure, self.fail_next = self.fail_next, None
        return failure


class Query:
    def __init__(self, asked, group, output, caller):
        context = asked.get("QueryExecutionContext") or {}
        self.id = str(uuid.uuid4())
        self.asked = asked
        self.caller = caller
        self.database = (context.get("Database") or "").lower()
        self.scope = context.get("Database") or ""
        self.group = group
        self.output = f"{output.rstrip('/')}/{self.id}.csv" if output else None
        self.state = "QUEUED"
        self.reason = None
        self.error = None
        self.result = None
        self.reused = False
        self.submitted = time.time()
        self.started = self.completed = None
        self.engine_millis = 0
        self.cancelled = threading.Event()
        self.lock = threading.Lock()

    def move(self, state):
        """A final state stays; says whether the query moved."""
        with self.lock:
            if self.state in FINAL:
                return False
            self.state = state
            if state == "RUNNING":
                self.started = time.time()
            if state in FINAL:
                self.completed = time.time()
            return True

    def fail(self, message, category, retryable):
        self.reason = message
        self.error = {"ErrorCategory": category, "ErrorType": {1: 401, 2: 1006}.get(category, 1), "Retryable": retryable,
                      "ErrorMessage": message}
        self.move("FAILED")

    def view(self):
        context = dict(self.asked.get("QueryExecutionContext") or {})
        context.setdefault("Catalog", "awsdatacatalog")
        return {
            "QueryExecutionId": self.id, "Query": self.asked["QueryString"], "StatementType": statement_type(self.asked),
            "ResultConfiguration": {"OutputLocation": self.output} if self.output else {},
            "ResultReuseConfiguration": self.asked.get("ResultReuseConfiguration")
            or {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": context, "Status": self._status(), "Statistics": self._statistics(),
            "WorkGroup": self.group, "EngineVersion": {"SelectedEngineVersion": "AUTO",
                                                       "EffectiveEngineVersion": "Athena engine version 3"},
            "SubstatementType": "SELECT" if statement_type(self.asked) == "DML" else "CREATE_VIEW",
            **({"ExecutionParameters": self.asked["ExecutionParameters"]} if self.asked.get("ExecutionParameters") else {}),
        }

    def _status(self):
        status = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.completed:
            status["CompletionDateTime"] = self.completed
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.error:
            status["AthenaError"] = self.error
        return status

    def _statistics(self):
        end = self.completed or time.time()
        scanned = self.result.scanned if self.result and not self.reused else 0
        return {"DataScannedInBytes": scanned, "EngineExecutionTimeInMillis": self.engine_millis,
                "QueryQueueTimeInMillis": int(((self.started or end) - self.submitted) * 1000),
                "TotalExecutionTimeInMillis": int((end - self.submitted) * 1000), "QueryPlanningTimeInMillis": 1,
                "ServiceProcessingTimeInMillis": 1, "ResultReuseInformation": {"ReusedPreviousResult": self.reused}}


class Queries:
    def __init__(self, engine, objects):
        self.engine = engine
        self.objects = objects
        self._lock = threading.Lock()
        self._queries = {}
        self._tokens = {}
        self._steering = {}
        self._few = threading.BoundedSemaphore(4)

    def steer(self, settings):
        steering = self.steering(settings.get("scope") or "")
        for name in ("queue_seconds", "run_seconds", "fail_next"):
            if name in settings:
                setattr(steering, name, settings[name])

    def steering(self, scope):
        with self._lock:
            return self._steering.setdefault(scope, Steering())

    def start(self, asked, group, output, caller):
        """The id of a new query, or of the one that the same token started."""
        token = asked.get("ClientRequestToken")
        check_token(token)
        sql = asked.get("QueryString") or ""
        if not 1 <= len(sql.encode()) <= QUERY_BYTES:
            raise invalid(f"QueryString must have 1 to {QUERY_BYTES} bytes")
        if not is_one_statement(sql):
            raise invalid("Only one sql statement is allowed.", "MALFORMED_QUERY")
        check_reuse(asked)
        same = {key: value for key, value in asked.items() if key != "ClientRequestToken"}
        with self._lock:
            before = self._tokens.get((caller.region(), token))
            if before is not None:
                if before[0] != same:
                    raise invalid("Idempotent parameters do not match")
                return before[1]
            query = Query(asked, group, output, caller)
            self._queries[query.id] = query
            self._tokens[caller.region(), token] = same, query.id
        threading.Thread(target=self._live, args=(query,), daemon=True).start()
        return query.id

    def find(self, number):
        with self._lock:
            return self._queries.get(number)

    def get(self, number):
        query = self.find(number)
        if query is None:
            raise invalid(f"QueryExecution {number} was not found")
        return query

    def stop(self, number):
        query = self.get(number)
        query.reason = query.reason if query.state in FINAL else "Query cancelled by user"
        query.move("CANCELLED")
        query.cancelled.set()

    def _live(self, query):
        steering = self.steering(query.scope)
        if query.cancelled.wait(steering.queue_seconds) or not query.move("RUNNING"):
            return
        began = time.time()
        try:
            self._execute(query, steering)
        except QueryFailed as error:
            query.cancelled.wait(max(0, began + steering.run_seconds - time.time()))
            query.fail(str(error), error.category, False)
        except Exception as error:
            traceback.print_exc()
            query.fail(f"GENERIC_INTERNAL_ERROR: the stand-in: {error!r}", 1, False)

    def _execute(self, query, steering):
        began = time.time()
        failure = steering.take_failure()
        if failure:
            query.cancelled.wait(steering.run_seconds)
            return query.fail(failure.get("message", "GENERIC_INTERNAL_ERROR: asked for by a test"), 1,
                              bool(failure.get("retryable")))
        earlier = self._reusable(query)
        if earlier is not None:
            query.result, query.reused = earlier.result, True
        else:
            sql = fill_parameters(query.asked["QueryString"], query.asked.get("ExecutionParameters") or [])
            with self._few:
                query.result = self.engine.run(sql, query.database, query.caller)
        if query.cancelled.wait(max(0, began + steering.run_seconds - time.time())):
            return None
        query.engine_millis = max(1, int((time.time() - began) * 1000))
        self._write_result(query)
        query.move("SUCCEEDED")
        return None

    def _reusable(self, query):
        """An identical query of the same work group that succeeded within the age."""
        by_age = (query.asked.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration") or {}
        if not by_age.get("Enabled"):
            return None
        oldest = time.time() - 60 * by_age.get("MaxAgeInMinutes", 60)
        with self._lock:
            known = list(self._queries.values())
        same = [each for each in known if each.state == "SUCCEEDED" and not each.reused and each.completed >= oldest
                and each.result.header and each.group == query.group and _question(each) == _question(query)]
        return max(same, key=lambda each: each.completed, default=None)

    def _write_result(self, query):
        """The result as a file at the output location, as Athena leaves it."""
        if not query.output or not query.result.columns:
            return
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        if query.result.header:
            writer.writerow([column["Name"] for column in query.result.columns])
        for row in query.result.rows:
            out.write(",".join("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row) + "\n")
        bucket, _, key = query.output.removeprefix("s3://").partition("/")
        try:
            self.objects.put(bucket, key, out.getvalue().encode())
        except self.objects.s3.exceptions.ClientError as error:
            raise QueryFailed("GENERIC_USER_ERROR", f"Unable to verify/create output bucket {bucket}: {error}") from None


def results(query, asked):
    """One page of rows; the header counts as the first row of a SELECT."""
    if query.state != "SUCCEEDED":
        raise invalid(f"Query did not finish successfully. Final query state: {query.state}" if query.state in FINAL
                      else f"Query has not yet finished. Current state: {query.state}", "QUERY_NOT_FINISHED")
    size = asked.get("MaxResults", 1000)
    if not 1 <= size <= 1000:
        raise invalid(f"MaxResults must be from 1 to 1000, not {size}")
    token = asked.get("NextToken") or f"{query.id}:0"
    owner, _, start = token.partition(":")
    if owner != query.id or not start.isdigit():
        raise invalid("NextToken is not valid for this query")
    result, start = query.result, int(start)
    names = [[column["Name"] for column in result.columns]] if result.header else []
    total = len(names) + len(result.rows)
    chosen = (names[start:start + size] + result.rows[max(0, start - len(names)):max(0, start + size - len(names))])[:size]
    answer = {"UpdateCount": 0, "ResultSet": {"Rows": [{"Data": _cells(row)} for row in chosen], "ResultSetMetadata": {
        "ColumnInfo": result.columns}}}
    if start + size < total:
        answer["NextToken"] = f"{query.id}:{start + size}"
    return answer


def _cells(row):
    """NULL is a cell without a value; NULLs at the end of a row are left out altogether, as Athena may do."""
    while row and row[-1] is None:
        row = row[:-1]
    return [{} if cell is None else {"VarCharValue": cell} for cell in row]


def _question(query):
    return query.asked["QueryString"], query.asked.get("ExecutionParameters") or [], query.database


def statement_type(asked):
    first = asked["QueryString"].lstrip(" \n\t(").split(None, 1)
    return "DDL" if first and first[0].upper() in ("CREATE", "DROP", "SHOW", "ALTER", "MSCK", "DESCRIBE") else "DML"


def check_token(token):
    if not token or not 32 <= len(token) <= 128:
        raise invalid("ClientRequestToken must have 32 to 128 characters")


def check_reuse(asked):
    by_age = (asked.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration") or {}
    if not 0 <= by_age.get("MaxAgeInMinutes", 60) <= 10_080:
        raise invalid("MaxAgeInMinutes must be from 0 to 10080")

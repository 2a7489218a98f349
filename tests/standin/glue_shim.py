"""Glue: moto's catalog, with the limits, the pages and the versions that moto does not enforce, and runs as tests tell them."""

import collections
import json
import threading
import uuid
import zlib

from glue_batches import item_error
from glue_checks import check
from glue_runs import JobRuns
from wire import ServiceError, json_reply

LISTS = {"GetPartitions": "Partitions", "GetTables": "TableList", "GetDatabases": "DatabaseList",
         "GetTableVersions": "TableVersions", "GetJobRuns": "JobRuns"}
PAGE = 100


class Glue:
    def __init__(self, backend):
        self.backend = backend
        # Check and write are one step; moto itself walks its dictionaries without a lock, so reads take it as well.
        self.lock = threading.RLock()
        self._listings = collections.OrderedDict()
        self.job_runs = JobRuns()

    def handle(self, operation, request):
        body = request.json()
        with self.lock:
            check(operation, body, lambda database, name: self.table(request, database, name))
            if operation in LISTS:
                return json_reply(self._page(operation, request, body))
            if operation == "UpdateTable":
                self._check_version(request, body)
            if operation in ("UpdatePartition", "BatchUpdatePartition"):
                return self._update_partitions(operation, request, body)
            if operation == "GetJobRun":
                run = self.job_runs.get(body.get("JobName"), body.get("RunId"))
                return json_reply({"JobRun": run}) if run else self.backend.forward(request)
            return self.backend.forward(request)

    def call(self, caller, operation, body):
        """A call of the stand-in's own; raises the error of the service."""
        with self.lock:
            status, answer = self.backend.call_glue(caller, operation, body)
        if status != 200:
            raise ServiceError(answer.get("__type", "InternalServiceException"), answer.get("message", ""), status)
        return answer

    def table(self, caller, database, name):
        return self.call(caller, "GetTable", {"DatabaseName": database, "Name": name})["Table"]

    def partitions(self, caller, database, name):
        return self.call(caller, "GetPartitions", {"DatabaseName": database, "TableName": name})["Partitions"]

    def _check_version(self, request, body):
        wanted = body.get("VersionId")
        current = self.table(request, body.get("DatabaseName"), body["TableInput"]["Name"])
        if wanted is not None and wanted != current["VersionId"]:
            raise ServiceError("ConcurrentModificationException",
                               f"Update table failed due to concurrent modifications: version {wanted} is not the current one")

    def _update_partitions(self, operation, request, body):
        """moto loses a partition that is renamed to one that exists, so such items are refused before it sees them."""
        database, table = body.get("DatabaseName"), body.get("TableName")
        there = {tuple(each["Values"]) for each in self.partitions(request, database, table)}
        if operation == "UpdatePartition":
            if _clashes(body, there):
                raise ServiceError("AlreadyExistsException", "Partition already exists.")
            return self.backend.forward(request)
        refused = [entry for entry in body["Entries"] if _clashes(entry, there)]
        rest = [entry for entry in body["Entries"] if not _clashes(entry, there)]
        errors = [item_error(operation, entry, "AlreadyExistsException", "Partition already exists.") for entry in refused]
        if rest:
            reply = self.backend.forward(request.with_json({**body, "Entries": rest}))
            if reply.status != 200:
                return reply
            errors += json.loads(reply.body or b"{}").get("Errors") or []
        return json_reply({"Errors": errors} if errors else {})

    def _page(self, operation, request, body):
        """A page of a listing that is taken once, when its first page is asked for: pages do not shift under a reader."""
        name = LISTS[operation]
        token = body.get("NextToken")
        if token:
            listing, _, start = token.partition(":")
            if listing not in self._listings or not start.isdigit():
                raise ServiceError("InvalidInputException", "NextToken is not valid")
            start = int(start)
        else:
            listing, start = uuid.uuid4().hex, 0
            self._remember(listing, self._whole(operation, request, body))
        items = self._listings[listing]
        end = start + body.get("MaxResults", PAGE)
        page = {name: items[start:end]}
        if end < len(items):
            page["NextToken"] = f"{listing}:{end}"
        return page

    def _remember(self, listing, items):
        self._listings[listing] = items
        while len(self._listings) > 200:
            self._listings.popitem(last=False)

    def _whole(self, operation, request, body):
        if operation == "GetJobRuns" and self.job_runs.of(body.get("JobName")):
            return self.job_runs.of(body["JobName"])
        asked = {key: value for key, value in body.items() if key not in ("MaxResults", "NextToken", "Segment")}
        items = self.call(request, operation, asked)[LISTS[operation]]
        if operation != "GetPartitions":
            return items
        segment = body.get("Segment")
        if segment:
            items = [each for each in items if _segment(each["Values"], segment["TotalSegments"]) == segment["SegmentNumber"]]
        if body.get("ExcludeColumnSchema"):
            for each in items:
                each.get("StorageDescriptor", {}).pop("Columns", None)
        return items


def _clashes(entry, there):
    new = tuple(entry["PartitionInput"]["Values"])
    return new != tuple(entry["PartitionValueList"]) and new in there


def _segment(values, total):
    return zlib.crc32("\0".join(values).encode()) % total

"""Named queries: saved text with a name that need not be unique."""

import threading
import uuid

from athena_queries import QUERY_BYTES, check_token, invalid

LIMITS = {"Name": 128, "Description": 1024, "Database": 255}
PAGE = 50


class NamedQueries:
    def __init__(self):
        self._lock = threading.Lock()
        self._queries = {}
        self._tokens = {}

    def find(self, number):
        with self._lock:
            return self._queries.get(number)

    def get(self, number):
        found = self.find(number)
        if found is None:
            raise invalid(f"Named query {number} was not found")
        return found

    def create(self, asked, group):
        check_token(asked.get("ClientRequestToken"))
        check_texts(asked, ("Name", "Database", "QueryString"))
        same = {key: value for key, value in asked.items() if key != "ClientRequestToken"}
        with self._lock:
            before = self._tokens.get(asked["ClientRequestToken"])
            if before is not None:
                if before[0] != same:
                    raise invalid("Idempotent parameters do not match")
                return {"NamedQueryId": before[1]}
            number = str(uuid.uuid4())
            kept = {key: asked[key] for key in ("Name", "Description", "Database", "QueryString") if key in asked}
            self._queries[number] = {**kept, "NamedQueryId": number, "WorkGroup": group}
            self._tokens[asked["ClientRequestToken"]] = same, number
        return {"NamedQueryId": number}

    def batch_get(self, asked):
        numbers = asked.get("NamedQueryIds") or []
        if not 1 <= len(numbers) <= PAGE:
            raise invalid(f"NamedQueryIds must have 1 to {PAGE} items")
        found = [self.find(number) for number in numbers]
        missing = [number for number, each in zip(numbers, found) if each is None]
        return {"NamedQueries": [each for each in found if each], "UnprocessedNamedQueryIds": [
            {"NamedQueryId": number, "ErrorCode": "INVALID_INPUT", "ErrorMessage": f"Named query {number} was not found"}
            for number in missing]}

    def list(self, asked, group):
        size = asked.get("MaxResults", PAGE)
        if not 0 <= size <= PAGE:
            raise invalid(f"MaxResults must be from 0 to {PAGE}")
        size = size or PAGE
        start = asked.get("NextToken") or "0"
        if not start.isdigit():
            raise invalid("NextToken is not valid")
        with self._lock:
            numbers = [number for number, each in self._queries.items() if each["WorkGroup"] == group]
        end = int(start) + size
        page = {"NamedQueryIds": numbers[int(start):end]}
        return {**page, "NextToken": str(end)} if end < len(numbers) else page

    def update(self, asked):
        found = self.get(asked.get("NamedQueryId"))
        check_texts(asked, ("Name", "QueryString"))
        with self._lock:
            found["Name"], found["QueryString"] = asked["Name"], asked["QueryString"]
            if "Description" in asked:
                found["Description"] = asked["Description"]
        return {}

    def delete(self, number):
        self.get(number)
        with self._lock:
            self._queries.pop(number, None)
        return {}


def check_texts(asked, needed):
    for name in needed:
        if not asked.get(name):
            raise invalid(f"{name} is missing")
    for name, limit in LIMITS.items():
        if len(asked.get(name) or "") > limit:
            raise invalid(f"{name} must have at most {limit} characters")
    if len(asked["QueryString"].encode()) > QUERY_BYTES:
        raise invalid(f"QueryString must have at most {QUERY_BYTES} bytes")

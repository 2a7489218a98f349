"""The log of all requests, by scope."""

import threading


class Journal:
    def __init__(self):
        self._lock = threading.Lock()
        self._entries = []
        self._seq = 0

    def begin(self, request, identity):
        """Logs a request as it arrives, so that one that is held can be seen; its status is set later."""
        with self._lock:
            self._seq += 1
            entry = {"seq": self._seq, "service": identity.service, "operation": identity.operation,
                     "scope": identity.scope, "method": request.method, "key": identity.key, "status": None,
                     "request_bytes": len(request.body), "fault": None}
            self._entries.append(entry)
        return entry

    def read(self, scope):
        with self._lock:
            return [dict(entry) for entry in self._entries if scope is None or entry["scope"] == scope]

    def clear(self, scope):
        with self._lock:
            self._entries = [entry for entry in self._entries if scope is not None and entry["scope"] != scope]

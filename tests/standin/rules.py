"""Rules for faults: which requests they match, how often they act, and the holding of requests.

Rules are asked in the order in which they were made; the first that acts is the only one that does.
"""

import itertools
import re
import threading

ACTIONS = ("status", "lost_reply", "reset", "delay", "truncate", "flip", "hold_before", "hold_after", "error_200",
           "partial")
KNOWN = {"scope", "service", "operation", "method", "key", "skip", "times", "action", "status", "error", "message",
         "seconds", "bytes", "count", "retry_after"}
HOLD_AT_MOST = 600


class Rule:
    def __init__(self, number, settings):
        unknown = set(settings) - KNOWN
        if unknown:
            raise ValueError(f"unknown settings {sorted(unknown)}")
        if settings.get("action") not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        self.id = str(number)
        self.settings = settings
        self.action = settings["action"]
        self.key = re.compile(settings["key"]) if settings.get("key") else None
        self.to_skip = int(settings.get("skip", 0))
        self.left = int(settings.get("times", 1))
        self.hits = 0
        self.waiting = 0
        self._changed = threading.Condition()
        self._round = 0

    def matches(self, request, identity):
        settings = self.settings
        return (settings.get("scope") in (None, "*", identity.scope)
                and settings.get("service") in (None, identity.service)
                and settings.get("operation") in (None, identity.operation)
                and settings.get("method") in (None, request.method)
                and (self.key is None or self.key.search(identity.key) is not None))

    def acts(self):
        """Counts a match; the caller holds the lock of the book."""
        if self.to_skip > 0:
            self.to_skip -= 1
            return False
        if self.left == 0:
            return False
        self.left -= 1 if self.left > 0 else 0
        self.hits += 1
        return True

    def hold(self):
        """Waits for the next release, or for a time that no test needs."""
        with self._changed:
            mine = self._round
            self.waiting += 1
            self._changed.wait_for(lambda: self._round != mine, HOLD_AT_MOST)
            self.waiting -= 1

    def release(self):
        with self._changed:
            self._round += 1
            self._changed.notify_all()

    def view(self):
        return {"id": self.id, "hits": self.hits, "waiting": self.waiting, **self.settings}


class RuleBook:
    def __init__(self):
        self._lock = threading.Lock()
        self._rules = {}
        self._numbers = itertools.count(1)

    def add(self, settings):
        with self._lock:
            rule = Rule(next(self._numbers), settings)
            self._rules[rule.id] = rule
        return rule

    def find(self, number):
        with self._lock:
            return self._rules.get(number)

    def all(self):
        with self._lock:
            return list(self._rules.values())

    def remove(self, number):
        with self._lock:
            rule = self._rules.pop(number, None)
        if rule:
            rule.release()
        return rule

    def pick(self, request, identity):
        """The rule that acts on this request, if any."""
        with self._lock:
            for rule in self._rules.values():
                if rule.matches(request, identity) and rule.acts():
                    return rule
        return None

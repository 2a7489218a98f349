"""Runs of Glue's jobs as a test says they went: moto's all take 123 seconds and succeed."""

import threading
import time

from wire import ServiceError

STATES = ("STARTING", "RUNNING", "STOPPING", "STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT", "ERROR", "WAITING", "EXPIRED")
UNFINISHED = ("STARTING", "RUNNING", "STOPPING", "WAITING")
KNOWN = {"job", "scope", "run", "execution_time", "state", "arguments", "error", "started", "timeout", "max_capacity"}


class JobRuns:
    def __init__(self):
        self._lock = threading.Lock()
        self._runs = {}

    def add(self, settings):
        """A run, in place of one of the same name: a job that runs and then has ended is told twice."""
        job, made = job_run(settings)
        with self._lock:
            runs = self._runs.setdefault(job, {})
            runs.pop(made["Id"], None)
            runs[made["Id"]] = made
        return made

    def clear(self, job):
        with self._lock:
            self._runs.pop(job, None)

    def of(self, job):
        """The runs of a job, newest first; None when no test has told of any."""
        with self._lock:
            runs = list(self._runs.get(job, {}).values())
        return sorted(reversed(runs), key=lambda run: -run["StartedOn"]) or None

    def get(self, job, number):
        """None when the job is not one of ours."""
        runs = self.of(job)
        if runs is None:
            return None
        for run in runs:
            if run["Id"] == number:
                return run
        raise ServiceError("EntityNotFoundException", f"Job run {number} not found.")


def job_run(settings):
    unknown = set(settings) - KNOWN
    if unknown:
        raise ValueError(f"unknown settings {sorted(unknown)}")
    job, state, seconds = settings.get("job") or settings["scope"], settings.get("state", "SUCCEEDED"), settings["execution_time"]
    arguments = settings.get("arguments", {})
    if state not in STATES:
        raise ValueError(f"state must be one of {', '.join(STATES)}")
    if not isinstance(seconds, int) or not all(isinstance(value, str) for value in arguments.values()):
        raise ValueError("execution_time must be whole seconds, arguments must be strings")
    started = float(settings.get("started", time.time() - seconds))
    run = {"Id": settings["run"], "Attempt": 0, "JobName": job, "JobMode": "SCRIPT", "StartedOn": started,
           "LastModifiedOn": started + seconds, "JobRunState": state, "PredecessorRuns": [], "AllocatedCapacity": 0,
           "ExecutionTime": seconds, "Timeout": settings.get("timeout", 480), "MaxCapacity": settings.get("max_capacity", 1.0),
           "LogGroupName": "/aws-glue/python-jobs", "GlueVersion": "3.0"}
    if arguments:
        run["Arguments"] = arguments
    if state not in UNFINISHED:
        run["CompletedOn"] = started + seconds
    if settings.get("error"):
        run["ErrorMessage"] = settings["error"]
    return job, run

"""Runs a state machine as Step Functions would: the part of Amazon States Language that lakegate writes, and nothing else.

    python states.py DEFINITION OUTCOMES [INPUT]

DEFINITION is a file. OUTCOMES is JSON: {"orders": ["fail", "ok"]} makes the first call of the job `orders` fail and the second
succeed; a call that nothing is said about succeeds. An outcome is "ok"; "fail", an error that only States.TaskFailed and
States.ALL match; the name of an error, which has a dot in it; or {"result": {...}}, the payload that the function answers, or
members of the run that Glue describes. INPUT is JSON too, {} unless given.

Prints {"status": "SUCCEEDED" or "FAILED", "calls": [...]}, the jobs in the order in which their tasks were started. A task that
names several jobs is one call, "a,b". The branches of a Parallel state take turns: all of them have started their first task
before the first of them hears of its outcome, and one that fails takes the others with it, as their next turn comes.

A definition that Step Functions would not take, or that has anything unknown here, is refused: exit code 1, and why.
"""

import copy
import json
import pathlib
import sys

sys.dont_write_bytecode = True  # leaves no files beside the sources

from states_check import Refused, check_machine, segments, task_kind

TRANSITIONS = 5_000
# Errors that can be neither retried nor caught.
FATAL = ("States.Runtime", "States.DataLimitExceeded")


class Failure(Exception):
    """An error that an execution meets."""

    def __init__(self, error, cause=""):
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class Execution:
    """One execution. What can take time is a generator: each `yield` gives the turn to the other branches."""

    def __init__(self, outcomes):
        self.outcomes = {job: list(each) for job, each in outcomes.items()}
        self.calls = []
        self.transitions = 0

    def run(self, definition, given):
        """The failure that ends it, if any."""
        try:
            for _ in self.machine(definition, given):
                pass
        except Failure as failure:
            return failure
        return None

    def machine(self, machine, data):
        """The output of a machine or a branch. Data are never changed, so that branches may share them."""
        name = machine["StartAt"]
        while name is not None:
            self.transitions += 1
            if self.transitions > TRANSITIONS:
                raise Refused(f"no end after {TRANSITIONS} states")
            state = machine["States"][name]
            if state["Type"] in AT_ONCE:
                name, data = AT_ONCE[state["Type"]](state, data)
            else:
                name, data = yield from self.guarded(state, data, self.call if state["Type"] == "Task" else self.branches)
        return data

    def guarded(self, state, data, work):
        """A state that may fail: its Retry and its Catch around `work`."""
        retried = [0] * len(state.get("Retry", []))
        while True:
            try:
                result = yield from work(state, filled(state, "Parameters", data))
                return state.get("Next"), placed(data, state, filled(state, "ResultSelector", result))
            except Failure as failure:
                if not may_retry(state, retried, failure):
                    return caught(state, data, failure)
            yield

    def call(self, state, asked):
        kind = task_kind(state)
        job = job_of(kind, asked)
        self.calls.append(job)
        yield
        left = self.outcomes.get(job)
        return result_of(kind, asked, job, left.pop(0) if left else "ok")

    def branches(self, state, given):
        waiting = {number: self.machine(branch, given) for number, branch in enumerate(state["Branches"])}
        results = [None] * len(waiting)
        while waiting:
            for number, branch in list(waiting.items()):
                try:
                    next(branch)
                except StopIteration as end:
                    results[number] = end.value
                    del waiting[number]
            if waiting:
                yield
        return results


def pass_on(state, data):
    result = state["Result"] if "Result" in state else filled(state, "Parameters", data)
    return state.get("Next"), placed(data, state, result)


def choose(state, data):
    for rule in state["Choices"]:
        if holds(rule, data):
            return rule["Next"], data
    if "Default" not in state:
        raise Failure("States.NoChoiceMatched", "no choice matched, and there is no default")
    return state["Default"], data


def fail(state, data):
    raise Failure(state.get("Error", ""), state.get("Cause", ""))


AT_ONCE = {"Pass": pass_on, "Choice": choose, "Succeed": lambda state, data: (None, data), "Fail": fail}


def job_of(kind, asked):
    if kind == "lambda":
        if asked.get("InvocationType", "RequestResponse") != "RequestResponse":
            raise Refused("a function that is not waited for tells nothing of its job")
        run = (asked.get("Payload") or {}).get("run")
        if not asked.get("FunctionName") or not isinstance(run, list) or not run or not all(isinstance(job, str) for job in run):
            raise Refused(f"a call of a function needs FunctionName and Payload.run, jobs: {json.dumps(asked)}")
        return ",".join(run)
    arguments = asked.get("Arguments") or {}
    if not asked.get("JobName") or not all(isinstance(value, str) for value in arguments.values()):
        raise Refused(f"a run of a Glue job needs JobName and Arguments that are strings: {json.dumps(asked)}")
    if not arguments.get("--lakegate_jobs"):
        raise Refused("a run of a Glue job needs the argument --lakegate_jobs")
    return arguments["--lakegate_jobs"]


def result_of(kind, asked, job, outcome):
    if isinstance(outcome, str) and outcome != "ok":
        raise Failure("States.TaskFailed" if outcome == "fail" else outcome, f"a test asked for this failure of {job}")
    result = {} if outcome == "ok" else outcome["result"]
    if kind == "lambda":
        return {"ExecutedVersion": "$LATEST", "Payload": result, "StatusCode": 200}
    return {"JobName": asked["JobName"], "Id": f"jr_{job}", "JobRunState": "SUCCEEDED", "Attempt": 0, "ExecutionTime": 60,
            "Arguments": asked["Arguments"], **result}


def may_retry(state, retried, failure):
    """The first retrier that matches decides, and each counts for itself."""
    for number, retrier in enumerate(state.get("Retry", [])):
        if matches(retrier["ErrorEquals"], failure):
            retried[number] += 1
            return retried[number] <= retrier.get("MaxAttempts", 3)
    return False


def caught(state, data, failure):
    for catcher in state.get("Catch", []):
        if matches(catcher["ErrorEquals"], failure):
            return catcher["Next"], placed(data, catcher, {"Error": failure.error, "Cause": failure.cause})
    raise failure


def matches(names, failure):
    if failure.error in FATAL:
        return False
    wild = "States.ALL" in names or ("States.TaskFailed" in names and failure.error != "States.Timeout")
    return wild or failure.error in names


def lookup(path, data):
    """What a path leads to. One that leads nowhere is an error of the machine itself."""
    for segment in segments(path):
        if isinstance(segment, str):
            there = isinstance(data, dict) and segment in data
        else:
            there = isinstance(data, list) and segment < len(data)
        if not there:
            raise Failure("States.Runtime", f"the path {path} leads nowhere")
        data = data[segment]
    return data


def filled(state, name, data):
    """The payload template of that name, filled from the data; the data themselves when the state has none."""
    return fill(state[name], data) if name in state else data


def fill(template, data):
    if isinstance(template, list):
        return [fill(each, data) for each in template]
    if not isinstance(template, dict):
        return template
    return {name.removesuffix(".$"): lookup(value, data) if name.endswith(".$") else fill(value, data)
            for name, value in template.items()}


def placed(data, state, result):
    """The data with the result where ResultPath says; null drops the result."""
    path = state.get("ResultPath", "$")
    if path is None or path == "$":
        return data if path is None else result
    *way, last = segments(path)
    whole = inner = copy.deepcopy(data)
    for name in way:
        inner = as_object(inner, path).setdefault(name, {})
    as_object(inner, path)[last] = result
    return whole


def as_object(value, path):
    if not isinstance(value, dict):
        raise Failure("States.Runtime", f"the input has no place for ResultPath {path}")
    return value


def holds(rule, data):
    """A test of a value that is not there fails the execution, so that the order within And and Or counts."""
    if "And" in rule:
        return all(holds(each, data) for each in rule["And"])
    if "Or" in rule:
        return any(holds(each, data) for each in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], data)
    if "IsPresent" in rule:
        return is_present(rule["Variable"], data) == rule["IsPresent"]
    value = lookup(rule["Variable"], data)
    if "BooleanEquals" in rule:
        return value is rule["BooleanEquals"]
    return isinstance(value, str) and value == rule["StringEquals"]


def is_present(path, data):
    try:
        lookup(path, data)
    except Failure:
        return False
    return True


def check_outcomes(outcomes, definition):
    """A name that is nowhere in the definition would be a test of nothing."""
    text = json.dumps(definition)
    for job, each in outcomes.items():
        if json.dumps(job) not in text and not all(json.dumps(part) in text for part in job.split(",")):
            raise Refused(f"the definition has no job {job}")
        for outcome in each:
            named = isinstance(outcome, str) and (outcome in ("ok", "fail") or "." in outcome)
            if not named and not (isinstance(outcome, dict) and set(outcome) == {"result"}):
                raise Refused(f"unknown outcome {json.dumps(outcome)} of {job}")


def members(pairs):
    """An object; a member that is there twice is a mistake that JSON would hide."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Refused(f"a member is there twice: {sorted(name for name, _ in pairs)}")
    return made


def execute(definition, outcomes, given):
    """The calls, and the failure that ended the execution, if any."""
    check_machine(definition)
    check_outcomes(outcomes, definition)
    execution = Execution(outcomes)
    failure = execution.run(definition, given)
    return execution.calls, failure


def main(definition, outcomes, given="{}"):
    try:
        text = pathlib.Path(definition).read_text()
        if len(text) > 1_048_576:
            raise Refused("a definition has at most 1 MB")
        calls, failure = execute(json.loads(text, object_pairs_hook=members), json.loads(outcomes), json.loads(given))
    except (Refused, ValueError) as error:
        raise SystemExit(f"refused: {error}") from None
    if failure:
        print(f"failed with {failure}", file=sys.stderr)
    print(json.dumps({"status": "FAILED" if failure else "SUCCEEDED", "calls": calls}, ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Whether Step Functions would take a state machine, as far as lakegate's go; anything else is refused as unknown."""

import re

SERVICES = {"lambda:invoke": "lambda", "glue:startJobRun.sync": "glue"}
RESOURCE = re.compile(r"arn:aws(?:-cn|-us-gov)?:states:::(.+)")
ASKED = {"lambda": {"FunctionName", "Payload", "InvocationType", "Qualifier", "LogType", "ClientContext"},
         "glue": {"JobName", "Arguments", "Timeout", "MaxCapacity", "WorkerType", "NumberOfWorkers", "AllocatedCapacity",
                  "NotificationProperty", "SecurityConfiguration", "ExecutionClass"}}
PATH = re.compile(r"\$(?:\.[A-Za-z_]\w*|\[\d+\])*", re.ASCII)
COMMON = {"Type", "Comment"}
PATHS = {"InputPath", "OutputPath"}
MOVES = {"Next", "End"}
GUARDED = {"Parameters", "ResultSelector", "ResultPath", "Retry", "Catch"}
FIELDS = {"Pass": PATHS | MOVES | {"Result", "Parameters", "ResultPath"},
          "Task": PATHS | MOVES | GUARDED | {"Resource", "TimeoutSeconds", "HeartbeatSeconds"},
          "Parallel": PATHS | MOVES | GUARDED | {"Branches"},
          "Choice": PATHS | {"Choices", "Default"}, "Succeed": PATHS, "Fail": {"Error", "Cause"}}
TESTS = {"BooleanEquals": bool, "StringEquals": str, "IsPresent": bool}
ERRORS = {"States.ALL", "States.TaskFailed", "States.Timeout", "States.HeartbeatTimeout", "States.Permissions",
          "States.NoChoiceMatched"}
# Whole numbers of a retrier and the least that each may be.
RETRIER = {"MaxAttempts": 0, "IntervalSeconds": 1, "MaxDelaySeconds": 1}


class Refused(Exception):
    """Nothing that can be executed here."""


def refuse_unless(condition, message):
    if not condition:
        raise Refused(message)


def only(value, allowed, where):
    refuse_unless(isinstance(value, dict), f"{where} is not an object")
    refuse_unless(set(value) <= set(allowed), f"{where}: unknown {', '.join(sorted(set(value) - set(allowed)))}")


def segments(path):
    """The names and numbers of a path: `$.a[0]` is "a", 0."""
    refuse_unless(isinstance(path, str) and PATH.fullmatch(path), f"unknown path {path!r}")
    return [int(each[1:-1]) if each[0] == "[" else each[1:] for each in re.findall(r"\.\w+|\[\d+\]", path)]


def check_machine(machine):
    only(machine, {"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"}, "the machine")
    refuse_unless(machine.get("QueryLanguage", "JSONPath") == "JSONPath", "only JSONPath is known")
    refuse_unless(machine.get("Version", "1.0") == "1.0", "only version 1.0 is known")
    check_number(machine, "TimeoutSeconds", "the machine")
    check_states({name: machine[name] for name in machine if name in ("Comment", "StartAt", "States")}, "the machine", set())


def check_states(machine, where, taken):
    """The states of a machine or a branch; `taken` are the names in all of it, which must differ."""
    only(machine, {"Comment", "StartAt", "States"}, where)
    states = machine.get("States")
    refuse_unless(isinstance(states, dict) and states, f"{where} has no states")
    refuse_unless(machine.get("StartAt") in states, f"{where} starts at {machine.get('StartAt')!r}, which is not there")
    for name in states:
        refuse_unless(1 <= len(name) <= 80, f"the name of a state has 1 to 80 characters: {name!r}")
        refuse_unless(name not in taken, f"two states are called {name!r}")
        taken.add(name)
    for name, state in states.items():
        check_state(state, f"state {name!r}", taken)
        for target in targets(state):
            refuse_unless(target in states, f"state {name!r} goes to {target!r}, which is not there")
    refuse_unless(any(is_terminal(state) for state in states.values()), f"{where} has no end")
    lost = set(states) - reachable(states, machine["StartAt"])
    refuse_unless(not lost, f"{where}: nothing leads to {', '.join(sorted(lost))}")


def is_terminal(state):
    return state["Type"] in ("Succeed", "Fail") or state.get("End") is True


def targets(state):
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    return [each for each in (state.get("Next"), state.get("Default"), *(rule["Next"] for rule in rules)) if each is not None]


def reachable(states, start):
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += targets(states[name])
    return found


def check_state(state, where, taken):
    refuse_unless(isinstance(state, dict) and state.get("Type") in FIELDS, f"{where}: unknown type {state.get('Type')!r}")
    kind = state["Type"]
    only(state, COMMON | FIELDS[kind], where)
    for name in PATHS:
        refuse_unless(state.get(name, "$") == "$", f"{where}: only $ is known as {name}")
    refuse_unless(kind != "Fail" or all(isinstance(value, str) for value in state.values()), f"{where}: Fail has texts only")
    if MOVES <= FIELDS[kind]:
        ends, next_ = state.get("End"), state.get("Next")
        refuse_unless((ends is True) != isinstance(next_, str) and ends in (True, None), f"{where}: either Next or End: true")
    check_data(state, where)
    if "Retry" in state or "Catch" in state:
        check_guards(state, where)
    if kind == "Task":
        check_task(state, where)
    elif kind == "Choice":
        check_choice(state, where)
    elif kind == "Parallel":
        refuse_unless(isinstance(state.get("Branches"), list) and state["Branches"], f"{where} has no branches")
        for number, branch in enumerate(state["Branches"], 1):
            check_states(branch, f"{where}, branch {number}", taken)


def check_data(state, where):
    for name in ("Parameters", "ResultSelector"):
        if name in state:
            refuse_unless(isinstance(state[name], dict), f"{where}: {name} is not an object")
            check_template(state[name], f"{where}: {name}")
    check_result_path(state, where)


def check_template(template, where):
    if isinstance(template, list):
        for each in template:
            check_template(each, where)
    if not isinstance(template, dict):
        return
    names = [name.removesuffix(".$") for name in template]
    refuse_unless(len(names) == len(set(names)), f"{where}: a member is there twice")
    for name, value in template.items():
        if name.endswith(".$"):
            segments(value)
        else:
            check_template(value, where)


def check_result_path(state, where):
    """A place to put something: it has no numbers."""
    path = state.get("ResultPath", "$")
    refuse_unless(path is None or all(isinstance(each, str) for each in segments(path)), f"{where}: unknown ResultPath {path!r}")


def check_guards(state, where):
    for kind, allowed in (("Retry", {"ErrorEquals", "BackoffRate", "JitterStrategy", "Comment", *RETRIER}),
                          ("Catch", {"ErrorEquals", "Next", "ResultPath", "Comment"})):
        guards = state.get(kind, [])
        refuse_unless(isinstance(guards, list), f"{where}: {kind} is not a list")
        for number, guard in enumerate(guards):
            only(guard, allowed, f"{where}: {kind}")
            check_errors(guard.get("ErrorEquals"), number == len(guards) - 1, f"{where}: {kind}")
    for catcher in state.get("Catch", []):
        refuse_unless(isinstance(catcher.get("Next"), str), f"{where}: Catch needs Next")
        check_result_path(catcher, where)
    for retrier in state.get("Retry", []):
        for name, least in RETRIER.items():
            check_number(retrier, name, where, least)
        rate = retrier.get("BackoffRate", 2)
        refuse_unless(type(rate) in (int, float) and rate >= 1, f"{where}: BackoffRate cannot be {rate!r}")
        refuse_unless(retrier.get("JitterStrategy", "NONE") in ("NONE", "FULL"), f"{where}: unknown JitterStrategy")


def check_errors(errors, is_last, where):
    refuse_unless(isinstance(errors, list) and errors and all(isinstance(each, str) for each in errors),
                  f"{where}: ErrorEquals lists the names of errors")
    for name in errors:
        refuse_unless(not name.startswith("States.") or name in ERRORS, f"{where}: unknown error {name}")
    refuse_unless("States.ALL" not in errors or (errors == ["States.ALL"] and is_last), f"{where}: States.ALL is alone and last")


def task_kind(state):
    found = RESOURCE.fullmatch(state.get("Resource") or "")
    return SERVICES.get(found.group(1)) if found else None


def check_task(state, where):
    kind = task_kind(state)
    refuse_unless(kind, f"{where}: unknown resource {state.get('Resource')!r}")
    only({name.removesuffix(".$"): None for name in state.get("Parameters", {})}, ASKED[kind], f"{where}: Parameters")
    check_number(state, "TimeoutSeconds", where)
    check_number(state, "HeartbeatSeconds", where)
    refuse_unless("HeartbeatSeconds" not in state or state["HeartbeatSeconds"] < state.get("TimeoutSeconds", 99_999_999),
                  f"{where}: HeartbeatSeconds is less than TimeoutSeconds")


def check_number(given, name, where, least=1):
    value = given.get(name, least)
    refuse_unless(type(value) is int and least <= value <= 99_999_999, f"{where}: {name} cannot be {value!r}")


def check_choice(state, where):
    refuse_unless(isinstance(state.get("Choices"), list) and state["Choices"], f"{where} has no choices")
    for rule in state["Choices"]:
        refuse_unless(isinstance(rule, dict) and isinstance(rule.get("Next"), str), f"{where}: a choice needs Next")
        check_rule({name: value for name, value in rule.items() if name not in ("Next", "Comment")}, where)


def check_rule(rule, where):
    refuse_unless(isinstance(rule, dict), f"{where}: a rule is not an object")
    operators = [name for name in rule if name != "Variable"]
    refuse_unless(len(operators) == 1, f"{where}: a rule has one operator, not {operators}")
    name, value = operators[0], rule[operators[0]]
    if name in ("And", "Or", "Not"):
        refuse_unless("Variable" not in rule, f"{where}: {name} has no Variable")
        refuse_unless(name == "Not" or (isinstance(value, list) and value), f"{where}: {name} lists rules")
        for each in [value] if name == "Not" else value:
            check_rule(each, where)
        return
    refuse_unless(name in TESTS and isinstance(value, TESTS.get(name, object)), f"{where}: unknown test {name}: {value!r}")
    segments(rule.get("Variable"))

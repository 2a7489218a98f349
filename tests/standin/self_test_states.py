"""The interpreter of state machines (tests/oracle/states.py). Its checks need no stand-in."""

import copy
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
import states
from states_check import Refused

CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "not done"}]


def function(job, **more):
    asked = {"FunctionName": "${function}", "Payload": {"run": [job], "force.$": "$.force"}}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": asked, **more}


def glue(job, **more):
    asked = {"JobName": "lakegate", "Arguments": {"--lakegate_jobs": job}}
    return {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun.sync", "Parameters": asked, **more}


def machine(start="a", **named):
    return {"StartAt": start, "States": named}


def execute(definition, outcomes=None, given=None):
    calls, failure = states.execute(definition, outcomes or {}, {"force": False} if given is None else given)
    return "FAILED" if failure else "SUCCEEDED", calls


def branch(job, retries=1):
    """A job whose failure is a result: {"job", "done"}."""
    retry = [{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": retries, "IntervalSeconds": 30, "BackoffRate": 2}]
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": f"{job} failed"}]
    return machine(job, **{
        job: function(job, Retry=retry, Catch=catch, ResultSelector={"run.$": "$.Payload"}, ResultPath="$.result", Next=f"{job} done"),
        f"{job} done": {"Type": "Pass", "Parameters": {"job": job, "done": True, "run.$": "$.result.run"}, "End": True},
        f"{job} failed": {"Type": "Pass", "Result": {"job": job, "done": False}, "End": True}})


def shop():
    """Two jobs at a time, then one that needs both, then Fail when anything failed."""
    done = [{"Variable": f"$.first[{number}].done", "BooleanEquals": True} for number in (0, 1)]
    return machine("first", **{
        "first": {"Type": "Parallel", "Branches": [branch("users"), branch("products")], "ResultPath": "$.first", "Next": "both?"},
        "both?": {"Type": "Choice", "Choices": [{"And": done, "Next": "orders"}], "Default": "not done"},
        "orders": glue("orders", Catch=CATCH, ResultSelector={"state.$": "$.JobRunState"}, ResultPath="$.orders", Next="how?"),
        "how?": {"Type": "Choice", "Default": "not done", "Choices": [{"Next": "done", "Not": {"Or": [
            {"Variable": "$.error", "IsPresent": True},
            {"Not": {"Variable": "$.orders.state", "StringEquals": "SUCCEEDED"}}]}}]},
        "done": {"Type": "Succeed"}, "not done": {"Type": "Fail", "Error": "lakegate", "Cause": "a job failed"}})


def check_states_order(stand):
    """branches take turns, retries are counted, a caught failure goes on, what needs it is not called."""
    assert execute(shop()) == ("SUCCEEDED", ["users", "products", "orders"])
    assert execute(shop(), {"users": ["fail"]}) == ("SUCCEEDED", ["users", "products", "users", "orders"])
    assert execute(shop(), {"users": ["fail", "fail"]}) == ("FAILED", ["users", "products", "users"])
    assert execute(shop(), {"users": ["States.Timeout"]}) == ("FAILED", ["users", "products"])
    assert execute(shop(), {"orders": ["fail"]}) == ("FAILED", ["users", "products", "orders"])
    assert execute(shop(), {"orders": [{"result": {"JobRunState": "STOPPED"}}]}) == ("FAILED", ["users", "products", "orders"])
    assert execute(machine(a=function("a", End=True)), given={}) == ("FAILED", []), "a path leads nowhere"


def check_states_failures(stand):
    """an uncaught failure takes the other branches with it; Retry and Catch of Parallel; errors by name."""
    slow = machine("b1", b1=glue("b1", Next="b2"), b2=glue("b2", End=True))
    both = {"Type": "Parallel", "Branches": [machine("a1", a1=glue("a1", End=True)), slow], "End": True}
    assert execute(machine(a=both)) == ("SUCCEEDED", ["a1", "b1", "b2"])
    assert execute(machine(a=both), {"a1": ["fail"]}) == ("FAILED", ["a1", "b1"])
    again = {**both, "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]}
    assert execute(machine(a=again), {"a1": ["fail"]}) == ("SUCCEEDED", ["a1", "b1", "a1", "b1", "b2"])
    named = function("x", End=True, Retry=[{"ErrorEquals": ["Lambda.TooManyRequestsException"], "MaxAttempts": 2},
                                           {"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}])
    assert execute(machine(a=named), {"x": ["Lambda.TooManyRequestsException"] * 2}) == ("SUCCEEDED", ["x"] * 3)
    assert execute(machine(a=named), {"x": ["Lambda.Unknown"]}) == ("FAILED", ["x"])
    default = glue("y", End=True, Retry=[{"ErrorEquals": ["States.TaskFailed"]}])
    assert execute(machine(a=default), {"y": ["fail"] * 3}) == ("SUCCEEDED", ["y"] * 4)
    assert execute(machine(a=default), {"y": ["fail"] * 4}) == ("FAILED", ["y"] * 4)


def check_states_data(stand):
    """paths, templates, ResultPath with and without null."""
    data = [{"a": {"b": [1, {"c": "x"}]}}]
    assert states.lookup("$[0].a.b[1].c", data) == "x" and states.lookup("$", data) is data
    assert states.fill({"v.$": "$[0].a.b[0]", "n": None, "l": [{"w.$": "$[0]"}]}, data) == {"v": 1, "n": None, "l": [{"w": data[0]}]}
    assert states.placed({"a": 1}, {"ResultPath": "$.b.c"}, 2) == {"a": 1, "b": {"c": 2}}
    assert states.placed({"a": 1}, {"ResultPath": None}, 2) == {"a": 1} and states.placed({"a": 1}, {}, 2) == 2
    named = {**function("a,b", End=True), "Parameters": {"FunctionName": "f", "Payload": {"run.$": "$.run"}}}
    assert execute(machine(a=named), given={"run": ["a", "b"]}) == ("SUCCEEDED", ["a,b"])


def refused(definition, outcomes=None):
    try:
        execute(definition, outcomes)
    except Refused:
        return
    raise AssertionError(f"not refused: {definition} {outcomes}")


def check_states_refuse(stand):
    """what Step Functions does not take and what the interpreter does not know."""
    good = machine("a", a=function("a", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "b"}], Next="b"), b={"Type": "Succeed"})
    assert execute(good)[0] == "SUCCEEDED"
    rule = {"Variable": "$.a", "IsPresent": True}
    changes = [
        {"Next": "nowhere"}, {"End": True}, {"Next": None}, {"Type": "Wait", "Seconds": 1}, {"Type": "Map"}, {"InputPath": "$.a"},
        {"OutputPath": None}, {"ResultPath": "$.a[0]"}, {"ResultPath": "$$.a"}, {"Resource": "arn:aws:lambda:x:1:function:f"},
        {"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"}, {"Assign": {}}, {"ResultSelector": {"a.$": "a"}},
        {"ResultSelector": {"a.$": "States.Format('a')"}}, {"ResultSelector": {"a.$": "$..a"}}, {"ResultSelector": {"a": 1, "a.$": "$"}},
        {"Retry": [{"ErrorEquals": []}]}, {"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["x"]}]},
        {"Retry": [{"ErrorEquals": ["States.ALL", "x"]}]}, {"Retry": [{"ErrorEquals": ["States.BranchFailed"]}]},
        {"Retry": [{"ErrorEquals": ["x"], "MaxAttempts": -1}]}, {"Retry": [{"ErrorEquals": ["x"], "IntervalSeconds": 0}]},
        {"Retry": [{"ErrorEquals": ["x"], "BackoffRate": 0.5}]}, {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "c"}]},
        {"TimeoutSeconds": 0}, {"Parameters": {"Function": "f"}}, {"Parameters": {"FunctionName": "f", "Payload": {}}},
        {"Parameters": {"FunctionName": "f", "Payload": {"run": ["a"]}, "InvocationType": "Event"}},
    ]
    for change in changes:
        bad = copy.deepcopy(good)
        bad["States"]["a"].update(change)
        bad["States"]["a"] = {name: value for name, value in bad["States"]["a"].items() if value is not None or name != "Next"}
        refused(bad)
    for choice in ({}, {"Choices": []}, {"Choices": [rule]}, {"Choices": [{**rule, "Next": "x"}]}, {"Choices": [{"Next": "b"}]},
                   {"Choices": [{"And": [{**rule, "Next": "b"}], "Next": "b"}]},
                   {"Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "b"}]},
                   {"Choices": [{"Variable": "$.a", "StringEquals": True, "Next": "b"}]}):
        refused(machine("a", a={"Type": "Choice", **choice}, b={"Type": "Succeed"}))
    refused(machine("c", **good["States"]))
    refused(machine("a", **good["States"], lost={"Type": "Succeed"}))
    refused(machine("a", a={"Type": "Pass", "Next": "a"}))
    refused(machine("가" * 81, **{"가" * 81: {"Type": "Succeed"}}))
    twice = {"Type": "Parallel", "Branches": [machine("x", x={"Type": "Succeed"})] * 2, "End": True}
    refused(machine("a", a=twice))
    refused(machine("a", a={"Type": "Parallel", "Branches": [], "End": True}))
    for outcomes in ({"orders": ["ok"]}, {"a": ["fial"]}, {"a": [{"payload": 1}]}):
        refused(good, outcomes)


def check_states_command(stand):
    """the command line: what it prints, and its exit code when it refuses."""
    script = pathlib.Path(__file__).parent.parent / "oracle" / "states.py"

    def run(text, outcomes):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            done = subprocess.run([sys.executable, str(script), file.name, outcomes], capture_output=True, text=True)
        return done.returncode, done.stdout.strip(), done.stderr
    text = states.json.dumps(machine("a", a=glue("a", End=True)))
    assert run(text, '{"a": ["fail"]}')[:2] == (0, '{"status": "FAILED", "calls": ["a"]}')
    code, output, complaint = run(text[:-1] + ', "StartAt": "a"}', "{}")
    assert (code, output) == (1, "") and "twice" in complaint and "Traceback" not in complaint

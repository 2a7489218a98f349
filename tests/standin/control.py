"""The control API below /_control, for the tests.

    GET, DELETE log?scope=          what was asked; forgets it
    POST rules                      a rule (rules.py): {"id"}; GET rules, rules/<id>; POST rules/<id>/release; DELETE rules/<id>
    POST athena                     how queries of a database go
    GET, DELETE slack?scope=        the messages that a webhook took, `POST /_slack/<scope>/<token>`; forgets them
    POST glue_runs                  a run of a Glue job: {"job", "run", "execution_time"} and what glue_runs.py knows besides
    GET, DELETE glue_runs?scope=    those of a job, newest first; forgets them
    GET queue?scope=                the messages of a queue, which are neither received nor counted by that
"""

import json

from wire import Reply

SETTINGS_OF_ATHENA = {"scope", "queue_seconds", "run_seconds", "fail_next"}


def answer(stand_in, request):
    parts = [part for part in request.path.split("/") if part][1:]
    try:
        found = _route(stand_in, request, parts)
    except (ValueError, KeyError, TypeError) as error:
        return _json({"error": f"{type(error).__name__}: {error}"}, 400)
    return _json({"error": "not found"}, 404) if found is None else _json(found)


def _route(stand_in, request, parts):
    what = parts[0] if parts else ""
    if what == "log":
        return _log(stand_in.journal, request)
    if what == "rules":
        return _rules(stand_in.rules, request, parts[1:])
    if what == "athena" and request.method == "POST":
        settings = _body(request)
        unknown = set(settings) - SETTINGS_OF_ATHENA
        if unknown:
            raise ValueError(f"unknown settings {sorted(unknown)}")
        stand_in.athena.steer(settings)
        return {}
    if what == "slack":
        return _slack(stand_in.slack, request)
    if what == "glue_runs":
        return _glue_runs(stand_in.glue.job_runs, request)
    if what == "queue" and request.method == "GET":
        return stand_in.queues.view(request.query["scope"])
    return None


def _slack(slack, request):
    """The messages that the webhook of a scope took."""
    scope = request.query["scope"]
    if request.method == "DELETE":
        slack.clear(scope)
    return slack.read(scope)


def _glue_runs(runs, request):
    """Runs of a job of Glue: told by POST, newest first."""
    if request.method == "POST":
        return runs.add(_body(request))
    job = request.query["scope"]
    if request.method == "DELETE":
        runs.clear(job)
    return runs.of(job) or []


def _log(journal, request):
    scope = request.query.get("scope")
    if request.method == "DELETE":
        journal.clear(scope)
        return []
    return journal.read(scope)


def _rules(rules, request, parts):
    if not parts:
        if request.method == "POST":
            return {"id": rules.add(_body(request)).id}
        return [rule.view() for rule in rules.all()]
    rule = rules.find(parts[0])
    if rule is None:
        return None
    if parts[1:] == ["release"] and request.method == "POST":
        rule.release()
    elif request.method == "DELETE":
        rules.remove(rule.id)
    return rule.view()


def _body(request):
    """The settings of a request: an object, where a mistake must not pass for an absent setting."""
    settings = json.loads(request.body)
    if not isinstance(settings, dict):
        raise ValueError("the body must be a JSON object")
    return settings


def _json(value, status=200):
    return Reply(status, [("Content-Type", "application/json")], json.dumps(value).encode())

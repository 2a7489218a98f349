"""Slack's webhook: what it takes and refuses, its faults, and that its secret stays one."""

import json
import urllib.error
import urllib.request
import uuid

TOKEN = "T0SECRET/B0SECRET/xyzzy"


def post(stand, scope, message, kind="application/json", token=TOKEN):
    """The status, the body and the headers of the answer."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    request = urllib.request.Request(f"{stand.endpoint}/_slack/{scope}/{token}", data=body, headers={"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def text(length=1, kind="mrkdwn", **more):
    return {"type": kind, "text": "월" * length, **more}


def header(length=1, **more):
    return {"type": "header", "text": text(length, "plain_text", **more)}


def section(**more):
    return {"type": "section", **more}


def check_slack_takes(stand):
    """texts, blocks at their limits with and without a text, attachments; in order, by scope."""
    scope = f"slack-{uuid.uuid4().hex}"
    image = {"type": "image", "image_url": "https://x", "alt_text": "x"}
    good = [
        {"text": "월"},
        {"text": "fallback", "blocks": [header(150, emoji=True), {"type": "divider"}]},
        {"blocks": [section(text=text(3000), block_id="a"), section(fields=[text(2000)] * 10, block_id="b")]},
        {"blocks": [{"type": "context", "elements": [text(), image]}, image]},
        {"blocks": [{"type": "divider"}] * 50, "username": "members outside of blocks are ignored"},
        {"attachments": [{"color": "#ff0000", "blocks": [section(text=text(verbatim=True))]}]},
    ]
    for message in good:
        assert post(stand, scope, message, "application/json; charset=utf-8")[:2] == (200, "ok"), message
    assert stand.control("GET", f"slack?scope={scope}") == good
    assert stand.control("GET", f"slack?scope={scope}-other") == []
    stand.control("DELETE", f"slack?scope={scope}")
    assert stand.control("GET", f"slack?scope={scope}") == []


def check_slack_refuses(stand):
    """every limit passed by one, unknown kinds and members, no content, no JSON; nothing of it is kept."""
    scope = f"slack-{uuid.uuid4().hex}"
    bad_blocks = [
        [{"type": "divider"}] * 51, [header(151)], [header(0)], [{"type": "header", "text": text()}], [{"type": "header"}],
        [section(text=text(3001))], [section(text=text(0))], [section(fields=[text()] * 11)], [section(fields=[text(2001)])],
        [section(fields=[])], [section()], [section(text="text")], [section(text=text(emoji=True))],
        [section(text=text(kind="markdown"))], [section(text=text(), colour="red")], [{"type": "alert"}], [{}], ["divider"],
        [{"type": "context", "elements": []}], [section(text=text(), block_id="same")] * 2, [{"type": "divider", "text": text()}],
    ]
    for blocks in bad_blocks:
        assert post(stand, scope, {"text": "fallback", "blocks": blocks})[:2] == (400, "invalid_blocks"), blocks
    for message in ({}, {"text": ""}, {"blocks": []}, {"username": "x"}):
        assert post(stand, scope, message)[:2] == (400, "no_text"), message
    for message in (b"{", b"[]", b"", {"text": 1}):
        assert post(stand, scope, message)[:2] == (400, "invalid_payload"), message
    assert post(stand, scope, {"text": "x"}, "application/x-www-form-urlencoded")[:2] == (400, "invalid_payload")
    assert post(stand, scope, {"text": "x"}, token="")[:2] == (404, "no_service")
    assert stand.control("GET", f"slack?scope={scope}") == []


def check_slack_faults(stand):
    """500, 429 with Retry-After, an answer that is lost; the log names the call and not its secret."""
    scope = f"slack-{uuid.uuid4().hex}"
    stand.rule(scope=scope, service="slack", operation="PostMessage", action="status")
    stand.rule(scope=scope, service="slack", action="status", status=429, retry_after=7)
    stand.rule(scope=scope, service="slack", action="lost_reply")
    stand.rule(scope=scope, service="slack", key="only this", action="status", status=403, error="invalid_token")
    assert post(stand, scope, {"text": "1"})[:2] == (500, "rollup_error")
    status, body, headers = post(stand, scope, {"text": "2"})
    assert (status, body, headers["Retry-After"]) == (429, "rate_limited", "7")
    try:
        post(stand, scope, {"text": "3"})
        raise AssertionError("the reply was not lost")
    except OSError:
        pass
    assert post(stand, scope, {"text": "only this"})[:2] == (403, "invalid_token")
    assert stand.control("GET", f"slack?scope={scope}") == [{"text": "3"}]
    log = stand.control("GET", f"log?scope={scope}")
    assert [(each["operation"], each["status"]) for each in log] == [
        ("PostMessage", 500), ("PostMessage", 429), ("PostMessage", None), ("PostMessage", 403)]
    assert "SECRET" not in json.dumps(stand.control("GET", "log")) and "xyzzy" not in json.dumps(log)

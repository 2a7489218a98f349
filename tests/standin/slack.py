"""A double of Slack's incoming webhooks: `POST /_slack/<scope>/<token>`.

Takes and refuses what Slack does and keeps what it took, by scope; the token is a secret and is kept nowhere.
"""

import json
import threading

import slack_blocks
from wire import text_reply


class Slack:
    def __init__(self):
        self._lock = threading.Lock()
        self._messages = {}

    def handle(self, operation, request):
        _, _, scope, *token = request.path.split("/")
        if request.method != "POST":
            return text_reply(405, "method_not_allowed")
        if not scope or not any(token):
            return text_reply(404, "no_service")
        message = parse(request)
        problem = "invalid_payload" if message is None else problem_of(message)
        if problem:
            return text_reply(400, problem)
        with self._lock:
            self._messages.setdefault(scope, []).append(message)
        return text_reply(200, "ok")

    def read(self, scope):
        with self._lock:
            return list(self._messages.get(scope, []))

    def clear(self, scope):
        with self._lock:
            self._messages.pop(scope, None)


def parse(request):
    """The message, or None: Slack reads a body as its content type says, and JSON that is sent as a form is not a payload."""
    if not request.header("content-type").startswith("application/json"):
        return None
    try:
        message = json.loads(request.body)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def problem_of(message):
    """The error that Slack answers with, or None. Members that it does not know it ignores, outside of blocks."""
    text, blocks, attachments = (message.get(name) for name in ("text", "blocks", "attachments"))
    if text is not None and not isinstance(text, str):
        return "invalid_payload"
    if blocks is not None and not isinstance(blocks, list):
        return "invalid_blocks_format"
    if blocks and not slack_blocks.valid(blocks):
        return "invalid_blocks"
    if attachments and not (isinstance(attachments, list) and all(isinstance(each, dict) for each in attachments)):
        return "invalid_attachments"
    if len(attachments or []) > 100:
        return "too_many_attachments"
    if any(not slack_blocks.valid(each.get("blocks") or []) for each in attachments or []):
        return "invalid_blocks"
    return None if text or blocks or attachments else "no_text"

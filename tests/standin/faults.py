"""Carries out the action of a rule around the real handling of a request.

`Outcome` says what goes to the client: a reply, a part of one, or a reset of the connection.
"""

import time

from glue_batches import split_partial
from wire import Reply, json_error, s3_error, s3_error_body, sns_error, sqs_error, text_reply

S3_CODES = {400: "BadRequest", 403: "AccessDenied", 404: "NoSuchKey", 409: "ConditionalRequestConflict",
            412: "PreconditionFailed", 429: "SlowDown", 500: "InternalError", 503: "SlowDown"}
JSON_CODES = {400: "ThrottlingException", 403: "AccessDeniedException", 429: "TooManyRequestsException",
              500: "InternalServiceException", 503: "ServiceUnavailableException"}
SNS_CODES = {400: "Throttling", 403: "AuthorizationError", 404: "NotFound", 429: "Throttled", 500: "InternalError",
             503: "ServiceUnavailable"}
SQS_CODES = {400: "RequestThrottled", 403: "AccessDenied", 500: "InternalFailure", 503: "ServiceUnavailable"}
SLACK_CODES = {400: "invalid_payload", 403: "action_prohibited", 404: "no_service", 410: "channel_is_archived",
               429: "rate_limited", 500: "rollup_error", 503: "service_unavailable"}
# service: (status unless a rule names one, code of a status, code of any other status, what makes the reply)
ERRORS = {
    "s3": (503, S3_CODES, "InternalError", s3_error),
    "sns": (400, SNS_CODES, "InternalError", sns_error),
    "sqs": (400, SQS_CODES, "InternalFailure", sqs_error),
    "slack": (500, SLACK_CODES, "rollup_error", lambda status, code, message: text_reply(status, code)),
}
JSON_ERRORS = (400, JSON_CODES, "InternalServiceException", lambda status, code, message: json_error(code, message, status))


class Outcome:
    def __init__(self, reply=None, only_bytes=None):
        self.reply = reply
        self.only_bytes = only_bytes


def carry_out(rule, request, identity, handle):
    """Answers a request under a rule; `handle(request)` is the real thing."""
    return ACTIONS[rule.action](rule, request, identity, handle)


def _status(rule, request, identity, handle):
    return Outcome(error_reply(rule.settings, identity.service))


def error_reply(settings, service):
    usual, codes, otherwise, make = ERRORS.get(service, JSON_ERRORS)
    status = settings.get("status", usual)
    code = settings.get("error") or codes.get(status, otherwise)
    reply = make(status, code, settings.get("message", "An error that a test asked for."))
    if "retry_after" in settings:
        reply.headers.append(("Retry-After", str(settings["retry_after"])))
    return reply


def _lost_reply(rule, request, identity, handle):
    handle(request)
    return Outcome()


def _reset(rule, request, identity, handle):
    return Outcome()


def _delay(rule, request, identity, handle):
    time.sleep(rule.settings.get("seconds", 1))
    return Outcome(handle(request))


def _truncate(rule, request, identity, handle):
    return Outcome(handle(request), only_bytes=rule.settings.get("bytes", 0))


def _flip(rule, request, identity, handle):
    reply = handle(request)
    body = bytearray(reply.body)
    if body:
        body[len(body) // 2] ^= 1
    return Outcome(Reply(reply.status, reply.headers, bytes(body)))


def _hold_before(rule, request, identity, handle):
    rule.hold()
    return Outcome(handle(request))


def _hold_after(rule, request, identity, handle):
    reply = handle(request)
    rule.hold()
    return Outcome(reply)


def _error_200(rule, request, identity, handle):
    body = s3_error_body(rule.settings.get("error", "InternalError"), "We encountered an internal error. Please try again.")
    return Outcome(Reply(200, [("Content-Type", "application/xml")], body))


def _partial(rule, request, identity, handle):
    rest, add_errors = split_partial(identity.operation, request, rule.settings)
    return Outcome(add_errors(handle(rest) if rest is not None else None))


ACTIONS = {"status": _status, "lost_reply": _lost_reply, "reset": _reset, "delay": _delay, "truncate": _truncate,
           "flip": _flip, "hold_before": _hold_before, "hold_after": _hold_after, "error_200": _error_200,
           "partial": _partial}

"""What goes in and out: a request, a reply, and the error bodies that AWS's services send."""

import json
import urllib.parse
import uuid
from xml.sax.saxutils import escape


class Request:
    """One HTTP request. `target` is the path and query exactly as they came, still percent-encoded."""

    def __init__(self, method, target, headers, body):
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        raw_path, _, raw_query = target.partition("?")
        self.path = urllib.parse.unquote(raw_path)
        self.query = dict(urllib.parse.parse_qsl(raw_query, keep_blank_values=True))
        self._json = None

    def header(self, name, otherwise=""):
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), otherwise)

    def json(self):
        """The body of a JSON service; what is not an object counts as an empty one."""
        if self._json is None:
            try:
                parsed = json.loads(self.body or b"{}")
            except ValueError:
                parsed = {}
            self._json = parsed if isinstance(parsed, dict) else {}
        return self._json

    def form(self):
        """The parameters of a service that speaks the query protocol."""
        return dict(urllib.parse.parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def with_json(self, body):
        """The same request with another JSON body."""
        return Request(self.method, self.target, self.headers, json.dumps(body).encode())

    def region(self):
        return self._credential(2, "us-east-1")

    def access_key(self):
        return self._credential(0, "test")

    def signed_service(self):
        return self._credential(3, "")

    def _credential(self, place, otherwise):
        """A part of the signature's scope: key/date/region/service/aws4_request."""
        _, found, rest = self.header("authorization").partition("Credential=")
        parts = rest.split(",")[0].strip().split("/")
        return parts[place] if found and len(parts) >= 5 else otherwise


class Reply:
    """One HTTP reply, its body whole."""

    def __init__(self, status, headers=(), body=b""):
        self.status = status
        self.headers = list(headers)
        self.body = body


class ServiceError(Exception):
    """An error of a JSON service, to be sent to the client."""

    def __init__(self, kind, message, status=400, **more):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.more = more

    def reply(self):
        return json_error(self.kind, self.message, self.status, **self.more)


def json_reply(value, status=200):
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", str(uuid.uuid4()))]
    return Reply(status, headers, json.dumps(value).encode())


def json_error(kind, message, status=400, **more):
    reply = json_reply({"__type": kind, "message": message, "Message": message, **more}, status)
    reply.headers.append(("x-amzn-ErrorType", kind))
    return reply


def s3_error_body(code, message):
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
            f"<RequestId>{uuid.uuid4().hex[:16].upper()}</RequestId><HostId>stand-in</HostId></Error>").encode()


def s3_error(status, code, message):
    return Reply(status, [("Content-Type", "application/xml"), ("x-amz-request-id", uuid.uuid4().hex[:16].upper())],
                 s3_error_body(code, message))


def sns_error(status, code, message):
    """An error of the query protocol."""
    fault = "Sender" if status < 500 else "Receiver"
    number = str(uuid.uuid4())
    body = ('<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error>'
            f"<Type>{fault}</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
            f"<RequestId>{number}</RequestId></ErrorResponse>")
    return Reply(status, [("Content-Type", "text/xml"), ("x-amzn-RequestId", number)], body.encode())


def sqs_error(status, code, message):
    """SQS tells its clients the code of the protocol that it spoke before in a header, and they go by that."""
    reply = json_error(f"com.amazonaws.sqs#{code}", message, status)
    reply.headers.append(("x-amzn-query-error", f"{code};{'Sender' if status < 500 else 'Receiver'}"))
    return reply


def text_reply(status, text):
    return Reply(status, [("Content-Type", "text/html")], text.encode())

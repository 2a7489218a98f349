"""Requests to moto.

Few at a time, because hundreds of connections at once would only queue in its listener. Writes to one key take turns:
that moto's conditional writes have one winner must not depend on how its threads happen to run.
"""

import http.client
import json
import sys
import threading
import zlib

from wire import Reply, Request, s3_error

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection", "expect",
              "content-length"}
READS = ("GET", "HEAD", "OPTIONS")
# Seconds: less than a client waits for one attempt.
PATIENCE = 8
LAST_PATIENCE = 60


class Backend:
    def __init__(self, port):
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self._few = threading.BoundedSemaphore(16)
        self._turns = [threading.Lock() for _ in range(64)]

    def forward(self, request):
        """The reply of moto, byte for byte."""
        if request.method not in READS and not request.header("x-amz-target"):
            with self._turns[zlib.crc32(request.path.encode()) % len(self._turns)]:
                return self._refuse_copy(request) or self._send(request)
        reply = self._send(request)
        if reply.status == 500 and request.method in READS:
            # moto walks its keys without a lock: a write at the same time can break a listing.
            reply = self._send(request)
        return reply

    def _refuse_copy(self, request):
        """moto copies over an object in spite of `If-None-Match: *`; S3 answers 412."""
        if not request.header("x-amz-copy-source") or request.header("if-none-match") != "*":
            return None
        headers = [(name, value) for name, value in request.headers if name.lower() in ("host", "authorization")]
        if self._send(Request("HEAD", request.target, headers, b"")).status != 200:
            return None
        return s3_error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")

    def _send(self, request):
        """moto answers within milliseconds; on a busy machine a connection to it was seen to be never served."""
        try:
            return self._send_once(request, PATIENCE)
        except TimeoutError:
            print(f"moto did not answer {request.method} {request.path}: asked again", file=sys.stderr, flush=True)
            return self._send_once(request, LAST_PATIENCE)

    def _send_once(self, request, timeout):
        with self._few:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
            try:
                connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
                for name, value in request.headers:
                    if name.lower() not in HOP_BY_HOP:
                        connection.putheader(name, value.encode("latin-1"))
                connection.putheader("Content-Length", str(len(request.body)))
                connection.endheaders(request.body or None)
                response = connection.getresponse()
                body = response.read()
                return Reply(response.status, response.getheaders(), body)
            finally:
                connection.close()

    def call_glue(self, caller, operation, body):
        """A call of the stand-in's own, in the region and with the key of the client on whose behalf it is."""
        scope = f"{caller.access_key()}/20260101/{caller.region()}/glue/aws4_request"
        headers = [("Host", "glue.amazonaws.com"), ("X-Amz-Target", f"AWSGlue.{operation}"),
                   ("Content-Type", "application/x-amz-json-1.1"),
                   ("Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")]
        reply = self._send(Request("POST", "/", headers, json.dumps(body).encode()))
        return reply.status, json.loads(reply.body or b"{}")

"""The HTTP server that is AWS for the tests: reads requests, routes them, applies rules, sends or breaks replies."""

import fcntl
import http.server
import socket
import struct
import sys
import termios
import time
import traceback

import control
import faults
from athena_api import Athena
from backend import Backend
from glue_shim import Glue
from identify import identify
from journal import Journal
from queues import Queues
from rules import RuleBook
from slack import Slack
from wire import Reply, Request, ServiceError, json_error, s3_error


class StandIn(http.server.ThreadingHTTPServer):
    """One thread for each connection; a client that goes away ends its own thread only."""

    request_queue_size = 1024
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, port, moto_port):
        self.backend = Backend(moto_port)
        self.glue = Glue(self.backend)
        self.athena = Athena(self.backend, self.glue)
        self.queues = Queues(self.backend)
        self.slack = Slack()
        self.handlers = {"glue": self.glue.handle, "athena": self.athena.handle, "sqs": self.queues.handle_sqs,
                         "sns": self.queues.handle_sns, "slack": self.slack.handle}
        self.rules = RuleBook()
        self.journal = Journal()
        super().__init__(("127.0.0.1", port), Handler)

    def clean_up(self):
        self.athena.clean_up()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()

    def answer(self, request):
        """What goes to the client, as an Outcome."""
        if request.path.startswith("/_control"):
            return faults.Outcome(control.answer(self, request))
        identity = identify(request, self.athena.scope_of)
        entry = self.journal.begin(request, identity)
        rule = self.rules.pick(request, identity)
        handle = self._handler(identity)
        if rule is None:
            outcome = faults.Outcome(handle(request))
        else:
            entry["fault"] = rule.action
            outcome = faults.carry_out(rule, request, identity, handle)
        entry["status"] = outcome.reply.status if outcome.reply else None
        return outcome

    def _handler(self, identity):
        real = self.handlers.get(identity.service)

        def handle(request):
            try:
                return real(identity.operation, request) if real else self.backend.forward(request)
            except ServiceError as error:
                return error.reply()
            except Exception as error:
                traceback.print_exc()
                if identity.service == "s3":
                    return s3_error(500, "InternalError", f"the stand-in: {error}")
                return json_error("InternalServiceException", f"the stand-in: {error!r}", 500)
        return handle


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        """Silent: the journal is the log."""

    def handle(self):
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def serve(self):
        body = self._read_body()
        target = self.requestline.split(" ")[1]
        outcome = self.server.answer(Request(self.command, target, list(self.headers.items()), body))
        if outcome.reply is None:
            self._reset()
        else:
            self._send(outcome.reply, outcome.only_bytes)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = serve

    def _read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self._chunks())
        return self._exactly(int(self.headers.get("Content-Length") or 0))

    def _chunks(self):
        while size := int(self.rfile.readline().split(b";")[0].strip() or b"0", 16):
            yield self._exactly(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _exactly(self, size):
        """A body cut short is a client that died: nothing of it may be applied."""
        data = self.rfile.read(size) if size else b""
        if len(data) < size:
            raise ConnectionResetError("the client is gone")
        return data

    def _send(self, reply: Reply, only_bytes):
        head = self._head(reply)
        bodiless = self.command == "HEAD" or reply.status in (204, 304)
        body = b"" if bodiless else reply.body
        if only_bytes is None:
            self.connection.sendall(head + body)
            return
        self.connection.sendall(head + body[:only_bytes])
        self._wait_until_sent()
        self._reset()

    def _head(self, reply):
        phrase = self.responses.get(reply.status, ("",))[0]
        lines = [f"HTTP/1.1 {reply.status} {phrase}"]
        names = set()
        for name, value in reply.headers:
            if name.lower() not in ("connection", "transfer-encoding", "keep-alive"):
                names.add(name.lower())
                lines.append(f"{name}: {value}")
        if "content-length" not in names and reply.status not in (204, 304):
            lines.append(f"Content-Length: {len(reply.body)}")
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _wait_until_sent(self):
        """A reset throws away what the kernel has not sent yet, so waits for it."""
        for _ in range(200):
            waiting = fcntl.ioctl(self.connection, termios.TIOCOUTQ, b"\0\0\0\0")
            if struct.unpack("i", waiting)[0] == 0:
                return
            time.sleep(0.01)

    def _reset(self):
        """Closes with a reset instead of an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())

"""How long the program takes to be ready as a Lambda function, and what invocations take: Lambda's runtime interface, played here.

    python3 tests/bench/invoke.py PROGRAM [--starts 20] [--project DIR --event FILE [--times 3]]

Without a project: from the start of the process to its first request for an event, and the memory that it holds then. With one,
PROGRAM serves the event in FILE; variables such as LAKEGATE_ENV and AWS_ENDPOINT_URL are passed on. Prints JSON.
"""

import argparse
import http.server
import json
import os
import statistics
import subprocess
import threading
import time

NEXT, ANSWER = "/2018-06-01/runtime/invocation/next", "/2018-06-01/runtime/invocation/"


class Runtime:
    """One environment of a function: events go in by `invoke`, one after the other."""

    def __init__(self, program, project):
        self.asked, self.given, self.answered = threading.Event(), threading.Event(), threading.Event()
        self.event, self.answer = b"", None
        runtime = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                runtime.ready_at = time.perf_counter()
                runtime.asked.set()
                runtime.given.wait()
                runtime.given.clear()
                deadline = int((time.time() + 900) * 1000)
                self.reply(200, runtime.event, {"Lambda-Runtime-Aws-Request-Id": "bench", "Lambda-Runtime-Deadline-Ms": str(deadline),
                                                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:r:1:function:bench"})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.reply(202, b"", {})
                runtime.answer = (self.path.rsplit("/", 1)[1], body.decode())
                runtime.answered.set()

            def reply(self, status, body, headers):
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        environment = {**os.environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}", "AWS_LAMBDA_FUNCTION_NAME": "bench",
                       "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_FUNCTION_VERSION": "1"}
        self.started_at = time.perf_counter()
        self.process = subprocess.Popen([program], cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not self.asked.wait(30):
            raise SystemExit("the program never asked for an event")

    def invoke(self, event):
        self.event = event
        self.answered.clear()
        began = time.perf_counter()
        self.given.set()
        self.answered.wait()
        return time.perf_counter() - began, self.answer

    def memory(self, name):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) // 1024 for line in status if line.startswith(f"{name}:"))

    def end(self):
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()


def starts(program, count):
    times, memory = [], 0
    for _ in range(count):
        runtime = Runtime(program, None)
        times.append((runtime.ready_at - runtime.started_at) * 1000)
        memory = runtime.memory("VmRSS")
        runtime.end()
    return {"start_to_next_ms": {"median": round(statistics.median(times), 1), "worst": round(max(times), 1)}, "memory_then_mib": memory}


def invocations(program, project, event, times):
    runtime = Runtime(program, project)
    took = []
    for _ in range(times):
        seconds, (kind, body) = runtime.invoke(event)
        took.append({"seconds": round(seconds, 3), "ended": kind, "answer": body[:300]})
    peak = runtime.memory("VmHWM")
    runtime.end()
    return {"invocations": took, "peak_memory_mib": peak}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--project")
    parser.add_argument("--event")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    program = os.path.abspath(given.program)
    if given.project:
        with open(given.event, "rb") as file:
            found = invocations(program, given.project, file.read(), given.times)
    else:
        found = starts(program, given.starts)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

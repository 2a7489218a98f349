"""Tests the stand-in itself.

    python tests/standin/self_test.py

Starts a stand-in on free ports, runs every check of the self_test_* files, prints what was checked, exits with 1 on failure.
"""

import json
import pathlib
import socket
import subprocess
import sys
import time
import traceback
import urllib.request
import uuid

sys.dont_write_bytecode = True

import boto3
import botocore.config

import self_test_athena
import self_test_glue
import self_test_messages
import self_test_proxy
import self_test_slack
import self_test_sql
import self_test_states


class Stand:
    """A running stand-in and its clients."""

    def __init__(self, port, moto_port):
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self.moto_endpoint = f"http://127.0.0.1:{moto_port}"

    def client(self, service, attempts=1, **more):
        settings = botocore.config.Config(retries={"total_max_attempts": attempts, "mode": "standard"}, read_timeout=30,
                                          parameter_validation=False, max_pool_connections=64, **more)
        return boto3.client(service, endpoint_url=self.endpoint, region_name="ap-northeast-2", aws_access_key_id="test",
                            aws_secret_access_key="test", config=settings)

    def bucket(self):
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
        return name

    def database(self):
        name = f"db_{uuid.uuid4().hex[:12]}"
        self.client("glue").create_database(DatabaseInput={"Name": name})
        return name

    def control(self, method, path, settings=None):
        data = None if settings is None else json.dumps(settings).encode()
        request = urllib.request.Request(f"{self.endpoint}/_control/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def rule(self, **settings):
        return self.control("POST", "rules", settings)["id"]

    def until(self, condition, what):
        for _ in range(200):
            if condition():
                return
            time.sleep(0.02)
        raise AssertionError(f"never: {what}")

    def hit(self, rule):
        self.until(lambda: self.control("GET", f"rules/{rule}")["hits"], f"a hit of rule {rule}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main():
    ports = free_port(), free_port()
    process = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).parent), "--port", str(ports[0]), "--moto-port",
                                str(ports[1])], stdout=subprocess.PIPE, text=True)
    failed = 0
    try:
        assert process.stdout.readline().strip() == "ready"
        stand = Stand(*ports)
        for module in (self_test_proxy, self_test_messages, self_test_slack, self_test_glue, self_test_athena, self_test_sql,
                       self_test_states):
            for name in [name for name in vars(module) if name.startswith("check_")]:
                failed += not passes(name, getattr(module, name), stand)
        assert process.poll() is None, "the stand-in died"
    finally:
        process.terminate()
        process.wait()
    print("all passed" if not failed else f"{failed} FAILED")
    return 1 if failed else 0


def passes(name, check, stand):
    began = time.time()
    try:
        check(stand)
    except Exception:
        traceback.print_exc()
        print(f"FAILED  {name}")
        return False
    print(f"ok  {time.time() - began:5.2f} s  {name.removeprefix('check_').replace('_', ' ')}: {(check.__doc__ or '').strip()}")
    return True


if __name__ == "__main__":
    sys.exit(main())

"""The proxy: S3 and the small services pass unchanged; the log; every action of a rule."""

import http.client
import socket
import threading
import time
import urllib.error

from botocore.exceptions import (ClientError, ConnectionClosedError, ConnectionError as NoConnection, EndpointConnectionError,
                                 HTTPClientError, IncompleteReadError, ResponseStreamingError)

BROKEN = (ConnectionClosedError, EndpointConnectionError, HTTPClientError, NoConnection, ResponseStreamingError,
          IncompleteReadError, ConnectionResetError)
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def refusal(kind, action, status=None):
    """The action fails with this error of the service."""
    try:
        action()
    except ClientError as error:
        assert error.response["Error"]["Code"] == kind, error
        assert status in (None, error.response["ResponseMetadata"]["HTTPStatusCode"]), error
        return error.response["Error"]["Message"]
    raise AssertionError(f"no {kind}")


def breaks(action):
    try:
        action()
    except BROKEN:
        return
    raise AssertionError("the connection did not break")


def check_s3(stand):
    """odd keys, binary bodies, metadata, HEAD, ranges, lists, copies, deletes."""
    s3, bucket = stand.client("s3"), stand.bucket()
    body = bytes(range(256)) * 100
    for key in ("a/b c/d+e=f/%2F/한글.parquet", "x//y", "month=2026-03/part?1&2#3"):
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"run-id": "7"})
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body, key
        head = s3.head_object(Bucket=bucket, Key=key)
        assert head["ContentLength"] == len(body) and head["Metadata"] == {"run-id": "7"}
    part = s3.get_object(Bucket=bucket, Key="x//y", Range="bytes=10-19")
    assert part["Body"].read() == body[10:20] and part["ContentRange"] == f"bytes 10-19/{len(body)}"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "x//y"})
    refusal("PreconditionFailed", lambda: s3.copy_object(Bucket=bucket, Key="copy", IfNoneMatch="*",
                                                         CopySource={"Bucket": bucket, "Key": "x//y"}), 412)
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 4
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "x//y"}]})
    refusal("404", lambda: s3.head_object(Bucket=bucket, Key="copy"))
    refusal("NoSuchKey", lambda: s3.get_object(Bucket=bucket, Key="copy"))


def check_multipart(stand):
    """parts, completion with If-None-Match, abort."""
    s3, bucket = stand.client("s3"), stand.bucket()
    part = b"x" * (5 << 20)
    for expected in (None, "PreconditionFailed"):
        upload = s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
        tags = [s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=n, Body=part)["ETag"] for n in (1, 2)]
        parts = {"Parts": [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]}

        def complete():
            return s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload=parts,
                                                IfNoneMatch="*")
        if expected:
            refusal(expected, complete)
            s3.abort_multipart_upload(Bucket=bucket, Key="big", UploadId=upload)
        else:
            complete()
    assert s3.head_object(Bucket=bucket, Key="big")["ContentLength"] == 2 * len(part)
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def check_chunked_bodies(stand):
    """a request body in chunks, without a length; keep-alive."""
    bucket = stand.bucket()
    connection = http.client.HTTPConnection("127.0.0.1", stand.port)
    for number in range(3):
        connection.request("PUT", f"/{bucket}/chunked{number}", body=iter([b"one", b"two" * 1000]), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    assert stand.client("s3").get_object(Bucket=bucket, Key="chunked2")["Body"].read() == b"one" + b"two" * 1000


def check_conditional_put(stand):
    """8 threads put, read and race: If-None-Match has exactly one winner each time."""
    s3, bucket, wins, errors = stand.client("s3"), stand.bucket(), {}, []

    def hammer(thread):
        try:
            for round_ in range(40):
                s3.put_object(Bucket=bucket, Key=f"own/{thread}/{round_}", Body=b"%d" % round_)
                assert s3.get_object(Bucket=bucket, Key=f"own/{thread}/{round_}")["Body"].read() == b"%d" % round_
                try:
                    s3.put_object(Bucket=bucket, Key=f"race/{round_}", Body=b"%d" % thread, IfNoneMatch="*")
                    wins.setdefault(round_, []).append(thread)
                except ClientError as error:
                    assert error.response["Error"]["Code"] == "PreconditionFailed", error
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not errors, errors
    assert sorted(wins) == list(range(40)) and all(len(each) == 1 for each in wins.values()), wins
    for round_, (winner,) in wins.items():
        assert s3.get_object(Bucket=bucket, Key=f"race/{round_}")["Body"].read() == b"%d" % winner
    assert sum(len(p["Contents"]) for p in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)) == 8 * 40 + 40


def check_many_connections(stand):
    """300 connections at once, half of them killed in the middle of a request."""
    bucket = stand.bucket()
    stand.client("s3").put_object(Bucket=bucket, Key="k", Body=b"v")
    sockets = [socket.create_connection(("127.0.0.1", stand.port)) for _ in range(300)]
    for number, each in enumerate(sockets):
        if number % 2:
            each.sendall(f"PUT /{bucket}/dead{number} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf".encode())
            each.close()
        else:
            each.sendall(f"GET /{bucket}/k HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNED}\r\n\r\n".encode())
    assert all(each.recv(12) == b"HTTP/1.1 200" for each in sockets[::2])
    [each.close() for each in sockets[::2]]
    assert [each["Key"] for each in stand.client("s3").list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def check_small_services(stand):
    """Secrets Manager, SSM, STS, KMS, each with its scope in the log."""
    name = f"secret/{time.time_ns()}"
    secrets = stand.client("secretsmanager")
    arn = secrets.create_secret(Name=name, SecretString="s")["ARN"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "s"
    stand.client("ssm").put_parameter(Name="/" + name, Value="v", Type="SecureString")
    assert stand.client("ssm").get_parameter(Name="/" + name, WithDecryption=True)["Parameter"]["Value"] == "v"
    assert stand.client("sts").get_caller_identity()["Account"]
    stand.client("kms").create_key()
    assert [each["operation"] for each in stand.control("GET", f"log?scope={name}")] == ["CreateSecret", "GetSecretValue"]
    stand.rule(scope=name, service="secretsmanager", action="status", error="ThrottlingException")
    refusal("ThrottlingException", lambda: secrets.get_secret_value(SecretId=name), 400)


def check_log(stand):
    """the names of S3's operations, status, size; clearing one scope leaves the others."""
    s3, bucket, other = stand.client("s3"), stand.bucket(), stand.bucket()
    s3.put_object(Bucket=bucket, Key="a b", Body=b"123")
    s3.get_object(Bucket=bucket, Key="a b")
    s3.head_object(Bucket=bucket, Key="a b")
    s3.list_objects_v2(Bucket=bucket, Prefix="a")
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a b"})
    s3.delete_object(Bucket=bucket, Key="c")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "c"}, {"Key": "d"}]})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="m", UploadId=upload)
    s3.get_bucket_versioning(Bucket=bucket)
    log = stand.control("GET", f"log?scope={bucket}")
    assert [each["operation"] for each in log] == [
        "CreateBucket", "PutObject", "GetObject", "HeadObject", "ListObjectsV2", "CopyObject", "DeleteObject", "DeleteObjects",
        "CreateMultipartUpload", "UploadPart", "AbortMultipartUpload", "GetBucketVersioning"], log
    assert log[1]["key"] == "a b" and log[1]["status"] == 200 and log[1]["method"] == "PUT" and log[1]["request_bytes"] >= 3
    assert log[4]["key"] == "a" and log[7]["key"] == "c\nd" and [each["seq"] for each in log] == sorted(e["seq"] for e in log)
    stand.control("DELETE", f"log?scope={bucket}")
    assert not stand.control("GET", f"log?scope={bucket}") and stand.control("GET", f"log?scope={other}")


def check_status_rules(stand):
    """S3's error codes; skip, times, key, method, scope; not applied."""
    s3, bucket, other = stand.client("s3"), stand.bucket(), stand.bucket()
    for status, code in ((503, "SlowDown"), (500, "InternalError"), (409, "ConditionalRequestConflict"),
                         (412, "PreconditionFailed"), (403, "AccessDenied")):
        stand.rule(scope=bucket, service="s3", operation="PutObject", key=r"^data/.*\.parquet$", action="status", status=status)
        s3.put_object(Bucket=bucket, Key="other", Body=b"")
        s3.put_object(Bucket=other, Key="data/x.parquet", Body=b"")
        refusal(code, lambda: s3.put_object(Bucket=bucket, Key="data/x.parquet", Body=b""), status)
    refusal("404", lambda: s3.head_object(Bucket=bucket, Key="data/x.parquet"))
    rule = stand.rule(scope=bucket, method="GET", skip=2, times=2, action="status", status=503)
    seen = []
    for _ in range(6):
        try:
            s3.get_object(Bucket=bucket, Key="other")
            seen.append(200)
        except ClientError:
            seen.append(503)
    assert seen == [200, 200, 503, 503, 200, 200] and stand.control("GET", f"rules/{rule}")["hits"] == 2
    always = stand.rule(scope=bucket, times=-1, action="status")
    for _ in range(3):
        refusal("SlowDown", lambda: s3.get_object(Bucket=bucket, Key="other"))
    stand.control("DELETE", f"rules/{always}")
    s3.get_object(Bucket=bucket, Key="other")
    try:
        stand.rule(scope=bucket, action="nonsense")
        raise AssertionError("a nonsense rule was taken")
    except urllib.error.HTTPError as error:
        assert error.code == 400


def check_retries_heal(stand):
    """an SDK with retries gets over a 503, a reset and a lost reply."""
    s3, bucket = stand.client("s3", attempts=5), stand.bucket()
    for action in ("status", "reset", "lost_reply"):
        stand.rule(scope=bucket, operation="PutObject", action=action)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert len([each for each in stand.control("GET", f"log?scope={bucket}") if each["operation"] == "PutObject"]) == 4


def check_broken_connections(stand):
    """reset does not apply, lost_reply does; truncate and flip spoil what is read."""
    s3, bucket = stand.client("s3"), stand.bucket()
    stand.rule(scope=bucket, operation="PutObject", action="reset")
    breaks(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"1"))
    refusal("NoSuchKey", lambda: s3.get_object(Bucket=bucket, Key="k"))
    stand.rule(scope=bucket, operation="PutObject", action="lost_reply")
    breaks(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789" * 1000))
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 10_000
    stand.rule(scope=bucket, operation="GetObject", action="truncate", bytes=100)
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert answer["ContentLength"] == 10_000 and answer["Body"]._raw_stream.read(100) == b"0123456789" * 10
    breaks(answer["Body"].read)
    stand.rule(scope=bucket, operation="GetObject", action="flip")
    plain = stand.client("s3", response_checksum_validation="when_required").get_object(Bucket=bucket, Key="k")
    body = plain["Body"].read()
    assert sum(a != b for a, b in zip(body, b"0123456789" * 1000)) == 1
    stand.rule(scope=bucket, operation="GetObject", action="delay", seconds=0.3)
    began = time.time()
    s3.get_object(Bucket=bucket, Key="k")
    assert time.time() - began >= 0.3


def check_holds(stand):
    """a held request shows as a hit at once; it goes on after its client is gone."""
    s3, bucket = stand.client("s3"), stand.bucket()
    for action, applied in (("hold_before", False), ("hold_after", True)):
        rule = stand.rule(scope=bucket, operation="PutObject", action=action)
        client = socket.create_connection(("127.0.0.1", stand.port))
        client.sendall(f"PUT /{bucket}/{action} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx".encode())
        stand.hit(rule)
        stand.until(lambda: stand.control("GET", f"rules/{rule}")["waiting"] == 1, "waiting")
        assert (action in keys(s3, bucket)) == applied
        assert stand.control("GET", f"log?scope={bucket}")[-2]["status"] is None
        client.close()
        stand.control("POST", f"rules/{rule}/release")
        stand.until(lambda: action in keys(s3, bucket), "applied after the release")
        assert stand.control("GET", f"rules/{rule}")["waiting"] == 0


def keys(s3, bucket):
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def check_error_200(stand):
    """an error inside of a reply with status 200, not applied."""
    s3, bucket = stand.client("s3"), stand.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    stand.rule(scope=bucket, operation="CopyObject", action="error_200")
    refusal("InternalError", lambda: s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"}))
    assert keys(s3, bucket) == ["k"]

"""SQS, SNS, EventBridge and the events of S3, for the most part through the commands that the tests use."""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import threading
import time
import uuid

from moto.core import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends

import queues
from self_test_proxy import breaks, refusal

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
import aws

KEY = "in/a b+c=d/월 (1)~*'%2F.json"


def unique(what):
    return f"{what}-{uuid.uuid4().hex[:12]}"


class Commands:
    """`python aws.py ENDPOINT …` without the interpreter's start."""

    def __init__(self, stand):
        aws.ENDPOINT = stand.endpoint

    def __call__(self, *arguments):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            aws.run(*arguments)
        return output.getvalue().strip()

    def json(self, *arguments):
        return json.loads(self(*arguments))

    def queue(self, *more):
        return self.json("queue", unique("queue"), *more)


def operations(stand, scope, service):
    return [each["operation"] for each in stand.control("GET", f"log?scope={scope}") if each["service"] == service]


def check_message_names(stand):
    """the names and scopes of SQS, SNS, EventBridge, Firehose, CloudWatch and Lambda in the log."""
    run, name = Commands(stand), unique("names")
    url = run.json("queue", name)["url"]
    run("send", url, "text")
    assert operations(stand, name, "sqs") == ["CreateQueue", "SendMessage"]
    arn = run("topic", name)
    stand.client("sns").publish(TopicArn=arn, Message="월 & b", Subject="s")
    stand.client("sns").get_topic_attributes(TopicArn=arn)
    assert operations(stand, name, "sns") == ["CreateTopic", "Publish", "GetTopicAttributes"]
    published = next(each for each in stand.control("GET", f"log?scope={name}") if each["operation"] == "Publish")
    assert json.loads(published["key"])["Message"] == "월 & b"
    run("rule", name, arn.replace(":sns:", ":sqs:"))
    assert operations(stand, name, "events") == ["PutRule", "PutTargets"]
    stand.client("cloudwatch").put_metric_data(Namespace=name, MetricData=[{"MetricName": "a", "Value": 1}])
    assert operations(stand, name, "cloudwatch") == ["PutMetricData"]
    records = [{"Data": b"x"}]
    refusal("ResourceNotFoundException", lambda: stand.client("firehose").put_record_batch(DeliveryStreamName=name, Records=records))
    refusal("ResourceNotFoundException", lambda: stand.client("lambda").invoke(FunctionName=name))
    assert operations(stand, name, "firehose") == ["PutRecordBatch"] and operations(stand, name, "lambda") == ["Invoke"]
    stand.client("events").remove_targets(Rule=name, Ids=["queue"])


def check_message_faults(stand):
    """errors of SQS and SNS as their clients read them, a lost reply, a reset."""
    run, name = Commands(stand), unique("faults")
    url, arn = run.json("queue", name)["url"], run("topic", name)
    sqs, sns = stand.client("sqs"), stand.client("sns")
    for status, code in ((400, "RequestThrottled"), (403, "AccessDenied"), (503, "ServiceUnavailable")):
        stand.rule(scope=name, service="sqs", operation="SendMessage", action="status", status=status)
        refusal(code, lambda: sqs.send_message(QueueUrl=url, MessageBody="lost"), status)
    for status, code in ((400, "Throttling"), (404, "NotFound"), (500, "InternalError")):
        stand.rule(scope=name, service="sns", operation="Publish", action="status", status=status)
        refusal(code, lambda: sns.publish(TopicArn=arn, Message="lost"), status)
    stand.rule(scope=name, operation="SendMessage", key="reset me", action="reset")
    stand.rule(scope=name, operation="SendMessage", action="lost_reply")
    breaks(lambda: sqs.send_message(QueueUrl=url, MessageBody="reset me"))
    breaks(lambda: sqs.send_message(QueueUrl=url, MessageBody="reply lost"))
    assert [each["body"] for each in run.json("peek", url)] == ["reply lost"]


def check_message_limits(stand):
    """what SQS and SNS refuse: sizes in bytes, characters, attributes, subjects."""
    run, name = Commands(stand), unique("limits")
    url, arn = run.json("queue", name)["url"], run("topic", name)
    sqs, sns = stand.client("sqs"), stand.client("sns")

    def text(value):
        return {"DataType": "String", "StringValue": value}

    def send(body="b", **attributes):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
    refusal("MissingParameter", lambda: send(""))
    refusal("InvalidMessageContents", lambda: send("a\0b"))
    refusal("InvalidMessageContents", lambda: send(a=text("\x1b[31m")))
    refusal("InvalidParameterValue", lambda: send("월" * 349_526))
    refusal("InvalidParameterValue", lambda: send("b" * 1_048_570, reason=text("x")))
    refusal("InvalidParameterValue", lambda: send(reason=text("")))
    refusal("InvalidParameterValue", lambda: send(**{f"a{number}": text("x") for number in range(11)}))
    refusal("InvalidParameterValue", lambda: send(**{"aws.reason": text("x")}))
    send("월" * 349_522, a=text("b"))
    send("tab\t line\r\n", **{f"a{number}": text("x") for number in range(10)})
    assert len(run.json("peek", url)) == 2

    def publish(message="m", **more):
        sns.publish(TopicArn=arn, Message=message, **more)
    for subject in ("", "x" * 100, "two\nlines", "\x07"):
        refusal("InvalidParameter", lambda: publish(Subject=subject), 400)
    refusal("InvalidParameter", lambda: publish("월" * 87_382), 400)
    refusal("InvalidParameter", lambda: publish(""), 400)
    publish("월" * 87_381, Subject="신선하지 않음: orders")


def check_queue_commands(stand):
    """receive, retry, delete, peek, and a queue that gives up to another."""
    run = Commands(stand)
    dead = run.queue()
    made = run.queue(dead["url"].rsplit("/", 1)[1], "2")
    attributes = {"reason": {"DataType": "String", "StringValue": "월"}, "raw": {"DataType": "Binary", "BinaryValue": b"\0"}}
    stand.client("sqs").send_message(QueueUrl=made["url"], MessageBody="one", MessageAttributes=attributes)
    run("send", made["url"], "two")
    first = run.json("receive", made["url"], "5")
    assert [each["body"] for each in first] == ["one", "two"] and run.json("receive", made["url"], "5") == []
    assert first[0]["messageAttributes"] == {
        "reason": {"stringListValues": [], "binaryListValues": [], "stringValue": "월", "dataType": "String"},
        "raw": {"stringListValues": [], "binaryListValues": [], "binaryValue": "AA==", "dataType": "Binary"}}
    assert first[0]["eventSourceARN"] == made["arn"] and first[0]["awsRegion"] == "ap-northeast-2"
    assert first[0]["attributes"]["ApproximateReceiveCount"] == "1" and first[1]["messageAttributes"] == {}
    seen = run.json("peek", made["url"])
    assert [each["visible"] for each in seen] == [False, False] and seen[0]["messageAttributes"] == first[0]["messageAttributes"]
    run("delete", made["url"], first[1]["receiptHandle"])
    run("retry", made["url"], first[0]["receiptHandle"])
    time.sleep(0.01)
    again = run.json("receive", made["url"], "1")
    assert [(each["body"], each["attributes"]["ApproximateReceiveCount"]) for each in again] == [("one", "2")]
    run("retry", made["url"], again[0]["receiptHandle"])
    time.sleep(0.01)
    assert [each["attributes"]["ApproximateReceiveCount"] for each in run.json("peek", made["url"])] == ["2"]
    assert run.json("receive", made["url"], "1") == [] and run.json("peek", made["url"]) == []
    assert [each["body"] for each in run.json("peek", dead["url"])] == ["one"]


def check_queue_deletes(stand):
    """of two deletes at once none is undone (asked of moto in this process); more than ten messages are received."""
    queues.install()
    sqs = sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
    sqs.create_queue("deletes")
    sqs.send_message("deletes", "one")
    sqs.send_message("deletes", "two")
    one, two = sqs.receive_message("deletes", 2, 0, 30, [])
    other, asked = threading.Thread(target=lambda: sqs.delete_message("deletes", one.receipt_handle)), []

    def found_late(handle):
        """moto asks twice: whether the handle is valid, and while it makes its new list. Then the other delete comes."""
        asked.append(handle)
        if len(asked) == 2:
            other.start()
            other.join(0.2)
        return handle == two.receipt_handle
    sqs.queues["deletes"]._messages[1].had_receipt_handle = found_late
    sqs.delete_message("deletes", two.receipt_handle)
    other.join()
    assert sqs.queues["deletes"]._messages == []
    run = Commands(stand)
    url = run.queue()["url"]
    for number in range(23):
        run("send", url, str(number))
    assert len(run.json("receive", url, "21")) == 21


def check_queue_waits(stand):
    """a receiver that waits gets what is sent meanwhile, at once, and nothing when its time is over."""
    run, sqs = Commands(stand), stand.client("sqs")
    url = run.queue()["url"]
    began = time.time()
    threading.Timer(0.3, lambda: sqs.send_message(QueueUrl=url, MessageBody="late")).start()
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=9)["Messages"]] == ["late"]
    assert 0.3 <= time.time() - began < 3
    assert "Messages" not in stand.client("sqs").receive_message(QueueUrl=run.queue()["url"], WaitTimeSeconds=1)
    assert time.time() - began >= 1.3
    refusal("InvalidParameterValue", lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=21))


def told(stand, run, bucket, url):
    """What a queue was told of the keys of a bucket, the test events taken out."""
    bodies = [json.loads(each["body"]) for each in run.json("peek", url)]
    bodies = [json.loads(body["Message"]) if body.get("Type") == "Notification" else body for body in bodies]
    tests = [body for body in bodies if body.get("Event") == "s3:TestEvent"]
    assert all(body["Bucket"] == bucket and "Records" not in body for body in tests)
    return [body for body in bodies if "Event" not in body], len(tests)


def make_objects(stand, run, bucket):
    """Four events that create something, one that deletes; one key that no filter of the checks lets pass."""
    s3 = stand.client("s3")
    run("put", bucket, KEY, "abc")
    run("put", bucket, "in/not-this.txt", "abc")
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"hi")
        file.flush()
        run("in_parts", bucket, "in/parts.json", file.name)
    s3.copy_object(Bucket=bucket, Key="in/copy.json", CopySource={"Bucket": bucket, "Key": "in/parts.json"})
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"abcd", Tagging="a=b")
    s3.delete_object(Bucket=bucket, Key=KEY)


def check_notifications(stand):
    """S3 to SQS and by SNS to SQS: one event for each object, its key as in a form, sequencers that grow; test events."""
    run, bucket = Commands(stand), stand.bucket()
    plain, by_topic = run.queue(), run.queue()
    topic = run("topic", unique("topic"), by_topic["arn"])
    run("notify", bucket, "in/", ".json", plain["arn"])
    run("notify", bucket, "in/", ".json", topic)
    make_objects(stand, run, bucket)
    for url, tests in ((plain["url"], 2), (by_topic["url"], 1)):
        bodies, found = told(stand, run, bucket, url)
        assert found == tests and all(len(body["Records"]) == 1 for body in bodies)
        records = [body["Records"][0] for body in bodies]
        assert [each["eventName"] for each in records] == [
            "ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "ObjectCreated:Copy", "ObjectCreated:Put"], records
        described = [each["s3"]["object"] for each in records]
        assert described[0]["key"] == "in/a+b%2Bc%3Dd/%EC%9B%94+%281%29~*%27%252F.json", described[0]
        assert [each["size"] for each in described] == [3, 2, 2, 4] and "versionId" not in described[0]
        assert described[0]["sequencer"] < described[3]["sequencer"] and len({each["sequencer"] for each in described}) == 4
        assert records[0]["eventVersion"].startswith("2.") and records[0]["s3"]["bucket"]["name"] == bucket
    bodies = [json.loads(each["body"]) for each in run.json("peek", by_topic["url"])]
    assert all(body["Subject"] == "Amazon S3 Notification" and body["TopicArn"] == topic for body in bodies)


def check_eventbridge(stand):
    """S3 to EventBridge to SQS: keys as they are, ids that differ, the sequencer of the notification, nothing but what was asked."""
    run, bucket = Commands(stand), stand.bucket()
    created, everything, plain = run.queue(), run.queue(), run.queue()
    run("rule", unique("rule"), created["arn"], bucket)
    name = unique("rule")
    run("rule", name, everything["arn"], bucket)
    pattern = {"detail": {"bucket": {"name": [bucket]}}}
    stand.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    run("notify_eventbridge", bucket)
    run("notify", bucket, "in/", "", plain["arn"])
    make_objects(stand, run, bucket)
    bodies, tests = told(stand, run, bucket, created["url"])
    assert tests == 0 and {body["detail-type"] for body in bodies} == {"Object Created"}
    assert [body["detail"]["reason"] for body in bodies] == [
        "PutObject", "PutObject", "CompleteMultipartUpload", "CopyObject", "PutObject"]
    first = bodies[0]["detail"]["object"]
    assert first["key"] == KEY and first["etag"] == "900150983cd24fb0d6963f7d28e17f72" and "version-id" not in first
    assert len({body["id"] for body in bodies}) == len({body["detail"]["object"]["sequencer"] for body in bodies}) == 5
    notified, _ = told(stand, run, bucket, plain["url"])
    assert [body["Records"][0]["s3"]["object"]["sequencer"] for body in notified] == [
        body["detail"]["object"]["sequencer"] for body in bodies]
    kinds = [body["detail-type"] for body in told(stand, run, bucket, everything["url"])[0]]
    assert kinds == ["Object Created"] * 5 + ["Object Deleted"]

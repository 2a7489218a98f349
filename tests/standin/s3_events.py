"""The events of S3 as S3 sends them.

moto finds out who is to be told of what; what it tells is not what S3 does. It has no sequencer, or always the same one; an
`id` of EventBridge that never changes; keys with `%2F`; two events for one multipart upload; an event of tags for every object
that is put. Code that goes by any of these would pass here and fail there, so the messages are made and sent here.
"""

import datetime
import functools
import json
import re
import threading
import time
import traceback
import urllib.parse
import uuid

import flask
from moto.events.models import events_backends
from moto.s3 import notifications
from moto.s3.responses import S3Response
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

COMPLETED = "s3:ObjectCreated:CompleteMultipartUpload"
REASONS = {"s3:ObjectCreated:Put": "PutObject", "s3:ObjectCreated:Post": "POST Object", "s3:ObjectCreated:Copy": "CopyObject",
           COMPLETED: "CompleteMultipartUpload", "s3:ObjectRemoved:Delete": "DeleteObject"}


class Sequencer:
    """Hexadecimal, greater from event to event, in the shape that S3's have."""

    def __init__(self):
        self._lock = threading.Lock()
        self._last = 0

    def next(self):
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            seconds, rest = divmod(self._last, 1_000_000_000)
        return f"00{seconds:08X}{rest:08X}"


class Event:
    """What happened to one object; `name` as notifications are configured: `s3:ObjectCreated:Put`."""

    sequencer = Sequencer()

    def __init__(self, account, name, bucket, key):
        self.account, self.name, self.bucket, self.key = account, str(getattr(name, "value", name)), bucket, key
        self.number = self.sequencer.next()
        self.request = uuid.uuid4().hex[:16].upper()
        self.time = datetime.datetime.now(datetime.timezone.utc)
        self.etag = getattr(key, "etag", "").replace('"', "")
        self.removed = self.name.startswith("s3:ObjectRemoved:")

    def to_notification(self, configuration):
        """A notification; its key is encoded as a form's value is, slashes kept."""
        described = {"key": urllib.parse.quote_plus(self.key.name, safe="/*-._")}
        if not self.removed:
            described |= {"size": self.key.size, "eTag": self.etag}
        if self.bucket.is_versioned:
            described["versionId"] = self.key.version_id
        described["sequencer"] = self.number
        owner = {"principalId": "A3NL1KOZZKExample"}
        return {"Records": [{
            "eventVersion": "2.6", "eventSource": "aws:s3", "awsRegion": self.bucket.region_name,
            "eventTime": self.time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.time.microsecond // 1000:03d}Z",
            "eventName": self.name.removeprefix("s3:"), "userIdentity": {"principalId": f"AWS:{self.account}"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": self.request, "x-amz-id-2": "stand-in"},
            "s3": {"s3SchemaVersion": "1.0", "configurationId": configuration, "object": described,
                   "bucket": {"name": self.bucket.name, "ownerIdentity": owner, "arn": self.bucket.arn}}}]}

    def to_event_bridge(self):
        """EventBridge's event; its key is as it is."""
        described = {"key": self.key.name}
        if not self.removed:
            described |= {"size": self.key.size, "etag": self.etag}
        if self.bucket.is_versioned:
            described["version-id"] = self.key.version_id
        described["sequencer"] = self.number
        detail = {"version": "0", "event-version": "1.0", "bucket": {"name": self.bucket.name}, "object": described,
                  "request-id": self.request, "requester": self.account, "source-ip-address": "127.0.0.1"}
        if self.name in REASONS:
            detail["reason"] = REASONS[self.name]
        if self.removed:
            detail["deletion-type"] = "Permanently Deleted"
        return {"version": "0", "id": str(uuid.uuid4()), "detail-type": notifications._detail_type(self.name),
                "source": "aws.s3", "account": self.account, "time": self.time.timestamp(), "region": self.bucket.region_name,
                "resources": [self.bucket.arn], "detail": detail}


def send_event(account_id, event_name, bucket, key):
    configuration = bucket.notification_configuration
    if configuration is None or not is_of_request(event_name, flask.request.args):
        return
    event = Event(account_id, event_name, bucket, key)
    for send, targets in ((send_to_queue, configuration.queue), (send_to_topic, configuration.topic)):
        for target in targets:
            if target.matches(event_name, key.name):
                quietly(send, account_id, target.arn, event.to_notification(target.id))
    if configuration.event_bridge is not None:
        send_to_event_bridge(event)


def is_of_request(event_name, asked):
    """Whether S3 would send it: moto completes an upload by putting an object, and puts tags with every object."""
    if "uploadId" in asked:
        return event_name == COMPLETED
    part = {"s3:ObjectTagging": "tagging", "s3:ObjectAcl": "acl"}.get(event_name.rpartition(":")[0])
    return part is None or part in asked


def quietly(send, *arguments):
    """S3 sends later and by itself: whether it can makes no difference to the request."""
    try:
        send(*arguments)
    except Exception:
        traceback.print_exc()


def send_to_queue(account, arn, message):
    region, name = arn.split(":")[3], arn.split(":")[5]
    sqs_backends[account][region].send_message(queue_name=name, message_body=compact(message))


def send_to_topic(account, arn, message):
    topics = sns_backends[account][arn.split(":")[3]]
    topics.publish(arn=arn, message=compact(message), subject="Amazon S3 Notification")


def send_to_event_bridge(event):
    """Over copies of the lists: other tests make rules meanwhile."""
    message = event.to_event_bridge()
    for bus in list(events_backends[event.account][event.bucket.region_name].event_buses.values()):
        for rule in list(bus.rules.values()):
            quietly(rule.send_to_targets, message, False)


def send_test_event(account_id, bucket):
    configuration = bucket.notification_configuration
    message = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket.name,
               "Time": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
               "RequestId": uuid.uuid4().hex[:16].upper(), "HostId": "stand-in"}
    for send, targets in ((send_to_queue, configuration.queue), (send_to_topic, configuration.topic)):
        for arn in {target.arn for target in targets}:
            quietly(send, account_id, arn, message)


def compact(message):
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)


def with_event_bridge(get):
    """moto forgets to say that EventBridge is told: who adds to a configuration that was read would turn it off."""
    @functools.wraps(get)
    def complete(response):
        status, headers, body = get(response)
        configuration = response.backend.get_bucket_notification_configuration(response.bucket_name)
        if configuration and configuration.event_bridge is not None:
            body = re.sub(r"(<NotificationConfiguration[^>]*)/>", r"\1></NotificationConfiguration>", body)
            body = body.replace("</NotificationConfiguration>", "<EventBridgeConfiguration/></NotificationConfiguration>")
        return status, headers, body
    return complete


def install():
    notifications.send_event = send_event
    notifications.send_test_event = send_test_event
    S3Response.get_bucket_notification = with_event_bridge(S3Response.get_bucket_notification)

"""SQS and SNS: moto's, with what the services refuse, and a look into a queue that leaves no trace."""

import base64
import functools
import time

from moto.core import DEFAULT_ACCOUNT_ID
from moto.sqs.models import SQSBackend, sqs_backends

from message_checks import refuse_publish, refuse_send

TOGETHER = ("receive_message", "delete_message", "change_message_visibility")


def install():
    for name in TOGETHER:
        setattr(SQSBackend, name, in_turn(getattr(SQSBackend, name)))


def in_turn(method):
    """One at a time for each queue. moto deletes by a new list in place of the old one, and a delete meanwhile is undone; it
    receives over a set that others change. The lock is the queue's own, which a receiver that waits for messages lets go."""
    @functools.wraps(method)
    def locked(backend, queue_name, *arguments, **more):
        with backend.get_queue(queue_name)._messages_lock:
            return method(backend, queue_name, *arguments, **more)
    return locked


class Queues:
    def __init__(self, backend):
        self.backend = backend

    def handle_sqs(self, operation, request):
        if operation == "ReceiveMessage":
            return self._receive(request)
        refusal = refuse_send(request.json()) if operation == "SendMessage" and request.header("x-amz-target") else None
        return refusal or self.backend.forward(request)

    def _receive(self, request):
        """A receiver may wait for longer than an answer of moto is waited for, so it waits here."""
        seconds = request.json().get("WaitTimeSeconds") or 0
        if not 0 < seconds <= 20:
            return self.backend.forward(request)
        at_once, end = request.with_json({**request.json(), "WaitTimeSeconds": 0}), time.monotonic() + seconds
        while True:
            reply = self.backend.forward(at_once)
            if reply.status != 200 or b'"Messages"' in reply.body or time.monotonic() >= end:
                return reply
            time.sleep(0.05)

    def handle_sns(self, operation, request):
        refusal = refuse_publish(request.form()) if operation == "Publish" else None
        return refusal or self.backend.forward(request)

    def view(self, name):
        """The messages of a queue, received ones too, in SQS's shape; None when there is no such queue."""
        regions = sqs_backends[DEFAULT_ACCOUNT_ID].values()
        queue = next((region.queues[name] for region in list(regions) if name in region.queues), None)
        return None if queue is None else [message_view(message) for message in list(queue._messages)]


def message_view(message):
    """To receive a message would count, and a queue with a redrive policy would move it at last."""
    attributes = {"SenderId": message.sender_id, "SentTimestamp": str(message.sent_timestamp),
                  "ApproximateReceiveCount": str(message.approximate_receive_count)}
    if message.approximate_first_receive_timestamp:
        attributes["ApproximateFirstReceiveTimestamp"] = str(message.approximate_first_receive_timestamp)
    return {"MessageId": message.id, "Body": message.body, "MD5OfBody": message.body_md5, "Attributes": attributes,
            "MessageAttributes": {name: as_json(value) for name, value in message.message_attributes.items()},
            "Visible": message.visible and not message.delayed}


def as_json(attribute):
    return {name: base64.b64encode(value).decode() if isinstance(value, bytes) else value for name, value in attribute.items()}

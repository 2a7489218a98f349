"""What SQS and SNS refuse of a message and moto lets pass."""

import re

from wire import sns_error, sqs_error

SQS_BYTES, SNS_BYTES, SUBJECT, ATTRIBUTES = 1_048_576, 262_144, 99, 10
# What XML 1.0 allows: SQS refuses a message with any other character.
UNSENDABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NAME = re.compile(r"(?!aws\.|amazon\.|\.)[A-Za-z0-9_.-]{1,256}(?<!\.)", re.I)


def refuse_send(body):
    """The reply of SQS to a SendMessage that it does not take, or None."""
    text, attributes = body.get("MessageBody") or "", body.get("MessageAttributes") or {}
    problem = problem_of(text, attributes)
    return sqs_error(400, *problem) if problem else None


def problem_of(text, attributes):
    if not text:
        return "MissingParameter", "The request must contain the parameter MessageBody."
    if len(attributes) > ATTRIBUTES:
        return invalid(f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{ATTRIBUTES}].")
    for name, attribute in attributes.items():
        if not NAME.fullmatch(name) or ".." in name:
            return invalid(f"Invalid attribute name: {name}")
        if not attribute.get("StringValue") and not attribute.get("BinaryValue"):
            return invalid(f"Message (user) attribute '{name}' must contain a non-empty value of type "
                           f"'{attribute.get('DataType')}'.")
    if any(UNSENDABLE.search(each) for each in [text, *(a.get("StringValue") or "" for a in attributes.values())]):
        return "InvalidMessageContents", "The message contains characters outside the allowed set."
    if size(text, attributes) > SQS_BYTES:
        return invalid(f"One or more parameters are invalid. Reason: Message must be shorter than {SQS_BYTES} bytes.")
    return None


def invalid(message):
    return "InvalidParameterValue", message


def size(text, attributes):
    """In bytes, with the names, types and values of the attributes."""
    parts = [text, *attributes]
    for attribute in attributes.values():
        parts += [attribute.get("DataType") or "", attribute.get("StringValue") or "", attribute.get("BinaryValue") or ""]
    return sum(len(part.encode()) for part in parts)


def refuse_publish(fields):
    """The reply of SNS to a Publish that it does not take, or None."""
    subject, message = fields.get("Subject"), fields.get("Message") or ""
    if subject is not None and not (1 <= len(subject) <= SUBJECT and subject.isprintable() and subject.strip()):
        return sns_error(400, "InvalidParameter", "Invalid parameter: Subject")
    if not message:
        return sns_error(400, "InvalidParameter", "Invalid parameter: Empty message")
    if len(message.encode()) > SNS_BYTES:
        return sns_error(400, "InvalidParameter", "Invalid parameter: Message too long")
    return None

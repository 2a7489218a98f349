"""Names a request: service, operation, scope and key.

The scope keeps tests apart that share one stand-in: the bucket, the database, the name of a secret, a parameter, a queue, a
topic, a rule, a stream, a function or a job of Glue, the first part of the path of Slack's webhook.
"""

import json
import re

S3_SUBRESOURCES = {
    "acl": "Acl", "tagging": "Tagging", "versioning": "Versioning", "policy": "Policy", "location": "Location",
    "lifecycle": "LifecycleConfiguration", "notification": "NotificationConfiguration", "cors": "Cors",
    "encryption": "Encryption", "publicAccessBlock": "PublicAccessBlock", "object-lock": "ObjectLockConfiguration",
    "ownershipControls": "OwnershipControls", "logging": "Logging", "website": "Website", "retention": "Retention",
    "legal-hold": "LegalHold", "attributes": "Attributes", "accelerate": "AccelerateConfiguration",
    "requestPayment": "RequestPayment", "replication": "Replication", "policyStatus": "PolicyStatus",
}
VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete", "HEAD": "Head", "POST": "Post"}
TARGETS = {"AWSGlue": "glue", "AmazonAthena": "athena", "secretsmanager": "secretsmanager", "AmazonSSM": "ssm",
           "TrentService": "kms", "AmazonSQS": "sqs", "AWSEvents": "events", "Firehose_20150804": "firehose",
           "GraniteServiceVersion20100801": "cloudwatch"}
# Services whose name in a signature is not the one of their API.
SIGNED = {"monitoring": "cloudwatch"}


class Identity:
    def __init__(self, service, operation, scope, key):
        self.service = service
        self.operation = operation
        self.scope = scope
        self.key = key


def identify(request, athena_scope):
    """`athena_scope` tells the scope of calls that name only a query, which nothing in the request shows."""
    if request.path.startswith("/_slack/"):
        return identify_slack(request)
    target = request.header("x-amz-target")
    if target:
        prefix, _, operation = target.rpartition(".")
        service = TARGETS.get(prefix, prefix.lower())
        return Identity(service, operation, json_scope(service, operation, request, athena_scope),
                        request.body.decode("utf-8", "replace"))
    service = request.signed_service() or "s3"
    service = SIGNED.get(service, service)
    if service == "lambda":
        return identify_lambda(request)
    if service != "s3" or (request.method == "POST" and request.path == "/" and b"Action=" in request.body):
        return identify_form(service if service != "s3" else "sts", request)
    return identify_s3(request)


def identify_slack(request):
    """The key is the message: the rest of the path is the webhook's secret, which must not reach the log."""
    scope = request.path.split("/")[2]
    return Identity("slack", "PostMessage", scope, request.body.decode("utf-8", "replace"))


def identify_form(service, request):
    """A call of the query protocol, whose parameters are a form: those are its key, but for STS."""
    action = re.search(rb"(?:^|&)Action=(\w+)", request.body)
    body = request.body.decode("utf-8", "replace")
    if not action or service == "sts":
        return Identity(service, action.group(1).decode() if action else request.query.get("Action", ""), "", body)
    fields = request.form()
    return Identity(service, action.group(1).decode(), form_scope(service, fields), json.dumps(fields, ensure_ascii=False))


def form_scope(service, fields):
    if service == "sns":
        arn = next((fields[name] for name in ("TopicArn", "TargetArn", "SubscriptionArn", "ResourceArn") if fields.get(name)), "")
        return arn.split(":")[5] if arn.count(":") >= 5 else fields.get("Name", "")
    if service == "sqs":
        return queue_name(fields)
    return fields.get("Namespace", "")


def identify_lambda(request):
    """Lambda's API is REST: only what names a function is told apart."""
    found = re.match(r"/[\d-]+/functions/([^/]+)(/invocations)?", request.path)
    name = found.group(1).split(":function:")[-1] if found else ""
    operation = "Invoke" if found and found.group(2) else f"{VERBS.get(request.method, request.method)}Function"
    return Identity("lambda", operation, name, request.body.decode("utf-8", "replace"))


def json_scope(service, operation, request, athena_scope):
    body = request.json()
    if service == "glue":
        return glue_scope(operation, body)
    if service == "athena":
        return athena_scope(operation, body)
    if service == "secretsmanager":
        return secret_name(str(body.get("SecretId") or body.get("Name") or ""))
    if service == "ssm":
        names = body.get("Names") or [""]
        return str(body.get("Name") or body.get("Path") or names[0])
    if service == "sqs":
        return queue_name(body)
    if service == "events":
        return events_scope(body)
    return str(body.get({"firehose": "DeliveryStreamName", "cloudwatch": "Namespace"}.get(service, ""), ""))


def queue_name(fields):
    return str(fields.get("QueueUrl") or fields.get("QueueName") or "").rstrip("/").split("/")[-1]


def events_scope(body):
    """The rule; for events that are put the bus of the first."""
    first = (body.get("Entries") or [{}])[0]
    return str(body.get("Rule") or body.get("Name") or body.get("EventBusName") or first.get("EventBusName") or "")


def glue_scope(operation, body):
    if "DatabaseName" in body:
        return str(body["DatabaseName"])
    if "JobName" in body or operation == "CreateJob":
        return str(body.get("JobName") or body.get("Name") or "")
    if operation in ("GetDatabase", "UpdateDatabase", "DeleteDatabase"):
        return str(body.get("Name", ""))
    return str((body.get("DatabaseInput") or {}).get("Name", ""))


def secret_name(identifier):
    """The name of a secret given by name or by ARN (which ends in six random characters)."""
    if identifier.startswith("arn:"):
        return re.sub(r"-\w{6}$", "", identifier.split(":secret:")[-1])
    return identifier


def identify_s3(request):
    bucket, _, key = request.path.lstrip("/").partition("/")
    if not bucket:
        return Identity("s3", "ListBuckets", "", "")
    operation = object_operation(request) if key else bucket_operation(request)
    if operation == "DeleteObjects":
        key = "\n".join(re.findall(r"<Key>(.*?)</Key>", request.body.decode("utf-8", "replace"), re.S))
    elif not key:
        key = request.query.get("prefix", "")
    return Identity("s3", operation, bucket, key)


def bucket_operation(request):
    method, query = request.method, request.query
    if method == "POST" and "delete" in query:
        return "DeleteObjects"
    if method == "GET" and "uploads" in query:
        return "ListMultipartUploads"
    if method == "GET" and "versions" in query:
        return "ListObjectVersions"
    name = next((part for word, part in S3_SUBRESOURCES.items() if word in query), None)
    if name:
        return f"{VERBS.get(method, method)}Bucket{name}"
    if method == "GET":
        return "ListObjectsV2" if query.get("list-type") == "2" else "ListObjects"
    return {"PUT": "CreateBucket", "DELETE": "DeleteBucket", "HEAD": "HeadBucket"}.get(method, "PostBucket")


def object_operation(request):
    method, query = request.method, request.query
    copies = bool(request.header("x-amz-copy-source"))
    if "uploadId" in query:
        if method == "PUT":
            return "UploadPartCopy" if copies else "UploadPart"
        return {"POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}.get(method, "ListParts")
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "PostObject"
    name = next((part for word, part in S3_SUBRESOURCES.items() if word in query), None)
    if name:
        return f"{VERBS.get(method, method)}Object{name}"
    if method == "PUT" and copies:
        return "CopyObject"
    return f"{VERBS.get(method, method)}Object"

"""Names a request: service, operation, scope and key.

The scope keeps tests apart that share one stand-in: the bucket, the database, the secret's or the parameter's name.
"""

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
           "TrentService": "kms"}


class Identity:
    def __init__(self, service, operation, scope, key):
        self.service = service
        self.operation = operation
        self.scope = scope
        self.key = key


def identify(request, athena_scope):
    """`athena_scope` tells the scope of calls that name only a query, which nothing in the request shows."""
    target = request.header("x-amz-target")
    if target:
        prefix, _, operation = target.rpartition(".")
        service = TARGETS.get(prefix, prefix.lower())
        return Identity(service, operation, json_scope(service, operation, request, athena_scope),
                        request.body.decode("utf-8", "replace"))
    service = request.signed_service() or "s3"
    if service != "s3" or (request.method == "POST" and request.path == "/" and b"Action=" in request.body):
        action = re.search(rb"(?:^|&)Action=(\w+)", request.body)
        name = action.group(1).decode() if action else request.query.get("Action", "")
        return Identity(service if service != "s3" else "sts", name, "", request.body.decode("utf-8", "replace"))
    return identify_s3(request)


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
    return ""


def glue_scope(operation, body):
    if "DatabaseName" in body:
        return str(body["DatabaseName"])
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

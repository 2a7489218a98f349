"""What a function's role in deploy/template.yaml allows, beside the requests that the function really made.

    python roles.py TEMPLATE FUNCTION REQUESTS.json [--set Name=Value]...
    python roles.py TEMPLATE --self-test

FUNCTION is the logical id, such as TablesFunction. REQUESTS.json is the stand-in's log (tests/standin/journal.py): a list of
{"service", "operation", "scope", "key", "status"}. `--set` gives a parameter (LakeBucketName=…), a pseudo parameter
(AWS::StackName=…) or the name of a resource (DeadLetters=…, AlarmTopic=…) as the test has it.

Prints {"denied": [requests that no statement allows, with what they lack], "unused": [what no request needed]}. A small
evaluation of IAM: policies of the role alone, as all resources are of one account. What it does not know, an operation, an
operator of a condition, a function of the template, is an error or denied, never passed over.
"""

import argparse
import fnmatch
import html
import json
import re
import sys
from dataclasses import dataclass, field

import yaml

PSEUDO = {"AWS::AccountId": "123456789012", "AWS::Region": "ap-northeast-2", "AWS::Partition": "aws",
          "AWS::StackName": "lakegate", "AWS::URLSuffix": "amazonaws.com"}
ABSENT = object()

# Rights that no request of the function can show: (function, action, resource or prefix, why). Patterns, as in a policy.
EXEMPT = [
    ("*", "logs:*", "*", "Lambda writes the log in the function's name"),
    ("*", "kms:*", "*", "S3 and SNS ask KMS in the caller's name"),
    ("*", "ec2:*", "*", "Lambda makes the network interfaces, before the function runs"),
    ("*", "sqs:ReceiveMessage", "*", "Lambda polls the queue"),
    ("*", "sqs:DeleteMessage", "*", "Lambda deletes what the function has served"),
    ("*", "sqs:GetQueueAttributes", "*", "Lambda polls the queue"),
    ("*", "s3:AbortMultipartUpload", "*", "only an upload that fails is aborted"),
    ("*", "s3:ListBucket", "lake/staging/*", "a job that replaces looks there only when a killed run is undone"),
    ("*", "s3:DeleteObject", "*/lake/system/alarms/*", "only an alarm that nobody took leaves no mark"),
    ("*", "s3:GetObject", "*/lake/system/metrics/*", "only rules over earlier runs look at what these measured"),
    ("*", "s3:GetObject", "*/lake/system/alarms/*", "only the mark of an alarm that was told before is looked at"),
    ("*", "glue:BatchDeletePartition", "*", "only a partition that the source has no more is removed"),
    ("ClicksFunction", "glue:BatchUpdatePartition", "*", "an append changes a partition only when somebody else has changed it"),
]


# --- the template

class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags."""


def construct(loader, tag, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", construct)

# What `Ref` and the named attributes of a resource give: {id} is its name.
ARNS = {
    "AWS::S3::Bucket": "arn:{partition}:s3:::{id}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{id}",
    "AWS::SNS::Topic": "arn:{partition}:sns:{region}:{account}:{id}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{id}",
    "AWS::KMS::Key": "arn:{partition}:kms:{region}:{account}:key/{id}",
    "AWS::Logs::LogGroup": "arn:{partition}:logs:{region}:{account}:log-group:{id}:*",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{id}",
    "AWS::IAM::ManagedPolicy": "arn:{partition}:iam::{account}:policy/{id}",
    "AWS::KinesisFirehose::DeliveryStream": "arn:{partition}:firehose:{region}:{account}:deliverystream/{id}",
    "AWS::Events::Rule": "arn:{partition}:events:{region}:{account}:rule/{id}",
}
NAMES = {"AWS::S3::Bucket": "BucketName", "AWS::SQS::Queue": "QueueName", "AWS::SNS::Topic": "TopicName",
         "AWS::Lambda::Function": "FunctionName", "AWS::Logs::LogGroup": "LogGroupName", "AWS::Athena::WorkGroup": "Name",
         "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName", "AWS::Events::Rule": "Name"}
ARN_IS_REF = {"AWS::SNS::Topic", "AWS::IAM::ManagedPolicy"}


class Template:
    def __init__(self, path, settings):
        with open(path, encoding="utf-8") as file:
            document = yaml.load(file, Loader)
        self.resources = document["Resources"]
        self.conditions = document.get("Conditions", {})
        self.mappings = document.get("Mappings", {})
        self.values = dict(PSEUDO)
        self.values.update((name, self._default(name, one)) for name, one in document.get("Parameters", {}).items())
        self.names = {}
        for name, value in settings.items():
            place = self.names if name in self.resources else self.values
            if place is self.values and name not in self.values:
                raise SystemExit(f"--set {name}: there is no such parameter or resource")
            place[name] = value

    @staticmethod
    def _default(name, parameter):
        value = parameter.get("Default")
        if value is None:
            return f"some-{name.lower()}"
        return value if parameter["Type"] != "CommaDelimitedList" else [part for part in str(value).split(",") if part]

    def resolve(self, node):
        """The node without functions; list items and members that are AWS::NoValue go."""
        if isinstance(node, list):
            return [one for one in map(self.resolve, node) if one is not ABSENT]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, argument), = node.items()
            if function == "Ref":
                return self.ref(argument)
            if function.startswith("Fn::"):
                return self.function(function[4:], argument)
        members = ((key, self.resolve(value)) for key, value in node.items())
        return {key: value for key, value in members if value is not ABSENT}

    def function(self, name, argument):
        if name == "GetAtt":
            return self.attribute(*argument)
        if name == "Sub":
            return self.sub(argument)
        if name == "Join":
            separator, parts = argument
            return separator.join(str(part) for part in self.resolve(parts))
        if name == "If":
            condition, then, otherwise = argument
            return self.resolve(then if self.holds(self.conditions[condition]) else otherwise)
        if name == "FindInMap":
            mapping, first, second = self.resolve(argument)
            return self.mappings[mapping][first][str(second)]
        raise SystemExit(f"Fn::{name} is not known here")

    def holds(self, condition):
        (function, argument), = condition.items()
        if function == "Fn::Not":
            return not self.holds(argument[0])
        if function == "Fn::And":
            return all(map(self.holds, argument))
        if function == "Fn::Or":
            return any(map(self.holds, argument))
        if function == "Fn::Equals":
            left, right = self.resolve(argument)
            return str(left) == str(right)
        if function == "Condition":
            return self.holds(self.conditions[argument])
        raise SystemExit(f"{function} is not known here")

    def sub(self, argument):
        text, given = (argument, {}) if isinstance(argument, str) else argument

        def value(match):
            name = match.group(1)
            if name in given:
                return str(self.resolve(given[name]))
            return str(self.attribute(*name.split(".", 1)) if "." in name else self.ref(name))

        return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", value, text)

    def ref(self, name):
        if name == "AWS::NoValue":
            return ABSENT
        if name in self.values:
            return self.values[name]
        kind = self.resources[name]["Type"]
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{self.values['AWS::Region']}.amazonaws.com/{self.values['AWS::AccountId']}/{self.name(name)}"
        return self.arn(name) if kind in ARN_IS_REF else self.name(name)

    def attribute(self, name, attribute):
        if attribute == "Arn":
            return self.arn(name)
        if attribute in ("QueueName", "TopicName"):
            return self.name(name)
        raise SystemExit(f"attribute {name}.{attribute} is not known here")

    def name(self, logical):
        if logical in self.names:
            return self.names[logical]
        resource = self.resources[logical]
        if resource["Type"] == "AWS::Glue::Database":
            return self.resolve(resource["Properties"]["DatabaseInput"]["Name"])
        return self.resolve(resource.get("Properties", {}).get(NAMES.get(resource["Type"]), f"some-{logical.lower()}"))

    def arn(self, logical):
        pattern = ARNS[self.resources[logical]["Type"]]
        return pattern.format(id=self.name(logical), partition=self.values["AWS::Partition"],
                              region=self.values["AWS::Region"], account=self.values["AWS::AccountId"])

    def role(self, function):
        """The logical id of a function's role."""
        role = self.resources[function]["Properties"]["Role"]
        if list(role) != ["Fn::GetAtt"]:
            raise SystemExit(f"the role of {function} is not one of the template's")
        return role["Fn::GetAtt"][0]

    def documents(self, function):
        """The policies of a function's role: inline, and managed ones of this template."""
        properties = self.resources[self.role(function)]["Properties"]
        documents = [policy["PolicyDocument"] for policy in self.resolve(properties.get("Policies", []))]
        for policy in properties.get("ManagedPolicyArns", []):
            if list(policy) != ["Ref"] or policy["Ref"] not in self.resources:
                raise SystemExit(f"{function} has a policy of somebody else: {policy}")
            documents.append(self.resolve(self.resources[policy["Ref"]]["Properties"]["PolicyDocument"]))
        return documents

    def failure_queues(self, function):
        """Queues into which Lambda itself puts events that the function could not serve."""
        found = set()
        for resource in self.resources.values():
            if resource["Type"] == "AWS::Lambda::EventInvokeConfig":
                properties = resource["Properties"]
                if properties["FunctionName"] == {"Ref": function}:
                    found.add(self.resolve(properties["DestinationConfig"]["OnFailure"]["Destination"]))
        return found


# --- the policies

def listed(value):
    return value if isinstance(value, list) else [value]


def like(pattern, text, case=True):
    """`*` and `?` of IAM, which match `/` too. Brackets are themselves."""
    regex = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.match(regex, text, 0 if case else re.IGNORECASE) is not None


@dataclass
class Grant:
    """One action on one resource, under one prefix where a statement limits listing."""
    sid: str
    action: str
    resource: str
    condition: dict
    prefix: str | None = None
    used: bool = field(default=False)

    def allows(self, need):
        return (like(self.action, need.action, case=False) and like(self.resource, need.resource)
                and holds(self.condition, need.context))

    def view(self):
        shown = {"sid": self.sid, "action": self.action, "resource": self.resource}
        return shown if self.prefix is None else {**shown, "prefix": self.prefix}


@dataclass(frozen=True)
class Need:
    action: str
    resource: str
    prefix: str | None = None

    @property
    def context(self):
        return {} if self.prefix is None else {"s3:prefix": self.prefix}

    def view(self):
        shown = {"action": self.action, "resource": self.resource}
        return shown if self.prefix is None else {**shown, "prefix": self.prefix}


def holds(conditions, context):
    return all(compare(operator, context.get(key), listed(wanted))
               for operator, keys in conditions.items() for key, wanted in keys.items())


def compare(operator, found, wanted):
    if operator.endswith("IfExists"):
        return found is None or compare(operator.removesuffix("IfExists"), found, wanted)
    if operator in ("StringEquals", "ArnEquals"):
        return found in wanted
    if operator in ("StringLike", "ArnLike"):
        return found is not None and any(like(pattern, found) for pattern in wanted)
    raise SystemExit(f"the condition {operator} is not known here")


def grants_of(documents):
    """(allowed, denied)"""
    sides = {"Allow": [], "Deny": []}
    for statement in (one for document in documents for one in listed(document["Statement"])):
        unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
        if unknown:
            raise SystemExit(f"statements with {sorted(unknown)} are not known here")
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                sides[statement["Effect"]] += split_by_prefix(statement.get("Sid", ""), action, resource,
                                                              statement.get("Condition", {}))
    return sides["Allow"], sides["Deny"]


def split_by_prefix(sid, action, resource, condition):
    for operator in ("StringLike", "StringEquals"):
        prefixes = condition.get(operator, {}).get("s3:prefix")
        if prefixes:
            rest = {key: value for key, value in condition[operator].items() if key != "s3:prefix"}
            return [Grant(sid, action, resource, {**condition, operator: {**rest, "s3:prefix": prefix}}, prefix)
                    for prefix in listed(prefixes)]
    return [Grant(sid, action, resource, condition)]


# --- the requests

S3_OBJECT = {
    "GetObject": "s3:GetObject", "HeadObject": "s3:GetObject", "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject", "UploadPart": "s3:PutObject", "CompleteMultipartUpload": "s3:PutObject",
    "CopyObject": "s3:PutObject", "UploadPartCopy": "s3:PutObject", "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListParts": "s3:ListMultipartUploadParts", "DeleteObject": "s3:DeleteObject", "DeleteObjects": "s3:DeleteObject",
}
S3_BUCKET = {
    "ListObjectsV2": "s3:ListBucket", "ListObjects": "s3:ListBucket", "HeadBucket": "s3:ListBucket",
    "GetBucketLocation": "s3:GetBucketLocation", "GetBucketVersioning": "s3:GetBucketVersioning",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration", "GetBucketPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration", "ListMultipartUploads": "s3:ListBucketMultipartUploads",
}
GLUE_DATABASE = {"GetDatabase", "CreateDatabase"}
GLUE_TABLE = {"GetTable", "CreateTable", "UpdateTable", "DeleteTable", "GetPartition", "GetPartitions", "BatchGetPartition",
              "CreatePartition", "UpdatePartition", "DeletePartition", "BatchCreatePartition", "BatchUpdatePartition",
              "BatchDeletePartition"}
SQS = {"SendMessage": "SendMessage", "SendMessageBatch": "SendMessage", "ReceiveMessage": "ReceiveMessage",
       "DeleteMessage": "DeleteMessage", "DeleteMessageBatch": "DeleteMessage", "GetQueueUrl": "GetQueueUrl",
       "ChangeMessageVisibility": "ChangeMessageVisibility", "GetQueueAttributes": "GetQueueAttributes"}


class Unknown(Exception):
    """A request of which this file does not know what it needs."""


class Needs:
    """What requests need, in the template's account and region."""

    def __init__(self, template):
        values = template.values
        self.partition = values["AWS::Partition"]
        self.home = f"{values['AWS::Region']}:{values['AWS::AccountId']}"

    def of(self, request):
        service, operation = request["service"], request["operation"]
        handler = getattr(self, f"of_{service}", None)
        if handler is None:
            raise Unknown(f"the service {service} is not known here")
        return handler(operation, request.get("scope") or "", request.get("key") or "", request)

    def arn(self, service, rest):
        return f"arn:{self.partition}:{service}:{self.home}:{rest}"

    def of_s3(self, operation, bucket, key, request):
        place = f"arn:{self.partition}:s3:::{bucket}"
        if operation in S3_BUCKET:
            lists = operation.startswith("ListObjects")
            return [Need(S3_BUCKET[operation], place, key if lists and key else None)]
        if operation not in S3_OBJECT:
            raise Unknown(f"s3 {operation} is not known here")
        keys = html.unescape(key).split("\n") if operation == "DeleteObjects" else [key]
        needs = [Need(S3_OBJECT[operation], f"{place}/{one}") for one in keys]
        if operation in ("GetObject", "HeadObject") and request.get("status") == 404:
            # Who may not list learns "access denied" of an object that is not there. S3 compares s3:prefix with its key.
            needs.append(Need("s3:ListBucket", place, key))
        if request.get("source"):
            needs.append(Need("s3:GetObject", f"arn:{self.partition}:s3:::{request['source'].lstrip('/')}"))
        return needs

    def of_glue(self, operation, scope, key, _):
        body = json.loads(key or "{}")
        catalog, database = self.arn("glue", "catalog"), body.get("DatabaseName", scope)
        if operation in ("GetJobRun", "GetJobRuns"):
            return [Need(f"glue:{operation}", self.arn("glue", f"job/{body.get('JobName', scope)}"))]
        if operation in GLUE_DATABASE:
            places = [catalog, self.arn("glue", f"database/{scope}")]
        elif operation == "GetTables":
            places = [catalog, self.arn("glue", f"database/{database}"), self.arn("glue", f"table/{database}/*")]
        elif operation in GLUE_TABLE:
            table = body.get("TableName") or body.get("Name") or body.get("TableInput", {}).get("Name")
            places = [catalog, self.arn("glue", f"database/{database}"), self.arn("glue", f"table/{database}/{table}")]
        else:
            raise Unknown(f"glue {operation} is not known here")
        return [Need(f"glue:{operation}", place) for place in places]

    def of_secretsmanager(self, operation, scope, *_):
        if operation != "GetSecretValue":
            raise Unknown(f"secretsmanager {operation} is not known here")
        # Six random characters end every secret's ARN.
        return [Need("secretsmanager:GetSecretValue", self.arn("secretsmanager", f"secret:{scope}-AbC123"))]

    def of_ssm(self, operation, scope, *_):
        return [Need(f"ssm:{operation}", self.arn("ssm", f"parameter/{scope.lstrip('/')}"))]

    def of_sns(self, operation, scope, *_):
        return [Need(f"sns:{operation}", self.arn("sns", scope))]

    def of_sqs(self, operation, scope, *_):
        if operation not in SQS:
            raise Unknown(f"sqs {operation} is not known here")
        return [Need(f"sqs:{SQS[operation]}", self.arn("sqs", scope))]

    def of_athena(self, operation, scope, *_):
        return [Need(f"athena:{operation}", self.arn("athena", f"workgroup/{scope}"))]

    def of_sts(self, operation, *_):
        # Everybody may ask who they are.
        return [] if operation == "GetCallerIdentity" else [Need(f"sts:{operation}", "*")]

    def of_slack(self, *_):
        return []


def judge(template, function, requests):
    allowed, refused = grants_of(template.documents(function))
    needs, denied = Needs(template), []
    for request in requests:
        shown = {name: request.get(name) for name in ("service", "operation", "scope", "key", "status")}
        try:
            wanted = needs.of(request)
        except Unknown as error:
            denied.append({**shown, "why": str(error)})
            continue
        lacking = []
        for need in wanted:
            matching = [grant for grant in allowed if grant.allows(need)]
            for grant in matching:
                grant.used = True
            if not matching or any(grant.allows(need) for grant in refused):
                lacking.append(need.view())
        if lacking:
            denied.append({**shown, "lacks": lacking})
    queues = template.failure_queues(function)
    unused = [grant.view() for grant in allowed if not grant.used and not exempt(function, grant, queues)]
    return {"denied": denied, "unused": unused}


def exempt(function, grant, failure_queues):
    # The destination of events that failed: Lambda sends in the function's name.
    if grant.action == "sqs:SendMessage" and grant.resource in failure_queues:
        return True
    place = grant.resource if grant.prefix is None else grant.prefix
    return any(like(of, function) and like(action, grant.action) and like(where, place)
               for of, action, where, _ in EXEMPT)


# --- the test of this file

BUCKET, DATABASE = "shop-test", "shop_test"
LOG = "lake/tables/orders/_delta_log/00000000000000000001.json"


def table(operation, name, scope=DATABASE):
    return "glue", operation, scope, json.dumps({"DatabaseName": scope, "TableName": name})


PASSES = [
    ("TablesFunction", "s3", "GetObject", BUCKET, LOG),
    ("TablesFunction", "s3", "PutObject", BUCKET, LOG),
    ("TablesFunction", "s3", "ListObjectsV2", BUCKET, "lake/tables/orders/_delta_log/"),
    ("TablesFunction", "s3", "DeleteObjects", BUCKET, "lake/system/open/orders/01J\nlake/system/open/users/01J"),
    ("TablesFunction", *table("GetTable", "orders")),
    ("TablesFunction", *table("BatchUpdatePartition", "orders")),
    ("TablesFunction", "glue", "GetDatabase", DATABASE, json.dumps({"Name": DATABASE})),
    ("TablesFunction", "secretsmanager", "GetSecretValue", "lakegate/shop"),
    ("TablesFunction", "sns", "Publish", "told"),
    ("TablesFunction", "sts", "GetCallerIdentity", ""),
    ("ClicksFunction", "s3", "CopyObject", BUCKET, "lake/tables/clicks/date=2026-03-02/hour=01/g-1/part-0.parquet"),
    ("ClicksFunction", "s3", "UploadPart", BUCKET, "lake/staging/01J/clicks/date=2026-03-02/part-0.parquet"),
    ("ClicksFunction", "s3", "GetObject", BUCKET, "data/clicks/date=2026-03-02/hour=01/a.json.gz"),
    ("SurveysFunction", "s3", "GetObject", BUCKET, "data/surveys/설문_2026Q1.xlsx"),
    ("SurveysFunction", "sqs", "SendMessage", "dead"),
    ("AlarmsFunction", "glue", "GetJobRun", "lakegate-orders", json.dumps({"JobName": "lakegate-orders"})),
    ("AlarmsFunction", "slack", "PostMessage", "x"),
]
FAILS = [
    ("TablesFunction", "s3", "GetObject", "shop-test-2", LOG),
    ("TablesFunction", "s3", "GetObject", BUCKET, "lake/tables/clicks/_delta_log/00000000000000000001.json"),
    ("TablesFunction", "s3", "GetObject", BUCKET, "data/clicks/a.json.gz"),
    ("TablesFunction", "s3", "ListObjectsV2", BUCKET, ""),
    ("TablesFunction", "s3", "ListObjectsV2", BUCKET, "lake/tables/"),
    ("TablesFunction", "s3", "ListObjectsV2", BUCKET, "data/surveys/"),
    ("TablesFunction", "s3", "DeleteObjects", BUCKET, "lake/system/open/orders/01J\nlake/system/runs/dt=1/01J.json"),
    ("TablesFunction", "s3", "PutObjectAcl", BUCKET, LOG),
    ("TablesFunction", "s3", "ListBuckets", ""),
    ("TablesFunction", *table("GetTable", "clicks")),
    ("TablesFunction", *table("GetTable", "orders", scope="other")),
    ("TablesFunction", *table("DeleteTable", "orders")),
    ("TablesFunction", "glue", "CreateDatabase", DATABASE, json.dumps({"DatabaseInput": {"Name": DATABASE}})),
    ("TablesFunction", "secretsmanager", "GetSecretValue", "lakegate/slack"),
    ("TablesFunction", "secretsmanager", "GetSecretValue", "lakegate/shop-admin"),
    ("TablesFunction", "sns", "Publish", "other"),
    ("TablesFunction", "dynamodb", "GetItem", "orders"),
    ("ClicksFunction", "s3", "DeleteObject", BUCKET, "data/clicks/a.json.gz"),
    ("ClicksFunction", "s3", "GetObject", BUCKET, "errors/clicks/processing-failed/a"),
    ("SurveysFunction", "s3", "PutObject", BUCKET, "data/surveys/a.xlsx"),
    ("SurveysFunction", "sqs", "SendMessage", "lakegate-surveys"),
    ("SurveysFunction", "sqs", "PurgeQueue", "lakegate-surveys"),
    ("TransformFunction", "s3", "GetObject", BUCKET, LOG),
    ("AlarmsFunction", "s3", "GetObject", BUCKET, "lake/tables/orders/month=2026-03/g-1/part-0.parquet"),
    ("AlarmsFunction", *table("UpdateTable", "orders")),
    ("AlarmsFunction", "glue", "GetJobRun", "other", json.dumps({"JobName": "other"})),
]


def self_test(path):
    """Small requests whose answer is known, for the real template."""
    settings = {"LakeBucketName": BUCKET, "DatabaseName": DATABASE, "DeadLetters": "dead", "AlarmTopic": "told"}

    def lacks(function, service, operation, scope, key="", more=None, **extra):
        template = Template(path, {**settings, **(more or {})})
        request = {"service": service, "operation": operation, "scope": scope, "key": key, **extra}
        return judge(template, function, [request])["denied"]

    for case in PASSES:
        assert lacks(*case) == [], (case, lacks(*case))
    for case in FAILS:
        assert lacks(*case), case
    slack = {"SlackSecretName": "lakegate/slack"}
    for function in ("TablesFunction", "ClicksFunction", "SurveysFunction", "AlarmsFunction"):
        assert not lacks(function, "secretsmanager", "GetSecretValue", "lakegate/slack", more=slack), function
        assert lacks(function, "secretsmanager", "GetSecretValue", "lakegate/slack"), function
    # A missing object outside what may be listed would be "access denied", whoever may read it.
    assert not lacks("TablesFunction", "s3", "GetObject", BUCKET, "lake/tables/orders/_delta_log/_last_checkpoint", status=404)
    missing = lacks("TablesFunction", "s3", "HeadObject", BUCKET, "lake/system/rule_outcomes/x", status=404)
    assert [lack["action"] for lack in missing[0]["lacks"]] == ["s3:GetObject", "s3:ListBucket"], missing
    copied = {"source": f"{BUCKET}/data/clicks/a.json.gz"}
    assert lacks("TablesFunction", "s3", "CopyObject", BUCKET, LOG, **copied), "the source of a copy is read"
    self_test_of_unused(path, settings)
    self_test_of_conditions()


def self_test_of_unused(path, settings):
    def unused(function, requests):
        found = judge(Template(path, settings), function, requests)["unused"]
        return {(one["action"], one.get("prefix", one["resource"].split(":", 5)[-1])) for one in found}

    bucket = settings["LakeBucketName"]
    nothing = unused("ClicksFunction", [])
    assert ("s3:GetObject", f"{bucket}/data/clicks/*") in nothing
    assert ("s3:ListBucket", "data/clicks/*") in nothing
    assert not any(action.startswith(("logs:", "kms:", "sqs:")) for action, _ in nothing), nothing
    read = {"service": "s3", "operation": "GetObject", "scope": bucket, "key": "data/clicks/a.json.gz", "status": 404}
    less = unused("ClicksFunction", [read])
    assert nothing - less == {("s3:GetObject", f"{bucket}/data/clicks/*"), ("s3:ListBucket", "data/clicks/*")}, nothing - less
    assert any(action == "sns:Publish" for action, _ in unused("SurveysFunction", [])), "a right that has to be used"
    assert unused("TransformFunction", []) == set()


def self_test_of_conditions():
    assert like("a/*/c", "a/b/x/c") and not like("a/?/c", "a/bb/c") and like("[a]*", "[a]b") and not like("a*", "A")
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]}
    deny = {"Effect": "Deny", "Action": "S3:Deleteobject", "Resource": "*"}
    allowed, refused = grants_of([{"Statement": [allow, deny]}])
    need = Need("s3:DeleteObject", "arn:aws:s3:::b/k")
    assert any(one.allows(need) for one in allowed) and any(one.allows(need) for one in refused)
    assert holds({"StringLikeIfExists": {"s3:prefix": "a/*"}}, {}) and not holds({"StringLike": {"s3:prefix": "a/*"}}, {})
    for broken in ({"NotAction": "s3:*"}, {"Action": "s3:*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "x"}}}):
        try:
            allowed, _ = grants_of([{"Statement": {"Effect": "Allow", **broken}}])
            any(one.allows(need) for one in allowed)
        except SystemExit:
            continue
        raise AssertionError(f"{broken} was passed over")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("template")
    parser.add_argument("function", nargs="?")
    parser.add_argument("requests", nargs="?")
    parser.add_argument("--set", action="append", default=[], metavar="Name=Value")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        self_test(options.template)
        print("ok")
        return
    if not options.requests:
        parser.error("a function and its requests are needed")
    template = Template(options.template, dict(one.split("=", 1) for one in options.set))
    with open(options.requests, encoding="utf-8") as file:
        requests = json.load(file)
    json.dump(judge(template, options.function, requests), sys.stdout, ensure_ascii=False, indent=2)
    print()


if __name__ == "__main__":
    main()

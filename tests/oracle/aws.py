"""What a test needs of AWS besides lakegate itself, through boto3 and readers that are not ours.

    python aws.py ENDPOINT create BUCKET
    python aws.py ENDPOINT keys BUCKET PREFIX              the keys, as a JSON list
    python aws.py ENDPOINT download BUCKET PREFIX FOLDER   every object, as a file below FOLDER
    python aws.py ENDPOINT upload BUCKET PREFIX FOLDER     every file below FOLDER, as an object below PREFIX
    python aws.py ENDPOINT put BUCKET KEY TEXT             one object
    python aws.py ENDPOINT in_parts BUCKET KEY FILE        one object, uploaded in parts: its ETag is another one
    python aws.py ENDPOINT uploads BUCKET                  how many multipart uploads are neither completed nor aborted
    python aws.py ENDPOINT database NAME                   an empty database of Glue
    python aws.py ENDPOINT secret NAME TEXT                a secret of Secrets Manager
    python aws.py ENDPOINT parameter NAME TEXT             an encrypted parameter of SSM
    python aws.py ENDPOINT table DATABASE TABLE            Glue's table and its partitions, as JSON
    python aws.py ENDPOINT meddle DATABASE TABLE           changes a table as somebody in the console might
    python aws.py ENDPOINT sql DATABASE SQL                rows of a query on Athena, as JSON
    python aws.py ENDPOINT rows DATABASE TABLE COLUMN      {partition: [rows, different values of COLUMN]} through Glue
    python aws.py ENDPOINT watch DATABASE TABLE COLUMN FILE   the same again and again until FILE exists; prints what is torn
    python aws.py ENDPOINT queue NAME [DEAD_LETTER_NAME ATTEMPTS]   a queue of SQS whose messages come back after a second,
                                                              and the one that it gives up to; prints {"url", "arn"}
    python aws.py ENDPOINT send URL BODY                   a message; prints its id
    python aws.py ENDPOINT receive URL COUNT               up to COUNT messages, as the `Records` of a Lambda event, not deleted
    python aws.py ENDPOINT delete URL HANDLE               done with a received message
    python aws.py ENDPOINT retry URL HANDLE                a received message can be received again at once
    python aws.py ENDPOINT peek URL                        all messages as `receive` gives them, without handles and with
                                                              `visible`; leaves no trace: the stand-in is asked, not SQS
    python aws.py ENDPOINT notify BUCKET PREFIX SUFFIX ARN   tells a queue or a topic of new objects, besides what is told already
    python aws.py ENDPOINT notify_eventbridge BUCKET       tells EventBridge of what happens in a bucket, besides the same
    python aws.py ENDPOINT topic NAME [QUEUE_ARN]          a topic of SNS, and a queue that subscribes to it; prints its ARN
    python aws.py ENDPOINT rule NAME QUEUE_ARN [BUCKET]    EventBridge sends new objects, of one bucket or of all, to a queue
"""

import base64
import io
import json
import os
import pathlib
import sys
import time
import urllib.request

import boto3
import pyarrow.parquet as parquet
from botocore.config import Config

ENDPOINT = ""
REGION = "ap-northeast-2"


def client(service):
    return boto3.client(service, endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id="test",
                        aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 5}))


def create(s3, bucket):
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})


def keys(s3, bucket, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def partitions(glue, database, table):
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table)
    return [partition for page in pages for partition in page["Partitions"]]


def read_through_glue(database, table, column):
    """Every partition as a query engine reads it: the files below its location, whatever they are."""
    glue, s3 = client("glue"), client("s3")
    described = glue.get_table(DatabaseName=database, Name=table)["Table"]
    places = {"": described["StorageDescriptor"]["Location"]}
    if described["PartitionKeys"]:
        places = {"/".join(p["Values"]): p["StorageDescriptor"]["Location"]
                  for p in partitions(glue, database, table)}
    found = {}
    for name, location in places.items():
        bucket, prefix = location.removeprefix("s3://").split("/", 1)
        rows, values = 0, set()
        for key in keys(s3, bucket, prefix):
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            read = parquet.read_table(io.BytesIO(body), columns=[column], use_threads=False)
            rows += read.num_rows
            values.update(read.column(column).to_pylist())
        found[name] = [rows, sorted(values)]
    return found


def watch(database, table, column, stop):
    """A partition that has not the rows of one load, all of them and no others, is torn; so is a hole."""
    looks, seen, torn = 0, set(), []
    first = read_through_glue(database, table, column)
    expected = {name: rows for name, (rows, _) in first.items()}
    while not pathlib.Path(stop).exists():
        now = read_through_glue(database, table, column)
        looks += 1
        if now.keys() != expected.keys():
            torn.append(f"partitions {sorted(now)}")
        for name, (rows, values) in now.items():
            if rows != expected.get(name) or len(values) != 1:
                torn.append(f"{name}: {rows} rows, {len(values)} loads")
            seen.update(values)
    print(json.dumps({"looks": looks, "loads_seen": len(seen), "torn": torn[:10]}))


def meddle(database, table):
    glue = client("glue")
    known = glue.get_table(DatabaseName=database, Name=table)["Table"]
    kept = ("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters")
    changed = {name: known[name] for name in kept if name in known}
    columns = changed["StorageDescriptor"]["Columns"]
    columns.reverse()
    columns[0]["Comment"] = "by hand"
    changed["Parameters"]["team"] = "finance"
    changed["Owner"] = "kim"
    glue.update_table(DatabaseName=database, TableInput=changed)


def sql(database, statement):
    athena = client("athena")
    bucket = f"{database.replace('_', '-')}-results"
    s3 = client("s3")
    try:
        create(s3, bucket)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    started = athena.start_query_execution(QueryString=statement, QueryExecutionContext={"Database": database},
                                           ResultConfiguration={"OutputLocation": f"s3://{bucket}/"})
    query = started["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.05)
    if status["State"] != "SUCCEEDED":
        raise SystemExit(status.get("StateChangeReason", status["State"]))
    rows = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows[1:]]


def queue_arn(url):
    """Without a call, which would show in the log of a test."""
    account, name = url.split("/")[-2:]
    return f"arn:aws:sqs:{REGION}:{account}:{name}"


def queue(name, dead_letters=None, attempts=None):
    sqs, attributes = client("sqs"), {"VisibilityTimeout": "1"}
    if dead_letters:
        target = queue_arn(sqs.create_queue(QueueName=dead_letters)["QueueUrl"])
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": int(attempts)})
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    print(json.dumps({"url": url, "arn": queue_arn(url)}))


def receive(url, count):
    found, wanted, arn = [], int(count), queue_arn(url)
    while len(found) < wanted:
        asked = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"], "MaxNumberOfMessages": min(10, wanted - len(found))}
        messages = client("sqs").receive_message(QueueUrl=url, **asked).get("Messages", [])
        if not messages:
            break
        found += [{**record(message, arn), "receiptHandle": message["ReceiptHandle"]} for message in messages]
    print(json.dumps(found))


def record(message, arn):
    """A message as Lambda hands it to a function."""
    made = {"messageId": message["MessageId"], "body": message["Body"], "attributes": message["Attributes"],
            "messageAttributes": {name: in_lambda(value) for name, value in message.get("MessageAttributes", {}).items()},
            "md5OfBody": message["MD5OfBody"], "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": arn.split(":")[3]}
    if "MD5OfMessageAttributes" in message:
        made["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return made


def in_lambda(attribute):
    """{"StringValue", "DataType"} with Lambda's names; bytes as base64."""
    made = {"stringListValues": [], "binaryListValues": []}
    for name, value in attribute.items():
        made[name[0].lower() + name[1:]] = base64.b64encode(value).decode() if isinstance(value, bytes) else value
    return made


def peek(url):
    arn, name = queue_arn(url), url.rsplit("/", 1)[1]
    with urllib.request.urlopen(f"{ENDPOINT}/_control/queue?scope={name}", timeout=30) as answer:
        messages = json.loads(answer.read())
    print(json.dumps([{**record(message, arn), "visible": message["Visible"]} for message in messages]))


def notify(bucket, prefix, suffix, arn):
    kind, name = {"sqs": ("QueueConfigurations", "QueueArn"), "sns": ("TopicConfigurations", "TopicArn")}[arn.split(":")[2]]
    rules = [{"Name": part, "Value": value} for part, value in (("prefix", prefix), ("suffix", suffix)) if value]
    known = notifications(bucket)
    known.setdefault(kind, []).append({name: arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}})
    client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=known)


def notify_eventbridge(bucket):
    known = {**notifications(bucket), "EventBridgeConfiguration": {}}
    client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=known)


def notifications(bucket):
    known = client("s3").get_bucket_notification_configuration(Bucket=bucket)
    return {kind: known[kind] for kind in known if kind.endswith(("Configurations", "BridgeConfiguration"))}


def topic(name, subscriber=None):
    sns = client("sns")
    arn = sns.create_topic(Name=name)["TopicArn"]
    if subscriber:
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=subscriber)
    print(arn)


def rule(name, target, bucket=None):
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"]}
    if bucket:
        pattern["detail"] = {"bucket": {"name": [bucket]}}
    client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": target}])


MESSAGES = {
    "queue": queue, "receive": receive, "peek": peek, "notify": notify, "notify_eventbridge": notify_eventbridge,
    "topic": topic, "rule": rule,
    "send": lambda url, body: print(client("sqs").send_message(QueueUrl=url, MessageBody=body)["MessageId"]),
    "delete": lambda url, handle: client("sqs").delete_message(QueueUrl=url, ReceiptHandle=handle),
    "retry": lambda url, handle: client("sqs").change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0),
}


def run(action, *rest):
    if action == "create":
        create(client("s3"), rest[0])
    elif action == "keys":
        print(json.dumps(keys(client("s3"), *rest)))
    elif action == "download":
        bucket, prefix, folder = rest
        for key in keys(client("s3"), bucket, prefix):
            path = pathlib.Path(folder, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            client("s3").download_file(bucket, key, str(path))
    elif action == "upload":
        bucket, prefix, folder = rest
        for path in sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file()):
            client("s3").upload_file(str(path), bucket, prefix + path.relative_to(folder).as_posix())
    elif action == "put":
        client("s3").put_object(Bucket=rest[0], Key=rest[1], Body=rest[2].encode())
    elif action == "in_parts":
        s3, place = client("s3"), {"Bucket": rest[0], "Key": rest[1]}
        upload = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
        part = s3.upload_part(**upload, PartNumber=1, Body=pathlib.Path(rest[2]).read_bytes())
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]})
    elif action == "uploads":
        print(len(client("s3").list_multipart_uploads(Bucket=rest[0]).get("Uploads", [])))
    elif action == "database":
        client("glue").create_database(DatabaseInput={"Name": rest[0]})
    elif action == "secret":
        client("secretsmanager").create_secret(Name=rest[0], SecretString=rest[1])
    elif action == "parameter":
        client("ssm").put_parameter(Name=rest[0], Value=rest[1], Type="SecureString")
    elif action == "table":
        glue = client("glue")
        table = glue.get_table(DatabaseName=rest[0], Name=rest[1])["Table"]
        print(json.dumps({"table": table, "partitions": partitions(glue, *rest)}, default=str))
    elif action == "meddle":
        meddle(*rest)
    elif action == "sql":
        print(json.dumps(sql(*rest)))
    elif action == "rows":
        print(json.dumps(read_through_glue(*rest)))
    elif action == "watch":
        watch(*rest)
    elif action in MESSAGES:
        MESSAGES[action](*rest)
    else:
        raise SystemExit(f"unknown action {action}")


if __name__ == "__main__":
    ENDPOINT = sys.argv[1]
    run(*sys.argv[2:])
    # Arrow's threads do not always end well with the interpreter.
    sys.stdout.flush()
    os._exit(0)

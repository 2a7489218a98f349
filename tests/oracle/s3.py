"""What a test needs of a bucket besides lakegate itself.

    python s3.py ENDPOINT create BUCKET
    python s3.py ENDPOINT keys BUCKET PREFIX              the keys, as a JSON list
    python s3.py ENDPOINT download BUCKET PREFIX FOLDER   every object, as a file below FOLDER
    python s3.py ENDPOINT uploads BUCKET                  how many multipart uploads are neither completed nor aborted
"""

import json
import pathlib
import sys

import boto3


def keys(s3, bucket, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def main(endpoint, action, bucket, *rest):
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="ap-northeast-2",
                      aws_access_key_id="test", aws_secret_access_key="test")
    if action == "create":
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    elif action == "keys":
        print(json.dumps(keys(s3, bucket, rest[0])))
    elif action == "download":
        for key in keys(s3, bucket, rest[0]):
            path = pathlib.Path(rest[1], key)
            path.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, key, str(path))
    elif action == "uploads":
        print(len(s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])))
    else:
        raise SystemExit(f"unknown action {action}")


if __name__ == "__main__":
    main(*sys.argv[1:])

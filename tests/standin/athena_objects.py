"""The objects that a query reads: listed and downloaded once each into a folder of the stand-in's own.

DuckDB reads them as local files. Their physical types are compared with the catalog's, as Athena does.
"""

import hashlib
import os
import shutil
import tempfile
import threading

import boto3
import botocore.config
import pyarrow
import pyarrow.parquet

from athena_syntax import QueryFailed

INT_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}


class Objects:
    def __init__(self, endpoint):
        self.folder = tempfile.mkdtemp(prefix="standin-athena-")
        self._lock = threading.Lock()
        self.s3 = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
            config=botocore.config.Config(s3={"addressing_style": "path"}, max_pool_connections=32))

    def clean_up(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def below(self, location, listed=None):
        """The files below a location that Athena reads: not empty, no part of the name hidden by `_` or `.`.

        `listed` is a listing of a folder, which is used where it covers the location: a table can have many partitions.
        """
        bucket, prefix = split(location)
        if listed is None or not listed.covers(bucket, prefix):
            listed = self.listing(location)
        return [file for file in listed.files if file.key.startswith(prefix) and file.size and not hidden(file.key[len(prefix):])]

    def listing(self, location):
        bucket, prefix = split(location)
        try:
            pages = list(self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
        except self.s3.exceptions.ClientError as error:
            raise QueryFailed("PERMISSION_DENIED", f"Access denied or no such bucket: s3://{bucket}/{prefix} ({error})") from None
        return Listing(bucket, prefix, [File(self, bucket, entry) for page in pages for entry in page.get("Contents", [])])

    def fetch(self, file):
        """The local copy; the same bytes are never fetched twice, and a reader never sees half a file."""
        name = hashlib.sha256(f"{file.bucket}\0{file.key}\0{file.etag}".encode()).hexdigest()
        path = os.path.join(self.folder, name + ".parquet")
        if not os.path.exists(path):
            body = self.s3.get_object(Bucket=file.bucket, Key=file.key)["Body"].read()
            with self._lock:
                with open(path + ".part", "wb") as out:
                    out.write(body)
                os.replace(path + ".part", path)
        return path

    def put(self, bucket, key, body):
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)


class Listing:
    """All files below a folder of a bucket."""

    def __init__(self, bucket, prefix, files):
        self.bucket = bucket
        self.prefix = prefix
        self.files = files

    def covers(self, bucket, prefix):
        return bucket == self.bucket and prefix.startswith(self.prefix)


class File:
    def __init__(self, objects, bucket, entry):
        self.bucket = bucket
        self.key = entry["Key"]
        self.size = entry["Size"]
        self.etag = entry["ETag"]
        self.uri = f"s3://{bucket}/{self.key}"
        self._objects = objects
        self._schema = None

    def path(self):
        return self._objects.fetch(self)

    def schema(self):
        if self._schema is None:
            try:
                self._schema = pyarrow.parquet.read_schema(self.path())
            except (pyarrow.ArrowException, OSError) as error:
                raise QueryFailed("HIVE_BAD_DATA", f"Not valid Parquet file: {self.uri}: {error}") from None
        return self._schema


def split(location):
    """Bucket and prefix of `s3://bucket/prefix`; what is below a folder begins with its slash. Nothing is decoded."""
    scheme, _, rest = location.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not bucket:
        raise QueryFailed("HIVE_INVALID_METADATA", f"location is not in S3: {location}")
    return bucket, prefix if prefix.endswith("/") or not prefix else prefix + "/"


def hidden(rest):
    return any(part[:1] in ("_", ".") for part in rest.split("/"))


def check_types(file, columns):
    """Columns of the catalog that the file stores as something else fail the query, as in Athena v3."""
    fields = {field.name.lower(): field for field in file.schema()}
    for name, wanted in columns:
        field = fields.get(name.lower())
        if field is not None and not fits(field.type, wanted):
            raise QueryFailed("HIVE_BAD_DATA", f"Malformed Parquet file. Field {name}'s type {physical(field.type)} in parquet "
                              f"file {file.uri} is incompatible with type {wanted.duckdb().lower()} defined in table schema")


def physical(kind):
    """The Parquet type of an Arrow type, for the message."""
    types = pyarrow.types
    if types.is_int64(kind) or types.is_timestamp(kind):
        return "INT64"
    if types.is_integer(kind) or types.is_date32(kind):
        return "INT32"
    if types.is_string(kind) or types.is_large_string(kind):
        return "BINARY"
    return str(kind).upper()


def fits(kind, wanted):
    """Whether Athena reads a column of this Arrow type as the catalog's type."""
    types = pyarrow.types
    if types.is_dictionary(kind):
        return fits(kind.value_type, wanted)
    name = wanted.name
    if name in INT_BITS:
        return types.is_signed_integer(kind) and kind.bit_width <= max(INT_BITS[name], 32)
    if name == "decimal":
        return types.is_decimal(kind) and kind.scale == wanted.inner[1] and kind.precision <= wanted.inner[0]
    if name in ("string", "varchar", "char", "binary"):
        return (types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind)
                or str(kind) in ("string_view", "binary_view"))
    if name == "array":
        return (types.is_list(kind) or types.is_large_list(kind)) and fits(kind.value_type, wanted.inner[0])
    if name == "map":
        return types.is_map(kind) and fits(kind.key_type, wanted.inner[0]) and fits(kind.item_type, wanted.inner[1])
    if name == "struct":
        there = {field.name.lower(): field.type for field in kind} if types.is_struct(kind) else None
        return there is not None and all(field.lower() not in there or fits(there[field.lower()], inner)
                                         for field, inner in wanted.inner)
    simple = {"boolean": types.is_boolean, "float": types.is_float32, "date": types.is_date32, "timestamp": types.is_timestamp,
              "double": lambda each: types.is_float64(each) or types.is_float32(each)}
    return simple[name](kind)

"""What Glue refuses and moto lets pass: sizes, names, types, numbers of values."""

import hive_types
from wire import ServiceError

COMMENT, DESCRIPTION, PARAMETER, TYPE, NAME = 255, 2048, 512_000, 131_072, 255
BATCH_LIMITS = {"BatchCreatePartition": ("PartitionInputList", 100), "BatchUpdatePartition": ("Entries", 100),
                "BatchDeletePartition": ("PartitionsToDelete", 25), "BatchGetPartition": ("PartitionsToGet", 1000),
                "BatchDeleteTable": ("TablesToDelete", 100), "BatchDeleteTableVersion": ("VersionIds", 100)}
PAGE_LIMITS = {"GetPartitions": 1000, "GetTables": 100, "GetDatabases": 100, "GetTableVersions": 100,
               "GetJobRuns": 200}


def invalid(message):
    return ServiceError("InvalidInputException", message)


def too_long(where, limit, shortened):
    return ServiceError("ValidationException", f"1 validation error detected: Value '{shortened}' at '{where}' failed to "
                        f"satisfy constraint: Member must have length less than or equal to {limit}")


def check(operation, body, table_of):
    """Raises the error of Glue. `table_of(database, name)` gives the table, for the number of its keys."""
    if operation in BATCH_LIMITS:
        name, limit = BATCH_LIMITS[operation]
        items = body.get(name)
        if not items:
            raise ServiceError("ValidationException", f"1 validation error detected: Value at '{name}' must not be empty")
        if len(items) > limit:
            raise too_long(name, limit, f"{len(items)} items")
    if operation in PAGE_LIMITS and not 1 <= body.get("MaxResults", 1) <= PAGE_LIMITS[operation]:
        raise ServiceError("ValidationException", f"1 validation error detected: Value '{body['MaxResults']}' at 'maxResults' "
                           f"failed to satisfy constraint: Member must be between 1 and {PAGE_LIMITS[operation]}")
    if operation in ("CreateTable", "UpdateTable"):
        check_table(body.get("TableInput") or {})
    if operation in ("CreateDatabase", "UpdateDatabase"):
        check_database(body.get("DatabaseInput") or {})
    inputs = partition_inputs(operation, body)
    if inputs or partition_values(operation, body):
        check_partitions(inputs, partition_values(operation, body), table_of(body.get("DatabaseName"), body.get("TableName")))


def check_database(database):
    check_name("database", database.get("Name"))
    check_texts("database", database)


def check_table(table):
    check_name("table", table.get("Name"))
    check_texts("table", table)
    columns = (table.get("StorageDescriptor") or {}).get("Columns") or []
    check_columns(columns, table.get("PartitionKeys") or [])
    check_texts("serde", (table.get("StorageDescriptor") or {}).get("SerdeInfo") or {})


def check_columns(columns, keys):
    seen = set()
    for column in [*columns, *keys]:
        name, kind = column.get("Name"), column.get("Type")
        check_name("column", name)
        if name in seen:
            raise invalid(f"Duplicate column name found: {name}")
        seen.add(name)
        if len(column.get("Comment") or "") > COMMENT:
            raise too_long(f"column.{name}.comment", COMMENT, column["Comment"][:40])
        if kind is None:
            continue
        if len(kind) > TYPE:
            raise too_long(f"column.{name}.type", TYPE, kind[:40])
        try:
            hive_types.parse(kind)
        except ValueError as error:
            raise invalid(f"Error: type of column {name} is not valid: '{kind[:200]}' ({error})") from None


def check_texts(what, given):
    if len(given.get("Description") or "") > DESCRIPTION:
        raise too_long(f"{what}.description", DESCRIPTION, given["Description"][:40])
    for name, value in (given.get("Parameters") or {}).items():
        if not isinstance(value, str):
            raise ServiceError("SerializationException", f"parameter {name} is not a string")
        if not 1 <= len(name) <= NAME:
            raise too_long(f"{what}.parameters.key", NAME, name[:40])
        if len(value) > PARAMETER:
            raise too_long(f"{what}.parameters.{name}", PARAMETER, value[:40])


def check_name(what, name):
    if not isinstance(name, str) or not name:
        raise invalid(f"{what} name is missing")
    if len(name) > NAME:
        raise too_long(f"{what}.name", NAME, name[:40])
    if name != name.lower():
        raise invalid(f"{what} name must be lower case: {name}")


def partition_inputs(operation, body):
    if operation in ("CreatePartition", "UpdatePartition"):
        return [body.get("PartitionInput") or {}]
    if operation == "BatchCreatePartition":
        return body.get("PartitionInputList") or []
    if operation == "BatchUpdatePartition":
        return [entry.get("PartitionInput") or {} for entry in body.get("Entries") or []]
    return []


def partition_values(operation, body):
    """The values by which a call names partitions that exist."""
    if operation == "BatchUpdatePartition":
        return [entry.get("PartitionValueList") for entry in body.get("Entries") or []]
    if operation in ("BatchDeletePartition", "BatchGetPartition"):
        return [item.get("Values") for item in body.get(BATCH_LIMITS[operation][0]) or []]
    if operation in ("GetPartition", "DeletePartition"):
        return [body.get("PartitionValues")]
    return [body.get("PartitionValueList")] if operation == "UpdatePartition" else []


def check_partitions(inputs, values, table):
    keys = table.get("PartitionKeys") or []
    for given in inputs:
        check_texts("partition", given)
        check_columns((given.get("StorageDescriptor") or {}).get("Columns") or [], [])
    for each in [*(given.get("Values") for given in inputs), *values]:
        if len(each or []) != len(keys):
            raise invalid("The number of partition keys do not match the number of partition values: "
                          f"{len(keys)} keys, {len(each or [])} values")
        if any(not isinstance(value, str) or value == "" for value in each):
            raise invalid("Partition values must be strings that are not empty")

"""The shapes of Glue's batch operations, which answer 200 with errors by item in the body."""

import json

from wire import json_error, json_reply

# operation: (items of the request, values of an item, errors of the reply, name of the values in an error)
BATCHES = {
    "BatchCreatePartition": ("PartitionInputList", "Values", "Errors", "PartitionValues"),
    "BatchUpdatePartition": ("Entries", "PartitionValueList", "Errors", "PartitionValueList"),
    "BatchDeletePartition": ("PartitionsToDelete", "Values", "Errors", "PartitionValues"),
    "BatchGetPartition": ("PartitionsToGet", "Values", "UnprocessedKeys", None),
    "BatchDeleteTable": ("TablesToDelete", None, "Errors", "TableName"),
    "BatchDeleteTableVersion": ("VersionIds", None, "Errors", "VersionId"),
}


def item_error(operation, item, kind, message):
    """What the reply says of one item that was not done."""
    _, values, _, name = BATCHES[operation]
    if name is None:
        return {"Values": item["Values"]}
    return {name: item[values] if values else item, "ErrorDetail": {"ErrorCode": kind, "ErrorMessage": message}}


def split_partial(operation, request, settings):
    """Takes the first items out of a batch; returns the rest of it and what adds their errors to the reply."""
    if operation not in BATCHES:
        refusal = json_error("InternalServiceException", f"the action partial knows no {operation}", 500)
        return None, lambda reply: refusal
    items_name, _, errors_name, _ = BATCHES[operation]
    body = dict(request.json())
    items = body.get(items_name) or []
    count = min(settings.get("count", 1), len(items))
    kind = settings.get("error", "InternalServiceException")
    errors = [item_error(operation, item, kind, settings.get("message", "A test asked for this error.")) for item in items[:count]]
    body[items_name] = items[count:]
    rest = request.with_json(body) if body[items_name] else None
    return rest, lambda reply: _with_errors(reply, errors_name, errors)


def _with_errors(reply, errors_name, errors):
    if reply is None:
        return json_reply({errors_name: errors})
    if reply.status != 200:
        return reply
    body = json.loads(reply.body or b"{}")
    body[errors_name] = errors + (body.get(errors_name) or [])
    return json_reply(body)

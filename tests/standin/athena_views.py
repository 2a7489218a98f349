"""Views as Athena keeps them in the catalog: the SELECT in base64 within a comment."""

import base64
import json

from athena_syntax import QueryFailed
from athena_values import hive_type, trino_type

BEFORE, AFTER = "/* Presto View: ", " */"


def original_sql(table):
    """What the view was made from: {originalSql, catalog, schema, columns}."""
    text = table.get("ViewOriginalText") or ""
    if not (text.startswith(BEFORE) and text.endswith(AFTER)):
        raise QueryFailed("INVALID_VIEW", f"line 1:1: not a view of Athena: {table['Name']}")
    return json.loads(base64.b64decode(text[len(BEFORE):-len(AFTER)]))


def table_input(name, database, sql, columns):
    """The catalog's entry of a view; `columns` are (name, DuckDB's type)."""
    definition = {"originalSql": sql, "catalog": "awsdatacatalog", "schema": database,
                  "columns": [{"name": each, "type": trino_type(kind)} for each, kind in columns]}
    text = BEFORE + base64.b64encode(json.dumps(definition).encode()).decode() + AFTER
    descriptor = {"Columns": [{"Name": each.lower(), "Type": hive_type(kind)} for each, kind in columns], "Location": "",
                  "SerdeInfo": {}}
    return {"Name": name, "TableType": "VIRTUAL_VIEW", "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "PartitionKeys": [], "StorageDescriptor": descriptor, "ViewOriginalText": text,
            "ViewExpandedText": "/* Presto View */"}

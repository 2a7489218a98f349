"""Executes one statement: a SELECT on DuckDB, or one of the few DDL statements that are about views."""

import re

import duckdb

from athena_dialect import new_connection, parse, query_failure, translate
from athena_syntax import QueryFailed, tokenize
from athena_tables import Catalog, Workspace
from athena_values import column_info, printed
from athena_views import table_input
from wire import ServiceError

NAME = r'((?:"[^"]+"|\w+)(?:\s*\.\s*(?:"[^"]+"|\w+)){0,2})'
CREATE_VIEW = re.compile(rf"\s*CREATE\s+(OR\s+REPLACE\s+)?VIEW\s+{NAME}\s+AS\s+(.*)\Z", re.I | re.S)
DROP_VIEW = re.compile(rf"\s*DROP\s+VIEW\s+(IF\s+EXISTS\s+)?{NAME}\s*\Z", re.I)
SHOW_TABLES = re.compile(rf"\s*SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+{NAME})?\s*\Z", re.I)


class Result:
    """Rows as printed text. `header` says whether the first page begins with the names of the columns."""

    def __init__(self, columns=(), rows=(), scanned=0, header=False):
        self.columns = list(columns)
        self.rows = list(rows)
        self.scanned = scanned
        self.header = header


class Engine:
    def __init__(self, glue, objects):
        self.glue = glue
        self.objects = objects

    def run(self, sql, database, caller):
        """Raises QueryFailed for everything that Athena would end as FAILED."""
        # Comments before the statement are no part of it; DDL is recognised by its first word.
        tokens = tokenize(sql)
        first = tokens[0].word if tokens else ""
        text = sql[tokens[0].start:].rstrip().rstrip(";").rstrip() if tokens else sql
        try:
            if first in ("select", "with", "values", "") or (tokens and tokens[0].is_op("(")):
                return self._select(text, database, caller)
            return self._ddl(first, text, database, caller)
        except duckdb.Error as error:
            raise query_failure(error) from None
        except ServiceError as error:
            raise QueryFailed("GENERIC_USER_ERROR", f"{error.kind}: {error.message}") from None

    def _select(self, sql, database, caller):
        with new_connection() as binding, new_connection() as executing:
            workspace = self._workspace(binding, executing, caller)
            query, columns = self._plan(workspace, sql, database)
            workspace.load()
            found = executing.sql(f"SELECT {_readable(columns)} FROM ({query}) result" if _has_zones(columns) else query)
            rows = [[printed(value, kind) for value, (_, kind) in zip(row, columns)] for row in found.fetchall()]
            infos = [column_info(name, kind) for name, kind in columns]
            return Result(infos, rows, workspace.catalog.scanned, header=True)

    def _workspace(self, binding, executing, caller):
        return Workspace(Catalog(self.glue, self.objects, caller), binding, executing, self._view)

    def _plan(self, workspace, sql, database, inside=()):
        """DuckDB's text of a SELECT, and its columns as (name, type)."""
        tree = parse(sql)
        workspace.declare(tree, database, inside)
        query = translate(tree, workspace.binding, workspace.columns_of)
        relation = workspace.binding.sql(query)
        return query, list(zip(relation.columns, relation.types))

    def _view(self, workspace, sql, database, inside):
        return self._plan(workspace, sql, database, inside)[0]

    def _ddl(self, first, sql, database, caller):
        for pattern, action in ((CREATE_VIEW, self._create_view), (DROP_VIEW, self._drop_view), (SHOW_TABLES, self._show_tables)):
            found = pattern.match(sql)
            if found:
                return action(found, database, caller)
        raise QueryFailed("NOT_SUPPORTED", f"line 1:1: the stand-in does not execute {first.upper() or 'this statement'}")

    def _create_view(self, found, database, caller):
        replace, sql = bool(found.group(1)), found.group(3)
        schema, name = _pair(found.group(2), database)
        with new_connection() as binding:
            _, columns = self._plan(self._workspace(binding, None, caller), sql, database, inside=((schema, name),))
        _check_columns(columns)
        entry = table_input(name, database, sql, columns)
        with self.glue.lock:
            there = self._find(caller, schema, name)
            if there is not None and there.get("TableType") != "VIRTUAL_VIEW":
                raise QueryFailed("NOT_SUPPORTED", f"line 1:1: '{schema}.{name}' is a table, not a view")
            if there is not None and not replace:
                raise QueryFailed("ALREADY_EXISTS", f"line 1:1: View already exists: '{schema}.{name}'")
            operation = "CreateTable" if there is None else "UpdateTable"
            self.glue.call(caller, operation, {"DatabaseName": schema, "TableInput": entry})
        return Result()

    def _drop_view(self, found, database, caller):
        schema, name = _pair(found.group(2), database)
        with self.glue.lock:
            there = self._find(caller, schema, name)
            if there is None and found.group(1):
                return Result()
            if there is None or there.get("TableType") != "VIRTUAL_VIEW":
                raise QueryFailed("TABLE_NOT_FOUND", f"line 1:1: View '{schema}.{name}' does not exist")
            self.glue.call(caller, "DeleteTable", {"DatabaseName": schema, "Name": name})
        return Result()

    def _show_tables(self, found, database, caller):
        schema = (found.group(1) or database or "").strip('"').lower()
        tables = self.glue.call(caller, "GetTables", {"DatabaseName": schema})["TableList"]
        info = {"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": "tab_name", "Label": "tab_name",
                "Type": "string", "Precision": 0, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": False}
        return Result([info], [[name] for name in sorted(table["Name"] for table in tables)])

    def _find(self, caller, schema, name):
        try:
            return self.glue.table(caller, schema, name)
        except ServiceError as error:
            if error.kind == "EntityNotFoundException" and "Database" not in error.message:
                return None
            raise


def _pair(text, database):
    """Database and name of `name`, `db.name` or `catalog.db.name`."""
    parts = [part.strip('"').lower() for part in re.findall(r'"[^"]+"|\w+', text)]
    if len(parts) == 1 and not database:
        raise QueryFailed("MISSING_SCHEMA_NAME", "line 1:1: Schema must be specified when session schema is not set")
    return (parts[-2] if len(parts) > 1 else database.lower()), parts[-1]


def _check_columns(columns):
    names = [name.lower() for name, _ in columns]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled:
        raise QueryFailed("DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{doubled}' specified more than once")


def _has_zones(columns):
    return any(str(kind) == "TIMESTAMP WITH TIME ZONE" for _, kind in columns)


def _readable(columns):
    """Times with a zone as text: Python's DuckDB gives them out only with a package that is not there."""
    return ", ".join(f"strftime(#{at}, '%Y-%m-%d %H:%M:%S.%g') || ' UTC'" if str(kind) == "TIMESTAMP WITH TIME ZONE" else f"#{at}"
                     for at, (_, kind) in enumerate(columns, 1))

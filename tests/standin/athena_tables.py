"""Tables of the catalog as DuckDB sees them: empty ones to bind a query, and the real ones to execute it."""

import deltalake
import pyarrow

import hive_types
from athena_names import qualify_tables
from athena_objects import check_types
from athena_syntax import QueryFailed
from athena_views import original_sql
from wire import ServiceError

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


class Catalog:
    """The tables of one query, on behalf of its client."""

    def __init__(self, glue, objects, caller):
        self.glue = glue
        self.objects = objects
        self.caller = caller
        self.scanned = 0
        self._tables = {}

    def table(self, database, name):
        pair = database.lower(), name.lower()
        if pair not in self._tables:
            try:
                found = self.glue.table(self.caller, *pair)
            except ServiceError as error:
                if error.kind != "EntityNotFoundException":
                    raise QueryFailed("GENERIC_INTERNAL_ERROR", error.message, category=1) from None
                missing = "Table" if "Table" in error.message else "Schema"
                raise QueryFailed(f"{missing.upper()}_NOT_FOUND",
                                  f"line 1:1: {missing} 'awsdatacatalog.{pair[0]}.{pair[1]}' does not exist") from None
            self._tables[pair] = found
        return self._tables[pair]

    def columns_of(self, database, name):
        """The names of all columns, partition keys last."""
        table = self.table(database, name)
        if is_delta(table):
            return [field.name for field in self.delta(table).schema().fields]
        return [column["Name"] for column in all_columns(table)]

    def declare(self, connection, database, name):
        """An empty table with the columns of the real one."""
        table = self.table(database, name)
        if is_delta(table):
            empty = pyarrow.schema(self.delta(table).schema().to_arrow()).empty_table()
            return self._register(connection, database, name, empty, "TABLE")
        columns = ", ".join(f"{quoted(each)} {kind.duckdb()}" for each, kind in typed(all_columns(table)))
        connection.execute(f"{_schema(database)}; CREATE TABLE {quoted(database)}.{quoted(name)} ({columns})")

    def load(self, connection, database, name):
        """The real table, as a view over the files that are there now."""
        table = self.table(database, name)
        if (table.get("Parameters") or {}).get("projection.enabled", "").lower() == "true":
            raise QueryFailed("NOT_SUPPORTED", "the stand-in knows no partition projection")
        if is_delta(table):
            delta = self.delta(table)
            self.scanned += sum(pyarrow.table(delta.get_add_actions(flatten=True)).column("size_bytes").to_pylist())
            return self._register(connection, database, name, delta.to_pyarrow_table(), "VIEW")
        parts = self._parts(table)
        for files, _ in parts:
            for file in files:
                check_types(file, typed(data_columns(table)))
        self.scanned += sum(file.size for files, _ in parts for file in files)
        connection.execute(f"{_schema(database)}; CREATE VIEW {quoted(database)}.{quoted(name)} AS {self._select(table, parts)}")

    def _parts(self, table):
        """The files with the values of their partition keys."""
        if not table.get("PartitionKeys"):
            return [(self.objects.below(_location(table)), [])]
        parts, listed = [], self.objects.listing(_location(table))
        for partition in self.glue.partitions(self.caller, table["DatabaseName"], table["Name"]):
            _check_partition(table, partition)
            parts.append((self.objects.below(_location(partition), listed), partition["Values"]))
        return parts

    def _select(self, table, parts):
        """One scan of all files; a small table says which values the partition of each file has."""
        files = [(file, values) for files, values in parts for file in files]
        columns, keys = typed(data_columns(table)), typed(table.get("PartitionKeys") or [])
        if not files:
            empty = [f"CAST(NULL AS {kind.duckdb()}) AS {quoted(name)}" for name, kind in columns + keys]
            return f"SELECT {', '.join(empty)} WHERE false"
        there = {field.name.lower() for file, _ in files for field in file.schema()}
        picked = [_column(name, kind, name.lower() in there) for name, kind in columns]
        picked += [f"p.k{at} AS {quoted(name)}" for at, (name, _) in enumerate(keys)]
        rows = ", ".join("({})".format(", ".join([literal(file.path()), *map(_key, values, [kind for _, kind in keys])]))
                         for file, values in files)
        names = ", ".join(["path", *(f"k{at}" for at in range(len(keys)))])
        paths = ", ".join(literal(file.path()) for file, _ in files)
        return (f"SELECT {', '.join(picked)} FROM read_parquet([{paths}], union_by_name = true, hive_partitioning = false, "
                f"filename = '__standin_file') f JOIN (VALUES {rows}) p ({names}) ON f.__standin_file = p.path")

    def delta(self, table):
        options = {"AWS_ENDPOINT_URL": self.objects.s3.meta.endpoint_url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
                   "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
        try:
            return deltalake.DeltaTable(_location(table).rstrip("/"), storage_options=options)
        except Exception as error:
            raise QueryFailed("DELTA_LAKE_INVALID_SCHEMA", f"the Delta table cannot be read: {error}") from None

    def _register(self, connection, database, name, data, what):
        """Arrow data under a table's name. Times in UTC become times without a zone, as Athena shows them."""
        label = f"{database}.{name}"
        connection.register(label, data)
        plain = [f"CAST({quoted(field.name)} AS TIMESTAMP) AS {quoted(field.name)}" if pyarrow.types.is_timestamp(field.type)
                 else quoted(field.name) for field in data.schema]
        connection.execute(f"{_schema(database)}; CREATE {what} {quoted(database)}.{quoted(name)} AS "
                           f"SELECT {', '.join(plain)} FROM {quoted(label)}")


class Workspace:
    """Declares or loads what a tree names, views with all that they name in turn."""

    def __init__(self, catalog, binding, executing, translate_view):
        self.catalog = catalog
        self.binding = binding
        self.executing = executing
        self._translate_view = translate_view
        self._declared = {}

    def declare(self, tree, database, inside=()):
        """Makes the tables of a tree known to the binder."""
        for pair in qualify_tables(tree, database):
            if pair in inside:
                raise QueryFailed("INVALID_VIEW", f"line 1:1: View is recursive: {pair[0]}.{pair[1]}")
            if pair in self._declared:
                continue
            table = self.catalog.table(*pair)
            if table.get("TableType") == "VIRTUAL_VIEW":
                view = original_sql(table)
                text = self._translate_view(self, view["originalSql"], view.get("schema") or pair[0], (*inside, pair))
                self._declared[pair] = text
                self._create_view(self.binding, pair, text)
            else:
                self._declared[pair] = None
                self.catalog.declare(self.binding, *pair)

    def load(self):
        """The same for the execution, now with the files: tables come before the views that name them."""
        for pair, text in self._declared.items():
            if text is None:
                self.catalog.load(self.executing, *pair)
        for pair, text in self._declared.items():
            if text is not None:
                self._create_view(self.executing, pair, text)

    def columns_of(self, database, name):
        table = self.catalog.table(database, name)
        return [column["Name"] for column in all_columns(table)] if table.get("TableType") == "VIRTUAL_VIEW" \
            else self.catalog.columns_of(database, name)

    def _create_view(self, connection, pair, text):
        connection.execute(f"{_schema(pair[0])}; CREATE VIEW {quoted(pair[0])}.{quoted(pair[1])} AS {text}")


def is_delta(table):
    parameters = table.get("Parameters") or {}
    return parameters.get("table_type", "").upper() == "DELTA" \
        or parameters.get("spark.sql.sources.provider", "").lower() == "delta"


def data_columns(table):
    return (table.get("StorageDescriptor") or {}).get("Columns") or []


def all_columns(table):
    return [*data_columns(table), *(table.get("PartitionKeys") or [])]


def typed(columns):
    return [(column["Name"], hive_types.parse(column["Type"])) for column in columns]


def _schema(database):
    return f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}"


def _location(described):
    location = (described.get("StorageDescriptor") or {}).get("Location")
    if not location:
        raise QueryFailed("HIVE_INVALID_METADATA", f"no location: {described.get('Name') or described.get('Values')}")
    return location


def _column(name, kind, is_there):
    """A column of the catalog from the files; Athena's timestamps have milliseconds."""
    value = f"f.{quoted(name)}" if is_there else "NULL"
    if kind.name == "timestamp" and is_there:
        value = f"CAST({value} AS TIMESTAMP)"
        value = f"date_trunc('millisecond', {value} + INTERVAL 500 MICROSECOND)"
    if kind.name in ("varchar", "char") and is_there:
        value = f"left(CAST({value} AS VARCHAR), {kind.inner[0]})"
    return f"CAST({value} AS {kind.duckdb()}) AS {quoted(name)}"


def _key(value, kind):
    text = "NULL" if value == HIVE_NULL else literal(value)
    return f"CAST({text} AS {kind.duckdb()})"


def _check_partition(table, partition):
    """The columns that a partition declares must be those of the table, as far as both have them."""
    declared = {column["Name"]: column.get("Type") for column in (partition.get("StorageDescriptor") or {}).get("Columns") or []}
    for column in data_columns(table):
        theirs = declared.get(column["Name"], column["Type"])
        if theirs.replace(" ", "").lower() != column["Type"].replace(" ", "").lower() and not _widens(theirs, column["Type"]):
            raise QueryFailed("HIVE_PARTITION_SCHEMA_MISMATCH", "There is a mismatch between the table and partition schemas. "
                              f"The types are incompatible and cannot be coerced. The column '{column['Name']}' in table "
                              f"'{table['DatabaseName']}.{table['Name']}' is declared as type '{column['Type']}', but partition "
                              f"'{'/'.join(partition['Values'])}' declared column '{column['Name']}' as type '{theirs}'.")


def _widens(narrow, wide):
    order = ["tinyint", "smallint", "int", "bigint"]
    if narrow in order and wide in order:
        return order.index(narrow) <= order.index(wide)
    return (narrow, wide) == ("float", "double")

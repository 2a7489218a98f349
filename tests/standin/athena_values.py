"""How Athena prints values and describes columns."""

import datetime
import decimal
import struct

# DuckDB's type: (Athena's name, precision, scale)
PLAIN = {
    "BOOLEAN": ("boolean", 0, 0), "TINYINT": ("tinyint", 3, 0), "SMALLINT": ("smallint", 5, 0), "INTEGER": ("integer", 10, 0),
    "BIGINT": ("bigint", 19, 0), "FLOAT": ("float", 17, 0), "DOUBLE": ("double", 17, 0),
    "VARCHAR": ("varchar", 2147483647, 0), "BLOB": ("varbinary", 1073741824, 0), "DATE": ("date", 0, 0),
    "TIMESTAMP": ("timestamp", 3, 0), "TIMESTAMP WITH TIME ZONE": ("timestamp with time zone", 3, 0),
    "TIME": ("time", 3, 0), "INTERVAL": ("interval day to second", 0, 0), "JSON": ("json", 0, 0),
    # What DuckDB has and Trino has not:
    "UTINYINT": ("smallint", 5, 0), "USMALLINT": ("integer", 10, 0), "UINTEGER": ("bigint", 19, 0),
    "UBIGINT": ("bigint", 19, 0), "HUGEINT": ("bigint", 19, 0), "UHUGEINT": ("bigint", 19, 0), "UUID": ("uuid", 0, 0),
    "TIMESTAMP_MS": ("timestamp", 3, 0), "TIMESTAMP_S": ("timestamp", 3, 0), "TIMESTAMP_NS": ("timestamp", 3, 0),
    '"NULL"': ("unknown", 0, 0), "NULL": ("unknown", 0, 0),
}
HIVE = {"integer": "int", "varchar": "string", "varbinary": "binary", "timestamp with time zone": "timestamp",
        "unknown": "string", "uuid": "string", "json": "string", "real": "float", "time": "string"}


def athena_type(kind):
    """(name, precision, scale) of a DuckDB type."""
    text = str(kind)
    if kind.id == "decimal":
        precision, scale = (number for _, number in kind.children)
        return "decimal", precision, scale
    if kind.id in ("list", "array"):
        return "array", 0, 0
    if kind.id in ("struct", "map"):
        return ("row" if kind.id == "struct" else "map"), 0, 0
    return PLAIN.get(text, ("varchar", 2147483647, 0))


def trino_type(kind):
    """The whole type as Trino writes it, for the description of a view."""
    if kind.id == "list":
        return f"array({trino_type(kind.child)})"
    if kind.id == "map":
        return f"map({trino_type(kind.key)}, {trino_type(kind.value)})"
    if kind.id == "struct":
        return "row({})".format(", ".join(f"{name} {trino_type(child)}" for name, child in kind.children))
    name, precision, scale = athena_type(kind)
    if name == "decimal":
        return f"decimal({precision},{scale})"
    return {"timestamp": "timestamp(3)", "float": "real"}.get(name, name)


def hive_type(kind):
    """The type as the catalog writes it, for the columns of a view."""
    if kind.id == "list":
        return f"array<{hive_type(kind.child)}>"
    if kind.id == "map":
        return f"map<{hive_type(kind.key)},{hive_type(kind.value)}>"
    if kind.id == "struct":
        return "struct<{}>".format(",".join(f"{name}:{hive_type(child)}" for name, child in kind.children))
    name, precision, scale = athena_type(kind)
    return f"decimal({precision},{scale})" if name == "decimal" else HIVE.get(name, name)


def column_info(name, kind):
    athena, precision, scale = athena_type(kind)
    return {"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name, "Type": athena,
            "Precision": precision, "Scale": scale, "Nullable": "UNKNOWN", "CaseSensitive": athena == "varchar"}


def printed(value, kind):
    """The text of a value, or None for NULL."""
    if value is None:
        return None
    if kind.id in ("list", "array"):
        return "[{}]".format(", ".join(_inner(each, kind.child) for each in value))
    if kind.id == "map":
        pairs = value.items() if isinstance(value, dict) else value
        return "{{{}}}".format(", ".join(f"{_inner(key, kind.key)}={_inner(each, kind.value)}" for key, each in pairs))
    if kind.id == "struct":
        return "{{{}}}".format(", ".join(f"{name}={_inner(value[name], child)}" for name, child in kind.children))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return java_double(value, single=kind.id == "float")
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
    if isinstance(value, (bytes, bytearray)):
        return value.hex(" ")
    return str(value)


def _inner(value, kind):
    text = printed(value, kind)
    return "null" if text is None else text


def java_double(value, single=False):
    """A double as Java prints it: plain between 1e-3 and 1e7, otherwise with an exponent, at least one decimal."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if str(value).startswith("-") else "0.0"
    shortest = repr(value) if not single else _shortest_single(value)
    sign, digits, exponent = decimal.Decimal(shortest).as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    exponent += len(digits) - 1
    minus = "-" if sign else ""
    if 1e-3 <= abs(value) < 1e7:
        plain = format(decimal.Decimal(shortest), "f")
        return plain if "." in plain else plain + ".0"
    return f"{minus}{text[0]}.{text[1:] or '0'}E{exponent}"


def _shortest_single(value):
    """The fewest digits that give back the same single."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("f", float(text)) == struct.pack("f", value):
            return text
    return repr(value)

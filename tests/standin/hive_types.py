"""Types as the Glue catalog writes them: parsed, compared, and translated to DuckDB's and Trino's names."""

import re

SIMPLE = {  # Hive: (DuckDB, Trino)
    "boolean": ("BOOLEAN", "boolean"), "tinyint": ("TINYINT", "tinyint"), "smallint": ("SMALLINT", "smallint"),
    "int": ("INTEGER", "integer"), "bigint": ("BIGINT", "bigint"), "float": ("FLOAT", "real"),
    "double": ("DOUBLE", "double"), "string": ("VARCHAR", "varchar"), "binary": ("BLOB", "varbinary"),
    "date": ("DATE", "date"), "timestamp": ("TIMESTAMP", "timestamp(3)"),
}
TOKEN = re.compile(r"\s*([A-Za-z_0-9]+|[<>,:()])")


class HiveType:
    """`name` and what is in its brackets: (p, s) of decimal, (n,) of char, types, or (field, type) pairs of struct."""

    def __init__(self, name, inner=()):
        self.name = name
        self.inner = tuple(inner)

    def duckdb(self):
        if self.name in SIMPLE:
            return SIMPLE[self.name][0]
        if self.name == "decimal":
            return "DECIMAL({},{})".format(*self.inner)
        if self.name == "array":
            return f"{self.inner[0].duckdb()}[]"
        if self.name == "map":
            return f"MAP({self.inner[0].duckdb()}, {self.inner[1].duckdb()})"
        if self.name == "struct":
            return "STRUCT({})".format(", ".join(f'"{name}" {kind.duckdb()}' for name, kind in self.inner))
        return "VARCHAR"


def parse(text):
    """Raises ValueError for what is no type of Hive."""
    tokens, place = [], 0
    while place < len(text):
        found = TOKEN.match(text, place)
        if not found:
            if text[place:].strip():
                raise ValueError(f"unexpected {text[place:]!r}")
            break
        tokens.append(found.group(1))
        place = found.end()
    reader = _Reader(tokens)
    found = reader.type()
    if reader.tokens:
        raise ValueError(f"unexpected {reader.tokens[0]!r}")
    return found


class _Reader:
    def __init__(self, tokens):
        self.tokens = tokens

    def take(self, wanted=None):
        if not self.tokens:
            raise ValueError("the type ends too early")
        token = self.tokens.pop(0)
        if wanted and token != wanted:
            raise ValueError(f"expected {wanted!r}, found {token!r}")
        return token

    def next_is(self, token):
        return bool(self.tokens) and self.tokens[0] == token

    def type(self):
        name = self.take().lower()
        if name in SIMPLE:
            return HiveType(name)
        if name == "decimal":
            return self._decimal()
        if name in ("char", "varchar"):
            self.take("(")
            length = int(self.take())
            self.take(")")
            if not 1 <= length <= (255 if name == "char" else 65535):
                raise ValueError(f"length {length} of {name}")
            return HiveType(name, (length,))
        if name in ("array", "map", "struct"):
            self.take("<")
            inner = self._inner(name)
            self.take(">")
            return HiveType(name, inner)
        raise ValueError(f"unknown type {name!r}")

    def _decimal(self):
        precision, scale = 10, 0
        if self.next_is("("):
            self.take("(")
            precision = int(self.take())
            if self.next_is(","):
                self.take(",")
                scale = int(self.take())
            self.take(")")
        if not (1 <= precision <= 38 and 0 <= scale <= precision):
            raise ValueError(f"decimal({precision},{scale})")
        return HiveType("decimal", (precision, scale))

    def _inner(self, name):
        if name == "array":
            return [self.type()]
        if name == "map":
            key = self.type()
            self.take(",")
            return [key, self.type()]
        fields = [self._field()]
        while self.next_is(","):
            self.take(",")
            fields.append(self._field())
        return fields

    def _field(self):
        name = self.take()
        self.take(":")
        return name, self.type()

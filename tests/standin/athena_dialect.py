"""From Trino's SQL to DuckDB's, with Trino's meaning.

sqlglot translates the syntax. What depends on types (division, sums, averages, comparisons) is put right here: DuckDB's
binder is asked for the types of the operands, on tables that are empty.
"""

import re

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from athena_names import check_aliases, name_columns
from athena_syntax import QueryFailed, check, plain_decimals

MACROS = r"""
CREATE MACRO standin_unscaled(x) AS CAST(replace(CAST(x AS VARCHAR), '.', '') AS HUGEINT);
CREATE MACRO standin_half_up(n, d) AS sign(n) * sign(d) * ((abs(n) * 2 + abs(d)) // (abs(d) * 2));
CREATE MACRO standin_digits(n, s) AS
    lpad(CAST(abs(n) AS VARCHAR), CAST(greatest(length(CAST(abs(n) AS VARCHAR)), s + 1) AS INTEGER), '0');
CREATE MACRO standin_scaled(n, s) AS CASE WHEN n < 0 THEN '-' ELSE '' END
    || left(standin_digits(n, s), length(standin_digits(n, s)) - s) || '.' || right(standin_digits(n, s), s);
CREATE MACRO standin_decimal_division(a, b, factor, s) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL
    WHEN b = 0 THEN error('Division by zero')
    ELSE standin_scaled(standin_half_up(standin_unscaled(a) * factor, standin_unscaled(b)), s) END;
CREATE MACRO standin_double_division(a, b) AS CASE WHEN b <> 0 THEN a / b
    WHEN a > 0 THEN CAST('Infinity' AS DOUBLE) WHEN a < 0 THEN CAST('-Infinity' AS DOUBLE)
    WHEN a = 0 AND b = 0 THEN CAST('NaN' AS DOUBLE) END;
"""
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10}
REFUSED = {exp.ILike: "ILIKE", exp.Qualify: "QUALIFY", exp.SimilarTo: "SIMILAR TO", exp.Glob: "GLOB",
           exp.Pivot: "PIVOT"}
COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)


def new_connection():
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'; SET integer_division = true")
    connection.execute(MACROS)
    return connection


def parse(sql):
    """A SELECT as sqlglot's tree, checked for what Trino does not take. Athena parses SELECT as Trino does."""
    check(sql)
    try:
        trees = sqlglot.parse(plain_decimals(sql), dialect="trino")
    except sqlglot.errors.SqlglotError as error:
        raise QueryFailed("SYNTAX_ERROR", "line 1:1: " + re.sub(r"\x1b\[\d*m", "", str(error)).split("\n")[0]) from None
    trees = [tree for tree in trees if tree is not None]
    if len(trees) != 1 or not isinstance(trees[0], (exp.Query, exp.Values)):
        raise QueryFailed("SYNTAX_ERROR", "line 1:1: only one SELECT is supported")
    check_tree(trees[0])
    return trees[0]


def check_tree(tree):
    for node in tree.walk():
        text = REFUSED.get(type(node))
        if text:
            refuse(f"mismatched input '{text}'")
        if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null):
            refuse(f"mismatched input '{node.expression.sql('trino')}'. Expecting: 'NULL'")
        if isinstance(node, exp.Star) and any(node.args.get(name) for name in ("except_", "except", "replace", "rename")):
            refuse("mismatched input after '*'")
        if isinstance(node, exp.Distinct) and isinstance(node.parent, exp.Count) and len(node.expressions) > 1:
            refuse("DISTINCT of several columns in count is not supported")
        if isinstance(node, exp.Join) and (node.kind in ("SEMI", "ANTI") or node.method in ("ASOF", "POSITIONAL")):
            refuse(f"mismatched input '{node.kind or node.method}'")
        if isinstance(node, exp.SetOperation) and node.args.get("by_name"):
            refuse("mismatched input 'BY'")
        if isinstance(node, exp.Select) and not node.expressions:
            refuse("mismatched input 'FROM'. Expecting: <expression>")


def refuse(message):
    raise QueryFailed("SYNTAX_ERROR", f"line 1:1: {message}")


def translate(tree, connection, columns_of):
    """DuckDB's text of a tree whose tables are qualified and exist in the connection."""
    check_aliases(tree, columns_of)
    name_columns(tree)
    for kind in tree.find_all(exp.DataType):
        if kind.this in (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ):
            kind.set("expressions", [])  # timestamp(0) would be another type, with other functions
    put_right(tree, connection, exp.AtTimeZone)  # DuckDB would give it another type
    try:
        # Binds once as it is: names that are unknown are reported before anything about types.
        connection.execute(f"DESCRIBE {tree.sql('duckdb')}").fetchall()
    except duckdb.Error as error:
        raise query_failure(error) from None
    put_right(tree, connection, exp.Expression)
    return tree.sql("duckdb")


def put_right(tree, connection, kind):
    """Puts right the expressions of a kind; what a SELECT reads comes before it."""
    for scope in list(traverse_scope(tree)):
        if isinstance(scope.expression, exp.Select):
            for node in own_nodes(scope.expression):
                if isinstance(node, kind):
                    Typed(connection, scope.expression, node).put_right()


def own_nodes(select):
    """The expressions of one SELECT without those of the SELECTs inside it, inner ones first."""
    found = list(select.walk(bfs=False, prune=lambda node: node is not select and isinstance(node, exp.Query)))
    return [node for node in reversed(found) if node is not select and not isinstance(node, exp.Query)]


class Typed:
    """One expression, put right by the types of its operands."""

    def __init__(self, connection, select, node):
        self.connection = connection
        self.select = select
        self.node = node

    def put_right(self):
        node = self.node
        if isinstance(node, COMPARISONS):
            self._same_family([node.this, node.expression], "Cannot apply operator: {} " + node.key + " {}")
        elif isinstance(node, exp.Between):
            self._same_family([node.this, node.args["low"], node.args["high"]], "Cannot check if {} is BETWEEN {}")
        elif isinstance(node, exp.In) and node.expressions:
            self._same_family([node.this, *node.expressions], "IN value and list items must be the same type: {} and {}")
        elif isinstance(node, exp.Coalesce):
            self._same_family([node.this, *node.expressions], "All COALESCE operands must be the same type: {} and {}")
        elif isinstance(node, exp.Case):
            results = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")]
            self._same_family([each for each in results if each], "All CASE results must be the same type: {} and {}")
        elif isinstance(node, exp.If) and not isinstance(node.parent, exp.Case):
            self._same_family([node.args[name] for name in ("true", "false") if node.args.get(name)],
                              "Result types of if must be the same: {} and {}")
        elif isinstance(node, (exp.DPipe, exp.Concat)):
            self._texts([node.this, node.expression] if isinstance(node, exp.DPipe) else node.expressions)
        elif isinstance(node, ARITHMETIC):
            self._arithmetic()
        elif isinstance(node, (exp.Sum, exp.Avg)):
            self._aggregate()
        elif isinstance(node, exp.Round):
            self._round()
        elif isinstance(node, exp.Cast):
            self._cast()
        elif isinstance(node, (exp.DateAdd, exp.DateSub, exp.TimestampTrunc, exp.DateTrunc)):
            self._keep_date(node.this)
        elif isinstance(node, (exp.Greatest, exp.Least)):
            self._null_wins()
        elif isinstance(node, exp.AtTimeZone):
            self._at_time_zone()
        elif isinstance(node, (exp.Where, exp.Having)):
            self._condition()

    def types(self, operands):
        """DuckDB's names of the operands' types, or None where the binder cannot tell (correlated subqueries)."""
        for grouped in (True, False):
            try:
                rows = self.connection.execute(f"DESCRIBE {self._probe(operands, grouped)}").fetchall()
                return [row[1] for row in rows]
            except duckdb.Error:
                continue
        return [None] * len(operands)

    def _probe(self, operands, grouped):
        probe = exp.Select(expressions=[exp.alias_(operand.copy(), f"_{at}") for at, operand in enumerate(operands)])
        for part in ("from_", "from", "joins", "laterals"):
            if self.select.args.get(part):
                kept = self.select.args[part]
                probe.set(part, [each.copy() for each in kept] if isinstance(kept, list) else kept.copy())
        group = self.select.args.get("group")
        if grouped and group:
            probe.set("group", _without_ordinals(group.copy(), self.select))
        tables = visible_tables(self.select)
        text = probe.sql("duckdb")
        return f"WITH {', '.join(each.sql('duckdb') for each in tables)} {text}" if tables else text

    def _same_family(self, operands, message):
        operands = [each for each in operands if not isinstance(each, exp.Null)]
        kinds = [kind for kind in self.types(operands) if kind and family(kind)]
        for kind in kinds[1:]:
            if family(kind) != family(kinds[0]):
                refuse(message.format(trino_name(kinds[0]), trino_name(kind)))

    def _texts(self, operands):
        for kind in self.types(operands):
            if kind and family(kind) not in (None, "text", "binary"):
                refuse(f"Unexpected parameters ({trino_name(kind)}) for function concat")

    def _condition(self):
        kind = self.types([self.node.this])[0]
        if kind and family(kind) not in (None, "boolean"):
            refuse(f"WHERE clause must evaluate to a boolean: actual type {trino_name(kind)}")

    def _arithmetic(self):
        node = self.node
        left, right = self.types([node.this, node.expression])
        if not left or not right:
            return
        families = {family(left), family(right)}
        if families & {"text", "boolean"} or families == {"time", "number"}:
            refuse(f"Cannot apply operator: {trino_name(left)} {node.key} {trino_name(right)}")
        if families == {"time"}:
            raise QueryFailed("NOT_SUPPORTED", "the stand-in does not subtract times; use date_diff")
        if left == "DATE" and right == "INTERVAL":
            self._wrap(lambda inner: exp.cast(inner, "DATE"))
        elif isinstance(node, exp.Div):
            self._division(left, right)

    def _division(self, left, right):
        node = self.node
        if "DOUBLE" in (left, right) or "FLOAT" in (left, right):
            node.replace(exp.Anonymous(this="standin_double_division", expressions=[
                exp.cast(node.this.copy(), "DOUBLE"), exp.cast(node.expression.copy(), "DOUBLE")]))
        elif "DECIMAL" in left or "DECIMAL" in right:
            (p, s), (q, t) = digits(left), digits(right)
            scale = max(s, t)
            precision = min(38, p + t + max(0, t - s))
            node.replace(exact(node.this, node.expression, scale + t - s, precision, scale))

    def _aggregate(self):
        kind = self.types([self.node.this])[0]
        if kind is None:
            return
        if family(kind) in ("boolean", "text"):
            refuse(f"Unexpected parameters ({trino_name(kind)}) for function {self.node.key}")
        if isinstance(self.node, exp.Sum) and kind in INTEGERS:
            self._wrap(lambda inner: exp.cast(inner, "BIGINT"))
        if isinstance(self.node, exp.Avg) and "DECIMAL" in kind:
            self._average(*digits(kind))

    def _average(self, precision, scale):
        node = self.node
        if isinstance(node.parent, (exp.Window, exp.Filter)) or isinstance(node.this, exp.Distinct):
            self._wrap(lambda inner: exp.cast(inner, f"DECIMAL({precision},{scale})"))
            return
        count = exp.Count(this=node.this.copy())
        guarded = exp.Nullif(this=count, expression=exp.Literal.number(0))
        node.replace(exact(exp.Sum(this=node.this.copy()), guarded, 0, precision, scale))

    def _round(self):
        kind = self.types([self.node.this])[0]
        if kind and "DECIMAL" in kind:
            precision, scale = digits(kind)
            kept = scale if self.node.args.get("decimals") else 0
            self._wrap(lambda inner: exp.cast(inner, f"DECIMAL({min(38, precision + 1)},{kept})"))

    def _cast(self):
        node = self.node
        if node.to.this == exp.DType.DECIMAL and not node.to.expressions:
            node.set("to", exp.DataType.build("DECIMAL(38,0)"))
        if node.to.this not in (exp.DType.VARCHAR, exp.DType.TEXT):
            return
        kind = self.types([node.this])[0]
        if kind == "TIMESTAMP":
            node.replace(exp.Anonymous(this="strftime", expressions=[
                node.this.copy(), exp.Literal.string("%Y-%m-%d %H:%M:%S.%g")]))
        elif kind in ("DOUBLE", "FLOAT"):
            raise QueryFailed("NOT_SUPPORTED", "the stand-in does not cast a double to varchar")

    def _keep_date(self, operand):
        """DuckDB makes a timestamp of a date here, Trino does not."""
        if self.types([operand])[0] == "DATE":
            self._wrap(lambda inner: exp.cast(inner, "DATE"))

    def _null_wins(self):
        operands = [self.node.this, *self.node.expressions]
        self._same_family(operands, "All operands must be the same type: {} and {}")
        missing = exp.or_(*[exp.Is(this=each.copy(), expression=exp.Null()) for each in operands])
        inner = self.node.copy()
        self.node.replace(exp.Case().when(missing, exp.Null()).else_(inner))

    def _at_time_zone(self):
        """A timestamp is in UTC, so it becomes the wall clock of the zone. The zone itself is not kept."""
        zone = self.node.args["zone"].copy()
        instant = self.node.this.copy()
        if self.types([instant])[0] == "TIMESTAMP":
            instant = exp.Anonymous(this="timezone", expressions=[exp.Literal.string("UTC"), instant])
        self.node.replace(exp.Anonymous(this="timezone", expressions=[zone, instant]))

    def _wrap(self, wrapping):
        """Wraps the expression, with the OVER or FILTER that belongs to it."""
        outer = self.node
        while isinstance(outer.parent, (exp.Window, exp.Filter, exp.IgnoreNulls)) and outer.arg_key == "this":
            outer = outer.parent
        placeholder = exp.Placeholder()
        outer.replace(placeholder)
        placeholder.replace(wrapping(outer))


def exact(left, right, exponent, precision, scale):
    """Division of decimals, rounded half up as Trino does: DuckDB would make doubles."""
    call = exp.Anonymous(this="standin_decimal_division", expressions=[
        left.copy(), right.copy(), exp.cast(exp.Literal.number(10 ** exponent), "INT128"), exp.Literal.number(scale)])
    return exp.cast(call, f"DECIMAL({precision},{scale})")


def _without_ordinals(group, select):
    """GROUP BY 1 means the first column of the SELECT, not of the probe."""
    for place, each in enumerate(group.expressions):
        if isinstance(each, exp.Literal) and not each.is_string:
            group.expressions[place].replace(select.expressions[int(each.name) - 1].unalias().copy())
    return group


def visible_tables(select):
    """The WITH entries that a SELECT can name, outermost first."""
    found, inside, node = [], None, select
    while node is not None:
        with_ = (node.args.get("with_") or node.args.get("with")) if isinstance(node, exp.Query) else None
        if with_ is not None:
            entries = with_.expressions
            place = next((at for at, each in enumerate(entries) if each is inside), len(entries))
            found = entries[:place] + found
        inside = node if isinstance(node, exp.CTE) else inside
        node = node.parent
    return found


def family(kind):
    """Types that Trino converts among each other; None for those that are not judged."""
    if kind in INTEGERS or kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
        return None if kind.endswith("]") else "number"
    if kind in ("DATE",) or (kind.startswith("TIMESTAMP") and not kind.endswith("]")):
        return "time"
    return {"VARCHAR": "text", "BOOLEAN": "boolean", "BLOB": "binary", "INTERVAL": "interval"}.get(kind)


def digits(kind):
    """(precision, scale) of a number as a decimal."""
    found = re.match(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    return (int(found.group(1)), int(found.group(2))) if found else (DIGITS.get(kind, 19), 0)


def trino_name(kind):
    return {"HUGEINT": "bigint", "FLOAT": "real", "TIMESTAMP": "timestamp(3)", "BLOB": "varbinary"}.get(kind, kind.lower())


def query_failure(error):
    """Athena's failure for one of DuckDB."""
    text = str(error).split("\n")[0]
    if "Division by zero" in text:
        return QueryFailed("DIVISION_BY_ZERO", "Division by zero")
    if "does not exist" in text and "Function" in text:
        return QueryFailed("NOT_SUPPORTED", f"the stand-in cannot execute this function: {text}")
    if "Referenced column" in text or "does not have a column named" in text:
        name = re.search(r'[Cc]olumn (?:named )?"([^"]*)"', text)
        return QueryFailed("COLUMN_NOT_FOUND", f"line 1:1: Column '{name.group(1) if name else text}' cannot be resolved or "
                           "requester is not authorized to access requested resources")
    if isinstance(error, duckdb.ConversionException):
        return QueryFailed("INVALID_CAST_ARGUMENT", text)
    if isinstance(error, duckdb.OutOfRangeException):
        return QueryFailed("NUMERIC_VALUE_OUT_OF_RANGE", text)
    if isinstance(error, (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException)):
        return QueryFailed("SYNTAX_ERROR", f"line 1:1: {text}")
    return QueryFailed("GENERIC_INTERNAL_ERROR", text, category=1)

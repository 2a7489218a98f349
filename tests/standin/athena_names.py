"""Names in a SELECT: which tables it reads, aliases that Trino does not see, names of columns without one."""

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from athena_syntax import QueryFailed

CATALOGS = ("", "awsdatacatalog")


def qualify_tables(tree, database):
    """Gives every table of the catalog its database; returns the (database, name) pairs."""
    found = []
    for table in real_tables(tree):
        if table.catalog.lower() not in CATALOGS:
            raise QueryFailed("CATALOG_NOT_FOUND", f"line 1:1: Catalog '{table.catalog}' does not exist")
        if not (table.db or database):
            raise QueryFailed("MISSING_SCHEMA_NAME", "line 1:1: Schema must be specified when session schema is not set")
        pair = (table.db or database).lower(), table.name.lower()
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(pair[1], quoted=True)))
        table.set("catalog", None)
        table.set("db", exp.to_identifier(pair[0], quoted=True))
        table.set("this", exp.to_identifier(pair[1], quoted=True))
        found.append(pair)
    return list(dict.fromkeys(found))


def real_tables(tree):
    """The tables that are not names of a WITH."""
    seen = {}
    for scope in traverse_scope(tree):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and source.name:
                seen[id(source)] = source
    return list(seen.values())


def check_aliases(tree, columns_of):
    """DuckDB lets an alias of a SELECT be used in its WHERE, GROUP BY, HAVING and other columns; Trino does not."""
    for scope in traverse_scope(tree):
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        known = set()
        for source in scope.sources.values():
            known |= source_columns(source, columns_of)
        aliases = {each.alias.lower() for each in select.expressions if isinstance(each, exp.Alias)} - known
        for column in _columns_of_clauses(select):
            if not column.table and column.name.lower() in aliases:
                raise QueryFailed("COLUMN_NOT_FOUND", f"line 1:1: Column '{column.name}' cannot be resolved or requester is "
                                  "not authorized to access requested resources")


def _columns_of_clauses(select):
    parts = list(select.expressions) + [select.args.get(name) for name in ("where", "group", "having")]
    parts += select.args.get("joins") or []
    for part in parts:
        if part is not None:
            for node in part.walk(prune=lambda each: isinstance(each, exp.Query)):
                if isinstance(node, exp.Column) and not _is_bound(node):
                    yield node


def _is_bound(column):
    """Whether it is the argument of a lambda."""
    function = column.find_ancestor(exp.Lambda)
    return function is not None and column.name in {each.name for each in function.expressions}


def source_columns(source, columns_of):
    """The names of the columns of a table or of a SELECT in FROM."""
    if isinstance(source, exp.Table):
        return {name.lower() for name in columns_of(source.db, source.name)}
    expression = source.expression
    alias = getattr(expression.parent, "args", {}).get("alias") if expression.parent is not None else None
    if isinstance(alias, exp.TableAlias) and alias.columns:
        return {each.name.lower() for each in alias.columns}
    if not isinstance(expression, exp.Query):
        return {each.name.lower() for each in expression.find_all(exp.Identifier)}
    first = expression
    while isinstance(first, exp.SetOperation):
        first = first.this
    names = {each.alias_or_name.lower() for each in getattr(first, "expressions", [])}
    if any(each.is_star for each in getattr(first, "expressions", [])):
        for inner in [source, *source.union_scopes]:
            for deeper in inner.sources.values():
                names |= source_columns(deeper, columns_of)
    return names


def name_columns(tree):
    """Trino calls a column without a name _col0, _col1, by its place."""
    first = tree
    while isinstance(first, (exp.SetOperation, exp.Subquery)):
        first = first.this
    if not isinstance(first, exp.Select):
        return
    for place, each in enumerate(first.expressions):
        if not isinstance(each, (exp.Alias, exp.Column, exp.Star)) and not each.is_star:
            each.replace(exp.alias_(each.copy(), f"_col{place}", quoted=True))

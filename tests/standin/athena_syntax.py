"""Refuses text that Athena would refuse, although sqlglot or DuckDB take it; fills the parameters of a query.

It looks at tokens, because a tolerant parser has already forgotten what it tolerated.
"""

import re

from athena_functions import (EXTRACT_FIELDS, FUNCTIONS, INTERVAL_UNITS, NO_FUNCTIONS, RESERVED, TYPES)

TOKEN = re.compile(r"""
    (?P<comment>--[^\n]*|/\*.*?\*/) | (?P<space>\s+) | (?P<string>'(?:[^']|'')*') | (?P<quoted>"(?:[^"]|"")+")
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?) | (?P<word>[^\W\d]\w*)
    | (?P<op>::|:=|==|<=>|<>|!=|<=|>=|->|=>|\|\||//|~~|<<|>>|&&|.)
""", re.X | re.S)
FOREIGN = {"::", ":=", "==", "<=>", "~", "~~", "!", "^", "//", "&", "&&", "|", "<<", ">>", "@", "#", "{", "}", "$", "`", "\\",
           ":", "'", '"'}
ENDS_A_LIST = {"from", "where", "group", "order", "having", "limit", "union", "except", "intersect", "on", "window"}
FOREIGN_WORDS = {"qualify": "QUALIFY", "ilike": "ILIKE", "rlike": "RLIKE", "regexp": "REGEXP", "glob": "GLOB",
                 "isnull": "ISNULL", "notnull": "NOTNULL", "pivot": "PIVOT", "unpivot": "UNPIVOT", "asof": "ASOF",
                 "positional": "POSITIONAL", "materialized": "MATERIALIZED", "div": "DIV", "similar": "SIMILAR"}
OPERAND_ENDS = {"string", "quoted", "number"}


class QueryFailed(Exception):
    """A query that ends as FAILED, with the message that Athena would give."""

    def __init__(self, code, message, category=2):
        super().__init__(f"{code}: {message}")
        self.category = category


class Token:
    def __init__(self, kind, text, start, where):
        self.kind = kind
        self.text = text
        self.start = start
        self.where = where
        self.word = text.lower() if kind == "word" else ""

    def fail(self, message):
        raise QueryFailed("SYNTAX_ERROR", f"{self.where}: {message}")

    def is_op(self, *texts):
        return self.kind == "op" and self.text in texts


def tokenize(sql):
    """The tokens without comments and spaces, a trailing semicolon left out."""
    tokens = []
    for found in TOKEN.finditer(sql):
        if found.lastgroup in ("comment", "space"):
            continue
        before = sql[:found.start()]
        where = f"line {before.count(chr(10)) + 1}:{found.start() - before.rfind(chr(10))}"
        tokens.append(Token(found.lastgroup, found.group(), found.start(), where))
    while tokens and tokens[-1].is_op(";"):
        tokens.pop()
    return tokens


def is_one_statement(sql):
    return not any(token.is_op(";") for token in tokenize(sql))


def fill_parameters(sql, parameters):
    """Puts literals in the place of `?`, in order."""
    places = [token.start for token in tokenize(sql) if token.is_op("?")]
    if len(places) != len(parameters):
        raise QueryFailed("SYNTAX_ERROR", f"line 1:1: Incorrect number of parameters: expected {len(places)} but found "
                          f"{len(parameters)}")
    for place, text in reversed(list(zip(places, parameters))):
        check_literal(text)
        sql = f"{sql[:place]}{text}{sql[place + 1:]}"
    return sql


def plain_decimals(sql):
    """DECIMAL '1.50' as the number that it is: sqlglot would make a cast of it, which has other digits."""
    tokens = tokenize(sql)
    for kind, text in reversed(list(zip(tokens, tokens[1:]))):
        if kind.word == "decimal" and text.kind == "string":
            number = text.text[1:-1]
            digits = sum(each.isdigit() for each in number)
            number = number if "." in number else f"CAST('{number}' AS DECIMAL({digits}, 0))"
            sql = f"{sql[:kind.start]}{number}{sql[text.start + len(text.text):]}"
    return sql


def check_literal(text):
    """A parameter is the text of a literal: a string in quotes, a number, DATE '…', CAST('…' AS type)."""
    shapes = " ".join(token.word or {"op": token.text}.get(token.kind, token.kind) for token in tokenize(text))
    literal = r"(?:[+-] )?number|string|true|false|null|(?:date|time|timestamp|decimal|double|bigint|varchar|char) string"
    if not re.fullmatch(rf"(?:{literal})|cast \( (?:{literal}) as .*\)|array \[ .* \]|array \[ \]", shapes):
        raise QueryFailed("SYNTAX_ERROR", f"line 1:1: the execution parameter is not a literal: {text[:80]}")


def check(sql):
    """Raises QueryFailed for a SELECT that Trino would not parse or whose functions and types it does not have."""
    tokens = tokenize(sql)
    if not tokens:
        raise QueryFailed("SYNTAX_ERROR", "line 1:1: mismatched input '<EOF>'")
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        _check_token(token, before, after)
        _check_word(token, before, after)
        if token.word == "interval":
            _check_interval(tokens, place)
        if after is not None and after.is_op("("):
            _check_call(tokens, place, before)
    _check_limit(tokens)


def _check_token(token, before, after):
    if token.is_op(*FOREIGN):
        token.fail(f"mismatched input '{token.text}'")
    if token.is_op("?"):
        token.fail("mismatched input '?'")
    if token.is_op(",") and (after is None or after.word in ENDS_A_LIST or after.is_op(")", "]", ",")):
        (after or token).fail(f"mismatched input '{after.text if after else '<EOF>'}'")
    if token.is_op("[") and not (before and (before.word == "array" or before.kind in OPERAND_ENDS
                                            or before.is_op(")", "]") or (before.kind == "word" and before.word not in RESERVED))):
        token.fail("mismatched input '['")
    if token.kind == "number" and after and after.kind == "word" and after.start == token.start + len(token.text):
        after.fail("identifiers must not start with a digit; surround the identifier with double quotes")
    if token.kind == "string" and before and before.word in ("e", "b", "r") and before.start == token.start - 1:
        before.fail(f"Unknown type: {before.word}")


def _check_word(token, before, after):
    if token.kind != "word":
        return
    if not token.text.isascii():
        token.fail(f"mismatched input '{token.text}': identifiers with such letters must be quoted")
    named = before is not None and (before.word == "as" or before.is_op("."))
    if token.word in FOREIGN_WORDS and not named and after is not None and not after.is_op(",", ".", "="):
        token.fail(f"mismatched input '{token.text}'")
    if before is not None and before.word == "as" and token.word in RESERVED and token.word not in ("select", "with"):
        token.fail(f"mismatched input '{token.text}'. Expecting: <identifier>")
    if before is not None and before.word == "by" and token.word == "all":
        token.fail("mismatched input 'ALL'")
    if before is not None and before.word == "distinct" and token.word == "on" and after is not None and after.is_op("("):
        token.fail("mismatched input 'ON'")


def _check_interval(tokens, place):
    """INTERVAL '1' DAY: the number in quotes, the unit outside of them and in the singular."""
    rest = [token for token in tokens[place + 1:place + 4] if not token.is_op("+", "-")]
    if not rest or rest[0].kind not in ("number", "string"):
        return
    if rest[0].kind == "number":
        rest[0].fail(f"mismatched input '{rest[0].text}'. Expecting: '+', '-', <string>")
    if len(rest) < 2 or rest[1].word not in INTERVAL_UNITS:
        rest[0].fail("mismatched input after the interval. Expecting: 'DAY', 'HOUR', 'MINUTE', 'MONTH', 'SECOND', 'YEAR'")


def _check_call(tokens, place, before):
    token = tokens[place]
    if token.kind != "word":
        return
    name = token.word
    if name in ("cast", "try_cast"):
        _check_cast(tokens, place)
    if name == "extract" and place + 2 < len(tokens) and tokens[place + 2].word not in EXTRACT_FIELDS:
        tokens[place + 2].fail(f"Invalid EXTRACT field: {tokens[place + 2].text}")
    if name in FUNCTIONS or name in NO_FUNCTIONS or name in TYPES or _names_columns(tokens, place, before):
        return
    token.fail(f"Function '{name}' not registered")


def _names_columns(tokens, place, before):
    """Whether `name (a, b)` names the columns of a table: after AS, after a bracket, or in WITH."""
    if before is None:
        return False
    if before.word in ("as", "with", "recursive") or before.is_op(")"):
        return True
    end = _closing(tokens, place + 1)
    return before.is_op(",") and end + 2 < len(tokens) and tokens[end + 1].word == "as" and tokens[end + 2].is_op("(")


def _closing(tokens, opening):
    depth = 0
    for place in range(opening, len(tokens)):
        depth += 1 if tokens[place].is_op("(") else -1 if tokens[place].is_op(")") else 0
        if depth == 0:
            return place
    tokens[opening].fail("mismatched input '<EOF>'. Expecting: ')'")


def _check_cast(tokens, place):
    end = _closing(tokens, place + 1)
    depth, start = 0, None
    for at in range(place + 1, end):
        depth += 1 if tokens[at].is_op("(") else -1 if tokens[at].is_op(")") else 0
        if depth == 1 and tokens[at].word == "as":
            start = at
    if start is None:
        tokens[end].fail("mismatched input ')'. Expecting: 'AS'")
    kinds = [token for token in tokens[start + 1:end] if token.kind in ("word", "quoted")]
    if kinds and kinds[0].word == "row":
        return
    for kind in kinds:
        if kind.word not in TYPES | {"precision", "with", "without", "zone", "to", "day", "second", "year", "month"}:
            kind.fail(f"Unknown type: {kind.text}")


def _check_limit(tokens):
    """Trino puts OFFSET before LIMIT, and takes only a number as the limit."""
    for place, token in enumerate(tokens[:-1]):
        if token.word == "limit" and tokens[place + 1].kind == "number" and place + 2 < len(tokens) \
                and tokens[place + 2].word == "offset":
            tokens[place + 2].fail("mismatched input 'OFFSET'. Expecting: <EOF>")

"""Parses SQL files in Athena's dialect and prints what each reads; exits with 1 where one does not parse.

    python athena.py FILE...

It is lenient: a file that passes is not proven to run on Athena, one that fails will not.
"""

import sys

import sqlglot
from sqlglot import exp


def main(*files):
    wrong = 0
    for file in files:
        text = open(file, encoding="utf-8").read()
        try:
            statements = sqlglot.parse(text, dialect="athena")
            if len(statements) != 1 or not isinstance(statements[0], exp.Query):
                raise ValueError("not one SELECT")
            if list(statements[0].find_all(exp.Anonymous)):
                raise ValueError(f"functions that Athena may not have: {[a.name for a in statements[0].find_all(exp.Anonymous)]}")
            print(f"{file}: reads {', '.join(sorted({t.name for t in statements[0].find_all(exp.Table)}))}")
        except (sqlglot.errors.SqlglotError, ValueError) as error:
            wrong += 1
            print(f"{file}: {error}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

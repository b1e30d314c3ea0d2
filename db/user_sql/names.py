"""What the text of a trigger names, found before there is an engine to ask.

Nothing is decided by it: ``db.user_sql.confine`` lets the engine read the text.
"""

import logging

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from db.errors import SqlError
from db.user_sql.text import tokens_of

# What sqlglot can't parse it hands on as a command, with a warning; we refuse it, with an error.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

MOST_TABLES = 64


def parse(sql: str) -> exp.Query:
    """Return the syntax tree of one SELECT, its tables and functions not yet looked at."""
    tokens_of(sql)
    try:
        statements = [s for s in sqlglot.parse(sql, dialect="clickhouse") if s is not None]
    except sqlglot.errors.SqlglotError as fault:
        raise SqlError(_where(fault)) from None
    except RecursionError:
        raise SqlError("the query is nested too deeply") from None
    if len(statements) != 1:
        raise SqlError(f"one SELECT is expected, here are {len(statements)} statements")
    tree = statements[0]
    if not isinstance(tree, exp.Query):
        raise SqlError(f"only SELECT is allowed, this is {tree.key.upper()}")
    n_tables = sum(1 for _ in tree.find_all(exp.Table, exp.CTE))
    if n_tables > MOST_TABLES:
        raise SqlError(f"the query names {n_tables} tables and WITH clauses; at most {MOST_TABLES}")
    return tree


def reads(tree: exp.Query) -> set[str]:
    """Return the names of the relations that a tree reads, its own WITH clauses left out."""
    try:
        return {
            source.name
            for scope in traverse_scope(tree)
            for source in scope.sources.values()
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
        }
    except (RecursionError, sqlglot.errors.SqlglotError) as fault:
        raise SqlError(f"the query's tables can't be told: {fault}") from None


def parameters(tree: exp.Query) -> dict[str, str]:
    """Return name and type of the ``{name:Type}`` parameters in a tree."""
    return {
        node.name: _text(node.args["kind"]) if node.args.get("kind") else ""
        for node in tree.find_all(exp.Placeholder)
    }


def _text(kind: exp.Expr | str) -> str:
    return kind if isinstance(kind, str) else kind.sql(dialect="clickhouse")


def _where(fault: sqlglot.errors.SqlglotError) -> str:
    errors = getattr(fault, "errors", None)
    if not errors:
        return f"the SQL can't be parsed: {fault}"
    first = errors[0]
    place = f"line {first['line']}, column {first['col']}"
    near = f"{first['start_context'][-30:]}>>>{first['highlight']}<<<{first['end_context'][:30]}"
    return f"the SQL can't be parsed at {place}: {first['description']}\n  {near}"

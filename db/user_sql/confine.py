"""Confines SQL of users to one SELECT over the relations that they are given.

The text is parsed, the tree is checked, and what runs is written anew from the tree: nothing that
was not looked at reaches the engine. On a server, grants and settings are a second wall.
"""

import logging
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from db.errors import SqlError

# What sqlglot can't parse it hands on as a command, with a warning; we refuse it, with an error.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

# Functions that reach files, other tables, the host or the server, and those that give something
# else each time they are asked: what they find could not be found again.
_FORBIDDEN = re.compile(
    r"(file|dictget|dicthas|dictis|joinget|sleep|hostname|fqdn|getmacro|getsetting|getserversetting"
    r"|currentuser|user|currentdatabase|database|filesystem|addressto|demangle|catboostevaluate"
    r"|hascolumnintable|executable|initialqueryid|queryid|serveruuid|tcpport|zookeeper|throwif"
    r"|naivebayesclassifier|eval|now|today|yesterday|rand|generateuuid|generateulid|fuzz|uptime"
    r"|generatesnowflake|rownumberin|blocknumber|blocksize|runningdifference|currenttimestamp"
    r"|currentdate|currenttime|uuid$|(global)?(not)?(null)?in(ignoreset)?$).*"
)
# Row generators that read nothing.
_GENERATORS = {"numbers", "generate_series", "generateseries"}
# What a store calls its own tables: a WITH must not hide behind such a name.
_TABLES = re.compile(
    r"chunks|runs|rates|gaps|lineages|ledger|failures|triggers|schema_versions|tokens|audit|posts"
    r"|alarms|orders|origins|post_takers|reprocessings|reprocessing_progress|results_policies"
    r"|retention_policies|retention_pins|aside_parts|dropped_chunks"
    r"|(rows|words|hits|rates_of)_.*"
)


def confined(sql: str, relations: Collection[str]) -> exp.Query:
    """Return the syntax tree of one SELECT that reads nothing but ``relations``.

    Raises SqlError that names the place where the text is no single SELECT, names another table,
    a function that reaches outside, or settings.
    """
    tree = parse(sql)
    try:
        for node in tree.walk():
            _check(node, tree, relations)
        tree.sql(dialect="clickhouse")
    except RecursionError:
        raise SqlError("the query is nested too deeply") from None
    return tree


def parse(sql: str) -> exp.Query:
    """Return the syntax tree of one SELECT, its tables and functions not yet looked at."""
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
        raise SqlError(f"only SELECT is allowed, this is {tree.key.upper()}: {_short(tree)}")
    return tree


def reads(tree: exp.Query) -> set[str]:
    """Return the names of the relations that a tree reads, its own WITH clauses left out."""
    return {
        source.name
        for scope in traverse_scope(tree)
        for source in scope.sources.values()
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
    }


class Written(NamedTuple):
    """A checked SELECT written anew, to be bound as often as one likes."""

    text: str
    tables: frozenset[str]
    """Names of all tables in it."""
    names: frozenset[str] | None
    """All names in it, among them every column that it reads; None where it has a *."""


@lru_cache(maxsize=256)
def checked(sql: str, relations: tuple[str, ...]) -> Written:
    """Return a SELECT that reads nothing but ``relations``; what ``confined`` raises, it raises."""
    return _written(confined(sql, relations))


def bound(query: exp.Query | Written, relations: Mapping[str, str]) -> str:
    """Return SQL in which each relation's name stands for the SELECT given for it.

    Only relations that the query uses are bound.
    """
    text, tables, _ = query if isinstance(query, Written) else _written(query)
    ctes = ", ".join(f"`{name}` AS ({sql})" for name, sql in relations.items() if name in tables)
    return f"WITH {ctes} SELECT * FROM ({text})" if ctes else f"SELECT * FROM ({text})"


def _written(tree: exp.Query) -> Written:
    names = {each.name for each in tree.find_all(exp.Identifier)}
    return Written(
        tree.sql(dialect="clickhouse", comments=False),
        frozenset(table.name for table in tree.find_all(exp.Table)),
        None if tree.find(exp.Star) else frozenset(names),
    )


def parameters(tree: exp.Query) -> dict[str, str]:
    """Return name and type of the ``{name:Type}`` parameters in a tree."""
    return {
        node.name: _text(node.args["kind"]) if node.args.get("kind") else ""
        for node in tree.find_all(exp.Placeholder)
    }


def _check(node: exp.Expr, tree: exp.Query, relations: Collection[str]) -> None:
    acts = exp.DDL | exp.DML | exp.Command | exp.Into | exp.Describe | exp.Show
    if isinstance(node, acts) and not isinstance(node, exp.Query):
        raise SqlError(f"only SELECT is allowed, found {_short(node)}")
    if isinstance(node, exp.Query) and (node.args.get("settings") or node.args.get("format")):
        raise SqlError("SETTINGS and FORMAT are not for users: leave them out")
    if isinstance(node, exp.Table):
        _check_table(node, tree, relations)
    if isinstance(node, exp.From) and not isinstance(node.this, exp.Table | exp.Subquery):
        raise SqlError(f"FROM wants a table's name or a subquery: {_short(node)}")
    if isinstance(node, exp.Join) and node.kind == "ARRAY" and node.find(exp.Query):
        raise SqlError(f"ARRAY JOIN wants a column, not a subquery: {_short(node)}")
    if isinstance(node, exp.In) and (
        node.args.get("field") is not None
        or any(isinstance(each, exp.Column | exp.Dot | exp.Table) for each in node.expressions)
    ):
        raise SqlError(f"IN wants a list of values or a subquery in parentheses: {_short(node)}")
    hides = isinstance(node, exp.CTE) and node.alias not in relations
    if hides and _TABLES.fullmatch(node.alias):
        raise SqlError(f"{node.alias} is the name of a table: call this WITH something else")
    if isinstance(node, exp.Func):
        name = node.name if node.key == "anonymous" else node.sql_name()
        if _FORBIDDEN.fullmatch(name.lower().replace("_", "")):
            raise SqlError(f"the function {name} is not allowed here")
    kind = node.args.get("kind") if isinstance(node, exp.Placeholder) else None
    if kind is not None and "identifier" in _text(kind).lower():
        raise SqlError(f"a parameter can't be an identifier: {_short(node)}")


def _check_table(node: exp.Table, tree: exp.Query, relations: Collection[str]) -> None:
    if isinstance(node.this, exp.Func):
        call = node.this
        name = call.name if call.key == "anonymous" else call.sql_name()
        if name.lower() in _GENERATORS:
            return
    if not isinstance(node.this, exp.Identifier):
        raise SqlError(f"table functions are not allowed: {_short(node)}")
    if node.db or node.catalog:
        raise SqlError(f"tables are named without a database: {_short(node)}")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    if node.name not in own and node.name not in relations:
        near = get_close_matches(node.name, relations, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise SqlError(
            f"there is no {node.name!r} here; {hint}known: {', '.join(sorted(relations))}"
        )


def _text(kind: exp.Expr | str) -> str:
    return kind if isinstance(kind, str) else kind.sql(dialect="clickhouse")


def _short(node: exp.Expr) -> str:
    text = node.sql(dialect="clickhouse", comments=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _where(fault: sqlglot.errors.SqlglotError) -> str:
    errors = getattr(fault, "errors", None)
    if not errors:
        return f"the SQL can't be parsed: {fault}"
    first = errors[0]
    place = f"line {first['line']}, column {first['col']}"
    near = f"{first['start_context'][-30:]}>>>{first['highlight']}<<<{first['end_context'][:30]}"
    return f"the SQL can't be parsed at {place}: {first['description']}\n  {near}"

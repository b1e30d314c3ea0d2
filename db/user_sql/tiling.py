"""Refuses SQL of triggers whose rows hang on how much of a run one window holds."""

import re
from collections.abc import Iterator

from sqlglot import exp

from db.errors import SqlError
from db.user_sql.names import parse

_TIME = re.compile(r"t|t_\w+|\w+_t", re.IGNORECASE)
_NEIGHBOURS = {"lag", "lead", "laginframe", "leadinframe"}
_HINT = "a trigger must find the same however its windows are cut"


def refuse_whole_windows(sql: str) -> None:
    """Raise SqlError for what must depend on where a window begins and ends.

    That are LIMIT and OFFSET, aggregates over all rows of a window, and window functions that count
    from its first row or to its last. What is grouped by a time, or by columns of a subquery, is
    taken: whether that reaches too far can't be told from the text.
    """
    tree = parse(sql)
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    for select in tree.find_all(exp.Select):
        _check_limits(select)
        _check_groups(select, ctes)
        for window in _own(select, exp.Window):
            if not isinstance(window.this, exp.Identifier):  # a definition: looked at by its users
                _check_window(select, window, ctes)


def _check_limits(select: exp.Select) -> None:
    for name in ("limit", "offset"):
        if select.args.get(name):
            raise SqlError(
                f"{name.upper()} keeps rows by what else is in their window: {_HINT}; keep them by"
                " a condition"
            )


def _check_groups(select: exp.Select, ctes: set[str]) -> None:
    aggregates = [
        node for node in _own(select, exp.AggFunc) if not isinstance(node.parent, exp.Window)
    ]
    groups = select.args.get("group")
    if not groups:
        if aggregates:
            raise SqlError(
                f"{aggregates[0].sql(dialect='clickhouse')} is taken over all rows of a window:"
                f" {_HINT}; group by a time, or count OVER a range of times"
            )
        return
    keys = groups.expressions
    if keys and _reads_rows(select, ctes) and not any(_is_timed(select, key) for key in keys):
        raise SqlError(
            f"GROUP BY {', '.join(key.sql(dialect='clickhouse') for key in keys)} gathers all rows"
            f" of a window: {_HINT}; group by a time, too"
        )


def _check_window(select: exp.Select, window: exp.Expr, ctes: set[str]) -> None:
    function = window.this
    name = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
    if name.lower() in _NEIGHBOURS:
        return
    meant = _meant(select, window)
    spec = meant.args.get("spec")
    if spec and "UNBOUNDED" not in (spec.args.get("start"), spec.args.get("end")):
        return
    parts = meant.args.get("partition_by") or []
    if parts and (not _reads_rows(select, ctes) or any(_is_timed(select, part) for part in parts)):
        return
    raise SqlError(
        f"{window.sql(dialect='clickhouse')} looks at all rows from its window's begin, or to its"
        f" end: {_HINT}; write OVER (ORDER BY t RANGE BETWEEN 40 PRECEDING AND CURRENT ROW), say"
    )


def _meant(select: exp.Select, window: exp.Expr) -> exp.Expr:
    """Return the definition of a window: its own, or that of the name which it gives."""
    named = {each.name: each for each in select.args.get("windows") or []}
    own = any(window.args.get(part) for part in ("partition_by", "order", "spec"))
    return window if own else named.get(window.alias, window)


def _own(select: exp.Select, kind: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Yield the nodes of a SELECT that lie in none of its subqueries."""
    for node in select.find_all(kind):
        if node.find_ancestor(exp.Select) is select:
            yield node


def _reads_rows(select: exp.Select, ctes: set[str]) -> bool:
    """Whether a SELECT reads a relation itself, and no subquery."""
    source = select.args.get("from_") or select.args.get("from")
    return (
        source is not None
        and isinstance(source.this, exp.Table)
        and source.this.name not in ctes
        and not select.args.get("joins")
    )


def _is_timed(select: exp.Select, key: exp.Expr) -> bool:
    """Whether a key is made from a time, by its name, its number, or what it stands for."""
    aliased = {each.alias: each for each in select.expressions if each.alias}
    if isinstance(key, exp.Literal) and not key.is_string:
        at = int(key.name) - 1
        return at < len(select.expressions) and _is_timed(select, select.expressions[at])
    names = [column.name for column in key.find_all(exp.Column)]
    meant = [aliased[name] for name in names if name in aliased]
    found = [column.name for each in meant for column in each.find_all(exp.Column)]
    return any(_TIME.fullmatch(name) for name in (*names, *found))

"""Seconds and dates beside the ticks of an answer, which comes in order of time."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from db.catalogue.runs import Run
from db.user_sql.confine import UserSelect
from db.user_sql.text import has_order

UNDATED = "undated"
"""The setting of a run that says that nobody knows when it began."""
_TICKS = re.compile(r"(Nullable\()?U?Int(8|16|32|64)\)?")
_PLAIN = re.compile(r"[^`\\]+")


def with_times(query: UserSelect, columns: Sequence[tuple[str, str]], run: Run) -> UserSelect:
    """Return a SELECT with ``t_s`` and ``utc`` beside its ``t``, in order of ``t``.

    ``columns`` are name and type of what the query returns. Without whole numbers by the name ``t``
    it stays as it is; a column that it has already is not added; ``utc`` is left out where it is
    not known when the run began; an order that it asks for stays. ``t_s`` is in seconds since the
    run's start, ``utc`` in whole ns.
    """
    names = [name for name, _ in columns]
    if not any(name == "t" and _TICKS.fullmatch(kind) for name, kind in columns):
        return query
    if len(set(names)) < len(names) or not all(map(_PLAIN.fullmatch, names)):
        return query
    added = {"t_s": _seconds(run)} | ({} if run.settings.get(UNDATED) else {"utc": _date(run)})
    beside = [f"{sql} AS {name}" for name, sql in added.items() if name not in names]
    listed = [f"`{name}`" for name in names]
    listed[names.index("t") + 1 : names.index("t") + 1] = beside
    order = "" if has_order(query.text) else " ORDER BY `t`"
    return replace(query, text=f"SELECT {', '.join(listed)} FROM ({query.text}){order}")


def _seconds(run: Run) -> str:
    second = run.detector.tick / 10**9
    return f"toFloat64(`t`) * {second.numerator} / {second.denominator}"


def _date(run: Run) -> str:
    """SQL of the moment of a hit; NULL where it has no date that the engine could write."""
    tick = run.detector.tick
    start = (run.started_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    ns = f"(intDiv(toInt128(`t`) * {tick.numerator}, {tick.denominator}) + {start})"
    date = f"fromUnixTimestamp64Nano(toInt64({ns}), 'UTC')"
    return f"if({ns} BETWEEN 0 AND {2**63 - 1}, {date}, NULL)"

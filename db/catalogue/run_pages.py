"""The catalogue of runs, a page at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from db.catalogue.run_selection import (
    RunSelection,
    check_fields,
    parse_run_selection,
    selection_sql,
)
from db.catalogue.runs import Run, select_runs
from db.engine import Engine, Params, Value

Order = Literal["number", "started", "name"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMN = {"number": "run_id", "started": "toUnixTimestamp64Micro(started_at)", "name": "name"}
_TYPE = {"number": "UInt32", "started": "Int64", "name": "String"}

Key = tuple[int | str, int]
"""The value that a list is ordered by, and the run's number: a run's place in the list."""


@dataclass(frozen=True)
class RunFilter:
    """Which runs are wanted; what is None does not matter."""

    state: str | None = None
    detector: str | None = None
    name_contains: str | None = None
    text: str | None = None
    started_from: datetime | None = None
    started_before: datetime | None = None
    where: str | None = None
    """A selection over fields and tags: see ``db.catalogue.run_selection``."""


def page_of_runs(
    engine: Engine,
    which: RunFilter,
    order: Order,
    *,
    descending: bool,
    limit: int,
    after: Key | None = None,
) -> list[Run]:
    """Return at most ``limit`` of the runs behind the key ``after``, in order.

    Raises SelectionError for a wrong selection, and for a field that no run ever had.
    """
    where, params = _where(which)
    way = "DESC" if descending else "ASC"
    if after is not None:
        sign = "<" if descending else ">"
        where += f" AND ({_COLUMN[order]}, run_id) {sign} ({{v:{_TYPE[order]}}}, {{id:UInt32}})"
        params |= {"v": after[0], "id": after[1]}
    by = f"{_COLUMN[order]} {way}, run_id {way}"
    if not which.where:
        return _first(engine, where, params, by, limit)
    selection = _selection(engine, which.where)
    steps: Iterable[str] = ("true",)
    if order == "number":
        steps = _stretches(engine, after and after[1], descending=descending)
    page: list[Run] = []
    for within in steps:
        condition, more = selection_sql(selection, within)
        here = f"{where} AND {within} AND {condition}"
        page += _first(engine.shards[0].here, here, params | more, by, limit - len(page))
        if len(page) == limit:
            break
    return page


def _first(engine: Engine, where: str, params: Params, by: str, limit: int) -> list[Run]:
    """The first runs that meet a condition; whole entries are read of these alone."""
    numbers = f"SELECT run_id FROM runs FINAL WHERE {where} ORDER BY {by} LIMIT {limit}"
    return select_runs(engine, f"run_id IN ({numbers})", params, order=by)


def _stretches(engine: Engine, behind: int | None, *, descending: bool) -> Iterator[str]:
    """Yield conditions that together hold for all runs behind a number, the next ones first.

    A page that is full after the first has read little.
    """
    last = int(engine.fetch("SELECT max(run_id) AS last FROM runs")["last"][0].as_py())
    step = _STRETCH
    if descending:
        stop = last + 1 if behind is None else behind
        while stop > 0:
            start, step = max(0, stop - step), step * 8
            yield f"run_id >= {start} AND run_id < {stop}"
            stop = start
    else:
        start = 0 if behind is None else behind + 1
        while start <= last:
            yield f"run_id >= {start} AND run_id < {start + step}"
            start, step = start + step, step * 8


_STRETCH = 10_000


def _selection(engine: Engine, text: str) -> RunSelection:
    selection = parse_run_selection(text)
    check_fields(engine, selection)
    return selection


def key_of_run(run: Run, order: Order) -> Key:
    """Return a run's place in the list of this order."""
    value: dict[str, int | str] = {
        "number": run.run_id,
        "started": (run.started_at - _EPOCH) // timedelta(microseconds=1),
        "name": run.name,
    }
    return value[order], run.run_id


def count_runs(engine: Engine, which: RunFilter) -> int:
    """Return how many runs there are of these."""
    where, params = _where(which)
    if which.where:
        condition, more = selection_sql(_selection(engine, which.where), "true")
        where, params, engine = f"{where} AND {condition}", params | more, engine.shards[0].here
    counted = engine.fetch(f"SELECT count() AS n FROM runs FINAL WHERE {where}", params)
    return int(counted["n"][0].as_py())


def _where(which: RunFilter) -> tuple[str, dict[str, Value]]:
    conditions, params = ["true"], dict[str, Value]()
    for name, condition in _CONDITIONS.items():
        value = getattr(which, name)
        if value is not None:
            conditions.append(condition)
            params[name] = (
                f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
                if isinstance(value, datetime)
                else value
            )
    return " AND ".join(conditions), params


_CONDITIONS = {
    "state": "state = {state:String}",
    "detector": "detector = {detector:String}",
    "name_contains": "positionCaseInsensitiveUTF8(name, {name_contains:String}) > 0",
    "text": "positionCaseInsensitiveUTF8(concat(name, '\\n', note, '\\n', detector),"
    " {text:String}) > 0",
    "started_from": "started_at >= toDateTime64({started_from:String}, 6, 'UTC')",
    "started_before": "started_at < toDateTime64({started_before:String}, 6, 'UTC')",
}

"""The catalogue of runs, a page at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from db.catalogue.runs import Run, select_runs
from db.engine import Engine

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


def page_of_runs(
    engine: Engine,
    which: RunFilter,
    order: Order,
    *,
    descending: bool,
    limit: int,
    after: Key | None = None,
) -> list[Run]:
    """Return at most ``limit`` of the runs behind the key ``after``, in order."""
    where, params = _where(which)
    way = "DESC" if descending else "ASC"
    if after is not None:
        sign = "<" if descending else ">"
        where += f" AND ({_COLUMN[order]}, run_id) {sign} ({{v:{_TYPE[order]}}}, {{id:UInt32}})"
        params |= {"v": after[0], "id": after[1]}
    return select_runs(
        engine, where, params, order=f"{_COLUMN[order]} {way}, run_id {way}", limit=limit
    )


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
    counted = engine.fetch(f"SELECT count() AS n FROM runs FINAL WHERE {where}", params)
    return int(counted["n"][0].as_py())


def _where(which: RunFilter) -> tuple[str, dict[str, int | str]]:
    conditions, params = ["true"], dict[str, int | str]()
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

"""The catalogue of runs: each change of an entry is a new revision, the newest counts."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import polars as pl

from db.catalogue.record import enter, enter_first
from db.detector import Detector, loads
from db.engine import Engine
from db.errors import UsageError
from db.json_text import json_text

State = Literal["open", "closed"]
LONGEST_NAME = 100


@dataclass(frozen=True)
class Run:
    """A stretch of data taking with one detector, one clock zero and one grid of windows."""

    run_id: int
    name: str
    state: State
    declaration: str
    """The whole text of the detector's declaration, as it was when the run began."""
    started_at: datetime
    cell: int
    """Ticks. Windows are cells [n * cell, (n + 1) * cell) of this grid, or rows of them."""
    stopped_at: datetime | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    revision: int = 0

    @property
    def detector(self) -> Detector:
        """The run's detector, with the calibration that was valid when the run started."""
        return _detector(self.declaration, self.started_at)


@lru_cache(maxsize=64)
def _detector(declaration: str, when: datetime) -> Detector:
    return loads(declaration).at(when)


def open_run(
    engine: Engine,
    detector: Detector,
    *,
    name: str = "",
    cell: int,
    started_at: datetime | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Enter a new run in the catalogue and return it; its number is the next free one.

    Of several clients that take a number at the same moment the store keeps the first, and the
    others take the next. They are told apart by their revisions, which begin at random.

    Raises UsageError for a name that ``check_name`` refuses.
    """
    check_name(name)
    while True:
        last = engine.fetch("SELECT max(run_id) AS last FROM runs")["last"][0].as_py()
        run = Run(
            run_id=last + 1,
            name=name or f"run {last + 1}",
            state="open",
            declaration=detector.source,
            started_at=started_at or datetime.now(UTC),
            cell=cell,
            settings=settings or {},
            revision=secrets.randbits(60),
        )
        enter_first(engine, "runs", _row(run), ("run_id",))
        if find_run(engine, run.run_id).revision == run.revision:
            return run


def planned_run(detector: Detector, cell: int, settings: Mapping[str, Any] | None = None) -> Run:
    """Return a run that is not entered and has no words: its number is 0, which no run has."""
    return Run(
        run_id=0,
        name="",
        state="open",
        declaration=detector.source,
        started_at=datetime.now(UTC),
        cell=cell,
        settings=settings or {},
    )


def check_name(name: str) -> None:
    """Raise UsageError unless a new run may have the name.

    Names have up to 100 characters that can be printed, of any script, and spaces between them.
    Runs of other names, of older versions, are found and shown as all others.
    """
    if len(name) > LONGEST_NAME:
        raise UsageError(
            f"the name of a run has up to {LONGEST_NAME} characters: {name[:20]}… has {len(name)}"
        )
    if not name.isprintable() or name != name.strip():
        raise UsageError(
            f"{name!r} is no name of a run: write characters that can be printed,"
            " and spaces only between them"
        )


def name_of_file(file: str) -> str:
    """Return the name of a run for the name of a file, whose characters may be any."""
    shown = "".join(c if c.isprintable() else "?" for c in file)
    return shown.strip()[:LONGEST_NAME].strip()


def close_run(engine: Engine, run: Run, stopped_at: datetime | None = None) -> Run:
    """Mark the run as ended: nothing more is waited for, though late data still repair it."""
    return amend_run(engine, run, state="closed", stopped_at=stopped_at or datetime.now(UTC))


def close_orphans(engine: Engine) -> list[Run]:
    """Close runs that a killed process left open, and return them.

    Only for a store that one process owns at a time: there, whoever opens it knows that nobody
    else takes data. Runs whose words are posted, and those that readouts take on orders, stay open:
    they go on when the server or the readout is back.
    """
    orphans = select_runs(
        engine,
        "state = 'open' AND JSONExtractString(settings, 'source') NOT IN ('posted', 'ordered')",
        {},
    )
    return [close_run(engine, amend_run(engine, run, note="interrupted")) for run in orphans]


def amend_run(engine: Engine, run: Run, **changes: Any) -> Run:
    """Store a new revision of the run's entry and return it."""
    newer = replace(run, revision=run.revision + 1, **changes)
    enter(engine, "runs", _row(newer))
    return newer


def list_runs(engine: Engine) -> list[Run]:
    """Return all runs, oldest first."""
    return select_runs(engine, "true", {})


def open_runs(engine: Engine) -> list[Run]:
    """Return the runs that take data, oldest first."""
    return select_runs(engine, "state = 'open'", {})


def runs_since(engine: Engine, moment: datetime) -> list[Run]:
    """Return the runs that take data, and those that ended at a moment or later, oldest first."""
    since = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
    later = "stopped_at >= toDateTime64({since:String}, 6, 'UTC')"
    return select_runs(engine, f"stopped_at IS NULL OR {later}", {"since": since})


def runs_by_number(engine: Engine, numbers: Sequence[int]) -> dict[int, Run]:
    """Return those of the runs with these numbers that there are, by number."""
    found = select_runs(engine, "has({runs:Array(UInt32)}, run_id)", {"runs": list(numbers)})
    return {run.run_id: run for run in found}


def find_run(engine: Engine, which: int | str | None = None) -> Run:
    """Return a run by number or name, or the newest; raises UsageError that names what is there.

    Digits are the number of a run, or the name of one where no run has that number. ``#7`` is
    always a number, ``name:7`` always a name. Of several runs of a name it is the newest.
    """
    text = str(which)
    number, name = text.removeprefix("#"), text.removeprefix("name:")
    found: list[Run] = []
    if which is None:
        found = select_runs(engine, "run_id = (SELECT max(run_id) FROM runs)", {})
    elif number.isdecimal():  # compared as text: UInt32 would wrap around
        asked = {"which": number.lstrip("0") or "0"}
        found = select_runs(engine, "toString(run_id) = {which:String}", asked)
    if not found and isinstance(which, str) and number == which:
        wanted = {"whole": which, "which": name}
        sql = "name IN ({whole:String}, {which:String})"
        found = select_runs(engine, sql, wanted, order="run_id DESC", limit=1)
    if not found:
        newest = select_runs(engine, "true", {}, order="run_id DESC", limit=10)
        there = ", ".join(str(run.run_id) for run in reversed(newest)) or "none yet"
        missing = "there is no run" if which is None else f"there is no run {which}"
        raise UsageError(f"{missing}; runs in this store: {there}")
    return found[0]


def select_runs(
    engine: Engine,
    where: str,
    params: Mapping[str, Any],
    *,
    order: str = "run_id",
    limit: int | None = None,
) -> list[Run]:
    """Return the runs that meet a condition over the columns of the catalogue.

    ``where`` and ``order`` are our own SQL; what users give goes into ``params``.
    """
    most = "" if limit is None else f" LIMIT {limit}"
    rows = engine.fetch(
        f"SELECT * EXCEPT detector FROM runs FINAL WHERE {where} ORDER BY {order}{most}", params
    )
    found = pl.DataFrame(rows).iter_rows(
        named=True
    )  # Arrow would load pandas, where it is, for dates
    return [Run(**{**row, "settings": json.loads(row["settings"])}) for row in found]


def _row(run: Run) -> dict[str, Any]:
    texts = {"detector": run.detector.name, "settings": json_text(dict(run.settings))}
    return vars(run) | texts

"""Reprocessing that was asked for: a range of a run that triggers are to run over again."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from db.catalogue.record import enter, enter_first
from db.engine import Engine, Params
from db.errors import UsageError
from db.json_text import json_text

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Wanted = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Reprocessing:
    """What is to be done, and how far it is. What is committed stays, whatever becomes of it."""

    number: int
    run_id: int
    wanted: Wanted
    """Parameters of each trigger, by name."""
    a: int
    b: int
    """Ticks, half-open: [a, b)."""
    who: str
    asked_at: datetime
    cancelled: bool = False
    """Somebody wants no more of it."""
    revision: int = 0
    noted: State = "waiting"
    """What its conductor says."""
    done: int = 0
    """Windows that are done, of all triggers."""
    total: int = 0
    """Windows in all; 0 while it is not known."""
    per_second: float = 0.0
    """Windows done in a second, since its conductor took it up."""
    problem: str = ""
    noted_revision: int = 0

    @property
    def state(self) -> State:
        """Where it stands, for people."""
        return "cancelled" if self.cancelled and self.noted in OPEN else self.noted

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in OPEN

    @property
    def seconds_left(self) -> float | None:
        """Seconds until it is done, at the speed it had so far; None while that is not known."""
        if self.state != "running" or not self.per_second:
            return None
        return (self.total - self.done) / self.per_second


OPEN = ("waiting", "running")


def ask_reprocessing(
    engine: Engine, run_id: int, wanted: Wanted, span: tuple[int, int], who: str
) -> Reprocessing:
    """Enter what is to be done and return it; one that is the same and not ended is taken instead.

    Numbers are given as in ``open_run``: of two that take one at a moment, one has it.
    """
    text = json_text(wanted, sort_keys=True)
    for each in unsettled(engine):
        same = (each.run_id, each.a, each.b) == (run_id, *span) and not each.cancelled
        if same and json_text(each.wanted, sort_keys=True) == text:
            return each
    while True:
        last = engine.fetch("SELECT max(number) AS last FROM reprocessings")["last"][0].as_py()
        one = Reprocessing(
            last + 1, run_id, wanted, *span, who, datetime.now(UTC), revision=secrets.randbits(60)
        )
        enter_first(engine, "reprocessings", _row(one), ("number",))
        if find_reprocessing(engine, one.number).revision == one.revision:
            return one


def list_reprocessings(engine: Engine, most: int = 100) -> list[Reprocessing]:
    """Return the newest, newest first."""
    return _select(engine, "true", {}, most)


def unsettled(engine: Engine) -> list[Reprocessing]:
    """Return those that a conductor has to look after, oldest first.

    Cancelled ones are among them until their conductor has noted it.
    """
    return _select(engine, "NOT has(['done', 'failed', 'cancelled'], state)", {}, 1000)[::-1]


def find_reprocessing(engine: Engine, number: int) -> Reprocessing:
    """Return one by its number; UsageError when there is none."""
    for one in _select(engine, "number = {number:Int64}", {"number": number}, 1):
        return one
    there = ", ".join(str(one.number) for one in list_reprocessings(engine, 10)[::-1]) or "none yet"
    raise UsageError(f"there is no reprocessing {number}; known: {there}")


def cancel_reprocessing(engine: Engine, number: int) -> Reprocessing:
    """Wish that one ends after the tasks that are under way; UsageError when there is none."""
    one = find_reprocessing(engine, number)
    if one.ended:
        return one
    gone = replace(one, cancelled=True, revision=one.revision + 1)
    enter(engine, "reprocessings", _row(gone))
    return gone


def note_progress(engine: Engine, one: Reprocessing) -> Reprocessing:
    """Store how far one is, and return it as it was stored."""
    newer = replace(one, noted_revision=one.noted_revision + 1)
    row = {
        "number": newer.number,
        "revision": newer.noted_revision,
        "state": newer.noted,
        "done": newer.done,
        "total": newer.total,
        "per_second": newer.per_second,
        "problem": newer.problem,
    }
    enter(engine, "reprocessing_progress", row)
    return newer


def _select(engine: Engine, where: str, params: Params, most: int) -> list[Reprocessing]:
    rows = (
        engine.shards[0]  # where both lie, whole
        .here.fetch(
            "SELECT number, run_id, wanted, a, b, who, asked_at, cancelled, r.revision AS revision,"
            " if(state = '', 'waiting', toString(state)) AS noted, done, total, per_second,"
            " problem, p.revision AS noted_revision"
            " FROM reprocessings AS r FINAL LEFT JOIN reprocessing_progress AS p FINAL USING number"
            f" WHERE {where} ORDER BY number DESC LIMIT {most}",
            params,
        )
        .to_pylist()
    )
    return [Reprocessing(**{**row, "wanted": json.loads(row["wanted"])}) for row in rows]


def _row(one: Reprocessing) -> dict[str, Any]:
    names = ("number", "revision", "run_id", "a", "b", "who", "asked_at", "cancelled")
    row = {name: getattr(one, name) for name in names}
    return row | {"wanted": json_text(one.wanted, sort_keys=True)}

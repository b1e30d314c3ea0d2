"""How a thing is measured, in turns with its peer, and what comes of it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ops.cli.show import show, show_json

Prepare = Callable[[], Callable[[], object]]
"""Gets everything ready and returns the work that is timed; called anew for each turn."""


@dataclass(frozen=True)
class Timing:
    """Medians over the turns of one contestant, in seconds."""

    seconds: float
    """By the clock on the wall."""
    cpu_seconds: float
    """Of all threads of the process."""

    def rate(self, hits: int) -> float:
        """Return hits a second and core: by whichever time is longer, so that neither waiting for
        the disk nor a second core comes for free."""
        return hits / max(self.seconds, self.cpu_seconds, 1e-9)


@dataclass(frozen=True)
class Result:
    """What a benchmark came to."""

    name: str
    hits: int
    ours: Timing
    peer_name: str = ""
    peer: Timing | None = None
    also: Mapping[str, Timing] = field(default_factory=dict)
    """Other ways to do the same, by name."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the result as one JSON object. A ``ratio`` above 1 is faster than the peer."""
        peer = (
            None if self.peer is None else {"name": self.peer_name, **_told(self.peer, self.hits)}
        )
        return {
            "name": self.name,
            "hits": self.hits,
            **_told(self.ours, self.hits),
            "peer": peer,
            "ratio": self._ratio(self.ours),
            "also": [
                {"name": name, **_told(each, self.hits), "ratio": self._ratio(each)}
                for name, each in self.also.items()
            ],
            **self.extra,
        }

    def _ratio(self, timing: Timing) -> float | None:
        if self.peer is None:
            return None
        return round(timing.rate(self.hits) / self.peer.rate(self.hits), 3)


def in_turns(
    contestants: Mapping[str, Prepare], repeats: int, limit_s: float = 120.0
) -> dict[str, Timing]:
    """Time the contestants in turns, ``repeats`` rounds after one that does not count.

    Every other round goes the other way round, so that none always comes after the same. What else
    the machine does then hits all of them alike. No new round begins after ``limit_s`` seconds; one
    is always made.
    """
    for prepare in contestants.values():
        prepare()()
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    began = time.monotonic()
    for done in range(repeats):
        if done and time.monotonic() - began > limit_s:
            break
        names = list(contestants)
        for name in reversed(names) if done % 2 else names:
            turns[name].append(timed(contestants[name]()))
    return {name: medians(each) for name, each in turns.items()}


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that a piece of work takes, on the wall and of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def medians(turns: list[tuple[float, float]]) -> Timing:
    """Return the timing of several turns."""
    walls, cpus = zip(*turns, strict=True)
    return Timing(median(walls), median(cpus))


@contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this thread, and those that it starts, on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def print_result(result: Result, *, as_json: bool) -> None:
    """Print a result as one JSON object, or as tables."""
    whole = result.as_json()
    if as_json:
        show_json(whole)
        return
    rows = [whole, *whole["also"]]
    if result.peer:
        rows.append({**whole["peer"], "name": f"peer: {result.peer_name}", "ratio": 1.0})
    columns = ("name", "seconds", "cpu_seconds", "cores", "hits_per_s", "ratio")
    table = [{column: row[column] for column in columns} for row in rows]
    show(table, as_json=False, title=f"{result.hits:,} hits; hits_per_s is for each core")
    show([result.extra], as_json=False)


def _told(timing: Timing, hits: int) -> dict[str, float]:
    return {
        "seconds": round(timing.seconds, 6),
        "cpu_seconds": round(timing.cpu_seconds, 6),
        "cores": round(timing.cpu_seconds / max(timing.seconds, 1e-9), 3),
        "hits_per_s": round(timing.rate(hits)),
    }

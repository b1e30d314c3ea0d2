"""The API under load while words are taken: what it answers, and what it costs the ingest."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pyarrow as pa

from db.detector import load
from db.engine import Engine
from db.store import Store
from ops.bench.audience import Audience, audience
from ops.bench.fed_run import FedRun, fed_run
from ops.bench.machine import CORES, Pids, spent
from ops.bench.servers import on_disk
from ops.chaos.numbered import LINKS, write_files
from ops.chaos.numbered import words as numbered
from ops.cli.show import show, show_json
from ops.services.serving import serving
from readout.source.block import Block

TRIGGER = "each_of_many"
_SLICE_S, _WARM_S = 0.02, 3.0
_PIECE = 250_000
"""Words of a link that are handed over at once where the store is filled."""


@dataclass(frozen=True)
class Phase:
    """So many seconds of taking words, with or without an audience."""

    words_per_s: int
    """Committed."""
    late_s: float
    """How long after they were due the last words were taken, at most."""
    cores: dict[str, float]
    audience: Audience | None


@dataclass(frozen=True)
class Outcome:
    """Phases with and without an audience, in turns."""

    asked_per_s: int
    subscribers: int
    queries_per_s: float
    phases: list[Phase]

    @property
    def slowed(self) -> float:
        """By which share the ingest was slower with an audience, in the median."""
        loud = median(p.words_per_s for p in self.phases if p.audience)
        quiet = median(p.words_per_s for p in self.phases if not p.audience)
        return round(1 - loud / quiet, 4)


def api(
    store: Store,
    pids: Pids,
    rate: float,
    seconds: float,
    rounds: int,
    subscribers: int,
    queries_per_s: float,
) -> Outcome:
    """Take numbered words at ``rate`` with triggers and the API in this process.

    Each round is a phase without and one with subscribers and queries, ``seconds`` each; every
    other round begins with the latter. ``pids`` are processes to watch beside this one.
    """
    spacing = round(LINKS * 1e9 / rate)
    with TemporaryDirectory(dir=on_disk()) as folder:
        declaration, triggers = write_files(Path(folder))
        detector = load(str(declaration))
        register(store.engine, (triggers / f"{TRIGGER}.sql").read_text())
    wanted = {TRIGGER: {"spacing": f"{spacing} ns"}, "events": {}}
    phases = []
    with (
        serving(store) as served,
        fed_run(store, detector, wanted, name="api", events=(TRIGGER,)) as live,
        audience(served.url, served.app_state.local, subscribers, queries_per_s) as listening,
    ):
        feed = Feed(live, spacing)
        feed.run(_WARM_S)
        us = {"server": os.getpid(), "audience": listening.pid, **pids}
        for number in range(rounds):
            for loud in (False, True) if number % 2 == 0 else (True, False):
                if loud:
                    listening.attend(seconds)
                before, words = spent(us), live.written.hits
                began = time.monotonic()
                late = feed.run(seconds)
                took = time.monotonic() - began
                taken, after = live.written.hits - words, spent(us)
                heard = listening.result() if loud else None
                phases.append(
                    Phase(round(taken / took), round(late, 3), after.cores_since(before), heard)
                )
    return Outcome(round(rate), subscribers, queries_per_s, phases)


class Feed:
    """Hands numbered words to the readout at their own pace; goes on where it stopped."""

    def __init__(self, live: FedRun, spacing: int) -> None:
        self._live, self._spacing, self._n = live, spacing, 0

    def fill(self, n_words: int) -> None:
        """Hand over so many of each link as fast as the readout takes them."""
        for first in range(self._n, self._n + n_words, _PIECE):
            piece = numbered(first, min(first + _PIECE, self._n + n_words), self._spacing)
            for link in range(LINKS):
                self._live.push(Block(link, piece))
        self._n += n_words

    @contextmanager
    def going(self) -> Iterator[None]:
        """Hand words over as they come, from a thread, as long as the context lasts."""
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                self.run(0.5)

        thread = threading.Thread(target=work, name="feed")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def run(self, seconds: float) -> float:
        """Hand over what comes in so many seconds; return by how many the latest was late."""
        began, first, late = time.monotonic(), self._n, 0.0
        for k in range(1, round(seconds / _SLICE_S) + 1):
            due = began + k * _SLICE_S
            time.sleep(max(0.0, due - time.monotonic()))
            stop = first + round(k * _SLICE_S * 1e9) // self._spacing
            words = numbered(self._n, stop, self._spacing)
            for link in range(LINKS):
                self._live.push(Block(link, words))
            self._n = stop
            late = max(late, time.monotonic() - due)
        return late


def print_outcome(found: Outcome, *, as_json: bool) -> None:
    """Print what came out as tables, or as one JSON object."""
    if as_json:
        whole = {"name": "api", "machine_cores": CORES, "slowed": found.slowed}
        show_json({**whole, **asdict(found)})
        return
    show(
        [
            {
                "audience": bool(phase.audience),
                "words_per_s": phase.words_per_s,
                "late_s": phase.late_s,
                **{f"{name} cores": cores for name, cores in phase.cores.items()},
            }
            for phase in found.phases
        ],
        as_json=False,
        title=f"{found.subscribers} subscribers, {found.queries_per_s:g} queries a second:"
        f" ingest slower by {100 * found.slowed:.1f} %",
    )
    loud = [phase.audience for phase in found.phases if phase.audience]
    show(list(_query_rows(loud)), as_json=False, title="queries, from due to answered")
    show(list(_topic_rows(loud)), as_json=False, title="subscriptions")


def _query_rows(loud: Iterable[Audience]) -> Iterable[dict[str, object]]:
    for number, each in enumerate(loud, 1):
        for name, times in each.queries.items():
            failed = each.failed if name == "all" else 0
            yield {"phase": number, "query": name, **asdict(times), "failed": failed}


def _topic_rows(loud: Iterable[Audience]) -> Iterable[dict[str, object]]:
    for number, each in enumerate(loud, 1):
        for name, heard in each.topics.items():
            row = asdict(heard)
            late = {f"{k} after the first": v for k, v in row.pop("after_the_first").items()}
            yield {"phase": number, "topic": name, **row, **late}


def register(engine: Engine, source: str) -> None:
    """Enter a SQL trigger, as somebody would through the API."""
    row = {"name": [TRIGGER], "revision": pa.array([1], pa.uint64()), "source": [source]}
    engine.insert("triggers", pa.table({**row, "enabled": [True]}))

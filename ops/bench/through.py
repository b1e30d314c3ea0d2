"""Words into the shards as fast as they take them, then all of them through the demo's triggers."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from db.catalogue.runs import Run, amend_run, close_run
from db.engine import Engine
from db.errors import StoreError
from db.results import ledger
from db.results.rows import Lineage, list_lineages
from db.words.totals import extent
from ops.bench.latency import committed_at
from ops.bench.machine import Pids, at_the_limit, spent
from ops.bench.telescope import new_run
from ops.demo.demo import CANDIDATES, WANTED
from readout.readout import Readout
from readout.source.block import Block

LAST = "events"
"""What is made of all the others."""


@dataclass(frozen=True)
class Phase:
    """How long something took, and who worked on it."""

    words: int
    seconds: float
    cores: dict[str, float]
    """Kept busy by each process, on average."""

    @property
    def words_per_s(self) -> int:
        """Words a second."""
        return round(self.words / self.seconds)

    @property
    def cores_are_the_limit(self) -> bool:
        """Whether there was no core left to do more on."""
        return at_the_limit(self.cores)


def through(
    engine: Engine, pids: Callable[[], Pids], given: list[Block], patience_s: float = 120.0
) -> tuple[Phase, Phase]:
    """Measure a readout in this process that stores the words, and then the triggers on them.

    A tenth of the words goes the same way before, so that all is compiled. The second phase lasts
    from when the run asks for its triggers to the commit of its last events. Raises StoreError
    when that takes longer than ``patience_s``.
    """
    few = [Block(block.link, block.words[: len(block.words) // 10]) for block in given[:2]]
    warm = _store(engine, few)
    _ask(engine, warm, patience_s)
    us = {"client": os.getpid(), **pids()}
    before, began = spent(us), time.time()
    run = _store(engine, given)
    seconds, after = time.time() - began, spent(us)
    words = sum(len(block.words) for block in given)
    stored = Phase(words, seconds, after.cores_since(before))
    before, began = spent(us), time.time()
    ended = _ask(engine, run, patience_s)
    after = spent(us)
    return stored, Phase(words, ended - began, after.cores_since(before))


def _store(engine: Engine, given: list[Block]) -> Run:
    run = new_run(engine)
    with Readout(engine, run) as taking:
        for block in given:
            taking.push(block)
    return close_run(engine, run)


def _ask(engine: Engine, run: Run, patience_s: float) -> float:
    """Ask for the triggers, and return when the last events were there, in seconds."""
    told = {**run.settings, "triggers": dict(WANTED), "events": list(CANDIDATES)}
    amend_run(engine, run, settings=told)
    lineage = wait_for_events(engine, run, patience_s)
    return float(committed_at(engine, lineage)["at"].max())  # type: ignore[arg-type]


def wait_for_events(engine: Engine, run: Run, patience_s: float) -> Lineage:
    """Wait until every window of a run that is over has its events; StoreError if that is late."""
    _, end = extent(engine, run)
    cells, until = -(-end // run.cell), time.monotonic() + patience_s
    while time.monotonic() < until:
        for lineage in list_lineages(engine, run.run_id, LAST):
            done = ledger.current(engine, run.run_id, lineage.lineage, 0, cells)
            if done["complete"].sum() == cells:
                return lineage
        time.sleep(0.1)
    raise StoreError(f"the triggers are not through {cells} windows within {patience_s:g} s")

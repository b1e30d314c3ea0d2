"""What servers, workers and a readout of their own do on this machine, by number of each."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from math import inf
from pathlib import Path

from db.engine.address import parse_address
from db.engine.server import ClickHouseEngine, connect
from db.errors import StoreError
from ops.bench.cost import SECONDS, cost_on_servers
from ops.bench.distance import Distance, distance
from ops.bench.machine import CORES, Pids
from ops.bench.servers import on_disk
from ops.bench.telescope import WORDS_A_MUON, blocks
from ops.bench.through import Phase, through
from ops.chaos.cluster import Cluster, cluster
from ops.cli.show import show, show_json
from ops.servers.clickhouse import ClickHouse
from readout.source.block import Block


@dataclass(frozen=True)
class Sizes:
    """How much is done in each cell."""

    words: int = 6_000_000
    """Stored, then taken through the triggers."""
    words_per_s: float = 1e6
    """Of the data: how dense they are, not how quick they come."""
    rate: float = 50_000.0
    """Words a second at which the latency is measured."""
    seconds: float = 6.0
    """How long it is measured."""
    cost_words: int = 4_000_000
    """In the hundred seconds around the window whose cost is measured."""
    repeats: int = 9


@dataclass(frozen=True)
class Given:
    """Words that are simulated once for all cells."""

    dense: list[Block]
    thin: dict[str, list[Block]]
    """Around one window: a second as ``small``, a hundred seconds as ``large``."""


@dataclass(frozen=True)
class Cell:
    """What a number of shards and workers came to."""

    shards: int
    workers: int
    stored: Phase
    through: Phase
    latency: Distance
    cost_small_ms: float
    """A window with a second of data stored, CPU of all processes aside: by the clock."""
    cost_large_ms: float
    """The same window with a hundred times as much stored, and all else that was measured."""

    @property
    def row(self) -> dict[str, object]:
        """The figures on one line."""
        return {
            "shards": self.shards,
            "workers": self.workers,
            "stored_per_s": self.stored.words_per_s,
            "triggered_per_s": self.through.words_per_s,
            "p50_s": self.latency.p50_s,
            "p99_s": self.latency.p99_s,
            "window_ms": self.cost_small_ms,
            "x100_ms": self.cost_large_ms,
            "limit": " ".join(
                name
                for name, phase in (("stored", self.stored), ("triggered", self.through))
                if phase.cores_are_the_limit
            ),
        }


def cluster_cells(
    shards: Sequence[int],
    workers: Sequence[int],
    sizes: Sizes,
    said: Callable[[str], None] = lambda _: None,
    limit_s: float = inf,
) -> Iterator[Cell]:
    """Measure each number of shards with each number of workers, in processes of their own.

    No cell begins after ``limit_s`` seconds; ``said`` is told which is begun and which is not.
    Raises StoreError when a part ends by itself.
    """
    began, given = time.monotonic(), _given(sizes)
    for n_shards, n_workers in product(shards, workers):
        if time.monotonic() - began > limit_s:
            said(f"no time is left for {n_shards} shards and {n_workers} workers")
            continue
        said(f"{n_shards} shards, {n_workers} workers …")
        with _parts(n_shards, n_workers) as (here, engine):
            yield _cell(here, engine, n_shards, n_workers, given, sizes)


def print_cells(cells: Iterable[Cell], *, as_json: bool) -> None:
    """Print the cells as a table and who was busy, or as one JSON object."""
    found = list(cells)
    if as_json:
        told = [{**asdict(cell), **cell.row} for cell in found]
        show_json({"name": "cluster", "machine_cores": CORES, "cells": told})
        return
    show([cell.row for cell in found], as_json=False, title=f"{CORES} cores for all processes")
    busy = [
        {"shards": cell.shards, "workers": cell.workers, "phase": name, **_by_kind(cores)}
        for cell in found
        for name, cores in (
            ("stored", cell.stored.cores),
            ("triggered", cell.through.cores),
            ("latency", cell.latency.cores),
        )
    ]
    show(busy, as_json=False, title="cores kept busy")


def _by_kind(cores: Mapping[str, float]) -> dict[str, float]:
    kinds = ("client", "readout", "shard", "redis", "conductor", "worker")
    return {
        kind: round(sum(v for name, v in cores.items() if name.startswith(kind)), 2)
        for kind in kinds
    } | {"all": round(sum(cores.values()), 2)}


def _cell(
    here: Cluster,
    engine: ClickHouseEngine,
    n_shards: int,
    n_workers: int,
    given: Given,
    sizes: Sizes,
) -> Cell:
    pids = lambda: _pids(here)  # noqa: E731 - the readout's comes and goes
    stored, triggered = through(engine, pids, given.dense)
    apart = distance(here, engine, pids, sizes.rate, sizes.seconds)
    shards = [part for part in here.parts.values() if isinstance(part, ClickHouse)]
    small, large = cost_on_servers(engine, shards, given.thin, sizes.repeats)
    _pids(here)
    return Cell(n_shards, n_workers, stored, triggered, apart, small, large)


def _given(sizes: Sizes) -> Given:
    dense = sizes.words_per_s / WORDS_A_MUON
    thin = sizes.cost_words / SECONDS / WORDS_A_MUON
    middle = SECONDS / 2
    return Given(
        blocks(0.0, sizes.words / sizes.words_per_s, dense),
        {
            "small": blocks(middle - 0.5, middle + 0.5, thin),
            "large": blocks(0.0, float(SECONDS), thin),
        },
    )


@contextmanager
def _parts(n_shards: int, n_workers: int) -> Iterator[tuple[Cluster, ClickHouseEngine]]:
    folder = Path(tempfile.mkdtemp(prefix="everyhit-bench-", dir=on_disk()))
    triggers = folder / "triggers"
    triggers.mkdir()
    try:
        with cluster(folder, triggers, n_shards, n_workers) as here:
            engine = connect(parse_address(here.store))
            try:
                yield here, engine
            finally:
                engine.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pids(here: Cluster) -> Pids:
    """The processes of the parts; StoreError if one has ended."""
    pids = {}
    for name, part in here.parts.items():
        if part.process is None or part.process.poll() is not None:
            raise StoreError(f"{name} has ended by itself: what was measured says nothing")
        pids[name] = part.process.pid
    return pids

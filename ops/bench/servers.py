"""Writing words into ClickHouse servers, against their own INSERT SELECT of the same blocks.

The peer finds its blocks, counted, in the memory of the servers: what is measured is what the way
from a client costs.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from db.detector import Detector
from db.engine import Engine
from db.engine.address import parse_address
from db.engine.server import ClickHouseEngine, connect
from db.servers.schema import create_schema
from db.words.chunk import Chunk
from db.words.chunks import write_chunks
from db.words.shards import by_shard
from ops.bench.ingest import wait_for_merges
from ops.bench.machine import CORES, spent
from ops.bench.result import Result, in_turns
from ops.bench.telescope import beam, cut, new_run
from ops.servers.clickhouse import ClickHouse, clickhouse_servers, url

Parts = Sequence[Sequence[Sequence[Chunk]]]
"""For each shard, its part of each block."""
Work = Callable[[Engine, int, Sequence[Chunk]], None]
"""Inserts a block, which has a number, into a shard."""


def ingest_servers(
    engine: Engine, servers: Sequence[ClickHouse], hits: int, repeats: int
) -> Result:
    """Measure inserts into all shards at once.

    Ours does as the readout does: some inserts into a shard are under way at once, so that a block
    is counted and sent while another is written. The peer goes one after the other on each shard;
    both are measured the other way, too. All count rates at insert, and bring a token by which a
    repeated block would be known.
    """
    run = new_run(engine)
    detector = run.detector
    groups = cut(detector, run.run_id, beam(hits))
    parts = _parts(groups, detector.slice, len(engine.shards))
    for shard, blocks in zip(engine.shards, parts, strict=True):
        for k, block in enumerate(blocks):
            write_chunks(shard, block, detector, datetime.now(UTC))
            _remember(shard.here, k, block)
    pids = {"client": os.getpid(), **pids_of(servers)}
    cores: dict[str, list[dict[str, float]]] = {}

    def contestant(name: str, work: Work, at_once: int) -> Callable[[], Callable[[], None]]:
        def prepare() -> Callable[[], None]:
            _quiet(engine)
            number = new_run(engine).run_id
            mine = [[[replace(c, run_id=number) for c in b] for b in blocks] for blocks in parts]

            def turn() -> None:
                before = spent(pids)
                _at_once(engine, mine, work, at_once)
                cores.setdefault(name, []).append(spent(pids).cores_since(before))

            return turn

        return prepare

    most, ours = engine.inserts_at_once, _write(detector)
    ways = {
        "here": (ours, most),
        "inside": (_select, 1),
        "here, one at a time": (ours, 1),
        f"inside, {most} at a time": (_select, most),
    }
    timings = in_turns({name: contestant(name, *way) for name, way in ways.items()}, repeats)
    n = sum(len(c.words) for group in groups for c in group)
    stored = engine.fetch("SELECT run_id, sum(n_hits) AS n FROM chunks GROUP BY run_id")
    rolled = engine.fetch("SELECT run_id, sum(n_hits) AS n FROM rates GROUP BY run_id")
    assert set(stored["n"].to_pylist()) == set(rolled["n"].to_pylist()) == {n}
    like = timings[f"inside, {most} at a time"].seconds / timings["here"].seconds
    return Result(
        name="ingest over the native protocol",
        hits=n,
        ours=timings.pop("here"),
        peer_name="the servers' INSERT SELECT from memory",
        peer=timings.pop("inside"),
        also=timings,
        extra={
            "shards": len(engine.shards),
            "blocks": sum(map(len, parts)),
            "at_once": most,
            f"ratio_both_{most}_at_a_time": round(like, 3),
            "fsync": True,
            "machine_cores": CORES,
            "cores_busy": {name: _middle(turns[1:] or turns) for name, turns in cores.items()},
        },
    )


@contextmanager
def own_servers(n: int) -> Iterator[tuple[ClickHouseEngine, list[ClickHouse]]]:
    """Start n servers of our own with an empty store on them."""
    with (
        TemporaryDirectory(prefix="everyhit-bench-", dir=on_disk()) as folder,
        clickhouse_servers(Path(folder) / "servers", n) as servers,
    ):
        address = parse_address(url(servers))
        create_schema(address)
        engine = connect(address)
        try:
            yield engine, servers
        finally:
            engine.close()


def pids_of(servers: Sequence[ClickHouse]) -> dict[str, int]:
    """Return the processes of the servers, by the number of the shard."""
    return {f"shard{k}": server.process.pid for k, server in enumerate(servers) if server.process}


def on_disk() -> Path | None:
    """Return a folder on a disk, since the one for temporary files may be in memory."""
    place = Path("/var/tmp")  # noqa: S108
    return place if place.is_dir() else None


def _middle(turns: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(turn[name] for turn in turns), 3) for name in turns[0]}


def _parts(groups: list[list[Chunk]], slice_ticks: int, n: int) -> Parts:
    parts: list[list[list[Chunk]]] = [[] for _ in range(n)]
    for group in groups:
        for k, part in by_shard(group, slice_ticks, n):
            parts[k].append(part)
    return parts


def _remember(here: Engine, k: int, block: Sequence[Chunk]) -> None:
    """Keep a block that was written as a table in the server's memory."""
    here.execute(f"CREATE TABLE given_{k} AS chunks ENGINE = Memory")
    which = ", ".join(f"({chunk.link}, {chunk.seq})" for chunk in block)
    here.execute(f"INSERT INTO given_{k} SELECT * FROM chunks WHERE (link, seq) IN ({which})")


def _write(detector: Detector) -> Work:
    return lambda shard, _, block: write_chunks(shard, block, detector, datetime.now(UTC))


def _select(shard: Engine, k: int, block: Sequence[Chunk]) -> None:
    shard.here.execute(
        f"INSERT INTO chunks SELECT * REPLACE (toUInt32({block[0].run_id}) AS run_id)"
        f" FROM given_{k}"
        " SETTINGS max_threads = 1, max_insert_threads = 1,"
        f" insert_deduplication_token = '{block[0].run_id} {k}'"
    )


def _at_once(engine: Engine, parts: Parts, work: Work, at_once: int) -> None:
    """Do the work for all blocks, so many on each shard at once."""
    with ExitStack() as stack:
        doing = []
        for shard, blocks in zip(engine.shards, parts, strict=True):
            threads = stack.enter_context(ThreadPoolExecutor(at_once))
            doing += [threads.submit(work, shard, k, block) for k, block in enumerate(blocks)]
        for each in doing:
            each.result()


def _quiet(engine: Engine) -> None:
    for shard in engine.shards:
        wait_for_merges(shard.here)

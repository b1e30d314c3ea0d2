"""Writing words into ClickHouse servers, against their own INSERT SELECT of the same blocks.

Both count rates at insert. The peer finds its blocks in the memory of the servers: what is measured
is what the way from a client costs.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from db.chunk import Chunk
from db.chunks import write_chunks
from db.cluster import create_schema
from db.detector import Detector
from db.engine import Engine
from db.engine.address import parse_address
from db.engine.clickhouse import connect
from db.shards import by_shard
from ops.bench.ingest import wait_for_merges
from ops.bench.result import Result, in_turns
from ops.bench.telescope import beam, cut, new_run
from ops.servers.clickhouse import clickhouse_servers, url

Parts = Sequence[Sequence[Sequence[Chunk]]]
"""For each shard, its part of each block."""


def ingest_servers(engine: Engine, hits: int, repeats: int) -> Result:
    """Measure inserts into all shards at once, one connection to each."""
    run = new_run(engine)
    groups = cut(run.detector, run.run_id, beam(hits))
    parts = _parts(groups, run.detector.slice, len(engine.shards))
    detector = run.detector
    for shard, blocks in zip(engine.shards, parts, strict=True):
        for k, block in enumerate(blocks):
            write_chunks(shard, block, detector, datetime.now(UTC))
            _remember(shard.here, k, block)

    def from_here() -> Callable[[], None]:
        _quiet(engine)
        number = new_run(engine).run_id
        mine = [[[replace(c, run_id=number) for c in b] for b in blocks] for blocks in parts]
        return lambda: _at_once(engine, mine, _write(detector))

    def inside() -> Callable[[], None]:
        _quiet(engine)
        number = new_run(engine).run_id
        return lambda: _at_once(engine, parts, _select(number))

    timings = in_turns({"here": from_here, "inside": inside}, repeats)
    n = sum(len(c.words) for group in groups for c in group)
    stored = engine.fetch("SELECT run_id, sum(n_hits) AS n FROM chunks GROUP BY run_id")
    rolled = engine.fetch("SELECT run_id, sum(n_hits) AS n FROM rates GROUP BY run_id")
    assert set(stored["n"].to_pylist()) == set(rolled["n"].to_pylist()) == {n}
    return Result(
        name="ingest over the native protocol",
        hits=n,
        ours=timings["here"],
        peer_name="the servers' INSERT SELECT from memory",
        peer=timings["inside"],
        extra={"shards": len(engine.shards), "blocks": sum(map(len, parts)), "fsync": False},
    )


@contextmanager
def own_servers(n: int) -> Iterator[Engine]:
    """Start n servers of our own with an empty store on them."""
    with (
        TemporaryDirectory(prefix="everyhit-bench-") as folder,
        clickhouse_servers(Path(folder) / "servers", n) as servers,
    ):
        address = parse_address(url(servers))
        create_schema(address)
        engine = connect(address)
        try:
            yield engine
        finally:
            engine.close()


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


def _write(detector: Detector) -> Callable[[Engine, int, Sequence[Chunk]], None]:
    return lambda shard, _, block: write_chunks(shard, block, detector, datetime.now(UTC))


def _select(run_id: int) -> Callable[[Engine, int, Sequence[Chunk]], None]:
    return lambda shard, k, _: shard.here.execute(
        f"INSERT INTO chunks SELECT * REPLACE (toUInt32({run_id}) AS run_id) FROM given_{k}"
        " SETTINGS max_threads = 1, max_insert_threads = 1"
    )


def _at_once(
    engine: Engine, parts: Parts, work: Callable[[Engine, int, Sequence[Chunk]], None]
) -> None:
    def on_shard(k: int) -> None:
        for number, block in enumerate(parts[k]):
            work(engine.shards[k], number, block)

    with ThreadPoolExecutor(len(parts)) as threads:
        list(threads.map(on_shard, range(len(parts))))


def _quiet(engine: Engine) -> None:
    for shard in engine.shards:
        wait_for_merges(shard.here)

"""A toy detector whose clock ticks once a ns, and chunks of its hits made by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

import numpy as np

from db.catalogue.runs import open_run
from db.detector import loads
from db.words.chunk import Chunk
from db.words.shards import write_by_shard

TOY = loads("""
name = "ticks"
title = "A counter and a wire"

[fields]
time = { bits = [0, 31] }
kind = { bits = [32, 33] }
wire = { bits = [34, 37] }

[clock]
tick_ns = 1
time = "time"
disorder = "200 ns"
slice = "500 ns"

# kind: 0 is a hit, 1 a hit gone wrong, 2 another word with a time, 3 one without.
[words]
hit = "kind < 2"
timed = "kind != 3"
corrupt = "kind == 1"
channel = "wire"
""")
SLICE = TOY.slice
HIT, CORRUPT, MARK, UNTIMED = range(4)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Hit(NamedTuple):
    t: int
    link: int
    wire: int
    kind: int = HIT


def toy_chunks(run_id: int, hits: Sequence[Hit], most: int = 3) -> list[Chunk]:
    """Chunks of at most ``most`` words, and a heartbeat that says of each link that this is all."""
    chunks = []
    end = max((hit.t for hit in hits), default=0) + 200
    for link in sorted({hit.link for hit in hits}):
        own = sorted(hit for hit in hits if hit.link == link)
        pieces = []
        for _, group in groupby(own, lambda hit: hit.t // SLICE):
            of_slice = list(group)
            pieces += [of_slice[k : k + most] for k in range(0, len(of_slice), most)]
        for seq, piece in enumerate(pieces):
            later = [p[0].t for p in pieces[seq + 1 :]]
            mark = min([*later, piece[-1].t + 1])
            chunks.append(toy_chunk(run_id, link, seq, piece, mark))
        chunks.append(toy_chunk(run_id, link, len(pieces), [], end, at=own[-1].t))
    return chunks


def toy_chunk(
    run_id: int, link: int, seq: int, hits: Sequence[Hit], watermark: int, at: int = 0
) -> Chunk:
    """One chunk, with an epoch of the link's own; ``at`` is its time if it has no sound word."""
    epoch = -5000 * (link + 1)
    words = [(hit.t - epoch) | hit.kind << 32 | hit.wire << 34 for hit in hits]
    times = [hit.t for hit in hits if hit.kind in (HIT, MARK)] or [at]
    return Chunk(
        run_id=run_id,
        link=link,
        seq=seq,
        epoch=epoch,
        t_first=min(times),
        t_last=max(times),
        watermark=watermark,
        n_hits=len(words),
        n_corrupt=sum(hit.kind == CORRUPT for hit in hits),
        words=np.array(words, np.uint64),
    )


def write(engine, run, chunks) -> None:
    """Store chunks as one block on each shard."""
    write_by_shard(engine, chunks, run.detector, NOW)


def toy_run(engine, cell=100, detector=TOY):
    """A new run, its number its own."""
    return open_run(engine, detector, cell=cell)

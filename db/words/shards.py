"""Which shard keeps what: a slice of time lies on one shard, its windows' results beside it.

The catalogue (runs, lineages, triggers) and the gaps lie on the first shard. Reading never asks
where something lies: every shard sees the whole store.
"""

from collections.abc import Sequence
from datetime import datetime

from db.detector import Detector
from db.engine import Engine
from db.words.chunk import Chunk
from db.words.chunks import write_chunks
from db.words.homes.home import Home


def catalogue(engine: Engine) -> Engine:
    """Return the first shard alone, where the catalogue lies, whatever becomes of the others."""
    return engine.shards[0].here


def shard_of(t: int, slice_ticks: int, n_shards: int) -> int:
    """Return the number of the shard, in [0, n_shards), for the slice in which t ticks lies."""
    return (t // slice_ticks) % n_shards


def home_of(engine: Engine, t: int, slice_ticks: int) -> Engine:
    """Return the store from the point of view of the shard on which t's slice lies.

    What a window's task writes through it lies beside the window's chunks. Rows and the ledger row
    that counts them must be written through the same one.
    """
    return engine.shards[shard_of(t, slice_ticks, len(engine.shards))]


def by_shard(
    chunks: Sequence[Chunk], slice_ticks: int, n_shards: int
) -> list[tuple[int, list[Chunk]]]:
    """Return each shard that gets any of the chunks, with its part, in order of the shards."""
    parts: dict[int, list[Chunk]] = {}
    for chunk in chunks:
        parts.setdefault(shard_of(chunk.t_first, slice_ticks, n_shards), []).append(chunk)
    return sorted(parts.items())


def write_by_shard(
    engine: Engine,
    chunks: Sequence[Chunk],
    detector: Detector,
    recorded_at: datetime,
    home: Home | None = None,
) -> None:
    """Store the chunks, each part on its shard, once, however often it is tried.

    Their words go to a ``home``, if there is one, else beside their headers.

    A part is ``write_chunks(engine.shards[k], part, …)``: its token comes from its chunks alone,
    so that whoever wants may write the parts one by one, and try one again, on the same shard and
    with the same ``recorded_at``. Raises StoreError at the first part that fails.
    """
    for k, part in by_shard(chunks, detector.slice, len(engine.shards)):
        write_chunks(engine.shards[k], part, detector, recorded_at, home, tried=True)

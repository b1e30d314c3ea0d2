"""Words from other homes, put into the store for the length of a statement."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from db.engine import Engine
from db.words.homes.away import PAYLOAD, Away, fetch_payloads, payloads_away
from db.words.homes.home import Payload
from db.words.overlap import BELIEVED, OVERLAP

_HEADER = ("epoch", "t_first", "t_last", "n_hits", "n_corrupt")

Range = dict[str, Any]


@dataclass(frozen=True)
class Fetched:
    """Words of the chunks of a run that may hold a time in [a, b) ticks and lay in other homes."""

    number: int
    range: Range
    chunks: tuple[int, int]
    """How many chunks they were, and which."""


def words_away(engine: Engine, run_id: int, a: int, b: int, slice_ticks: int) -> tuple[int, str]:
    """Return how many words of a range lie in other homes, and one of these."""
    row = engine.fetch(
        f"SELECT sum(n_hits) AS n, any(home) AS one FROM chunks WHERE {_LIE_AWAY}",
        _range(run_id, a, b, slice_ticks),
    ).to_pylist()[0]
    return row["n"], row["one"]


def fetch_away(engine: Engine, run_id: int, a: int, b: int, slice_ticks: int) -> Fetched:
    """Put the words of a range that lie in other homes into ``fetched_chunks``.

    ``forget_fetched`` removes them. Raises StoreError where they are not to be had.
    """
    number, where = new_number(), _range(run_id, a, b, slice_ticks)
    rows = engine.fetch(
        f"SELECT epoch, t_first, t_last, n_corrupt, cityHash64(link, seq) AS id, {PAYLOAD}"
        f" FROM chunks WHERE {_LIE_AWAY} ORDER BY t_first, link, seq",
        where,
    ).combine_chunks()
    away = list(payloads_away(run_id, rows).values())
    try:
        for start, stop in blocks(away):
            put_fetched(engine, engine, number, rows.slice(start, stop - start), away[start:stop])
    except BaseException:
        forget_fetched(engine, number)
        raise
    ids = rows["id"].to_numpy().astype(np.uint64)
    return Fetched(number, where, (len(away), int(ids.sum(dtype=np.uint64))))


def new_number() -> int:
    """Return a number under which words are fetched."""
    return secrets.randbits(63)


def put_fetched(
    engine: Engine, here: Engine, number: int, rows: pa.Table | None, away: list[Away]
) -> None:
    """Fetch the words of chunks and put them here under a number; ``rows`` are headers."""
    words = fetch_payloads(engine, away)
    offsets = np.zeros(len(words) + 1, np.int32)
    np.cumsum([len(each) for each in words], out=offsets[1:])
    n = len(away)
    block = pa.table(
        {
            "fetch": pa.array([number] * n, pa.uint64()),
            "run_id": pa.array([each.payload.run_id for each in away], pa.uint32()),
            "link": pa.array([each.payload.link for each in away], pa.uint16()),
            "seq": pa.array([each.payload.seq for each in away], pa.uint64()),
            "words": pa.ListArray.from_arrays(offsets, np.concatenate(words)),
        }
        | ({} if rows is None else {name: rows[name] for name in _HEADER})
    )
    here.insert("fetched_chunks", block)


def note_moved(here: Engine, number: int, payloads: Sequence[Payload]) -> None:
    """Note chunks under a number, without their words."""
    block = pa.table(
        {
            "fetch": pa.array([number] * len(payloads), pa.uint64()),
            "run_id": pa.array([each.run_id for each in payloads], pa.uint32()),
            "link": pa.array([each.link for each in payloads], pa.uint16()),
            "seq": pa.array([each.seq for each in payloads], pa.uint64()),
        }
    )
    here.insert("fetched_chunks", block)


def forget_fetched(engine: Engine, number: int) -> None:
    """Remove what was fetched under a number."""
    for shard in engine.shards:
        shard.here.execute(f"ALTER TABLE fetched_chunks DROP PARTITION {number}")


def is_unchanged(engine: Engine, fetched: Fetched) -> bool:
    """Return whether the same words lie in other homes as when they were fetched."""
    row = engine.fetch(
        f"SELECT count() AS n, sum(cityHash64(link, seq)) AS ids FROM chunks WHERE {_LIE_AWAY}",
        fetched.range,
    ).to_pylist()[0]
    return (row["n"], row["ids"]) == fetched.chunks


def blocks(away: Sequence[Away], most: int = 1 << 22) -> Iterator[tuple[int, int]]:
    """Yield [start, stop) of payloads that come into memory together: about so many words."""
    start = n = 0
    for k, each in enumerate(away):
        if n and n + each.payload.n_hits > most:
            yield start, k
            start, n = k, 0
        n += each.payload.n_hits
    if start < len(away):
        yield start, len(away)


def _range(run_id: int, a: int, b: int, slice_ticks: int) -> Range:
    return {"run": run_id, "a": a, "b": b, "slice": slice_ticks}


_LIE_AWAY = f"{OVERLAP} AND {BELIEVED} AND home != ''"

"""Chunks written once, and read by range, by link or by arrival."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b

import numpy as np
import polars as pl
import pyarrow as pa
from isal.isal_zlib import crc32
from numpy.typing import NDArray

from db.detector import Detector
from db.detector.tally import tally
from db.detector.words import Words
from db.engine import Engine
from db.engine.once import insert_once
from db.words.chunk import Chunk
from db.words.headers import headers_sql
from db.words.hits_view import key
from db.words.homes.away import PAYLOAD, fetch_payloads, payloads_away
from db.words.homes.home import Home, Payload
from db.words.identity import chunk_ids
from db.words.overlap import BELIEVED, OVERLAP


def write_chunks(
    engine: Engine,
    chunks: Sequence[Chunk],
    detector: Detector,
    recorded_at: datetime,
    home: Home | None = None,
    *,
    tried: bool = False,
) -> None:
    """Store the chunks as one block, once, however often it is tried.

    Their words lie in the table, or else in ``home``, which gets them before their headers are
    written: a header never points to nothing.

    The token of the insert is made from the chunks themselves, so that a retry after a failure of
    unknown fate, even by another process, is recognised by the store. ``recorded_at`` names the
    partition, and blocks are recognised within a partition: a retry must bring the same one, and
    say that the block may have been ``tried`` before. Raises StoreError.
    """
    if not chunks:
        return
    # In the table's order: the engine would copy the words once more to put them in it.
    chunks = sorted(chunks, key=lambda c: (c.run_id, c.t_first, c.link, c.seq))
    sums = np.fromiter((crc32(c.words.data) for c in chunks), np.uint32, len(chunks))
    offsets = np.zeros(len(chunks) + 1, np.int32)
    np.cumsum([len(c.words) for c in chunks], out=offsets[1:])
    words = np.concatenate([c.words for c in chunks]) if len(chunks) > 1 else chunks[0].words
    in_table = pa.ListArray.from_arrays(offsets, words)
    if home is not None:
        _put(home, chunks, sums, detector, recorded_at)
        in_table = pa.array([[]] * len(chunks), pa.list_(pa.uint64()))
    counted = tally(detector)(words, np.diff(offsets) // detector.words_per_hit)
    trusted = np.fromiter((not c.n_suspect for c in chunks), np.bool_, len(chunks))
    believed = np.repeat(trusted, np.diff(counted.offsets))
    rows = pa.table(
        {
            "run_id": _column(chunks, "run_id", pa.uint32()),
            "link": _column(chunks, "link", pa.uint16()),
            "seq": _column(chunks, "seq", pa.uint64()),
            "detector": pa.repeat(key(detector), len(chunks)),
            "epoch": _column(chunks, "epoch", pa.int64()),
            "t_first": _column(chunks, "t_first", pa.int64()),
            "t_last": _column(chunks, "t_last", pa.int64()),
            "watermark": _column(chunks, "watermark", pa.int64()),
            "n_hits": _column(chunks, "n_hits", pa.uint32()),
            "n_corrupt": _column(chunks, "n_corrupt", pa.uint32()),
            "n_suspect": _column(chunks, "n_suspect", pa.uint32()),
            "checksum": pa.array(sums),
            "recorded_at": pa.repeat(
                pa.scalar(recorded_at, pa.timestamp("ms", "UTC")), len(chunks)
            ),
            "words": in_table,
            "slice": pa.array([c.t_first // detector.slice for c in chunks], pa.int64()),
            "tally_channel": pa.ListArray.from_arrays(counted.offsets, counted.channels),
            "tally_hit": pa.ListArray.from_arrays(counted.offsets, counted.sound & believed),
            "tally_n": pa.ListArray.from_arrays(counted.offsets, counted.counts),
        }
    )
    if home is not None:
        rows = rows.append_column("home", pa.array([home.address] * len(chunks)))
    if any(chunk.places is not None for chunk in chunks):
        rows = rows.append_column("recorded_places", _places(chunks))
    there = partial(has_chunk, engine.here, chunks[0]) if tried else None
    insert_once(engine, "chunks", rows, _token(chunks, sums), there)


def _put(
    home: Home,
    chunks: Sequence[Chunk],
    sums: NDArray[np.uint32],
    detector: Detector,
    recorded_at: datetime,
) -> None:
    hour = int(recorded_at.timestamp()) // 3600
    payloads = [
        Payload(c.run_id, c.link, c.seq, c.t_first // detector.slice, hour, c.n_hits, int(checksum))
        for c, checksum in zip(chunks, sums, strict=True)
    ]
    full = [k for k, payload in enumerate(payloads) if payload.n_hits]
    if full:
        home.put([payloads[k] for k in full], [chunks[k].words for k in full])


@dataclass(frozen=True, eq=False)
class ChunkWords:
    """Words of several chunks in one array, and what is needed to decode them."""

    words: Words
    """All words, chunk after chunk; a view of the engine's own memory."""
    lengths: NDArray[np.int64]
    """Words in each chunk."""
    epochs: NDArray[np.int64]
    links: NDArray[np.uint16]
    ids: NDArray[np.uint64]
    """Of each chunk, by ``chunk_ids``."""


def read_words(engine: Engine, run_id: int, a: int, b: int, slice_ticks: int) -> ChunkWords:
    """Return the words of all chunks that may hold a time in [a, b) ticks, suspect ones left out.

    Times of single words are not looked at: the caller decodes and cuts. Words that lie in another
    home are fetched from there; raises StoreError where they are not to be had.
    """
    rows = engine.fetch(
        f"SELECT epoch, words, {PAYLOAD} FROM chunks"
        f" WHERE {OVERLAP} AND {BELIEVED} ORDER BY t_first, link, seq",
        {"run": run_id, "a": a, "b": b, "slice": slice_ticks},
    ).combine_chunks()
    words, lengths = payload_words(engine, run_id, rows)
    links = rows["link"].to_numpy().astype(np.uint16)
    ids = chunk_ids(links, rows["seq"].to_numpy().astype(np.uint64))
    return ChunkWords(words, lengths, rows["epoch"].to_numpy().astype(np.int64), links, ids)


def payload_words(engine: Engine, run_id: int, rows: pa.Table) -> tuple[Words, NDArray[np.int64]]:
    """Return the words of chunks, one after the other, and how many each has.

    ``rows`` has the chunks' ``words`` and the columns of ``PAYLOAD``. Words that lie in another
    home are fetched from there; raises StoreError where they are not to be had.
    """
    if not rows.num_rows:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    lists = rows["words"].combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.chunk(0)
    words = lists.flatten().to_numpy(zero_copy_only=True)
    lengths = np.diff(lists.offsets.to_numpy()).astype(np.int64)
    away = payloads_away(run_id, rows)
    if away:
        pieces = np.split(words, np.cumsum(lengths)[:-1])
        for k, fetched in zip(away, fetch_payloads(engine, list(away.values())), strict=True):
            pieces[k] = fetched
        words, lengths = np.concatenate(pieces), np.fromiter(map(len, pieces), np.int64)
    return words, lengths


def read_spans(engine: Engine, run_id: int, a: int, b: int, slice_ticks: int) -> pl.DataFrame:
    """Return the chunks that overlap [a, b): t_first, t_last, n_hits, n_corrupt, ``id`` of
    ``chunk_ids``, and ``dropped``, 1 where the words are not to be had any more.

    Heartbeats are left out: they bring nothing to a window.
    """
    columns = "link, seq, t_first, t_last, n_hits, n_corrupt"
    where = f"{OVERLAP} AND n_hits > 0"
    table = engine.fetch(
        f"SELECT {columns}, 0 AS dropped FROM chunks WHERE {where}"
        f" UNION ALL SELECT {columns}, 1 AS dropped FROM dropped_chunks WHERE {where}",
        {"run": run_id, "a": a, "b": b, "slice": slice_ticks},
    )
    spans = pl.DataFrame(pl.from_arrow(table))
    ids = chunk_ids(spans["link"].to_numpy(), spans["seq"].to_numpy())
    # One that is being put aside is seen in both tables.
    return spans.with_columns(id=ids).sort("dropped").unique(["t_first", "id"], keep="last")


def read_arrivals(engine: Engine, run_id: int, seen: dict[int, int]) -> pl.DataFrame:
    """Return the chunks, without words, that are not among the first ``seen[link]`` of their link.

    Columns link, seq, t_first, t_last, watermark, n_hits, n_corrupt, in order of link and seq.
    """
    least = ", ".join(map(str, [0, *seen.values()]))
    links = ", ".join(map(str, seen))
    later = f"seq >= [{least}][indexOf([{links}], link) + 1]" if seen else "true"
    table = engine.fetch(
        headers_sql(
            "link, seq, t_first, t_last, watermark, n_hits, n_corrupt",
            f"run_id = {{run:UInt32}} AND {later}",
            once=False,
        ),
        {"run": run_id},
    )
    return pl.DataFrame(pl.from_arrow(table)).unique(["link", "seq"]).sort("link", "seq")


def link_state(engine: Engine, run_id: int, link: int) -> tuple[int, int | None]:
    """Return the number that a link's next chunk gets, and the watermark that it has promised.

    For a readout that starts again. A link that has stored nothing has promised None.
    """
    row = engine.fetch(
        "SELECT count() AS n, max(seq) AS last, max(watermark) AS mark FROM ("
        + headers_sql("seq, watermark", "run_id = {run:UInt32} AND link = {link:UInt16}")
        + ")",
        {"run": run_id, "link": link},
    ).to_pylist()[0]
    return (row["last"] + 1, row["mark"]) if row["n"] else (0, None)


def has_chunk(engine: Engine, chunk: Chunk) -> bool:
    """Return whether a chunk of this run, link and number is stored."""
    row = engine.fetch(
        "SELECT count() AS n FROM ("
        + headers_sql(
            "seq", "run_id = {run:UInt32} AND link = {link:UInt16} AND seq = {seq:UInt64}"
        )
        + ")",
        {"run": chunk.run_id, "link": chunk.link, "seq": chunk.seq},
    ).to_pylist()[0]
    return bool(row["n"])


def _places(chunks: Sequence[Chunk]) -> pa.Array:
    none = np.empty(0, np.int64)
    places = [none if chunk.places is None else chunk.places for chunk in chunks]
    offsets = np.cumsum([0, *map(len, places)], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, np.concatenate(places).astype(np.uint64))


def _column(chunks: Sequence[Chunk], name: str, kind: pa.DataType) -> pa.Array:
    return pa.array([getattr(c, name) for c in chunks], kind)


def _token(chunks: Sequence[Chunk], sums: NDArray[np.uint32]) -> str:
    text = " ".join(f"{c.run_id}.{c.link}.{c.seq}" for c in chunks)
    return blake2b(text.encode() + sums.tobytes(), digest_size=16).hexdigest()

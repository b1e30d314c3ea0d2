"""Words of a run moved from home to home, word by word the same, while others read them.

The new home has them, read back and compared, before their headers name it; the engine changes a
header and drops the words in the table at one stroke, part by part. Interrupted at any point it is
done again from the start: what was put already is put once.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from db.catalogue.runs import Run
from db.detector.words import Words
from db.engine import Engine
from db.errors import StoreError
from db.words.homes.away import PAYLOAD, Away, fetch_payloads
from db.words.homes.fetched import blocks, forget_fetched, new_number, note_moved, put_fetched
from db.words.homes.home import SAFE_AGE, Home, Payload, check_words
from db.words.homes.naming import note_home

_OBJECT_WORDS = 1 << 22
_STROKE_S = 3600
"""For so long words are put before headers name them: far less than what is left over is kept."""
_STROKE_WORDS = 1 << 25
"""Words that come back into the table at one stroke: the engine has them in memory."""


@dataclass(frozen=True)
class Moved:
    """What was moved."""

    chunks: int = 0
    words: int = 0
    """Bit for bit the same, and compared."""

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(self.chunks + other.chunks, self.words + other.words)


def move_words(
    engine: Engine,
    run: Run,
    home: Home,
    progress: Callable[[Moved], None] = lambda _: None,
    only: tuple[int, int] | None = None,
) -> Moved:
    """Move the words of a run to a home, from the table and from other homes, and return how many.

    With ``only`` it is what lies on one shard, by number, and was recorded in one hour, counted
    since 1970. Raises StoreError, with nothing lost, where the home fails or gives back other
    words.
    """
    note_home(engine, home.address)
    moved = Moved()
    hour = only[1] if only else None
    for shard in [engine.shards[only[0]]] if only else engine.shards:
        left = _blocks(shard.here, run, home.address, hour)
        stroke = None
        while stroke != Moved():
            stroke = Moved()
            number, began = new_number(), time.time()
            try:
                for block in left:
                    put = _put(engine, shard.here, run, home, block)
                    note_moved(shard.here, number, [each.payload for each in block])
                    stroke += put
                    progress(moved + stroke)
                    if time.time() > began + _STROKE_S:
                        break
                if time.time() > began + SAFE_AGE.total_seconds() / 2:
                    raise StoreError(
                        f"{home.address} took too long with words of run {run.run_id}: do it again"
                    )
                if stroke.chunks:
                    _name_home(shard.here, run, number, home.address, "[]")
            finally:
                forget_fetched(shard, number)
            moved += stroke
    return moved


def _put(engine: Engine, here: Engine, run: Run, home: Home, block: list[Away]) -> Moved:
    """Put payloads into a home, and compare what it gives back."""
    words = _words(engine, here, run, block)
    payloads = [each.payload for each in block]
    home.put(payloads, words)
    for payload, sent, back in zip(payloads, words, home.get(payloads), strict=True):
        if not np.array_equal(sent, back):
            raise StoreError(f"{home.address} gives back other words of {payload}")
    return Moved(len(payloads), sum(map(len, words)))


def bring_back(
    engine: Engine, run: Run, progress: Callable[[Moved], None] = lambda _: None
) -> Moved:
    """Bring the words of a run back into the store's table, and return how many.

    The other homes keep their copies, which no header names any more. Raises StoreError, with
    nothing lost.
    """
    moved = Moved()
    for shard in engine.shards:
        here = shard.here
        away = [each for each in _headers(here, run) if each.home]
        for start, stop in blocks(away, _STROKE_WORDS):
            number = new_number()
            table = f"restored_{number}"
            try:
                for a, b in blocks(away[start:stop]):
                    put_fetched(engine, here, number, None, away[start:stop][a:b])
                here.execute(
                    f"CREATE TABLE {table} (link UInt16, seq UInt64, words Array(UInt64))"
                    " ENGINE = Join(ANY, LEFT, link, seq)"
                )
                here.execute(
                    f"INSERT INTO {table} SELECT link, seq, words FROM fetched_chunks"
                    f" WHERE fetch = {number}"
                )
                source = f"joinGet('{here.database}.{table}', 'words', link, seq)"
                _name_home(here, run, number, "", source)
            finally:
                here.execute(f"DROP TABLE IF EXISTS {table} SYNC")
                forget_fetched(here, number)
            moved += Moved(stop - start, sum(e.payload.n_hits for e in away[start:stop]))
            progress(moved)
        _check(here, run)
    return moved


def lies_in(engine: Engine, run_id: int) -> dict[str, int]:
    """Return how many words of a run lie in which home; the table's name is empty."""
    rows = engine.fetch(
        "SELECT home, sum(n_hits) AS n FROM chunks WHERE run_id = {run:UInt32} AND n_hits > 0"
        " GROUP BY home ORDER BY home",
        {"run": run_id},
    )
    return {row["home"]: row["n"] for row in rows.to_pylist()}


def _headers(here: Engine, run: Run, hour: int | None = None) -> list[Away]:
    """Return the payloads of a run on a shard, of each hour link by link in order of time.

    All hours, or one.
    """
    rows = here.fetch(
        f"SELECT {PAYLOAD} FROM chunks WHERE run_id = {{run:UInt32}} AND n_hits > 0"
        f"{'' if hour is None else f' AND hour = {hour}'} ORDER BY hour, link, t_first, seq",
        {"run": run.run_id},
    ).combine_chunks()
    homes = rows["home"].to_pylist()
    heads = rows.drop_columns(["home"]).to_pylist()
    return [
        Away(Payload(run_id=run.run_id, **head), home)
        for head, home in zip(heads, homes, strict=True)
    ]


def _blocks(here: Engine, run: Run, address: str, hour: int | None) -> Iterator[list[Away]]:
    """Yield what becomes an object: payloads of one hour and link that lie elsewhere than there."""
    left = [each for each in _headers(here, run, hour) if each.home != address]
    begin = 0
    for k in range(1, len(left) + 1):
        first = left[begin].payload
        if k == len(left) or (left[k].payload.hour, left[k].payload.link) != (
            first.hour,
            first.link,
        ):
            group = left[begin:k]
            for start, stop in blocks(group, _OBJECT_WORDS):
                yield group[start:stop]
            begin = k


def _words(engine: Engine, here: Engine, run: Run, block: list[Away]) -> list[Words]:
    inline = [each.payload for each in block if not each.home]
    found: dict[Payload, Words] = {}
    if inline:
        slices = [each.slice for each in inline]
        rows = here.fetch(
            f"SELECT words, {PAYLOAD} FROM chunks WHERE run_id = {{run:UInt32}}"
            " AND link = {link:UInt16} AND slice >= {a:Int64} AND slice <= {b:Int64}"
            " AND t_first >= {a:Int64} * {ticks:Int64}"
            " AND t_first < ({b:Int64} + 1) * {ticks:Int64}"
            " AND seq IN {seqs:Array(UInt64)} AND home = ''",
            {
                "run": run.run_id,
                "link": inline[0].link,
                "a": min(slices),
                "b": max(slices),
                "ticks": run.detector.slice,
                "seqs": [each.seq for each in inline],
            },
        ).combine_chunks()
        names = ("link", "seq", "slice", "hour", "n_hits", "checksum")
        for k, head in enumerate(rows.select(names).to_pylist()):
            payload = Payload(run_id=run.run_id, **head)
            words = rows["words"][k].values.to_numpy()
            found[payload] = check_words(payload, words, "the store")
    away = [each for each in block if each.home]
    for each, words in zip(away, fetch_payloads(engine, away), strict=True):
        found[each.payload] = words
    if lost := [each.payload for each in block if each.payload not in found]:
        raise StoreError(f"the words of {lost[0]} went elsewhere meanwhile: do it again")
    return [found[each.payload] for each in block]


def _name_home(here: Engine, run: Run, number: int, address: str, words: str) -> None:
    """Let the headers that were noted under a number name a home, and their words be so."""
    here.execute(
        f"ALTER TABLE chunks UPDATE words = {words}, home = {{home:String}}"
        " WHERE run_id = {run:UInt32} AND (link, seq) IN"
        f" (SELECT link, seq FROM fetched_chunks WHERE fetch = {number})"
        " SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1",
        {"home": address, "run": run.run_id},
    )


def _check(here: Engine, run: Run) -> None:
    bad = here.fetch(
        "SELECT count() AS n FROM chunks WHERE run_id = {run:UInt32} AND home = ''"
        " AND n_hits > 0 AND CRC32(reinterpret(words, 'String')) != checksum",
        {"run": run.run_id},
    )["n"][0].as_py()
    if bad:
        raise StoreError(
            f"{bad} chunks of run {run.run_id} came back with other words: the copies in the other"
            " home are there still, look at this store's disk"
        )

"""What is known of chunks beside their words: also of those whose words were dropped."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from db.engine import Engine
from db.words.overlap import OVERLAP

_HEAD = (
    "run_id, link, seq, detector, epoch, t_first, t_last, watermark, n_hits, n_corrupt, n_suspect,"
    " checksum, recorded_at, slice, tally_channel, tally_hit, tally_n, home"
)


def headers_sql(columns: str, where: str, *, once: bool = True) -> str:
    """Return the SELECT of columns of all chunks that ever came, each chunk once if asked for.

    ``columns`` must tell chunks apart, by link and seq. A chunk may be seen in both tables for a
    moment, while its words are put aside or brought back, and never in none.
    """
    return (
        f"SELECT {columns} FROM chunks WHERE {where}"
        f" UNION {'DISTINCT' if once else 'ALL'} SELECT {columns} FROM dropped_chunks WHERE {where}"
    )


def enter_put_aside(here: Engine, part: str, aside: str) -> None:
    """Enter the chunks of a shard's part as put aside under a name of its own."""
    here.execute(
        f"INSERT INTO dropped_chunks ({_HEAD}, aside) SELECT {_HEAD}, {{aside:String}}"
        " FROM chunks WHERE _part = {part:String}",
        {"part": part, "aside": aside},
    )


def remove_put_aside(here: Engine, aside: str) -> int:
    """Forget that chunks were put aside, as far as their words are in ``chunks``.

    Returns how many are not.
    """
    here.execute(
        "DELETE FROM dropped_chunks WHERE aside = {aside:String}"
        " AND (run_id, link, seq) IN (SELECT run_id, link, seq FROM chunks WHERE run_id IN"
        " (SELECT run_id FROM dropped_chunks WHERE aside = {aside:String}))",
        {"aside": aside},
    )
    left = here.fetch(
        "SELECT count() AS n FROM dropped_chunks WHERE aside = {aside:String}", {"aside": aside}
    )
    return int(left["n"][0].as_py())


def last_time(engine: Engine, run_id: int) -> int:
    """Return the latest time, in ticks, of any word that came; 0 where none did."""
    heads = headers_sql("link, seq, t_last", "run_id = {run:UInt32}")
    found = engine.fetch(f"SELECT max(t_last) AS t FROM ({heads})", {"run": run_id})
    return int(found["t"][0].as_py())


@dataclass(frozen=True)
class Dropped:
    """Raw words of a run that are aside or gone."""

    words: int
    a: int
    b: int
    """They lie in [a, b) ticks."""


def dropped_words(engine: Engine, run_id: int, a: int, b: int) -> Dropped | None:
    """Return what was dropped of the chunks that reach into [a, b) ticks; None if nothing was."""
    row = engine.fetch(
        "SELECT sum(n_hits) AS words, min(t_first) AS a, max(t_last) + 1 AS b FROM ("
        " SELECT DISTINCT link, seq, n_hits, t_first, t_last FROM dropped_chunks"
        " WHERE run_id = {run:UInt32} AND n_hits > 0"
        " AND t_first < {b:Int64} AND t_last >= {a:Int64})",
        {"run": run_id, "a": a, "b": b},
    ).to_pylist()[0]
    return Dropped(**row) if row["words"] else None


def words_are_there(engine: Engine, run_id: int, a: int, b: int, slice_ticks: int) -> bool:
    """Return whether no words of the run in [a, b) ticks were dropped.

    Asked after reading, it tells that what was read lacked nothing.
    """
    found = engine.fetch(
        f"SELECT count() AS n FROM dropped_chunks WHERE {OVERLAP} AND n_hits > 0",
        {"run": run_id, "a": a, "b": b, "slice": slice_ticks},
    )
    return not found["n"][0].as_py()


def heads_in(
    engine: Engine, run_id: int, links: Sequence[int], a: int, b: int, slice_ticks: int
) -> pl.DataFrame:
    """Return the chunks of links whose words reach into [a, b) ticks, in order of link and seq.

    Columns link, seq, t_first, t_last, words, corrupt, checksum, recorded_at, and dropped: their
    words are aside or gone.
    """
    columns = (
        "link, seq, t_first, t_last, n_hits AS words, n_corrupt AS corrupt, checksum, recorded_at"
    )
    where = f"{OVERLAP} AND n_hits > 0 AND has({{links:Array(UInt32)}}, link)"
    table = engine.fetch(
        f"SELECT {columns}, false AS dropped FROM chunks WHERE {where}"
        f" UNION ALL SELECT {columns}, true AS dropped FROM dropped_chunks WHERE {where}",
        {"run": run_id, "a": a, "b": b, "slice": slice_ticks, "links": list(links)},
    )
    rows = pl.DataFrame(pl.from_arrow(table)).sort("link", "seq", "dropped")
    return rows.unique(["link", "seq"], keep="first", maintain_order=True)

"""What links have delivered, counted in the database: for one run or for a page of them at once."""

from collections.abc import Sequence

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import StoreError, UsageError
from db.words.headers import headers_sql
from db.words.overlap import BELIEVED


def link_totals(engine: Engine, run_ids: Sequence[int]) -> pl.DataFrame:
    """Return what each link of the runs has delivered, ordered by run and link.

    Columns run_id, link, chunks, words, corrupt, suspect (words that look sound, with times that
    can't be right), first, last (times in ticks of the earliest and the latest word that is
    believed; null before there is one) and watermark.
    """
    table = engine.fetch(
        "SELECT run_id, link, count() AS chunks, sum(n_hits) AS words,"
        " sum(n_corrupt - n_suspect) AS corrupt, sum(n_suspect) AS suspect,"
        f" minOrNullIf(t_first, {BELIEVED}) AS first, maxOrNullIf(t_last, {BELIEVED}) AS last,"
        " max(watermark) AS watermark"
        f" FROM ({_HEADS}) GROUP BY run_id, link ORDER BY run_id, link",
        {"runs": list(run_ids)},
    )
    return pl.DataFrame(pl.from_arrow(table))


def newest_watermarks(engine: Engine, run_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return the latest watermark of each link of the runs, by run and link, of words that are
    still there."""
    rows = engine.fetch(
        "SELECT run_id, link, max(watermark) AS mark FROM chunks"
        " WHERE has({runs:Array(UInt32)}, run_id) GROUP BY run_id, link ORDER BY run_id, link",
        {"runs": list(run_ids)},
    ).to_pylist()
    return {(row["run_id"], row["link"]): row["mark"] for row in rows}


def check_stored(engine: Engine, run: Run, n_words: int) -> None:
    """Raise StoreError unless the store has that many words of the run, or more.

    What was acknowledged is looked for where it must lie: the files may be gone since.
    """
    try:
        there = int(link_totals(engine, [run.run_id])["words"].sum())
    except StoreError as fault:
        raise StoreError(f"run {run.run_id} can't be read back: {fault}") from None
    if there < n_words:
        raise StoreError(
            f"{n_words:,} words of run {run.run_id} were written, and the store has {there:,}:"
            " something removed its files; ingest again"
        )


def extent(engine: Engine, run: Run) -> tuple[int, int]:
    """Return [first, last + 1) of a run's hits in ticks; UsageError when it has none.

    It is the range of hits, rates and live time. Results may lie before and behind it: whoever
    asks for all of them asks for ``db.time.WHOLE``.
    """
    links = link_totals(engine, [run.run_id]).drop_nulls("first")
    if links.is_empty():
        raise UsageError(f"run {run.run_id} has no hits yet")
    return int(links["first"].min()), int(links["last"].max()) + 1  # type: ignore[arg-type]


_HEADS = headers_sql(
    "run_id, link, seq, t_first, t_last, watermark, n_hits, n_corrupt, n_suspect",
    "has({runs:Array(UInt32)}, run_id)",
)

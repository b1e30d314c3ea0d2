"""Words of each channel in each slice of time, counted when they were stored, and sums of these."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.words.headers import headers_sql

By = Literal["link", "channel"]


def rates_sql(engine: Engine, run: Run, a: int, b: int) -> str:
    """Return the SELECT of t (a slice's begin, in [a, b)), link, channel, hit and n_hits.

    ``hit`` tells sound hits from corrupt and other words.
    """
    return (
        "SELECT t, link, channel, hit, sum(counted.n_hits) AS n_hits"
        f" FROM ({_counted_sql(engine, run, a, b)}) AS counted GROUP BY t, link, channel, hit"
    )


def _counted_sql(engine: Engine, run: Run, a: int, b: int) -> str:
    """Return the SELECT of rows that add up to these rates: enough for whoever sums them.

    The rollup is filled a moment after the chunks, and lacks a block whose insert was killed in
    between. Where it does not account for every word, the tallies of the chunks are read:
    slower, and always right.
    """
    ticks = run.detector.slice
    first, stop = -(-a // ticks), -(-b // ticks)
    where = f"run_id = {run.run_id} AND slice >= {first} AND slice < {stop}"
    chunks = f"run_id = {run.run_id} AND t_first >= {first * ticks} AND t_first < {stop * ticks}"
    # A chunk that is seen twice, while its words are put aside, only sends this the slower way.
    counted = engine.fetch(
        f"SELECT (SELECT sum(n_hits) FROM rates WHERE {where}) AS rolled,"
        f" (SELECT sum(n_hits) FROM ({headers_sql('n_hits', chunks, once=False)})) AS stored"
    ).to_pylist()[0]
    columns = f"slice * {ticks} AS t, link, channel, hit"
    if counted["rolled"] == counted["stored"]:
        return f"SELECT {columns}, n_hits FROM rates WHERE {where}"
    tallies = headers_sql("link, seq, slice, tally_channel, tally_hit, tally_n", chunks)
    return (
        f"SELECT {columns}, n AS n_hits FROM ({tallies})"
        " ARRAY JOIN tally_channel AS channel, tally_hit AS hit, tally_n AS n"
    )


@dataclass(frozen=True)
class Bins:
    """Bins [start + k * width, start + (k + 1) * width) ticks, k = 0 … n - 1."""

    start: int
    width: int
    n: int


def rate_bins(run: Run, a: int, b: int, n: int) -> Bins:
    """Return about ``n`` bins, at most ``n``, that cover [a, b): whole slices, since rates are
    counted by slice."""
    slice_ticks = run.detector.slice
    first, stop = a // slice_ticks, -(-b // slice_ticks)
    width = -(-(stop - first) // n)
    return Bins(first * slice_ticks, width * slice_ticks, -(-(stop - first) // width))


def count_rates(engine: Engine, run: Run, bins: Bins, by: tuple[By, ...] = ()) -> pl.DataFrame:
    """Return the words in each bin, of each link or channel: ``by``, bin, hits, others.

    ``hits`` are sound hits, ``others`` corrupt and other words. Bins without words are left out.
    """
    stop = bins.start + bins.width * bins.n
    keys = ", ".join((*by, "bin"))
    table = engine.fetch(
        f"SELECT {keys}, sumIf(n_hits, hit) AS hits, sumIf(n_hits, NOT hit) AS others FROM"
        f" (SELECT *, intDiv(t - {bins.start}, {bins.width}) AS bin"
        f" FROM ({_counted_sql(engine, run, bins.start, stop)}))"
        f" GROUP BY {keys} ORDER BY {keys}"
    )
    return pl.DataFrame(pl.from_arrow(table))


def count_channels(engine: Engine, run: Run, a: int, b: int) -> pl.DataFrame:
    """Return the words of each channel in the slices that begin in [a, b): link, channel, hits,
    others."""
    table = engine.fetch(
        "SELECT link, channel, sumIf(n_hits, hit) AS hits, sumIf(n_hits, NOT hit) AS others"
        f" FROM ({_counted_sql(engine, run, a, b)}) GROUP BY link, channel ORDER BY link, channel"
    )
    return pl.DataFrame(pl.from_arrow(table))


def count_hits(engine: Engine, run: Run, a: int, b: int) -> int:
    """Return the sound hits in the slices that begin in [a, b)."""
    rates = _counted_sql(engine, run, a, b)
    return int(engine.fetch(f"SELECT sum(n_hits) AS n FROM ({rates}) WHERE hit")["n"][0].as_py())


def newest_rates(engine: Engine, run: Run, first: int, stop: int) -> pl.DataFrame:
    """Return the words of each channel in slices [first, stop): channel, hit, n.

    It sums the rollup alone, which may lag a moment behind: for a view of a run under way.
    """
    table = engine.fetch(
        "SELECT channel, hit, sum(n_hits) AS n FROM rates WHERE run_id = {run:UInt32}"
        " AND slice >= {first:Int64} AND slice < {stop:Int64} GROUP BY channel, hit",
        {"run": run.run_id, "first": first, "stop": stop},
    )
    return pl.DataFrame(pl.from_arrow(table))

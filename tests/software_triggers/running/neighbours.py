"""A run in which some hits follow another one by 40 ns, and the trigger that finds them."""

import polars as pl
from ticks import Hit, toy_chunks, toy_run, write

from software_triggers.trigger import trigger

TIMES = [*range(0, 2000, 40), *range(20, 2000, 400)]


def run_of_neighbours(engine):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, [Hit(t, 0, t % 4) for t in TIMES]))
    return run


def neighbours(reach):
    @trigger(reach=reach)
    def neighbours(hits):
        """The hits that have another one before them by 40 ns."""
        before = hits.select(pl.col("t") + 40)
        return hits.join(before.unique(), on="t").select("t", "wire")

    return neighbours


NUMBERED = """-- trigger: nth
-- reach: 0 ns
SELECT t, row_number() OVER (PARTITION BY wire ORDER BY t) AS n FROM (SELECT t, wire FROM hits)"""
"""Numbers over the whole window, which no reach mends."""

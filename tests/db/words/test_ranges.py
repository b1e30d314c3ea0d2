"""Stretches cover what there is, once, in pieces that fit."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import HIT, Hit, toy_chunks, toy_run, write

from db.results import ranges as rows_ranges
from db.results.ranges import of_rows
from db.results.rows import Lineage, committed_sql
from db.words import ranges as stretches
from db.words.ranges import of_hits
from software_triggers.running.threads import run_stages
from software_triggers.task.bind import bind
from software_triggers.task.relations import read_frame
from software_triggers.trigger import trigger
from software_triggers.window import Window

hits = st.lists(
    st.builds(Hit, st.integers(-3000, 9000), st.integers(0, 2), st.integers(0, 15), st.just(HIT)),
    min_size=1,
    max_size=60,
)


@trigger(reach="60 ns")
def shifted(hits: pl.DataFrame) -> pl.DataFrame:
    """Rows beside hits, some before the run and behind its last hit."""
    return hits.select(pl.col("t") + 60, "wire")


def in_order(found: list[tuple[int, int]], a: int, b: int) -> None:
    edges = [edge for stretch in found for edge in stretch]
    assert edges == sorted(edges)
    assert all(low < high for low, high in found)
    assert not found or (found[0][0] >= a and found[-1][1] <= b)


@given(made=hits, a=st.integers(-3500, 9500), n=st.integers(1, 12000), most=st.integers(1, 70),
       look=st.sampled_from([1, 2, 7, 8192]))  # fmt: skip
@settings(max_examples=20)
def test_stretches_of_hits_hold_each_hit_of_a_range_once(engine, made, a, n, most, look):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, made))
    bind(engine, run, {}, {})
    before, stretches.LOOK = stretches.LOOK, look
    try:
        found = list(of_hits(engine, run, a, a + n, most))
    finally:
        stretches.LOOK = before
    in_order(found, a, a + n)
    expected = sorted(hit.t for hit in made if a <= hit.t < a + n)
    assert [
        t for s in found for t in sorted(read_frame(engine, run, Window(*s), ("t",))["t"])
    ] == expected
    # A slice holds few of these hits: only a single one may exceed what was asked for.
    for low, high in found:
        of_slices = [sum(h.t // 500 == k for h in made) for k in range(low // 500, -(-high // 500))]
        assert sum(of_slices) <= most or len(of_slices) == 1


@given(made=hits, a=st.integers(-3500, 9500), n=st.integers(1, 12000), most=st.integers(1, 70),
       look=st.sampled_from([1, 2, 8192]))  # fmt: skip
@settings(max_examples=8)
def test_stretches_of_rows_hold_each_committed_row_of_a_range_once(engine, made, a, n, most, look):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, made))
    (stage,) = run_stages(engine, run, {"shifted": shifted}, {"shifted": {}}, (-4000, 10000))
    before, rows_ranges.LOOK = rows_ranges.LOOK, look
    try:
        found = list(of_rows(engine, run, stage.lineage, a, a + n, most))
    finally:
        rows_ranges.LOOK = before
    in_order(found, a, a + n)
    rows = [t for low, high in found for t in times(engine, run, stage.lineage, low, high)]
    assert rows == sorted(hit.t + 60 for hit in made if a <= hit.t + 60 < a + n)


def times(engine, run, lineage: Lineage, a: int, b: int) -> list[int]:
    sql = committed_sql(lineage, run.cell, "{a:Int64}", "{b:Int64}")
    return sorted(engine.fetch(sql, {"a": a, "b": b})["t"].to_pylist())

from itertools import count

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from retained import DAY, NOW, SOME, finished_bench
from ticks import Hit, toy_chunk
from workbench import expected, finished, rows

from db.retention.policy import Pin, list_pins, pin
from db.retention.steps import undo

# A step of a schedule: what, and of which hour or range.
steps = st.one_of(
    st.tuples(st.just("apply"), st.integers(0, 4)),
    st.tuples(st.just("pin"), st.sampled_from([(0, 60), (500, 1000), (1300, 1400)])),
    st.tuples(st.just("unpin"), st.sampled_from([(0, 60), (500, 1000), (1300, 1400)])),
    st.tuples(st.just("undo"), st.integers(0, 1)),
    st.tuples(st.just("late"), st.integers(0, 1400)),
    st.tuples(st.just("conduct"), st.just(0)),
    st.tuples(st.just("merge"), st.just(0)),
)


@pytest.mark.slow
@settings(max_examples=12)
@example([("late", 133), ("apply", 0), ("apply", 3)])
@example([("apply", 0), ("pin", (500, 1000)), ("apply", 3), ("undo", 0), ("apply", 3)])
@example([("apply", 0), ("late", 133), ("conduct", 0), ("apply", 3), ("undo", 0), ("conduct", 0)])
@given(st.lists(steps, min_size=2, max_size=9))
def test_no_schedule_removes_words_that_are_pinned_or_not_yet_passed(engine, folder, schedule):
    bench = finished_bench(engine, folder, {"pairs": {}})
    (stage,) = bench.stages
    run_id, now, seqs = bench.run.run_id, NOW, count(100)
    hits, pinned = list(SOME), set()
    for what, which in schedule:
        there, unpassed = on_disk(bench), not_passed(engine, stage)
        readable = on_disk(bench, aside=False)
        if what == "apply":
            now += which * DAY
            bench.apply(now)
            gone = (there - on_disk(bench)) | (readable - on_disk(bench, aside=False))
            for t in gone:
                assert not any(a <= t < b for a, b in pinned), t
                assert not any(a <= t < b for a, b in unpassed), t
        elif what in ("pin", "unpin"):
            pin(engine, Pin(run_id, *which), pinned=what == "pin")
            (pinned.add if what == "pin" else pinned.discard)(which)
        elif what == "undo":
            undo(engine, run_id)
            assert on_disk(bench) == there
        elif what == "late":
            hits.append(Hit(which, 0, 1))
            bench.write([toy_chunk(run_id, 0, next(seqs), hits[-1:], 3000)], hours=which % 2)
        elif what == "merge":
            for shard in engine.shards:
                shard.here.execute("OPTIMIZE TABLE chunks FINAL")
        else:
            finished(engine, bench.run, bench.stages)
    assert {p for p in list_pins(engine) if p.run_id == run_id} == {
        Pin(run_id, *each) for each in pinned
    }
    if not dropped(bench):
        undo(engine, run_id)
        finished(engine, bench.run, bench.stages)
        assert rows(engine, bench.stages)["pairs"] == expected(hits)["pairs"]


def on_disk(bench, *, aside=True) -> set[int]:
    """The times of the run's words that are stored, or lie aside on the disk if asked."""
    found = set()
    for shard in bench.engine.shards:
        here = shard.here
        there = here.fetch(
            "SELECT aside FROM aside_parts FINAL WHERE state IN ('going', 'detached')"
        )
        names = there["aside"].to_pylist() if aside else []
        times = here.fetch(
            "SELECT t_first, t_last FROM chunks WHERE run_id = {run:UInt32} AND n_hits > 0"
            " UNION ALL SELECT t_first, t_last FROM dropped_chunks WHERE run_id = {run:UInt32}"
            " AND n_hits > 0 AND has({parts:Array(String)}, aside)",
            {"run": bench.run.run_id, "parts": names},
        )
        for row in times.to_pylist():
            found |= {row["t_first"], row["t_last"]}
    return found


def dropped(bench) -> list[str]:
    """Parts with words of the run that were dropped for good."""
    return [
        name
        for shard in bench.engine.shards
        for name in shard.here.fetch(
            "SELECT DISTINCT aside FROM dropped_chunks WHERE run_id = {run:UInt32} AND aside IN"
            " (SELECT aside FROM aside_parts FINAL WHERE state = 'dropped')",
            {"run": bench.run.run_id},
        )["aside"].to_pylist()
    ]


def not_passed(engine, stage) -> list[tuple[int, int]]:
    """What cells look at that are not complete, or have seen other chunks than there are: told
    from numbers of chunks, in the slow way."""
    done = dict(
        pl.DataFrame(
            pl.from_arrow(
                engine.fetch(
                    "SELECT cell, argMax(tuple(n_inputs, complete), (revision, n_inputs)) AS last"
                    " FROM ledger WHERE run_id = {run:UInt32} AND lineage = {l:String}"
                    " GROUP BY cell",
                    {"run": stage.run.run_id, "l": stage.lineage.lineage},
                )
            )
        ).rows()
    )
    chunks = engine.fetch(
        " UNION DISTINCT ".join(
            f"SELECT link, seq, t_first, t_last FROM {table}"
            " WHERE run_id = {run:UInt32} AND n_hits > 0"
            for table in ("chunks", "dropped_chunks")
        ),
        {"run": stage.run.run_id},
    ).to_pylist()
    out = []
    for cell in range(-3, 20):
        a, b = cell * 100 - stage.reach, cell * 100 + 100 + stage.reach
        n = sum(c["t_first"] < b and c["t_last"] >= a for c in chunks)
        if n and list(done.get(cell, {}).values() if cell in done else [])[:2] != [n, True]:
            out.append((a, b))
    return out

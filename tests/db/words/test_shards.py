import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineages import CELL, LATER, frame, new_lineage, point_to
from ticks import HIT, NOW, SLICE, Hit, toy_chunk, toy_run

from db.catalogue.runs import amend_run, find_run
from db.errors import StoreError
from db.results.rows import insert_rows, read_committed, sweep
from db.words.chunks import read_words, write_chunks
from db.words.hits_view import create_views, key
from db.words.shards import by_shard, home_of, shard_of, write_by_shard

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


_attempts = count(1)


@given(st.integers(-(2**60), 2**60), st.integers(1, 2**40), st.integers(1, 100))
def test_a_slice_lies_on_one_shard_and_its_neighbours_on_all_others(t, ticks, n):
    begin = t - t % ticks
    assert {shard_of(begin, ticks, n), shard_of(begin + ticks - 1, ticks, n)} == {
        shard_of(t, ticks, n)
    }
    assert {shard_of(t + k * ticks, ticks, n) for k in range(min(n, 20))} <= set(range(n))
    assert shard_of(t + n * ticks, ticks, n) == shard_of(t, ticks, n)
    if n > 1:
        assert shard_of(t + ticks, ticks, n) != shard_of(t, ticks, n)


hits = st.builds(Hit, st.integers(-2000, 2000), st.integers(0, 2), st.integers(0, 3), st.just(HIT))


def viewed_run(engine):
    run = toy_run(engine)
    create_views(engine, run.detector)
    return run


def chunks_of(run, made):
    """One chunk a link and slice."""
    groups = {}
    for hit in made:
        groups.setdefault((hit.link, hit.t // SLICE), []).append(hit)
    return [
        toy_chunk(run.run_id, link, seq, group, 0, at=group[0].t)
        for seq, ((link, _), group) in enumerate(sorted(groups.items()))
    ]


def stored_on(shard, run):
    found = shard.here.fetch(f"SELECT link, seq FROM chunks WHERE run_id = {run.run_id}")
    return sorted(zip(found["link"].to_pylist(), found["seq"].to_pylist(), strict=True))


@settings(max_examples=15)
@given(made=st.lists(hits, min_size=1, max_size=20), first=st.booleans(), again=st.booleans())
def test_each_part_lies_on_its_shard_once_however_often_it_is_tried(engine, made, first, again):
    run = viewed_run(engine)
    chunks, n = chunks_of(run, made), len(engine.shards)
    parts = by_shard(chunks, SLICE, n)
    assert sorted(c.seq for _, part in parts for c in part) == list(range(len(chunks)))
    if first:  # an attempt that ended after its first part
        k, part = parts[0]
        write_chunks(engine.shards[k], part, run.detector, NOW)
    for _ in range(1 + again):
        write_by_shard(engine, chunks, run.detector, NOW)
    for k, shard in enumerate(engine.shards):
        mine = [c for c in chunks if c.t_first // SLICE % n == k]
        assert stored_on(shard, run) == sorted((c.link, c.seq) for c in mine)
    rolled = engine.fetch(f"SELECT sum(n_hits) AS n FROM rates WHERE run_id = {run.run_id}")
    assert rolled["n"].to_pylist() == [len(made)]


@settings(max_examples=10)
@given(made=st.lists(hits, min_size=1, max_size=20), a=st.integers(-2100, 2100))
def test_every_shard_sees_the_whole_store(engine, made, a):
    run = viewed_run(engine)
    write_by_shard(engine, chunks_of(run, made), run.detector, NOW)
    seen = [read_words(shard, run.run_id, a, a + 1000, SLICE) for shard in engine.shards]
    for each in seen[1:]:
        assert np.array_equal(each.words, seen[0].words)
        assert np.array_equal(each.epochs, seen[0].epochs)
    views = [
        shard.fetch(
            f"SELECT t, link, wire FROM hits_{key(run.detector)}"
            f"(run = {run.run_id}, a = {a}, b = {a + 1000}) ORDER BY t, link, wire"
        ).to_pylist()
        for shard in engine.shards
    ]
    expected = sorted((h.t, h.link, h.wire) for h in made if a <= h.t < a + 1000)
    for view in views:
        assert [tuple(row.values()) for row in view] == expected


def test_the_catalogue_is_one_whoever_writes_it(engine):
    """A newer row replaces an older one only where the two lie together."""
    run = viewed_run(engine)
    for k, shard in enumerate(engine.shards):
        run = amend_run(shard, run, note=f"from {k}")
    for shard in engine.shards:
        assert find_run(shard, run.run_id).note == f"from {len(engine.shards) - 1}"
    rows = engine.fetch(f"SELECT count() AS n FROM runs FINAL WHERE run_id = {run.run_id}")
    assert rows["n"].to_pylist() == [1]


def rows_at(*ts):
    return frame([(t, 1, 0.5, [t], "a") for t in ts])


def test_results_lie_on_the_shard_of_their_slice_and_count_everywhere(engine):
    lineage = new_lineage(engine)
    for slice_ in range(4):
        t = slice_ * SLICE
        home = home_of(engine, t, SLICE)
        insert_rows(home, lineage, CELL, slice_, rows_at(t, t + 1, t + 2))
        point_to(home, lineage, t // CELL, slice_)
    n = len(engine.shards)
    for k, shard in enumerate(engine.shards):
        mine = shard.here.fetch(f"SELECT DISTINCT attempt AS a FROM {lineage.table} ORDER BY a")
        assert mine["a"].to_pylist() == [s for s in range(4) if s % n == k]
        ts = read_committed(shard, lineage, CELL, -100, 10_000)["t"].to_list()
        assert ts == [s * SLICE + k for s in range(4) for k in range(3)]


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 3), st.integers(0, 1)),
        min_size=1,
        max_size=6,
    )
)
def test_a_sweep_leaves_what_counts_wherever_ledger_and_rows_lie(engine, tried):
    """Of attempts (shard of the rows, cell, revision, shard of the ledger row)."""
    lineage = new_lineage(engine)
    n = len(engine.shards)
    for rows_on, cell, revision, ledger_on in tried:
        attempt = next(_attempts)
        insert_rows(engine.shards[rows_on % n], lineage, CELL, attempt, rows_at(cell * CELL))
        point_to(engine.shards[ledger_on % n], lineage, cell, attempt, revision)
    before = read_committed(engine, lineage, CELL, 0, 100)
    sweep(engine, lineage.table, lineage.lineage, LATER)
    assert read_committed(engine, lineage, CELL, 0, 100).equals(before)
    left = engine.fetch(f"SELECT count() AS n FROM {lineage.table}")["n"].to_pylist()
    assert left == [len(before)] == [len({cell for _, cell, _, _ in tried})]


def test_a_shard_that_is_away_is_told_and_all_goes_on_when_it_is_back(servers, shards_engine):
    engine = shards_engine
    run = viewed_run(engine)
    made = [Hit(t, 0, t % 4) for t in range(0, 2000, 50)]
    chunks = chunks_of(run, made)
    servers[1].kill()
    try:
        with pytest.raises(StoreError, match=f"no server answers at {servers[1].host}"):
            write_by_shard(engine, chunks, run.detector, NOW)
        with pytest.raises(StoreError, match=f"can't reach the shard {servers[1].host}") as told:
            engine.fetch("SELECT count() FROM chunks")
        assert not told.value.of_the_query
        assert stored_on(engine.shards[0], run), "what lies on the others is written and readable"
    finally:
        servers[1].start()
    write_by_shard(engine, chunks, run.detector, NOW)
    read = read_words(engine, run.run_id, 0, 2000, SLICE)
    assert len(read.words) == len(made)
    rolled = engine.fetch(f"SELECT sum(n_hits) AS n FROM rates WHERE run_id = {run.run_id}")
    assert rolled["n"].to_pylist() == [len(made)]


def test_blocks_that_are_tried_until_they_stand_are_stored_once_whatever_is_killed(
    servers, shards_engine
):
    engine, run = shards_engine, viewed_run(shards_engine)
    blocks = [
        chunks_of(run, [Hit(SLICE * k + n, link, n % 4, HIT) for n in range(50) for link in (0, 1)])
        for k in range(80)
    ]
    blocks = [[replace(c, seq=k) for c in block] for k, block in enumerate(blocks)]
    failures = count()

    def until_it_stands(block):
        for _ in range(600):
            try:
                return write_by_shard(engine, block, run.detector, NOW)
            except StoreError:
                next(failures)
                time.sleep(0.02)
        raise AssertionError("the server does not come back")

    with ThreadPoolExecutor(3) as threads:
        written = threads.map(until_it_stands, blocks)
        for server in (servers[1], servers[0], servers[1]):
            time.sleep(0.15)
            server.kill()
            server.start()
        list(written)
    assert next(failures) > 0, "nothing was in the way"
    where = f"run_id = {run.run_id}"
    stored = engine.fetch(f"SELECT link, seq FROM chunks WHERE {where} ORDER BY seq, link")
    assert stored.to_pylist() == [{"link": k % 2, "seq": k // 2} for k in range(160)]
    words = read_words(engine, run.run_id, 0, 80 * SLICE, SLICE).words
    assert len(words) == 80 * 100
    rolled = engine.fetch(f"SELECT sum(n_hits) AS n FROM rates WHERE {where}")
    assert rolled["n"].to_pylist() == [80 * 100]


def test_a_shard_that_hangs_is_told_in_seconds(servers, shards_engine):
    shards_engine.shards[1].fetch("SELECT 1")
    servers[1].pause()
    try:
        with pytest.raises(StoreError, match=f"{servers[1].host} is silent"):
            shards_engine.shards[1].fetch("SELECT 1")
    finally:
        servers[1].proceed()
    assert shards_engine.shards[1].fetch("SELECT 1 AS x")["x"].to_pylist() == [1]

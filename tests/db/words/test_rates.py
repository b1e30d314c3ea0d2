from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import CORRUPT, HIT, MARK, SLICE, UNTIMED, Hit, toy_chunk, toy_run, write

from db.words.hits_view import create_views
from db.words.rates import rates_sql

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


words = st.builds(
    Hit,
    st.integers(-1500, 1500),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from([HIT, CORRUPT, MARK, UNTIMED]),
)


def counted(engine, run, a, b):
    table = engine.fetch(
        f"SELECT t, link, channel, hit, n_hits FROM ({rates_sql(engine, run, a, b)})"
    )
    return {tuple(row.values())[:4]: row["n_hits"] for row in table.to_pylist()}


def stored(engine, made):
    run = toy_run(engine)
    create_views(engine, run.detector)
    groups = {}
    for hit in made:
        groups.setdefault((hit.link, hit.t // SLICE), []).append(hit)
    chunks = [
        toy_chunk(run.run_id, link, seq, group, 0, at=group[0].t)
        for seq, ((link, _), group) in enumerate(sorted(groups.items()))
    ]
    write(engine, run, chunks)
    return run, chunks


def in_range(made, a, b):
    slices = Counter((hit.t // SLICE * SLICE, hit.link, hit.wire, hit.kind == HIT) for hit in made)
    return {key: n for key, n in slices.items() if a <= key[0] < b}


@settings(max_examples=20)
@given(
    st.lists(words, max_size=30),
    st.integers(-2000, 2000),
    st.integers(0, 2500),
    st.booleans(),
    st.sampled_from(["whole", "lost", "partly lost", "twice"]),
)
def test_every_word_counts_once_in_its_slice_whatever_befell_the_rollup(
    engine, made, a, length, retried, befell
):
    run, chunks = stored(engine, made)
    if retried:
        write(engine, run, chunks)
    where = f"run_id = {run.run_id}"
    if befell in ("lost", "partly lost"):
        gone = where if befell == "lost" else f"{where} AND channel = 1"
        for shard in engine.shards:
            shard.here.execute(f"ALTER TABLE rates DELETE WHERE {gone} SETTINGS mutations_sync = 1")
    if befell == "twice":
        engine.execute(f"INSERT INTO rates SELECT * FROM rates WHERE {where}")
    assert counted(engine, run, a, a + length) == in_range(made, a, a + length)


def test_the_rollup_alone_has_it_all(engine):
    made = [Hit(t, t % 3, t % 4) for t in range(0, 1000, 7)]
    run, _ = stored(engine, made)
    sql = rates_sql(engine, run, 0, 1000)
    assert "chunks" not in sql
    assert sum(counted(engine, run, 0, 1000).values()) == len(made)


def test_another_detectors_words_are_not_counted_here(engine):
    made = [Hit(5, 0, 1)]
    one, _ = stored(engine, made)
    two, _ = stored(engine, [])
    assert counted(engine, one, 0, 500) == {(0, 0, 1, True): 1}
    assert counted(engine, two, 0, 500) == {}

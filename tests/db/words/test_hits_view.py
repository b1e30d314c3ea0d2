from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import CORRUPT, HIT, MARK, NOW, SLICE, TOY, UNTIMED, Hit, toy_chunk, toy_run, write

from db.catalogue.runs import open_run
from db.detector import encode, load, loads
from db.words.chunk import Chunk
from db.words.chunks import write_chunks
from db.words.hits_view import create_views, hits_sql, key

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


words = st.builds(
    Hit,
    st.integers(-900, 900),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from([HIT, HIT, HIT, MARK, UNTIMED]),
)


def shown(engine, relation, run, a, b, columns="t, link, wire"):
    sql = f"SELECT {columns} FROM {relation}_{key(run.detector)}(run = {run.run_id}, a = {a}, b = {b})"
    return sorted(tuple(row.values()) for row in engine.fetch(sql).to_pylist())


def in_slices(run, made, sizes=3):
    """Chunks of neighbours in one slice; words without a time go with any."""
    groups = {}
    for hit in made:
        groups.setdefault((hit.link, hit.t // SLICE), []).append(hit)
    return [
        toy_chunk(run.run_id, link, 100 * n + k, group[k : k + sizes], 0, at=group[k].t)
        for n, ((link, _), group) in enumerate(groups.items())
        for k in range(0, len(group), sizes)
    ]


@settings(max_examples=25)
@given(st.lists(words, max_size=25), st.integers(-1000, 1000), st.integers(0, 800))
def test_a_range_shows_the_words_whose_time_lies_in_it(engine, made, a, length):
    run, b = toy_run(engine), a + length
    create_views(engine, run.detector)
    write(engine, run, in_slices(run, made))
    timed = sorted(
        (h.t, h.link, h.wire, h.kind == HIT) for h in made if h.kind != UNTIMED and a <= h.t < b
    )
    assert shown(engine, "words", run, a, b, "t, link, wire, hit") == timed
    assert shown(engine, "hits", run, a, b) == [row[:3] for row in timed if row[3]]


def test_corrupt_words_are_no_hits(engine):
    run = toy_run(engine)
    create_views(engine, run.detector)
    made = [Hit(t, 0, 1, kind) for t, kind in enumerate([HIT, CORRUPT, HIT, MARK, UNTIMED])]
    write(engine, run, in_slices(run, made))
    assert [t for t, *_ in shown(engine, "hits", run, 0, 10)] == [0, 2]


@pytest.mark.parametrize("far", [0, 60, 300])
def test_what_a_range_shows_does_not_hang_on_how_it_is_cut(engine, far):
    """A corrupt word's time may lie beyond all sound times of its chunk."""
    run = toy_run(engine)
    create_views(engine, run.detector)
    made = [Hit(10, 0, 1), Hit(20 + far, 0, 2, CORRUPT)]
    write(engine, run, [toy_chunk(run.run_id, 0, 0, made, 0)])
    whole = shown(engine, "words", run, 0, 500, "t, wire, hit")
    tens = [
        row
        for a in range(0, 500, 10)
        for row in shown(engine, "words", run, a, a + 10, "t, wire, hit")
    ]
    assert tens == whole


def test_hits_of_two_words_are_put_together(engine):
    run = open_run(engine, load("km3net"), cell=100)
    create_views(engine, run.detector)
    rng = np.random.default_rng(5)
    pmt, time, tot = rng.integers(0, 31, 50), rng.integers(0, 1000, 50), rng.integers(0, 256, 50)
    module = rng.integers(0, 2**32, 50)
    first = (pmt | time << 8 | tot << 40).astype(np.uint64)
    both = np.stack([first, module.astype(np.uint64)], axis=1).reshape(-1)
    chunk = Chunk(
        run.run_id, 0, 0, -200, int(time.min()) - 200, int(time.max()) - 200, 0, 50, 0, both
    )
    write(engine, run, [chunk])
    columns = (time - 200, module, pmt, tot)
    expected = sorted(
        row for row in zip(*(c.tolist() for c in columns), strict=True) if -50 <= row[0] < 500
    )
    assert shown(engine, "hits", run, -50, 500, "t, module, pmt, tot") == expected


def test_runs_keep_apart_and_views_may_be_made_again(engine):
    one, two = toy_run(engine), toy_run(engine)
    for run, t in ((one, 5), (two, 7)):
        create_views(engine, run.detector)
        write(engine, run, [toy_chunk(run.run_id, 0, 0, [Hit(t, 0, 0)], 0)])
    assert shown(engine, "hits", one, 0, 10) == [(5, 0, 0)]
    assert shown(engine, "hits", two, 0, 10) == [(7, 0, 0)]


def test_another_channel_map_has_views_of_its_own():
    other = loads(TOY.source.replace('channel = "wire"', 'channel = "15 - wire"'))
    assert key(other) != key(TOY)
    assert key(other).startswith("ticks_")
    assert key(loads(TOY.source)) == key(TOY)


def test_the_declaration_decides_how_old_words_are_read(engine):
    """The same stored words, another map: nothing is rewritten."""
    changed = TOY.source.replace("wire = { bits = [34, 37] }", "raw = { bits = [34, 37] }")
    changed = changed.replace(
        'channel = "wire"', 'channel = "wire"\n\n[columns]\nwire = "15 - raw"'
    )
    run = toy_run(engine)
    write_chunks(engine, [toy_chunk(run.run_id, 0, 0, [Hit(5, 0, 4)], 0)], TOY, NOW)
    for detector, wire in ((TOY, 4), (loads(changed), 11)):
        create_views(engine, detector)
        again = replace(run, declaration=detector.source)
        assert shown(engine, "hits", again, 0, 10, "wire") == [(wire,)]


@pytest.mark.parametrize("words_per_hit", [1, 2, 3])
def test_reading_hits_of_several_words_takes_little_memory(engine, words_per_hit):
    n, n_chunks = words_per_hit, 8
    last = f"word = {n - 1}, bits = [0, 15]" if n > 1 else "bits = [48, 63]"
    detector = loads(f"""
        name = "wide{n}"
        title = "{n} words a hit"
        words_per_hit = {n}
        fields = {{ ts = {{ bits = [0, 47] }}, adc = {{ {last} }} }}
        clock = {{ tick_ns = 1, time = "ts", disorder = "1 us", slice = "100 ms" }}
    """)
    run = open_run(engine, detector, cell=detector.slice)
    create_views(engine, detector)
    size, total = 65536, 0
    for k in range(n_chunks):
        ts = np.arange(size) + k * detector.slice
        adc = ts % 999
        total += int(adc.sum())
        words = encode(detector, {"ts": ts, "adc": adc})
        first, end = int(ts[0]), int(ts[-1])
        chunk = Chunk(run.run_id, 0, k, 0, first, end, end, size, 0, words)
        write_chunks(engine, [chunk], detector, datetime.now(UTC))
    stop = n_chunks * detector.slice
    viewed = f"SELECT t, adc FROM hits_{key(detector)}(run = {run.run_id}, a = 0, b = {stop})"
    for hits in (viewed, hits_sql(detector, run.run_id, 0, stop)):
        found = engine.fetch(
            f"SELECT count() AS n, sum(adc) AS s FROM ({hits}) SETTINGS max_memory_usage = 250000000"
        )
        assert found.to_pylist() == [{"n": n_chunks * size, "s": total}]

from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import CORRUPT, HIT, MARK, SLICE, UNTIMED, Hit, toy_chunk, toy_chunks, toy_run, write
from workbench import TRIGGERS, finished

from db.catalogue.runs import open_run
from db.detector import decode, load
from db.errors import EveryhitError
from db.relations.read import read
from db.relations.relation import Relation, select_of
from db.words.chunk import Chunk
from readout.link.chunker import Chunker
from readout.simulator.noise import noise
from software_triggers.task.bind import bind
from software_triggers.task.find import select
from software_triggers.task.relations import frames, read_frame, relations_of
from software_triggers.trigger import sql_trigger, trigger
from software_triggers.window import Window

words = st.builds(
    Hit,
    st.integers(-900, 900),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from([HIT, HIT, MARK, CORRUPT, UNTIMED]),
)


def stored(engine, made):
    run = toy_run(engine)
    groups = {}
    for hit in made:
        groups.setdefault((hit.link, hit.t // SLICE), []).append(hit)
    chunks = [
        toy_chunk(run.run_id, link, seq, group, 0, at=group[0].t)
        for seq, ((link, _), group) in enumerate(sorted(groups.items()))
    ]
    write(engine, run, chunks)
    bind(engine, run, TRIGGERS, {})
    return run, chunks


def asked(engine, run, name, window, columns=None):
    sql = select_of(engine, Relation(name, run, window.a, window.b, columns=columns))
    return pl.DataFrame(pl.from_arrow(engine.fetch(sql)))


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(words, max_size=25), st.integers(-1000, 1000), st.integers(0, 900))
def test_hits_and_words_are_the_same_in_sql_and_in_frames(engine, made, a, length):
    run, _ = stored(engine, made)
    window = Window(a, a + length)
    inside = [hit for hit in made if window.a <= hit.t < window.b]
    expected = {
        "hits": sorted((h.t, h.link, h.wire) for h in inside if h.kind == HIT),
        "words": sorted(
            (h.t, h.link, h.wire, h.kind == HIT) for h in inside if h.kind in (HIT, MARK)
        ),
    }
    for name, rows in expected.items():
        columns = ["t", "link", "wire", "hit"][: 3 if name == "hits" else 4]
        only = name == "hits"
        frame = read_frame(engine, run, window, columns, hits_only=only)
        assert sorted(frame.rows()) == rows
        whole = read_frame(engine, run, window, hits_only=only)
        assert sorted(whole.select(columns).rows()) == rows
        for wanted in (None, columns):
            table = asked(engine, run, name, window, wanted)
            assert sorted(table.select(columns).rows()) == rows
            assert set(table.columns) == (set(whole.columns) if wanted is None else set(columns))


def chunks_of(detector, run, streams, max_words=40):
    chunks = []
    for link, its_words in streams.items():
        chunker = Chunker(detector, run.run_id, link, 0, max_words=max_words)
        chunks += [*chunker.push(its_words), *chunker.close()]
    return chunks


@cache
def random_hits(name):
    detector = load(name)
    stop = int(2e6 / float(detector.tick))  # 2 ms
    made = noise(detector, 7, 0, stop, 150_000.0)
    return detector, {link: made.of_link(link) for link in np.unique(made.link).tolist()}, stop


@pytest.mark.parametrize("name", ["drift_tubes_v1", "drift_tubes_v2", "km3net"])
def test_every_column_is_the_same_number_in_sql_and_in_frames(engine, name):
    detector, streams, stop = random_hits(name)
    run = open_run(engine, detector, cell=1000)
    chunks = chunks_of(detector, run, streams)
    write(engine, run, chunks)
    window = Window(stop // 5, 3 * stop // 4)
    frame = read_frame(engine, run, window)
    assert len(frame) > 50
    table = asked(engine, run, "hits", window)
    assert set(table.columns) == set(frame.columns)
    order = sorted(frame.columns)
    assert frame.select(order).sort(order).equals(table.select(order).sort(order))
    assert dict(frame.schema) == dict(table.select(frame.columns).schema)

    decoded = [decode(detector, c.words, c.epoch) for c in chunks if c.n_hits]
    together = pl.concat([pl.DataFrame({k: d[k] for k in d if k in order}) for d in decoded])
    inside = together.filter(pl.col("t").is_between(window.a, window.b, closed="left"))
    shared = sorted(inside.columns)
    assert frame.select(shared).sort(shared).equals(inside.select(shared).sort(shared))


@pytest.mark.parametrize("name", ["drift_tubes_v2", "km3net"])
def test_raw_words_come_bit_for_bit(engine, name):
    detector, streams, stop = random_hits(name)
    run = open_run(engine, detector, cell=1000)
    write(engine, run, chunks_of(detector, run, streams))
    frame = read_frame(engine, run, Window(-stop, 2 * stop), ("t", "link", "raw"))
    raw = [f"w{k}" for k in range(detector.words_per_hit)]
    assert frame.columns == ["t", "link", *raw]
    for link, its_words in streams.items():
        own = frame.filter(pl.col("link") == link).select(raw).rows()
        assert sorted(own) == sorted(map(tuple, its_words.reshape(-1, len(raw)).tolist()))


def test_frames_hold_what_a_trigger_names(engine):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, [Hit(t, 0, 1) for t in (10, 20, 320)]))
    stages = bind(engine, run, TRIGGERS, {"crowds": {}})
    finished(engine, run, stages)
    crowds = stages[-1]
    got = frames(engine, run, crowds.trigger, crowds.inputs, Window(0, 20))
    assert set(got) == {"hits", "pairs"}
    assert got["pairs"]["t"].to_list() == [10]
    assert got["hits"]["t"].to_list() == [10]
    named = relations_of(run, crowds.trigger, crowds.inputs, Window(0, 20))
    assert read(engine, named["pairs"])["t"].to_pylist() == [10]


def test_rates_are_the_same_in_sql_and_in_frames(engine):
    run, _ = stored(engine, [Hit(t, t % 3, t % 4, t % 5 % 3) for t in range(0, 1000, 7)])

    @trigger(reach="0 ns", depends_on="rates", name="counted")
    def counted(rates):
        return rates

    window = Window(0, 1000)
    frame = frames(engine, run, counted, {}, window)["rates"]
    table = pl.DataFrame(pl.from_arrow(read(engine, Relation("rates", run, 0, 1000))))
    assert frame.sort(frame.columns).equals(table.select(frame.columns).sort(frame.columns))
    assert frame["n_hits"].sum() == 143
    assert set(frame["t"]) == {0, 500}


WAYS = """
SELECT t, wire FROM hits
SELECT * FROM hits
SELECT h.* FROM hits AS h
SELECT hits.t AS t, hits.wire AS w FROM hits
SELECT `t`, "wire" FROM hits
SELECT t, count(*) OVER (ORDER BY t RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM hits
SELECT * EXCEPT (time, kind) FROM hits
SELECT t, COLUMNS('^wi') FROM hits
SELECT t, h.wire AS w FROM hits AS h JOIN (SELECT t, link FROM hits) AS k USING (t, link)
SELECT t, wire FROM hits WHERE time > 0 AND kind = 0
SELECT t, hit FROM words
SELECT t, x FROM (SELECT t, arrayMap(i -> i + wire, [1, 2]) AS x FROM hits)
""".strip().splitlines()


@pytest.mark.parametrize("sql", WAYS)
def test_a_column_is_there_however_it_is_named(engine, sql):
    run, _ = stored(engine, [Hit(t, 0, t % 4) for t in range(0, 100, 9)])
    tried = sql_trigger(f"-- trigger: tried\n-- reach: 0 ns\n{sql}")
    (stage,) = bind(engine, run, {"tried": tried}, {"tried": {}})
    found = engine.fetch(select(engine, stage, Window(0, 100)), stage.params)
    assert sorted(found["t"].to_pylist()) == list(range(0, 100, 9))


def test_a_column_that_is_not_there_is_told(engine):
    run = toy_run(engine)

    @trigger(reach="0 ns", uses=("t", "lair"), name="tried")
    def tried(hits):
        return hits

    with pytest.raises(EveryhitError, match="lair"):
        bind(engine, run, {"tried": tried}, {"tried": {}})


def test_an_empty_window_has_its_columns(engine):
    run, _ = stored(engine, [])
    frame = read_frame(engine, run, Window(0, 0))
    assert frame.is_empty()
    assert set(frame.columns) >= {"t", "link", "wire", "kind", "time"}
    assert frame.schema == read_frame(engine, run, Window(0, 500)).schema


def test_words_of_one_chunk_keep_their_order(engine):
    run = toy_run(engine)
    ts = [30, 10, 20, 10]
    made = np.array([t + 5000 | k << 34 for k, t in enumerate(ts)], np.uint64)
    write(engine, run, [Chunk(run.run_id, 0, 0, -5000, 10, 30, 0, 4, 0, made)])
    frame = read_frame(engine, run, Window(10, 30), ("t", "wire"))
    assert frame.rows() == [(10, 1), (20, 2), (10, 3)]

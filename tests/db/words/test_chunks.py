from datetime import UTC, datetime
from itertools import count

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import TOY

from db.words.chunk import Chunk
from db.words.chunks import (
    link_state,
    read_arrivals,
    read_spans,
    read_words,
    write_chunks,
)
from db.words.damage import check_part, parts_there

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


_runs = count(2_000_000)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SLICE = 100


def chunk(run, link, seq, t_first, t_last, words):
    words = np.array(words, np.uint64)
    return Chunk(run, link, seq, 1000 * seq, t_first, t_last, t_first, len(words), 0, words)


chunks = st.builds(
    lambda link, t, length, words: (link, t, min(t + length, t - t % SLICE + SLICE - 1), words),
    st.integers(0, 2),
    st.integers(-300, 300),
    st.integers(0, SLICE - 1),
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5),
)


@settings(max_examples=60)
@given(st.lists(chunks, min_size=1, max_size=10), st.integers(-350, 350), st.integers(0, 250))
def test_a_range_brings_the_words_of_all_chunks_that_overlap_it(engine, made, a, length):
    run, b = next(_runs), a + length
    written = [chunk(run, link, seq, *rest) for seq, (link, *rest) in enumerate(made)]
    write_chunks(engine, written, TOY, NOW)

    expected = sorted(
        (c for c in written if c.t_first < b and c.t_last >= a),
        key=lambda c: (c.t_first, c.link, c.seq),
    )
    read = read_words(engine, run, a, b, SLICE)
    assert read.words.tolist() == [w for c in expected for w in c.words.tolist()]
    assert read.lengths.tolist() == [len(c.words) for c in expected]
    assert read.epochs.tolist() == [c.epoch for c in expected]
    assert read.links.tolist() == [c.link for c in expected]
    spans = read_spans(engine, run, a, b, SLICE)
    assert sorted(spans["t_first"]) == [c.t_first for c in expected]


def test_a_block_written_twice_is_stored_once_everywhere(engine):
    run = next(_runs)
    block = [chunk(run, 0, seq, 10 * seq, 10 * seq + 5, [seq, 2**64 - 1]) for seq in range(3)]
    write_chunks(engine, block, TOY, NOW)
    write_chunks(engine, block, TOY, NOW)
    assert len(read_arrivals(engine, run, {})) == 3
    assert len(read_words(engine, run, 0, 100, SLICE).words) == 6


def test_equal_words_in_other_chunks_are_stored_again(engine):
    run = next(_runs)
    for seq in range(2):
        write_chunks(engine, [chunk(run, 0, seq, 0, 5, [7, 7])], TOY, NOW)
    assert read_words(engine, run, 0, 10, SLICE).words.tolist() == [7, 7, 7, 7]


def test_arrivals_are_those_beyond_what_was_seen(engine):
    run = next(_runs)
    write_chunks(engine, [chunk(run, 0, s, s, s, [s]) for s in range(5)], TOY, NOW)
    write_chunks(engine, [chunk(run, 1, s, s, s, [s]) for s in range(2)], TOY, NOW)
    seen = read_arrivals(engine, run, {0: 3})
    assert seen.select("link", "seq").rows() == [(0, 3), (0, 4), (1, 0), (1, 1)]
    assert link_state(engine, run, 0) == (5, 4)
    assert link_state(engine, run, 9) == (0, None)


def test_a_heartbeat_brings_no_words_but_arrives(engine):
    run = next(_runs)
    write_chunks(engine, [chunk(run, 0, 0, 50, 50, [])], TOY, NOW)
    assert len(read_words(engine, run, 0, 100, SLICE).words) == 0
    assert read_spans(engine, run, 0, 100, SLICE).is_empty()
    assert len(read_arrivals(engine, run, {})) == 1


def test_a_flipped_bit_is_found(engine):
    run = next(_runs)
    write_chunks(engine, [chunk(run, 3, s, 0, 5, [s, s + 1]) for s in range(3)], TOY, NOW)
    here = engine.shards[0].here

    def damaged():
        parts = [part for part in parts_there(here) if part.table == "chunks"]
        return [text for part in parts for text in check_part(here, part).problems]

    assert not any(f"run {run} " in text for text in damaged())
    engine.shards[0].here.execute(
        f"ALTER TABLE chunks UPDATE words = [1, 3] WHERE run_id = {run} AND seq = 1"
        " SETTINGS mutations_sync = 1"
    )
    (text,) = (text for text in damaged() if f"run {run} " in text)
    assert text.startswith("the words of chunk 1 of link 3 ")


def test_links_and_epochs_come_chunk_by_chunk(engine):
    run = next(_runs)
    write_chunks(engine, [chunk(run, 4, 0, 0, 5, [1, 2]), chunk(run, 4, 1, 6, 9, [3, 4])], TOY, NOW)
    read = read_words(engine, run, 0, 100, SLICE)
    assert read.links.tolist() == [4, 4]
    assert read.epochs.tolist() == [0, 1000]
    assert isinstance(read_arrivals(engine, run, {}), pl.DataFrame)


def test_a_block_leaves_in_the_order_of_the_table(engine, monkeypatch):
    sent, insert = [], engine.insert
    monkeypatch.setattr(engine, "insert", lambda table, rows, token: sent.append(rows))
    run = next(_runs)
    made = [
        chunk(run, 1, 0, 9, 9, [1]),
        chunk(run, 0, 1, 9, 9, [2, 3]),
        chunk(run, 2, 0, 5, 5, [4]),
    ]
    write_chunks(engine, made, TOY, NOW)
    (rows,) = sent
    order = [(row["t_first"], row["link"], row["words"]) for row in rows.to_pylist()]
    assert order == [(5, 2, [4]), (9, 0, [2, 3]), (9, 1, [1])]
    insert("chunks", rows)
    assert read_words(engine, run, 0, 10, SLICE).words.tolist() == [4, 2, 3, 1]

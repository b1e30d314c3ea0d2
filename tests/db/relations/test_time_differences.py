"""Differences of times, against all pairs counted one by one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import db.relations.time_differences as subject
from db.catalogue.runs import open_run
from db.relations.relation import Relation
from db.relations.time_differences import between, count_rows, to_previous
from db.words.hits_view import create_views
from readout.readout import Readout
from readout.source.block import Block
from tests.toy import LONG

HITS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 3)), min_size=1, max_size=40)


def stored(engine, hits):
    run = open_run(engine, LONG, name="differences", cell=10**8)
    create_views(engine, LONG)
    words = np.array([(ch << 61) | t for t, ch in sorted(hits)], np.uint64)
    with Readout(engine, run) as readout:
        readout.push(Block(0, words, 0))
    return Relation("hits", run, -(2**40), 2**40)


def binned(differences, of):
    counts, below, above = [0] * len(of.counts), 0, 0
    for d in differences:
        k = int((d - of.low) // of.width)
        if k < 0:
            below += 1
        elif k >= len(counts):
            above += 1
        else:
            counts[k] += 1
    return counts, below, above


@settings(max_examples=25, deadline=None)
@given(HITS, st.integers(1, 80), st.integers(1, 50), st.booleans(), st.integers(1, 50))
def test_each_row_counts_once_to_the_one_before_it(engine, hits, high, n, by_channel, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "MOST_ROWS", most)  # pieces of any size
        rows = stored(engine, hits)
        rows = Relation("hits", rows.run, 0, 301)
        of = to_previous(engine, rows, "ch" if by_channel else None, high, n, 60)
    groups = {}
    for t, ch in sorted(hits):
        groups.setdefault(ch if by_channel else 0, []).append(t)
    expected = [b - a for times in groups.values() for a, b in pairwise(times)]
    assert (of.counts, of.below, of.above) == binned(expected, of)
    assert of.low == -0.5
    assert of.high >= high + 0.5
    assert of.width == int(of.width)


@settings(max_examples=25, deadline=None)
@given(HITS, st.integers(1, 80), st.integers(1, 50), st.integers(1, 50))
def test_all_pairs_of_two_selections_count(engine, hits, within, n, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "MOST_ROWS", most)
        rows = stored(engine, hits)
        rows = Relation("hits", rows.run, 0, 301)
        first, second = (LONG.selection(text) for text in ("ch < 2", "ch >= 1"))
        of = between(engine, rows, first, second, within, n, 60)
    expected = [
        b - a
        for i, (a, ch_a) in enumerate(hits)
        for j, (b, ch_b) in enumerate(hits)
        if i != j and ch_a < 2 and ch_b >= 1 and -within <= b - a <= of.high
    ]
    assert of.counts == binned(expected, of)[0]
    assert sum(of.counts) == len(expected)


def test_rows_are_counted(engine):
    assert count_rows(engine, stored(engine, [(1, 0), (1, 0), (7, 2)])) == 3


def test_pieces_are_told(engine, monkeypatch):
    monkeypatch.setattr(subject, "MOST_ROWS", 5)
    told = []
    rows = stored(engine, [(10 * k, 0) for k in range(20)])
    to_previous(engine, Relation("hits", rows.run, 0, 200), None, 50, 10, 60, told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]

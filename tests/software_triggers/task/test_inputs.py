from itertools import count

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import SLICE, Hit, toy_chunk, toy_run, write
from workbench import PAIRS, crowds

from db.results import ledger
from software_triggers.task.bind import bind
from software_triggers.task.inputs import input_state

_seq = count(1)
chunk_ranges = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-1200, 1200), st.integers(0, SLICE - 1), st.integers(0, 4)),
    max_size=12,
)  # fmt: skip
ledger_entries = st.lists(
    st.tuples(st.integers(-14, 14), st.integers(0, 3), st.integers(0, 2)), max_size=20
)


def in_one_slice(t, length):
    return t, min(t + length, t - t % SLICE + SLICE - 1)


def commit(engine, stage, entries):
    """Ledger rows of (cell, revision, digest) as attempts of one stage."""
    lineage = stage.inputs["pairs"].lineage
    for attempt, (cell, revision, digest) in enumerate(entries):
        row = {"cell": cell, "revision": revision, "attempt": attempt, "n_rows": digest % 7}
        row |= {"digest": digest, "inputs": 0, "n_inputs": attempt, "complete": True}
        ledger.commit(engine, stage.run.run_id, lineage, pl.DataFrame([row]), "", 0.0)


@settings(max_examples=15)
@given(
    chunk_ranges, ledger_entries, st.integers(-6, 4), st.integers(1, 7), st.sampled_from([7, 100, 900])
)  # fmt: skip
def test_the_state_of_a_cell_tells_what_overlaps_it_and_its_margins(
    engine, ranges, entries, first, n_cells, cell
):
    run = toy_run(engine, cell)
    stage = bind(engine, run, {"pairs": PAIRS, "crowds": crowds}, {"crowds": {"within": "130 ns"}})[
        -1
    ]
    chunks = []
    for link, t, length, n in ranges:
        low, high = in_one_slice(t, length)
        hits = [Hit(int(at), link, 0) for at in np.linspace(low, high, n).astype(int)]
        chunks.append(toy_chunk(run.run_id, link, next(_seq), hits, 0, at=t))
    write(engine, run, chunks)
    commit(engine, stage, entries)

    counted = {}
    for attempt, (at, revision, digest) in enumerate(entries):
        counted[at] = max(counted.get(at, (-1, -1, -1)), (revision, attempt, digest))
    keys = []
    state = input_state(engine, stage, first, first + n_cells)
    assert state["cell"].to_list() == list(range(first, first + n_cells))
    for at, _, n_inputs, n_dropped, n_read in state.rows():
        assert n_dropped == 0
        a, b = at * cell - 130, (at + 1) * cell + 130
        seen = [c for c in chunks if c.n_hits and c.t_first < b and c.t_last >= a]
        read = {
            other: (revision, digest)
            for other, (revision, _, digest) in counted.items()
            if other * cell < b and (other + 1) * cell > a
        }
        rows = counted[at][2] % 7 if at in counted else 0
        assert n_read == rows + sum(c.n_hits for c in chunks if c.t_first // cell == at)
        assert n_inputs == len(seen) + sum(revision + 1 for revision, _ in read.values())
        of_chunks = frozenset((c.link, c.seq) for c in seen)
        of_results = frozenset((other, digest) for other, (_, digest) in read.items())
        keys.append((of_chunks, of_results))
    # Equal inputs, equal numbers; other inputs, other numbers.
    assert len(set(keys)) == len(set(zip(keys, state["inputs"], strict=True)))
    assert len(set(keys)) == state["inputs"].n_unique()


def test_a_revision_with_the_same_rows_is_the_same_input(engine):
    run = toy_run(engine)
    stage = bind(engine, run, {"pairs": PAIRS, "crowds": crowds}, {"crowds": {}})[-1]
    commit(engine, stage, [(0, 0, 77)])
    before = input_state(engine, stage, 0, 1)
    commit(engine, stage, [(0, 1, 77)])
    again = input_state(engine, stage, 0, 1)
    commit(engine, stage, [(0, 2, 78)])
    other = input_state(engine, stage, 0, 1)
    assert before["inputs"].item() == again["inputs"].item() != other["inputs"].item()
    assert before["n_inputs"].item() < again["n_inputs"].item() < other["n_inputs"].item()


def test_a_committed_window_without_rows_is_not_the_same_as_none(engine):
    run = toy_run(engine)
    stage = bind(engine, run, {"pairs": PAIRS, "crowds": crowds}, {"crowds": {}})[-1]
    nothing = input_state(engine, stage, 0, 1)
    commit(engine, stage, [(0, 0, 0)])
    assert input_state(engine, stage, 0, 1)["inputs"].item() != nothing["inputs"].item()


def test_results_that_swap_their_windows_are_another_input(engine):
    run = toy_run(engine)
    stage = bind(engine, run, {"pairs": PAIRS, "crowds": crowds}, {"crowds": {}})[-1]
    commit(engine, stage, [(0, 0, 5), (1, 0, 6)])
    before = input_state(engine, stage, 0, 2)
    commit(engine, stage, [(0, 1, 6), (1, 1, 5)])
    assert input_state(engine, stage, 0, 2)["inputs"].to_list() != before["inputs"].to_list()


def test_no_cells_have_no_state(engine):
    run = toy_run(engine)
    stage = bind(engine, run, {"pairs": PAIRS}, {"pairs": {}})[-1]
    assert input_state(engine, stage, 3, 3).is_empty()

from itertools import count

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import SLICE, Hit, toy_chunk, toy_run, write
from workbench import PAIRS, WANTED, Workers, crowds, finished, stages_of

from software_triggers.task.bind import bind
from software_triggers.task.inputs import chain_state
from software_triggers.window import cells_near

_seq = count(1)
chunk_ranges = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-1200, 1200), st.integers(0, SLICE - 1), st.integers(0, 4)),
    max_size=12,
)  # fmt: skip


def in_one_slice(t, length):
    return t, min(t + length, t - t % SLICE + SLICE - 1)


@given(
    st.lists(st.tuples(st.integers(-300, 300), st.integers(0, 90)), max_size=8),
    st.integers(0, 120),
    st.integers(1, 50),
)
def test_cells_near_are_those_that_look_at_a_range(ranges, horizon, cell):
    first = np.array([t for t, _ in ranges], np.int64)
    last = np.array([t + length for t, length in ranges], np.int64)
    expected = [
        c
        for c in range(-600, 600)
        if any(t < (c + 1) * cell + horizon and t + n >= c * cell - horizon for t, n in ranges)
    ]
    assert cells_near(first, last, horizon, cell).tolist() == expected


@settings(max_examples=15)
@given(chunk_ranges, st.integers(-6, 4), st.integers(1, 7), st.sampled_from([7, 100, 900]))
def test_the_state_of_a_cell_tells_the_chunks_within_its_horizon(
    engine, ranges, first, n_cells, cell
):
    run = toy_run(engine, cell)
    stages = bind(engine, run, {"pairs": PAIRS, "crowds": crowds}, {"crowds": {"within": "130 ns"}})
    assert [stage.horizon for stage in stages] == [30, 160]
    chunks = []
    for link, t, length, n in ranges:
        low, high = in_one_slice(t, length)
        hits = [Hit(int(at), link, 0) for at in np.linspace(low, high, n).astype(int)]
        chunks.append(toy_chunk(run.run_id, link, next(_seq), hits, 0, at=t))
    write(engine, run, chunks)
    state = chain_state(engine, stages, first, first + n_cells)
    for stage in stages:
        keys = []
        seen = {}
        for at in range(first, first + n_cells):
            a, b = at * cell - stage.horizon, (at + 1) * cell + stage.horizon
            if near := [c for c in chunks if c.n_hits and c.t_first < b and c.t_last >= a]:
                seen[at] = near
        rows = state[stage.name]
        assert rows["cell"].to_list() == list(seen)
        assert rows["stale"].all()
        assert not rows["n_dropped"].sum()
        assert rows["n_inputs"].to_list() == [len(near) for near in seen.values()]
        n_words = [sum(c.n_hits for c in chunks if c.t_first // cell == at) for at in seen]
        assert rows["n_words"].to_list() == n_words
        keys = [frozenset((c.link, c.seq) for c in near) for near in seen.values()]
        # Equal inputs, equal numbers; other inputs, other numbers.
        assert len(set(keys)) == len(set(zip(keys, rows["inputs"], strict=True)))
        assert len(set(keys)) == rows["inputs"].n_unique()


def test_what_a_lineage_is_made_from_does_not_hang_on_who_reads_it(engine):
    """So that results are up to date whatever chain they are looked at in."""
    stages = stages_of(engine, wanted=WANTED)
    made = [Hit(t, 0, 0) for t in range(0, 900, 60)]
    write(engine, stages[0].run, [toy_chunk(stages[0].run.run_id, 0, 0, made[:8], 0)])
    whole = chain_state(engine, stages, -3, 12)
    for stage in stages:
        assert chain_state(engine, [stage], -3, 12)[stage.name].equals(whole[stage.name])
    finished(engine, stages[0].run, stages, Workers(engine))
    assert not any(
        chain_state(engine, [stage], -3, 12)[stage.name]["stale"].any() for stage in stages
    )


def test_no_cells_have_no_state(engine):
    run = toy_run(engine)
    (stage,) = bind(engine, run, {"pairs": PAIRS}, {"pairs": {}})
    assert chain_state(engine, [stage], 3, 3)["pairs"].is_empty()

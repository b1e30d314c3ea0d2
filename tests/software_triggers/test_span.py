"""From which window to which: whole runs, ranges, and what they rest on."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticks import toy_chunk, write
from workbench import (
    SOME,
    Workers,
    expected,
    finished,
    follow,
    rows,
    same,
    stages_of,
    standing,
    stored,
)

from software_triggers.conductor.conductor import (
    Job,
    needed_cells,
)

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


def test_a_run_without_hits_is_finished_when_it_is_closed(engine):
    stages = stages_of(engine)
    run = stages[0].run
    job = Job(engine, run, stages)
    job.advance(Workers(engine), 0.0, 100, 8)
    assert not job.finished
    write(engine, run, [toy_chunk(run.run_id, 0, 0, [], 900)])
    job.close()
    follow(job, Workers(engine))
    assert not any(rows(engine, stages).values())


def test_a_span_brings_the_rows_in_it(engine):
    stages = stored(engine, wanted={"second_echoes": {}, "crowds": {}})
    run = stages[0].run
    finished(engine, run, stages, span=(430, 777))
    found = rows(engine, stages, 430, 777)
    whole = expected(SOME)
    for stage in stages:
        inside = [r for r in whole[stage.name] if 430 <= int(r[1:].split(",")[0]) < 777]
        assert found[stage.name] == inside, stage.name
    cells = needed_cells(stages, 430, 777)
    for stage in stages:
        first, stop = cells[stage.name]
        assert set(range(first, stop)) <= set(standing(engine, stage)["cell"])


def test_a_span_brings_no_windows_beyond_it(engine):
    """They would be told complete, though not all that they read is there."""
    stages = stored(engine, wanted={"second_echoes": {}})
    run = stages[0].run
    finished(engine, run, stages, span=(430, 777))
    cells = needed_cells(stages, 430, 777)
    for stage in stages:
        assert set(standing(engine, stage)["cell"]) == set(range(*cells[stage.name]))


def test_a_wider_span_goes_on_where_the_narrow_one_ended(engine):
    stages = stored(engine, wanted={"second_echoes": {}})
    run = stages[0].run
    finished(engine, run, stages, span=(430, 777))
    finished(engine, run, stages)
    assert same(engine, stages, SOME)


def stub(name, reach, inputs, cell=10):
    return SimpleNamespace(name=name, reach=reach, inputs=inputs, run=SimpleNamespace(cell=cell))


@given(
    st.lists(st.tuples(st.integers(0, 35), st.sets(st.integers(0, 5))), min_size=1, max_size=6),
    st.integers(-100, 100),
    st.integers(1, 80),
)
def test_needed_cells_are_those_and_only_those_that_a_range_rests_on(made, a, length):
    stages = [
        stub(str(k), reach, {str(i): None for i in inputs if i < k})
        for k, (reach, inputs) in enumerate(made)
    ]
    cells = needed_cells(stages, a, a + length)
    assert list(cells) == [s.name for s in reversed(stages)]
    for stage in stages:
        needs = [(a, a + length)]
        for reader in stages:
            if stage.name in reader.inputs:
                first, stop = cells[reader.name]
                needs.append((first * 10 - reader.reach, stop * 10 + reader.reach))
        ticks = (min(x for x, _ in needs), max(y for _, y in needs))
        first, stop = cells[stage.name]
        assert first * 10 <= ticks[0] < (first + 1) * 10
        assert (stop - 1) * 10 < ticks[1] <= stop * 10

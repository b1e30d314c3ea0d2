"""From which window to which: whole runs, ranges, and what they rest on."""

import pytest
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


@pytest.mark.parametrize("span", [(430, 777), (400, 500), (799, 801)])
def test_a_span_brings_the_rows_in_it_and_no_windows_beyond_it(engine, span):
    """They would be told complete, though not all that they read is there."""
    stages = stored(engine, wanted={"second_echoes": {}, "crowds": {}})
    run = stages[0].run
    finished(engine, run, stages, span=span)
    found = rows(engine, stages, *span)
    whole = expected(SOME)
    for stage in stages:
        inside = [r for r in whole[stage.name] if span[0] <= int(r[1:].split(",")[0]) < span[1]]
        assert found[stage.name] == inside, stage.name
        cells = range(span[0] // 100, -(-span[1] // 100))
        assert standing(engine, stage)["cell"].to_list() == list(cells)


def test_a_wider_span_goes_on_where_the_narrow_one_ended(engine):
    stages = stored(engine, wanted={"second_echoes": {}})
    run = stages[0].run
    finished(engine, run, stages, span=(430, 777))
    finished(engine, run, stages)
    assert same(engine, stages, SOME)

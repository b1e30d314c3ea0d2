"""What is removed is counted, whatever is ordered and whenever it comes."""

from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy import CORRUPT, HIT, SEGMENT, TOY, toy_words

from db.catalogue.runs import open_run
from db.words.gaps import live_ticks, read_gaps
from readout.control.configuration import Configuration, Prescale
from readout.control.rules import Rules
from readout.control.schedule import Schedule
from readout.readout import Readout
from readout.source.block import Block

_names = count(1)
TEXTS = st.sampled_from(["kind == 0", "number % 3 == 0", "number < 40", "time % 2 == 1"])
CONFIGURATIONS = st.builds(
    lambda masks, prefilter, scales: Configuration(
        tuple(masks), prefilter, tuple(Prescale(*each) for each in scales)
    ),
    st.lists(TEXTS, max_size=2),
    st.one_of(st.just(""), TEXTS),
    st.lists(st.tuples(TEXTS, st.integers(1, 6)), max_size=2),
)


@given(
    st.lists(st.tuples(st.integers(0, 900), CONFIGURATIONS), max_size=4),
    st.lists(st.integers(0, 1000), max_size=60),
)
def test_each_hit_meets_the_rules_of_its_own_time(steps, times) -> None:
    steps = sorted(steps, key=lambda step: step[0])
    schedule, t = Schedule(), np.array(times, np.int64)
    for from_t, configuration in steps:
        schedule.add(from_t, Rules(TOY, configuration))
    words = toy_words(times)
    out = np.zeros(len(t), bool)
    for _, which in schedule.removed(words, t):
        assert not (out & which).any()
        out |= which
    for k in range(len(t)):  # one by one, by the last step that began
        held = [configuration for from_t, configuration in steps if from_t <= t[k]]
        alone = Rules(TOY, held[-1]).removed(words[k : k + 1], t[k : k + 1]) if held else []
        assert out[k] == any(which[0] for _, which in alone)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([HIT, HIT, HIT, CORRUPT, SEGMENT]), min_size=30, max_size=300),
    st.lists(st.tuples(st.integers(0, 299), CONFIGURATIONS), min_size=1, max_size=4),
    st.integers(1, 40),
)
@pytest.mark.filterwarnings("ignore")
def test_what_came_is_stored_or_booked_and_live_time_stays(engine, kinds, changes, step) -> None:
    run = open_run(engine, TOY, name=f"schedule {next(_names)}", cell=10_000)
    words = toy_words([7 * k for k in range(len(kinds))], kinds)
    with Readout(engine, run, flush_s=0) as readout:
        for start in range(0, len(words), step):
            for at, configuration in changes:
                if start <= at < start + step:
                    tick = readout.from_tick(None)
                    assert tick > max(readout.newest.values(), default=-1)
                    readout.hold(tick, Rules(TOY, configuration), "{}")
            readout.push(Block(0, words[start : start + step]))
        end = readout.next_tick()
    gaps = read_gaps(engine, run.run_id)
    thinned = gaps.filter(gaps["cause"].is_in(["mask", "prefilter", "prescale"]))
    stored = engine.fetch(
        "SELECT sum(n_hits) AS n FROM chunks WHERE run_id = {run:UInt32}", {"run": run.run_id}
    )["n"][0].as_py()
    assert (stored or 0) + thinned["n_lost"].sum() == len(words)
    assert not thinned["dead"].any()
    assert (thinned["a"] < thinned["b"]).all()
    assert live_ticks(engine, run.run_id, 0, end) == end

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.bench.result import Result, Timing, in_turns, medians, on_one_core, print_result, timed

seconds = st.floats(1e-6, 1e6)


@given(seconds, seconds, st.integers(1, 10**12))
def test_a_rate_counts_the_longer_of_wall_and_cpu(wall, cpu, hits):
    assert Timing(wall, cpu).rate(hits) == pytest.approx(hits / max(wall, cpu))


@given(st.lists(st.tuples(seconds, seconds), min_size=1, max_size=9))
def test_the_middle_turn_counts(turns):
    timing = medians(turns)
    for found, each in zip(
        (timing.seconds, timing.cpu_seconds), zip(*turns, strict=True), strict=True
    ):
        below, above = sum(x <= found for x in each), sum(x >= found for x in each)
        assert min(below, above) * 2 >= len(turns)


def test_contestants_take_turns_both_ways_after_a_round_that_does_not_count():
    said = []

    def contestant(name):
        def prepare():
            said.append(f"prepare {name}")
            return lambda: said.append(name)

        return prepare

    timings = in_turns({"a": contestant("a"), "b": contestant("b")}, repeats=2)
    a, b = ["prepare a", "a"], ["prepare b", "b"]
    assert said == [*a, *b, *a, *b, *b, *a]
    assert list(timings) == ["a", "b"]


def test_preparing_is_not_timed():
    def prepare():
        time.sleep(0.2)
        return lambda: None

    assert in_turns({"a": prepare}, repeats=1)["a"].seconds < 0.2


def test_no_round_begins_after_the_limit():
    turns = []
    in_turns({"a": lambda: lambda: turns.append(1)}, repeats=1000, limit_s=0.0)
    assert len(turns) == 2


def test_a_thread_that_sleeps_takes_time_but_no_core():
    wall, cpu = timed(lambda: time.sleep(0.2))
    assert wall >= 0.2
    assert cpu < wall


def test_json_tells_rates_per_core_and_the_ratio():
    ours, peer, other = Timing(2.0, 1.0), Timing(1.0, 4.0), Timing(1.0, 0.5)
    told = Result("x", 100, ours, "p", peer, {"other": other}, {"extra": 7}).as_json()
    assert (told["name"], told["hits"], told["seconds"], told["cores"]) == ("x", 100, 2.0, 0.5)
    assert told["hits_per_s"] == 50
    assert (told["peer"]["name"], told["peer"]["hits_per_s"]) == ("p", 25)
    assert told["ratio"] == 2.0
    assert [(each["name"], each["ratio"]) for each in told["also"]] == [("other", 4.0)]
    assert told["extra"] == 7


def test_without_a_peer_there_is_no_ratio(capsys):
    result = Result("x", 100, Timing(1.0, 1.0))
    assert result.as_json()["peer"] is result.as_json()["ratio"] is None
    print_result(result, as_json=False)
    assert "100" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system can't pin a thread")
def test_afterwards_all_cores_may_be_used_again():
    before = os.sched_getaffinity(0)
    with on_one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before

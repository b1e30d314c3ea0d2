"""Which lineage answers for a range: what was run last for all of it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from db.results.lineage_runs import Ran, lacking, newest_for

END = 12
some_runs = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, END), st.integers(0, END)), max_size=8
)


def ran_of(runs):
    found = {}
    for n, (name, one, other) in enumerate(runs):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n)
        found.setdefault(name, []).append(Ran(min(one, other), max(one, other), at))
    return found


def last_at(runs, name, t):
    """The number of the last run of a lineage that held a time; -1 for none."""
    return max(
        (n for n, (of, x, y) in enumerate(runs) if of == name and min(x, y) <= t < max(x, y)),
        default=-1,
    )


@given(some_runs, st.integers(0, END - 1), st.integers(1, END))
def test_the_one_run_for_most_of_a_range_and_last_for_all_of_it_answers(runs, a, length):
    lineages = [SimpleNamespace(lineage=name) for name in "abc"]
    times = range(a, a + length)

    def rank(name):
        marks = [last_at(runs, name, t) for t in times]
        there = [mark for mark in marks if mark >= 0]
        return len(there), min(there, default=-1)

    chosen = newest_for(lineages, ran_of(runs), a, a + length).lineage
    assert rank(chosen) == max(rank(name) for name in "abc")


@given(some_runs, st.integers(0, END - 1), st.integers(1, END))
def test_what_is_lacking_is_told_in_parts_that_do_not_touch(runs, a, length):
    for name, ran in ran_of(runs).items():
        parts = lacking(ran, a, a + length)
        told = [t for low, high in parts for t in range(low, high)]
        assert told == [t for t in range(a, a + length) if last_at(runs, name, t) < 0]
        assert all(one[1] < two[0] for one, two in zip(parts, parts[1:], strict=False))

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.words.gaps import Gap, book_gaps, live_ticks, read_gaps

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


_runs = count(1_000_000)
ranges = st.tuples(st.integers(-60, 60), st.integers(1, 40), st.integers(0, 3), st.booleans())


@given(st.lists(ranges, max_size=12), st.integers(-80, 80), st.integers(0, 120))
def test_live_time_is_what_no_gap_of_any_link_covers(engine, gaps, a, length):
    run, b = next(_runs), a + length
    book_gaps(engine, [Gap(run, link, "lost", x, x + n, dead) for x, n, link, dead in gaps])

    covered = {t for x, n, _, dead in gaps if dead for t in range(x, x + n)}
    assert live_ticks(engine, run, a, b) == len([t for t in range(a, b) if t not in covered])


def test_a_gap_booked_twice_with_its_token_counts_once(engine):
    run = next(_runs)
    for _ in range(2):
        book_gaps(engine, [Gap(run, 0, "lost packets", 10, 20, n_lost=7)], token=f"gap {run}")
    assert read_gaps(engine, run).to_dicts() == [
        {
            "link": 0,
            "cause": "lost packets",
            "a": 10,
            "b": 20,
            "dead": True,
            "n_lost": 7,
            "detail": "",
        }
    ]

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineages import CELL, frame, new_lineage, point_to

from db.results.neighbours import NEAR, last_row, row_at, times_beside
from db.results.rows import insert_rows
from db.selection import Range, parse

pytestmark = pytest.mark.every_store

FAR = CELL * NEAR * 100  # beyond what is looked at first, and second
times = st.one_of(st.integers(-50, 50), st.integers(-FAR, FAR))
WORDS = "abcdef"


@settings(max_examples=20)
@given(st.lists(st.tuples(times, st.integers(0, 3)), max_size=8), times, st.integers(0, 3))
def test_the_nearest_committed_rows_are_found_however_far(engine, made, t, least):
    lineage = new_lineage(engine)
    insert_rows(engine, lineage, CELL, 7, frame([(at, n, 0.0, [], "") for at, n in made]))
    others = [(at, 3, 0.0, [], "never committed") for at in (t - 1, t, t + 1)]
    insert_rows(engine, lineage, CELL, 8, frame(others))
    for cell in {at // CELL for at, _ in made}:
        point_to(engine, lineage, cell, 7)

    where = parse(f"n >= {least}", {"n": Range(0, 255)})
    kept = [at for at, n in made if n >= least]
    before = max((at for at in kept if at < t), default=None)
    after = min((at for at in kept if at > t), default=None)
    assert times_beside(engine, lineage, CELL, t, where) == (before, after)
    for until, found in ((t, last_row(engine, lineage, CELL, t, where)),
                         (None, last_row(engine, lineage, CELL, where=where))):  # fmt: skip
        last = max((at for at in kept if until is None or at <= until), default=None)
        assert (found and found["t"]) == last
        assert found is None or found["n"] >= least
    here = row_at(engine, lineage, CELL, t)
    assert (here and here["t"]) == (t if t in [at for at, _ in made] else None)


def test_of_rows_of_one_time_it_is_always_the_same(engine):
    found = []
    for order in (WORDS, WORDS[::-1]):
        lineage = new_lineage(engine)
        for word in order:
            rows = frame([(5, 1, 0.5, [1, 2], word)])
            insert_rows(engine, lineage, CELL, 7, rows)
        point_to(engine, lineage, 0, 7)
        found += [row_at(engine, lineage, CELL, 5), last_row(engine, lineage, CELL, 9)]
    assert found[0]["near"] == [1, 2]
    assert found == [found[0]] * 4

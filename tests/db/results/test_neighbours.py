import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineages import CELL, frame, new_lineage, point_to

from db.results.neighbours import NEAR, row_after, row_before
from db.results.rows import insert_rows
from db.selection import Range, parse

pytestmark = pytest.mark.every_store

FAR = CELL * NEAR * 100  # beyond what is looked at first, and second
times = st.one_of(st.integers(-50, 50), st.integers(-FAR, FAR))


@settings(max_examples=20)
@given(st.lists(st.tuples(times, st.integers(0, 3)), max_size=8), times, st.integers(0, 3))
def test_the_nearest_committed_row_on_either_side_is_found_however_far(engine, made, t, least):
    lineage = new_lineage(engine)
    insert_rows(engine, lineage, CELL, 7, frame([(at, n, 0.0, [], "") for at, n in made]))
    insert_rows(engine, lineage, CELL, 8, frame([(t + 1, 3, 0.0, [], "never committed")]))
    for cell in {at // CELL for at, _ in made}:
        point_to(engine, lineage, cell, 7)

    where = parse(f"n >= {least}", {"n": Range(0, 255)})
    kept = [at for at, n in made if n >= least]
    before = row_before(engine, lineage, CELL, t, where)
    after = row_after(engine, lineage, CELL, t, where)
    assert before == max((at for at in kept if at < t), default=None)
    assert after == min((at for at in kept if at > t), default=None)

"""The compiled coincidence finds what the same question in SQL finds, hit by hit."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from db.errors import TriggerError
from software_triggers.library.coincidence import coincidence

made = st.lists(
    st.tuples(st.integers(-300, 300), st.integers(0, 5), st.integers(0, 2)), max_size=40
)


def frame(hits):
    kinds = {"t": pl.Int64, "chamber": pl.UInt8, "wire": pl.UInt16}
    return pl.DataFrame(hits, schema=kinds, orient="row")


def expected(hits, least, within):
    on_wire = [(t, chamber) for t, chamber, wire in hits if wire]
    found = {}
    for t in sorted({t for t, _ in on_wire}):
        near = [chamber for other, chamber in on_wire if t <= other <= t + within]
        if len(set(near)) >= least:
            found[t] = (t, len(set(near)), len(near))
    return [row for t, row in found.items() if not any(t - within <= s < t for s in found)]


@example([(0, 1, 1), (0, 2, 1), (10, 3, 1), (10, 3, 1)], 3, 10)
@example([(0, 1, 1), (5, 2, 1), (9, 1, 1), (14, 2, 1), (20, 1, 1)], 2, 5)
@given(made, st.integers(0, 4), st.integers(0, 60))
def test_it_finds_what_a_slow_search_finds(hits, least, within):
    found = coincidence.compute(frame(hits), min_chambers=least, within=within)
    assert found.rows() == expected(hits, least, within)
    assert found.dtypes == [pl.Int64, pl.UInt8, pl.UInt64]


@given(made, st.integers(1, 4), st.integers(0, 60))
def test_it_finds_what_the_same_question_in_sql_finds(engine, hits, least, within):
    text = (Path(__file__).parents[3] / "docs/coincidence.sql").read_text()
    rows = ", ".join(map(str, hits)) or "(0, 0, 0)"
    from_rows = f"values('t Int64, chamber UInt8, wire UInt16', {rows})"
    sql = text.replace("FROM hits\n", f"FROM {from_rows}\n")
    table = engine.fetch(sql, {"min_chambers": least, "within": within})
    found = coincidence.compute(frame(hits), min_chambers=least, within=within)
    assert found.equals(pl.DataFrame(pl.from_arrow(table)).sort("t"))


def test_hits_too_far_apart_are_refused():
    with pytest.raises(TriggerError, match="look at a shorter range"):
        coincidence.compute(frame([(0, 1, 1), (2**56, 1, 1)]), min_chambers=1, within=1)

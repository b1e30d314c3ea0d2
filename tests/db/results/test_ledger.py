from itertools import count

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from db.results import ledger

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


_runs = count(3_000_000)
entries = st.lists(
    st.fixed_dictionaries(
        {
            "cell": st.integers(-2, 1),
            "revision": st.integers(0, 1),
            "attempt": st.integers(0, 2**63 - 1),
            "n_rows": st.integers(0, 5),
            "inputs": st.integers(0, 2**64 - 1),
            "n_inputs": st.integers(0, 1),
            "complete": st.booleans(),
        }
    ),
    max_size=15,
    unique_by=lambda row: (row["cell"], row["revision"], row["n_inputs"], row["attempt"]),
)


def entry(revision, n_inputs, attempt):
    row = {"cell": 0, "revision": revision, "attempt": attempt, "n_rows": 1}
    return row | {"inputs": attempt, "n_inputs": n_inputs, "complete": attempt % 2 == 0}


UNSEEN = entry(0, 0, 1)  # goes to the other lineage


@settings(max_examples=30)
@example([entry(0, 5, 9), UNSEEN, entry(1, 4, 8)], 0, 1)
@example([entry(1, 4, 8), UNSEEN, entry(0, 5, 9)], 0, 1)
@example([entry(0, 5, 8), UNSEEN, entry(0, 4, 9)], 0, 1)
@example([entry(0, 4, 9), UNSEEN, entry(0, 5, 8)], 0, 1)
@example([entry(0, 4, 8), UNSEEN, entry(0, 4, 9)], 0, 1)
@example([entry(0, 4, 9), UNSEEN, entry(0, 4, 8)], 0, 1)
@given(entries, st.integers(-4, 4), st.integers(0, 6))
def test_the_newest_revision_counts_and_of_equal_ones_the_one_that_read_more(
    engine, rows, first, n
):
    run = next(_runs)
    for k, row in enumerate(rows):
        told = pl.DataFrame([row], ledger.ROW)
        told = told.with_columns(lineage=pl.lit(f"lineage {k % 2}"), seconds=0.5)
        ledger.commit(engine, run, told, "me")
    for lineage in range(2):
        expected = {}
        for row in rows[lineage::2]:
            order = (row["revision"], row["n_inputs"], row["attempt"])
            if first <= row["cell"] < first + n:
                expected[row["cell"]] = max(
                    expected.get(row["cell"], (order, row)), (order, row), key=lambda x: x[0]
                )
        found = ledger.current(engine, run, f"lineage {lineage}", first, first + n)
        assert found.rows(named=True) == [expected[cell][1] for cell in sorted(expected)]
        assert found.columns == list(ledger.ROW)


def test_a_ledger_without_rows_has_its_columns(engine):
    found = ledger.current(engine, next(_runs), "none", 0, 10)
    assert found.is_empty()
    assert found.columns == list(ledger.ROW)


def test_many_cells_are_entered_at_once(engine):
    run = next(_runs)
    rows = pl.DataFrame({"cell": range(1000)}).with_columns(
        revision=0, attempt=5, n_rows=1, inputs=3, n_inputs=4, complete=True, seconds=1.5,
        lineage=pl.lit("x"),
    )  # fmt: skip
    ledger.commit(engine, run, rows, "me")
    found = ledger.current(engine, run, "x", 0, 1000)
    assert found["cell"].to_list() == list(range(1000))
    told = engine.fetch(f"SELECT DISTINCT worker, seconds FROM ledger WHERE run_id = {run}")
    assert told.to_pylist() == [{"worker": "me", "seconds": 1.5}]

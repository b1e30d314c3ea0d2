"""Documents are what the store's ledger says, in whatever order windows came and whoever was killed."""

from collections import Counter
from itertools import count

import polars as pl
import pytest
from homes import OTHERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lineages import frame, new_lineage
from publication import CELL, answers, commit, documents
from ticks import toy_run

from db.errors import UsageError
from db.publication import publish as publish_file
from db.publication import target as target_file
from db.publication.publish import publish, publish_all
from db.publication.target import target_at
from db.results import ledger
from db.results.lineage_runs import note_ran
from db.results.rows import insert_rows

BUILDER = "event_builder(found)"

mongodb = pytest.mark.parametrize("home_address", OTHERS[:1], indirect=True)
pytestmark = [mongodb, pytest.mark.every_store]


class KilledError(BaseException):
    """The process is gone."""


@pytest.fixture
def target(engine, home_address):
    return target_at(engine, home_address)


cells = st.integers(-3, 7)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(0, 1), cells, st.lists(st.integers(0, 30), max_size=3)),
        st.tuples(st.just("ran"), st.integers(0, 1), st.integers(-35, 60), st.integers(1, 60)),
        st.tuples(st.just("publish"), st.booleans()),
        st.tuples(st.just("killed"), st.integers(0, 4)),
    ),
    min_size=1,
    max_size=14,
)  # fmt: skip


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_documents_are_what_the_ledger_says(engine, target, made):
    run = toy_run(engine, CELL)
    lineages = [new_lineage(engine, run.run_id) for _ in range(2)]
    note_ran(engine, lineages[:1])
    revisions, changed = Counter(), set()
    for what, *how in made:
        if what == "commit":
            which, cell, values = how
            revisions[which, cell] += 1
            commit(engine, lineages[which], cell, values, revisions[which, cell])
            changed.add(cell)
        elif what == "ran":
            which, a, length = how
            note_ran(engine, lineages[which : which + 1], (a, a + length))
            changed |= set(range(-4, 9))
        elif what == "killed":
            killed(engine, run, target, how[0])
        else:
            publish(engine, run, target, ["found"], events=False, cells=changed if how[0] else None)
            changed.clear()
            assert documents(target, run) == answers(engine, run)
    publish_all(engine, run, target, ["found"], events=False)
    assert documents(target, run) == answers(engine, run)
    again = publish_all(engine, run, target, ["found"], events=False)
    assert (again.windows, again.documents, again.removed) == (0, 0, 0)


def killed(engine, run, target, at):
    """Publish, one document at a time, and die at a write to the database, half-way through it."""
    n = count()

    class Mortal:
        def __init__(self, collection):
            self.collection = collection

        def aggregate(self, *how):
            return self.collection.aggregate(*how)

        def bulk_write(self, operations, **how):
            half = operations if next(n) < at else operations[: len(operations) // 2]
            done = self.collection.bulk_write(half, **how) if half else None
            if half is not operations:
                raise KilledError
            return done

    with pytest.MonkeyPatch.context() as patch:
        whole = target_file.Target.collection
        patch.setattr(
            target_file.Target, "collection", lambda self, kind: Mortal(whole(self, kind))
        )
        patch.setattr(publish_file, "_ROWS_AT_ONCE", 2)
        try:
            publish(engine, run, target, ["found"], events=False)
        except KilledError:
            return


def test_events_go_with_the_candidates_that_they_were_made_of(engine, target):
    run = toy_run(engine, CELL)
    found = new_lineage(engine, run.run_id)
    other = new_lineage(engine, run.run_id, name="not_asked_for")
    events = new_lineage(
        engine, run.run_id, name="events", source=BUILDER, inputs={"found": found.lineage}
    )
    for lineage in (found, other, events):
        note_ran(engine, [lineage])
        commit(engine, lineage, 2, [7])
    done = publish_all(engine, run, target, events=True)
    assert (done.windows, done.documents) == (2, 2)
    assert (
        sum(documents(target, run).values()) == sum(documents(target, run, "events").values()) == 1
    )
    publish_all(engine, run, target, ["not_asked_for"], events=False)
    assert sum(documents(target, run).values()) == 2
    with pytest.raises(UsageError, match=r"has no what; it has results of: events, found, not_ask"):
        publish_all(engine, run, target, ["what"], events=False)
    with pytest.raises(UsageError, match=r"has no events; it has results of: none"):
        publish_all(engine, toy_run(engine), target, events=True)


def test_a_document_says_what_it_is_of(engine, target):
    run = toy_run(engine, CELL)
    kinds = {
        "t": "Int64",
        "run": "UInt64",
        "raw": "Array(UInt64)",
        "ok": "Bool",
        "x": "Nullable(Float64)",
    }
    lineage = new_lineage(engine, run.run_id, columns=kinds)
    note_ran(engine, [lineage])
    rows = pl.DataFrame(
        {"t": [25, 24], "run": [2**64 - 1, 5], "raw": [[2**63, 1], []], "ok": [True, False], "x": [None, 0.5]},
        schema_overrides={"run": pl.UInt64, "raw": pl.List(pl.UInt64)},
    )  # fmt: skip
    insert_rows(engine, lineage, CELL, 17, rows)
    entry = {"cell": 2, "revision": 0, "attempt": 17, "n_rows": 2, "inputs": 0, "n_inputs": 0}
    row = pl.DataFrame([entry | {"complete": True}], ledger.ROW).with_columns(
        lineage=pl.lit(lineage.lineage), seconds=0.0
    )
    ledger.commit(engine, run.run_id, row, "")
    publish_all(engine, run, target, ["found"], events=False)
    collection = target.client.get_default_database()["candidates"]
    found = sorted(
        collection.find({"run": run.run_id, "store": target.store}), key=lambda d: d["t"]
    )
    key = {
        "store": target.store,
        "run": run.run_id,
        "trigger": "found",
        "window": 2,
        "attempt": "17",
    }
    ids = [f"{target.store}.{run.run_id}.{lineage.lineage}.2.{k}" for k in (0, 1)]
    milliseconds = run.started_at.replace(microsecond=run.started_at.microsecond // 1000 * 1000)
    assert [each.pop("_id") for each in found] == ids
    assert all(each.pop("at") == milliseconds for each in found)  # t is some nanoseconds
    assert all(each.pop("lineage") == lineage.lineage for each in found)
    assert found == [
        key | {"t": 24, "run_": 5, "raw": [], "ok": False, "x": 0.5},
        key | {"t": 25, "run_": -1, "raw": [-(2**63), 1], "ok": True, "x": None},
    ]


def test_arrays_that_no_document_has_room_for_are_named(engine, target):
    run = toy_run(engine, CELL)
    lineage = new_lineage(engine, run.run_id)
    note_ran(engine, [lineage])
    insert_rows(engine, lineage, CELL, 18, frame([(25, 1, 0.5, list(range(700_000)), "many")]))
    entry = {"cell": 2, "revision": 0, "attempt": 18, "n_rows": 1, "inputs": 0, "n_inputs": 0}
    row = pl.DataFrame([entry | {"complete": True}], ledger.ROW).with_columns(
        lineage=pl.lit(lineage.lineage), seconds=0.0
    )
    ledger.commit(engine, run.run_id, row, "")
    assert publish_all(engine, run, target, ["found"], events=False).documents == 1
    collection = target.client.get_default_database()["candidates"]
    (found,) = collection.find({"run": run.run_id, "store": target.store})
    assert (found["near"], found["left_out"], found["name"]) == (None, ["near"], "many")


def test_rows_that_went_meanwhile_leave_a_window_for_the_next_time(engine, target, monkeypatch):
    run = toy_run(engine, CELL)
    lineage = new_lineage(engine, run.run_id)
    note_ran(engine, [lineage])
    commit(engine, lineage, 1, [3, 4])
    publish_all(engine, run, target, ["found"], events=False)
    before = documents(target, run)
    commit(engine, lineage, 1, [5], revision=1)
    with monkeypatch.context() as patch:
        patch.setattr(publish_file, "rows_of", lambda *_: frame([]).with_columns(_window=pl.lit(0, pl.Int64), _attempt=pl.lit("")))  # fmt: skip
        done = publish_all(engine, run, target, ["found"], events=False)
    assert (done.left, done.windows, done.removed) == (1, 0, 0)
    assert documents(target, run) == before
    publish_all(engine, run, target, ["found"], events=False)
    assert documents(target, run) == answers(engine, run) != before

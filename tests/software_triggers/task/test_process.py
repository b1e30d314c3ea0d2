from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineages import LATER
from ticks import Hit, toy_chunks, toy_run, write
from workbench import (
    TRIGGERS,
    WANTED,
    Killed,
    Mortal,
    Workers,
    attempts,
    expected,
    finished,
    ledger_rows,
    rows,
    some_hits,
    standing,
)

from db.errors import StoreError
from db.results.rows import sweep
from software_triggers.task.bind import bind
from software_triggers.task.process import process
from software_triggers.trigger import sql_trigger, trigger

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


CELLS = [10, 70, 1000]
SOME = [
    Hit(t, k % 3, k % 4) for k, t in enumerate([0, 10, 25, 130, 140, 199, 200, 205, 333, 340, 700])
]


def prepared(engine, made, cell=100, triggers=TRIGGERS, wanted=WANTED):
    run = toy_run(engine, cell)
    write(engine, run, toy_chunks(run.run_id, made))
    return bind(engine, run, triggers, wanted)


@pytest.mark.slow
@settings(max_examples=6)
@given(some_hits, st.sampled_from([3, 100]))
@pytest.mark.embedded_only
def test_rows_do_not_hang_on_the_tiling(engine, made, most_hits):
    for cell in CELLS:
        stages = prepared(engine, made, cell)
        finished(engine, stages[0].run, stages, Workers(engine, most_hits))
        assert rows(engine, stages) == expected(made), cell


def test_each_task_done_again_changes_nothing(engine):
    stages = prepared(engine, SOME)
    assert process(engine, stages, -2, 10, complete=True) == len(seen_by(stages, SOME))
    once = rows(engine, stages)
    before = [ledger_rows(engine, stage) for stage in stages]
    assert process(engine, stages, -2, 10, complete=True) == 0
    assert process(engine, stages, 0, 3, complete=False) == 0
    assert rows(engine, stages) == once == expected(SOME)
    assert [ledger_rows(engine, stage).equals(b) for stage, b in zip(stages, before, strict=True)]


def seen_by(stages, made, cell=100):
    """The cells that look at any of the hits, along the whole chain."""
    far = max(stage.horizon for stage in stages)
    cells = range(-1000 // cell, 2000 // cell)
    near = [c for c in cells for h in made if c * cell - far <= h.t < (c + 1) * cell + far]
    return sorted(set(near))


def statements(engine, stages, complete=True):
    """How many statements a task needs."""
    counting = Mortal(engine, at=0)
    process(counting, stages, -2, 10, complete=complete)
    return counting.count


@pytest.mark.parametrize("name", ["echoes", "crowds", "beside"])
@pytest.mark.parametrize("after", [False, True])
def test_a_task_killed_at_any_statement_leaves_its_rows_once(engine, name, after):
    stages = prepared(engine, SOME, wanted={name: {}})
    n = statements(engine, stages)
    assert n >= 4
    whole = {stage.name: expected(SOME)[stage.name] for stage in stages}
    for at in range(1, n + 1):
        stages = prepared(engine, SOME, wanted={name: {}})
        with pytest.raises(Killed):
            process(Mortal(engine, at, after), stages, -2, 10, complete=True)
        committed = rows(engine, stages)
        assert committed in ({name: [] for name in whole}, whole)
        process(engine, stages, -2, 10, complete=True)
        assert rows(engine, stages) == whole


def stored(engine, stage):
    table = f"SELECT count() AS n FROM {stage.lineage.table} WHERE run_id = {stage.run.run_id}"
    return engine.fetch(table)["n"][0].as_py()


@pytest.mark.parametrize("name", ["pairs", "echoes"])
def test_what_a_killed_task_wrote_is_invisible_and_swept(engine, name):
    (stage,) = prepared(engine, SOME, wanted={name: {}})
    last = statements(engine, [stage])
    (stage,) = prepared(engine, SOME, wanted={name: {}})
    for _ in range(2):  # killed between the rows and the ledger
        with pytest.raises(Killed):
            process(Mortal(engine, last), [stage], -2, 10, complete=True)
    n = len(expected(SOME)[name])
    assert stored(engine, stage) == 2 * n
    assert rows(engine, [stage])[name] == []
    process(engine, [stage], -2, 10, complete=True)
    assert stored(engine, stage) == 3 * n
    assert rows(engine, [stage])[name] == expected(SOME)[name]
    sweep(engine, stage.lineage.table, stage.lineage.lineage, LATER)
    assert stored(engine, stage) == n
    assert rows(engine, [stage])[name] == expected(SOME)[name]


def test_when_the_store_fails_nothing_is_committed_and_the_task_can_be_repeated(engine):
    (stage,) = prepared(engine, SOME, wanted={"echoes": {}})
    n = statements(engine, [stage])
    (stage,) = prepared(engine, SOME, wanted={"echoes": {}})
    for at in range(1, n + 1):
        broken = Mortal(engine, at, fault=lambda: StoreError("the disk is full"))
        with pytest.raises(StoreError, match="disk"):
            process(broken, [stage], -2, 10, complete=True)
        assert standing(engine, stage).is_empty()
    assert failures(engine, stage).is_empty()
    process(engine, [stage], -2, 10, complete=True)
    assert rows(engine, [stage])["echoes"] == expected(SOME)["echoes"]


def test_when_the_store_fails_an_sql_trigger_is_not_blamed(engine):
    (stage,) = prepared(engine, SOME, wanted={"pairs": {}})
    broken = Mortal(engine, 3, fault=lambda: StoreError("the disk is full"))
    with pytest.raises(StoreError):
        process(broken, [stage], 0, 1, complete=True)
    assert failures(engine, stage).is_empty()


def test_late_hits_redo_their_window_as_a_new_revision(engine):
    run = toy_run(engine)
    early, late = SOME[:-3], [Hit(120, 7, 1), Hit(470, 7, 2)]
    write(engine, run, toy_chunks(run.run_id, early))
    (stage,) = bind(engine, run, TRIGGERS, {"echoes": {}})
    process(engine, [stage], -2, 10, complete=True)
    write(engine, run, toy_chunks(run.run_id, late, most=1))
    assert process(engine, [stage], -2, 10, complete=True) == 4  # two cells each see them, by reach
    assert rows(engine, [stage])["echoes"] == expected(early + late)["echoes"]
    revisions = dict(standing(engine, stage).select("cell", "revision").rows())
    assert {cell for cell, revision in revisions.items() if revision} == {0, 1}
    assert {4, 5} <= revisions.keys()  # which had no words before


def test_an_incomplete_window_is_made_complete_without_being_done_again(engine):
    (stage,) = prepared(engine, SOME, wanted={"pairs": {}})
    process(engine, [stage], -2, 10, complete=False)
    assert not standing(engine, stage)["complete"].any()
    found = rows(engine, [stage])
    assert process(engine, [stage], -2, 10, complete=True) == 0
    assert standing(engine, stage)["complete"].all()
    assert set(attempts(engine, stage).values()) == {1}
    assert rows(engine, [stage]) == found
    process(engine, [stage], -2, 10, complete=False)
    assert standing(engine, stage)["complete"].all()


def failures(engine, stage) -> pl.DataFrame:
    table = engine.fetch(
        "SELECT cell, error, traceback FROM failures WHERE run_id = {run:UInt32}"
        " AND lineage = {lineage:String} ORDER BY cell",
        {"run": stage.run.run_id, "lineage": stage.lineage.lineage},
    )
    return pl.DataFrame(pl.from_arrow(table))


BAD = 2  # the cell of hits at 200 and 205


def spoilt(how, name="spoilt"):
    """A trigger of single hits that goes wrong where it sees the hit at 205."""

    @trigger(reach="0 ns", name=name)
    def fails(hits: pl.DataFrame) -> pl.DataFrame:
        found = hits.select("t", "wire")
        return how(found) if (hits["t"] == 205).any() else found

    return fails


def raises(found):
    raise ValueError("no such wire")


def panics(found):
    raise pl.exceptions.PanicException("index out of bounds")


PYTHON_FAULTS = {
    "panics": (panics, "PanicException: index out of bounds"),
    "raises": (raises, "ValueError: no such wire"),
    "other columns": (lambda found: found.select("t"), "on no hits it returned t, wire"),
    "no t": (lambda found: found.select("wire"), "integer column t"),
    "no frame": (lambda found: found.to_dicts(), "Polars frame"),
    "nothing": (lambda found: None, "Polars frame"),
}


@pytest.mark.parametrize("kind", PYTHON_FAULTS)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_window_on_which_a_trigger_fails_is_set_aside_and_all_others_are_done(
    engine, kind, at_once
):
    how, told = PYTHON_FAULTS[kind]
    after = sql_trigger("-- trigger: after\n-- reach: 0 ns\nSELECT t, wire FROM spoilt")
    triggers = {"spoilt": spoilt(how), "after": after, "echoes": TRIGGERS["echoes"]}
    stages = prepared(engine, SOME, triggers=triggers, wanted={n: {} for n in triggers})
    if at_once:
        process(engine, stages, -2, 10, complete=True)
    else:
        finished(engine, stages[0].run, stages)
    of = {stage.name: stage for stage in stages}
    good = sorted(repr((h.t, h.wire)) for h in SOME if h.t // 100 != BAD)
    found = rows(engine, stages)
    assert found["spoilt"] == found["after"] == good
    assert found["echoes"] == expected(SOME)["echoes"]
    aside = failures(engine, of["spoilt"])
    assert set(aside["cell"]) == {BAD}
    assert "trigger spoilt failed on [200, 300)" in aside["error"][0]
    assert told in aside["error"][0]
    assert "Traceback" in aside["traceback"][0]
    complete = dict(standing(engine, of["spoilt"]).select("cell", "complete").rows())
    assert [cell for cell, sure in complete.items() if not sure] == [BAD]
    for name in ("after", "echoes"):
        assert failures(engine, of[name]).is_empty()


WRONG_KINDS = {
    "a float t": lambda found: found.select(pl.col("t") + 0.5, "wire"),
    "a text": lambda found: found.with_columns(wire=pl.lit("a wire")),
    "a list": lambda found: found.with_columns(wire=pl.concat_list("wire")),
    "a number too large": lambda found: found.with_columns(wire=pl.lit(40_000)),
    "a number too far below 0": lambda found: found.with_columns(wire=pl.lit(-40_000)),
}


@pytest.mark.parametrize("kind", WRONG_KINDS)
def test_a_window_with_columns_of_another_kind_is_set_aside(engine, kind):
    triggers = {"spoilt": spoilt(WRONG_KINDS[kind])}
    (stage,) = prepared(engine, SOME, triggers=triggers, wanted={"spoilt": {}})
    process(engine, [stage], -2, 10, complete=True)
    assert set(failures(engine, stage)["cell"]) == {BAD}
    good = sorted(repr((h.t, h.wire)) for h in SOME if h.t // 100 != BAD)
    assert rows(engine, [stage])["spoilt"] == good


SQL_FAULTS = {
    "a bad cast": "toUInt8(if(t = 205, 'x', '1'))",
    "a division": "intDiv(1, t - 205)",
    "a division in a list": "arrayMap(i -> intDiv(1, t - 205), [1])",
}


@pytest.mark.parametrize("kind", SQL_FAULTS)
@pytest.mark.embedded_only
def test_a_window_on_which_sql_fails_is_set_aside_and_all_others_are_done(engine, kind):
    text = f"-- trigger: spoilt\n-- reach: 0 ns\nSELECT t, {SQL_FAULTS[kind]} AS x FROM hits"
    triggers = {"spoilt": sql_trigger(text)}
    (stage,) = prepared(engine, SOME, triggers=triggers, wanted={"spoilt": {}})
    finished(engine, stage.run, [stage])
    aside = failures(engine, stage)
    assert set(aside["cell"]) == {BAD}
    assert "trigger spoilt failed on [200, 300)" in aside["error"][0]
    cells = {int(row[1:].split(",")[0]) // 100 for row in rows(engine, [stage])["spoilt"]}
    assert cells == {h.t // 100 for h in SOME} - {BAD}


def test_a_window_set_aside_is_done_when_its_trigger_is_mended(engine):
    broken = [True]

    def mended(found):
        return raises(found) if broken[0] else found

    (stage,) = prepared(engine, SOME, triggers={"spoilt": spoilt(mended)}, wanted={"spoilt": {}})
    process(engine, [stage], -2, 10, complete=True)
    broken[0] = False
    assert process(engine, [stage], -2, 10, complete=True) == 1
    assert rows(engine, [stage])["spoilt"] == sorted(repr((h.t, h.wire)) for h in SOME)
    assert standing(engine, stage)["complete"].all()


def test_a_window_set_aside_is_tried_once_by_each_conductor(engine):
    after = sql_trigger("-- trigger: after\n-- reach: 0 ns\nSELECT t FROM spoilt")
    triggers = {"spoilt": spoilt(raises), "after": after}
    stages = prepared(engine, SOME, triggers=triggers, wanted={"after": {}})
    finished(engine, stages[0].run, stages)
    assert len(failures(engine, stages[0])) == 1
    again = Workers(engine)
    finished(engine, stages[0].run, stages, again)
    assert [(task.first, task.stop) for task in again.tasks] == [(BAD, BAD + 1)]
    assert len(failures(engine, stages[0])) == 2


def test_several_bad_windows_are_found_among_many(engine):
    bad = {3, 4, 17, 40}

    @trigger(reach="0 ns", name="picky")
    def picky(hits: pl.DataFrame) -> pl.DataFrame:
        if set((hits["t"] // 100).to_list()) & bad:
            raise KeyError("bad")
        return hits.select("t")

    made = [Hit(t, 0, 0) for t in range(5, 5000, 50)]
    (stage,) = prepared(engine, made, triggers={"picky": picky}, wanted={"picky": {}})
    process(engine, [stage], 0, 50, complete=True)
    assert set(failures(engine, stage)["cell"]) == bad
    assert rows(engine, [stage])["picky"] == sorted(
        f"({h.t},)" for h in made if h.t // 100 not in bad
    )


def test_of_two_that_worked_at_once_one_counts(engine):
    """Both looked before either had committed."""
    (stage,) = prepared(engine, SOME, wanted={"echoes": {}})
    n = statements(engine, [stage])
    (stage,) = prepared(engine, SOME, wanted={"echoes": {}})

    class Overtaken(Mortal):
        def _step(self, name, *args):
            if self.count + 1 == self.at:
                process(engine, [stage], -2, 10, complete=True)
            self.count += 1
            return getattr(self.engine, name)(*args)

    process(Overtaken(engine, at=n), [stage], -2, 10, complete=True)
    assert stored(engine, stage) == 2 * len(expected(SOME)["echoes"])
    assert rows(engine, [stage])["echoes"] == expected(SOME)["echoes"]
    assert process(engine, [stage], -2, 10, complete=True) == 0


def test_of_two_that_worked_at_once_the_one_that_saw_more_counts(engine):
    for overtakes in (True, False) * 3:  # the numbers of attempts are random
        run = toy_run(engine)
        write(engine, run, toy_chunks(run.run_id, SOME))
        (stage,) = bind(engine, run, TRIGGERS, {"echoes": {}})
        late = [Hit(220, 9, 3)]
        n = statements(engine, [replace(stage, run=toy_run(engine))])

        class Overtaken(Mortal):
            def _step(self, name, *args):
                self.count += 1
                if self.count == self.at:
                    write(engine, run, toy_chunks(run.run_id, late))
                    process(engine, [stage], -2, 10, complete=True)
                return getattr(self.engine, name)(*args)

        # Before its own look, or just before its commit.
        process(Overtaken(engine, 1 if overtakes else n + 1), [stage], -2, 10, complete=True)
        assert rows(engine, [stage])["echoes"] == expected(SOME + late)["echoes"]


def test_a_range_without_cells_is_done(engine):
    (stage,) = prepared(engine, SOME, wanted={"echoes": {}})
    assert process(engine, [stage], 3, 3, complete=True) == 0
    assert standing(engine, stage).is_empty()


def test_windows_without_words_cost_nothing(engine):
    stages = prepared(engine, SOME)
    assert process(engine, stages, 500, 503, complete=True) == 0
    assert process(engine, stages, 500, 10**9, complete=True) == 0
    assert all(standing(engine, stage).is_empty() for stage in stages)


class Watched(Mortal):
    """Counts what is asked of the store."""

    def __init__(self, engine):
        super().__init__(engine, at=0)
        self.asked = []

    def _step(self, name, *args):
        self.asked.append(" ".join([name, str(args[0])]))
        return super()._step(name, *args)

    def times(self, text):
        return sum(text in each for each in self.asked)


def test_a_chain_reads_its_words_once_and_writes_the_ledger_once(engine):
    stages = prepared(engine, SOME, wanted={"second_echoes": {}})
    watched = Watched(engine)
    process(watched, stages, -2, 10, complete=True)
    assert watched.times("epoch, words, link, seq") == 1
    assert watched.times("insert ledger") == 1
    assert watched.times("insert rows_") == 2
    assert len(watched.asked) == 6
    assert rows(engine, stages)["second_echoes"] == expected(SOME)["second_echoes"]


def test_what_is_up_to_date_is_read_not_computed_again(engine):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, SOME))
    first = bind(engine, run, TRIGGERS, {"second_echoes": {}})
    process(engine, first, -2, 10, complete=True)
    late = bind(engine, run, TRIGGERS, {"second_echoes": {"by": 20}})
    assert late[0] == first[0]
    watched = Watched(engine)
    process(watched, late, -2, 10, complete=True)
    assert watched.times("epoch, words, link, seq") == 0
    assert watched.times("insert rows_") == 1
    made = [(h.t + a + b, h.wire) for h in SOME for a in (-40, 40) for b in (-20, 20)]
    assert rows(engine, late)["second_echoes"] == sorted(map(repr, made))


def test_what_rests_on_a_failed_window_is_incomplete_and_made_when_that_is_mended(engine):
    broken = [True]

    def mended(found):
        return raises(found) if broken[0] else found

    after = sql_trigger("-- trigger: after\n-- reach: 10 ns\nSELECT t, wire FROM spoilt")
    triggers = {"spoilt": spoilt(mended), "after": after}
    stages = prepared(engine, SOME, triggers=triggers, wanted={"after": {}})
    process(engine, stages, -2, 10, complete=True)
    complete = dict(standing(engine, stages[1]).select("cell", "complete").rows())
    assert {cell for cell, sure in complete.items() if not sure} == {1, 2, 3}
    broken[0] = False
    assert process(engine, stages, -2, 10, complete=True) == 3
    every = sorted(repr((h.t, h.wire)) for h in SOME)
    assert rows(engine, stages) == {"spoilt": every, "after": every}
    for stage in stages:
        assert standing(engine, stage)["complete"].all()


def test_a_silent_month_passes_in_one_step(engine):
    made = [Hit(t + k, 0, 1) for t in (0, 10**9, 3 * 10**9) for k in (0, 20)]
    stages = prepared(engine, made, cell=10)
    workers = Workers(engine)
    finished(engine, stages[0].run, stages, workers)
    assert rows(engine, stages) == expected(made)
    assert len(workers.tasks) <= 8

"""Words that a policy lets go move to another home first, and read as ever."""

import pytest
from homes import OTHERS
from retained import SOME, finished_bench
from ticks import SLICE
from workbench import expected, rows

from db.errors import StoreError
from db.retention.policy import Pin, list_archives, pin, set_policy
from db.retention.steps import undo
from db.words.chunks import read_words
from db.words.homes import moves
from db.words.homes.moves import lies_in

pytestmark = pytest.mark.parametrize("home_address", OTHERS, indirect=True)


def words(engine, bench):
    return sorted(read_words(engine, bench.run.run_id, -(10**6), 10**6, SLICE).words.tolist())


def test_words_move_and_read_as_ever(engine, folder, home):
    bench = finished_bench(engine, folder)
    set_policy(engine, bench.kind, 30, home.address)
    before, shown = words(engine, bench), bench.shown()
    planned = bench.plan()
    assert {(s.action, *s.to) for s in planned} == {("archive", home.address)}
    assert sum(s.words for s in planned) == len(SOME)
    assert lies_in(engine, bench.run.run_id) == {"": len(SOME)}  # a plan does nothing
    assert {s.action for s in bench.apply()} == {"archive"}
    assert lies_in(engine, bench.run.run_id) == {home.address: len(SOME)}
    inside = f"SELECT sum(length(words)) AS n FROM chunks WHERE run_id = {bench.run.run_id}"
    assert engine.fetch(inside)["n"].to_pylist() == [0]
    assert (words(engine, bench), bench.shown()) == (before, shown)
    (again,) = bench.apply()
    assert again.action == "keep" and f"lies in {home.address} as its policy says" in again.why[0]
    assert undo(engine, bench.run.run_id) == []


def test_what_must_stay_stays_and_is_told(engine, folder, home):
    bench = finished_bench(engine, folder)
    set_policy(engine, bench.kind, 30, home.address)
    pin(engine, Pin(bench.run.run_id, 0, 10, "looked at"))
    (step,) = bench.apply()
    assert step.action == "keep" and "looked at" in step.why[0]
    assert lies_in(engine, bench.run.run_id) == {"": len(SOME)}


def test_words_that_the_home_does_not_give_back_stay(engine, folder, home, monkeypatch):
    bench = finished_bench(engine, folder)
    set_policy(engine, bench.kind, 30, home.address)

    def refused(*_):
        raise StoreError("it gives back other words")

    with monkeypatch.context() as patch:
        patch.setattr(moves, "_put", refused)
        (step,) = bench.apply()
    assert (step.action, step.why) == ("keep", ["it gives back other words"])
    assert lies_in(engine, bench.run.run_id) == {"": len(SOME)}
    assert {s.action for s in bench.apply()} == {"archive"}
    assert rows(engine, bench.stages) == expected(SOME)


def test_a_policy_keeps_its_home_until_told_otherwise(engine, folder, home):
    set_policy(engine, "beam of homes", 30, home.address)
    set_policy(engine, "beam of homes", 60)
    assert list_archives(engine)["beam of homes"] == home.address
    set_policy(engine, "beam of homes", 60, "")
    assert "beam of homes" not in list_archives(engine)

from datetime import timedelta

import pytest
from retained import DAY, GRACE, HOUR, NOW, SOME, Bench, finished_bench, rules
from ticks import Hit, toy_chunk, toy_chunks
from workbench import FAR, TRIGGERS, WANTED, Workers, expected, finished, ledger_rows, rows, settle

from db.catalogue.runs import Run, close_run
from db.errors import StoreError, UsageError
from db.results.rows import list_lineages
from db.retention import words as parts
from db.retention.policy import Pin, days_of, list_policies, pin, set_policy
from db.retention.steps import plan, undo
from db.words.headers import enter_put_aside
from software_triggers.conductor.conductor import Job
from software_triggers.running.threads import run_stages
from software_triggers.task.bind import bind
from software_triggers.task.process import process

pytestmark = pytest.mark.slow


def test_all_but_the_words_reads_the_same_when_they_are_gone_for_good(engine, folder):
    bench = finished_bench(engine, folder)
    before, n = bench.shown(), bench.n_words()
    assert before[0] == expected(SOME)
    assert {s.action for s in bench.plan()} == {"detach"}
    assert bench.n_words() == n  # a plan does nothing
    assert sum(s.words for s in bench.apply()) == n == len(SOME)
    assert (bench.n_words(), bench.shown()) == (0, before)
    kept = bench.apply(NOW + GRACE - HOUR)
    assert {s.action for s in kept} == {"keep"}
    assert "until 2026-06-03 12:00" in kept[0].why[0]
    assert {s.action for s in bench.apply(NOW + GRACE)} == {"drop"}
    assert (bench.n_words(), bench.shown()) == (0, before)
    assert bench.plan(NOW + GRACE) == []
    assert undo(engine, bench.run.run_id) == []


def test_rates_are_right_without_words_and_without_their_rollup(engine, folder):
    bench = finished_bench(engine, folder)
    before = bench.shown()
    bench.apply()
    bench.apply(NOW + GRACE)
    for shard in engine.shards:
        shard.here.execute(f"DELETE FROM rates WHERE run_id = {bench.run.run_id}")
    assert before[1]
    assert bench.shown()[1] == before[1]


def test_within_the_grace_words_come_back(engine, folder):
    bench = finished_bench(engine, folder)
    before = bench.shown()
    bench.apply()
    brought = undo(engine, bench.run.run_id)
    assert sum(s.words for s in brought) == bench.n_words() == len(SOME)
    assert bench.shown() == before
    late = toy_chunk(bench.run.run_id, 0, 9, [Hit(135, 0, 1)], 3000)
    bench.write([late])
    finished(engine, bench.run, bench.stages)
    assert rows(engine, bench.stages) == expected([*SOME, Hit(135, 0, 1)])


def test_a_conductor_that_starts_anew_leaves_results_without_words_alone(engine, folder):
    bench = finished_bench(engine, folder)
    before = bench.shown()
    bench.apply()
    workers = Workers(engine)
    finished(engine, bench.run, bench.stages, workers)
    assert (workers.tasks, bench.shown()) == ([], before)
    # whatever sends a task for them all the same
    process(engine, bench.stages, -5, 20, complete=True)
    assert bench.shown()[:-1] == before[:-1]


def test_an_open_run_goes_on_behind_dropped_words(engine, folder):
    bench = Bench(engine, folder)
    chunks = toy_chunks(bench.run.run_id, SOME)
    early = [c for c in chunks if c.watermark <= 500]
    assert 0 < len(early) < len(chunks)
    bench.write(early)
    job, workers = Job(engine, bench.run, bench.stages), Workers(engine)
    settle(job, workers)
    assert {s.action for s in bench.apply()} == {"keep"}  # the newest windows are not passed
    bench.write([c for c in chunks if c not in early], hours=(NOW - bench.hour) // HOUR - 24)
    settle(job, workers)
    assert {s.action for s in bench.apply()} == {"detach"}
    finished(engine, bench.run, bench.stages)  # another conductor, which finds the words away
    assert rows(engine, bench.stages) == expected(SOME)


def test_reprocessing_without_words_is_one_error_and_changes_nothing(engine, folder):
    bench = finished_bench(engine, folder)
    run = close_run(engine, bench.run)
    before = bench.shown()
    bench.apply()
    run_stages(engine, run, TRIGGERS, WANTED)  # all of it is there
    for span in (None, (-FAR, FAR), (400, 600)):
        with pytest.raises(UsageError, match="raw words were dropped") as told:
            run_stages(engine, run, TRIGGERS, {"pairs": {"within": "50 ns"}}, span)
    assert len(list_lineages(engine, run.run_id)) == len(WANTED)  # queries see what they saw
    assert str(told.value).startswith(f"trigger pairs can't look at run {run.run_id} from ")
    run_stages(engine, run, TRIGGERS, {"pairs": {"within": "50 ns"}}, (5000, 6000))
    assert bench.shown()[:-1] == before[:-1]


def test_a_trigger_that_comes_too_late_is_set_aside_not_empty(engine, folder):
    bench = finished_bench(engine, folder)
    bench.apply()
    stages = bind(engine, bench.run, TRIGGERS, {"pairs": {"within": "50 ns"}})
    finished(engine, bench.run, stages)
    told = engine.fetch(
        "SELECT error FROM failures WHERE lineage = {l:String}", {"l": stages[0].lineage.lineage}
    )["error"].to_pylist()
    assert told
    assert all("raw words were dropped before it was asked" in text for text in told)
    assert not ledger_rows(engine, stages[0])["complete"].all()


def test_it_says_why_words_stay(engine, folder):
    bench = Bench(engine, folder)
    bench.write(toy_chunks(bench.run.run_id, SOME))
    assert "trigger pairs has not passed" in bench.plan()[0].why[0]
    finished(engine, bench.run, bench.stages)
    set_policy(engine, bench.kind, None)
    assert "is kept for ever" in bench.plan()[0].why[0]
    set_policy(engine, bench.kind, 30)
    young = bench.hour + HOUR + 30 * DAY - timedelta(seconds=1)
    assert all("is kept for 30 days" in s.why[0] for s in bench.plan(young))
    week = bench.hour + 7 * DAY
    assert bench.plan(week) == []
    of_all = bench.mine(plan(engine, bench.rules(week), young=True))
    assert sum(step.words for step in of_all) == len(SOME)
    assert all(s.action == "keep" and "is kept for 30 days" in s.why[0] for s in of_all)
    pin(engine, Pin(bench.run.run_id, 25, 26, "the event of the year"))
    held = {c.a <= 25 < c.b for s in bench.plan() if s.why for c in s.contents}
    assert held == {True}
    assert any("the event of the year" in why for s in bench.plan() for why in s.why)
    pin(engine, Pin(bench.run.run_id, 25, 26), pinned=False)
    assert {s.action for s in bench.plan()} == {"detach"}


def test_a_run_whose_trigger_never_ran_or_is_unknown_keeps_its_words(engine, folder):
    bench = finished_bench(engine, folder)
    by = rules(engine)  # without the folder
    assert "pairs is not known here" in bench.mine(plan(engine, by))[0].why[0]
    other = Bench(engine, folder, {})
    other.write(toy_chunks(other.run.run_id, SOME))
    run = Run(**{**vars(other.run), "settings": {"type": other.kind, "triggers": {"pairs": {}}}})
    by = rules(engine, NOW, [folder])
    by.runs[run.run_id] = run
    assert "trigger pairs has never run" in other.mine(plan(engine, by))[0].why[0]


def test_an_hour_goes_only_when_all_its_runs_may(engine, folder):
    one, other = finished_bench(engine, folder), Bench(engine, folder)
    other.hour = one.hour
    other.write(toy_chunks(other.run.run_id, SOME))
    assert {s.action for s in one.apply()} == {"keep"}
    assert one.n_words() == len(SOME)
    finished(engine, other.run, other.stages)
    assert {s.action for s in one.apply()} == {"detach"}
    assert one.n_words() == other.n_words() == 0


@pytest.mark.parametrize("at", ["heads", "detached"])
def test_what_was_killed_while_detaching_is_settled(engine, folder, at, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*args, **how):
        if at == "heads":
            enter_put_aside(*args, **how)
        raise Killed

    bench = finished_bench(engine, folder)
    before = bench.shown()
    with monkeypatch.context() as patch:
        if at == "heads":
            patch.setattr(parts, "enter_put_aside", killed)
        else:
            enter = parts._enter
            patch.setattr(
                parts, "_enter", lambda h, p: killed() if p.state == "detached" else enter(h, p)
            )
        with pytest.raises(Killed):
            bench.apply()
    assert bench.shown() == before
    bench.apply()
    assert (bench.n_words(), bench.shown()) == (0, before)
    undo(engine, bench.run.run_id)
    assert (bench.n_words(), bench.shown()) == (len(SOME), before)


@pytest.mark.slow
def test_what_was_killed_while_words_came_back_is_settled(engine, folder, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    bench = finished_bench(engine, folder)
    before = bench.shown()
    bench.apply()
    with monkeypatch.context() as patch:
        patch.setattr(parts, "remove_put_aside", killed)
        with pytest.raises(Killed):
            undo(engine, bench.run.run_id)
    assert bench.shown() == before
    bench.apply()
    assert (bench.n_words(), bench.shown()) == (0, before)
    assert sum(step.words for step in bench.plan()) == len(SOME)  # what came back is not aside
    undo(engine, bench.run.run_id)
    assert (bench.n_words(), bench.shown()) == (len(SOME), before)


# Functions get words that were read before they are called, SQL reads them itself.
@pytest.mark.parametrize(
    ("name", "params", "before"),
    [("pairs", {"within": "50 ns"}, "_work"), ("echoes", {"by": "50 ns"}, "read_words")],
)
def test_words_dropped_while_they_are_read_make_no_empty_result(
    engine, folder, monkeypatch, name, params, before
):
    bench = finished_bench(engine, folder, {name: {}})
    to_go = bench.plan()
    (stage,) = bind(engine, bench.run, TRIGGERS, {name: params})
    assert {s.action for s in bench.plan()} == {"keep"}  # the newest lineage is behind

    def dropped_between(*args, **how):
        for step in to_go:
            for part in step.parts:
                parts.detach(engine.shards[step.shard].here, part, NOW)
        return original(*args, **how)

    import software_triggers.task.attempt as module

    original = getattr(module, before)
    monkeypatch.setattr(module, before, dropped_between)
    with pytest.raises(StoreError, match="dropped while they were read"):
        process(engine, [stage], -5, 20, complete=True)
    assert rows(engine, [stage])[name] == []
    assert len(ledger_rows(engine, stage)) == 0


def test_the_longest_pattern_decides_unless_the_run_says_its_type(engine):
    run = Run(1, "beam muons 7", "closed", "", NOW, 100)
    policies = {"default": 1, "beam*": 2, "beam muons*": 3, "special": None}
    assert days_of(run, policies) == 3
    assert days_of(Run(1, "x", "closed", "", NOW, 100), policies) == 1
    assert days_of(Run(1, "x", "closed", "", NOW, 100), {}) is None
    special = Run(1, "beam", "closed", "", NOW, 100, settings={"type": "special"})
    assert days_of(special, policies) is None
    set_policy(engine, "beam*", 7)
    set_policy(engine, "beam*", 9)
    assert list_policies(engine)["beam*"] == 9

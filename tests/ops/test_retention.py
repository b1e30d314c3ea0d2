from datetime import UTC, datetime, timedelta
from itertools import count

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticks import TOY, Hit, toy_chunk, toy_chunks
from workbench import FAR, TRIGGERS, WANTED, Workers, expected, finished, ledger_rows, rows, settle

from db.errors import StoreError, UsageError
from db.gaps import Gap, book_gaps, live_ticks, read_gaps
from db.heads import keep_heads
from db.rates import rates_sql
from db.retention import parts
from db.retention.policy import Pin, days_of, list_pins, list_policies, pin, set_policy
from db.runs import Run, close_run, open_run
from db.shards import write_by_shard
from ops.cli.runs import extent, links_of
from ops.retention import apply, plan, rules, undo
from software_triggers.conductor import Job
from software_triggers.process import process
from software_triggers.stage import bind
from software_triggers.threads import run_stages

TOY_TRIGGERS = "from workbench import PAIRS, crowds, echoes, second_echoes\n"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GRACE = timedelta(days=2)
SOME = [Hit(t, k % 3, k % 4) for k, t in enumerate([0, 10, 25, 130, 140, 480, 530, 540, 900, 1340])]
_numbers = count()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("triggers")
    (where / "toy.py").write_text(TOY_TRIGGERS)
    return where


class Bench:
    """A run with a type of its own, whose words are recorded in hours that no other run has."""

    def __init__(self, engine, folder, wanted=WANTED):
        n = next(_numbers)
        self.engine, self.folder = engine, folder
        self.hour = datetime(2025, 1, 1, tzinfo=UTC) + n * DAY
        self.kind = f"kind {n}"
        set_policy(engine, self.kind, 30)
        self.run = open_run(engine, TOY, cell=100, settings={"type": self.kind, "triggers": wanted})
        self.stages = bind(engine, self.run, TRIGGERS, wanted)

    def write(self, chunks, hours=0):
        write_by_shard(self.engine, chunks, TOY, self.hour + hours * HOUR)

    def rules(self, now=NOW):
        return rules(self.engine, now, GRACE, [self.folder])

    def mine(self, steps):
        return [s for s in steps if self.run.run_id in [c.run_id for c in s.contents]]

    def apply(self, now=NOW):
        return self.mine(apply(self.engine, self.rules(now)))

    def plan(self, now=NOW):
        return self.mine(plan(self.engine, self.rules(now)))

    def n_words(self):
        where = f"run_id = {self.run.run_id}"
        return self.engine.fetch(f"SELECT sum(n_hits) AS n FROM chunks WHERE {where}")["n"][
            0
        ].as_py()

    def shown(self):
        """All that people read of a run beside its words."""
        run_id = self.run.run_id
        rates = self.engine.fetch(rates_sql(self.engine, self.run, -10_000, 10_000)).to_pylist()
        return [
            rows(self.engine, self.stages),
            sorted(map(repr, rates)),
            read_gaps(self.engine, run_id).to_dicts(),
            live_ticks(self.engine, run_id, 0, 2000),
            extent(self.engine, self.run),
            links_of(self.engine, self.run),
            [ledger_rows(self.engine, stage).to_dicts() for stage in self.stages],
        ]


def finished_bench(engine, folder, wanted=WANTED):
    bench = Bench(engine, folder, wanted)
    bench.write(toy_chunks(bench.run.run_id, SOME))
    book_gaps(engine, [Gap(bench.run.run_id, 0, "test", 100, 300)])
    finished(engine, bench.run, bench.stages)
    return bench


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
    for stage in bench.stages:  # whatever sends a task for them all the same
        process(engine, stage, -5, 20, complete=True)
    assert bench.shown()[:6] == before[:6]


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
    assert str(told.value).startswith(f"trigger pairs can't look at run {run.run_id} from ")
    run_stages(engine, run, TRIGGERS, {"pairs": {"within": "50 ns"}}, (5000, 6000))
    assert bench.shown()[:6] == before[:6]


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
    pin(engine, Pin(bench.run.run_id, 25, 26, "the event of the year"))
    held = {c.a <= 25 < c.b for s in bench.plan() if s.why for c in s.contents}
    assert held == {True}
    assert any("the event of the year" in why for s in bench.plan() for why in s.why)
    pin(engine, Pin(bench.run.run_id, 25, 26), pinned=False)
    assert {s.action for s in bench.plan()} == {"detach"}


def test_a_run_whose_trigger_never_ran_or_is_unknown_keeps_its_words(engine, folder):
    bench = finished_bench(engine, folder)
    by = rules(engine, NOW, GRACE)  # without the folder
    assert "pairs is not known here" in bench.mine(plan(engine, by))[0].why[0]
    other = Bench(engine, folder, {})
    other.write(toy_chunks(other.run.run_id, SOME))
    run = Run(**{**vars(other.run), "settings": {"type": other.kind, "triggers": {"pairs": {}}}})
    by = rules(engine, NOW, GRACE, [folder])
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
            keep_heads(*args, **how)
        raise Killed

    bench = finished_bench(engine, folder)
    before = bench.shown()
    with monkeypatch.context() as patch:
        if at == "heads":
            patch.setattr(parts, "keep_heads", killed)
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


def test_words_dropped_while_they_are_read_make_no_empty_result(engine, folder, monkeypatch):
    bench = finished_bench(engine, folder, {"pairs": {}})
    to_go = bench.plan()
    (stage,) = bind(engine, bench.run, TRIGGERS, {"pairs": {"within": "50 ns"}})
    assert {s.action for s in bench.plan()} == {"keep"}  # the newest lineage is behind

    def dropped_between(*args):
        for step in to_go:
            for part in step.parts:
                parts.detach(engine.shards[step.shard].here, part, NOW)
        return original(*args)

    import software_triggers.process as module

    original = module._store_rows
    monkeypatch.setattr(module, "_store_rows", dropped_between)
    with pytest.raises(StoreError, match="dropped while they were read"):
        process(engine, stage, -5, 20, complete=True)
    assert rows(engine, [stage])["pairs"] == []
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


# A step of a schedule: what, and of which hour or range.
steps = st.one_of(
    st.tuples(st.just("apply"), st.integers(0, 4)),
    st.tuples(st.just("pin"), st.sampled_from([(0, 60), (500, 1000), (1300, 1400)])),
    st.tuples(st.just("unpin"), st.sampled_from([(0, 60), (500, 1000), (1300, 1400)])),
    st.tuples(st.just("undo"), st.integers(0, 1)),
    st.tuples(st.just("late"), st.integers(0, 1400)),
    st.tuples(st.just("conduct"), st.just(0)),
    st.tuples(st.just("merge"), st.just(0)),
)


@settings(max_examples=12)
@given(st.lists(steps, min_size=2, max_size=9))
def test_no_schedule_removes_words_that_are_pinned_or_not_yet_passed(engine, folder, schedule):
    bench = finished_bench(engine, folder, {"pairs": {}})
    (stage,) = bench.stages
    run_id, now, seqs = bench.run.run_id, NOW, count(100)
    hits, pinned = list(SOME), set()
    for what, which in schedule:
        there, unpassed = on_disk(bench), not_passed(engine, stage)
        if what == "apply":
            now += which * DAY
            bench.apply(now)
            for t in there - on_disk(bench):
                assert not any(a <= t < b for a, b in pinned), t
                assert not any(a <= t < b for a, b in unpassed), t
        elif what in ("pin", "unpin"):
            pin(engine, Pin(run_id, *which), pinned=what == "pin")
            (pinned.add if what == "pin" else pinned.discard)(which)
        elif what == "undo":
            undo(engine, run_id)
            assert on_disk(bench) == there
        elif what == "late":
            hits.append(Hit(which, 0, 1))
            bench.write([toy_chunk(run_id, 0, next(seqs), hits[-1:], 3000)], hours=which % 2)
        elif what == "merge":
            for shard in engine.shards:
                shard.here.execute("OPTIMIZE TABLE chunks FINAL")
        else:
            finished(engine, bench.run, bench.stages)
    assert {p for p in list_pins(engine) if p.run_id == run_id} == {
        Pin(run_id, *each) for each in pinned
    }
    if not any(part for part in gone(bench)):
        undo(engine, run_id)
        finished(engine, bench.run, bench.stages)
        assert rows(engine, bench.stages)["pairs"] == expected(hits)["pairs"]


def on_disk(bench) -> set[int]:
    """The times of the run's words that are stored, or lie aside on the disk."""
    found = set()
    for shard in bench.engine.shards:
        here = shard.here
        there = here.fetch(
            "SELECT part FROM aside_parts FINAL WHERE state IN ('going', 'detached')"
        )
        names = there["part"].to_pylist()
        times = here.fetch(
            "SELECT t_first, t_last FROM chunks WHERE run_id = {run:UInt32} AND n_hits > 0"
            " UNION ALL SELECT t_first, t_last FROM dropped_chunks WHERE run_id = {run:UInt32}"
            " AND n_hits > 0 AND has({parts:Array(String)}, part)",
            {"run": bench.run.run_id, "parts": names},
        )
        for row in times.to_pylist():
            found |= {row["t_first"], row["t_last"]}
    return found


def gone(bench) -> list[str]:
    """Parts with words of the run that were dropped for good."""
    return [
        name
        for shard in bench.engine.shards
        for name in shard.here.fetch(
            "SELECT DISTINCT part FROM dropped_chunks WHERE run_id = {run:UInt32} AND part IN"
            " (SELECT part FROM aside_parts FINAL WHERE state = 'dropped')",
            {"run": bench.run.run_id},
        )["part"].to_pylist()
    ]


def not_passed(engine, stage) -> list[tuple[int, int]]:
    """What cells look at that are not complete, or have seen other chunks than there are: told
    from numbers of chunks, in the slow way."""
    done = dict(
        pl.DataFrame(
            pl.from_arrow(
                engine.fetch(
                    "SELECT cell, argMax(tuple(n_inputs, complete), (revision, n_inputs)) AS last"
                    " FROM ledger WHERE run_id = {run:UInt32} AND lineage = {l:String}"
                    " GROUP BY cell",
                    {"run": stage.run.run_id, "l": stage.lineage.lineage},
                )
            )
        ).rows()
    )
    chunks = engine.fetch(
        "SELECT DISTINCT link, seq, t_first, t_last FROM (SELECT * EXCEPT words FROM chunks"
        " UNION ALL SELECT * EXCEPT (part, dropped_at) FROM dropped_chunks)"
        " WHERE run_id = {run:UInt32} AND n_hits > 0",
        {"run": stage.run.run_id},
    ).to_pylist()
    out = []
    for cell in range(-3, 20):
        a, b = cell * 100 - stage.reach, cell * 100 + 100 + stage.reach
        n = sum(c["t_first"] < b and c["t_last"] >= a for c in chunks)
        if n and list(done.get(cell, {}).values() if cell in done else [])[:2] != [n, True]:
            out.append((a, b))
    return out

"""Triggers over toy hits, what they must find, and workers that misbehave."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import polars as pl
from hypothesis import strategies as st
from ticks import HIT, Hit, toy_chunks, toy_run, write

from db.results.ledger import current
from db.results.rows import read_committed
from software_triggers.conductor.conductor import LONGEST_PAUSE_S, LOST_AFTER_S, Job
from software_triggers.task.bind import bind
from software_triggers.task.process import MOST_HITS, process
from software_triggers.trigger import sql_trigger, trigger

PAIRS = sql_trigger("""
-- trigger: pairs
-- reach: within
-- params: within Int64 = 30 ns
SELECT t, link, wire, n FROM (
    SELECT t, link, wire, count() OVER (
        ORDER BY t RANGE BETWEEN {within:Int64} PRECEDING AND {within:Int64} FOLLOWING) AS n
    FROM hits
) WHERE n >= 2
""")

BESIDE = sql_trigger("""
-- trigger: beside
-- reach: 50 ns
SELECT t, wire, count() OVER (ORDER BY t RANGE BETWEEN 50 PRECEDING AND 50 FOLLOWING) AS n FROM pairs
""")


@trigger(reach="by")
def echoes(hits: pl.DataFrame, by: int | str = "40 ns") -> pl.DataFrame:
    """Each hit tells of itself before and after it happens: rows where there is no hit."""
    both = pl.concat([hits.with_columns(pl.col("t") - by), hits.with_columns(pl.col("t") + by)])
    return both.select("t", "wire", half=pl.col("wire") / 2)


@trigger(reach="by", depends_on="echoes")
def second_echoes(echoes: pl.DataFrame, by: int | str = "40 ns") -> pl.DataFrame:
    """Echoes of echoes."""
    return pl.concat(
        [echoes.with_columns(pl.col("t") - by), echoes.with_columns(pl.col("t") + by)]
    ).select("t", "wire")


@trigger(reach="within", depends_on=("hits", "pairs"))
def crowds(hits: pl.DataFrame, pairs: pl.DataFrame, within: int | str = "60 ns") -> pl.DataFrame:
    """For each pair the sorted times of the hits around it."""
    near = pairs.select("t").unique().join(
        hits.select(other="t"), how="cross"
    ).filter((pl.col("other") - pl.col("t")).abs() <= within)  # fmt: skip
    found = near.group_by("t").agg(pl.col("other").sort())
    return found.select(pl.col("t").cast(pl.Int64), pl.col("other").cast(pl.List(pl.Int64)))


FAR = 2**40
some_hits = st.lists(
    st.builds(Hit, st.integers(-200, 700), st.integers(0, 2), st.integers(0, 3), st.just(HIT)),
    min_size=1,
    max_size=20,
)
TRIGGERS = {t.name: t for t in (PAIRS, BESIDE, echoes, second_echoes, crowds)}
WANTED = {name: {} for name in TRIGGERS}


def expected(hits: Sequence[Hit]) -> dict[str, list[str]]:
    """What the triggers must find, in the slow and obvious way."""
    pairs = [
        (h.t, h.link, h.wire, n)
        for h in hits
        if (n := sum(abs(other.t - h.t) <= 30 for other in hits)) >= 2
    ]
    once = [(h.t + by, h.wire, h.wire / 2) for h in hits for by in (-40, 40)]
    crowded = {t: sorted(h.t for h in hits if abs(h.t - t) <= 60) for t, *_ in pairs}
    return {
        "pairs": sorted(map(repr, pairs)),
        "beside": sorted(
            repr((t, wire, sum(abs(other - t) <= 50 for other, *_ in pairs)))
            for t, _, wire, _ in pairs
        ),
        "echoes": sorted(map(repr, once)),
        "second_echoes": sorted(repr((t + by, w)) for t, w, _ in once for by in (-40, 40)),
        "crowds": sorted(map(repr, crowded.items())),
    }


def rows(engine, stages, a=-FAR, b=FAR) -> dict[str, list[str]]:
    """All committed rows, in an order of their own; floats are told apart by their last bit."""
    return {
        stage.name: sorted(
            map(repr, read_committed(engine, stage.lineage, stage.run.cell, a, b).rows())
        )
        for stage in stages
    }


def ledger_rows(engine, stage) -> pl.DataFrame:
    """Every row of a stage's ledger, those that no longer count included."""
    return pl.DataFrame(
        pl.from_arrow(
            engine.fetch(
                "SELECT cell, revision, attempt, n_rows, inputs, complete FROM ledger"
                " WHERE run_id = {run:UInt32} AND lineage = {lineage:String}"
                " ORDER BY cell, revision",
                {"run": stage.run.run_id, "lineage": stage.lineage.lineage},
            )
        )
    )


def attempts(engine, stage) -> dict[int, int]:
    """How often each cell was worked on."""
    counts = ledger_rows(engine, stage).group_by("cell").agg(pl.col("attempt").n_unique())
    return dict(counts.rows())


def standing(engine, stage) -> pl.DataFrame:
    """The ledger rows that count."""
    return current(engine, stage.run.run_id, stage.lineage.lineage, -FAR, FAR)


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


@dataclass
class Mortal:
    """An engine that fails at its n-th statement, before the store sees it or right after."""

    engine: object
    at: int
    after: bool = False
    fault: Callable[[], BaseException] = Killed
    count: int = 0

    def _step(self, name, *args):
        self.count += 1
        if self.count == self.at and not self.after:
            raise self.fault()
        answer = getattr(self.engine, name)(*args)
        if self.count == self.at:
            raise self.fault()
        return answer

    @property
    def reader(self):
        return self

    def execute(self, *args):
        return self._step("execute", *args)

    def describe(self, sql, params=None):
        self._step("fetch", "SELECT 1")
        return self.engine.reader.describe(sql, params)

    def define(self, *args):
        return self._step("define", *args)

    def fetch(self, *args):
        return self._step("fetch", *args)

    def insert(self, *args):
        return self._step("insert", *args)


@dataclass
class Sent:
    """A task on its way, seen by its conductor."""

    ended: bool = False
    broken: bool = False
    taken: bool = False

    def begun(self):
        return self.taken

    def ready(self):
        return self.ended

    def failed(self):
        return self.broken


@dataclass
class Workers:
    """Does each task at once, the way it should be."""

    engine: object
    most_hits: int = MOST_HITS
    tasks: list = field(default_factory=list)

    def __call__(self, task):
        self.tasks.append(task)
        process(
            self.engine, task.stages, task.first, task.stop,
            complete=task.complete, most_hits=self.most_hits,
        )  # fmt: skip
        return Sent(ended=True)


@dataclass
class Unreliable:
    """Takes tasks in any order, does some twice, dies in some and forgets others."""

    engine: object
    rng: Random
    most_hits: int = MOST_HITS
    waiting: list = field(default_factory=list)
    deaths: int = 0

    def __call__(self, task):
        sent = Sent()
        self.waiting.append((task, sent))
        return sent

    def work(self, n=None) -> None:
        """Take up some of the tasks that wait, or ``n`` of them."""
        self.rng.shuffle(self.waiting)
        n = self.rng.randrange(len(self.waiting) + 1) if n is None else n
        now, self.waiting = self.waiting[:n], self.waiting[n:]
        for task, sent in now:
            fate = self.rng.random()
            if fate < 0.1:
                continue  # lost: nobody ever hears of it
            if fate < 0.4:
                self._do(
                    Mortal(self.engine, self.rng.randrange(1, 14), self.rng.random() < 0.5), task
                )
            if 0.3 < fate < 0.4:
                continue  # dead, and not delivered again
            for _ in range(1 if fate < 0.8 else 2):
                self._do(self.engine, task)
            sent.ended = True

    def _do(self, engine, task) -> None:
        try:
            process(
                engine, task.stages, task.first, task.stop,
                complete=task.complete, most_hits=self.most_hits,
            )  # fmt: skip
        except Killed:
            self.deaths += 1


def follow(job: Job, workers, now=0.0, most_cells=200, rounds=300) -> None:
    """Advance a job until it is finished."""
    for _ in range(rounds):
        job.advance(workers, now, most_cells, 8)
        if isinstance(workers, Unreliable):
            workers.work()
            # With nothing left to do, what was forgotten is waited for twice as long each time.
            now += LOST_AFTER_S / 20 if workers.waiting else LOST_AFTER_S
        now += LONGEST_PAUSE_S / rounds
        if job.finished:
            return
    raise AssertionError(f"not finished after {rounds} rounds: {job.chains}")


def finished(engine, run, stages, workers=None, **how) -> Job:
    """Do all there is to do in a run, as it is stored, and return the job."""
    job = Job(engine, run, stages, **how)
    job.close()
    follow(job, workers or Workers(engine))
    return job


def settle(job: Job, workers, rounds=300) -> None:
    """Advance a job until there is nothing more that it could do now."""
    for _ in range(rounds):
        before = len(workers.tasks)
        job.advance(workers, 0.0, 200, 8)
        quiet = not any(chain.pending or chain.suspects for chain in job.chains)
        if quiet and len(workers.tasks) == before:
            return
    raise AssertionError(f"no rest after {rounds} rounds: {job.chains}")


SOME = [Hit(t, k % 3, k % 4) for k, t in enumerate(range(0, 1500, 37))]


def stages_of(engine, cell=100, wanted=WANTED):
    return bind(engine, toy_run(engine, cell), TRIGGERS, wanted)


def stored(engine, cell=100, wanted=WANTED, made=SOME):
    """Stages of a run in which some hits are stored, none of them worked on."""
    stages = stages_of(engine, cell, wanted)
    write(engine, stages[0].run, toy_chunks(stages[0].run.run_id, made))
    return stages


def closed_job(engine, wanted=WANTED):
    """A job over some hits of a run that has ended."""
    stages = stored(engine, wanted=wanted)
    job = Job(engine, stages[0].run, stages)
    job.close()
    return job


def same(engine, stages, made):
    found = rows(engine, stages)
    return found == {name: expected(made)[name] for name in found}

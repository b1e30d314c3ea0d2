"""A run whose words are old enough to go, and what people read of it."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from ticks import TOY, Hit, toy_chunks
from workbench import TRIGGERS, WANTED, finished, ledger_rows, rows

from db.catalogue.runs import open_run
from db.results.lineage_runs import note_ran
from db.retention.policy import set_policy
from db.retention.steps import apply, plan, read_rules
from db.words.chunks import has_chunk, link_state
from db.words.gaps import Gap, book_gaps, live_ticks, read_gaps
from db.words.rates import rates_sql
from db.words.shards import write_by_shard
from ops.cli.runs import extent, links_of
from software_triggers.conductor.completeness import windows_behind
from software_triggers.task.bind import bind

TOY_TRIGGERS = "from workbench import BESIDE, PAIRS, crowds, echoes, second_echoes\n"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GRACE = timedelta(days=2)
SOME = [Hit(t, k % 3, k % 4) for k, t in enumerate([0, 10, 25, 130, 140, 480, 530, 540, 900, 1340])]
_numbers = count()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with the triggers of the workbench."""
    where = tmp_path_factory.mktemp("triggers")
    (where / "toy.py").write_text(TOY_TRIGGERS)
    return where


def rules(engine, now=NOW, folders=()):
    """What decides, with the triggers of folders."""

    def behind(run, a, b):
        return windows_behind(engine, run, a, b, folders)

    return read_rules(engine, now, GRACE, behind)


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
        return rules(self.engine, now, [self.folder])

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
            [link_state(self.engine, run_id, link) for link in range(4)],
            [has_chunk(self.engine, chunk) for chunk in toy_chunks(run_id, SOME)],
            [ledger_rows(self.engine, stage).to_dicts() for stage in self.stages],
        ]


def finished_bench(engine, folder, wanted=WANTED):
    bench = Bench(engine, folder, wanted)
    bench.write(toy_chunks(bench.run.run_id, SOME))
    book_gaps(engine, [Gap(bench.run.run_id, 0, "test", 100, 300)])
    finished(engine, bench.run, bench.stages)
    note_ran(engine, [stage.lineage for stage in bench.stages])
    return bench

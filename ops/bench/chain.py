"""The demo's triggers, from words in the store to the ledger."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from db.catalogue.runs import amend_run
from db.engine import Engine
from db.results.ledger import current_of
from db.words.totals import extent
from ops.bench.result import Result, in_turns
from ops.bench.telescope import WORDS_A_MUON, blocks, stored
from ops.demo.demo import CANDIDATES, WANTED
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import bind
from software_triggers.task.chain import chains_of
from software_triggers.task.process import process
from software_triggers.task.stage import Stage

WORDS_A_SECOND = 1e6
CELLS_A_TASK = 10
"""As with live data, when workers have something to do."""


def chain(engine: Engine, hits: int, repeats: int) -> Result:
    """Measure all stages over a run of a million words a second, a second of them to a task."""
    given = blocks(0.0, hits / WORDS_A_SECOND, WORDS_A_SECOND / WORDS_A_MUON)
    run = stored(engine, given)
    run = amend_run(engine, run, settings={**run.settings, "events": list(CANDIDATES)})
    known, versions = triggers_of_run(engine, run), count()
    first, last = (t // run.cell for t in extent(engine, run))
    stages: tuple[Stage, ...] = ()

    def triggers() -> Callable[[], None]:
        nonlocal stages
        # Another version is another lineage: the same work, not done yet.
        version = f"bench {next(versions)}"
        anew = {name: replace(trigger, version=version) for name, trigger in known.items()}
        stages = bind(engine, run, anew, WANTED)

        def work() -> None:
            for each in chains_of(stages):
                for cell in range(first, last + 1, CELLS_A_TASK):
                    stop = min(cell + CELLS_A_TASK, last + 1)
                    process(engine, each, cell, stop, complete=True)

        return work

    timings = in_turns({"chain": triggers}, repeats)
    rows = {
        stage.name: int(
            current_of(engine, run.run_id, [stage.lineage.lineage], first, last + 1)["n_rows"].sum()
        )
        for stage in stages
    }
    words = sum(len(block.words) for block in given)
    return Result(name="chain", hits=words, ours=timings["chain"], extra={"rows": rows})

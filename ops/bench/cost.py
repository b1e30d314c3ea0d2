"""What a window costs with little and with a hundred times more stored around it."""

import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from db.catalogue.runs import Run
from db.engine import Engine
from db.engine.address import parse_address
from db.engine.server import connect
from db.results.rows import read_committed
from db.servers.schema import create_schema
from db.store import open_store
from db.words.totals import extent
from ops.bench.result import Result, medians, timed
from ops.bench.telescope import WORDS_A_MUON, blocks, stored
from ops.servers.clickhouse import ClickHouse, url
from readout.source.block import Block
from software_triggers.registry import known_triggers
from software_triggers.task.bind import bind
from software_triggers.task.process import process

TRIGGER = "coincidence"
SECONDS = 100
CELL = 500
Answer = tuple[int, int]
"""Number of rows and sum of their times."""


def cost(folder: Path, hits: int, repeats: int) -> Result:
    """Measure one window's processing, from its words to the ledger, in a full and an empty store.

    The full one has ``hits`` words in a hundred seconds, with the window in their middle, every
    window processed before, and the same in another run. The empty one has a second around the
    window. Each is in a process of its own, since a process can open only one.
    """
    muons_hz = hits / SECONDS / WORDS_A_MUON
    middle = SECONDS / 2
    ranges = {"full": (0.0, float(SECONDS)), "empty": (middle - 0.5, middle + 0.5)}
    spawn = multiprocessing.get_context("spawn")
    ends: dict[str, Connection] = {}
    workers = []
    for name, (start_s, stop_s) in ranges.items():
        ends[name], other = spawn.Pipe()
        told = (other, folder / name, start_s, stop_s, muons_hz, 2 if name == "full" else 1)
        workers.append(spawn.Process(target=_work, args=told))
        workers[-1].start()
    stored_words = {name: end.recv() for name, end in ends.items()}
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in ends}
    answers = set()
    for turn in range(repeats + 1):
        for name, end in ends.items():
            end.send("again")
            timing, answer = end.recv()
            turns[name] += [timing] if turn else []
            answers.add(answer)
    for end, worker in zip(ends.values(), workers, strict=True):
        end.send("stop")
        worker.join()
    (answer,) = answers
    return Result(
        name="cost",
        hits=round(hits / SECONDS / 10),
        ours=medians(turns["full"]),
        peer_name="the same window with a hundredth of the data around it",
        peer=medians(turns["empty"]),
        extra={
            "trigger": TRIGGER,
            "rows": answer[0],
            "words_stored": stored_words["full"],
            "peer_words_stored": stored_words["empty"],
            "same_answer": True,
        },
    )


def cost_on_servers(
    engine: Engine, servers: Sequence[ClickHouse], given: Mapping[str, list[Block]], repeats: int
) -> tuple[float, float]:
    """Return the milliseconds that one window takes in a small store and in a large one.

    ``engine``'s store becomes the large one; the small one is made beside it on the same servers.
    Both keep their words and the results of all windows. They take turns; the answers are equal.
    """
    address = parse_address(url(servers, "alone"))
    create_schema(address)
    small = connect(address)
    known = known_triggers()
    try:
        stores: dict[str, Engine] = {"small": small, "large": engine}
        runs = {name: stored(stores[name], given[name]) for name in stores}
        for name, run in runs.items():
            (stage,) = bind(stores[name], run, known, {TRIGGER: {}})
            first, stop = (end // run.cell for end in extent(stores[name], run))
            process(stores[name], [stage], first, stop + 1, complete=True)
        turns: dict[str, list[tuple[float, float]]] = {name: [] for name in stores}
        answers = set()
        for turn in range(repeats + 1):
            for name, store in stores.items():
                timing, answer = _once_more(store, runs[name], f"bench {turn}")
                turns[name] += [timing] if turn else []
                answers.add(answer)
    finally:
        small.close()
    assert len(answers) == 1, answers
    small_ms, large_ms = (round(1e3 * medians(turns[name]).seconds, 2) for name in stores)
    return small_ms, large_ms


def _once_more(engine: Engine, run: Run, version: str) -> tuple[tuple[float, float], Answer]:
    """Do the window under a version of its own: another lineage, the same work, not done yet."""
    anew = {TRIGGER: replace(known_triggers()[TRIGGER], version=version)}
    (stage,) = bind(engine, run, anew, {TRIGGER: {}})
    timing = timed(partial(process, engine, [stage], CELL, CELL + 1, complete=True))
    a, b = CELL * run.cell, (CELL + 1) * run.cell
    rows = read_committed(engine, stage.lineage, run.cell, a, b)
    return timing, (len(rows), int(rows["t"].sum()))


def _work(
    end: Connection, store: Path, start_s: float, stop_s: float, muons_hz: float, runs: int
) -> None:
    """Fill a store, then process the window each time that it is asked for."""
    given = blocks(start_s, stop_s, muons_hz)
    known = known_triggers()
    with open_store(str(store)) as at:
        engine = at.engine
        for _ in range(runs):
            run = stored(engine, given)
            (stage,) = bind(engine, run, known, {TRIGGER: {}})
            process(engine, [stage], round(start_s * 10), round(stop_s * 10), complete=True)
        end.send(runs * sum(len(block.words) for block in given))
        turn = 0
        while end.recv() == "again":
            end.send(_once_more(engine, run, f"bench {(turn := turn + 1)}"))

"""What is asked for, done, cancelled and told, by threads and by Celery's queues."""

import time

import pytest
from ticks import toy_chunks, toy_run, write
from workbench import SOME, TRIGGERS

from db.catalogue.reprocessings import (
    ask_reprocessing,
    cancel_reprocessing,
    find_reprocessing,
    list_reprocessings,
    unsettled,
)
from db.catalogue.runs import close_run
from db.errors import StoreError, UsageError
from db.results.rows import list_lineages, read_committed
from db.time import WHOLE
from ops.services.private_redis import private_redis
from ops.services.worker_threads import worker_threads
from software_triggers.conductor.progress import Task
from software_triggers.registry import load_folder
from software_triggers.running.celery_tasks import LIVE, REPROCESS, celery_submit
from software_triggers.running.reprocess import Reprocessor, reprocess
from software_triggers.running.threads import ThreadQueue
from software_triggers.task.bind import bind

FAR = 2**40
NAP = """
import time

import polars as pl

from software_triggers.trigger import trigger


@trigger(reach="0 ns")
def nap(hits: pl.DataFrame, tag: int = 0, seconds: float = 0.0) -> pl.DataFrame:
    time.sleep(seconds * bool(len(hits)))
    return hits.select("t")


@trigger(reach="0 ns")
def when(hits: pl.DataFrame, log: str = "") -> pl.DataFrame:
    if len(hits):
        with open(log, "a") as file:
            file.write(f"{hits['t'].min()}\\n")
        time.sleep(0.02)
    return hits.select("t")
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "nap.py").write_text(NAP)
    (tmp_path / "pairs.sql").write_text(TRIGGERS["pairs"].source)
    return tmp_path


@pytest.fixture
def run(server_engine):
    """On a server: in other stores an owner's thread may do what is asked for, too."""
    run = toy_run(server_engine)
    write(server_engine, run, toy_chunks(run.run_id, SOME))
    return close_run(server_engine, run)


def work(engine, folder, until, **how):
    over = time.monotonic() + 60

    def reached():
        assert time.monotonic() < over
        return until()

    lines = []

    def line(_):
        lines.append(ThreadQueue(engine))
        return lines[-1]

    reprocess(Reprocessor(engine, line, folders=(folder,), **how), reached, pause_s=0.01)


def times(engine, run, name, **params):
    for lineage in list_lineages(engine, run.run_id, name):
        if params.items() <= lineage.params.items():
            return read_committed(engine, lineage, run.cell, -FAR, FAR)["t"].to_list()
    return []


def test_several_are_done_and_one_that_cannot_be_says_why(server_engine, run, folder):
    def ask(wanted, span=WHOLE):
        return ask_reprocessing(server_engine, run.run_id, wanted, span, "me").number

    bad = ask({"nowhere": {}})
    none = ask({"nap": {}}, (10**9, 2 * 10**9))
    whole = ask({"nap": {"tag": 1}, "pairs": {"within": "50 ns"}})
    part = ask({"nap": {"tag": 2}}, (200, 600))
    assert ask({"nap": {"tag": 2}}, (200, 600)) == part
    mine = (bad, none, whole, part)
    work(
        server_engine, folder, lambda: all(find_reprocessing(server_engine, n).ended for n in mine)
    )
    states = [find_reprocessing(server_engine, n).state for n in mine]
    assert states == ["failed", "failed", "done", "done"]
    assert "no trigger 'nowhere'" in find_reprocessing(server_engine, bad).problem
    assert "has hits from 0 s" in find_reprocessing(server_engine, none).problem
    told = find_reprocessing(server_engine, whole)
    assert told.done == told.total > 0
    made = sorted(hit.t for hit in SOME)
    assert times(server_engine, run, "nap", tag=1) == made
    assert times(server_engine, run, "nap", tag=2) == [t for t in made if 200 <= t < 600]
    assert {one.number for one in list_reprocessings(server_engine)} >= set(mine)
    assert not {one.number for one in unsettled(server_engine)} & set(mine)
    with pytest.raises(UsageError, match="no reprocessing 4294967295; known: "):
        find_reprocessing(server_engine, 4294967295)


def test_one_that_is_cancelled_stops_and_the_same_wish_goes_on(server_engine, run, folder):
    wanted = {"nap": {"tag": 3, "seconds": 0.02}}
    long = (-(10**6), 10**6)  # cut where there are no hits

    def ask():
        return ask_reprocessing(server_engine, run.run_id, wanted, long, "me").number

    number = ask()
    cancel_reprocessing(server_engine, number)
    work(server_engine, folder, lambda: find_reprocessing(server_engine, number).noted != "waiting")
    assert times(server_engine, run, "nap", tag=3) == []
    again = ask()
    assert again != number
    work(server_engine, folder, lambda: find_reprocessing(server_engine, again).state == "done")
    assert times(server_engine, run, "nap", tag=3) == sorted(hit.t for hit in SOME)
    assert cancel_reprocessing(server_engine, again).state == "done"


def test_who_works_on_one_alone_is_told_when_the_store_fails(server_engine, run, folder):
    class Failing(ThreadQueue):
        def __call__(self, task):
            raise StoreError("the disk is full")

    one = ask_reprocessing(server_engine, run.run_id, {"nap": {"tag": 4}}, WHOLE, "me")

    def made(**how):
        return Reprocessor(
            server_engine, lambda _: Failing(server_engine), folders=(folder,), **how
        )

    with pytest.raises(StoreError, match="disk is full"):
        reprocess(made(only=one.number), lambda: False, pause_s=0.01)
    patient = made()
    for now in range(3):
        patient.advance(float(now))
    assert patient.trouble == "the disk is full"
    assert find_reprocessing(server_engine, one.number).state in ("waiting", "running")
    cancel_reprocessing(server_engine, one.number)
    patient.advance(9.0)
    assert find_reprocessing(server_engine, one.number).noted == "cancelled"


def test_no_task_of_a_reprocessing_is_taken_while_a_live_one_waits(engine, folder):
    """On the queues of a real Redis; one thread works."""
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, SOME))
    log = folder / "log"
    wanted = {"when": {"log": str(log)}}
    known = {trigger.name: trigger for trigger in load_folder(folder)}
    (stage,) = bind(engine, run, known, wanted)
    with private_redis() as path, worker_threads(engine, 1, f"unix://{path}", (folder,)):
        again, live = celery_submit(wanted, REPROCESS), celery_submit(wanted, LIVE)
        sent = [again(Task((stage,), cell, cell + 1, True)) for cell in range(7)]
        sent += [live(Task((stage,), cell, cell + 1, True)) for cell in range(8, 15)]
        until = time.monotonic() + 60
        while not all(each.ready() for each in sent):
            assert time.monotonic() < until
            time.sleep(0.02)
    cells = [int(line) // 100 for line in log.read_text().split()]
    assert sorted(cells) == [*range(7), *range(8, 15)]
    # Two of them may have been begun or taken before the first live one was sent.
    assert set(cells[:9]) >= set(range(8, 15))

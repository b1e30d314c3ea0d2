"""Reprocessing by real workers: behind live data, cancelled, killed in every part, resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

import pytest
from ticks import Hit, toy_chunks, toy_run, write

from db.errors import StoreError
from db.reprocessings import WHOLE, ask_reprocessing, cancel_reprocessing, find_reprocessing
from db.results import list_lineages, read_committed
from db.runs import amend_run, close_run
from ops.broker import alive, set_broker, waiting
from ops.chaos.cluster import Service
from ops.servers.clickhouse import url
from ops.servers.redis import Redis
from software_triggers.progress import Task
from software_triggers.registry import load_file
from software_triggers.stage import bind
from software_triggers.tasks import LIVE, REPROCESS, celery_submit

TRIGGER = '''
import time
from pathlib import Path

import polars as pl

from software_triggers.trigger import trigger


@trigger(reach="0 ns")
def slow(hits: pl.DataFrame, pace: float = 0.0, hold: str = "-") -> pl.DataFrame:
    """Each hit, after a while; not before the file is gone."""
    time.sleep(pace * bool(len(hits)))
    while len(hits) and Path(hold).exists():
        time.sleep(0.02)
    return hits.select("t", "wire")
'''
CELLS = 1000
MADE = [Hit(t, 0, t // 50 % 5) for t in range(0, 100 * CELLS, 50)]
TIMES = [hit.t for hit in MADE]


class Cluster:
    """Redis, and processes that use it and one server."""

    def __init__(self, folder, store, server):
        self.folder, self.store, self.server = folder, store, server
        self.redis = Redis(folder / "redis")
        self.redis.start()
        self.told = {
            "EVERYHIT_REDIS": self.redis.url,
            "EVERYHIT_TRIGGERS": f'["{folder}"]',
        }
        self.services = []

    def start(self, *arguments):
        log = self.folder / f"{arguments[0]}{len(self.services)}.log"
        made = Service((*arguments, "--store", self.store), log, self.told)
        made.start()
        self.services.append(made)
        return made

    def command(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-c", "from ops.cli import main; main()", *arguments,
             "--store", self.store],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **self.told},
        )  # fmt: skip

    def said(self, *arguments):
        process = self.command(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    def logs(self):
        return {log.name: log.read_text()[-2000:] for log in self.folder.glob("*.log")}


@pytest.fixture
def cluster(servers, server_engine, tmp_path):
    (tmp_path / "slow.py").write_text(TRIGGER)
    here = Cluster(tmp_path, url(servers[:1], "alone"), servers[0])
    with ExitStack() as stack:
        stack.callback(here.redis.kill)
        yield here
        for service in reversed(here.services):
            service.end()


def filled(engine, settings=None):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, MADE, most=1000))
    if settings:
        run = amend_run(engine, run, settings=settings)
    return close_run(engine, run)


def wait(cluster, reached, seconds=120):
    """Wait until it is so, and start the server again where that has ended of a killed client."""
    until = time.monotonic() + seconds
    while True:
        with suppress(StoreError):
            if value := reached():
                return value
        if cluster.server.process.poll() is not None:
            cluster.server.start()
        assert time.monotonic() < until, cluster.logs()
        time.sleep(0.05)


def found(engine, run, **params):
    """Times of the committed rows of the lineage with these parameters; None if there is none."""
    for lineage in list_lineages(engine, run.run_id, "slow"):
        if params.items() <= lineage.params.items():
            return read_committed(engine, lineage, run.cell, 0, 100 * CELLS)["t"].to_list()
    return None


def attempts(engine, run):
    """How often each cell was worked on, whatever the lineage."""
    rows = engine.fetch(
        "SELECT cell, uniqExact(attempt) AS n FROM ledger WHERE run_id = {run:UInt32}"
        " GROUP BY cell",
        {"run": run.run_id},
    )
    return dict(zip(rows["cell"].to_pylist(), rows["n"].to_pylist(), strict=True))


def test_live_windows_go_first_and_reprocessing_goes_on_behind_them(cluster, server_engine):
    client = set_broker(cluster.redis.url)
    (slow,) = load_file(cluster.folder / "slow.py")
    run = filled(server_engine)
    wanted = {"slow": {"pace": 0.1}}
    (stage,) = bind(server_engine, run, {"slow": slow}, wanted)
    again, live = celery_submit(wanted, REPROCESS), celery_submit(wanted, LIVE)
    for first in range(0, 400, 20):
        again(Task(stage, first, first + 20, True))
        live(Task(stage, 500 + first, 520 + first, True))
    assert waiting(client) == {LIVE: 20, REPROCESS: 20}
    cluster.start("worker", "-n", "1", "--queues", "reprocess,live")
    left = wait(cluster, lambda: (w := waiting(client))[LIVE] == 0 and w)
    assert left[REPROCESS] >= 17
    wait(cluster, lambda: waiting(client)[REPROCESS] == 0)


def test_what_is_asked_for_is_done_by_workers_cancelled_and_resumed(cluster, server_engine):
    client = set_broker(cluster.redis.url)
    run, hold = filled(server_engine), cluster.folder / "hold"
    hold.touch()
    cluster.start("worker", "-n", "2")
    cluster.start("conductor", "--lost-after", "60")
    wait(cluster, lambda: alive(client, "conductor"))
    ask = ("reprocess", "--trigger", "slow", "--param", f"hold={hold}", "--run", str(run.run_id))
    number = json.loads(cluster.said(*ask, "--detach", "--json"))["number"]
    # The same command again is the same wish, not another.
    assert json.loads(cluster.said(*ask, "--detach", "--json"))["number"] == number
    wait(cluster, lambda: waiting(client)[REPROCESS] and len(_busy(client)) == 2)

    # Live data are not held up by what waits.
    hold.unlink()
    other = filled(server_engine, {"triggers": {"slow": {}}})
    wait(cluster, lambda: found(server_engine, other) == TIMES)
    wait(cluster, lambda: find_reprocessing(server_engine, number).state == "done")
    assert found(server_engine, run, hold=str(hold)) == TIMES
    assert set(attempts(server_engine, run).values()) == {1}
    shown = json.loads(cluster.said("reprocess", "show", str(number), "--json"))
    assert (shown["done"], shown["state"]) == (shown["windows"], "done")

    # Cancelled: what waits is withdrawn, what runs ends, and the same command goes on from there.
    hold.touch()
    ask = (*ask, "--param", "pace=0.01")
    one = json.loads(cluster.said(*ask, "--detach", "--json"))["number"]
    assert one != number
    wait(cluster, lambda: waiting(client)[REPROCESS] and len(_busy(client)) == 2)
    cluster.said("reprocess", "cancel", str(one))
    wait(cluster, lambda: find_reprocessing(server_engine, one).noted == "cancelled")
    assert waiting(client)[REPROCESS] == 0
    hold.unlink()
    wait(cluster, lambda: not _busy(client))
    done = len(found(server_engine, run, pace=0.01))
    assert 0 < done <= 2 * len(TIMES) * 50 / CELLS
    (result,) = json.loads(cluster.said(*ask, "--json"))
    assert result["rows"] == len(TIMES)
    assert set(attempts(server_engine, run).values()) == {2}  # once for each lineage
    states = [r["state"] for r in json.loads(cluster.said("reprocess", "list", "--json"))[:3]]
    assert states == ["done", "cancelled", "done"]


def test_whatever_dies_every_row_is_there_once(cluster, server_engine):
    """A worker and a conductor killed in the middle, a second conductor, a killed command."""
    run = filled(server_engine)
    client = set_broker(cluster.redis.url)
    worker = cluster.start("worker", "-n", "2")
    conductor = cluster.start("conductor", "--lost-after", "4")
    cluster.start("conductor", "--lost-after", "4")
    wait(cluster, lambda: len(alive(client, "conductor")) == 2)
    command = cluster.command(
        "reprocess", "--trigger", "slow", "--param", "pace=0.3", "--run", str(run.run_id)
    )
    other = ask_reprocessing(
        server_engine, run.run_id, {"slow": {"pace": 0.2}}, (20_000, 60_000), "me"
    )
    wait(cluster, lambda: found(server_engine, run, pace=0.3))
    command.send_signal(signal.SIGKILL)
    command.communicate()
    busy = wait(cluster, lambda: _busy(client))
    os.kill(int(busy[0]["name"].rpartition("-")[2]), signal.SIGKILL)
    time.sleep(0.3)
    conductor.kill()
    worker.kill()
    cluster.start("worker", "-n", "2")
    wait(cluster, lambda: find_reprocessing(server_engine, other.number).state == "done")
    wait(cluster, lambda: found(server_engine, run, pace=0.3) == TIMES)
    assert wait(cluster, lambda: found(server_engine, run, pace=0.2)) == [
        t for t in TIMES if 20_000 <= t < 60_000
    ]


def test_one_that_fails_says_why_and_the_next_is_done(cluster, server_engine):
    run = filled(server_engine)
    cluster.start("worker", "-n", "1")
    cluster.start("conductor")
    bad = ask_reprocessing(server_engine, run.run_id, {"nowhere": {}}, WHOLE, "me")
    none = ask_reprocessing(server_engine, run.run_id, {"slow": {}}, (10**9, 2 * 10**9), "me")
    good = ask_reprocessing(server_engine, run.run_id, {"slow": {}}, (0, 500), "me")
    wait(cluster, lambda: find_reprocessing(server_engine, good.number).state == "done")
    assert "no trigger 'nowhere'" in find_reprocessing(server_engine, bad.number).problem
    assert "has hits from" in find_reprocessing(server_engine, none.number).problem
    assert cancel_reprocessing(server_engine, good.number).state == "done"


def _busy(client):
    return [each for each in alive(client, "worker") if each["task"]]

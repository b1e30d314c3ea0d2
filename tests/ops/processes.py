"""A cluster of processes with one server, and a trigger that takes its time."""

import os
import subprocess
import sys
import time
from contextlib import suppress

from ticks import Hit, toy_chunks, toy_run, write

from db.catalogue.heartbeat import alive
from db.catalogue.runs import amend_run, close_run
from db.errors import StoreError
from db.results.rows import list_lineages, read_committed
from ops.chaos.cluster import Service
from ops.servers.redis import Redis

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

    def start(self, *arguments, **environment):
        log = self.folder / f"{arguments[0]}{len(self.services)}.log"
        made = Service((*arguments, "--store", self.store), log, self.told | environment)
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

    def end(self):
        """Ask all to end, and wait for it."""
        for service in self.services:
            if service.process is not None:
                service.process.terminate()
        for service in self.services:
            service.end(10)

    def logs(self):
        return {log.name: log.read_text()[-2000:] for log in self.folder.glob("*.log")}


def filled(engine, settings=None):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, MADE, most=1000))
    if settings:
        run = amend_run(engine, run, settings=settings)
    return close_run(engine, run)


def wait(cluster, reached, seconds=240):
    """Wait until it is so, and start the server again where that has ended of a killed client."""
    until = time.monotonic() + seconds
    while True:
        with suppress(StoreError):
            if value := reached():
                return value
        if cluster.server.process.poll() is not None:
            cluster.server.start()
        assert time.monotonic() < until, cluster.logs()
        time.sleep(0.25)  # a look costs as much as a task


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


def busy(client):
    return [each for each in alive(client, "worker") if each["task"]]

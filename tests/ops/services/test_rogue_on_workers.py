"""Triggers that misbehave on Celery workers: one window of theirs fails, and no worker ends."""

import shutil
from pathlib import Path

import psutil
from processes import wait
from ticks import Hit, toy_chunks, toy_run, write

from db.catalogue.heartbeat import alive
from db.catalogue.runs import amend_run, close_run
from db.results.rows import list_lineages, read_committed
from ops.services.broker import set_broker

ROGUE = Path(__file__).parents[2] / "software_triggers" / "isolation" / "rogue.py"
MADE = [Hit(t, 0, 9 if t == 550 else 1) for t in range(0, 1000, 50)]
TOLD = {
    "loop": "it took longer than 4 s",
    "memory": "it took more than 500 MB of memory",
    "null": "its process was ended by SIGSEGV",
    "end": "its process ended with exit code 0",
    "fork_both": "",
    "thread": "",
}


def test_each_misdeed_costs_one_window_and_no_worker(cluster, server_engine, tmp_path):
    shutil.copy(ROGUE, tmp_path)
    limits = {"EVERYHIT_TRIGGER_S": "4", "EVERYHIT_TRIGGER_MEMORY_MB": "500"}
    client = set_broker(cluster.redis.url)
    cluster.start("worker", "-n", "1", **limits)
    cluster.start("conductor", **limits)
    wait(cluster, lambda: alive(client, "worker"))
    worker = alive(client, "worker")[0]["name"]
    runs = {deed: rogue_run(server_engine, deed, tmp_path / deed) for deed in TOLD}
    for deed, told in TOLD.items():
        bad = 5 if told else None
        expected = [hit.t for hit in MADE if hit.t // 100 != bad]
        wait(cluster, lambda run=runs[deed], rows=expected: times(server_engine, run) == rows)
        if told:
            (error,) = wait(cluster, lambda run=runs[deed]: failures(server_engine, run))
            assert error.startswith(f"trigger rogue failed on [500, 600): {told}")
        else:
            assert failures(server_engine, runs[deed]) == []
            pid = int((tmp_path / deed).read_text())
            wait(cluster, lambda pid=pid: not psutil.pid_exists(pid), 20)
    assert [each["name"] for each in alive(client, "worker")] == [worker]


def rogue_run(engine, deed, note):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, MADE))
    params = {"deed": deed} | ({} if TOLD[deed] else {"note": str(note)})
    return close_run(engine, amend_run(engine, run, settings={"triggers": {"rogue": params}}))


def times(engine, run):
    for lineage in list_lineages(engine, run.run_id):
        return sorted(read_committed(engine, lineage, run.cell, 0, 1000)["t"].to_list())
    return None


def failures(engine, run):
    return engine.fetch(
        "SELECT error FROM failures WHERE run_id = {run:UInt32}", {"run": run.run_id}
    )["error"].to_pylist()

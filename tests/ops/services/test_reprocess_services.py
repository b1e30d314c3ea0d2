"""Reprocessing by real workers: behind live data, cancelled, killed in every part, resumed."""

import json
import os
import signal
import time
import urllib.request

from processes import CELLS, TIMES, attempts, busy, filled, found, wait

from db.catalogue.heartbeat import alive
from db.catalogue.reprocessings import (
    ask_reprocessing,
    cancel_reprocessing,
    find_reprocessing,
)
from db.time import WHOLE
from ops.servers.ports import free_port
from ops.services.broker import set_broker, waiting
from software_triggers.running.celery_tasks import REPROCESS


def metrics(port):
    """The conductor's figures by name."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    lines = [line.split() for line in text.splitlines() if line.startswith("everyhit_conductor")]
    return {name.removeprefix("everyhit_conductor_"): float(value) for name, value in lines}


def test_what_is_asked_for_is_done_by_workers_cancelled_and_resumed(cluster, server_engine):
    client = set_broker(cluster.redis.url)
    run, hold = filled(server_engine), cluster.folder / "hold"
    hold.touch()
    cluster.start("worker", "-n", "1")
    port = free_port()
    cluster.start("conductor", "--lost-after", "300", "--health", str(port))
    wait(cluster, lambda: alive(client, "conductor"))
    ask = ("reprocess", "--trigger", "slow", "--param", f"hold={hold}", "--run", str(run.run_id))
    number = json.loads(cluster.said(*ask, "--detach", "--json"))["number"]
    # The same again is the same wish, not another.
    again = ask_reprocessing(server_engine, run.run_id, {"slow": {"hold": str(hold)}}, WHOLE, "me")
    assert again.number == number
    wait(cluster, lambda: waiting(client)[REPROCESS] and busy(client))
    told = wait(cluster, lambda: metrics(port))
    assert told["reprocess_windows"] == CELLS
    assert told["tasks_reprocess"] == 7  # of 8 that were sent
    assert (told["tasks_live"], told["windows"], told["workers"]) == (0, 0, 1)

    # Live data are not held up by what waits.
    hold.unlink()
    other = filled(server_engine, {"triggers": {"slow": {}}})
    wait(cluster, lambda: found(server_engine, other) == TIMES)
    one = wait(cluster, lambda: (o := find_reprocessing(server_engine, number)).ended and o)
    assert (one.state, one.done, one.total) == ("done", CELLS, CELLS)
    assert found(server_engine, run, hold=str(hold)) == TIMES
    assert set(attempts(server_engine, run).values()) == {1}

    # Cancelled: what waits is withdrawn, what runs ends, and the same command goes on from there.
    hold.touch()
    wanted = {"slow": {"hold": str(hold), "pace": "0.01"}}
    one = ask_reprocessing(server_engine, run.run_id, wanted, WHOLE, "me").number
    assert one != number
    wait(cluster, lambda: waiting(client)[REPROCESS] and busy(client))
    cancel_reprocessing(server_engine, one)
    wait(cluster, lambda: find_reprocessing(server_engine, one).noted == "cancelled")
    assert waiting(client)[REPROCESS] == 0
    hold.unlink()
    wait(cluster, lambda: not busy(client))
    done = len(found(server_engine, run, pace=0.01))
    assert 0 < done <= len(TIMES) * 50 / CELLS
    (result,) = json.loads(cluster.said(*ask, "--param", "pace=0.01", "--json"))
    assert result["rows"] == len(TIMES)
    assert set(attempts(server_engine, run).values()) == {2}  # once for each lineage


def test_whatever_dies_every_row_is_there_once(cluster, server_engine):
    """A worker and a conductor killed in the middle, a second conductor, a killed command."""
    run = filled(server_engine)
    client = set_broker(cluster.redis.url)
    worker = cluster.start("worker", "-n", "1")
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
    at_work = wait(cluster, lambda: busy(client))
    os.kill(int(at_work[0]["name"].rpartition("-")[2]), signal.SIGKILL)
    time.sleep(0.3)
    conductor.kill()
    worker.kill()
    # The stand-in server may have died with its client: a worker that finds no store ends.
    wait(cluster, lambda: find_reprocessing(server_engine, other.number))
    cluster.start("worker", "-n", "1")
    wait(cluster, lambda: find_reprocessing(server_engine, other.number).state == "done")
    wait(cluster, lambda: found(server_engine, run, pace=0.3) == TIMES)
    assert wait(cluster, lambda: found(server_engine, run, pace=0.2)) == [
        t for t in TIMES if 20_000 <= t < 60_000
    ]

"""Workers and conductor as processes, with a real Redis and a real ClickHouse."""

import json
import time
from pathlib import Path

import pytest
from command import run
from ticks import Hit, toy_chunks, toy_run, write

from db.catalogue.heartbeat import ALIVE_S, alive, beat
from db.catalogue.runs import amend_run, close_run
from db.errors import StoreError
from db.results import ledger
from db.results.rows import list_lineages, read_committed
from ops.chaos.cluster import Service
from ops.servers.clickhouse import url
from ops.servers.redis import Redis
from ops.services.broker import Lock, set_broker, waiting
from ops.services.news import hearing

TRIGGER = '''
import time
from pathlib import Path

import polars as pl

from software_triggers.trigger import trigger


@trigger(reach="0 ns")
def stuck(hits: pl.DataFrame, hold: str = "") -> pl.DataFrame:
    """Each hit; hangs for ever where wire 7 was hit, as long as the file is there."""
    while Path(hold).exists() and 7 in hits["wire"]:
        time.sleep(0.1)
    return hits.select("t", "wire")
'''


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


def test_one_holds_the_lock_until_it_lets_go_or_falls_silent(redis):
    client = set_broker(redis.url)
    one, two = Lock(client, "test"), Lock(client, "test")
    assert one.held()
    assert not two.held()
    one.release()
    assert two.held()
    assert not one.held()
    silent = time.monotonic() + ALIVE_S + 0.5
    while not one.held():
        assert time.monotonic() < silent
        time.sleep(0.1)


def test_nobody_holds_the_lock_while_redis_is_away_and_one_does_again(redis):
    lock = Lock(set_broker(redis.url), "test")
    assert lock.held()
    redis.kill()
    lock._renewed = 0.0  # it is time to renew it
    assert not lock.held()
    redis.start()
    until = time.monotonic() + ALIVE_S + 3
    while not lock.held():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_who_beats_is_alive_and_tells_what_it_does(redis):
    client = set_broker(redis.url)
    assert alive(client, "worker") == []
    beat(client, "worker", task="7.tracks", seconds=3.5)
    (one,) = alive(client, "worker")
    assert (one["task"], one["seconds"]) == ("7.tracks", 3.5)
    assert waiting(client) == {"live": 0, "reprocess": 0}


def test_a_redis_that_is_away_is_one_line_without_its_password():
    with pytest.raises(StoreError, match="no Redis answers at redis://…@127.0.0.1:1/0") as told:
        set_broker("redis://:secret@127.0.0.1:1/0")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("worker", "--store", "/tmp/nowhere"), "belongs to one process"),
        (("conductor", "--store", "chdb:///tmp/nowhere"), "belongs to one process"),
        (("worker", "--store", "clickhouse://u:p@h:1/d", "--queues", "fast"), "no queue 'fast'"),
        (("backlog", "--redis", "redis://127.0.0.1:1/0"), "no Redis answers"),
        (("worker", "--store", "clickhouse://u:p@h:1/d", "--redis", "redis://127.0.0.1:1/0"),
         "no Redis answers"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_line(arguments, said):
    done = run(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def told_of(redis):
    return json.loads(run("backlog", "--redis", redis.url, "--json").stdout)


def test_a_trigger_that_hangs_loses_its_window_alone_and_is_mended_by_a_new_conductor(
    server_engine, servers, redis, tmp_path
):
    (tmp_path / "triggers").mkdir()
    (tmp_path / "triggers" / "stuck.py").write_text(TRIGGER)
    hold = tmp_path / "hold"
    hold.touch()
    told = {"EVERYHIT_REDIS": redis.url, "EVERYHIT_TRIGGERS": f'["{tmp_path / "triggers"}"]'}
    store = ("--store", url(servers[:1], "alone"))

    def service(*arguments: str) -> Service:
        made = Service((*arguments, *store), Path(tmp_path / f"{arguments[0]}.log"), told)
        made.start()
        return made

    made = [Hit(t, 0, 7 if t == 430 else t // 10 % 5) for t in range(0, 900, 10)]
    run = toy_run(server_engine)
    settings = {"triggers": {"stuck": {"hold": str(hold)}}}
    write(server_engine, run, toy_chunks(run.run_id, made))
    close_run(server_engine, amend_run(server_engine, run, settings=settings))

    def state():
        for lineage in list_lineages(server_engine, run.run_id):
            known = ledger.current(server_engine, run.run_id, lineage.lineage, 0, 9)
            rows = read_committed(server_engine, lineage, run.cell, 0, 900)
            return known["complete"].to_list(), rows["t"].to_list()
        return [], []

    def wait(expected):
        until = time.monotonic() + 240
        while state() != expected:
            assert time.monotonic() < until, (state(), [log.read_text() for log in logs])
            time.sleep(0.2)

    logs = [tmp_path / "worker.log", tmp_path / "conductor.log"]
    worker = service("worker", "-n", "1", "--task-limit", "1")
    conductor = service("conductor", "--lost-after", "3")
    others = [t for t in range(0, 900, 10) if t // 100 != 4]
    try:
        with hearing(redis.url) as news:
            wait(([True] * 4 + [False] + [True] * 4, others))
            assert news.wait(30)  # workers alone could announce something
        failed = server_engine.fetch(
            "SELECT error FROM failures WHERE run_id = {run:UInt32}", {"run": run.run_id}
        ).to_pylist()
        assert "the task was lost 3 times" in failed[-1]["error"]
        until = time.monotonic() + 60  # the worker that hung is being replaced
        while not (backlog := told_of(redis))["workers"]:
            assert time.monotonic() < until, backlog
        assert len(backlog["conductors"]) == 1
        hold.unlink()
        assert conductor.end() == 0
        conductor = service("conductor", "--lost-after", "3")
        wait(([True] * 9, list(range(0, 900, 10))))
        assert (conductor.end(), worker.end()) == (0, 0)
    finally:
        conductor.kill()
        worker.kill()

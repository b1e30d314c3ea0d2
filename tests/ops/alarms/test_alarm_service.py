"""What the watch sees of a real store and a real Redis."""

import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import replace

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from ticks import Hit, toy_chunk, toy_run, write

from db.catalogue.alarms import acknowledge, list_alarms, save_alarm
from db.catalogue.heartbeat import alive, beat, beating
from db.catalogue.runs import amend_run, close_run
from db.errors import StoreError, UsageError
from ops.alarms import service
from ops.alarms.looks import Limits, look
from ops.alarms.service import KIND, Alarms, watch, who_watches
from ops.services.health import health
from ops.services.private_redis import private_redis

LIMITS = Limits()


@pytest.fixture(scope="module")
def url():
    with private_redis() as socket:
        yield f"unix://{socket}"


@pytest.fixture
def client(url):
    with redis.Redis.from_url(url) as at:
        yield at
        at.flushall()


@pytest.fixture
def run(engine):
    run = toy_run(engine)
    run = amend_run(engine, run, settings={"triggers": {"pairs": {}}})
    write(engine, run, [toy_chunk(run.run_id, link, 0, [Hit(5, link, 0)], 10) for link in (3, 4)])
    yield run
    close_run(engine, run)


@pytest.fixture(autouse=True)
def calm(engine):
    """No alarm stands from another test."""
    for alarm in list_alarms(engine):
        save_alarm(engine, replace(alarm, state="cleared"))


def test_who_watches_a_store_is_known_by_its_address(url):
    assert who_watches(url, "clickhouse://one/a") == []
    with beating(url, KIND, lambda: {"store": "clickhouse://one/a"}):
        until = time.monotonic() + 20
        while not who_watches(url, "clickhouse://one/a") and time.monotonic() < until:
            time.sleep(0.1)
        assert len(who_watches(url, "clickhouse://one/a")) == 1
        assert who_watches(url, "clickhouse://one/b") == []
    with pytest.raises(StoreError):
        who_watches("redis://127.0.0.1:1", "clickhouse://one/a")


def mine(changed, run):
    return {(a.name, a.subject): a.state for a in changed if f"run {run.run_id} " in a.subject}


def test_a_link_that_stops_is_raised_and_cleared_when_it_goes_on(engine, client, run):
    alarms = Alarms(engine)
    alarms.step(look(engine, client, LIMITS), 1000.0)
    write(engine, run, [toy_chunk(run.run_id, 3, 1, [Hit(20, 3, 0)], 30)])
    assert mine(alarms.step(look(engine, client, LIMITS), 1020.0), run) == {}
    changed = alarms.step(look(engine, client, LIMITS), 1040.0)
    stopped = ("watermark", f"run {run.run_id} link 4")
    assert mine(changed, run) == {stopped: "raised"}
    (stored,) = [a for a in list_alarms(engine) if a.key == stopped]
    assert stored.message == (
        f"link 4 of run {run.run_id} ({run.name}) has delivered nothing since 1970-01-01 00:16:40"
        " UTC: look at its front-end and its cable, then at everyhit readout and its spool"
    )
    (seen,) = acknowledge(engine, *stopped, note="Replacing the cable", by="night shift")
    assert seen in list_alarms(engine)
    assert (seen.state, seen.note) == ("acknowledged", "Replacing the cable")
    assert seen.acknowledged_by == "night shift"
    assert mine(Alarms(engine).step(look(engine, client, LIMITS), 1041.0), run) == {}
    write(engine, run, [toy_chunk(run.run_id, 4, 1, [Hit(20, 4, 0)], 30)])
    cleared = mine(alarms.step(look(engine, client, LIMITS), 1042.0), run)
    assert cleared[stopped] == "cleared"
    states = {a.key: a.state for a in list_alarms(engine, cleared=True)}
    assert states[stopped] == "cleared"
    assert stopped not in {a.key for a in list_alarms(engine)}
    with pytest.raises(UsageError, match="no alarm watermark nothing stands"):
        acknowledge(engine, "watermark", "nothing")


def test_nobody_alive_is_an_alarm_while_a_run_needs_somebody(engine, client, run):
    alarms = Alarms(engine)
    alarms.step(look(engine, client, LIMITS), 1000.0)
    changed = alarms.step(look(engine, client, LIMITS), 1016.0)
    assert {a.name for a in changed} >= {"conductor", "worker"}
    beat(client, "worker", task="", seconds=0)
    beat(client, "conductor", runs={}, trouble="")
    changed = alarms.step(look(engine, client, LIMITS), 1018.0)
    assert {(a.name, a.state) for a in changed} >= {("conductor", "cleared"), ("worker", "cleared")}


def conduct(client, run, done_to_s, windows=3, trouble=""):
    stage = {"windows": windows, "done_to_s": done_to_s, "inputs": [], "reads_hits": True}
    beat(client, "conductor", runs={str(run.run_id): {"pairs": stage}}, trouble=trouble)


def test_a_stage_that_stands_while_its_links_go_on_is_an_alarm(engine, client, run):
    alarms = Alarms(engine)
    stage = ("stage", f"run {run.run_id} pairs")
    for seq in range(1, 4):
        for link in (3, 4):
            at = 20 * seq
            write(engine, run, [toy_chunk(run.run_id, link, seq, [Hit(at, link, 0)], at)])
        conduct(client, run, 1.5)
        changed = mine(alarms.step(look(engine, client, LIMITS), 1000.0 + 50 * (seq - 1)), run)
        assert changed.get(stage) == (None if seq < 3 else "raised")
    conduct(client, run, 1.6)
    changed = mine(alarms.step(look(engine, client, LIMITS), 1102.0), run)
    assert changed[stage] == "cleared"


def test_a_backlog_a_conductor_in_trouble_and_an_old_spool_are_alarms(engine, client, run):
    told = {"run": run.run_id, "spool_bytes": 10**6, "most_bytes": 10**9, "trouble": ""}
    alarms = Alarms(engine)
    for now in (1000.0, 1061.0):
        conduct(client, run, 1.5, windows=1001, trouble="run 7: no space")
        beat(client, "readout", oldest_s=61.0, **told)
        changed = alarms.step(look(engine, client, LIMITS), now)
    messages = {a.name: a.message for a in changed if a.subject != "alive"}
    assert messages["backlog"].startswith("triggers have not kept up (1001 windows")
    assert "(run 7: no space)" in messages["conductor"]
    assert "1 MB of 1000 MB, the oldest 61 s old" in messages["spool"]
    conduct(client, run, 1.5, windows=1000)
    beat(client, "readout", oldest_s=1.0, **told)
    changed = alarms.step(look(engine, client, LIMITS), 1062.0)
    assert {a.name for a in changed if a.state == "cleared"} >= {"backlog", "conductor", "spool"}


def test_a_redis_that_is_away_is_an_alarm_of_its_own_and_clears_no_other(engine, client, run):
    away = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    alarms = Alarms(engine)
    alarms.step(look(engine, client, LIMITS), 1000.0)
    before = {a.key for a in alarms.standing} | {
        a.key for a in alarms.step(look(engine, client, LIMITS), 1016.0)
    }
    alarms.step(look(engine, away, LIMITS), 1018.0)
    changed = alarms.step(look(engine, away, LIMITS), 1037.0)
    assert "redis" in {a.name for a in changed}
    assert before <= {a.key for a in alarms.standing}
    assert "cleared" in {a.state for a in alarms.step(look(engine, client, LIMITS), 1038.0)}


class Away:
    """A store of which one shard does not answer."""

    host = "elsewhere:9000"

    def __init__(self, engine):
        self.here, self.shards = self, [self]
        self.engine = engine

    def fetch(self, *_):
        raise StoreError("connection refused")


def test_a_shard_that_is_away_is_an_alarm_and_is_entered_when_the_store_is_back(
    engine, client, monkeypatch
):
    alarms, away = Alarms(engine), Away(engine)

    def refused(*_):
        raise StoreError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(service, "save_alarm", refused)
        alarms.step(look(away, client, LIMITS), 1000.0)
        changed = alarms.step(look(away, client, LIMITS), 1020.0)
        assert [(a.name, a.subject) for a in changed] == [("shard", "0 elsewhere:9000")]
        assert "shard" not in {a.name for a in list_alarms(engine)}
    alarms.step({}, 1021.0)
    assert "shard" in {a.name for a in list_alarms(engine)}
    save_alarm(engine, alarms.step({"shard": []}, 1022.0)[0])


@contextmanager
def served(alarms):
    with health(0, list, alarms.trouble, "alarms", alarms) as port:
        yield f"http://127.0.0.1:{port}"


def test_metrics_and_health_tell_of_what_stands(engine, client, run):
    alarms = Alarms(engine)
    for key in [a.key for a in alarms.standing]:
        alarms.step({key[0]: []}, 999.0)
    rounds = iter([False, True])
    watch(alarms, lambda: look(engine, client, LIMITS), lambda _: next(rounds), 0.0)
    with served(alarms) as url:
        assert urllib.request.urlopen(url + "/healthz").read() == b"ok"
        alarms.step(look(engine, client, LIMITS), 4e9)
        metrics = urllib.request.urlopen(url + "/metrics").read().decode()
        line = f'everyhit_alarm{{name="watermark",subject="run {run.run_id} link 3"}} 1.0'
        assert line in metrics
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.urlopen(url + "/healthz")
        assert told.value.code == 503
        assert b"has delivered nothing since" in told.value.read()


def test_a_service_beats_until_it_ends(client, url):
    told = threading.Event()

    def tell():
        told.set()
        return {"run": 12345}

    with beating(url, "readout", tell):
        assert told.wait(5)
    assert [each["run"] for each in alive(client, "readout")] == [12345]

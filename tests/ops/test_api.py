"""`everyhit api` in a process of its own: other commands ask it, words survive its death."""

import json
import os
import signal
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from command import EVERYHIT, everyhit

from everyhit import ApiError, Client
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate


@contextmanager
def api(store, *more):
    """A running server: its process, its address, and the token of its page."""
    server = subprocess.Popen(
        [*EVERYHIT, "api", "--store", str(store), "--port", "0", *more],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in server.stderr:
            if "the API is at" in line:
                url, _, token = line.split()[-1].partition("/#token=")
                break
        else:
            raise AssertionError("it did not start")
        yield server, url, token
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
            assert server.wait(30) == 0
        server.stderr.close()


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture(scope="module")
def words():
    from db.detector import load

    made = simulate(load("drift_tubes_v2"), Conditions(muon_rate_hz=200), 3, 0, 200_000_000)
    stream = made.stream.words.reshape(-1)
    return stream[(stream >> np.uint64(58)) & np.uint64(7) == 0]


def opened_run(url, token):
    with Client(url, token) as client:
        made = client.graphql('mutation { openRun(detector: "drift_tubes_v2") { number } }')
    return made["openRun"]["number"]


def test_commands_work_beside_a_running_server(store, words, tmp_path):
    with api(store) as (_, url, token):
        door = store / "door.json"
        assert stat.S_IMODE(door.stat().st_mode) == 0o600
        run = opened_run(url, token)
        with Client(url, token) as client:
            client.post(run, 0, "1", words)
        (listed,) = json.loads(everyhit("run", "list", "--json", "--store", store))
        assert listed["words"] == len(words)
        assert listed["state"] == "open"  # and it stays so: its owner lives
        counted = everyhit("query", "SELECT count() AS n FROM words", "--json", "--store", store)
        with Client(url, token) as client:
            there = client.query("SELECT count() AS n FROM words")["n"][0]
        assert int(json.loads(counted)["n"]) == there
        busy = tmp_path / "busy.sql"
        busy.write_text(
            "-- trigger: busy\n-- reach: 0 ns\nSELECT t, chamber FROM hits WHERE chamber = 1"
        )
        everyhit("trigger", "run", busy, "--store", store, "--from", "0", "--to", "1 s")
        with Client(url, token) as client:
            assert client.query("SELECT count() AS n FROM busy")["n"][0] > 0
        # The owner does what is asked for.
        (result,) = json.loads(
            everyhit("reprocess", "--trigger", "coincidence", "--json", "--store", store)
        )
        assert result["cells"] > 0
        with Client(url, token) as client:
            (one,) = client.graphql("{ reprocesses { state done total } }")["reprocesses"]
        assert one["state"] == "DONE"
        assert one["done"] == one["total"] > 0
        told = everyhit("query", "SELECT nonsense FROM hits", "--store", store, code=1)
        assert "nonsense" in told
        assert told.startswith("everyhit: ")
        alone = everyhit("demo", "--duration", "1", "--store", store, code=1)
        assert "is in use by process" in alone
    assert not door.exists()


HUGE = [
    "SELECT 1 FROM " + ", ".join(f"a{n}" for n in range(3000)),
    "WITH " + ", ".join(f"a{n} AS (SELECT 1)" for n in range(3000)) + " SELECT 1",
    "WITH a0 AS (SELECT 1 AS x), "
    + ", ".join(f"a{n + 1} AS (SELECT a.x FROM a{n} AS a, a{n} AS b)" for n in range(30))
    + " SELECT count() FROM a30",
    "SELECT " + "(" * 20_000,
    "SELECT " + " + ".join(["t"] * 4000) + " FROM hits",
]


def test_texts_that_take_long_to_check_are_refused_soon_and_hold_up_nobody(store):
    with api(store) as (server, url, token):
        opened_run(url, token)
        head = {"Authorization": f"Bearer {token}"}

        def ask(sql):
            return httpx.post(f"{url}/query", json={"sql": sql}, headers=head, timeout=60)

        with ThreadPoolExecutor(20) as pool:
            began = time.monotonic()
            asked = [pool.submit(ask, sql) for sql in HUGE * 4]
            assert httpx.get(f"{url}/healthz", timeout=10).status_code == 200
            answers = [each.result() for each in asked]
        assert {answer.status_code for answer in answers} == {400}
        assert {answer.json()["code"] for answer in answers} == {"sql"}
        assert time.monotonic() - began < 30
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0


def test_a_query_from_the_command_line_has_bounds(store):
    greedy = "SELECT groupArray(number) AS x FROM numbers(1000000000)"
    with api(store) as (_, url, token):
        opened_run(url, token)
        assert "MEMORY_LIMIT" in everyhit("query", greedy, "--store", store, code=1)
    assert "MEMORY_LIMIT" in everyhit("query", greedy, "--store", store, code=1)
    many = "SELECT number FROM numbers(30000000)"
    assert "TOO_MANY_ROWS" in everyhit("query", many, "--store", store, code=1)


def test_tokens_from_the_command_line_open_a_running_server(store):
    with api(store) as (_, url, _):
        made = everyhit(
            "token", "create", "me", "--role", "shifter", "--for", "1d", "--json", "--store", store
        )
        made = json.loads(made)
        with Client(url, made["text"]) as client:
            assert client.graphql("{ me { name role } }")["me"] == {"name": "me", "role": "SHIFTER"}
        everyhit("token", "revoke", made["token"], "--store", store)
        time.sleep(5.2)  # what was valid is believed for five seconds
        with Client(url, made["text"]) as client, pytest.raises(ApiError, match="revoked"):
            client.latest()


def test_a_post_counts_once_although_the_server_was_killed(store, words):
    parts = np.array_split(words, 4)
    with api(store) as (server, url, token):
        run = opened_run(url, token)
        with Client(url, token) as client:
            for n in (0, 1):
                assert client.post(run, 0, str(n), parts[n])["repeated"] is False
        server.kill()
        server.wait(30)
    with api(store) as (_, url, token), Client(url, token) as client:
        for n in (1, 2, 3, 2):  # the run is still open: its front-ends go on
            client.post(run, 0, str(n), parts[n])
        got = client.query("SELECT count() AS n FROM words", run)["n"][0]
        state = client.latest().state
    assert state == "OPEN"
    assert got == len(words)


def test_everybody_gets_in_only_where_that_was_asked_for(store):
    assert "make tokens instead" in everyhit(
        "api", "--open", "--host", "0.0.0.0", "--store", store, code=1
    )
    with api(store, "--open") as (_, url, _):
        me = httpx.post(f"{url}/graphql", json={"query": "{ me { name role } }"}).json()
        assert me["data"]["me"] == {"name": "anybody", "role": "ADMIN"}
    with api(store) as (_, url, _):
        assert httpx.post(f"{url}/graphql", json={"query": "{ me { name } }"}).status_code == 401
        page = httpx.get(f"{url}/graphiql")
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "http:" not in page.text
        assert "https:" not in page.text
        port = url.rsplit(":", 1)[1]
        other = store.parent / "other"
        taken = everyhit("api", "--port", port, "--store", other, code=1)
        assert f"can't listen on 127.0.0.1 port {port}" in taken


def test_a_door_that_was_left_behind_leads_nowhere_quietly(store):
    with api(store) as (server, _, _):
        os.kill(server.pid, signal.SIGKILL)
        server.wait(30)
    assert (store / "door.json").exists()
    assert json.loads(everyhit("run", "list", "--json", "--store", store)) == []

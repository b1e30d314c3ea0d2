"""Subscriptions: one poller for all, slow listeners skipped, only those with a token."""

import asyncio
import json
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import websockets
from subscriptions import PROTOCOL, ask, opened
from websockets.sync.client import connect

from api.graphql.topics import Topic, Topics
from db.catalogue.orders import OrderEntry, save_order
from db.catalogue.runs import amend_run, find_run
from everyhit import ApiError, AsyncClient, Client
from readout.control.messages import Answer
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate
from readout.source.block import by_link


def test_all_who_listen_share_one_poller_and_the_newest_wins():
    async def scenario():
        told, go = 0, asyncio.Event()

        async def read():
            nonlocal told
            await go.wait()
            told += 1
            return told

        topics = Topics()
        topic = topics.topic("x", lambda: Topic(read, 0.001))
        assert topics.topic("x", lambda: Topic(read, 0.001)) is topic
        fast, slow = topic.listen(), topic.listen()
        first = asyncio.create_task(anext(fast)), asyncio.create_task(anext(slow))
        await asyncio.sleep(0.01)
        assert topic.listeners == 2
        go.set()
        assert [(await each)[0] for each in first] == [1, 1]
        seen = [(await anext(fast))[0] for _ in range(50)]
        assert seen == sorted(set(seen))
        assert topic.reads == pytest.approx(told, abs=1)  # not twice that, for two
        late, _ = await anext(slow)  # it slept through all of them
        assert late >= seen[-1] - 1
        await fast.aclose()
        await slow.aclose()
        assert topics.listeners == 0
        stopped = told
        await asyncio.sleep(0.02)
        assert told - stopped <= 1
        topics.topic("y", lambda: Topic(read, 1))
        assert topics.topic("x", lambda: Topic(read, 1)) is not topic  # an idle one was let go

    asyncio.run(scenario())


def test_equal_states_are_told_once_and_a_failing_store_is_asked_again():
    from db.errors import StoreError

    async def scenario():
        answers = iter([1, 1, StoreError("no"), None, 1, 2])

        async def read():
            answer = next(answers, 2)
            if isinstance(answer, Exception):
                raise answer
            return answer

        listening = Topic(read, 0.001, kept=10).listen()
        got = [(await asyncio.wait_for(anext(listening), 5))[0] for _ in range(2)]
        await listening.aclose()
        assert got == [1, 2]

    asyncio.run(scenario())


def test_nobody_listens_without_a_token(url, app_state):
    for token in (None, "everyhit_00000000_" + "x" * 43):
        with opened(url, token) as socket, pytest.raises(websockets.ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd.code == 4403


def test_orders_to_readouts_are_told_as_they_change(url, tokens, engine):
    told = {"readouts": ["crate"], "within_s": 1}
    at = datetime.now(UTC) + timedelta(days=1)  # the newest, whatever other tests give
    given = save_order(engine, OrderEntry("told", "stop", 4_000_000, "ada", at, "given", told))
    with opened(url, tokens["viewer"]) as socket:
        ask(socket, "subscription { orders { id state silent } }")

        def first():
            while True:
                message = json.loads(socket.recv(timeout=30))
                if message["type"] == "next":
                    return message["payload"]["data"]["orders"][0]

        assert first() == {"id": "told", "state": "given", "silent": ["crate"]}
        answer = asdict(Answer("told", "crate", True, "", 5, at.isoformat()))
        answered = replace(given, state="acknowledged", answers={"crate": answer})
        save_order(engine, answered)
        assert first() == {"id": "told", "state": "acknowledged", "silent": []}


def test_pages_of_other_sites_may_not_listen(url):
    with pytest.raises(websockets.InvalidStatus):
        connect(
            url.replace("http", "ws") + "/graphql",
            subprotocols=PROTOCOL,
            origin="https://evil.example",
        )


def test_states_are_told_at_once_and_when_they_change(url, tokens, engine, run, app_state):
    with opened(url, tokens["viewer"]) as socket:
        assert json.loads(socket.recv())["type"] == "connection_ack"
        ask(socket, f'subscription {{ watermarks(run: "{run.run_id}") {{ link watermark }} }}', "w")
        ask(socket, f'subscription {{ results(run: "{run.run_id}") {{ trigger rows }} }}', "r")
        ask(socket, "subscription { runState { number note } }", "s")
        ask(
            socket,
            f'subscription {{ rates(run: "{run.run_id}") {{ series {{ link hits }} }} }}',
            "h",
        )
        got = {}
        while len(got) < 4:
            message = json.loads(socket.recv(timeout=10))
            got[message["id"]] = message["payload"]["data"]
        assert [row["link"] for row in got["w"]["watermarks"]] == [0, 1]
        assert {row["trigger"] for row in got["r"]["results"]} >= {"events", "segments"}
        assert sum(line["hits"][0] for line in got["h"]["rates"]["series"]) > 100
        newest = find_run(engine, got["s"]["runState"]["number"])
        amend_run(engine, newest, note="changed")
        while True:
            message = json.loads(socket.recv(timeout=10))
            if message["id"] == "s":
                break
        assert message["payload"]["data"]["runState"] == {
            "number": newest.run_id,
            "note": "changed",
        }
    for _ in range(100):
        if not app_state.topics.listeners:
            break
        threading.Event().wait(0.05)
    assert app_state.topics.listeners == 0


@pytest.fixture
def growing(client):
    """A run with a first second of posted words, and what posts the next piece and triggers it."""
    number = client.graphql(
        'mutation { openRun(detector: "drift_tubes_v2", events: ["coincidence"]) { number } }'
    )["openRun"]["number"]
    from db.detector import load

    telescope = load("drift_tubes_v2")
    made = simulate(telescope, Conditions(muon_rate_hz=200), 9, 0, 480_000_000)
    links = {
        b.link: np.array_split(b.words, 2)
        for b in by_link(telescope, made.stream.words.reshape(-1), 0)
    }

    def go_on(k):
        for link, parts in links.items():
            client.post(number, link, str(k), parts[k])
        client.trigger("events", number, 0, f"{200 * (k + 1)} ms")

    return number, go_on


def test_new_events_are_followed_sync_and_async(url, tokens, client, growing):
    number, go_on = growing
    go_on(0)
    with Client(url, tokens["viewer"]) as viewer:
        following = viewer.follow(number)
        got: list[dict] = []
        thread = threading.Thread(target=lambda: got.extend(next(following) for _ in range(5)))
        thread.start()

        async def one():
            async with AsyncClient(url, tokens["viewer"]) as theirs:
                return await anext(theirs.follow(number, where="n_words > 0"))

        async def both():
            task = asyncio.create_task(one())
            await asyncio.sleep(1.0)
            await asyncio.get_running_loop().run_in_executor(None, go_on, 1)
            return await asyncio.wait_for(task, 20)

        event = asyncio.run(both())
        thread.join(20)
    stored = set(client.events(number)["t"].to_list())
    assert len(got) == 5
    assert {e["t"] for e in got} | {event["t"]} <= stored
    assert all(e["t"] < e["tEnd"] for e in got)


def test_following_what_is_not_there_is_an_error(client, run):
    with pytest.raises(ApiError, match="no results|builds no events"):
        next(client.follow(run.run_id, trigger="nothing"))

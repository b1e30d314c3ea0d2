"""What is committed is announced: against a list of what was committed."""

import asyncio
import itertools
import json
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from subscriptions import ask, opened
from ticks import TOY

from api.graphql.fresh_events import FreshEvents
from api.graphql.topics import Topic
from db.catalogue.runs import open_run
from db.errors import StoreError, UsageError
from db.results.fresh_cells import LATE_S
from db.results.ledger import ROW, current
from db.results.rows import Lineage, create_results, insert_rows, read_committed

CELL = 100
FAR = 2**40
COLUMNS = {
    "t": "Int64",
    "t_end": "Int64",
    "continued": "Bool",
    "triggers": "Array(String)",
    "n_words": "UInt32",
}
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
attempts = itertools.count(1)


class Bench:
    """A run with an event builder's rows, committed by hand."""

    def __init__(self, engine):
        self.engine = engine
        self.run = open_run(engine, TOY, cell=CELL)
        self.lineage = self.builder()

    def builder(self):
        made = Lineage(
            secrets.token_hex(8), self.run.run_id, "events", "1", "python", {}, {}, 0, "", "", COLUMNS
        )  # fmt: skip
        create_results(self.engine, made)
        return made

    def commit(self, cell, n_rows, revision, stamp=None, mark=0):
        """Commit a window anew, with so many events, as if at a moment."""
        attempt = next(attempts)
        times = [cell * CELL + k % CELL for k in range(n_rows)]
        rows = pl.DataFrame(
            {
                "t": times,
                "t_end": [t + 1 for t in times],
                "continued": [False] * n_rows,
                "triggers": [["crowds"]] * n_rows,
                "n_words": [mark + k // CELL for k in range(n_rows)],
            },
            schema_overrides={"n_words": pl.UInt32, "triggers": pl.List(pl.String)},
        )
        insert_rows(self.engine, self.lineage, CELL, attempt, rows)
        row = {
            "run_id": [self.run.run_id], "lineage": [self.lineage.lineage], "cell": [cell],
            "revision": [revision], "attempt": [attempt], "n_rows": [n_rows],
            "inputs": [0], "n_inputs": [0], "complete": [True], "worker": [""], "seconds": [0.0],
            "committed_at": [stamp or datetime.now(UTC)],
        }  # fmt: skip
        kinds = ROW | {"run_id": pl.UInt32, "seconds": pl.Float32}
        frame = pl.DataFrame(row, schema_overrides=kinds)
        self.engine.insert("ledger", frame.to_arrow())

    def stands(self):
        rows = read_committed(self.engine, self.lineage, CELL, -FAR, FAR)
        return set(rows.select("t", "n_words").iter_rows())


@pytest.fixture
def bench(engine):
    return Bench(engine)


def told(fresh):
    """All that is new now."""
    found = []
    while not (rows := fresh.read()[1]).is_empty():
        found += rows.select("t", "n_words").iter_rows()
    return found


step = st.tuples(
    st.integers(-3, 6),  # the window: any order, so late ones, too
    st.integers(0, 9),  # events in it
    st.integers(-LATE_S // 2 + 1, LATE_S // 2 - 1),  # by how much its stamp is wrong
    st.booleans(),  # whether somebody looks now
)


@given(steps=st.lists(step, max_size=12), before=st.lists(step, max_size=3), most=st.integers(1, 8))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_that_stands_was_announced_whatever_the_order_of_time_and_stamps(
    engine, steps, before, most
):
    bench, revisions = Bench(engine), itertools.count()
    clock, marks = NOW, itertools.count()

    def commit(cell, n, wrong):
        nonlocal clock
        clock += timedelta(seconds=7)
        stamp = clock + timedelta(seconds=wrong)
        bench.commit(cell, n, next(revisions), stamp, next(marks))

    for cell, n, wrong, _ in before:
        commit(cell, n, wrong)
    fresh = FreshEvents(engine, bench.run.run_id, "events", "", most)
    fresh.begin()
    there, heard = bench.stands(), set()
    for cell, n, wrong, look in steps:
        commit(cell, n, wrong)
        if look:
            heard |= set(told(fresh))
            assert bench.stands() - there <= heard
    heard |= set(told(fresh))
    assert bench.stands() - there <= heard
    assert told(fresh) == []  # and once is enough


def test_what_is_done_anew_comes_again_and_what_was_there_does_not(bench, engine):
    bench.commit(1, 3, 0)
    fresh = FreshEvents(engine, bench.run.run_id, "events", "", 10)
    fresh.begin()
    assert told(fresh) == []
    bench.commit(1, 2, 1, mark=7)
    bench.commit(900, 1, 0)
    assert told(fresh) == [(100, 7), (101, 7), (90_000, 0)]
    bench.commit(-40, 1, 0)  # late by hours, in the time of the data
    assert told(fresh) == [(-4000, 0)]


def test_another_lineage_is_followed_from_its_first_event(bench, engine):
    fresh = FreshEvents(engine, bench.run.run_id, "events", "", 10)
    fresh.begin()
    time.sleep(0.002)  # lineages are ordered by when they were first used
    bench.lineage = bench.builder()
    bench.commit(1, 2, 0, NOW - timedelta(days=9))
    assert told(fresh) == [(100, 0), (101, 0)]


def test_a_selection_is_kept_to_and_pages_cut_nothing(bench, engine):
    fresh = FreshEvents(engine, bench.run.run_id, "events", "n_words > 4", 7)
    fresh.begin()
    bench.commit(2, 1000, 0)  # ten at each tick
    bench.commit(3, 30, 0, mark=5)
    assert len(told(fresh)) == 530


def test_a_store_that_was_away_for_long_costs_nothing(bench, engine, monkeypatch):
    fresh = FreshEvents(engine, bench.run.run_id, "events", "", 10)
    fresh.begin()
    bench.commit(1, 5, 0, NOW)

    def away(*_):
        raise StoreError("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr("api.graphql.fresh_events.page_of_rows", away)
        with pytest.raises(StoreError):
            fresh.read()
    for k in range(2, 6):
        bench.commit(k, 1, 0, NOW + timedelta(hours=k))
    assert [t for t, _ in told(fresh)] == [100, 101, 102, 103, 104, 200, 300, 400, 500]


def test_nothing_of_this_kind_is_a_mistake_that_is_told(bench, engine):
    with pytest.raises(UsageError, match="no results in run"):
        FreshEvents(engine, bench.run.run_id, "nothing", "", 10).begin()


def test_a_burst_reaches_who_listens_and_who_does_not_take_it_is_told_what_it_missed(
    url, tokens, bench, monkeypatch
):
    """More messages at once than are kept for anybody."""
    monkeypatch.setattr("api.graphql.live.MOST_EVENTS", 10)
    monkeypatch.setattr("api.graphql.live.BATCHES_KEPT", 4)
    monkeypatch.setattr("api.graphql.topics.PATIENCE_S", 30.0)
    asked = f'newEvents(run: "{bench.run.run_id}") {{ number missed events {{ t }} }}'
    with opened(url, tokens["viewer"]) as socket:
        ask(socket, f"subscription {{ {asked} }}")
        assert json.loads(socket.recv())["type"] == "connection_ack"
        first = json.loads(socket.recv(timeout=20))["payload"]["data"]["newEvents"]
        assert first == {"number": 0, "missed": 0, "events": []}
        writer = threading.Thread(target=lambda: [bench.commit(cell, 100, 0) for cell in range(8)])
        writer.start()
        seen, numbers = set(), []
        while len(seen) < 800:
            message = json.loads(socket.recv(timeout=20))["payload"]["data"]["newEvents"]
            assert message["missed"] == 0
            numbers.append(message["number"])
            seen |= {int(event["t"]) for event in message["events"]}
        writer.join()
    assert seen == set(range(800))
    assert numbers == list(range(1, len(numbers) + 1))


@given(
    takes=st.lists(st.sampled_from(["one", "sleep"]), min_size=5, max_size=30),
    kept=st.integers(2, 5),
)
@settings(max_examples=15)
def test_whoever_is_slow_knows_how_much_it_missed_and_holds_up_nobody(takes, kept):
    async def scenario():
        n, last = itertools.count(1), 60

        async def read():
            k = next(n)
            return k if k <= last else None

        topic = Topic(read, 0.001, kept)
        fast, slow = topic.listen(), topic.listen()
        got, got_slowly = [], []

        async def take_fast():
            while not got or got[-1] != last:
                got.append((await anext(fast))[0])

        async def take_slowly():
            for each in takes:
                if each == "sleep":
                    await asyncio.sleep(0.005)
                    continue
                got_slowly.append(await anext(slow))
                if got_slowly[-1][0] == last:
                    return
            while got_slowly == [] or got_slowly[-1][0] != last:
                got_slowly.append(await anext(slow))

        await asyncio.wait_for(asyncio.gather(take_fast(), take_slowly()), 30)
        await fast.aclose()
        await slow.aclose()
        assert got == list(range(1, last + 1))
        numbers, missed = zip(*got_slowly, strict=True)
        assert list(numbers) == sorted(set(numbers))
        assert list(missed) == sorted(missed)
        assert len(numbers) + missed[-1] == last - numbers[0] + 1  # each is had, or counted

    from api.graphql import topics

    before, topics.PATIENCE_S = topics.PATIENCE_S, 0.02
    try:
        asyncio.run(scenario())
    finally:
        topics.PATIENCE_S = before


def test_a_stream_waits_for_whoever_takes_its_time_but_takes(monkeypatch):
    monkeypatch.setattr("api.graphql.topics.PATIENCE_S", 30.0)

    async def scenario():
        n = itertools.count(1)

        async def read():
            return k if (k := next(n)) <= 40 else None

        listening = Topic(read, 0.001, 2).listen()
        got = []
        while len(got) < 40:
            got.append(await asyncio.wait_for(anext(listening), 20))
            await asyncio.sleep(0.003)
        await listening.aclose()
        assert got == [(k, 0) for k in range(1, 41)]

    asyncio.run(scenario())


def test_who_comes_later_hears_where_the_numbers_stand(url, tokens, bench):
    asked = f'subscription {{ newEvents(run: "{bench.run.run_id}") {{ number events {{ t }} }} }}'
    with opened(url, tokens["viewer"]) as first, opened(url, tokens["viewer"]) as second:
        for socket in (first, second):
            assert json.loads(socket.recv())["type"] == "connection_ack"

        def told(socket):
            return json.loads(socket.recv(timeout=20))["payload"]["data"]["newEvents"]

        ask(first, asked)
        assert told(first) == {"number": 0, "events": []}
        bench.commit(0, 1, 0)
        assert told(first) == {"number": 1, "events": [{"t": "0"}]}
        ask(second, asked)
        assert told(second) == {"number": 1, "events": []}
        bench.commit(1, 1, 0)
        assert told(first) == told(second) == {"number": 2, "events": [{"t": "100"}]}
    assert len(current(bench.engine, bench.run.run_id, bench.lineage.lineage, 0, 9)) == 2

"""Readouts that take orders, in threads, over a real Redis."""

import json
import threading
from contextlib import contextmanager
from itertools import count

import pytest
import redis as client
import structlog
from crate import Crate, forget, names, wait_until
from toy import TOY

from db.catalogue.configurations import list_configured
from db.catalogue.orders import find_order, known_order
from db.catalogue.runs import find_run, list_runs
from db.errors import SelectionError, StoreError, UsageError
from db.words.gaps import read_gaps
from ops.servers.redis import Redis
from readout.control.commander import Commander, OrderError
from readout.control.configuration import Configuration, Prescale
from readout.control.messages import STREAM, Order, answers, give
from readout.control.outcome import living_readouts, refreshed

_names = count(1)


@pytest.fixture(autouse=True)
def quiet():
    with structlog.testing.capture_logs():
        yield


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def crate(engine, redis, tmp_path):
    with Crate(engine, redis, tmp_path, f"crate {next(_names)}").on() as crate:
        yield crate
    forget(redis)


@pytest.fixture
def give_orders(engine, redis):
    def commander(**kwargs):
        return Commander(engine, redis.url, "ada", **({"within_s": 20} | kwargs))

    return commander


def start(commander, name=None, configuration=None):
    name = name or f"ordered {next(_names)}"
    return commander.start(TOY, name=name, cell=10_000, settings={}, configuration=configuration)


def hits(engine, run_id):
    rows = engine.fetch(
        "SELECT sum(n_hits) AS n FROM chunks WHERE run_id = {run:UInt32}", {"run": run_id}
    )
    return rows["n"][0].as_py()


def test_each_word_is_in_a_run_or_counted(engine, crate, give_orders):
    crate.send(100)
    run_id = start(give_orders()).run_id
    crate.send(50)
    assert give_orders().stop(str(run_id)).state == "acknowledged"
    crate.send(7)
    wait_until(lambda: crate.attending.dropped == {0: 107})
    assert hits(engine, run_id) == 50
    assert find_run(engine, run_id).state == "closed"


def test_a_configuration_holds_from_the_tick_that_is_told(engine, crate, give_orders):
    run_id = start(give_orders(), configuration=Configuration(masks=("number < 10",))).run_id
    crate.send(100)
    wait_until(lambda: crate.attending.taking.next_tick() > 7 * 99)
    clock = crate.attending.taking.next_tick()
    with pytest.raises(OrderError, match="the run's clock has passed"):
        give_orders().configure(None, Configuration(), from_t=5)
    later = clock + 7 * 20
    give_orders().configure(str(run_id), Configuration(), from_t=later)
    crate.send(100)
    give_orders().stop(str(run_id))
    gaps = read_gaps(engine, run_id)
    masked = gaps.filter(gaps["cause"] == "mask")
    # Words are numbered anew in each block: 0 to 9 go from the first, and from the second, whose
    # first ten come before the later tick.
    assert masked["n_lost"].sum() == 20
    assert hits(engine, run_id) == 180
    assert [each.from_t for each in list_configured(engine, run_id)] == [0, later]


def test_an_order_with_the_same_id_is_done_once(engine, crate, give_orders):
    again = give_orders(order_id=f"o{next(_names)}")
    first = start(again, "twice")
    n_runs = len(list_runs(engine))
    assert start(again, "twice").run_id == first.run_id
    assert len(list_runs(engine)) == n_runs
    with pytest.raises(UsageError, match="was to start a run"):
        again.stop("twice")
    stopping = give_orders(order_id=f"o{next(_names)}")
    assert stopping.stop("twice").state == "acknowledged"
    assert stopping.stop("twice").state == "acknowledged"


def test_what_no_readout_does_is_an_error_that_says_who_and_why(engine, redis, crate, give_orders):
    run_id = start(give_orders()).run_id
    with pytest.raises(OrderError, match=f"refused: run {run_id} is on here: stop it first"):
        start(give_orders(), "second")
    second = find_run(engine, "second")
    assert (second.state, second.note) == ("closed", "no readout took it")
    with pytest.raises(OrderError, match="there is no readout nobody; there are: crate"):
        give_orders(names=("nobody",)).configure(str(run_id), Configuration())
    with pytest.raises(SelectionError):
        give_orders().configure(str(run_id), Configuration(masks=("numbr > 1",)))
    give_orders().stop(str(run_id))
    with pytest.raises(UsageError, match="is closed"):
        give_orders().configure(str(run_id), Configuration())


def test_without_readouts_or_redis_nothing_is_begun(engine, redis, give_orders):
    n_runs = len(list_runs(engine))
    with pytest.raises(OrderError, match="there are: none; start one with 'everyhit up'"):
        start(give_orders())
    away = Commander(engine, "redis://:secret@127.0.0.1:1/0", "ada")
    with pytest.raises(
        StoreError, match="Redis can't be reached at redis://…@127.0.0.1:1/0"
    ) as told:
        start(away)
    assert "secret" not in str(told.value)
    assert len(list_runs(engine)) == n_runs


def test_who_is_silent_is_named_and_its_late_answer_is_found(engine, redis, crate, give_orders):
    silent = {"readout": "silent", "run": None}
    with beating_as(redis, silent):
        entry = start(give_orders(within_s=2))
        assert (entry.state, entry.silent) == ("partly", ["silent"])
        silent["run"] = entry.run_id
        wait_until(lambda: [e for e in living_readouts(redis.url) if e["run"] == entry.run_id][1:])
        stopping = give_orders(within_s=2)
        stopped = stopping.stop(str(entry.run_id))
        assert stopped.state == "partly"
        assert find_run(engine, entry.run_id).state == "open"
        assert known_order(engine, stopping.order_id).silent == ["silent"]

        from readout.control.messages import Answer, answer

        answer(client.Redis.from_url(redis.url), Answer(stopping.order_id, "silent", True))
        assert refreshed(engine, redis.url, find_order(engine, stopping.order_id)).silent == []
        give_orders(within_s=0.5).stop(str(entry.run_id), anyway=True)
        assert find_run(engine, entry.run_id).state == "closed"
    wait_until(lambda: "silent" not in names(redis))


@contextmanager
def beating_as(redis, told):
    """Somebody who beats but does nothing: under another process' name."""
    over = threading.Event()
    connection = client.Redis.from_url(redis.url)

    def beats():
        while not over.wait(0.2):
            connection.set("everyhit-readout-elsewhere-1", json.dumps(told), ex=2)

    thread = threading.Thread(target=beats)
    thread.start()
    wait_until(lambda: told["readout"] in names(redis))
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_two_readouts_share_a_run_and_it_is_closed_when_both_have_stopped(
    engine, redis, tmp_path, give_orders
):
    one, two = (Crate(engine, redis, tmp_path, f"pair {k}", link=k) for k in (1, 2))
    # Both are in this process, which beats for one.
    beats = {"readout": "pair 2", "run": None}
    with one.on(), two.on(beats=False), beating_as(redis, beats):
        entry = start(give_orders())
        assert sorted(entry.answers) == ["pair 1", "pair 2"]
        run_id = str(entry.run_id)
        one.send(50)
        two.send(60)
        for each in (one, two):
            wait_until(lambda each=each: each.attending.standing.origin is not None)
        assert one.attending.standing.origin == two.attending.standing.origin
        told = give_orders().configure(run_id, Configuration(masks=("kind == 0",)), from_t=100_000)
        assert {each["tick"] for each in told.answers.values()} == {100_000}
        first = give_orders(names=("pair 1",)).stop(run_id)
        assert first.state == "acknowledged"
        assert find_run(engine, entry.run_id).state == "open"
        two.send(40)
        assert give_orders().stop(run_id).silent == []
    assert find_run(engine, entry.run_id).state == "closed"
    assert hits(engine, entry.run_id) == 150
    wait_until(lambda: not names(redis))


def test_a_readout_that_starts_again_goes_on_under_its_last_configuration(
    engine, redis, tmp_path, give_orders
):
    crate = Crate(engine, redis, tmp_path, f"crate {next(_names)}")
    with crate.on():
        run_id = start(give_orders(), configuration=Configuration(masks=("number < 10",))).run_id
        crate.send(100)
        give_orders().configure(str(run_id), Configuration(prescales=(Prescale("True", 10**6),)))
        crate.send(100)
    with crate.on():
        assert crate.attending.taking.run.run_id == run_id
        crate.send(100)
        give_orders().stop(str(run_id))
    with crate.on():
        assert crate.attending.taking is None
    assert hits(engine, run_id) == 90
    steps = list_configured(engine, run_id)
    assert [each.configuration["masks"] for each in steps] == [["number < 10"], []]
    gaps = read_gaps(engine, run_id)
    counted = gaps.filter(gaps["cause"].is_in(["mask", "prescale"]))["n_lost"].sum()
    assert counted == 210


def test_an_order_that_was_read_too_late_is_not_done(engine, redis, tmp_path):
    name = f"crate {next(_names)}"
    with Crate(engine, redis, tmp_path, name).on() as crate:
        connection = client.Redis.from_url(redis.url)
        connection.xadd(STREAM, {"order": '{"from": "another version"}'})  # is passed over
        connection.xadd(STREAM, {"nothing": "at all"})
        order = Order("late", "start", 1, "ada", "2026-01-01", (name,), within_s=-1.0)
        give(connection, order)
        wait_until(lambda: answers(connection, "late"))
        said = answers(connection, "late")[name]
        assert (said.done, said.said) == (False, "it came too late: give it again")
        assert crate.attending.taking is None


def test_orders_come_again_from_a_redis_that_lost_its_data_and_whose_clock_was_set_back(
    engine, redis, tmp_path
):
    """Its stream numbers orders by its clock: those after the loss have smaller numbers."""
    with Crate(engine, redis, tmp_path, f"crate {next(_names)}").on() as crate:
        run_id = start(Commander(engine, redis.url, "ada", within_s=20)).run_id
        crate.send(100)
        connection = client.Redis.from_url(redis.url)
        connection.xadd(STREAM, {"nothing": "at all"}, id="99999999999999-0")
        wait_until(lambda: crate.attending.mailbox.place == b"99999999999999-0")
        connection.flushall()
        crate.send(100)
        wait_until(lambda: names(redis))
        again = Commander(engine, redis.url, "ada", within_s=20)
        assert again.stop(str(run_id)).state == "acknowledged"
    assert hits(engine, run_id) == 200


def test_data_taking_goes_on_while_redis_is_away(engine, tmp_path):
    server = Redis(tmp_path / "redis")
    server.start()
    with Crate(engine, server, tmp_path, f"crate {next(_names)}").on() as crate:
        run_id = start(Commander(engine, server.url, "ada", within_s=20)).run_id
        server.kill()
        crate.send(100)
        with pytest.raises(StoreError, match="data taking goes on"):
            Commander(engine, server.url, "ada").stop(str(run_id))
        server.start()
        wait_until(lambda: names(server))
        crate.send(100)
        again = Commander(engine, server.url, "ada", within_s=20)
        assert again.stop(str(run_id)).state == "acknowledged"
    server.kill()
    assert hits(engine, run_id) == 200

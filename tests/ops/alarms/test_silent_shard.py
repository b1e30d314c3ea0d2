"""A shard that hangs: it takes connections, or kept one, and says nothing."""

import socket
import time

import pytest
import redis

from ops.alarms.looks import ANSWER_S, Limits, look, looking_engine
from ops.alarms.watch import Watch
from ops.servers.clickhouse import url
from ops.services.private_redis import private_redis

LIMITS = Limits(shard_s=10.0)


@pytest.fixture(scope="module")
def client():
    with private_redis() as path, redis.Redis.from_url(f"unix://{path}") as client:
        yield client


def seen(engine, client):
    """What a look finds, which must not take much longer than shards are waited for."""
    began = time.monotonic()
    found = look(engine, client, LIMITS)
    assert time.monotonic() - began < 4 * ANSWER_S
    return found


def test_a_listener_that_never_answers_becomes_an_alarm(shards_engine, servers, client):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        host = f"127.0.0.1:{mute.getsockname()[1]}"
        address = url(servers).replace(servers[1].host, host)
        engine, watch = looking_engine(address + "?timeout=60"), Watch()
        try:
            found = [seen(engine, client) for _ in range(2)]
        finally:
            engine.close()
    assert [sign.wrong for sign in found[0]["shard"]] == [False, True]
    assert not [alarm for alarm in watch.look(found[0], 1000.0) if alarm.name == "shard"]
    (alarm,) = [alarm for alarm in watch.look(found[1], 1011.0) if alarm.name == "shard"]
    assert alarm.subject == f"1 {host}"
    assert "has not answered since" in alarm.message


def test_a_shard_that_hangs_in_its_connection_is_seen_and_so_is_its_return(
    shards_engine, servers, client
):
    engine = looking_engine(url(servers))
    try:
        assert "watermark" in seen(engine, client)
        servers[1].pause()
        try:
            found = seen(engine, client)
            assert [sign.wrong for sign in found["shard"]] == [False, True]
            assert "redis" in found
            assert "watermark" not in found  # can't be looked at: no alarm of it is cleared
        finally:
            servers[1].proceed()
        until = time.monotonic() + 60
        while "watermark" not in seen(engine, client):
            assert time.monotonic() < until
    finally:
        engine.close()

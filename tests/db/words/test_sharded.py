"""What goes out to a mongos, and to nobody else, so that a cluster spreads documents over its shards."""

import re
from contextlib import ExitStack
from datetime import timedelta

import numpy as np
import pytest
from mongos import SHARDS, mongos_before
from pymongo.monitoring import CommandListener
from ticks import NOW, TOY, Hit, toy_chunks, toy_run

from db.errors import StoreError
from db.publication.target import check, target_at
from db.words.chunks import read_words, write_chunks
from db.words.homes import mongodb_client
from db.words.homes.address import know_homes, redacted_home
from db.words.homes.home import Payload
from db.words.homes.mongodb import MongoHome
from db.words.homes.opening import store_name

pytestmark = pytest.mark.mongodb


class Sent(CommandListener):
    """The commands that shard, in order, of all clients."""

    def __init__(self):
        self.commands = []

    def started(self, event):
        if event.command_name in SHARDS:
            assert event.database_name == "admin"
            key = tuple(event.command.get("key", ()))
            self.commands.append((event.command_name, event.command[event.command_name], key))

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


@pytest.fixture
def sent(monkeypatch):
    listener = Sent()
    monkeypatch.setitem(mongodb_client.OPTIONS, "event_listeners", [listener])
    return listener.commands


@pytest.fixture
def through(mongodb):
    """The address of a database of its own behind a mongos that gives an answer."""
    with ExitStack() as stack:

        def at(database, **how):
            port = stack.enter_context(mongos_before(mongodb.port, **how))
            url = mongodb.url(database).replace(f":{mongodb.port}/", f":{port}/")
            know_homes([url])
            return url

        yield at


@pytest.fixture
def stored(engine):
    """Write words of two hours into a home, twice, and read them back; the hours."""

    def write_into(url):
        run = toy_run(engine)
        chunks = toy_chunks(run.run_id, [Hit(t, t % 2, 3) for t in range(0, 2000, 50)])
        hours = [NOW + timedelta(hours=k) for k in (0, 1)]
        for _ in range(2):
            for half, hour in enumerate(hours):
                write_chunks(engine, chunks[half::2], TOY, hour, MongoHome(url, store_name(engine)))
        read = read_words(engine, run.run_id, -(10**6), 10**6, TOY.slice)
        assert sorted(read.words.tolist()) == sorted(w for c in chunks for w in c.words.tolist())
        return [int(each.timestamp()) // 3600 for each in hours]

    return write_into


def test_a_mongos_shards_words_by_run_and_slice(engine, sent, through, stored):
    url = through("sharded_words")
    hours, name = stored(url), store_name(engine)
    each = []
    for hour in hours:
        each += [
            ("enableSharding", "sharded_words", ()),
            ("shardCollection", f"sharded_words.words_{name}_{hour}", ("run", "slice")),
        ]
    assert sent == each * 2  # two homes, as two processes would


def test_a_mongos_shards_published_documents_by_run_and_window(engine, sent, through):
    target = target_at(engine, redacted_home(through("sharded_events")))
    for _ in range(2):
        check(target)
    key = ("run", "window")
    wanted = [
        ("shardCollection", f"sharded_events.{kind}", key) for kind in ("events", "candidates")
    ]
    assert [each for each in sent if each[0] == "shardCollection"] == wanted
    assert sent.count(("enableSharding", "sharded_events", ())) == len(wanted)


def test_a_server_alone_is_never_asked_to_shard(engine, mongodb, sent, stored):
    url = mongodb.url("alone")
    know_homes([url])
    stored(url)
    check(target_at(engine, redacted_home(url)))
    assert sent == []


def test_a_user_who_may_not_shard_is_told_in_a_line(through):
    said = "not authorized on muons to execute command { shardCollection: 'muons.words' }"
    refused = {"ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": said}
    url = through("muons", answer=refused)
    payload = Payload(run_id=1, hour=5, link=0, seq=0, slice=0, n_hits=1, checksum=7)
    with pytest.raises(StoreError) as fault:
        MongoHome(url, "store").put([payload], [np.array([1], np.uint64)])
    assert re.fullmatch(
        r"mongodb://127\.0\.0\.1:\d+/muons: this user may not shard collections: give it a role"
        " with the action enableSharding in the database muons",
        str(fault.value),
    )

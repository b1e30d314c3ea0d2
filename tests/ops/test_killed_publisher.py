"""The publisher, the MongoDB of its documents, and both killed: each row is one document in the end."""

import signal
import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pymongo import MongoClient
from up import Lab, until, words_of

from db.errors import StoreError
from ops.demo.front_end import Sender
from ops.servers.ports import free_port

pytestmark = pytest.mark.mongodb

START = (
    'mutation { startRun(detector: "ticks", name: "beam", triggers: ["each"], events: ["each"])'
    " { run { number } } }"
)
STOP = 'mutation { stopRun(run: "beam") { state } }'
ALARMS = "{ alarms { name message } }"
EACH_TURN = 1200


@pytest.fixture
def server(tmp_path):
    from ops.servers.mongodb import MongoDb

    own = MongoDb(tmp_path / "home")
    try:
        own.start()
    except (StoreError, ModuleNotFoundError) as fault:
        pytest.skip(str(fault))
    yield own
    own.kill()


def documents(server):
    """How many there are of each trigger, and of how many times and which sum: what is twice shows."""
    with MongoClient(server.url()) as client:
        database = client.get_default_database()
        rows = [
            row
            for kind in ("candidates", "events")
            for row in database[kind].find({}, {"_id": 0, "trigger": 1, "t": 1})
        ]
    of = {name: [row["t"] for row in rows if row["trigger"] == name] for name in ("each", "events")}
    return {name: (len(ts), len(set(ts)), sum(ts)) for name, ts in of.items()}


def figures(up, name, label):
    """Values of a metric of the API, by a label's value."""
    authorization = {"Authorization": f"Bearer {up.token}"}
    text = httpx.get(f"{up.url}/metrics", headers=authorization).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = families[name].samples if name in families else []
    return {each.labels[label]: each.value for each in samples}


def lag(up):
    return figures(up, "everyhit_publication_lag_seconds", "runs").get("default", 0.0)


def alarms(up):
    """What is said of publication; the metrics name the same alarms."""
    standing = up.client.graphql(ALARMS)["alarms"]
    said = [each["message"] for each in standing if each["name"] == "publication"]
    return said, "publication" in figures(up, "everyhit_alarm", "name")


def amid(server, n_sent, before):
    """Wait until more documents are there than before; whether it is only a part of them."""
    n = 0

    def more():
        nonlocal n
        n = sum(each[0] for each in documents(server).values())
        return n > before

    until(more)
    return n < 2 * n_sent


def test_each_row_is_one_document_whoever_is_killed(server, tmp_path):
    lab, port, sent = Lab(tmp_path), free_port(), 0
    lab.environment |= {
        "EVERYHIT_HOMES": server.url(),
        "EVERYHIT_CELL": "400 us",
        "EVERYHIT_ALARM_PUBLICATION_S": "2",
        "EVERYHIT_ALARM_SERVICE_S": "4",
    }
    lab.said(
        *("publication", "set", "default", "--events", "--trigger", "each", "--to", server.url())
    )
    sender = Sender(("127.0.0.1", port), 1, stream=5)
    way = ("--detector", "ticks", "--tcp", f"127.0.0.1:{port}")
    killed_amid = []

    def send():
        nonlocal sent
        before = sum(each[0] for each in documents(server).values())
        sender.send(words_of(sent, EACH_TURN))
        sender.drain()
        sent += EACH_TURN
        killed_amid.append(amid(server, sent, before))

    with lab.up(*way) as up:
        up.client.graphql(START)
        send()
        up.process.send_signal(signal.SIGKILL)

    with lab.up(*way) as up:
        send()
        server.kill()
        until(lambda: lag(up) > 3 and alarms(up)[0])
        said, told = alarms(up)
        assert all("have not been kept in mongodb://127.0.0.1:" in each for each in said)
        assert not any("@" in each for each in said)
        assert told
        server.start()
        until(lambda: lag(up) < 3 and alarms(up) == ([], False))
        send()
        server.kill()
        up.process.send_signal(signal.SIGKILL)

    with lab.up(*way) as up:  # its home is away, and it begins
        until(lambda: lag(up) > 0.5)
        sender.send(words_of(sent, EACH_TURN))
        sender.drain()
        sent += EACH_TURN
        server.start()
        assert up.client.graphql(STOP)["stopRun"]["state"] == "acknowledged"
        up.found(1, sent)
        until(lambda: [n for n, _, _ in documents(server).values()] == [sent, sent], 240)
        time.sleep(2)  # nothing comes after that
        there = documents(server)
        up.end()
    for name in ("each", "events"):
        (row,) = [
            lab.said("query", f"SELECT count() AS n, uniqExact(t) AS u, sum(t) AS s FROM {name}")
        ]
        assert there[name] == tuple(int(row[key]) for key in "nus")
        assert there[name][:2] == (sent, sent)
    assert any(killed_amid), "no kill came in the middle"

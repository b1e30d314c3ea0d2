"""Events of a run as documents, from the command line."""

import json
import os
import signal
import subprocess
import time

import pytest
from command import EVERYHIT, everyhit
from homes import OTHERS
from pymongo import MongoClient

from ops.servers.ports import free_port

pytestmark = pytest.mark.parametrize("home_address", OTHERS[:1], indirect=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publish")
    everyhit("demo", "--duration", "2", "--muons", "200", "--json", "--port", "0", "--store", folder / "store")  # fmt: skip
    return folder / "store"


def refused(*arguments):
    done = subprocess.run([*EVERYHIT, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr
    return done.stderr


def test_events_are_documents_of_their_own(store, home_url):
    to = ("--to", home_url, "--store", store, "--json")
    (done,) = json.loads(everyhit("run", "publish", "1", "--events", *to))
    counts = json.loads(everyhit("query", "SELECT count() AS n, sum(n_words) AS w FROM events", "--json", "--store", store))  # fmt: skip
    client = MongoClient(home_url)
    found = client.get_default_database()["events"].aggregate(
        [
            {"$match": {"run": 1, "store": _store_of(client)}},
            {"$group": {"_id": None, "n": {"$sum": 1}, "w": {"$sum": {"$size": "$raw"}}}},
        ]
    )
    (row,) = found
    assert row["n"] == int(counts["n"]) > 50 and row["w"] == int(counts["w"])
    assert done["documents_written"] > row["n"]  # candidates, too
    (again,) = json.loads(everyhit("run", "publish", "1", "--events", *to))
    assert (again["documents_written"], again["documents_removed"]) == (0, 0)


def _store_of(client):
    newest = client.get_default_database()["events"].find_one(sort=[("at", -1)])
    return newest["store"]


def test_what_is_wrong_is_one_line(store, home_url):
    at = ("--store", store)
    assert "write --events, --trigger NAME" in refused("run", "publish", "1", "--to", home_url, *at)
    assert "has no what; it has results of" in refused(
        "run", "publish", "1", "--trigger", "what", "--to", home_url, *at
    )
    s3 = "s3://key:secret@bucket"
    said = refused("run", "publish", "1", "--events", "--to", s3, *at)
    assert "documents go to mongodb://" in said and "secret" not in said
    nobody = f"mongodb://daq:secret@127.0.0.1:{free_port()}/muons"
    said = refused("run", "publish", "1", "--events", "--to", nobody, *at)
    assert "does not answer: start it" in said and "secret" not in said
    wrong = home_url.replace("at%20home", "elsewhere")
    assert "does not let us in" in refused("run", "publish", "1", "--events", "--to", wrong, *at)


def test_rules_are_set_listed_and_taken_back(store, home_url):
    at = ("--store", store, "--json")
    line = {"run type": "beam*", "events": True, "triggers": ["tracks"]}
    (said,) = json.loads(
        everyhit(
            "publication", "set", "beam*", "--events", "--trigger", "tracks", "--to", home_url, *at
        )
    )
    assert said == line | {"to": said["to"]} and "@" not in said["to"]
    assert json.loads(everyhit("publication", "list", *at)) == [said]
    assert "no such rule for cosmics; there are: beam* to mongodb://" in refused(
        "publication", "drop", "cosmics", "--store", store
    )
    wrong = home_url.replace("at%20home", "elsewhere")
    assert "does not let us in" in refused(
        "publication", "set", "beam*", "--events", "--to", wrong, "--store", store
    )
    assert json.loads(everyhit("publication", "drop", "beam*", *at)) == [said]
    assert json.loads(everyhit("publication", "list", *at)) == []


def test_a_rule_is_followed_while_data_are_taken(tmp_path, home_url):
    store, env = tmp_path / "store", {**os.environ, "EVERYHIT_HOMES": home_url}
    everyhit("publication", "set", "default", "--events", "--to", home_url, "--store", store)
    database = MongoClient(home_url).get_default_database()
    before = set(database["events"].distinct("store"))
    demo = (
        "demo",
        "--duration",
        "100",
        "--muons",
        "100",
        "--json",
        "--port",
        "0",
        "--store",
        store,
    )
    with subprocess.Popen(
        [*EVERYHIT, *map(str, demo)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 90
        while not (new := set(database["events"].distinct("store")) - before):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(100) == 0
    (name,) = new
    (run,) = database["runs"].find({"store": name})
    assert (run["run"], run["detector"]) == (1, "drift_tubes_v2")
    (done,) = json.loads(
        everyhit("run", "publish", "1", "--events", "--to", home_url, "--store", store, "--json")
    )
    events = database["events"].count_documents({"store": name})
    assert events > 0 and done["run"] == 1
    counts = json.loads(everyhit("query", "SELECT count() AS n FROM events", "--json", "--store", store))  # fmt: skip
    assert int(counts["n"]) == events

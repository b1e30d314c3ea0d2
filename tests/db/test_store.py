"""Each store is opened in a process of its own: an engine belongs to one folder for good."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.errors import UsageError
from db.schema import newest_version
from db.store import store_folder

TOLD = """
import sys
from db.errors import EveryhitError
from db.store import open_store
try:
    with open_store(sys.argv[1]) as store:
        {body}
except EveryhitError as fault:
    print(type(fault).__name__, str(fault))
"""


def command(url, body):
    return [sys.executable, "-c", TOLD.format(body=body.replace("\n", "\n        ")), str(url)]


def said(url, body="print('opened')"):
    """What a process says that opens the store and does something with it."""
    done = subprocess.run(command(url, body), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def held(url):
    """A process that has the store open."""
    body = "print('opened', flush=True)\nsys.stdin.read()"
    process = subprocess.Popen(
        command(url, body), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "opened\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


COUNT = "print(store.engine.fetch('SELECT max(version) AS v FROM schema_versions')['v'][0])"


def test_what_is_written_is_there_when_the_store_is_opened_again(tmp_path):
    body = "store.engine.execute(\"INSERT INTO triggers (name, source) VALUES ('a', 'b')\")"
    assert said(tmp_path, body) == ""
    body = "print(store.engine.fetch('SELECT name, source FROM triggers').to_pylist())"
    assert said(f"chdb://{tmp_path}", body) == "[{'name': 'a', 'source': 'b'}]"


def test_a_store_belongs_to_one_process_which_is_named(tmp_path):
    with held(tmp_path) as owner:
        told = said(tmp_path)
        assert told.startswith("StoreError")
        assert str(tmp_path) in told
        assert f"process {owner.pid} " in told
        assert "stop it" in told
    assert said(tmp_path) == "opened"


def test_a_killed_owner_leaves_the_store_free(tmp_path):
    with held(tmp_path) as owner:
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait(30)
        assert said(tmp_path, COUNT) == str(newest_version())


def test_a_newer_store_is_not_touched(tmp_path):
    said(tmp_path, "store.engine.execute('INSERT INTO schema_versions (version) VALUES (99)')")
    told = said(tmp_path)
    assert told.startswith("StoreError")
    assert "version 99" in told
    assert "upgrade everyhit" in told


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        told = said(place)
        assert told.startswith("StoreError")
        assert str(place) in told
    (tmp_path / "broken" / "lock").mkdir(parents=True)
    assert said(tmp_path / "broken").startswith("StoreError")


def test_an_engine_that_cannot_open_its_folder_says_so(tmp_path):
    (tmp_path / "engine").write_text("no folder")
    told = said(tmp_path)
    assert told.startswith("StoreError")
    assert str(tmp_path / "engine") in told


def test_a_closed_engine_says_so_to_every_thread(tmp_path):
    body = """import threading
engine = store.engine
def ask():
    engine.fetch('SELECT 1')
    ready.set(); closed.wait()
    try:
        engine.fetch('SELECT 1')
    except EveryhitError as fault:
        print(type(fault).__name__, str(fault))
ready, closed = threading.Event(), threading.Event()
thread = threading.Thread(target=ask)
thread.start()
ready.wait()
engine.close()
closed.set()
thread.join()"""
    assert said(tmp_path, body).startswith("StoreError")


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("chdb:///data/my%20run", Path("/data/my run")),
        ("/data/run", Path("/data/run")),
        ("~/run", Path.home() / "run"),
        ("run", Path.cwd() / "run"),
    ],
)
def test_an_address_is_a_folder(url, folder):
    assert store_folder(url) == folder


@pytest.mark.parametrize(
    "url", ["clickhouse://host/db", "mongodb://host", "chdb://data/run", "x:y"]
)
def test_an_address_that_is_none_is_told(url):
    with pytest.raises(UsageError, match="can't open"):
        store_folder(url)

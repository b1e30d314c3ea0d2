"""A store without a server: the same methods, the same answers, and triggers of the notebook's own."""

import subprocess
import sys

import pytest

from db.engine.endpoint import OwnerEndpoint, publish_endpoint
from everyhit import ApiError, open_store

# A process has one embedded engine, and the tests' own is that of this process.
FILL = """
import sys
from datetime import UTC, datetime
import numpy as np
from db.catalogue.runs import close_run, open_run
from db.detector import load
from db.store import open_store
from db.words.hits_view import create_views
from readout.readout import Readout
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate
from readout.source.block import by_link

telescope, conditions = load("drift_tubes_v2"), Conditions(muon_rate_hz=300)
with open_store(sys.argv[1]) as store:
    run = open_run(store.engine, telescope, name="muons", cell=60_000_000, settings={"events": ["coincidence"]})
    create_views(store.engine, telescope)
    words = simulate(telescope, conditions, 7, 0, 240_000_000).stream.words
    with Readout(store.engine, run, conditions.clock_start) as readout:
        for block in by_link(telescope, words.reshape(-1), 0):
            readout.push(block)
    close_run(store.engine, run)
"""

ASK = '''
import sys
import polars as pl
from everyhit import ApiError, open_store, sql_trigger, trigger

@trigger(reach="0 ns")
def on_wire(hits: pl.DataFrame, wire: int = 3) -> pl.DataFrame:
    """Hits of one wire."""
    return hits.filter(pl.col("wire") == wire).select("t", "chamber")

@trigger(reach="0 ns")
def broken(hits: pl.DataFrame) -> pl.DataFrame:
    """Fails."""
    if len(hits):
        raise ValueError("not today")
    return hits.select("t")

here = open_store(sys.argv[1])
run = here.latest()
hits = here.hits(run)
assert len(hits) > 500, len(hits)
assert here.query("SELECT count() AS n FROM hits", run)["n"].to_list() == [len(hits)]

mine = here.trigger(on_wire, run, wire=5)
assert mine["t"].to_list() == hits.filter(pl.col("wire") == 5)["t"].to_list()
part = here.trigger(on_wire, run, 0, "100 ms", wire=6)
assert part["t"].to_list() == hits.filter((pl.col("wire") == 6) & (pl.col("t") < 120_000_000))["t"].to_list()
sql = sql_trigger("-- trigger: on_one\\n-- reach: 0 ns\\nSELECT t, chamber FROM hits WHERE wire = 1")
assert len(here.trigger(sql, run)) == len(hits.filter(pl.col("wire") == 1))
assert len(here.trigger("coincidence", run)) > 0
try:
    here.trigger(broken, run)
except ApiError as fault:
    assert "broken failed" in str(fault) and "not today" in str(fault), fault
else:
    raise AssertionError("a trigger that fails is told")

assert here.histogram("wire", run).values().sum() == len(hits)
here.trigger("events", run)
assert len(here.event(0, run).hits) > 0

try:
    next(here.follow(run, trigger="never"))
except ApiError as fault:  # told over the web socket
    assert "no results" in str(fault), fault
else:
    raise AssertionError("nobody listens")
here.close()
print("all is well")
'''


def python(text, *args, **given):
    return subprocess.run(
        [sys.executable, "-c", text, *map(str, args)], capture_output=True, text=True, **given
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "one"
    done = python(FILL, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_a_folder_has_the_same_methods(folder, tmp_path):
    script = tmp_path / "ask.py"
    script.write_text(ASK)
    done = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all is well\n"


@pytest.mark.slow
def test_who_forgets_to_close_it_ends_all_the_same(folder):
    text = (
        "import sys\nfrom everyhit import open_store\nprint(open_store(sys.argv[1]).latest().name)"
    )
    done = python(text, folder, timeout=60)
    assert (done.returncode, done.stdout) == (0, "muons\n"), done.stderr
    again = python(text, folder, timeout=60)
    assert again.stdout == "muons\n", again.stderr


def test_no_store_is_one_line(tmp_path):
    with pytest.raises(ApiError, match=f"no store in {tmp_path}/none: everyhit demo"):
        open_store(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_store_that_a_process_has_open_is_asked_there(tmp_path, url, app_state, run):
    import fcntl

    (tmp_path / "engine").mkdir()
    publish_endpoint(tmp_path, OwnerEndpoint(url, app_state.local))
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open_store(tmp_path) as here:
            assert here.run(run.run_id).name == run.name

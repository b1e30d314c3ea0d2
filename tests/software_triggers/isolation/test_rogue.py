"""Triggers that misbehave in one window: that window fails, and nothing else."""

import time
from pathlib import Path

import psutil
import pytest
from ticks import Hit, toy_chunks, toy_run, write

from db.catalogue.runs import close_run
from db.results import ledger
from db.results.rows import read_committed
from software_triggers.isolation.limits import Limits, limits, set_limits
from software_triggers.registry import load_file
from software_triggers.running.threads import run_stages
from software_triggers.task import failing

pytestmark = pytest.mark.slow  # each window has a process of its own

ROGUE = Path(__file__).with_name("rogue.py")
MADE = [Hit(t, 0, 9 if t == 550 else 1) for t in range(0, 1000, 50)]
BAD = 5


@pytest.fixture(autouse=True)
def _patience():
    before = limits()
    set_limits(Limits(20.0, 500))
    yield
    set_limits(before)


def run_rogue(engine, made=MADE, **params):
    """Run it over ten windows; its times, and the failures by window."""
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, made))
    run = close_run(engine, run)
    known = {t.name: t for t in load_file(ROGUE)}
    (stage,) = run_stages(engine, run, known, {"rogue": params})
    found = read_committed(engine, stage.lineage, run.cell, 0, 1000)["t"].to_list()
    failed = engine.fetch(
        "SELECT cell, error, traceback FROM failures WHERE run_id = {run:UInt32} ORDER BY cell",
        {"run": run.run_id},
    ).to_pylist()
    known = ledger.current(engine, run.run_id, stage.lineage.lineage, 0, 10)
    assert known["cell"].to_list() == list(range(10))
    assert known.filter(~known["complete"])["cell"].to_list() == [row["cell"] for row in failed]
    return sorted(found), failed


def times(*without):
    return [hit.t for hit in MADE if hit.t // 100 not in without]


@pytest.mark.parametrize(
    ("deed", "seconds", "told", "where"),
    [
        ("loop", 1.0, "it took longer than 1 s", "in loop"),
        ("stop", 1.0, "it took longer than 1 s", ""),
        ("memory", 20.0, "it took more than 500 MB of memory", "in memory"),
        ("memory_of_a_child", 20.0, "it took more than 500 MB of memory", "in memory_of_a_child"),
        ("null", 20.0, "its process was ended by SIGSEGV", "in null"),
        ("native_recursion", 20.0, "its process was ended by SIGSEGV", "in native_recursion"),
        ("kill", 20.0, "its process was ended by SIGKILL", ""),
        ("end", 20.0, "its process ended with exit code 0", ""),
        ("close", 20.0, "its process ", ""),
        ("leave", 20.0, "SystemExit: enough", "in leave"),
        ("divide", 20.0, "ZeroDivisionError: ", "in divide"),
        ("recursion", 20.0, "RecursionError: ", "in recursion"),
        ("text", 20.0, "must return a Polars frame with an integer column t, got str", ""),
    ],
)
def test_the_window_fails_with_its_reason_and_the_others_go_on(engine, deed, seconds, told, where):
    load_file(ROGUE)  # in its own time
    set_limits(Limits(seconds, 500))
    found, failed = run_rogue(engine, deed=deed)
    assert found == times(BAD)
    assert [row["cell"] for row in failed] == [BAD]
    assert told in failed[0]["error"]
    assert failed[0]["error"].startswith("trigger rogue failed on [500, 600): ")
    assert where in failed[0]["traceback"]


def test_one_that_always_ends_its_process_is_not_tried_for_ever(engine, monkeypatch):
    monkeypatch.setattr(failing, "MOST_LOST_S", 0.1)
    found, failed = run_rogue(engine, [hit._replace(wire=9) for hit in MADE], deed="end")
    assert found == []
    assert [row["cell"] for row in failed] == list(range(10))
    tried = ["its process ended with exit code 0" in row["error"] for row in failed]
    assert tried == [True] + [False] * 9
    assert "not tried: " in failed[-1]["error"]


@pytest.mark.parametrize("deed", ["fork", "fork_away", "fork_both", "thread"])
def test_what_it_leaves_running_is_ended_and_its_rows_count(engine, tmp_path, deed):
    note = tmp_path / "pid"
    found, failed = run_rogue(engine, deed=deed, note=str(note))
    assert (found, failed) == (times(), [])
    left, until = int(note.read_text()), time.monotonic() + 10
    while lives(left):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_it_prints_does_not_reach_what_a_command_answers(engine, capfd):
    found, failed = run_rogue(engine, deed="talk", note="-")
    assert (found, failed) == (times(), [])
    said = capfd.readouterr()
    assert said.out == ""
    assert "this is no JSON" in said.err
    assert "nor is this" in said.err


def lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

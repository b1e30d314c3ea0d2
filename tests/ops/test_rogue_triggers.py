"""Commands with a trigger that misbehaves: what they take and tell, and the store after them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import run

pytestmark = pytest.mark.slow

ROGUE = Path(__file__).parents[1] / "software_triggers" / "isolation" / "rogue.py"
# A dump of a counter at 1 tick a ns, and a wire: wire 9 is what the trigger misbehaves at.
DETECTOR = """
name = "ticks"
title = "A counter and a wire"
[fields]
time = { bits = [0, 31] }
wire = { bits = [34, 37] }
[clock]
tick_ns = 1
time = "time"
disorder = "200 ns"
slice = "500 ns"
"""
WINDOWS = 20
TIMES = range(0, 100 * WINDOWS, 10)
"""Ten hits in each window of 100 ns; one is on wire 9."""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ticks.toml").write_text(DETECTOR)
    words = [t | (9 if t == 550 else 1) << 34 for t in TIMES]
    (tmp_path / "words.bin").write_bytes(np.array(words, "<u8").tobytes())
    (tmp_path / "triggers").mkdir()
    shutil.copy(ROGUE, tmp_path / "triggers")
    return tmp_path


def everyhit(folder, *arguments, seconds=2.0):
    return run(
        *(*arguments, "--store", folder / "store", "--json"),
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "EVERYHIT_TRIGGERS": json.dumps([str(folder / "triggers")]),
            "EVERYHIT_CELL": "100 ns",
            "EVERYHIT_TRIGGER_S": str(seconds),
            "EVERYHIT_TRIGGER_MEMORY_MB": "500",
        },
    )


def found(folder):
    """Times of the rows and the failures, asked of the store with commands of their own."""
    asked = everyhit(folder, "query", "SELECT t FROM rogue ORDER BY t")
    assert asked.returncode == 0, asked.stderr
    shown = everyhit(folder, "trigger", "show", "rogue", "--run", "1", seconds=20.0)
    assert shown.returncode == 0, shown.stderr
    times = [int(json.loads(line)["t"]) for line in asked.stdout.splitlines()]
    return times, json.loads(shown.stdout)["failures"]


@pytest.mark.parametrize("deed", ["loop", "end"])
def test_taking_data_goes_on(folder, deed):
    done = everyhit(
        folder, "up", folder / "words.bin", "--detector", folder / "ticks.toml",
        "--trigger", "rogue", "--param", f"deed={deed}",
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["words"] == len(TIMES)
    rows, failed = found(folder)
    bad = (rows[0] + 550) // 100  # the run begins a while before its first word
    assert [row["cell"] for row in failed] == [bad]
    assert rows == [t for t in range(rows[0], rows[0] + len(TIMES) * 10, 10) if t // 100 != bad]


def test_what_a_trigger_prints_does_not_break_an_answer_in_json(folder):
    ingested = everyhit(folder, "ingest", folder / "words.bin", "--detector", folder / "ticks.toml")
    assert ingested.returncode == 0, ingested.stderr
    done = everyhit(
        folder, "trigger", "run", "rogue", "--param", "deed=talk", "--param", "note=-",
        seconds=20.0,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])
    assert "this is no JSON" in done.stderr
    rows, failed = found(folder)
    assert failed == []
    assert [t - rows[0] for t in rows] == list(TIMES)

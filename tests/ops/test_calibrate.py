"""Calibrations that are measured from stored segments."""

import json
import subprocess
import sys

import pytest
from elsewhere import elsewhere

from db.catalogue.runs import find_run
from db.store import open_store

EVERYHIT = [sys.executable, "-c", "from ops.cli import main; main()"]


def everyhit(*arguments, code=0):
    done = subprocess.run(
        [*EVERYHIT, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def calibrations(store):
    """How many calibrations the run keeps, and what resolutions its chambers have by now."""
    with open_store(str(store)) as at:
        run = find_run(at.engine)
        n = run.declaration.count("\n[[calibration]]\n")
        return n, list(run.detector.tables["resolution_ns"])


def test_a_measured_resolution_stays_with_its_run_and_makes_a_new_lineage(tmp_path):
    at = ("--store", tmp_path / "s")
    everyhit("demo", "--duration", 2, "--muons", 4000, "--json", *at)
    first = json.loads(everyhit("calibrate", "resolution", "--json", "--dry-run", *at))
    widths = [each["resolution_ns"] for each in first["chambers"]]
    assert widths == pytest.approx([1.03] * 4, rel=0.06)  # the simulator's 1 ns, and the clock's
    assert not first["kept"]
    everyhit("calibrate", "resolution", "--to", "1s", *at)
    second = json.loads(everyhit("calibrate", "resolution", "1", "--json", *at))
    assert second["chambers"] == first["chambers"]

    kept = [round(each, 3) for each in widths]
    assert elsewhere(calibrations, tmp_path / "s") == (2, kept)
    done = json.loads(everyhit("reprocess", "--trigger", "segments", "--json", *at))
    results = json.loads(everyhit("run", "show", "--json", *at))["results"]
    lineages = [each for each in results if each["trigger"] == "segments"]
    assert len(lineages) == 2, done
    again = json.loads(everyhit("calibrate", "resolution", "--json", "--dry-run", *at))
    assert [each["resolution_ns"] for each in again["chambers"]] == pytest.approx(widths, rel=0.05)

    said = everyhit("calibrate", "resolution", "--to", "10us", *at, code=1)
    assert "200 tell a resolution: take a longer range" in said

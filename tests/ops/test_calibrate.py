"""Calibrations that are measured from stored segments."""

import json
from pathlib import Path

import pytest
from command import everyhit
from elsewhere import elsewhere

import db
from db.catalogue.runs import find_run
from db.store import open_store

WRONG = {
    "chamber_t0_ns": [0.0, 0.0, 6.0, -4.0],
    "chamber_x_mm": [0.0, 0.0, 1.0, 0.0],
    "chamber_slope": [0.0, 0.0, 0.004, -0.003],
}

HEIGHTS = [219.8, 977.3, 1035.6, 1819.8]


def calibrations(store):
    """How many calibrations the run keeps, and what resolutions its chambers have by now."""
    with open_store(str(store)) as at:
        run = find_run(at.engine)
        n = run.declaration.count("\n[[calibration]]\n")
        return n, list(run.detector.tables["resolution_ns"])


def tables_of(store):
    with open_store(str(store)) as at:
        run = find_run(at.engine)
        return run.declaration.count("\n[[calibration]]\n"), dict(run.detector.tables)


def constants_of(store):
    with open_store(str(store)) as at:
        run = find_run(at.engine)
        return run.declaration.count("\n[[calibration]]\n"), dict(run.detector.constants)


def whole_tracks(at):
    """How many tracks have three segments."""
    sql = "SELECT count() AS n FROM tracks WHERE n_segments = 3"
    return json.loads(everyhit("query", sql, "--json", *at))["n"]


def test_what_is_wrongly_declared_of_chambers_is_measured_and_mended(tmp_path):
    text = (Path(db.__file__).parent / "detectors" / "drift_tubes_v2.toml").read_text()
    for name, wrong in WRONG.items():
        text = text.replace(f"{name} = [0.0, 0.0, 0.0, 0.0]", f"{name} = {wrong}")
    declared = tmp_path / "wrong.toml"
    declared.write_text(text.replace("drift_tubes_v2", "wrong"))
    at = ("--store", tmp_path / "s")
    everyhit("demo", "--duration", 2, "--muons", 4000, "--detector", declared, "--json", *at)
    before = whole_tracks(at)
    for _ in range(3):
        for what in ("t0", "alignment"):
            picture = tmp_path / f"{what}.png"
            found = json.loads(everyhit("calibrate", what, "--json", "--out", picture, *at))
            assert [each["chamber"] for each in found["chambers"]] == [0, 2, 3]  # 1 is alone
            assert picture.read_bytes().startswith(b"\x89PNG")
        everyhit("reprocess", "--trigger", "segments,tracks", "--json", *at)
    n, tables = elsewhere(tables_of, tmp_path / "s")
    assert n == 6
    assert tables["chamber_t0_ns"] == pytest.approx([0, 0, 0, 0], abs=0.1)
    assert tables["chamber_x_mm"] == pytest.approx([0, 0, 0, 0], abs=0.01)
    assert tables["chamber_slope"] == pytest.approx([0, 0, 0, 0], abs=2e-4)
    assert tables["chamber_z_mm"] == pytest.approx(HEIGHTS, abs=0.5)
    assert tables["chamber_z_mm"][2] != HEIGHTS[2], "only between others is a height measured"
    assert whole_tracks(at) > 2 * before


def test_the_drift_velocity_is_measured_with_the_longest_drift_time(tmp_path):
    at = ("--store", tmp_path / "s")
    everyhit("demo", "--duration", 2, "--muons", 4000, "--json", *at)
    picture = tmp_path / "v.png"
    table = everyhit("calibrate", "vdrift", "--out", picture, *at)
    assert "kept; now: everyhit reprocess --trigger segments,tracks --run 1" in table
    assert picture.read_bytes().startswith(b"\x89PNG")
    n, constants = elsewhere(constants_of, tmp_path / "s")
    assert n == 1
    assert constants["v_drift_um_per_ns"] == pytest.approx(53.8, rel=0.001)
    assert constants["t_max_ns"] * constants["v_drift_um_per_ns"] == pytest.approx(
        390 * 53.8, rel=1e-4
    )
    said = everyhit("calibrate", "vdrift", "--to", "10us", *at, code=1)
    assert "that tell a drift velocity, and 200 are needed: take a longer range" in said
    said = everyhit("calibrate", "t0", "--to", "10us", *at, code=1)
    assert "in tracks through a chamber, and 200 are needed: take a longer range" in said
    said = everyhit("calibrate", "t0", "--out", tmp_path / "v.txt", *at, code=1)
    assert "its suffix names the kind of picture" in said


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

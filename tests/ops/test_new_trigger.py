"""What `everyhit trigger new` writes runs as it is, in SQL and in Python, and finds the same."""

import json

import numpy as np
import pytest
from command import everyhit

from db.detector import load
from readout.simulator.noise import noise


def test_it_runs_as_it_is(tmp_path):
    made = noise(load("drift_tubes_v2"), 1, 0, 3_000_000, 3e6)
    made.words.tofile(tmp_path / "words")
    store = ("--store", tmp_path / "store")
    everyhit("ingest", tmp_path / "words", "--detector", "drift_tubes_v2", *store)
    t = np.sort(made.t)
    within = round(100 / float(load("drift_tubes_v2").tick))
    oracle = [((t >= begin) & (t <= begin + within)).sum() for begin in t]
    expected = sum(n >= 3 for n in oracle)
    assert expected > 20
    for name, kind in (("burst", "--sql"), ("burst_py", "--python")):
        wrote = everyhit("trigger", "new", name, kind, cwd=tmp_path)
        file = tmp_path / (f"{name}.sql" if kind == "--sql" else f"{name}.py")
        assert f"wrote {file.name}" in wrote
        (checked,) = json.loads(everyhit("trigger", "run", file, "--check", "--json", *store))
        assert (checked["rows"], checked["different"]) == (expected, 0)
        assert checked["windows"] > 20
        passed = json.loads(everyhit("trigger", "test", file, "--json", *store))
        assert [(row["check"], row["verdict"]) for row in passed] == [
            (check, "passed") for check in ("again", "order", "windows")
        ]
        text = file.read_text()
        short = tmp_path / f"short_{file.name}"
        short.write_text(text.replace("reach: within", "reach: 1 ns").replace("1 us", "1 ns"))
        said = everyhit("trigger", "test", short, *store, code=1)
        assert "its reach is too short: with" in said
        assert "the first row that differs, at t = " in said
        everyhit("trigger", "run", file, *store)
        (n,) = everyhit("query", f"SELECT count() AS n FROM {name}", "--json", *store).splitlines()
        assert int(json.loads(n)["n"]) == expected


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("Bright 1",), "'Bright 1' can't be a trigger's name"),
        (("import",), "'import' can't be a trigger's name"),
        (("there",), "there.sql is there already"),
        (("some", "--out", "some.txt"), "this trigger's file ends in .sql"),
        (("some", "--out", "no/such/some.sql"), "can't write no/such/some.sql: No such file"),
    ],
)
def test_what_cant_be_is_one_line_and_changes_nothing(tmp_path, arguments, line):
    (tmp_path / "there.sql").write_text("mine")
    assert line in everyhit("trigger", "new", *arguments, code=1, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "there.sql"]
    assert (tmp_path / "there.sql").read_text() == "mine"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trigger")
    noise(load("drift_tubes_v2"), 1, 0, 100_000, 3e6).words.tofile(folder / "words")
    where = folder / "store"
    everyhit("ingest", folder / "words", "--detector", "drift_tubes_v2", "--store", where)
    return where


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("none.py", "", "none.py: there is no trigger in it; everyhit trigger new"),
        ("rows.csv", "t,ch\n", "rows.csv: a trigger's file ends in .sql or .py"),
        (
            "odd.sql",
            "-- trigger: odd\n-- reach: 1 ns\nSELECT t, charge FROM hits\n",
            "trigger odd: there is no column charge; hits have t, link,",
        ),
    ],
)
def test_a_file_that_is_no_trigger_of_the_run_is_told_in_a_line(store, tmp_path, name, text, line):
    (tmp_path / name).write_text(text)
    for command in (["test"], ["run"], ["run", "--check"]):
        fault = everyhit("trigger", *command, name, "--store", store, code=1, cwd=tmp_path)
        assert fault.startswith(f"everyhit: {line}")
        assert fault.count("\n") == 1

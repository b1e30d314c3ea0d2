"""Fields and tags of runs on the command line."""

import getpass
import json

import pytest
from command import everyhit, run
from test_cli import ROWS


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("annotations")
    (folder / "rows.txt").write_text(ROWS)
    for k in range(3):
        everyhit(
            *("ingest", folder / "rows.txt", "--detector", "drift_tubes_v2", "--run", f"beam {k}"),
            *("--set", f"beam_energy_GeV={20 + k}", "--set", "gas=Ar CO2", "--set", "golden=true"),
            *("--set", 'crate="7"', *(["--tag", "calibration"] if k else []), "--store"),
            folder / "store",
        )
    return folder / "store"


def listed(store, where):
    out = everyhit("run", "list", "--where", where, "--json", "--store", store)
    return {run["name"]: run for run in json.loads(out)}


def test_a_run_gets_fields_and_tags_when_it_begins(store):
    found = listed(store, "beam_energy_GeV > 20 and 'calibration' in tags")
    assert found.keys() == {"beam 1", "beam 2"}
    assert found["beam 1"]["fields"] == {
        "beam_energy_GeV": 21,
        "gas": "Ar CO2",
        "golden": True,
        "crate": "7",
    }
    assert found["beam 1"]["tags"] == ["calibration"]
    assert listed(store, "gas == 'Ar CO2' and golden and crate == '7' and run <= 2").keys() == {
        "beam 0",
        "beam 1",
    }


def test_they_are_changed_and_what_they_were_is_known(store):
    line = ("--store", store, "--json")
    out = everyhit(
        *("run", "annotate", "beam 0", "--set", "x=1e-3", "--unset", "crate", "--tag", "bad", *line)
    )
    (said,) = json.loads(out)
    assert (said["fields"]["x"], said["tags"], "crate" in said["fields"]) == (0.001, ["bad"], False)
    everyhit("run", "annotate", "beam 0", "--set", "x=2", "--untag", "bad", *line)
    history = json.loads(everyhit("run", "history", "beam 0", *line))
    changes = [(c["what"], c["name"], c["before"], c["after"]) for c in history]
    assert changes[-5:] == [
        ("field", "crate", "7", None),
        ("field", "x", None, 0.001),
        ("tag", "bad", None, True),
        ("field", "x", 0.001, 2),
        ("tag", "bad", True, None),
    ]
    assert all(c["who"].startswith(getpass.getuser() + "@") for c in history)
    shown = json.loads(everyhit("run", "show", "beam 0", *line))
    assert (shown["fields"]["x"], shown["tags"]) == (2, [])
    table = everyhit("run", "list", "--store", store, env={"COLUMNS": "250", "PATH": "/bin"})
    assert "beam_energy_GeV=20" in table


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--set", "x"], "--set 'x': write name=value"),
        (["--set", "x=nan"], "x: nan is no number: leave the field out"),
        (["--set", "x=-Infinity"], "x: -inf is no number"),
        (["--set", "x=1e999"], "x: inf is no number"),
        (["--set", "x=1", "--set", "x=2"], "--set names x twice"),
        (["--set", "name=1"], "no field can be called name"),
        (["--set", "a b=1"], "'a b' is no name of a field"),
        (["--set", "x=" + "9" * 5000], "whole numbers beyond 2**53"),
        (["--tag", "no good"], "'no good' is no tag"),
        (["--unset", "nothing"], "has no field nothing: it has beam_energy_GeV"),
        ([], "nothing is changed: write --set"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(store, options, problem):
    before = everyhit("run", "show", "beam 2", "--json", "--store", store)
    more = ["--set", "ok=1", *options] if options else []
    line = everyhit("run", "annotate", "beam 2", *more, "--store", store, code=1)
    assert problem in line and line.count("\n") == 1
    assert everyhit("run", "show", "beam 2", "--json", "--store", store) == before


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("beam_enrgy_GeV > 3", "no run has a field beam_enrgy_GeV: did you mean beam_energy_GeV?"),
        ("gas > 'a'", "texts go with ==, != and in"),
        ("beam_energy_GeV >", "not an expression"),
    ],
)
def test_a_wrong_selection_is_told_with_its_place(store, where, problem):
    told = everyhit("run", "list", "--where", where, "--store", store, code=1)
    assert problem in told and where in told and "^" in told


def test_a_refused_start_leaves_no_run(store, tmp_path):
    (tmp_path / "rows.txt").write_text(ROWS)
    told = everyhit(
        *("ingest", tmp_path / "rows.txt", "--detector", "drift_tubes_v2", "--set", "in=1"),
        *("--store", store),
        code=1,
    )
    assert "no name of a field" in told
    assert len(listed(store, "run > 0")) == 3
    told = everyhit("up", "--detector", "drift_tubes_v2", "--tag", "x", "--store", store, code=1)
    assert "name it with --run" in told


def test_the_page_after_is_told_with_the_selection(store):
    done = run("run", "list", "--where", "gas == 'Ar CO2'", "--limit", "1", "--store", store)
    hint = done.stderr.strip().splitlines()[-1]
    assert hint == (
        "there are older runs: everyhit run list --after 3 --where 'gas == '\"'\"'Ar CO2'\"'\"''"
    )

"""From somebody's CSV file to a query, by the commands that the help names."""

import json

import pytest
from command import everyhit
from km3net_testdata import data_path

TEXT = "Device 7\nTime_ns,CH,ADC\n" + "".join(f"{100 * n},{n % 3},{n}\n" for n in range(20))


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "cosmics.csv"
    path.write_text(TEXT)
    return path


@pytest.mark.slow
def test_a_table_goes_in_by_what_was_guessed_of_it(table, tmp_path):
    detector = tmp_path / "cosmics.toml"
    assert f"wrote {detector}" in everyhit("detector", "guess", table, "--out", detector)
    checked = json.loads(everyhit("detector", "check", table, "--detector", detector, "--json"))
    assert (checked["hits"], checked["rows_left_out"]) == (20, 0)
    where = ["--store", tmp_path / "store"]
    everyhit("ingest", table, "--detector", detector, *where)
    query = "SELECT sum(adc) AS adc, uniqExact(channel) AS channels FROM hits"
    row = json.loads(everyhit("query", query, "--json", *where))
    assert (int(row["adc"]), int(row["channels"])) == (190, 3)


def test_a_declaration_that_could_not_be_named_as_its_file_is_not_written(table, tmp_path):
    out = tmp_path / "Run 7.toml"
    fault = everyhit("detector", "guess", table, "--out", out, code=1)
    assert f"try --out {tmp_path / 'run_7.toml'}" in fault.replace("\n", " ")
    assert not out.exists()


def test_bad_rows_are_told_and_counted(table, tmp_path):
    detector = tmp_path / "cosmics.toml"
    everyhit("detector", "guess", table, "--out", detector)
    table.write_text(TEXT + "7,1,none\n")
    fault = everyhit("ingest", table, "--detector", detector, "--store", tmp_path / "s", code=1)
    assert "cosmics.csv: line 23: ADC is 'none'" in fault
    out = everyhit("detector", "check", table, "--detector", detector, "--json", code=1)
    assert out == ""  # the answer is on stdout
    detector.write_text(detector.read_text().replace("[table]\n", '[table]\nbad_rows = "skip"\n'))
    where = ["--store", tmp_path / "t", "--json"]
    stored = json.loads(everyhit("ingest", table, "--detector", detector, *where))
    assert (stored["words"], stored["rows_left_out"]) == (20, 1)


@pytest.mark.parametrize("kind", [[], ["--table"]])
def test_a_new_declaration_works_as_it_is(tmp_path, kind):
    path = tmp_path / "mine.toml"
    everyhit("detector", "new", "mine", *kind, "--out", path)
    assert "a hit of mine" in everyhit("detector", "show", path)
    assert "is there already" in everyhit("detector", "new", "mine", "--out", path, code=1)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("guess", "cosmics.csv", "--out", "no/such.toml"), "can't write no/such.toml: No such"),
        (("guess", "."), ".: a folder; name a file in it"),
        (("detx", "."), ".: a folder; name a file in it"),
        (("new", "mine", "--out", "no/mine.toml"), "can't write no/mine.toml: No such file"),
        (("show", "mine.toml"), "there is no file mine.toml; did you mean km3net?"),
        (("show", "km3nt"), "there is no detector km3nt; did you mean km3net?"),
        (("show", "cosmics.csv"), "cosmics.csv: a declaration's file ends in .toml"),
    ],
)
def test_what_cant_be_is_one_line(table, tmp_path, arguments, line):
    fault = everyhit("detector", *arguments, code=1, cwd=tmp_path)
    assert fault.startswith(f"everyhit: {line}")
    assert fault.count("\n") == 1
    assert list(tmp_path.iterdir()) == [table]


def test_a_detx_becomes_a_declaration_of_hits_with_positions(tmp_path):
    path = tmp_path / "sea.toml"
    file = data_path("detx/km3net_offline.detx")
    told = everyhit("detector", "detx", file, "--out", path)
    assert told.strip() == f"wrote {path}: detector 44, 90 modules with 31 PMTs"
    assert everyhit("detector", "detx", file).startswith("# Detector 44 of KM3NeT as km3net_off")
    where = ["--store", tmp_path / "store"]
    everyhit("ingest", data_path("daq/IO_EVT.dat"), "--detector", path, *where)
    query = "SELECT count() AS n, countIf(placed) AS placed FROM hits"
    row = json.loads(everyhit("query", query, "--json", *where))
    assert int(row["placed"]) == int(row["n"]) > 100
    fault = everyhit("detector", "detx", data_path("daq/IO_EVT.dat"), code=1)
    assert "IO_EVT.dat: it is no .detx" in fault


def test_detectors_are_listed():
    names = [row["name"] for row in json.loads(everyhit("detector", "list", "--json"))]
    assert {"drift_tubes_v2", "km3net"} <= set(names)

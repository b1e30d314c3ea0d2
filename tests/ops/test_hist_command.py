"""Histograms and descriptions at the command line, against what NumPy counts of the same hits."""

import json
import os

import command
import numpy as np
import pytest

from db.detector import decode, load
from readout.simulator.noise import noise


def everyhit(*arguments, code=0):
    return command.everyhit(*arguments, code=code, env=os.environ | {"COLUMNS": "120"})


@pytest.fixture(scope="module")
def hits():
    detector = load("drift_tubes_v2")
    made = noise(detector, 1, 0, 30_000_000, 1e6)
    return made.words, decode(detector, made.words.ravel(), columns=("wire", "chamber", "tdc_meas"))


@pytest.fixture(scope="module")
def store(hits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hists")
    hits[0].tofile(folder / "words")
    everyhit("ingest", folder / "words", "--detector", "drift_tubes_v2", "--store", folder / "s")
    return folder / "s"


def test_it_counts_an_expression_of_the_rows_that_are_asked_for(store, hits):
    given = ("--where", "chamber = 2 and wire > 0", "--bins", 8, "--low", 0, "--high", 40)
    got = json.loads(everyhit("hist", "wire * 2 + 0.5", *given, "--store", store, "--json"))
    wire = hits[1]["wire"][(hits[1]["chamber"] == 2) & (hits[1]["wire"] > 0)]
    counts, edges = np.histogram(wire * 2 + 0.5, 8, (0, 40))
    assert got == {"edges": edges.tolist(), "counts": counts.tolist(), "below": 0, "above": 0}
    assert counts.sum() > 300


def test_whole_numbers_get_bins_that_hold_as_many_of_them(store, hits):
    got = json.loads(everyhit("hist", "tdc_meas", "--store", store, "--json"))
    meas = hits[1]["tdc_meas"]
    assert got["counts"] == np.bincount(meas, minlength=31)[meas.min() :].tolist()
    assert got["edges"][0] == meas.min() - 0.5
    fewer = json.loads(everyhit("hist", "tdc_meas", "--bins", 7, "--store", store, "--json"))
    assert fewer["edges"] == [0.5 + 5 * k for k in range(7)]
    assert fewer["counts"] == np.histogram(meas, fewer["edges"])[0].tolist()
    shown = everyhit("hist", "tdc_meas", "--bins", 7, "--store", store).splitlines()
    assert [line.split()[0] for line in shown[1:]] == [str(1 + 5 * k) for k in range(6)]


def test_a_terminal_shows_a_line_for_each_bin(store, hits):
    given = ("--bins", 3, "--low", 10, "--high", 16, "--store", store)
    first, *lines = everyhit("hist", "tdc_meas", *given).splitlines()
    meas = hits[1]["tdc_meas"]
    counts = np.histogram(meas, 3, (10, 16))[0]
    assert first == f"tdc_meas of hits: {counts.sum():,} values"
    assert [line.split()[:2] for line in lines[:3]] == [
        [edge, f"{n:,}"] for edge, n in zip(("10", "12", "14"), counts, strict=True)
    ]
    assert max(line.count("█") for line in lines) == 50
    assert lines[3] == f"{(meas < 10).sum():,} below, {(meas > 16).sum():,} above"


def test_it_can_be_drawn(store, tmp_path):
    for log in ((), ("--log",)):
        out = tmp_path / f"{len(log)}.svg"
        everyhit("hist", "wire", "--bins", 20, *log, "--store", store, "--out", out)
        assert "wire of hits" in out.read_text()


def test_what_can_be_asked_is_told(store):
    told = json.loads(everyhit("query", "show tables", "--json", "--store", store))
    assert [row["name"] for row in told] == ["hits", "words", "rates", "gaps"]
    told = json.loads(everyhit("query", "DESCRIBE hits;", "--json", "--store", store))
    assert {"column": "t", "type": "Int64"} in told
    assert {row["column"] for row in told} >= set(load("drift_tubes_v2").column_names)
    shown = everyhit("query", "desc words", "--store", store).splitlines()
    assert ["tdc_channel", "UInt16"] in [line.split() for line in shown]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("hist", "wyre"), "there is no column wyre"),
        (("hist", "wire", "--of", "tracks"), "there is no tracks in this run; there are: hits,"),
        (("hist", "wire, layer"), "give one expression"),
        (("hist", "[wire]"), "can't be counted in bins"),
        (("hist", "file('/etc/passwd')"), "the function file"),
        (("hist", "1 FROM runs --"), "runs"),
        (("hist", "wire", "--out", "a.xls"), "its suffix names the kind of picture"),
        (("query", "describe tokens"), "there is no tokens in this run"),
        (("query", "show tables", "--format", "csv"), "shown as a table, or with --json"),
    ],
)
def test_what_makes_no_sense_is_one_line(store, arguments, line):
    assert line in everyhit(*arguments, "--store", store, code=1)

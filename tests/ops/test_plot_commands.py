"""Plots of any detector at the command line, against what NumPy counts of the same hits."""

import json
import os

import command
import numpy as np
import pytest

DECLARED = """
name = "tagger"
title = "Times and channels"

[fields]
ts = { bits = [0, 43] }
adc = { bits = [44, 59] }
ch = { bits = [60, 63] }

[clock]
tick_ns = 1
time = "ts"
wrap = "2**44"
disorder = "1 us"
slice = "100 ms"
"""
PEAK, SIGMA, LAG = 800.0, 25.0, 340


def everyhit(*arguments, code=0):
    return command.everyhit(*arguments, code=code, env=os.environ | {"COLUMNS": "120"})


@pytest.fixture(scope="module")
def hits():
    """A source with a line of energy on a slope; channel 1 answers channel 0 after some time."""
    rng = np.random.default_rng(5)
    t0 = np.cumsum(rng.exponential(50_000, 6000)).astype(np.int64) + 1000
    answered = t0[rng.random(len(t0)) < 0.5]
    t1 = answered + np.rint(rng.normal(LAG, 5, len(answered))).astype(np.int64)
    t = np.concatenate([t0, t1])
    channel = np.repeat([0, 1], [len(t0), len(t1)])
    line = rng.random(len(t)) < 0.6
    adc = np.where(line, rng.normal(PEAK, SIGMA, len(t)), rng.uniform(0, 2000, len(t)))
    order = np.argsort(t, kind="stable")
    return t[order], np.rint(adc).astype(np.int64)[order], channel[order]


@pytest.fixture(scope="module")
def store(hits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plots")
    t, adc, channel = hits
    (t | adc << 44 | channel << 60).astype("<u8").tofile(folder / "words")
    (folder / "tagger.toml").write_text(DECLARED)
    everyhit(
        "ingest", folder / "words", "--detector", folder / "tagger.toml", "--store", folder / "s"
    )
    return folder / "s"


def test_a_spectrum_has_its_peak_where_it_lies(store, hits, tmp_path):
    asked = ("--bins", 100, "--low", 0, "--high", 2000, "--fit", "peak")
    got = json.loads(everyhit("plot", "spectrum", "adc", *asked, "--store", store, "--json"))
    assert got["counts"] == np.histogram(hits[1], 100, (0, 2000))[0].tolist()
    fit = got["fit"]
    for name, true in (("mean", PEAK), ("sigma", SIGMA)):
        assert abs(fit["values"][name] - true) < 5 * fit["errors"][name]
    assert fit["errors"]["mean"] == pytest.approx(SIGMA / np.sqrt(fit["values"]["area"]), rel=0.3)
    assert fit["chi2"] < fit["ndf"] + 5 * np.sqrt(2 * fit["ndf"])
    for ending, begins in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        out = tmp_path / f"a.{ending}"
        said = everyhit("plot", "spectrum", "adc", *asked, "--log", "--out", out, "--store", store)
        assert out.read_bytes().startswith(begins)
        assert "mean = " in said
    assert "χ²/ndf" in out.read_text()


def test_a_spectrum_goes_out_as_numbers(store, hits, tmp_path):
    everyhit(
        "plot", "spectrum", "adc", "--bins", 50, "--low", 0, "--high", 100, "--where", "ch = 1",
        "--out", tmp_path / "a.csv", "--store", store,
    )  # fmt: skip
    table = np.loadtxt(tmp_path / "a.csv", delimiter=",", skiprows=1)
    adc = hits[1][hits[2] == 1]
    assert table[:, 2].tolist() == np.histogram(adc, 50, (0, 100))[0].tolist()
    assert table[:, 1].tolist() == list(range(2, 101, 2))


def test_coincidences_are_a_peak_between_channels(store, hits, tmp_path):
    asked = ("--first", "ch == 0", "--second", "ch == 1", "--within", "1us")
    got = json.loads(
        everyhit("plot", "time-difference", *asked, "--bins", 201, "--store", store, "--json")
    )
    t0, t1 = (hits[0][hits[2] == channel] for channel in (0, 1))
    d = (t1[None, :] - t0[:, None]).ravel()
    assert got["unit"] == "us"
    edges = np.rint(np.array(got["edges"]) * 1e3 * 2) / 2
    assert got["counts"] == np.histogram(d[(d >= edges[0]) & (d < edges[-1])], edges)[0].tolist()
    assert edges[np.argmax(got["counts"])] == pytest.approx(LAG, abs=15)
    out = tmp_path / "d.png"
    everyhit("plot", "time-difference", *asked, "--fit", "peak", "--out", out, "--store", store)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_times_between_hits_fall_off_with_the_rate(store, hits):
    asked = ("--by", "ch", "--within", "400us", "--fit", "exponential")
    got = json.loads(everyhit("plot", "time-difference", *asked, "--store", store, "--json"))
    d = np.concatenate([np.diff(hits[0][hits[2] == channel]) for channel in (0, 1)])
    edges = np.rint(np.array(got["edges"]) * 1e3 * 2) / 2
    assert sum(got["counts"]) == np.sum(d < edges[-1])
    assert got["above"] == np.sum(d > edges[-1])
    one = ("--by", "ch", "--within", "300us", "--fit", "exponential", "--from", 0)
    alone = json.loads(everyhit("plot", "time-difference", *one, "--store", store, "--json"))
    assert alone["fit"]["values"]["rate"] > 0
    assert "to the next" in everyhit("plot", "time-difference", "--store", store)


def test_a_map_counts_pairs(store, hits, tmp_path):
    asked = ("--bins", "20x2", "--x-range", "0:2000", "--y-range", "0:1")
    got = json.loads(everyhit("plot", "scatter", "adc", "ch", *asked, "--store", store, "--json"))
    expected = np.histogram2d(hits[1], hits[2], (20, 2), ((0, 2000), (0, 1)))[0]
    assert np.array(got["counts"]).T.tolist() == expected.tolist()
    out = tmp_path / "m.svg"
    everyhit("plot", "scatter", "adc", "t / 1e6", "--log", "--out", out, "--store", store)
    assert "pairs per cell" in out.read_text()


def test_rates_by_any_column_are_right_at_the_border(store, hits, tmp_path):
    asked = ("--by", "ch", "--bin", "70ms", "--where", "adc > 100")
    got = json.loads(everyhit("plot", "rate", *asked, "--store", store, "--json"))
    t, adc, channel = hits
    first = json.loads(
        everyhit("query", "SELECT min(t) AS t FROM hits", "--store", store, "--json")
    )
    t = t - t.min() + int(first["t"])  # since the run's start
    begin, end = t.min(), t.max()
    for row in got:
        n = np.sum((channel == row["ch"]) & (adc > 100) & (t >= row["t"]) & (t < row["t_end"]))
        assert row["n"] == n
        assert row["per_s"] == pytest.approx(row["n"] / (row["t_end"] - row["t"]) * 1e9)
    assert min(row["t"] for row in got) == begin
    assert max(row["t_end"] for row in got) in (end, end + 1)
    rates = [row["per_s"] for row in got if row["ch"] == 0]
    assert rates[-1] > 0.5 * np.mean(rates)
    everyhit("plot", "rate", "--bin", "1ms", "--out", tmp_path / "r.pdf", "--store", store)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("spectrum", "adc", "--fit", "bump"), "what is fitted is peak or exponential"),
        (("spectrum", "adc", "--fit-range", "1:2"), "--fit-range needs --fit"),
        (("spectrum", "adc", "--fit", "peak", "--fit-range", "x"), "write low:high"),
        (
            ("spectrum", "adc", "--fit", "peak", "--fit-range", "9000:9001"),
            "no bins in --fit-range",
        ),
        (("spectrum", "adc", "--where", "adc > 90000", "--fit", "peak"), "too few"),
        (("spectrum", "adcc"), "there is no column adcc; hits have link, ts, adc, ch"),
        (("spectrum", "adc", "--out", "a.bmp"), "its suffix names the kind"),
        (("time-difference", "--first", "ch == 0"), "both --first and --second"),
        (("time-difference", "--by", "colour"), "have no column colour; they have: link"),
        (("time-difference", "--within", "0ns"), "less than a tick"),
        (("scatter", "adc", "ch"), "--out map.png"),
        (("scatter", "adc", "ch", "--json", "--bins", "9000"), "write them as 60x40"),
        (("scatter", "adc", "ch", "--json", "--x-range", "9"), "write low:high"),
        (("rate", "--json", "--bin", "1ns"), "choose a longer --bin"),
        (("rate", "--json", "--bin", "0s"), "--bin 0s: that is less than a tick"),
        (("rate", "--json", "--by", "colour"), "have no column colour"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(store, asked, said):
    told = everyhit("plot", *asked, "--store", store, code=1)
    assert said in told
    assert told.count("\n") == 1

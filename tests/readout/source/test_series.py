"""Several files of a run: what goes on is left alone, what starts anew is moved or refused."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import SourceError
from readout.link.unwrap import Unwrapper, run_start
from readout.link.word_times import word_times
from readout.source.block import Block
from readout.source.series import Pause, in_series
from tests.toy import LONG

# Hits some ns apart: within the disorder of 1 us, or a pause.
STEPS = st.lists(st.integers(1, 5000), min_size=3, max_size=20)
SHORT = replace(LONG, wrap=2**20)  # a ms


def words(times, link=0, wrap=None):
    t = np.array(times, np.uint64) % np.uint64(wrap or 2**61)
    return Block(link, t)


def placed(detector, blocks, origin):
    """Times since the run's start, by link, as a readout makes them."""
    clocks, out = {}, {}
    for block in blocks:
        clock = clocks.setdefault(block.link, Unwrapper(detector, block.link, origin))
        times, sound, _ = word_times(detector)(block.words)
        out.setdefault(block.link, []).extend(clock.follow(times, sound, block.epoch)[0].tolist())
    return out


@given(STEPS, st.integers(3, 17), st.sampled_from([LONG, SHORT]))
def test_a_clock_that_goes_on_is_left_alone(steps, cut, detector):
    times = np.cumsum(steps) + 10**9
    whole = words(times, wrap=detector.wrap)
    origin = run_start(detector, whole.words)
    parts = [words(part, wrap=detector.wrap) for part in (times[:cut], times[cut:]) if len(part)]
    files = [(f"file {k}", [part]) for k, part in enumerate(parts)]
    joined = list(in_series(files, detector, origin))
    assert all(block.epoch is None for block in joined)
    assert placed(detector, joined, origin) == placed(detector, [whole], origin)


@given(st.lists(STEPS, min_size=2, max_size=4))
def test_each_file_follows_the_one_before(steps):
    detector = LONG
    starts_anew = [np.cumsum(each) for each in steps]
    blocks = [words(times, wrap=detector.wrap) for times in starts_anew]
    origin = run_start(detector, blocks[0].words)
    files = [(f"file {k}", [block]) for k, block in enumerate(blocks)]
    if any(a[-1] - b[0] <= detector.disorder for a, b in pairwise(starts_anew)):
        return  # it may well be the same clock
    joined = list(in_series(files, detector, origin, after=True))
    found = placed(detector, joined, origin)[0]
    expected, end = [], None
    for times in starts_anew:
        moved = times - origin if end is None else times - times[0] + end + 1
        expected += moved.tolist()
        end = moved.max()
    assert found == expected


def test_what_starts_anew_is_refused_with_where_and_what_to_do():
    files = [("a.dat", [words([10**9, 10**9 + 500])]), ("b.dat", [words([100, 200, 300])])]
    blocks = in_series(files, LONG, 0)
    assert next(blocks).link == 0
    line = r"b\.dat: its clock starts anew: its first hits lie 1 s before .* say --after .* or --at"
    with pytest.raises(SourceError, match=line):
        next(blocks)


def test_a_file_begins_when_it_is_said_and_the_pause_is_told():
    files = [
        ("a", [words([1000, 2000], 0), words([1500, 2600], 1)]),
        ("b", [words([7, 17], 0), words([9, 27], 1)]),
        ("c", [words([3, 4], 0)]),
    ]
    pauses = []
    joined = list(in_series(files, LONG, 0, [50_000, 90_000], paused=pauses.append))
    assert placed(LONG, joined, 0) == {
        0: [1000, 2000, 50_000, 50_010, 90_000, 90_001],
        1: [1500, 2600, 50_002, 50_020],
    }
    assert pauses == [Pause(0, 2001, 50_000), Pause(1, 2601, 50_002), Pause(0, 50_011, 90_000)]


def test_files_of_other_links_lie_side_by_side():
    files = [("a", [words([10**9, 10**9 + 10**6], 0)]), ("b", [words([10**9 + 5, 10**9 + 9], 1)])]
    joined = list(in_series(files, LONG, 10**9))
    assert placed(LONG, joined, 10**9) == {0: [0, 10**6], 1: [5, 9]}


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (500, r"b: it can't begin .* before the files before it end"),
        (3 * 2**20, "the counter tells"),
    ],
)
def test_what_cant_have_been_is_refused(begin, said):
    files = [("a", [words([10_000, 20_000])]), ("b", [words([1, 2])])]
    with pytest.raises(SourceError, match=said):
        list(in_series(files, SHORT, 0, [begin]))


DECLARED = """
name = "long"
title = "A time of 61 bits and a channel"
[fields]
ts = { bits = [0, 60] }
ch = { bits = [61, 63] }
[clock]
tick_ns = 1
time = "ts"
wrap = "2**61"
disorder = "1 us"
slice = "100 ms"
"""


def everyhit(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-c", "from ops.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.mark.slow
def test_the_command_takes_days_of_files(tmp_path):
    (tmp_path / "long.toml").write_text(DECLARED)
    t = np.arange(1, 2000, dtype="<u8") * 10**6
    for name in ("one", "two"):
        t.tofile(tmp_path / name)
    files = ("ingest", tmp_path / "one", tmp_path / "two", "--detector", tmp_path / "long.toml")
    store = ("--store", tmp_path / "s")
    told = everyhit(*files, *store, code=1)
    assert f"{tmp_path}/two: its clock starts anew" in told
    assert "give it 1 times" in everyhit(*files, "--at", "1h", "--at", "2h", *store, code=1)
    everyhit(*files, "--at", "2020-01-01T10:00:00Z", "--started", "2020-01-01T09:00:00Z", *store)
    asked = "SELECT count() AS n, min(t) AS a, max(t) AS b, countIf(t >= 3600000000000) AS late FROM hits"
    row = json.loads(everyhit("query", asked, *store, "--json"))
    assert {name: int(value) for name, value in row.items()} == {
        "n": 2 * len(t),
        "a": int(row["a"]),
        "b": 3600 * 10**9 + 1998 * 10**6,
        "late": len(t),
    }
    gap = json.loads(everyhit("query", "SELECT cause, b - a AS ns FROM gaps", *store, "--json"))
    assert gap["cause"] == "between files"
    assert 3500e9 < float(gap["ns"]) < 3600e9
    everyhit(*files, "--after", *store)
    row = json.loads(everyhit("query", asked, *store, "--json"))
    assert (int(row["n"]), int(row["b"]) - int(row["a"])) == (2 * len(t), 2 * 1998 * 10**6 + 1)

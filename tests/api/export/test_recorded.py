"""What went in comes out as the same bytes."""

from dataclasses import asdict
from itertools import count
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import structlog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.export.recorded import check_recorded, own_names, write_recorded
from db.catalogue.runs import open_run
from db.detector import load, loads
from db.errors import SourceError, UsageError
from db.words.recorded import RecordedFile, n_recorded, read_recorded
from readout.readout import Readout
from readout.source.open import open_source
from readout.source.series import in_series

RACK = loads(
    """
name = "rack"
title = "Crates whose words come through one cable"
words_per_hit = 2

[fields]
time = { bits = [0, 23] }
crate = { bits = [24, 26] }
kind = { bits = [27, 28] }
number = { word = 1, bits = [0, 63] }

[clock]
tick_ns = 1
time = "time"
wrap = "2**20"
disorder = "200 ns"
slice = "500 ns"

[words]
hit = "kind < 2"
timed = "kind != 3"
corrupt = "kind == 1"
link = "crate"
"""
)
TAGGER = loads("""
name = "tagger"
title = "Times in ps"

[fields]
time = { bits = [0, 59] }
input = { bits = [60, 63] }

[clock]
tick_ns = "1/1000"
time = "time"
disorder = "1 us"
slice = "1 us"
""")
_names = count()


@pytest.fixture(autouse=True)
def quiet():
    with structlog.testing.capture_logs():
        yield


def taken(engine, detector, paths, block_bytes=1 << 20, max_words=65536):
    """A run that is taken from files, as ``everyhit ingest --as-recorded`` does."""
    files = [RecordedFile(p.name, p.stat().st_size // 8 // detector.words_per_hit) for p in paths]
    told = {"recorded": [asdict(each) for each in files]}
    run = open_run(engine, detector, name=f"taken {next(_names)}", cell=10_000, settings=told)
    first, sources = 0, []
    for path, file in zip(paths, files, strict=True):
        source = open_source(path, detector, 0, force=True, block_bytes=block_bytes, first=first)
        sources.append((path.name, source.blocks))
        first += file.n_hits
    with Readout(engine, run, max_words=max_words) as readout:
        for block in in_series(sources, detector, 0, after=True):
            readout.push(block)
    return run


def given_back(engine, run, folder, n_files):
    check_recorded(engine, run)
    targets = [folder / f"back {k}" for k in range(n_files)]
    assert sum(1 for _ in write_recorded(engine, run, targets)) >= 1
    return [target.read_bytes() for target in targets]


def words_of(detector, seed, n_hits, kind):
    """Bytes of a file: times in order, shuffled, or nothing but noise in every bit."""
    rng = np.random.default_rng(seed)
    hits = rng.integers(0, 2**64, (n_hits, detector.words_per_hit), np.uint64)
    if kind != "noise":
        t = np.sort(rng.integers(0, 60 * n_hits, n_hits)).astype(np.uint64)
        if kind == "shuffled":
            rng.shuffle(t)
        low = np.uint64(24 if detector is RACK else 60)
        hits[:, 0] = hits[:, 0] >> low << low | t
    return hits.astype("<u8").tobytes()


file = st.tuples(
    st.integers(0, 2**32), st.integers(1, 400), st.sampled_from(["order", "shuffled", "noise"])
)


@pytest.mark.every_store
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    detector=st.sampled_from([RACK, TAGGER]),
    files=st.lists(file, min_size=1, max_size=3),
    block_bytes=st.integers(16, 4000),
    max_words=st.integers(1, 100),
)
@example(RACK, [(1, 400, "shuffled"), (1, 3, "noise")], 700, 7)
def test_the_same_bytes_come_back(engine, tmp_path, detector, files, block_bytes, max_words):
    with TemporaryDirectory(dir=tmp_path) as name:
        folder, sent = tmp_path / name, [words_of(detector, *each) for each in files]
        paths = [folder / f"{k}.bin" for k in range(len(files))]
        for path, data in zip(paths, sent, strict=True):
            path.write_bytes(data)
        run = taken(engine, detector, paths, block_bytes, max_words)
        assert given_back(engine, run, folder, len(files)) == sent


def test_packets_of_several_chips_come_back_with_all_that_is_no_hit(engine, tmp_path):
    rng, words = np.random.default_rng(5), []
    for _ in range(200):
        chip, n = rng.integers(0, 4), int(rng.integers(0, 30))
        words.append(int.from_bytes(b"TPX3", "little") | int(chip) << 32 | 8 * n << 48)
        heads = rng.choice([0xB, 0xA, 0x6, 0x4, 0x7], n).astype(np.uint64)
        words += (rng.integers(0, 2**60, n, np.uint64) | heads << np.uint64(60)).tolist()
    (tmp_path / "chips.tpx3").write_bytes(sent := np.array(words, "<u8").tobytes())
    run = taken(engine, load("timepix3"), [tmp_path / "chips.tpx3"], 1000)
    assert given_back(engine, run, tmp_path, 1) == [sent]


def test_blocks_are_bounded_and_have_all(engine, tmp_path):
    (tmp_path / "a").write_bytes(words_of(TAGGER, 3, 2000, "order"))
    run = taken(engine, TAGGER, [tmp_path / "a"], max_words=50)
    blocks = list(read_recorded(engine, run.run_id, block_hits=200))
    assert len(blocks) > 5
    assert max(len(words) for words, _ in blocks) <= 250
    assert sorted(np.concatenate([places for _, places in blocks])) == list(range(2000))


def test_a_run_that_is_not_whole_is_not_given_back(engine, tmp_path):
    (tmp_path / "a.bin").write_bytes(words_of(TAGGER, 3, 20, "order"))
    told = {"recorded": [asdict(RecordedFile("a.bin", 20))]}
    run = open_run(engine, TAGGER, name=f"part {next(_names)}", cell=10_000, settings=told)
    with Readout(engine, run) as readout:
        for block in open_source(tmp_path / "a.bin", TAGGER, force=True, block_bytes=80).blocks:
            readout.push(block)
    assert n_recorded(engine, run.run_id) == 0
    with pytest.raises(UsageError, match=r"has 0 of the 20 hits of a\.bin"):
        check_recorded(engine, run)
    other = open_run(engine, TAGGER, name=f"other {next(_names)}", cell=10_000)
    with pytest.raises(UsageError, match="keeps no places"):
        check_recorded(engine, other)


@pytest.mark.parametrize(
    ("detector", "data", "why"),
    [
        (load("compass"), b"BOARD;CHANNEL;TIMETAG;ENERGY;ENERGYSHORT;FLAGS\n", "of a table only"),
        (load("drift_tubes_v1"), None, "how its words were written"),
        (TAGGER, bytes(17), "its 17 bytes are no whole number of hits"),
    ],
)
def test_a_file_whose_bytes_are_not_kept_is_refused(tmp_path, detector, data, why):
    if data is None:
        header = ",".join(column.header for column in detector.text)
        data = f"{header}\n".encode()
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(SourceError, match=why):
        open_source(tmp_path / "file", detector, force=True, first=0)


def test_files_of_the_same_name_get_a_number():
    files = [RecordedFile(name, 1) for name in ("a", "b", "a")]
    assert own_names(files) == ["1-a", "b", "3-a"]

"""What is guessed of a file reads that file, and says what it was unsure of."""

import csv
import struct

import h5py
import numpy as np
import polars as pl
import pytest
import tifffile
import uproot

from db.detector import decode, encode, load, loads
from db.errors import SourceError
from readout.source.open import open_source
from readout.source.table.guess import detector_name, guess

N = 50
RANDOM = np.random.default_rng(5)
COLUMNS = {
    "TIMETAG": np.cumsum(RANDOM.integers(1, 10**6, N)),
    "CHANNEL": RANDOM.integers(0, 16, N),
    "ENERGY": RANDOM.integers(-300, 4000, N),
    "mV": np.round(RANDOM.uniform(0, 200, N), 2),
}


def write_csv(path, separator=",", header=True, above="", decimal="."):
    with path.open("w", newline="") as out:
        out.write(above)
        rows = csv.writer(out, delimiter=separator)
        if header:
            rows.writerow(COLUMNS)
        for row in zip(*(values.tolist() for values in COLUMNS.values()), strict=True):
            rows.writerow([*row[:-1], str(row[-1]).replace(".", decimal)])


def read(path, text):
    detector = loads(text)
    source = open_source(path, detector)
    found = [decode(detector, block.words) for block in source.blocks]
    assert (source.rows.rows, source.rows.n_bad) == (N, 0)
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


WRITTEN = {
    "commas": {},
    "semicolons": {"separator": ";", "decimal": ","},
    "blanks": {"separator": " ", "above": "Some detector\nof 3 channels\n\n"},
    "tabs": {"separator": "\t", "above": "# made at noon\n#\n"},
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_text_is_read_by_what_was_guessed_of_it(tmp_path, how):
    path = tmp_path / "hits 7.csv"
    write_csv(path, **WRITTEN[how])
    text = guess(path, detector_name(path))
    found = read(path, text)
    assert 'name = "hits_7"' in text
    assert "unit of TIMETAG" in text  # nobody told it
    assert found["t"].tolist() == COLUMNS["TIMETAG"].tolist()
    assert found["channel"].tolist() == COLUMNS["CHANNEL"].tolist()
    assert found["energy"].tolist() == COLUMNS["ENERGY"].tolist()
    assert found["mv"] == pytest.approx(COLUMNS["mV"], abs=1e-9)


def test_columns_without_a_header_get_numbers(tmp_path):
    write_csv(tmp_path / "hits.txt", header=False)
    text = guess(tmp_path / "hits.txt", "hits")
    assert "No header was found" in text
    assert "c1 is taken for the time because it grows" in text
    assert read(tmp_path / "hits.txt", text)["c3"].tolist() == COLUMNS["ENERGY"].tolist()


def write_root(path):
    with uproot.recreate(path) as out:
        out.mktree("few", {"x": "int32"}).extend({"x": np.arange(3, dtype=np.int32)})
        out.mktree("Data", {n: v.dtype for n, v in COLUMNS.items()}).extend(COLUMNS)


def write_hdf5(path):
    with h5py.File(path, "w") as out:
        for name, values in COLUMNS.items():
            out[f"entry/{name}"] = values
        out["entry/short"] = np.arange(3)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("hits.parquet", lambda path: pl.DataFrame(COLUMNS).write_parquet(path)),
        ("hits.arrow", lambda path: pl.DataFrame(COLUMNS).write_ipc(path)),
        ("hits.root", write_root),
        ("hits.h5", write_hdf5),
    ],
)
def test_a_file_of_columns_is_read_by_what_was_guessed_of_it(tmp_path, name, write):
    write(tmp_path / name)
    found = read(tmp_path / name, guess(tmp_path / name, "hits"))
    assert found["t"].tolist() == COLUMNS["TIMETAG"].tolist()
    assert found["energy"].tolist() == COLUMNS["ENERGY"].tolist()


def test_seconds_and_nanoseconds_since_1970_date_the_run(tmp_path):
    rows = [f"2013-09-10\t{1378771200 + 3 * n}\t{(n * 377_777_777) % 10**9}\t-1" for n in range(N)]
    (tmp_path / "station.tsv").write_text("# GPS\n" + "\n".join(rows))
    text = guess(tmp_path / "station.tsv", "station")
    assert "since = 1970-01-01T00:00:00Z" in text
    detector = loads(text)
    source = open_source(tmp_path / "station.tsv", detector)
    (block,) = source.blocks
    t = decode(detector, block.words, columns=["t"])["t"].tolist()
    assert t == [(1378771200 + 3 * n) * 10**9 + (n * 377_777_777) % 10**9 for n in range(N)]
    assert source.started_ns // 10**9 in range(1378771190, 1378771201)


def test_rows_that_go_back_give_a_disorder_that_takes_them(tmp_path):
    times = np.arange(N) * 100
    times[10:40:10] -= 350
    (tmp_path / "hits.csv").write_text("t_ns,ch\n" + "".join(f"{t},1\n" for t in times))
    detector = loads(guess(tmp_path / "hits.csv", "hits"))
    assert detector.disorder == 2 * 250
    assert detector.tick == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("name,colour\na,b\nc,d\n", "no row of numbers"),
        ("a,b\n5,1\n3,1\n2,1\n1,1\n", "none of them can be the time"),
        ("5\n", "there are not two rows"),
        ("\0\0\0", "no kind of table"),
    ],
)
def test_a_file_without_times_is_refused(tmp_path, content, says):
    (tmp_path / "f.csv").write_text(content)
    with pytest.raises(SourceError, match=says):
        guess(tmp_path / "f.csv", "f")


def test_files_of_a_known_detector_are_named_by_it(tmp_path):
    record = struct.pack("<HHHQHI", 0xCAE1, 0, 1, 12345, 7, 0)
    (tmp_path / "run.BIN").write_bytes(record + record[2:])
    with pytest.raises(SourceError, match="CoMPASS, which are known: take --detector compass"):
        guess(tmp_path / "run.BIN", "run")
    chip = load("timepix3")
    fields = {each.name: np.zeros(N, int) for each in chip.fields}
    fields |= {"toa": np.arange(N) * 7, "head": np.full(N, 0xB), "address": np.arange(N)}
    words = encode(chip, fields)
    (tmp_path / "chip.raw").write_bytes(words.tobytes())
    with pytest.raises(SourceError, match="they look like timepix3: try --detector timepix3"):
        guess(tmp_path / "chip.raw", "chip")


def write_frames(path, stack, stamped):
    if path.suffix == ".tif":
        tifffile.imwrite(path, stack, photometric="minisblack")
        return
    with h5py.File(path, "w") as out:
        out["entry/data"] = stack
        out["entry/small"] = stack[:, :1, :1]
        out["entry/current"] = np.zeros(len(stack))
        if stamped:
            out["entry/timestamps"] = 5 + np.arange(len(stack))


@pytest.mark.parametrize("name", ["frames.tif", "frames.h5", "stamped.h5"])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_frames_are_read_by_what_was_guessed_of_them(tmp_path, name, kind):
    stack = np.abs(RANDOM.normal(100, 3, (20, 30, 40))).astype(kind)
    stack[3, 4, 5], stack[19, 29, 39] = 1000, 3000
    if kind == np.uint16:
        stack[:, 7, 7] = 65535
    write_frames(tmp_path / name, stack, name == "stamped.h5")
    text = guess(tmp_path / name, "mine")
    assert ("masked = [65535]" in text) == (kind == np.uint16)
    assert ("1 s" in text) == (name == "stamped.h5")
    detector = loads(text)
    source = open_source(tmp_path / name, detector)
    (block,) = source.blocks
    found = decode(detector, block.words)
    hits = [found[column].tolist() for column in ("frame", "x", "y")]
    assert hits == [[3, 19], [5, 39], [4, 29]]
    assert found["value"] == pytest.approx([1000, 3000], rel=1e-3)
    assert (source.rows.frames, source.rows.n_bad) == (20, 0)


def test_counted_photons_are_told_from_nothing(tmp_path):
    stack = RANDOM.poisson(0.02, (20, 30, 40)).astype(np.uint32)
    write_frames(tmp_path / "frames.h5", stack, stamped=False)
    text = guess(tmp_path / "frames.h5", "mine")
    source = open_source(tmp_path / "frames.h5", loads(text))
    list(source.blocks)
    assert (source.rows.rows, source.rows.suppressed) == (int((stack > 0).sum()), 0)


def test_a_table_that_is_larger_than_a_picture_is_a_table(tmp_path):
    write_hdf5(tmp_path / "hits.h5")
    with h5py.File(tmp_path / "hits.h5", "a") as out:
        out["picture"] = np.zeros((3, 3, 3))
    assert "threshold" not in guess(tmp_path / "hits.h5", "hits")


@pytest.mark.parametrize("name", ["frames.tif", "frames.h5"])
def test_frames_that_are_cut_off_are_told(tmp_path, name):
    write_frames(tmp_path / name, np.ones((20, 30, 40)), stamped=False)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=name):
        guess(tmp_path / name, "mine")


def test_a_chunk_that_is_damaged_is_told(tmp_path):
    path = tmp_path / "frames.h5"
    with h5py.File(path, "w") as out:
        stack = RANDOM.integers(0, 9, (20, 30, 40))
        data = out.create_dataset("data", data=stack, chunks=(1, 30, 40), compression="gzip")
        at = data.id.get_chunk_info(7).byte_offset
    whole = bytearray(path.read_bytes())
    whole[at : at + 40] = bytes(40)
    path.write_bytes(whole)
    with pytest.raises(SourceError, match="no frames can be read from it"):
        guess(path, "mine")

"""What a file is: the words of every detector are taken, everything else is refused by name."""

import bz2
import gzip
import io
import lzma
import os
import re
import struct
import threading
import time
import zipfile
import zlib
from pathlib import Path

import h5py
import lz4.frame
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.detector import encode, load, loads
from db.errors import SourceError
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate
from readout.source.open import open_source
from readout.source.plausible import doubt

V1, V2, KM3NET = (load(name) for name in ("drift_tubes_v1", "drift_tubes_v2", "km3net"))
LONG = loads("""
name = "long"
title = "Two words a hit, a counter of 61 bits"
words_per_hit = 2

[fields]
ts = { bits = [0, 60] }
ch = { bits = [61, 63] }
adc = { word = 1, bits = [0, 63] }

[clock]
tick_ns = 1
time = "ts"
disorder = "1 us"
slice = "100 ms"

[text]
TS = "ts"
CH = "ch"
ADC = "adc"
""")
EVERY = [V1, V2, KM3NET, LONG]
DUMP = b"TS,CH,ADC\n" + b"".join(b"%d,%d,%d\n" % (1000 * k, k % 8, k) for k in range(500))


def words_of(source):
    return [word for block in source.blocks for word in block.words.tolist()]


def long_words(n=500, start=10**18, step=1000, seed=1):
    """Hits in order, about ``step`` ns apart."""
    rng = np.random.default_rng(seed)
    ts = start + np.cumsum(rng.integers(0, 2 * step, n))
    return encode(LONG, {"ts": ts, "ch": rng.integers(0, 8, n), "adc": rng.integers(0, 4096, n)})


@settings(max_examples=30)
@given(st.sampled_from([V1, V2]), st.integers(0, 2**60), st.integers(0, 99), st.integers(10, 3000))
def test_a_telescopes_words_are_plausible_wherever_its_counter_starts(detector, start, seed, rate):
    conditions = Conditions(rate, corrupt_fraction=0.2, noise_fraction=0.3, clock_start=start)
    words = simulate(detector, conditions, seed, 0, 60_000_000).stream.words
    found = doubt(words[:1000], detector)
    assert found is None or (not found.sure and len(words) < 8)


@settings(max_examples=30)
@given(st.integers(0, 2**60), st.integers(1, 10**12), st.integers(0, 99), st.integers(2, 1000))
def test_words_of_a_long_counter_are_plausible_at_any_rate(start, step, seed, n):
    assert doubt(long_words(n, start, step, seed), LONG) is None


@settings(max_examples=20)
@given(st.integers(2, 40), st.integers(0, 99))
def test_frames_of_modules_are_plausible(n_frames, seed):
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, 100_000_000, (n_frames, 25))).reshape(-1)
    fields = {"pmt": rng.integers(0, 31, len(time)), "tot": rng.integers(0, 256, len(time))}
    module = np.repeat(rng.integers(0, 2**31, n_frames), 25)
    assert doubt(encode(KM3NET, fields | {"time": time, "module": module}), KM3NET) is None


@settings(max_examples=60)
@given(st.sampled_from(EVERY), st.integers(0, 2**32), st.integers(64, 2000))
def test_random_words_are_not(detector, seed, n_hits):
    noise = np.random.default_rng(seed).bytes(8 * n_hits * detector.words_per_hit)
    found = doubt(np.frombuffer(noise, "<u8"), detector)
    assert found
    assert found.sure


def parquet():
    sink = io.BytesIO()
    rng = np.random.default_rng(1)
    pq.write_table(pa.table({"t": np.sort(rng.integers(0, 10**9, 5000))}), sink)
    return sink.getvalue()


def arrow():
    sink = io.BytesIO()
    table = pa.table({"t": np.random.default_rng(1).integers(0, 10**9, 500)})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write(table)
    return sink.getvalue()


def hdf5():
    sink = io.BytesIO()
    with h5py.File(sink, "w") as file:
        file["t"] = np.arange(5000)
    return sink.getvalue()


def zipped(data):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("hits.bin", data)
    return sink.getvalue()


def png():
    rows = b"".join(b"\0" + np.random.default_rng(k).bytes(90) for k in range(30))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 30, 30, 8, 2, 0, 0, 0)), (b"IDAT", rows)]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [parts[0], (b"IDAT", zlib.compress(parts[1][1])), (b"IEND", b"")]
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def compass():
    """Records with waveforms of 500 samples around a baseline."""
    rng, out = np.random.default_rng(3), [struct.pack("<H", 0xCAE9)]
    for n in range(40):
        out.append(struct.pack("<HHQHIBI", 0, n % 2, n * 50_000_000, 900, 0x4000, 1, 500))
        out.append(rng.integers(8000, 8100, 500).astype("<u2").tobytes())
    return b"".join(out)


WORDS = long_words().tobytes()
FOREIGN = {
    "bom": (b"\xef\xbb\xbf" + DUMP, "byte-order mark: give --format text"),
    "small_bom": (b"\xef\xbb\xbfTS,CH,ADC\n1000,1,5\n", "byte-order mark"),
    "utf16": (DUMP.decode().encode("utf-16"), "UTF-16"),
    "parquet": (parquet(), "Parquet"),
    "arrow": (arrow(), "Arrow"),
    "hdf5": (hdf5(), "HDF5"),
    "xz": (lzma.compress(WORDS), "xz: unpack it first"),
    "zip": (zipped(WORDS), "zip archive"),
    "gzip": (gzip.compress(WORDS), "gzip: unpack it first"),
    "bzip2": (bz2.compress(WORDS), "bzip2"),
    "lz4": (lz4.frame.compress(WORDS), "lz4"),
    "zstd": (pa.compress(WORDS, "zstd", asbytes=True), "zstd"),
    "big_endian": (long_words().byteswap().tobytes(), "big-endian: swap their bytes"),
    "compass": (compass(), "CoMPASS: try --detector compass"),
    "png": (png(), "PNG"),
    "python": (Path(__file__).read_bytes(), "looks like text: give --format text"),
    "random": (np.random.default_rng(1).bytes(16_000), "if it is right, give --force"),
    "zeros": (bytes(16_000), "repeated|sound hits"),
    "ones": (b"\xff" * 16_000, "repeated|sound hits|no link's"),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("detector", EVERY, ids=lambda each: each.name)
def test_what_is_something_else_is_refused_at_once_in_one_line(tmp_path, kind, detector):
    path, (data, problem) = tmp_path / "file", FOREIGN[kind]
    path.write_bytes(data)
    with pytest.raises(SourceError) as refused:
        open_source(path, detector)
    said = str(refused.value)
    assert "\n" not in said
    if detector is LONG:
        assert re.search(problem, said)
    # Forced, it is words: all that are whole.
    n = len(data) // (8 * detector.words_per_hit) * detector.words_per_hit
    taken = []
    try:
        for block in open_source(path, detector, force=True).blocks:
            taken += block.words.tolist()
    except SourceError as cut:
        assert "left over" in str(cut)
    assert sorted(taken) == sorted(np.frombuffer(data[: 8 * n], "<u8").tolist())


@pytest.mark.parametrize(
    "magic", [b"\x1f\x8b\x08", b"root", b"PAR1", b"TS,CH,A", b"\xe1\xca\0\0\1"]
)
def test_sound_words_that_begin_like_something_else_are_taken(tmp_path, magic):
    start = int.from_bytes(magic, "little")
    words = long_words(start=start)
    words[0] = start
    words[1] = int.from_bytes(b"DC\n1,1,1", "little")
    (tmp_path / "hits").write_bytes(words.tobytes())
    assert words_of(open_source(tmp_path / "hits", LONG)) == words.tolist()


def test_sound_words_of_printable_bytes_are_taken(tmp_path):
    rng = np.random.default_rng(1)
    letters = rng.integers(32, 127, (500, 8)).astype(np.uint64)
    ts = (letters[:, :4] << np.arange(0, 32, 8, dtype=np.uint64)).sum(axis=1)
    ts = np.sort(ts) + np.uint64(0x20202020 << 32)
    words = np.stack([ts, (letters << np.arange(0, 64, 8, dtype=np.uint64)).sum(axis=1)], axis=1)
    path = tmp_path / "hits"
    path.write_bytes(words.astype("<u8").tobytes())
    assert path.read_bytes().isascii()
    assert len(words_of(open_source(path, LONG))) == 1000


def test_what_is_named_text_is_read_as_text_with_a_byte_order_mark_or_from_a_pipe(tmp_path):
    for name, data in (("a", DUMP), ("b", b"\xef\xbb\xbf" + DUMP), ("c", gzip.compress(DUMP))):
        (tmp_path / name).write_bytes(data)
        assert len(words_of(open_source(tmp_path / name, LONG, form="text"))) == 1000
        pipe = tmp_path / f"{name}.pipe"
        os.mkfifo(pipe)
        threading.Thread(target=pipe.write_bytes, args=[data]).start()
        assert len(words_of(open_source(pipe, LONG, form="text"))) == 1000


@pytest.mark.parametrize("data", [DUMP, FOREIGN["parquet"][0], FOREIGN["random"][0]])
def test_what_is_no_words_is_refused_from_a_pipe_too(tmp_path, data):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[data[:4096]])
    writer.start()
    with pytest.raises(SourceError, match="give --force"):
        open_source(tmp_path / "pipe", LONG)
    writer.join()


def test_slow_words_that_turn_out_wrong_are_refused_before_there_are_a_thousand(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    def write():
        with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
            pipe.write(long_words(3).tobytes())
            time.sleep(1.3)
            pipe.write(FOREIGN["random"][0])

    writer = threading.Thread(target=write)
    writer.start()
    source = open_source(tmp_path / "pipe", LONG)
    assert len(next(source.blocks).words) == 6
    with pytest.raises(SourceError, match="no link's of long"):
        list(source.blocks)
    writer.join()

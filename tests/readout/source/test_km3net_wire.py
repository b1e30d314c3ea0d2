"""Records of KM3NeT's wire: files of theirs, and records that are written here byte by byte."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from km3net_testdata import data_path

from db.detector import decode, load
from db.errors import SourceError, UsageError
from readout.source.km3net_wire import looks_like_wire, read_wire, records
from readout.source.open import open_source

KM3NET = load("km3net")
SLICES = [  # file, stream, hits of its slices, modules
    ("IO_TSL0_legacy.dat", "slices", [200], 1),
    ("IO_TSL1_1003.dat", "L1", [1800] * 10, 9),
    ("IO_TSSN.dat", "SN", [4, 54], 11),
    ("IO_EVT.dat", "events", [239, 101, 35], 66),
]
Hit = tuple[int, int, int, int]
hits_of_slices = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 2**31 - 1),
            st.integers(0, 30),
            st.integers(0, 99_999_999),
            st.integers(0, 255),
        ),
        max_size=6,
    ),
    min_size=1,
    max_size=5,
)


def of(name: str) -> Path:
    return Path(data_path(f"daq/{name}"))


def header(kind: int, body: bytes, second: int, version: bytes) -> bytes:
    inner = struct.pack("<iiIII", 44, 6760, 3, second, 50_000_000 // 16)
    return struct.pack("<II", 8 + len(version + inner + body), kind) + version + inner + body


def slice_record(hits: list[Hit], second: int, version: bytes) -> bytes:
    frames = b""
    modules = sorted({hit[0] for hit in hits})
    for module in modules:
        own = b"".join(struct.pack(">BIB", *hit[1:]) for hit in hits if hit[0] == module)
        start = struct.pack("<iiIII", 44, 6760, 3, second, 50_000_000 // 16)
        inner = start + struct.pack("<I", module) + bytes(20) + struct.pack("<I", len(own) // 6)
        frames += struct.pack("<II", 8 + len(inner + own), 101) + inner + own
    return header(1003, struct.pack("<I", len(modules)) + frames, second, version)


@pytest.mark.parametrize(("name", "stream", "n_hits", "modules"), SLICES)
def test_files_of_the_experiment_come_out_whole(name, stream, n_hits, modules) -> None:
    found = records(of(name))
    assert {each.kind for each in found} == {stream}
    blocks = list(read_wire(of(name), KM3NET, found))
    assert [len(b.words) // 2 for b in blocks] == n_hits
    hits = [decode(KM3NET, b.words, b.epoch) for b in blocks]
    assert max(each["pmt"].max() for each in hits) <= 30
    assert max(each["time"].max() for each in hits) < 100_000_000
    assert len(set().union(*(each["module"].tolist() for each in hits))) == modules


def test_the_first_hit_is_what_the_bytes_say() -> None:
    source = open_source(of("IO_TSL0_legacy.dat"), KM3NET)
    hits = decode(KM3NET, next(source.blocks).words)
    first = {name: int(hits[name][0]) for name in ("module", "pmt", "time", "tot")}
    assert first == {"module": 0x302FEC37, "pmt": 13, "time": 0x0009EC5A, "tot": 0x19}
    assert source.started_ns == 0x5E96D24D * 10**9 + 0x00BEBC20 * 16


@given(hits_of_slices, st.booleans(), st.data())
def test_what_was_written_is_read_whatever_the_order(tmp_path_factory, slices, old, data) -> None:
    version = b"" if old else b"\x01\x00"
    seconds = data.draw(st.permutations(range(100, 100 + len(slices))))
    path = tmp_path_factory.mktemp("wire") / "IO.dat"
    written = [slice_record(h, s, version) for h, s in zip(slices, seconds, strict=True)]
    path.write_bytes(b"".join(written))
    assert looks_like_wire(path.read_bytes()[:16_000])
    wanted = sorted(
        ((s - 100) * 10**9 + time, module, pmt, tot)
        for hits, s in zip(slices, seconds, strict=True)
        for module, pmt, time, tot in hits
    )
    blocks = list(read_wire(path, KM3NET, records(path)))
    assert [b.epoch for b in blocks] == sorted(b.epoch for b in blocks)
    read = []
    for block in blocks:
        hits = decode(KM3NET, block.words, block.epoch)
        columns = (hits[name].tolist() for name in ("t", "module", "pmt", "tot"))
        read += list(zip(*columns, strict=True))
    assert sorted(read) == wanted


@given(st.integers(1, 3000))
def test_a_file_that_is_cut_off_is_refused_and_says_where(tmp_path_factory, missing) -> None:
    whole = of("IO_TSL1_1003.dat").read_bytes()
    path = tmp_path_factory.mktemp("cut") / "IO.dat"
    path.write_bytes(whole[:-missing])
    with pytest.raises(SourceError, match=r"IO\.dat: at byte 105066 begins no slice"):
        records(path)


def test_a_hit_that_changes_the_length_of_its_frame_is_no_record(tmp_path) -> None:
    whole = bytearray(of("IO_TSL0_legacy.dat").read_bytes())
    whole[0x54] += 1  # how many hits there are
    path = tmp_path / "IO.dat"
    path.write_bytes(whole)
    with pytest.raises(SourceError, match="at byte 0 begins no slice"):
        records(path)


def test_of_several_streams_one_is_named(tmp_path) -> None:
    path = tmp_path / "both.dat"
    path.write_bytes(of("IO_TSSN.dat").read_bytes() + of("IO_EVT.dat").read_bytes())
    with pytest.raises(SourceError, match="it has SN, events: name one with --tree"):
        open_source(path, KM3NET)
    with pytest.raises(SourceError, match="it has no L2; it has SN, events: give --tree"):
        open_source(path, KM3NET, tree="L2")
    hits = [len(b.words) // 2 for b in open_source(path, KM3NET, tree="SN").blocks]
    assert hits == [4, 54]


@pytest.mark.parametrize(
    "name", ["IO_MONIT.dat", "IO_SUM.dat", "IO_SUM_legacy.dat", "clb.dqd", "clb_acoustics.csk"]
)
def test_other_files_of_the_experiment_are_refused(name: str) -> None:
    start = of(name).read_bytes()[:16_000]
    assert not looks_like_wire(start)
    with pytest.raises(SourceError, match="--force"):
        open_source(of(name), KM3NET)
    with pytest.raises(SourceError, match="at byte 0 begins no slice and no event"):
        open_source(of(name), KM3NET, form="km3net")


def test_a_tree_of_a_file_that_has_none_is_a_mistake(tmp_path) -> None:
    path = tmp_path / "words.bin"
    blocks = open_source(of("IO_TSL1_1003.dat"), KM3NET).blocks
    path.write_bytes(next(blocks).words.tobytes())
    with pytest.raises(UsageError, match="--tree SN: .* is not KM3NeT's, and has no trees"):
        open_source(path, KM3NET, tree="SN")


def test_an_empty_file_is_refused(tmp_path) -> None:
    path = tmp_path / "IO.dat"
    path.write_bytes(b"")
    with pytest.raises(SourceError, match="empty"):
        records(path)


def test_words_are_what_random_bytes_are_not() -> None:
    rng = np.random.default_rng(1)
    assert not any(looks_like_wire(rng.bytes(4000)) for _ in range(1000))

"""CoMPASS files, written here byte by byte as CAEN's manual lays them out."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.detector import decode, load
from db.errors import SourceError
from readout.source.open import open_source
from readout.source.table.compass import read_compass

COMPASS = load("compass")
RECORD = st.tuples(
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 2**61 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 2**16 - 1), max_size=5),
)


def as_bytes(records, *, calibrated=False, waves=False):
    """Header and records; a test that read them with the same table of fields would prove little."""
    out = struct.pack("<H", 0xCAE0 | 1 | 2 * calibrated | 4 | 8 * waves)
    for board, channel, time, energy, short, flags, samples in records:
        out += struct.pack("<HHQH", board, channel, time, energy)
        out += struct.pack("<d", energy * 1.5) if calibrated else b""
        out += struct.pack("<HI", short, flags)
        if waves:
            out += struct.pack(f"<BI{len(samples)}H", 1, len(samples), *samples)
    return out


@given(
    records=st.lists(RECORD, min_size=1, max_size=20),
    calibrated=st.booleans(),
    waves=st.booleans(),
    piece_bytes=st.integers(30, 200),
)
def test_every_record_is_read(tmp_path_factory, records, calibrated, waves, piece_bytes):
    path = tmp_path_factory.mktemp("compass") / "run.BIN"
    path.write_bytes(as_bytes(records, calibrated=calibrated, waves=waves))
    columns = ["BOARD", "CHANNEL", "TIMETAG", "ENERGY", "ENERGYSHORT", "FLAGS"]
    pieces = [piece.frame for piece in read_compass(path, COMPASS.table, piece_bytes)]
    found = [row for frame in pieces for row in frame.select(columns).rows()]
    assert found == [record[:6] for record in records]


@pytest.mark.parametrize("waves", [False, True])
def test_a_file_that_ends_amid_a_record_says_so_behind_the_others(tmp_path, waves):
    record = (1, 3, 5_000_000, 700, 300, 0x4000, [10, 20, 30])
    path = tmp_path / "run.BIN"
    path.write_bytes(as_bytes([record] * 3, waves=waves)[:-1])
    blocks, words = open_source(path, COMPASS, force=True).blocks, []
    with pytest.raises(SourceError, match="bytes are left over behind record 1: it was cut off"):
        words += [block.words for block in blocks]
    path.write_bytes(as_bytes([record] * 3, waves=waves))
    (block,) = open_source(path, COMPASS, force=True).blocks
    found = decode(COMPASS, block.words, columns=["t", "channel", "energy", "flags"])
    assert np.unique(found["t"]).tolist() == [5_000_000]
    assert np.unique(found["channel"]).tolist() == [256 + 3]
    assert np.unique(found["energy"]).tolist() == [700]
    assert np.unique(found["flags"]).tolist() == [0x4000]

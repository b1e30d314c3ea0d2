"""Frames in files that a master file links."""

import h5py
import numpy as np
import pytest

from db.detector import decode, loads
from db.errors import SourceError
from readout.source.open import open_source
from readout.source.table.guess import guess


def write_master(folder, sizes, number=None):
    """A file of links to files with so many frames each; frame k has k + 1 in its first pixel."""
    whole = np.zeros((sum(sizes), 3, 4), np.uint16)
    whole[:, 0, 0] = np.arange(len(whole)) + 1
    start = 0
    with h5py.File(folder / "master.h5", "w") as master:
        for k, size in enumerate(sizes, 1):
            with h5py.File(folder / f"part_{k}.h5", "w") as part:
                data = whole[start : start + size]
                part.create_dataset("entry/data/data", data=data, chunks=(1, 3, 4))
            link = h5py.ExternalLink(f"part_{k}.h5", "/entry/data/data")
            master[f"entry/data/data_{k:06d}"] = link
            master[f"again/{k}"] = h5py.SoftLink(f"/entry/data/data_{k:06d}")
            start += size
        master["entry/back"] = h5py.SoftLink("/entry")
    return folder / "master.h5"


MASTER = """
name = "master"
title = "Frames in several files"
[table]
time = { frame = "1 ms" }
threshold = 0
%s
[table.values]
value = { column = "value", type = "uint16" }
frame = { column = "frame", type = "uint24" }
"""


@pytest.mark.parametrize("place", ["", 'place = "entry/data"', 'place = "again"'])
def test_a_master_file_gives_the_frames_of_all_files_that_it_links(tmp_path, place):
    master, detector = write_master(tmp_path, [5, 1, 4]), loads(MASTER % place)
    found = [
        decode(detector, block.words, columns=["value", "frame"])
        for block in open_source(master, detector).blocks
    ]
    assert np.concatenate([each["frame"] for each in found]).tolist() == list(range(10))
    assert np.concatenate([each["value"] for each in found]).tolist() == list(range(1, 11))


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_file_that_a_master_file_links_and_that_is_gone_is_named(tmp_path, gone):
    master = write_master(tmp_path, [5, 1, 4])
    (tmp_path / f"part_{gone}.h5").unlink()
    for place in ("", 'place = "entry/data"'):
        with pytest.raises(SourceError, match=rf"(part_|data_00000){gone}.*isn't there"):
            open_source(master, loads(MASTER % place))


def test_a_master_file_is_guessed(tmp_path):
    detector = loads(guess(write_master(tmp_path, [5, 1, 4]), "master"))
    (block,) = open_source(tmp_path / "master.h5", detector).blocks
    assert decode(detector, block.words, columns=["value"])["value"].tolist() == list(range(1, 11))

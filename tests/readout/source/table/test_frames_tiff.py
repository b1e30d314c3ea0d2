"""Frames in TIFF files, whoever wrote them."""

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from stacks import DECLARED, by_hand, hits_of, pixels, stacks

from db.detector import loads
from db.errors import SourceError
from readout.source.open import open_source
from readout.source.table import frames


@pytest.fixture
def tiff(tmp_path):
    return tmp_path / "frames.tif"


def write_tiff(path, stack, **how):
    """A page for each frame."""
    byteorder = "<" if stack.dtype.byteorder != ">" else ">"
    with tifffile.TiffWriter(path, byteorder=byteorder, bigtiff=how.pop("bigtiff", False)) as out:
        for frame in stack:
            out.write(frame, contiguous=how.get("contiguous", False), photometric="minisblack")


@settings(max_examples=60, deadline=None)
@given(
    stack=stacks(),
    threshold=st.integers(-2, 5),
    how=st.sampled_from(["pages", "contiguous", "big", "stack", "zlib"]),
    piece_pixels=st.sampled_from([1, 20, 1 << 23]),
)
def test_pages_of_tiff_are_frames(tmp_path_factory, stack, threshold, how, piece_pixels):
    path = tmp_path_factory.getbasetemp() / "frames.tif"
    if how in ("stack", "zlib") and stack.shape[2] > 1:  # else it takes columns for samples
        compression = "zlib" if how == "zlib" else None
        tifffile.imwrite(path, stack, photometric="minisblack", compression=compression)
    else:
        write_tiff(path, stack, contiguous=how == "contiguous", bigtiff=how == "big")
    detector = pixels(threshold=threshold)
    level = np.full(stack.shape[1:], threshold).tolist()
    expected, n_dark = by_hand(stack, range(len(stack)), level)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "PIECE_PIXELS", piece_pixels)
        if not expected:
            with pytest.raises(SourceError, match="none of its"):
                open_source(path, detector)
            return
        source = open_source(path, detector)
        hits, left_out = hits_of(source.blocks, detector)
    assert hits == expected
    assert sum(n for _, _, n in left_out) == source.rows.suppressed == n_dark


def test_what_imagej_stacks_is_read(tiff):
    stack = np.arange(60, dtype=np.uint16).reshape(5, 3, 4)
    tifffile.imwrite(tiff, stack, imagej=True)
    hits, _ = hits_of(open_source(tiff, pixels()).blocks, pixels())
    assert [counts for *_, counts in hits] == list(range(4, 60))


@pytest.mark.parametrize("whole", [True, False])
def test_frames_behind_a_single_page_are_read(tiff, whole):
    stack = np.arange(60, dtype=np.uint16).reshape(5, 3, 4)
    tifffile.imwrite(tiff, stack, imagej=True)
    with tifffile.TiffFile(tiff) as file:
        at = file.pages[0].offset
    data = bytearray(tiff.read_bytes())
    end = (
        at
        + 2
        + 12 * int.from_bytes(data[at : at + 2], "little" if file.byteorder == "<" else "big")
    )
    data[end : end + 4] = bytes(4)  # as ImageJ writes more than 4 GB: no page behind the first
    tiff.write_bytes(data if whole else data[: end + 100])
    if not whole:
        with pytest.raises(SourceError, match="damaged, or cut off"):
            open_source(tiff, pixels())
        return
    hits, _ = hits_of(open_source(tiff, pixels()).blocks, pixels())
    assert [counts for *_, counts in hits] == list(range(4, 60))


@pytest.mark.parametrize("how", ["pages", "stack", "zlib", "imagej"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.8])
def test_a_tiff_that_is_cut_off_is_told(tiff, how, share, capfd):
    stack = np.random.default_rng(2).integers(0, 99, (9, 20, 30)).astype(np.uint16)
    if how == "pages":
        write_tiff(tiff, stack)
    else:
        compression = "zlib" if how == "zlib" else None
        tifffile.imwrite(
            tiff, stack, photometric="minisblack", compression=compression, imagej=how == "imagej"
        )
    whole = tiff.read_bytes()
    tiff.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match="frames.tif: damaged, or cut off") as refused:
        list(open_source(tiff, pixels(), force=True).blocks)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (
            lambda path: tifffile.imwrite(path, np.zeros((9, 8, 3), np.uint8), photometric="rgb"),
            r"shape \(9, 8, 3\) of uint8: frames are pages",
        ),
        (
            lambda path: write_tiff(path, np.zeros((2, 9, 8), np.complex64)),
            "of complex64: frames are pages",
        ),
        (
            lambda path: [
                tifffile.imwrite(path, np.full((9, n), 5, np.uint8), append=n > 8) for n in (8, 9)
            ],
            r"page 1 has the shape \(9, 9\) of uint8, the first one \(9, 8\)",
        ),
    ],
)
def test_pages_that_are_no_frames_are_one_line(tiff, write, says):
    write(tiff)
    with pytest.raises(SourceError, match=says):
        list(open_source(tiff, pixels()).blocks)


def test_a_tiff_has_frames_only(tiff):
    write_tiff(tiff, np.full((4, 9, 8), 5, np.uint8))
    with pytest.raises(SourceError, match="frames only, and no stamps"):
        open_source(tiff, pixels('{ stamps = "1 s" }'))
    untold = loads(DECLARED % 'time = { frame = "1 ms" }')
    with pytest.raises(SourceError, match=r"say in \[table\] threshold which pixels"):
        open_source(tiff, untold)

"""Stacks of frames become the pixels above the threshold, and what was left out is counted."""

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from db.detector import decode, loads
from db.errors import DeclarationError, SourceError
from readout.source.open import open_source
from readout.source.table import frames
from readout.source.table.guess import guess

DECLARED = """
name = "pixels"
title = "An area detector"

[table]
%s

[table.values]
x = { column = "x", type = "uint12" }
y = { column = "y", type = "uint12" }
counts = { column = "value", type = "int32" }
frame = { column = "frame", type = "uint24" }
"""


def pixels(time='{ frame = "1 ms" }', threshold="3", more=""):
    return loads(DECLARED % f"time = {time}\nthreshold = {threshold}\n{more}")


def hits_of(blocks, detector):
    """(t, frame, x, y, counts) of each hit, and (a, b, n) of what was left out."""
    hits, left_out = [], []
    for block in blocks:
        names = ("t", "frame", "x", "y", "counts")
        columns = decode(detector, block.words, columns=list(names))
        hits += zip(*(columns[name].tolist() for name in names), strict=True)
        if (dark := block.suppressed) is not None:
            left_out.append((dark.a, dark.b, dark.n_hits))
    return hits, left_out


def by_hand(stack, times, level):
    """The same, pixel by pixel."""
    hits, n_dark = [], 0
    for number, frame in enumerate(stack.tolist()):
        for y, row in enumerate(frame):
            for x, value in enumerate(row):
                if value > level[y][x]:
                    hits.append((times[number], number, x, y, value))
                elif value != 0:
                    n_dark += 1
    return hits, n_dark


def write_hdf5(path, stack, **how):
    with h5py.File(path, "w") as out:
        out.create_dataset("entry/data/data", data=stack, **how)
        out["entry/data/stamps"] = np.arange(len(stack)) * 0.25 + 7
        out["entry/temperature"] = 293.0
        out["entry/mask"] = np.full(stack.shape[1:], 3)


SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 6))
KINDS = st.sampled_from([np.uint8, np.uint16, np.int32, ">u2", "<i2", np.float32])


@st.composite
def stacks(draw):
    """Frames of which most pixels are dark."""
    kind = np.dtype(draw(KINDS))
    low = 0 if kind.kind == "u" else -4
    values = st.integers(low, 9).map(lambda n: n if n < 7 else 100 + n)
    return draw(arrays.arrays(kind, draw(SHAPES), elements=values, fill=st.just(0)))


@settings(max_examples=80, deadline=None)
@given(
    stack=stacks(),
    threshold=st.integers(-2, 5),
    how=st.sampled_from(
        [{}, {"compression": "gzip", "shuffle": True}, {"chunks": True}, {"compression": "lzf"}]
    ),
    piece_pixels=st.sampled_from([1, 20, 1 << 23]),
    stamped=st.booleans(),
    mapped=st.booleans(),
    data=st.data(),
)
def test_every_pixel_is_a_hit_or_counted(
    tmp_path_factory, stack, threshold, how, piece_pixels, stamped, mapped, data
):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "frames.h5"
    write_hdf5(path, stack, **how)
    level = np.full(stack.shape[1:], threshold)
    if mapped:
        elements = st.one_of(st.integers(-2, 5), st.just(10**6))
        level = data.draw(arrays.arrays(np.int64, stack.shape[1:], elements=elements))
        np.save(folder / "levels.npy", level)
    time = '{ "entry/data/stamps" = "1 s" }\n' if stamped else '{ frame = "1 ms" }'
    detector = pixels(time, '"levels.npy"' if mapped else threshold, 'place = "entry/data/data"')
    # To the nearest tick, halves up.
    times = [int(np.floor(n * 0.25 + 7.5)) if stamped else n for n in range(len(stack))]
    expected, n_dark = by_hand(stack, times, level.tolist())
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
    assert (source.rows.rows, source.rows.frames) == (len(expected), len(stack))
    assert all(times[0] <= a < b <= times[-1] + 1 for a, b, _ in left_out)


def test_dark_frames_at_the_end_are_counted_with_their_times(tmp_path, monkeypatch):
    stack = np.ones((50, 2, 3), np.uint16)
    stack[20, 1, 2] = 9
    write_hdf5(tmp_path / "frames.h5", stack)
    monkeypatch.setattr(frames, "PIECE_PIXELS", 60)
    detector = pixels()
    hits, left_out = hits_of(open_source(tmp_path / "frames.h5", detector).blocks, detector)
    assert hits == [(20, 20, 2, 1, 9)]
    assert left_out == [(0, 30, 179), (30, 50, 120)]


def test_a_map_may_lie_in_the_file(tmp_path):
    stack = np.arange(24, dtype=np.int32).reshape(4, 2, 3)
    write_hdf5(tmp_path / "frames.h5", stack)
    detector = pixels(threshold='"entry/mask"')
    source = open_source(tmp_path / "frames.h5", detector)
    blocks = list(source.blocks)
    assert len(hits_of(blocks, detector)[0]) == 20
    assert blocks[0].suppressed.rule.startswith("above entry/mask, SHA-256 ")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"threshold": '"no.npy"'}, "no.npy: the threshold's map can't be read"),
        ({"threshold": '"words.npy"'}, "words.npy: the threshold's map can't be read"),
        ({"threshold": '"small.npy"'}, r"small.npy has the shape \(2,\), and a frame \(2, 3\)"),
        ({"threshold": '"entry/nothing"'}, "it has no dataset of numbers entry/nothing"),
        ({"more": 'place = "entry/data/date"'}, "did you mean entry/data/data"),
        ({"more": 'place = "entry/mask"'}, r"entry/mask is \(2, 3\) of int64: frames are"),
        ({"more": 'place = "entry"'}, "entry is a group: frames are"),
        ({"time": '{ "entry/temperature" = "1 s" }'}, "has the shape"),
        ({"time": '{ "entry/text" = "1 s" }'}, "it has no dataset of numbers entry/text"),
    ],
)
def test_what_does_not_fit_the_frames_is_one_line(tmp_path, given, says):
    np.save(tmp_path / "small.npy", np.zeros(2))
    (tmp_path / "words.npy").write_bytes(b"none of NumPy's")
    write_hdf5(tmp_path / "frames.h5", np.full((4, 2, 3), 5, np.uint16))
    with pytest.raises(SourceError, match=says) as refused:
        open_source(tmp_path / "frames.h5", pixels(**given))
    assert "\n" not in str(refused.value)


def test_two_stacks_are_told_apart_by_name(tmp_path):
    with h5py.File(tmp_path / "frames.h5", "w") as out:
        out["a"] = out["b"] = np.full((4, 2, 3), 5, np.uint16)
        out["c"] = np.full((4, 2, 3), "text", "S4")
    with pytest.raises(SourceError, match="there is /a, /b: name it in"):
        open_source(tmp_path / "frames.h5", pixels())
    assert open_source(tmp_path / "frames.h5", pixels(more='place = "b"'))


def test_values_that_do_not_fit_are_named_or_left_out(tmp_path):
    stack = np.full((3, 2, 3), 5, np.uint32)
    stack[1, 1, 0] = 2**32 - 1
    write_hdf5(tmp_path / "frames.h5", stack)
    source = open_source(tmp_path / "frames.h5", pixels())
    with pytest.raises(SourceError, match=r"pixel 9: value is 4294967295, it must lie in"):
        list(source.blocks)
    detector = pixels(more='bad_rows = "skip"')
    source = open_source(tmp_path / "frames.h5", detector)
    assert len(hits_of(source.blocks, detector)[0]) == 17
    assert (source.rows.n_bad, source.rows.suppressed) == (1, 0)


@settings(deadline=None)
@given(stack=stacks(), masked=st.lists(st.sampled_from([-4, -1, 0, 2, 5, 107, 70000]), max_size=3))
def test_masked_pixels_are_neither_hits_nor_counted(tmp_path_factory, stack, masked):
    path = tmp_path_factory.getbasetemp() / "masked.h5"
    write_hdf5(path, np.concatenate([np.full_like(stack[:1], 108), stack]))
    detector = pixels(more=f'place = "entry/data/data"\nmasked = {masked}')
    source = open_source(path, detector, force=True)
    hits, _ = hits_of(source.blocks, detector)
    values = [value for value in stack.reshape(-1).tolist() if value not in masked]
    assert [counts for _, n, *_, counts in hits if n] == [value for value in values if value > 3]
    assert source.rows.suppressed == sum(value <= 3 and value != 0 for value in values)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_told(tmp_path, share):
    path = tmp_path / "frames.h5"
    write_hdf5(path, np.random.default_rng(3).integers(0, 9, (40, 20, 30)), compression="gzip")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match="damaged, or cut off"):
        list(open_source(path, pixels()).blocks)


def test_another_kind_of_file_holds_no_frames(tmp_path):
    (tmp_path / "frames.csv").write_text("x,y\n1,2\n")
    with pytest.raises(SourceError, match="frames are read from HDF5 and TIFF, this is text"):
        open_source(tmp_path / "frames.csv", pixels())


@pytest.mark.parametrize("threshold", ["true", "nan", "inf", '""', "[1]", "1" + "0" * 400])
def test_a_threshold_is_a_number_or_a_map(threshold):
    with pytest.raises(DeclarationError, match="threshold: "):
        pixels(threshold=threshold)


@pytest.mark.parametrize("masked", ['"all"', "[true]", '["1"]', "[nan]"])
def test_masked_values_are_numbers(masked):
    with pytest.raises(DeclarationError, match="masked: "):
        pixels(more=f"masked = {masked}")
    with pytest.raises(DeclarationError, match="masked: this is for frames"):
        loads(DECLARED % 'time = { frame = "1 ms" }\nmasked = [1]')


def test_a_pixel_has_no_time_of_its_own():
    with pytest.raises(DeclarationError, match="x: a frame's pixels share its time"):
        pixels('{ x = "1 ns" }')


@pytest.mark.parametrize("name", ["Bitshuffle", "LZ4", "Zstd", "Blosc"])
def test_filters_of_image_detectors_are_read(tmp_path, name):
    plugin = pytest.importorskip("hdf5plugin")
    stack = np.arange(24, dtype=np.uint32).reshape(4, 2, 3)
    write_hdf5(tmp_path / "frames.h5", stack, chunks=(1, 2, 3), **getattr(plugin, name)())
    hits, _ = hits_of(open_source(tmp_path / "frames.h5", pixels()).blocks, pixels())
    assert [counts for *_, counts in hits] == list(range(4, 24))


def test_a_filter_that_is_not_there_is_told(tmp_path):
    with h5py.File(tmp_path / "frames.h5", "w") as out:
        kind = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        kind.set_chunk((1, 2, 3))
        kind.set_filter(256, h5py.h5z.FLAG_OPTIONAL, (1,))  # a number for one's own, never there
        space = h5py.h5s.create_simple((4, 2, 3))
        data = h5py.h5d.create(out.id, b"data", h5py.h5t.NATIVE_INT32, space, kind)
        for n in range(4):
            data.write_direct_chunk((n, 0, 0), np.full((2, 3), 9, np.int32).tobytes())
    with pytest.raises(SourceError, match="filter 256 .*isn't there: pip install"):
        open_source(tmp_path / "frames.h5", pixels())


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

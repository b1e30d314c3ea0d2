"""Stacks of frames become the pixels above the threshold, and what was left out is counted."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from stacks import DECLARED, by_hand, hits_of, pixels, stacks, write_hdf5

from db.detector import loads
from db.errors import DeclarationError, SourceError
from readout.source.open import open_source
from readout.source.table import frames


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

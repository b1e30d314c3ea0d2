import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from batches import batch, contents, plain
from hypothesis import given
from hypothesis import strategies as st

from db.errors import StoreError
from readout.spool import batch_file
from readout.spool.batch_file import RECORD_BYTES
from readout.spool.spool import Spool


def fill(folder, made, stored=()):
    """Append batches, note some (number, index) as stored; what else must be waiting."""
    expected = {}
    with Spool(folder) as spool:
        for n, (sizes, n_gaps) in enumerate(made):
            each = batch(n, sizes, n_gaps)
            assert spool.append(each) == n
            for index, part in enumerate(each.parts):
                expected[n, index] = plain(part)
        for n, index in sorted(expected):
            spool.note_tried(n, index, 1)
        for n, index in sorted(set(stored) & set(expected)):
            spool.note_stored(n, index)
            del expected[n, index]
    return expected


def waiting(spool):
    return {(w.number, w.index): plain(spool.part(w.number, w.index)) for w in spool.waiting()}


places = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)))


@given(st.lists(contents, max_size=5), places)
def test_what_waits_comes_back_equal_and_in_order(made, stored):
    with TemporaryDirectory() as folder:
        expected = fill(Path(folder), made, stored)
        with Spool(Path(folder)) as spool:
            assert waiting(spool) == expected
            assert list(waiting(spool)) == sorted(expected)
            assert spool.damage == []
            marks = spool.marks(1)
            assert marks == (batch(len(made) - 1, *made[-1]).marks if made else {})
            for number, index in expected:
                spool.note_stored(number, index)
            assert (spool.n_bytes, spool.n_waiting, spool.oldest_s) == (0, 0, 0.0)
            assert spool.marks(1) == marks
            assert len(list(Path(folder).glob("*.batch"))) == bool(made)


@given(st.lists(contents, min_size=1, max_size=4), places, st.data())
def test_damage_anywhere_takes_only_what_it_hits_and_is_reported(made, stored, data):
    with TemporaryDirectory() as name:
        folder = Path(name)
        expected = fill(folder, made, stored)
        paths = sorted(folder.glob("*.batch"))
        path = data.draw(st.sampled_from(paths))
        size = path.stat().st_size
        notes = st.integers(max(0, size - 4 * RECORD_BYTES), size - 1)
        place = data.draw(st.integers(0, size - 1) | notes)
        content = bytearray(path.read_bytes())
        cut = data.draw(st.booleans(), label="cut off")
        if cut:
            del content[place:]
        else:
            content[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)

        with Spool(folder) as spool:
            found = waiting(spool)
            hit = int(path.stem)
            lost = {key for key in expected if key not in found}
            assert {number for number, _ in lost} <= {hit}
            assert bool(spool.damage) or not lost
            # What was noted as stored may wait again, since the note is gone: the store knows it.
            again = {key for key in found if key not in expected}
            assert again <= set(stored)
            assert all(found[key] == expected[key] for key in found if key in expected)
            # Nor may a part be sent to another shard than before; the last note may be half-written.
            if not cut and place < len(content) - RECORD_BYTES:
                assert all(each.tried == 1 or not each.sure for each in spool.waiting())
            assert spool.append(batch(50, [[1]])) > len(made) - 1
        if spool.damage:
            assert path.with_suffix(".damaged").exists()
        with Spool(folder) as spool:
            assert list(spool.waiting())[-1].number > hit


def test_what_was_cut_off_while_it_was_written_is_removed(tmp_path):
    fill(tmp_path, [([[3]], 0)])
    (tmp_path / "000000000001.new").write_bytes(b"EHSP")
    with Spool(tmp_path) as spool:
        assert list(waiting(spool)) == [(0, 0)]
    assert not list(tmp_path.glob("*.new"))


def test_a_part_that_is_damaged_while_it_waits_is_refused_and_set_aside(tmp_path):
    fill(tmp_path, [([[3], [4]], 0), ([[1]], 0)])
    with Spool(tmp_path) as spool:
        path = tmp_path / "000000000000.batch"
        content = bytearray(path.read_bytes())
        content[spool.batch_of(0).places[1][0] + 5] ^= 1
        path.write_bytes(content)
        with pytest.raises(StoreError, match="part 1"):
            spool.part(0, 1)
        spool.give_up(0, 1, "part 1 is damaged")
        assert list(waiting(spool)) == [(0, 0), (1, 0)]
        spool.note_stored(0, 0)
        assert spool.n_waiting == 1
    with Spool(tmp_path) as spool:
        ((number, file),) = spool.lost()
        assert (number, file.lost) == (0, [1])
        spool.forget(number)
        assert not path.exists()
    assert (tmp_path / "000000000000.damaged").exists()
    assert "1 of its 2 parts are damaged" in spool.damage[0]


def test_a_folder_belongs_to_one_process_at_a_time(tmp_path):
    with Spool(tmp_path), pytest.raises(StoreError, match="in use by another process"):
        Spool(tmp_path)
    Spool(tmp_path).close()


def test_a_newer_format_is_refused_and_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_file, "VERSION", 3)
    expected = fill(tmp_path, [([[3]], 0)])
    monkeypatch.undo()
    with pytest.raises(StoreError, match="is of format 3, this everyhit knows 2"):
        Spool(tmp_path)
    monkeypatch.setattr(batch_file, "VERSION", 3)
    with Spool(tmp_path) as spool:
        assert waiting(spool) == expected


def test_it_is_bounded_but_takes_one_batch_whatever_its_size(tmp_path):
    with Spool(tmp_path, most_bytes=100_000) as spool:
        assert spool.has_room(10**9)
        spool.append(batch(0, [[5000]]))
        assert not spool.has_room(8000)
        assert spool.has_room(6000)


def test_a_folder_that_can_not_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't make a spool in"):
        Spool(tmp_path / "file")


def opened(descriptor) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


class Crash(BaseException):
    """The power is cut."""


class Disk:
    """Does what the operating system does until a step; then only what was synced is sure.

    A file loses any part of what was written since it was last synced, a name that was given since
    the folder was last synced is taken back, or isn't.
    """

    def __init__(self, monkeypatch, steps, data):
        self.left, self.data = steps, data
        self.synced, self.renamed = {}, []
        for name in ("write", "fdatasync", "fsync"):
            monkeypatch.setattr(batch_file.os, name, self.step(name, getattr(os, name)))
        monkeypatch.setattr(Path, "rename", self.step("rename", Path.rename))
        monkeypatch.setattr(Path, "unlink", self.step("unlink", Path.unlink))

    def step(self, name, really):
        def act(*args, **named):
            if self.left <= 0:
                raise Crash
            self.left -= 1
            if name == "write":
                path = opened(args[0])
                self.synced.setdefault(path.stem, path.stat().st_size)
            elif name == "fdatasync":
                self.synced.pop(opened(args[0]).stem, None)
            elif name == "fsync":
                self.renamed.clear()
            elif name == "rename":
                self.renamed.append(args)
            return really(*args, **named)

        return act

    def lose(self, folder):
        for scratch, target in self.renamed:
            if target.exists() and self.data.draw(st.booleans(), label="the name is lost"):
                target.rename(scratch)
        for stem, sure in self.synced.items():
            for path in folder.glob(f"{stem}.*"):
                size = self.data.draw(st.integers(sure, max(sure, path.stat().st_size)))
                zeros = self.data.draw(st.booleans(), label="zeros")
                full = path.stat().st_size
                os.truncate(path, size)
                if zeros:
                    os.truncate(path, full)


@given(st.lists(contents, min_size=1, max_size=4), st.integers(0, 60), st.data())
def test_a_power_cut_between_any_two_steps_takes_back_nothing_that_was_promised(made, steps, data):
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder, promised, done, tried = Path(name), {}, set(), {}
        spool = Spool(folder)
        disk = Disk(patch, steps, data)
        marked = None
        try:
            for n, (sizes, n_gaps) in enumerate(made):
                each = batch(n, sizes, n_gaps)
                spool.append(each)
                marked = each.marks[0]
                promised |= {(n, i): plain(part) for i, part in enumerate(each.parts)}
                for key in data.draw(st.lists(st.sampled_from(sorted(promised)), unique=True)):
                    if key not in done:
                        spool.note_tried(*key, 1)
                        tried[key] = 1
                        done.add(key)  # the store has it; that this is noted is not sure
                        spool.note_stored(*key)
        except Crash:
            pass
        patch.undo()
        disk.lose(folder)
        spool.close()
        with Spool(folder) as spool:
            assert spool.damage == []
            found = waiting(spool)
            assert all(key in found for key in promised if key not in done)
            assert all(found[key] == part for key, part in promised.items() if key in found)
            for each in spool.waiting():
                key = (each.number, each.index)
                if key in tried:
                    assert each.tried == 1
            if marked:
                assert spool.marks(1)[0].words >= marked.words

import os
import threading
import time
from collections import Counter, deque
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import structlog
from batches import batch, contents
from hypothesis import example, given, settings
from hypothesis import strategies as st

from db.errors import StoreError
from readout.spool.spool import NoRoomError, Spool
from readout.writer.writer import Writer


@pytest.fixture(autouse=True)
def quiet():
    with structlog.testing.capture_logs():
        yield


class Shard:
    """Recognises what it has, as a store does, and fails as its script says."""

    def __init__(self, script=()):
        self.script, self.rows, self.lock = deque(script), {}, threading.Lock()

    def insert(self, key, rows):
        act = self.script.popleft() if self.script else "store"
        if "slowly" in act:
            time.sleep(0.03)
        if "store" in act:
            with self.lock:
                self.rows.setdefault(key, rows)
        if "fail" in act:
            raise StoreError(f"I {act}")

    def forget(self):
        """Recognise nothing any more, as after a power cut; what is stored is there."""
        self.rows = {object(): rows for rows in self.rows.values()}

    def holds(self, rows):
        return any(set(rows[:1]) & set(each) for each in list(self.rows.values()))


ACTS = st.sampled_from(["fail", "store and fail", "slowly store", "slowly store and fail"])


def in_rows(chunks):
    return [(chunk.link, chunk.seq) for chunk in chunks]


def write_to(shards, step=lambda: None):
    def write(shard, chunks, at, tried):
        step()
        rows = in_rows(chunks)
        store(shard, (*rows, at), rows, tried)

    def book(shard, gaps, token, tried):
        step()
        store(shard, token, [("gap", token, k) for k in range(len(gaps))], tried)

    def store(shard, key, rows, tried):
        if not (tried and shards[shard].holds(rows)):
            shards[shard].insert(key, rows)

    return write, book


def stored(shards) -> Counter:
    return Counter(row for shard in shards for rows in shard.rows.values() for row in rows)


def expected(batches) -> Counter:
    chunks = Counter(
        (chunk.link, chunk.seq) for b in batches for part in b.parts for chunk in part.chunks
    )
    gaps = sum(len(part.gaps) for b in batches for part in b.parts)
    return chunks, gaps


def check(shards, batches):
    rows, (chunks, n_gaps) = stored(shards), expected(batches)
    gaps = {row: n for row, n in rows.items() if row[0] == "gap"}
    assert len(gaps) == n_gaps
    assert set(gaps.values()) <= {1}
    assert Counter({row: n for row, n in rows.items() if row[0] != "gap"}) == chunks


scripts = st.lists(st.lists(ACTS, max_size=5), min_size=1, max_size=3)
FAST = {"patience_s": 0.01, "give_up_s": 20.0}


@settings(max_examples=40)
@given(
    st.lists(contents, max_size=5),
    scripts,
    st.booleans(),
    st.sampled_from([1, 8, 1 << 20]),
    st.integers(1, 3),
)
def test_whatever_the_shards_do_each_chunk_is_stored_once(
    made, scripts, spooled, most_words, at_once
):
    shards = [Shard(script) for script in scripts]
    batches = [batch(n, *each, n_shards=len(shards)) for n, each in enumerate(made)]
    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder)) if spooled else None
        how = {"n_shards": len(shards), "at_once": at_once, "most_words": most_words}
        writer = Writer(*write_to(shards), spool=spool, **how, **FAST)
        for each in batches:
            writer.put(each)
        writer.close()
        assert (writer.unsettled, writer.words_in_memory) == (0, 0)
        if spool:
            assert spool.n_waiting == 0
            spool.close()
    check(shards, batches)


class KilledError(Exception):
    """The process is gone."""


class Mortal(Spool):
    """A spool whose process is killed at a step; nothing that it does later reaches the disk.

    Where the power is cut at that step, nothing does that was not synced.
    """

    def __init__(self, folder, steps, power=False):
        self.steps, self.power = steps, power
        super().__init__(folder)

    def _note(self, number, *args, sync):
        path = self._files[number].path
        size = path.stat().st_size
        super()._note(number, *args, sync=sync)
        if self.power and not sync:
            os.truncate(path, size)

    def _remove(self, number):
        if self.power:
            self._files.pop(number)
        else:
            super()._remove(number)

    def step(self):
        self.steps -= 1
        if self.steps < 0:
            raise KilledError

    def append(self, *args):
        self.step()
        number = super().append(*args)
        self.step()
        return number

    def note_tried(self, *args, **named):
        self.step()
        super().note_tried(*args, **named)

    def note_stored(self, *args):
        self.step()
        super().note_stored(*args)


@example([([[0]], 0)], [[]], [(4, True)], 1, 1)
@settings(max_examples=40)
@given(
    st.lists(contents, min_size=1, max_size=5),
    scripts,
    st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=4),
    st.sampled_from([1, 1 << 20]),
    st.integers(1, 3),
)
def test_killed_at_any_step_and_started_again_each_chunk_is_stored_once(
    made, scripts, kills, most_words, at_once
):
    shards = [Shard(script) for script in scripts]
    batches = [batch(n, *each, n_shards=len(shards)) for n, each in enumerate(made)]
    options = {"n_shards": len(shards), "at_once": at_once, "most_words": most_words} | FAST
    with TemporaryDirectory() as folder:
        for steps, power in [*kills, (10**9, False)]:
            with Mortal(Path(folder), steps, power) as spool:
                mark = spool.marks(1).get(0)
                write, book = write_to(shards, spool.step)
                writer = Writer(
                    write,
                    book,
                    spool=spool,
                    holds=lambda shard, part: shards[shard].holds(in_rows(part.chunks)),
                    **options,
                )
                try:
                    for each in batches[mark.words if mark else 0 :]:
                        writer.put(each)
                    writer.close()
                except KilledError:
                    spool.steps = -1
                    writer._failure = KilledError()
                for thread in writer._threads:
                    thread.join()
                for shard in shards if power else []:
                    shard.forget()
        with Spool(Path(folder)) as spool:
            assert spool.n_waiting == 0
    check(shards, batches)


def test_blocks_go_to_another_shard_but_the_one_in_doubt_stays(tmp_path):
    away, there = Shard(["fail"] * 6), Shard()
    batches = [batch(n, [[1]]) for n in range(20)]
    writer = Writer(*write_to([away, there]), n_shards=2, patience_s=60)
    for each in batches:
        writer.put(each)
    writer.close()
    assert len(away.rows) >= 1
    assert len(there.rows) >= 1
    assert (0, 0) in [row for rows in away.rows.values() for row in rows]
    check([away, there], batches)


def test_without_a_spool_it_gives_up_and_names_what_is_not_stored():
    writer = Writer(*write_to([Shard(["fail"] * 1000)]), give_up_s=0.2)
    writer.put(batch(3, [[1, 2]]))
    with pytest.raises(StoreError, match="not stored from link 0, chunk 300 on: mend the store"):
        writer.close()
    with pytest.raises(StoreError):
        writer.put(batch(4, [[1]]))


def test_without_a_spool_put_waits_for_room():
    release = threading.Event()
    writer = Writer(lambda *_: release.wait(10), lambda *_: None, most_words=10)
    writer.put(batch(0, [[9]]))
    second = threading.Thread(target=writer.put, args=(batch(1, [[9]]),))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    assert writer.words_in_memory == 9
    release.set()
    second.join(5)
    writer.close()
    assert writer.written.hits == 18


def test_what_no_shard_takes_before_the_end_stays_in_the_spool(tmp_path):
    batches = [batch(n, [[2], [3]]) for n in range(4)]
    shards = [Shard(["fail"] * 1000), Shard(["fail"] * 1000)]
    with Spool(tmp_path) as spool:
        writer = Writer(*write_to(shards), n_shards=2, spool=spool, give_up_s=0.2)
        for each in batches:
            writer.put(each)
        writer.close()
        assert spool.n_waiting == 4
    shards = [Shard(), Shard()]
    with Spool(tmp_path) as spool:
        Writer(*write_to(shards), n_shards=2, spool=spool).close()
        assert spool.n_waiting == 0
    check(shards, batches)


def test_a_full_spool_makes_put_wait(tmp_path):
    release = threading.Event()
    with Spool(tmp_path, most_bytes=20_000) as spool:
        writer = Writer(lambda *_: release.wait(10), lambda *_: None, spool=spool)
        writer.put(batch(0, [[1000]]))
        writer.put(batch(1, [[1]]))
        third = threading.Thread(target=writer.put, args=(batch(2, [[1000]]),))
        third.start()
        third.join(0.3)
        assert third.is_alive()
        assert spool.n_bytes < 20_000
        release.set()
        third.join(5)
        writer.close()
        assert spool.n_waiting == 0


def test_a_spool_filled_for_more_shards_is_refused(tmp_path):
    with Spool(tmp_path) as spool:
        spool.append(batch(0, [[1]]))
        spool.note_tried(0, 0, 2)
    with Spool(tmp_path) as spool, pytest.raises(StoreError, match="has data for shard 2"):
        Writer(*write_to([Shard()]), spool=spool)


def test_a_fault_that_is_no_refusal_reaches_whoever_puts():
    def broken(*_):
        raise ZeroDivisionError("a bug")

    writer = Writer(broken, lambda *_: None)
    writer.put(batch(0, [[1]]))
    with pytest.raises(ZeroDivisionError):
        writer.close()


def test_what_an_earlier_process_may_have_sent_stays_with_its_shard(tmp_path):
    batches = [batch(n, [[1]]) for n in range(4)]
    with Spool(tmp_path) as spool:
        for n, each in enumerate(batches):
            spool.append(each)
            spool.note_tried(n, 0, 0)
    shards = [Shard(["fail"] * 4), Shard()]
    with Spool(tmp_path) as spool:
        Writer(*write_to(shards), n_shards=2, spool=spool, **FAST).close()
    check(shards, batches)
    assert not shards[1].rows


def test_the_spool_knows_of_a_try_before_the_shard_does(tmp_path):
    known = []
    with Spool(tmp_path) as spool:
        writer = Writer(
            lambda *_: known.append([each.tried for each in spool.waiting()]),
            lambda *_: None,
            spool=spool,
        )
        writer.put(batch(0, [[1]]))
        writer.close()
    assert known == [[0]]


def test_what_waits_behind_a_shard_that_is_silent_goes_to_another():
    release, there = threading.Event(), Shard()
    write, book = write_to([Shard(), there])
    silent = lambda shard, *rest: write(shard, *rest) if shard else release.wait(20)  # noqa: E731
    writer = Writer(silent, book, n_shards=2, patience_s=0.05)
    for n in range(4):
        writer.put(batch(n, [[1]]))
    for _ in range(100):
        if len(there.rows) == 3:
            break
        time.sleep(0.05)
    assert len(there.rows) == 3
    release.set()
    writer.close()
    assert writer.unsettled == 0


def test_two_parts_are_on_their_way_to_a_shard_at_once():
    both = threading.Barrier(2)
    writer = Writer(lambda *_: both.wait(10) and None, lambda *_: None, at_once=2)
    for n in range(2):
        writer.put(batch(n, [[1]]))
    writer.close()
    assert writer.written.chunks == 2


def test_a_full_disk_is_waited_for_longer_than_a_fault(tmp_path, monkeypatch):
    refusals = [NoRoomError("full")] * 4
    with Spool(tmp_path) as spool:
        append = spool.append

        def refuse(batch):
            if refusals:
                raise refusals.pop()
            return append(batch)

        monkeypatch.setattr(spool, "append", refuse)
        writer = Writer(*write_to([Shard()]), spool=spool, give_up_s=0.3)
        writer.put(batch(0, [[10]]))
        assert writer.settle(5)
        refusals += [StoreError("broken")] * 4
        with pytest.raises(StoreError, match="broken"):
            writer.put(batch(1, [[10]]))
        writer.close()

import contextlib
import threading
from dataclasses import replace
from datetime import timedelta
from itertools import count

import numpy as np
import pytest
import structlog
from toy import LONG, TOY, toy_words

from db.catalogue.runs import open_run
from db.errors import StoreError
from db.relations.read import read
from db.relations.relation import Relation
from db.time import WHOLE
from db.words.chunks import write_chunks
from db.words.gaps import read_gaps
from db.words.rates import count_hits
from db.words.totals import extent, link_totals
from readout.readout import Readout
from readout.source.block import Block, Place
from readout.spool.spool import Spool
from readout.writer.batch import Batch, Part

_names = count()


@pytest.fixture(autouse=True)
def quiet():
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def run(engine):
    return open_run(engine, TOY, name=f"readout {next(_names)}", cell=10_000)


class Failing:
    """A store that stores some inserts and says that it didn't, and refuses others."""

    def __init__(self, engine, acts):
        self._engine, self._acts, self.lock = engine, list(acts), threading.Lock()
        self.shards = (self,)

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def insert(self, table, rows, token=None):
        with self.lock:
            act = self._acts.pop(0) if self._acts else "store"
        if "store" in act:
            self._engine.insert(table, rows, token)
        if "fail" in act:
            raise StoreError(f"I {act}")


def stored(engine, run):
    rows = engine.fetch(
        "SELECT link, seq, words FROM chunks WHERE run_id = {run:UInt32} ORDER BY link, seq",
        {"run": run.run_id},
    )
    numbers = [w >> 32 for words in rows["words"].to_pylist() for w in words]
    return sorted(numbers), rows["seq"].to_pylist()


def block(first, n, link=0, **told):
    times = [7 * k for k in range(first, first + n)]
    words = toy_words(times) + np.uint64(first << 32)
    return Block(link, words, place=Place(5, first + n), **told)


def test_words_and_gaps_are_stored_once_though_the_store_lies(engine, run, tmp_path):
    lying = Failing(engine, ["store and fail", "fail", "store", "store and fail", "fail"] * 3)
    with Spool(tmp_path) as spool:
        with Readout(lying, run, spool=spool, flush_s=0) as readout:
            readout.push(block(0, 100))
            readout.push(block(130, 50, lost=30))
        assert spool.n_waiting == 0
        assert readout.written.retries >= 2
    assert stored(engine, run)[0] == [*range(100), *range(130, 180)]
    (gap,) = read_gaps(engine, run.run_id).rows(named=True)
    assert (gap["cause"], gap["n_lost"], gap["dead"]) == ("packets_lost", 30, True)
    assert (gap["a"], gap["b"]) == (7 * 99 + 1, 7 * 130)


def test_it_goes_on_where_the_spool_says_though_the_store_was_away(engine, run, tmp_path):
    safe = []
    with Spool(tmp_path) as spool:
        away = Readout(
            Failing(engine, ["fail"] * 1000), run, spool=spool, give_up_s=0.1, safe=safe.append
        )
        away.push(block(0, 100))
        away.flush()
        assert safe[-1] == {0: Place(5, 100)}
        away.push(block(100, 100))  # not safe, and never will be
        away.writer.close()
    with Spool(tmp_path) as spool:
        with Readout(engine, run, spool=spool) as readout:
            assert readout.places == {0: Place(5, 100)}
            readout.push(block(100, 50))
        assert spool.n_waiting == 0
    numbers, seqs = stored(engine, run)
    assert numbers == list(range(150))
    assert seqs == list(range(len(seqs)))


@pytest.mark.parametrize("fault", [StoreError("broken"), KeyboardInterrupt()])
def test_what_the_spool_did_not_take_is_asked_for_again(engine, run, tmp_path, monkeypatch, fault):
    safe = []
    with Spool(tmp_path) as spool:
        append = spool.append

        def refuse(batch):
            raise fault

        with (
            contextlib.suppress(StoreError, KeyboardInterrupt),
            Readout(engine, run, spool=spool, give_up_s=0.5, safe=safe.append) as readout,
        ):
            readout.push(block(0, 100))
            readout.flush()
            monkeypatch.setattr(spool, "append", refuse)
            readout.push(block(100, 100))
            try:
                readout.flush()
            finally:
                monkeypatch.setattr(spool, "append", append)  # it is sound again
    with Spool(tmp_path) as spool, Readout(engine, run, spool=spool) as readout:
        place = readout.places[0].words
        assert all(said.get(0, Place(5, 0)).words <= place for said in safe)
        readout.push(block(place, 300 - place))
    numbers, seqs = stored(engine, run)
    assert numbers == list(range(300))
    assert seqs == list(range(len(seqs)))


def test_what_a_full_spool_has_no_room_for_is_booked_and_the_watermark_goes_on(
    engine, run, tmp_path
):
    with Spool(tmp_path, most_bytes=100_000) as spool:
        store = Failing(engine, ["fail"] * 1000)
        readout = Readout(store, run, spool=spool, flush_s=0)
        readout.push(block(0, 500, can_wait=False))
        assert readout.full
        for first in range(500, 2000, 500):
            readout.push(block(first, 500, can_wait=False))
        assert spool.n_waiting == 1
        assert readout.overflowed == 1500
        store._acts.clear()
        readout.close()
        assert spool.n_waiting == 0
    numbers, seqs = stored(engine, run)
    assert numbers == list(range(500))
    assert seqs == list(range(len(seqs)))
    gaps = read_gaps(engine, run.run_id)
    assert set(gaps["cause"]) == {"spool_overflow"}
    assert gaps["n_lost"].sum() == 1500
    assert (gaps["a"].min(), gaps["b"].max()) == (7 * 500, 7 * 1999 + 1)


def test_an_idle_link_sends_heartbeats(engine, run):
    with Readout(engine, run, flush_s=0) as readout:
        readout.open_links([0, 1])
        readout.push(block(0, 1000))
        readout.beat({1: 5000})
        assert readout.watermarks[1] == 5000 - TOY.disorder


def test_another_runs_batches_in_the_spool_are_stored_as_that_runs(engine, run, tmp_path):
    with Spool(tmp_path) as spool:
        away = Readout(Failing(engine, ["fail"] * 1000), run, spool=spool, give_up_s=0.1)
        away.push(block(0, 100))
        away.flush()
        away.writer.close()
    later = open_run(engine, TOY, name=f"readout {next(_names)}", cell=10_000)
    with Spool(tmp_path) as spool, Readout(engine, later, spool=spool) as readout:
        assert readout.places == {}
        readout.push(block(0, 10))
    assert stored(engine, run)[0] == list(range(100))
    assert stored(engine, later)[0] == list(range(10))


def test_a_spool_of_another_store_is_refused(engine, run, tmp_path):
    with Spool(tmp_path) as spool:
        away = Readout(Failing(engine, ["fail"] * 1000), run, spool=spool, give_up_s=0.1)
        away.push(block(0, 100))
        away.flush()
        away.writer.close()
    other = replace(run, started_at=run.started_at - timedelta(days=1))
    with Spool(tmp_path) as spool:
        ((number, _),) = spool.runs
        assert number == run.run_id
        spool.append(Batch(run.run_id, other.started_at, other.started_at, [], {}))
    with Spool(tmp_path) as spool:
        assert len(spool.runs) == 1
        spool.append(Batch(run.run_id, other.started_at, other.started_at, [Part()], {}))
        with pytest.raises(StoreError, match="isn't in this store: name the store that it"):
            Readout(engine, run, spool=spool)


@pytest.mark.parametrize("stored_before", [False, True])
def test_a_damaged_batch_is_booked_once_and_the_series_of_chunks_goes_on(
    engine, run, tmp_path, stored_before
):
    with Spool(tmp_path) as spool:
        away = Readout(Failing(engine, ["fail"] * 1000), run, spool=spool, give_up_s=0.1)
        for first in (0, 100, 200):
            away.push(block(first, 100))
            away.flush()
        away.writer.close()
        if stored_before:
            part = spool.part(1, 0)
            write_chunks(engine, part.chunks, TOY, spool.batch_of(1).recorded_at)
        place = spool.batch_of(1).places[0]
    path = tmp_path / "000000000001.batch"
    content = bytearray(path.read_bytes())
    content[sum(place) - 100] ^= 1
    path.write_bytes(content)
    for _ in range(2):
        with Spool(tmp_path) as spool, Readout(engine, run, spool=spool) as readout:
            assert readout.places == {0: Place(5, 300)}
    numbers, seqs = stored(engine, run)
    kept = range(100, 200) if stored_before else range(0)
    assert numbers == [*range(100), *kept, *range(200, 300)]
    assert sorted(set(seqs)) == list(range(len(seqs)))
    gaps = read_gaps(engine, run.run_id)
    assert gaps["n_lost"].sum() == (0 if stored_before else 100)
    assert set(gaps["cause"]) <= {"spool_damaged"}
    assert (tmp_path / "000000000001.damaged").exists()


def test_a_wild_word_is_kept_and_counted_and_no_range_or_count_goes_by_it(engine):
    run = open_run(engine, LONG, name=f"wild {next(_names)}", cell=10**8)
    origin = 10**18
    times = [*range(0, 5 * 10**9, 10**7)]
    words = np.array([origin + t for t in [*times[:9], times[9] + 2**59, *times[9:]]], np.uint64)
    with Readout(engine, run, origin) as readout:
        readout.push(Block(0, words))
    assert (readout.written.hits, readout.written.corrupt, readout.written.suspect) == (501, 0, 1)
    (link,) = link_totals(engine, [run.run_id]).to_dicts()
    assert (link["words"], link["corrupt"], link["suspect"]) == (501, 0, 1)
    assert extent(engine, run) == (0, times[-1] + 1)
    assert link["watermark"] == times[-1] + 1
    assert read(engine, Relation("hits", run, *WHOLE))["t"].to_pylist() == times
    assert count_hits(engine, run, *extent(engine, run)) == len(times)
    kept = engine.fetch(
        "SELECT words FROM chunks WHERE run_id = {run:UInt32} AND n_suspect > 0",
        {"run": run.run_id},
    )
    assert kept["words"].to_pylist() == [[origin + times[9] + 2**59]]


def test_words_in_doubt_are_not_called_safe_before_they_are_stored(engine, tmp_path):
    run = open_run(engine, LONG, name=f"doubt {next(_names)}", cell=10**8)
    now, safe = [0.0], {}
    readout = Readout(
        engine,
        run,
        spool=Spool(tmp_path, 10**8),
        clock=lambda: now[0],
        safe=safe.update,
    )
    readout.push(Block(0, np.array([10, 20, 2**59], np.uint64), place=Place(7, 3)))
    readout.flush()
    assert safe == {0: Place(7, 2)}
    now[0] = 9.0
    readout.flush()
    assert safe == {0: Place(7, 3)}
    readout.close()
    assert readout.written.hits == 3

import threading
import time
from itertools import count

import numpy as np
import pytest
import structlog
from toy import TOY, toy_words

from db.catalogue.runs import open_run
from db.errors import SourceError, StoreError
from db.words.gaps import read_gaps
from readout.intake import Intake
from readout.link.silence import Silence
from readout.readout import Readout
from readout.service import serve
from readout.source.block import Block, Place
from readout.spool.spool import Spool

_names = count()


@pytest.fixture(autouse=True)
def quiet():
    with structlog.testing.capture_logs() as said:
        yield said


@pytest.fixture
def run(engine):
    return open_run(engine, TOY, name=f"service {next(_names)}", cell=10_000)


def blocks(link, n, size, *, can_wait=True):
    for first in range(0, n, size):
        words = toy_words([7 * k for k in range(first, first + size)]) + np.uint64(first << 32)
        yield Block(link, words, place=Place(1, first + size), can_wait=can_wait)


def stored(engine, run, link):
    rows = engine.fetch(
        "SELECT words FROM chunks WHERE run_id = {run:UInt32} AND link = {link:UInt16}",
        {"run": run.run_id, "link": link},
    )
    return sorted(w >> 32 for words in rows["words"].to_pylist() for w in words)


class Away:
    """A store that takes nothing until it is back."""

    def __init__(self, engine):
        self._engine, self.back = engine, threading.Event()
        self.shards = (self,)

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def insert(self, table, rows, token=None):
        if not self.back.is_set():
            raise StoreError("away")
        self._engine.insert(table, rows, token)


def test_sources_that_can_wait_do_while_the_spool_is_full_and_nothing_is_lost(
    engine, run, tmp_path
):
    away, most, sizes = Away(engine), 50_000, []
    with Spool(tmp_path, most_bytes=most) as spool:
        with Readout(away, run, spool=spool, flush_s=0) as readout:
            intake = Intake(2000)

            def come_back():
                while not (readout.full and intake.n_words >= 2000):
                    time.sleep(0.01)
                time.sleep(0.1)
                sizes.extend([spool.n_bytes, intake.n_words])
                away.back.set()

            threading.Thread(target=come_back).start()
            sources = {f"{n}": blocks(n, 20_000, 1000) for n in range(2)}
            serve(readout, sources, intake, threading.Event(), Silence(1, 10**9))
        assert spool.n_waiting == 0
    in_spool, in_queue = sizes
    assert 0 < in_spool <= most
    assert in_queue <= 3000
    for link in range(2):
        assert stored(engine, run, link) == list(range(20_000))


def test_a_source_that_fails_is_told_at_the_end_and_harms_no_other(engine, run, tmp_path, quiet):
    def failing():
        yield from blocks(0, 1000, 500)
        raise SourceError("it broke")

    with Spool(tmp_path) as spool, Readout(engine, run, spool=spool) as readout:
        sources = {"bad": failing(), "good": blocks(1, 5000, 500)}
        with pytest.raises(SourceError, match="it broke"):
            serve(readout, sources, Intake(), threading.Event(), Silence(1, 10**9))
    assert stored(engine, run, 0) == list(range(1000))
    assert stored(engine, run, 1) == list(range(5000))
    assert [each["source"] for each in quiet if each["event"] == "a source failed"] == ["bad"]


def test_the_intake_lets_those_pass_that_can_not_wait():
    intake = Intake(100)
    for block in [*blocks(0, 100, 50), *blocks(1, 50, 50, can_wait=False)]:
        intake.put(block)
    more = threading.Thread(target=intake.put, args=(next(blocks(0, 50, 50)),))
    more.start()
    more.join(0.1)
    assert more.is_alive()
    assert intake.n_words == 150
    assert intake.take(0).link == 1
    assert intake.take(0, also_waiting=False) is None
    assert [intake.take(1).link for _ in range(3)] == [0, 0, 0]
    more.join(1)
    assert intake.take(0) is None


def test_nobody_waits_for_a_dead_link_and_its_silence_is_booked(engine, run, tmp_path):
    def slowly():
        for block in blocks(0, 4000, 2):
            yield block
            time.sleep(0.03)
            if silence.dead:  # however long the first words took
                return

    silence = Silence(run.run_id, second=1000, idle_s=0.02, dead_s=0.2)
    with Spool(tmp_path) as spool, Readout(engine, run, spool=spool, flush_s=0.02) as readout:
        serve(
            readout,
            {"one": slowly()},
            Intake(),
            threading.Event(),
            silence,
            connected={0: True, 1: False}.get,
            at_first=lambda _: readout.open_links([0, 1]),
        )
        assert silence.dead == {1}
        dead_to = max(readout.newest[1], 1)
    gaps = read_gaps(engine, run.run_id)
    assert set(gaps.select("link", "cause", "dead").rows()) == {(1, "dead_link", True)}
    assert gaps["a"][0] == 0
    assert gaps["b"].max() == dead_to > 100
    assert (gaps["b"] - gaps["a"]).sum() == dead_to

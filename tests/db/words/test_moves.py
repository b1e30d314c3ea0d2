"""Words go from home to home and back, and stay the same word by word."""

from types import SimpleNamespace

import pytest
from homes import OTHERS
from ticks import NOW, SLICE, TOY, Hit, toy_chunks, toy_run

from db.errors import StoreError
from db.words.chunks import read_words, write_chunks
from db.words.headers import heads_in
from db.words.homes.moves import Moved, bring_back, lies_in, move_words
from db.words.shards import write_by_shard
from db.words.totals import link_totals

pytestmark = pytest.mark.every_store
HITS = [Hit(t, link, (t // 20 + link) % 5) for t in range(-150, 4000, 20) for link in (0, 1, 7)]
FAR = 2**40


def stored(engine, made=HITS):
    run = toy_run(engine)
    write_by_shard(engine, toy_chunks(run.run_id, made), TOY, NOW)
    return run


def all_of(engine, run):
    """Everything that is known of a run's words."""
    read = read_words(engine, run.run_id, -FAR, FAR, SLICE)
    return SimpleNamespace(
        words=read.words.tolist(),
        lengths=read.lengths.tolist(),
        heads=heads_in(engine, run.run_id, [0, 1, 7], -FAR, FAR, SLICE).rows(),
        totals=link_totals(engine, [run.run_id]).rows(),
    )


@pytest.mark.parametrize("home_address", OTHERS, indirect=True)
class TestMoved:
    def test_all_is_the_same_there_and_back(self, engine, home):
        run, other = stored(engine), stored(engine)
        before, beside = all_of(engine, run), all_of(engine, other)

        moved = move_words(engine, run, home)
        assert moved.words == len(HITS)
        assert lies_in(engine, run.run_id) == {home.address: len(HITS)}
        assert all_of(engine, run) == before
        inside = engine.fetch(
            "SELECT sum(length(words)) AS n FROM chunks WHERE run_id = {run:UInt32}",
            {"run": run.run_id},
        )
        assert inside["n"].to_pylist() == [0]

        assert move_words(engine, run, home) == Moved()
        assert bring_back(engine, run).words == len(HITS)
        assert lies_in(engine, run.run_id) == {"": len(HITS)}
        assert all_of(engine, run) == before
        assert bring_back(engine, run) == Moved()
        assert all_of(engine, other) == beside
        assert lies_in(engine, other.run_id) == {"": len(HITS)}

    def test_late_words_follow(self, engine, home):
        run = stored(engine)
        move_words(engine, run, home)
        (late, *_) = toy_chunks(run.run_id, [Hit(333, 9, 1)])
        write_chunks(engine, [late], TOY, NOW)
        assert lies_in(engine, run.run_id) == {"": 1, home.address: len(HITS)}
        assert move_words(engine, run, home) == Moved(1, 1)
        assert len(all_of(engine, run).words) == len(HITS) + 1

    def test_nothing_goes_while_the_home_gives_back_other_words(self, engine, home):
        run = stored(engine)
        before = all_of(engine, run)

        class Forgetful:
            address = home.address

            def put(self, payloads, words):
                home.put(payloads, words)

            def get(self, payloads):
                words = home.get(payloads)
                words[-1] = words[-1] ^ 1
                return words

        with pytest.raises(StoreError, match="gives back other words of chunk"):
            move_words(engine, run, Forgetful())
        assert lies_in(engine, run.run_id) == {"": len(HITS)}
        assert all_of(engine, run) == before

    def test_interrupted_it_is_done_again(self, engine, home):
        run = stored(engine)
        before = all_of(engine, run)

        class StoppedError(Exception):
            pass

        def stop(moved):
            if moved.words > 100:
                raise StoppedError

        with pytest.raises(StoppedError):
            move_words(engine, run, home, stop)
        assert all_of(engine, run) == before
        move_words(engine, run, home)
        assert all_of(engine, run) == before
        left = engine.fetch("SELECT count() AS n FROM fetched_chunks")
        assert left["n"].to_pylist() == [0]

"""Late data and reprocessing over words in other homes: what is found is what it always is."""

import pytest
from homes import HOMES, OTHERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ticks import NOW, TOY, Hit, toy_chunks, toy_run
from workbench import (
    TRIGGERS,
    WANTED,
    Workers,
    expected,
    finished,
    follow,
    rows,
    same,
    settle,
    some_hits,
)

from db.words.chunks import read_words, write_chunks
from db.words.homes.moves import bring_back, move_words
from software_triggers.conductor.conductor import Job
from software_triggers.running.threads import run_stages
from software_triggers.task.bind import bind

SEVERAL = pytest.mark.parametrize("home_address", HOMES, indirect=True)
AWAY = pytest.mark.parametrize("home_address", OTHERS, indirect=True)
SOME = [Hit(t, k % 3, k % 4) for k, t in enumerate(range(0, 1500, 37))]


@pytest.mark.slow
@SEVERAL
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_hits, st.data())
def test_late_words_reopen_what_they_touch(engine, home, made, data):
    run = toy_run(engine)
    stages = bind(engine, run, TRIGGERS, WANTED)
    chunks = toy_chunks(run.run_id, made, most=2)
    order = data.draw(st.permutations(chunks))
    n = data.draw(st.integers(0, len(order)))
    write_chunks(engine, order[:n], TOY, NOW, home)
    job = Job(engine, run, stages, latency=0)
    settle(job, Workers(engine))
    for _ in range(2):  # done twice it is done once
        write_chunks(engine, order[n:], TOY, NOW, home)
    job.close()
    follow(job, Workers(engine))
    assert same(engine, stages, made)


@AWAY
def test_a_reprocessing_finds_the_same_before_and_after_words_moved(engine, home):
    run, twin = toy_run(engine), toy_run(engine)
    for each in (run, twin):
        write_chunks(engine, toy_chunks(each.run_id, SOME), TOY, NOW)
        finished(engine, each, bind(engine, each, TRIGGERS, WANTED))
    moves = (lambda: move_words(engine, run, home), lambda: bring_back(engine, run))
    for move, within in zip(moves, (60, 90), strict=True):
        move()
        other = {**WANTED, "pairs": {"within": within}}
        found = [rows(engine, run_stages(engine, r, TRIGGERS, other)) for r in (run, twin)]
        assert found[0] == found[1] != expected(SOME)


@AWAY
def test_torn_puts_and_puts_in_any_order_show_each_word_once(engine, home, monkeypatch):
    """Killed in the middle of putting, tried again behind later chunks."""

    class KilledError(BaseException):
        pass

    run = toy_run(engine)
    chunks = [each for each in toy_chunks(run.run_id, SOME) if each.n_hits]
    half = len(chunks) // 2
    whole = home.put

    def torn(payloads, words):
        whole(payloads[: len(payloads) // 2], words[: len(payloads) // 2])
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(home, "put", torn)
        with pytest.raises(KilledError):
            write_chunks(engine, chunks[:half], TOY, NOW, home)
    assert not read_words(engine, run.run_id, -(10**6), 10**6, TOY.slice).words.size
    write_chunks(engine, chunks[half:], TOY, NOW, home)
    for _ in range(2):
        write_chunks(engine, chunks[:half], TOY, NOW, home)
    read = read_words(engine, run.run_id, -(10**6), 10**6, TOY.slice).words
    assert sorted(read.tolist()) == sorted(w for c in chunks for w in c.words.tolist())

"""The conductor as a service: which runs it follows, and what a new one leaves as it was."""

import threading
import time
from contextlib import contextmanager
from functools import partial

from ticks import Hit, toy_chunks, toy_run, write

from db.catalogue.runs import amend_run, close_run
from db.time import WHOLE
from software_triggers.conductor import follow as follow_module
from software_triggers.conductor.follow import Follower, follow
from software_triggers.registry import load_folder
from software_triggers.running.threads import run_stages, thread_submit
from software_triggers.task.names import lineage_of

MADE = [Hit(t, 0, 1) for t in range(0, 2000, 50)]
EACH = (
    "-- trigger: each_kept\n-- reach: 0 ns\n-- params: least Int64 = 0\n"
    "SELECT t FROM hits WHERE t >= {least:Int64}"
)


@contextmanager
def follower(engine, folder, runs):
    """A conductor of its own, as in a new process, that follows these runs."""
    with thread_submit(engine, 1) as submit:
        yield Follower(
            engine,
            lambda _: submit,
            latency="1 s",
            lost_after_s=60,
            folders=(folder,),
            mine=lambda run: run.run_id in runs,
        )


def advanced(follower, reached):
    until = time.monotonic() + 60
    while not reached():
        follower.advance(time.monotonic())
        assert not follower.trouble
        assert time.monotonic() < until
        time.sleep(0.01)


def filled(engine, folder):
    (folder / "each.sql").write_text(EACH)
    run = amend_run(engine, toy_run(engine), settings={"triggers": {"each_kept": {}}})
    write(engine, run, toy_chunks(run.run_id, MADE, most=1000))
    return run


def test_it_follows_its_runs_from_their_begin_to_their_end_and_no_others(engine, tmp_path):
    run, other = filled(engine, tmp_path), filled(engine, tmp_path)
    with follower(engine, tmp_path, {run.run_id}) as mine:
        advanced(mine, lambda: run.run_id in mine.jobs)
        assert not mine.has_finished(run)
        closed = close_run(engine, run)
        mine.look_at_once()
        advanced(mine, partial(mine.has_finished, closed))
        assert mine.jobs == {}
        assert mine.job_of(run.run_id).finished
        looked = time.monotonic()
        mine.look_at_once()
        advanced(mine, lambda: time.monotonic() > looked + 0.1)
        assert mine.jobs == {}, "what it saw closed is not begun again"
    assert other.run_id not in mine.jobs
    assert not mine.has_finished(other)


def test_a_new_conductor_does_not_put_its_lineage_before_what_was_run_since(engine, tmp_path):
    run = close_run(engine, filled(engine, tmp_path))
    with follower(engine, tmp_path, {run.run_id}) as first:
        advanced(first, partial(first.has_finished, run))
    known = {trigger.name: trigger for trigger in load_folder(tmp_path)}
    (since,) = run_stages(engine, run, known, {"each_kept": {"least": 500}})
    assert lineage_of(engine, run, "each_kept", None, WHOLE) == since.lineage
    with follower(engine, tmp_path, {run.run_id}) as second:
        advanced(second, partial(second.has_finished, run))
    assert lineage_of(engine, run, "each_kept", None, WHOLE) == since.lineage


class Looks:
    """Counts how often it is advanced."""

    n = 0

    def advance(self, now):
        self.n += 1


def test_news_make_it_look_at_once_and_else_it_is_quiet(monkeypatch):
    monkeypatch.setattr(follow_module, "QUIET_S", 30.0)
    looks, news, over = Looks(), threading.Event(), threading.Event()
    thread = threading.Thread(target=follow, args=(looks, over.is_set, lambda: True, news))
    thread.start()
    try:
        for n in (1, 2, 3):
            until = time.monotonic() + 20
            while looks.n < n:
                assert time.monotonic() < until
                time.sleep(0.01)
            time.sleep(0.3)
            assert looks.n == n
            news.set()
    finally:
        over.set()
        news.set()
        thread.join()

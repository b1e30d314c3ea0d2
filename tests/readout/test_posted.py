"""Posts are stored once, whatever fails and however often they are sent again."""

import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import TOY, WRAP, toy_words

from db.catalogue.posts import find_post, is_stored
from db.catalogue.runs import find_run, open_run
from db.errors import StoreError, UsageError
from db.words.chunks import read_arrivals, read_words
from readout.posted import SOURCE, Posted, PostIntake

FAR = 2**40


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Flaky:
    """An engine whose next inserts fail, before the store has them or after."""

    engine: object
    faults: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.engine, name)

    @property
    def shards(self):
        return (self,)

    def insert(self, *args):
        fault, after = self.faults.pop(0) if self.faults else (None, False)
        if fault and not after:
            raise fault
        self.engine.insert(*args)
        if fault:
            raise fault


def new_run(engine):
    return open_run(engine, TOY, name="posts", cell=1000, settings=SOURCE)


def stored_words(engine, run) -> list[int]:
    words = [
        int(word)
        for row in engine.fetch(
            "SELECT words FROM chunks WHERE run_id = {r:UInt32}", {"r": run.run_id}
        )["words"].to_pylist()
        for word in row
    ]
    return sorted(words)


fault = st.sampled_from([None, None, None, StoreError("no"), Killed()])
send = st.tuples(
    st.integers(0, 5), st.integers(0, 1), st.lists(st.tuples(fault, st.booleans()), max_size=3)
)


@given(sends=st.lists(send, max_size=14))
@settings(max_examples=20)
def test_each_body_is_stored_once_whatever_fails(engine, sends):
    run = new_run(engine)
    # Bodies of each link, in pairs that are equal: a key tells them apart, not their content.
    times = np.arange(6 * 40).reshape(6, 40) * 7
    bodies = [toy_words(list(times[k // 2 * 2]), wrap=WRAP).tobytes() for k in range(6)]
    flaky = Flaky(engine)
    posted = Posted(flaky, run)
    acknowledged, known = set(), {}

    def deliver(k, link, faults=()):
        nonlocal posted
        flaky.faults = [each for each in faults if each[0]]
        try:
            receipt = posted.take(link, f"body {k}", bodies[k])
        except StoreError:
            return
        except Killed:
            flaky.faults = []
            posted = Posted(flaky, find_run(engine, run.run_id))  # started again
            return
        assert receipt.n_hits == 40
        assert receipt.repeated or (k, link) not in acknowledged
        acknowledged.add((k, link))

    for k, link, faults in sends:
        known[k, link] = True
        deliver(k, link, faults)
    for k, link in known:  # whoever got no answer asks until there is one
        deliver(k, link)
    assert acknowledged == set(known)
    expected = sorted(int(w) for k, _ in known for w in np.frombuffer(bodies[k], np.uint64))
    assert stored_words(engine, run) == expected
    arrivals = read_arrivals(engine, run.run_id, {})
    for _, of_link in arrivals.group_by("link"):
        assert of_link["seq"].to_list() == list(range(len(of_link)))
        assert of_link["watermark"].is_sorted()


def test_times_go_on_across_wraps_and_restarts(engine):
    run, posted = new_run(engine), None
    true = [k * 150 for k in range(200)]  # seven turns of the counter
    for start in range(0, 200, 10):
        posted = Posted(engine, find_run(engine, run.run_id))
        posted.take(0, str(start), toy_words(true[start : start + 10]).tobytes())
    stretch = read_words(engine, run.run_id, -FAR, FAR, TOY.slice)
    own = (stretch.words & np.uint64(0xFFFFFF)).astype(np.int64)
    t = own + np.repeat(stretch.epochs, stretch.lengths)
    steps = np.diff(np.sort(t))
    assert (steps == 150).all()


def test_a_void_post_counts_as_new(engine):
    run = new_run(engine)
    flaky = Flaky(engine, [(None, False), (None, False), (Killed(), False)])
    with pytest.raises(Killed):  # announced, not stored
        Posted(flaky, run).take(0, "a", toy_words([1, 2, 3]).tobytes())
    announced = find_post(engine, run.run_id, 0, "a")
    assert announced is not None
    assert not is_stored(engine, announced)
    again = Posted(engine, find_run(engine, run.run_id))
    assert not again.take(0, "b", toy_words([1, 2, 3]).tobytes()).repeated  # takes its numbers
    assert not again.take(0, "a", toy_words([1, 2, 3]).tobytes()).repeated
    assert again.take(0, "a", toy_words([1, 2, 3]).tobytes()).repeated
    assert len(stored_words(engine, run)) == 6


LEASE_S = 1.0
send_to = st.tuples(
    st.integers(0, 2), st.integers(0, 7), st.sampled_from(["post", "let go", "die"])
)


@given(sends=st.lists(send_to, max_size=20))
@settings(max_examples=15)
def test_several_servers_store_each_body_once_and_number_the_chunks_in_a_row(engine, sends):
    run = new_run(engine)
    bodies = [toy_words([7 * k + n for n in range(5)]).tobytes() for k in range(8)]

    def server():
        return Posted(engine, find_run(engine, run.run_id), alone=False, lease_s=LEASE_S)

    servers, stored = [server() for _ in range(3)], set()
    for which, k, then in sends:
        try:
            receipt = servers[which].take(0, f"body {k}", bodies[k])
            assert receipt.repeated == (k in stored)
            stored.add(k)
        except UsageError as told:
            assert f"run {run.run_id} takes its posts at process" in str(told)
        if then == "let go":
            servers[which].let_go()
        elif then == "die":
            servers[which] = server()
    assert stored_words(engine, run) == sorted(
        int(w) for k in stored for w in np.frombuffer(bodies[k], np.uint64)
    )
    arrivals = read_arrivals(engine, run.run_id, {})
    assert arrivals["seq"].to_list() == list(range(len(arrivals)))


def test_a_server_that_falls_silent_is_followed(engine):
    run = new_run(engine)
    one, two = (Posted(engine, run, alone=False, lease_s=LEASE_S) for _ in range(2))
    body = toy_words([1, 2, 3]).tobytes()
    one.take(0, "a", body)
    with pytest.raises(UsageError, match="post there; if that is gone, post here again in"):
        two.take(0, "a", body)
    time.sleep(LEASE_S + 0.2)
    assert two.take(0, "a", body).repeated
    assert not two.take(0, "b", body).repeated
    with pytest.raises(UsageError, match="takes its posts at"):
        one.take(0, "b", body)
    two.let_go()
    assert one.take(0, "b", body).repeated
    assert one.close().state == "closed"


def test_what_is_no_post_is_refused_and_nothing_stored(engine):
    run = new_run(engine)
    posted = Posted(engine, run)
    body = toy_words([1, 2, 3]).tobytes()
    posted.take(0, "a", body)
    for link, name, words, said in [
        (0, "a", toy_words([9]).tobytes(), "used for other words"),
        (0, "b", body[:-1], "no whole number of 8-byte hits"),
        (0, "b", b"", "no whole number"),
    ]:
        with pytest.raises(UsageError, match=said):
            posted.take(link, name, words)
    assert len(stored_words(engine, run)) == 3
    posted.close()
    with pytest.raises(UsageError, match="is closed"):
        posted.take(0, "c", body)
    other = open_run(engine, TOY, cell=1000)
    with pytest.raises(UsageError, match="from elsewhere"):
        PostIntake(engine).run(str(other.run_id))


def test_a_closed_run_waits_for_no_link(engine):
    run = new_run(engine)
    Posted(engine, run).take(3, "a", toy_words([10, 20, 30]).tobytes())
    closed = Posted(engine, find_run(engine, run.run_id)).close()
    assert closed.state == "closed"
    arrivals = read_arrivals(engine, run.run_id, {})
    newest = max(arrivals["t_last"])
    assert arrivals["watermark"].max() == newest + 1

from hypothesis import given
from hypothesis import strategies as st

from readout.link.silence import Silence


class Hand:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self):
        return self.now


def silence(**options):
    hand = Hand()
    return Silence(1, second=1000, clock=hand, **options), hand


def test_a_link_with_nothing_to_say_has_passed_what_others_have():
    listens, hand = silence(idle_s=1.0)
    listens.heard(0)
    listens.heard(1)
    hand.now = 0.9
    assert listens.look({0: 900, 1: 100}, lambda _: None) == ({}, [])
    hand.now = 1.5
    listens.heard(0)
    assert listens.look({0: 1500, 1: 100}, lambda _: None) == ({1: 500}, [])
    assert listens.look({0: 1500, 1: 600}, lambda _: None) == ({}, [])


def test_a_link_whose_line_is_broken_is_waited_for_until_it_is_dead():
    listens, hand = silence(idle_s=1.0, dead_s=10.0)
    listens.heard(0)
    listens.heard(1)
    hand.now = 9.0
    listens.heard(0)
    there = {0: True, 1: False}.get
    assert listens.look({0: 9000, 1: 100}, there) == ({}, [])
    hand.now = 11.0
    listens.heard(0)
    passed, (gap,) = listens.look({0: 11_000, 1: 100}, there)
    assert passed == {1: 10_000}
    assert (gap.link, gap.cause, gap.a, gap.b, gap.dead) == (1, "dead_link", 101, 10_000, True)
    assert listens.dead == {1}
    _, (more,) = listens.look({0: 11_500, 1: 10_000}, there)
    assert (more.a, more.b) == (10_000, 10_500)
    listens.heard(1)
    assert listens.look({0: 11_600, 1: 11_550}, there) == ({}, [])
    assert listens.dead == set()


def test_a_link_that_never_spoke_is_dead_from_the_first_tick_on():
    listens, hand = silence(idle_s=1.0, dead_s=10.0)
    there = {0: True, 1: False}.get
    listens.look({0: 0, 1: 0}, there)
    hand.now = 11.0
    listens.heard(0)
    _, (gap,) = listens.look({0: 11_000, 1: 0}, there)
    assert (gap.link, gap.a, gap.b) == (1, 0, 10_000)


@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from([0, 1, None])), max_size=30))
def test_the_gaps_of_a_dead_link_never_overlap_and_a_connected_link_never_dies(steps):
    listens, hand = silence(dead_s=10.0)
    newest, gaps = {0: 0, 1: 0, 2: 0}, []
    for seconds, speaks in steps:
        hand.now += seconds
        newest[2] = round(hand.now * 1000)
        listens.heard(2)
        if speaks is not None:
            listens.heard(speaks)
            newest[speaks] = newest[2]
        passed, new = listens.look(newest, {0: True, 1: False}.get)
        gaps += new
        for link, t in passed.items():
            assert t < newest[2]
            newest[link] = max(newest[link], t)
    assert all(gap.link != 0 for gap in gaps)
    ranges = [(gap.a, gap.b) for gap in gaps]
    assert all(a < b for a, b in ranges)
    assert all(before[1] <= after[0] for before, after in zip(ranges, ranges[1:], strict=False))

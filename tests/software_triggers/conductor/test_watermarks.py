import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from software_triggers.conductor.watermarks import Watermarks

NEVER = -(2**62)
KINDS = {
    "link": pl.UInt16,
    "seq": pl.UInt64,
    "t_first": pl.Int64,
    "t_last": pl.Int64,
    "watermark": pl.Int64,
    "n_hits": pl.UInt32,
    "n_corrupt": pl.UInt32,
}


def arrivals(*chunks):
    return pl.DataFrame(list(chunks), schema=KINDS, orient="row")


def chunk(link, seq, watermark, t=0, n_hits=1, n_corrupt=0):
    return (link, seq, t, t + 5, watermark, n_hits, n_corrupt)


@st.composite
def deliveries(draw):
    """Every chunk of three links once, in batches in any order."""
    chunks = [
        chunk(link, seq, *draw(st.tuples(st.integers(-50, 50), st.integers(-50, 50))), n_hits=n)
        for link in range(3)
        for seq, n in enumerate(draw(st.lists(st.integers(0, 2), max_size=6)))
    ]
    chunks = draw(st.permutations(chunks))
    cuts = sorted(draw(st.lists(st.integers(0, len(chunks)), max_size=4)))
    edges = [0, *cuts, len(chunks)]
    return [chunks[a:b] for a, b in zip(edges, edges[1:], strict=False)]


def told(link, stored):
    """Mark of the unbroken series of a link, and its length, by looking at everything."""
    marks = {seq: mark for number, seq, _, _, mark, *_ in stored if number == link}
    n = next(k for k in range(len(marks) + 1) if k not in marks)
    return n, max((marks[k] for k in range(n)), default=None)


@given(deliveries(), st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)))
def test_marks_count_over_the_unbroken_series_of_chunks_in_whatever_order_they_come(
    batches, named, dead
):
    watermarks = Watermarks(named)
    watermarks.dead = dead
    stored = []
    for batch in batches:
        stored += batch
        # As the store is asked: what is beyond a link's unbroken series comes again and again.
        asked = [c for c in stored if c[1] >= watermarks.unbroken.get(c[0], 0)]
        new = watermarks.take(arrivals(*asked))
        assert sorted(new.rows()) == sorted(batch)

        links = named | {c[0] for c in stored}
        state = {link: told(link, stored) for link in links}
        assert watermarks.unbroken == {link: n for link, (n, _) in state.items()}
        assert watermarks.of_link == {link: mark for link, (_, mark) in state.items()}
        waited = [mark for link, (_, mark) in state.items() if link not in dead]
        known = bool(waited) and None not in waited
        assert watermarks.passed == (min(waited) if known else NEVER)
        sound = [c for c in stored if c[5] > c[6]]
        assert watermarks.seen == bool(sound)
        if sound:
            assert watermarks.t_min == min(c[2] for c in sound)
            assert watermarks.t_max == max(c[3] for c in sound)
        shown = [c[4] for c in stored] + [c[3] for c in sound]
        assert watermarks.newest == max(shown, default=NEVER)


def test_a_chunk_delivered_twice_counts_once():
    watermarks = Watermarks()
    assert len(watermarks.take(arrivals(chunk(0, 1, 10)))) == 1
    assert len(watermarks.take(arrivals(chunk(0, 1, 10)))) == 0
    assert watermarks.passed == NEVER
    watermarks.take(arrivals(chunk(0, 0, 5)))
    assert watermarks.passed == 10
    assert len(watermarks.take(arrivals(chunk(0, 0, 5), chunk(0, 1, 10)))) == 0


def test_a_link_that_must_deliver_holds_the_others_until_it_does():
    watermarks = Watermarks([7])
    watermarks.take(arrivals(chunk(0, 0, 100)))
    assert watermarks.passed == NEVER
    watermarks.take(arrivals(chunk(7, 0, 30, n_hits=0)))
    assert watermarks.passed == 30


def test_nobody_waits_for_a_dead_link():
    watermarks = Watermarks([1, 2])
    watermarks.take(arrivals(chunk(1, 0, 100)))
    watermarks.dead.add(2)
    assert watermarks.passed == 100
    watermarks.dead.add(1)
    assert watermarks.passed == NEVER  # nobody is left who could tell


@pytest.mark.parametrize("n_corrupt", [1, 3])
def test_chunks_without_a_sound_word_tell_nothing_of_the_time(n_corrupt):
    watermarks = Watermarks()
    watermarks.take(arrivals(chunk(0, 0, 100, t=9**9, n_hits=n_corrupt, n_corrupt=n_corrupt)))
    assert not watermarks.seen
    assert watermarks.newest == 100

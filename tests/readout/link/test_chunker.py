from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from toy import CORRUPT, DISORDER, HIT, NO_WRAP, SEGMENT, SLICE, TOY, UNTIMED, WRAP, toy_words

from db.detector import decode
from db.words.chunk import Chunk
from readout.control.rules import Rule, keeping
from readout.control.schedule import always
from readout.link.chunker import Chunker

ORIGIN = 3000


@st.composite
def streams(draw, latest=DISORDER):
    """Times since the run's start and kinds of words, in order of arrival."""
    newest, times = 0, []
    for _ in range(draw(st.integers(1, 120))):
        newest += draw(st.integers(0, 300))
        times.append(newest - draw(st.integers(0, latest)))
    kind = st.sampled_from([HIT, HIT, HIT, HIT, CORRUPT, SEGMENT, UNTIMED])
    kinds = draw(st.lists(kind, min_size=len(times), max_size=len(times)))
    # What no clock can bridge: a silence of sound words for half a wrap, less the few words that it
    # takes to believe that the next ones are right.
    sound = [0, *(t for t, kind in zip(times, kinds, strict=True) if kind in (HIT, SEGMENT))]
    newest = np.maximum.accumulate(sound)
    assume(np.diff(newest).max(initial=0) < WRAP // 2 - latest - 3 * 300)
    return times, kinds


def words_of(stream, wrap=WRAP):
    times, kinds = stream
    return toy_words([t + ORIGIN for t in times], kinds, wrap)


def drive(chunker, words, cuts, flushes=()):
    """All chunks of a stream that comes in parts; after some of them is a flush."""
    chunks = []
    parts = np.split(words, sorted(min(cut, len(words)) for cut in cuts))
    for number, part in enumerate(parts):
        chunks += chunker.push(part)
        if number in flushes:
            chunks += chunker.flush()
    return chunks + chunker.close()


def arrivals(chunk: Chunk) -> list[int]:
    return (chunk.words >> np.uint64(32)).tolist()


cuts = st.lists(st.integers(0, 120), max_size=6)
flushes = st.sets(st.integers(0, 6))
sizes = st.integers(1, 40)


@given(streams(), cuts, flushes, sizes)
def test_every_word_comes_out_once_and_the_watermark_keeps_its_promise(stream, cuts, flushes, size):
    times, kinds = stream
    chunks = drive(Chunker(TOY, 1, 2, ORIGIN, size), words_of(stream), cuts, flushes)
    assert [c.seq for c in chunks] == list(range(len(chunks)))
    assert all(a.watermark <= b.watermark for a, b in pairwise(chunks))
    timed = [n for n, kind in enumerate(kinds) if kind in (HIT, SEGMENT)]
    left = set(range(len(times)))
    for chunk in chunks:
        numbers = arrivals(chunk)
        assert numbers == sorted(numbers)
        assert left.issuperset(numbers)
        left -= set(numbers)
        assert not [n for n in left.intersection(timed) if times[n] < chunk.watermark]
    assert not left
    assert chunks[-1].n_hits == 0
    assert chunks[-1].watermark == max([times[n] for n in timed] + [0]) + 1


@pytest.mark.slow
@given(streams(latest=1000), cuts, flushes, sizes)
def test_a_chunk_lies_in_one_slice_and_tells_the_truth_even_with_late_words(
    stream, cuts, flushes, size
):
    times, kinds = stream
    words = words_of(stream, wrap=2**24)
    chunks = drive(Chunker(NO_WRAP, 1, 2, ORIGIN, size), words, cuts, flushes)
    assert all(a.watermark <= b.watermark for a, b in pairwise(chunks))
    assert Counter(n for c in chunks for n in arrivals(c)) == Counter(range(len(times)))
    for chunk in chunks[:-1]:
        numbers = arrivals(chunk)
        sound = [times[n] for n in numbers if kinds[n] in (HIT, SEGMENT)]
        assert (chunk.run_id, chunk.link) == (1, 2)
        assert chunk.n_hits == len(numbers) <= size
        assert chunk.n_corrupt == sum(kinds[n] == CORRUPT for n in numbers)
        assert chunk.t_first // SLICE == chunk.t_last // SLICE
        assert not sound or (chunk.t_first, chunk.t_last) == (min(sound), max(sound))
        t = decode(TOY, chunk.words, chunk.epoch, ["t"])["t"]
        assert sound == [at for at, n in zip(t, numbers, strict=True) if kinds[n] in (HIT, SEGMENT)]


def test_corrupt_words_stay_with_the_newest_words_and_widen_nothing() -> None:
    chunker = Chunker(TOY, 1, 0, 0)
    words = toy_words([350, 499, 600, 3000, 710], [HIT, HIT, HIT, CORRUPT, HIT])
    first, second, end = [*chunker.push(words), *chunker.close()]
    assert (arrivals(first), first.t_first, first.t_last) == ([0, 1], 350, 499)
    assert (arrivals(second), second.t_first, second.t_last) == ([2, 3, 4], 600, 710)
    assert (second.n_hits, second.n_corrupt) == (3, 1)
    assert end.watermark == 711


def test_a_chunk_of_corrupt_words_alone_lies_at_the_newest_time() -> None:
    chunker = Chunker(TOY, 1, 0, 0)
    chunker.push(toy_words([130, 140]))
    chunker.flush()
    chunker.push(toy_words([3000, 4000], [CORRUPT, UNTIMED]))
    (chunk,) = chunker.flush()
    assert (chunk.t_first, chunk.t_last, chunk.n_hits, chunk.n_corrupt) == (140, 140, 2, 1)


def test_a_chunk_is_cut_when_it_is_full() -> None:
    chunker = Chunker(TOY, 1, 0, 0, max_words=3)
    chunks = chunker.push(toy_words([10, 30, 20, 25, 40, 41, 42]))
    assert [arrivals(c) for c in chunks] == [[0, 1, 2], [3, 4, 5]]
    assert [(c.t_first, c.t_last) for c in chunks] == [(10, 30), (25, 41)]


def test_a_chunk_is_cut_when_the_watermark_passes_its_slice() -> None:
    chunker = Chunker(TOY, 1, 0, 0)
    assert chunker.push(toy_words([450, 550, 699])) == []
    (chunk,) = chunker.push(toy_words([700]))
    assert (chunk.t_first, chunk.t_last, chunk.watermark) == (450, 450, 500)


def test_the_watermark_waits_for_words_that_are_held_back() -> None:
    chunker = Chunker(TOY, 1, 0, 0, max_words=2)
    (chunk,) = chunker.push(toy_words([450, 600, 640]))
    assert (chunk.t_first, chunk.watermark) == (600, 440)
    (chunk, *_) = chunker.push(toy_words([800, 801]))
    assert (chunk.t_first, chunk.watermark) == (450, 601)


def test_a_wrap_in_a_slice_makes_two_chunks() -> None:
    chunker = Chunker(TOY, 1, 0, ORIGIN)
    chunker.push(toy_words([4095, 4097, 4090, 4099]))
    before, behind = chunker.flush()
    assert (arrivals(before), before.epoch) == ([0, 2], -ORIGIN)
    assert (before.t_first, before.t_last) == (4090 - ORIGIN, 4095 - ORIGIN)
    assert (arrivals(behind), behind.epoch) == ([1, 3], WRAP - ORIGIN)
    assert (behind.t_first, behind.t_last) == (4097 - ORIGIN, 4099 - ORIGIN)


def test_late_words_get_a_chunk_of_their_own_slice_at_once() -> None:
    told = []
    chunker = Chunker(TOY, 1, 0, 0, report=told.append)
    for t in range(0, 2000, 100):
        chunker.push(toy_words([t]))
    (chunk,) = chunker.push(toy_words([1420]))
    assert (chunk.t_first, chunk.t_last, arrivals(chunk)) == (1420, 1420, [0])
    assert chunk.watermark > 1420
    assert [(a.cause, a.at) for a in told] == [("clock jumped back", 1420)]


def test_a_late_word_that_is_held_back_does_not_take_a_promise_back() -> None:
    chunker = Chunker(TOY, 1, 0, 0, max_words=2)
    for t in range(0, 1200, 150):
        chunker.push(toy_words([t]))
    assert chunker.flush()[-1].watermark == 1050 - DISORDER
    assert chunker.push(toy_words([700])) == []
    (chunk,) = chunker.push(toy_words([1060, 1070]))
    assert (chunk.t_first, chunk.watermark) == (1060, 1050 - DISORDER)


def test_a_heartbeat_carries_an_idle_links_watermark_on_but_not_past_words_held_back() -> None:
    chunker = Chunker(TOY, 1, 5, ORIGIN)
    chunker.push(toy_words([ORIGIN + 90]))
    beat = chunker.heartbeat(400)
    assert (beat.watermark, beat.n_hits, beat.link, beat.seq) == (90, 0, 5, 0)
    assert chunker.heartbeat(450) is None
    (chunk,) = chunker.flush()
    assert (chunk.seq, chunk.watermark) == (1, 250)
    beat = chunker.heartbeat(WRAP * 5)
    assert (beat.watermark, beat.t_first) == (WRAP * 5 - DISORDER, WRAP * 5)
    chunker.push(toy_words([ORIGIN + WRAP * 5 + 10]))
    (chunk,) = chunker.flush()
    assert chunk.t_first == WRAP * 5 + 10


def test_a_run_can_be_closed_at_a_given_end() -> None:
    chunker = Chunker(TOY, 1, 0, 0)
    chunker.push(toy_words([10, 20]))
    chunk, end = chunker.close(9000)
    assert (chunk.watermark, end.watermark) == (-DISORDER + 20, 9000)
    assert [c.watermark for c in Chunker(TOY, 1, 0, 0).close()] == [1]


def test_a_link_goes_on_where_an_earlier_readout_left_it() -> None:
    first = Chunker(TOY, 1, 0, ORIGIN)
    words = toy_words(range(ORIGIN, ORIGIN + 20_000, 100))
    before = [*first.push(words), *first.flush()]
    last = before[-1]
    second = Chunker(TOY, 1, 0, ORIGIN, first_seq=last.seq + 1, watermark=last.watermark)
    second.push(toy_words([ORIGIN + 20_000]))
    (chunk,) = second.flush()
    assert chunk.seq == last.seq + 1
    assert chunk.watermark >= last.watermark
    assert chunk.t_first == 20_000


def test_a_source_that_knows_the_epoch_decides_it() -> None:
    chunker = Chunker(TOY, 1, 0, 0)
    chunker.push(toy_words([5, 15]), epoch=1000)
    (chunk,) = chunker.flush()
    assert (chunk.t_first, chunk.t_last, chunk.epoch) == (1005, 1015, 1000)


def test_the_prefilter_removes_words_but_not_their_time() -> None:
    chunker = Chunker(TOY, 1, 0, ORIGIN, rules=always(keeping(TOY, "number < 2")))
    times, kinds = [10, 20, 30, 950, 960, 970, 980], [HIT, HIT, CORRUPT, HIT, HIT, HIT, SEGMENT]
    kept = chunker.push(toy_words([ORIGIN + t for t in times], kinds))
    assert [arrivals(c) for c in kept] == [[0, 1, 2]]
    assert kept[0].watermark == 980 - DISORDER
    ((rule, removed),) = chunker.take_removed().items()
    assert rule == Rule("prefilter", "number < 2")
    assert (removed.n_hits, removed.t_first, removed.t_last) == (3, 950, 970)
    assert chunker.take_removed() == {}
    assert [arrivals(c) for c in chunker.close()] == [[6], []]


@pytest.mark.parametrize("n_words", [0, 1])
def test_nothing_to_push_is_no_trouble(n_words: int) -> None:
    chunker = Chunker(TOY, 1, 0, 0)
    assert chunker.push(toy_words([0] * n_words)) == []


def test_a_long_stream_keeps_every_promise() -> None:
    rng = np.random.default_rng(5)
    n = 200_000
    t = np.cumsum(rng.integers(0, 3, n)) - rng.integers(0, DISORDER, n)
    kinds = rng.choice([HIT, CORRUPT, SEGMENT, UNTIMED], n, p=[0.9, 0.02, 0.05, 0.03])
    words = toy_words(t + ORIGIN, kinds.tolist())
    told = []
    chunks = drive(Chunker(TOY, 1, 2, ORIGIN, 1000, report=told.append), words, [70_000, 70_001])
    assert told == []
    numbers = np.concatenate([np.array(arrivals(c), int) for c in chunks])
    assert np.sort(numbers).tolist() == list(range(n))
    timed = np.isin(kinds, (HIT, SEGMENT))
    earliest_left = np.inf
    for chunk in reversed(chunks[:-1]):
        number = np.array(arrivals(chunk))
        assert chunk.watermark <= earliest_left
        assert chunk.n_corrupt == np.count_nonzero(kinds[number] == CORRUPT)
        sound = timed[number]
        chunk_t = decode(TOY, chunk.words, chunk.epoch, ["t"])["t"][sound]
        assert (chunk_t == t[number][sound]).all()
        assert (chunk.t_first, chunk.t_last) == (chunk_t.min(), chunk_t.max())
        assert chunk.t_first // SLICE == chunk.t_last // SLICE
        assert (np.diff(number) > 0).all()
        earliest_left = min(earliest_left, chunk.t_first)


@given(
    before=st.lists(st.integers(0, DISORDER), min_size=1, max_size=20),
    away=st.integers(2, WRAP // 4),
    after=st.lists(st.integers(0, 300), min_size=3, max_size=8),
)
def test_a_loss_leaves_out_the_words_around_it(before, away, after) -> None:
    chunker = Chunker(TOY, run_id=1, link=0, origin=ORIGIN)
    last = sum(before)
    times = last + away + np.cumsum([0, *after[1:]])
    chunker.push(words_of((np.cumsum(before).tolist(), [HIT] * len(before))))
    _, (a, b) = chunker.push_after_loss(words_of((times.tolist(), [HIT] * len(times))))
    assert (a, b) == (last + 1, last + away)


def test_a_wild_or_a_late_word_after_a_loss_says_nothing_of_its_length() -> None:
    chunker = Chunker(TOY, run_id=1, link=0, origin=ORIGIN)
    chunker.push(words_of(([100], [HIT])))
    times = [90, 100 + WRAP // 3, 150, 160, 170]
    assert chunker.push_after_loss(words_of((times, [HIT] * 5)))[1] == (101, 150)


@pytest.mark.parametrize(("jumps", "end"), [([0], 102), ([0, 5], 101 + 9 * DISORDER)])
def test_a_lone_word_far_behind_a_loss_is_not_believed_and_two_are(jumps, end) -> None:
    chunker = Chunker(TOY, run_id=1, link=0, origin=ORIGIN)
    chunker.push(words_of(([100], [HIT])))
    times = [101 + 9 * DISORDER + jump for jump in jumps]
    assert chunker.push_after_loss(words_of((times, [HIT] * len(times))))[1] == (101, end)

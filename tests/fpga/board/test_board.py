"""The board against sums and lists in Python: what came went on, or is in a counter."""

from collections import Counter

import numpy as np
import pytest
from boards import DESIGN, frames_of
from hypothesis import given, settings
from hypothesis import strategies as st
from tubes import TUBES, hit_of, meets

from db.detector import decode, encode
from db.errors import UsageError
from fpga.board.simulated import SimulatedBoard

CHANNELS = (3, 4, 300)


def words_on(link, random, n):
    """Hits of few channels of a link, in order of time, and some words that are no sound hits."""
    time = np.sort(random.integers(0, 50 * max(1, n), n))
    fields = {
        "tdc_meas": random.integers(0, 32, n),
        "bx": time % 3564,
        "orbit": time // 3564 + 2**31,
        "tdc_channel": random.choice(CHANNELS, n),
        "fpga": np.full(n, link),
        "head": random.choice([2, 2, 2, 2, 0, 4], n),
    }
    return encode(TUBES, fields)


def is_sound(word):
    hit = hit_of(word)
    return hit["head"] == 2 and hit["tdc_meas"] not in (0, 31) and hit["bx"] < 3564


def after_gate(words, keep):
    """What passes a gate: of a channel's sound hits the first, and then each n-th."""
    seen, passed = Counter(), []
    for word in words:
        channel = hit_of(word)["tdc_channel"]
        n = keep.get(channel, 1)
        if is_sound(word):
            seen[channel] += 1
            if n == 0 or (seen[channel] - 1) % n:
                continue
        passed.append(word)
    return passed, seen


@settings(max_examples=60)
@given(
    st.integers(1, 2**32),
    st.tuples(st.integers(0, 300), st.integers(0, 300)),
    st.dictionaries(st.sampled_from(CHANNELS), st.sampled_from([0, 1, 2, 7])),
    st.sampled_from([0.0, 0.6, 0.95]),
    st.sampled_from([0.0, 0.3, 0.9]),
)
def test_what_came_was_sent_or_is_in_a_counter(library, seed, sizes, keep, idle, stall):
    random = np.random.default_rng(seed)
    words = [words_on(link, random, n) for link, n in enumerate(sizes)]
    with SimulatedBoard(DESIGN, library, link=5, stream=77) as board:
        for channel, n in keep.items():
            board.keep(512 + channel, n)  # of link 1 only
        out = board.through(words, idle=idle, stall=stall, seed=seed)
        count = board.counted()
        seen = {c: board.seen(512 + c) for c in CHANNELS}
        removed = {c: board.removed(512 + c) for c in CHANNELS}
    frames = frames_of(out)
    sent = [word for _, words in frames for word in words]

    came = count["link0_in"] + count["link1_in"]
    lost = count["link0_overflowed"] + count["link1_overflowed"]
    gone = count["link0_removed"] + count["link1_removed"] + count["filtered"]
    assert came == sum(sizes)
    assert came == lost + gone + count["sent"]
    assert (len(sent), len(frames)) == (count["sent"], count["packets"])
    assert sum(removed.values()) == count["link1_removed"]
    at = 0
    for header, words_in in frames:
        assert (header.kind, header.link, header.stream) == (0, 5, 77)
        assert (header.n_words, header.first) == (len(words_in), at)
        assert 0 < header.n_words <= DESIGN.most_words
        at += header.n_words
    if lost:
        return
    passed = [after_gate(words[0].tolist(), {}), after_gate(words[1].tolist(), keep)]
    assert seen == {c: passed[1][1][c] for c in CHANNELS}
    for link, (those, _) in enumerate(passed):
        wanted = [w for w in those if not is_sound(w) or meets("layer < 4", w)]
        assert [w for w in sent if hit_of(w)["fpga"] == link] == wanted


def test_a_full_intake_loses_and_counts(library):
    random = np.random.default_rng(1)
    words = [words_on(link, random, 2000) for link in (0, 1)]
    with SimulatedBoard(DESIGN, library) as board:
        out = board.through(words, stall=0.5, seed=3)
        count = board.counted()
    assert count["link0_overflowed"] + count["link1_overflowed"] > 1000
    assert len(out) == count["sent"] + 3 * count["packets"]


def test_links_that_send_without_long_breaks_are_merged_in_order_of_time(library):
    random = np.random.default_rng(2)
    words = []
    for link in (0, 1):
        mine = words_on(link, random, 3000)
        words.append(mine[decode(TUBES, mine, columns=("hit",))["hit"]])
    with SimulatedBoard(DESIGN, library) as board:
        out = board.through(words, idle=0.6, seed=4)
        count = board.counted()
    assert count["link0_overflowed"] == count["link1_overflowed"] == 0
    sent = np.array([word for _, some in frames_of(out) for word in some], np.uint64)
    time = (sent >> np.uint64(5)) & np.uint64(2**44 - 1)
    assert len(time) > 2500
    assert (np.diff(time.astype(np.int64)) >= 0).all()


def test_a_register_changes_what_passes_from_then_on(library):
    words = words_on(0, np.random.default_rng(6), 200)
    mine = [w for w in words.tolist() if is_sound(w) and hit_of(w)["tdc_channel"] == 3]
    assert mine
    with SimulatedBoard(DESIGN, library) as board:
        removed = []
        for keep in (1, 0, 4, 1):
            board.keep(3, keep)
            assert board.kept(3) == keep
            board.through([words, np.empty(0, np.uint64)])
            removed.append(board.removed(3))
    n = len(mine)
    quarter = n - -(-n // 4)
    assert removed == [0, n, n + quarter, n + quarter]


def test_a_channel_that_the_board_lacks_is_refused(library):
    refused = pytest.raises(UsageError, match="no channel 1024 on the board: it has 0 to 1023")
    with SimulatedBoard(DESIGN, library) as board, refused:
        board.keep(1024, 0)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import TOY

from db.detector import Detector, available, decode, load, loads
from readout.link.word_times import word_times

EVERYTHING = loads("""
name = "everything"
title = "A time and verdicts that use every operation"
words_per_hit = 2

[fields]
a = { bits = [0, 15] }
b = { bits = [16, 63] }
c = { bits = [0, 63], word = 1 }

[clock]
tick_ns = 1
time = "abs(max(a, 7) - min(b % 1000, 3 * a)) + step // 3 + (b ^ a | 1) + (c >> 4)"
disorder = "1 us"
slice = "1 ms"

[columns]
step = "lookup(a & 3, 5, few, 0, 9)"
weight = "lookup(a % 2, 0.25, 1.5) * a / 3.0"

[words]
hit = "not (a == 3) or b >> 40 != 0"
timed = "a > 3 if b > 100 else b // 7 in (0, 2, 11)"
corrupt = "weight > 200.5 and c >> 60 in (1, 2, 15)"

[constants]
few = 3
""")


@pytest.mark.parametrize(
    "detector", [TOY, EVERYTHING, *map(load, available())], ids=lambda d: d.name
)
@given(words=st.lists(st.integers(0, 2**64 - 1), max_size=24))
def test_the_compiled_loop_says_what_decoding_says(detector: Detector, words: list[int]) -> None:
    words = np.array(words[len(words) % detector.words_per_hit :], np.uint64)
    times, sound, corrupt = word_times(detector)(words)
    decoded = decode(detector, words, columns=["t", "timed", "corrupt"])
    assert times.tolist() == decoded["t"].tolist()
    assert corrupt.tolist() == decoded["corrupt"].tolist()
    assert sound.tolist() == (decoded["timed"] & ~decoded["corrupt"]).tolist()

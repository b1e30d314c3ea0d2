"""Batches for tests, and what makes two of them equal."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from db.words.chunk import Chunk
from db.words.gaps import Gap
from readout.writer.batch import Batch, Mark, Part

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def chunk(seq: int, n_words: int, link: int = 0, run: int = 1) -> Chunk:
    words = np.arange(n_words, dtype=np.uint64) + np.uint64(2**63 + 1000 * seq)
    return Chunk(run, link, seq, -seq, 10 * seq, 10 * seq + 9, 10 * seq, n_words, 0, words)


def batch(number: int, sizes, n_gaps: int = 0, run: int = 1, n_shards: int = 3) -> Batch:
    """A batch with a part for each of ``sizes``, which are its chunks' numbers of words."""
    first = 100 * number
    parts, seq = [], first
    for home, words in enumerate(sizes):
        chunks = [chunk(seq + k, n, run=run) for k, n in enumerate(words)]
        parts.append(Part(chunks, home=home % n_shards))
        seq += len(words)
    if n_gaps:
        gaps = [
            Gap(run, 3, "packets_lost", 10 * k, 10 * k + 5, n_lost=number) for k in range(n_gaps)
        ]
        parts.append(Part(gaps=gaps))
    mark = Mark(seq, 10 * seq, stream=5, words=number + 1)
    return Batch(run, START, START + timedelta(milliseconds=number), parts, {0: mark, 9: Mark()})


contents = st.tuples(
    st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3), min_size=1, max_size=3),
    st.integers(0, 2),
)


def plain(part: Part):
    """The part as values that compare."""
    rows = [
        {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in vars(each).items()}
        for each in part.chunks
    ]
    return rows, list(part.gaps)

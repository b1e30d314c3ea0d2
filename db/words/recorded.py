"""Words at the places that they had in the files that a run was taken from."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from db.catalogue.runs import Run
from db.detector.words import Words
from db.engine import Engine
from db.words.chunks import payload_words
from db.words.homes.away import PAYLOAD

_BLOCK_HITS = 1 << 20
_OF_RUN = "run_id = {run:UInt32} AND notEmpty(recorded_places)"


@dataclass(frozen=True)
class RecordedFile:
    """A file that a run was taken from."""

    name: str
    n_hits: int


def recorded_files(run: Run) -> list[RecordedFile]:
    """Return the files of a run that was taken so that they can be given back, in order."""
    return [RecordedFile(**each) for each in run.settings.get("recorded", ())]


def n_recorded(engine: Engine, run_id: int) -> int:
    """Return how many hits of a run are there with their places."""
    found = engine.fetch(f"SELECT sum(n_hits) AS n FROM chunks WHERE {_OF_RUN}", {"run": run_id})
    return int(found["n"][0].as_py() or 0)


def read_recorded(
    engine: Engine, run_id: int, block_hits: int = _BLOCK_HITS
) -> Iterator[tuple[Words, NDArray[np.uint64]]]:
    """Yield the words of some chunks, and the place of each of their hits, in order of time.

    A place is the hit's number in the files, one after the other. Words that lie in another home
    are fetched from there; raises StoreError where they are not to be had.
    """
    heads = engine.fetch(
        f"SELECT t_first, sum(n_hits) AS n FROM chunks WHERE {_OF_RUN}"
        " GROUP BY t_first ORDER BY t_first",
        {"run": run_id},
    )
    if not heads.num_rows:
        return
    blocks = np.cumsum(heads["n"].to_numpy().astype(np.int64)) // block_hits
    begins = heads["t_first"].to_numpy()[np.flatnonzero(np.diff(blocks, prepend=-1))].tolist()
    for a, b in pairwise([*begins, 2**62]):
        rows = engine.fetch(
            f"SELECT words, recorded_places, {PAYLOAD} FROM chunks WHERE {_OF_RUN}"
            " AND t_first >= {a:Int64} AND t_first < {b:Int64} ORDER BY t_first, link, seq",
            {"run": run_id, "a": a, "b": b},
        ).combine_chunks()
        words, _ = payload_words(engine, run_id, rows)
        yield words, rows["recorded_places"].combine_chunks().flatten().to_numpy()

"""Files of words given back as they were recorded, byte for byte."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import UsageError
from db.words.recorded import RecordedFile, n_recorded, read_recorded, recorded_files


def check_recorded(engine: Engine, run: Run) -> None:
    """Raise UsageError unless all bytes of the files that a run was taken from are there."""
    files = recorded_files(run)
    if not files:
        raise UsageError(
            f"run {run.run_id} keeps no places of its words, so that their order is not known:"
            " take its file in with everyhit ingest --as-recorded"
        )
    n, wanted = n_recorded(engine, run.run_id), sum(each.n_hits for each in files)
    if n != wanted:
        names = ", ".join(each.name for each in files)
        raise UsageError(
            f"run {run.run_id} has {n:,} of the {wanted:,} hits of {names}: words were dropped, or"
            " it was not taken to its end"
        )


def own_names(files: Sequence[RecordedFile]) -> list[str]:
    """Return a name for each file: its own, with a number in front where several share it."""
    names = [each.name for each in files]
    return [
        name if names.count(name) == 1 else f"{k}-{name}" for k, name in enumerate(names, start=1)
    ]


def write_recorded(engine: Engine, run: Run, paths: Sequence[Path]) -> Iterator[int]:
    """Write each file that a run was taken from to a path; yield how many hits are written so far.

    Memory doesn't grow with the files. Raises OSError where there is no room for one.
    """
    ends = np.cumsum([each.n_hits for each in recorded_files(run)])
    per_hit, n_hits = run.detector.words_per_hit, 0
    for path, file in zip(paths, recorded_files(run), strict=True):
        with path.open("wb") as out:  # a full disk is told now, not by a signal later
            os.posix_fallocate(out.fileno(), 0, 8 * per_hit * file.n_hits)
    for words, places in read_recorded(engine, run.run_id):
        hits, of_file = words.reshape(-1, per_hit), np.searchsorted(ends, places, side="right")
        for k in np.unique(of_file).tolist():
            inside = of_file == k
            begin = ends[k - 1] if k else 0
            # Mapped anew for each block: what was written leaves memory.
            target = np.memmap(paths[k], "<u8", "r+").reshape(-1, per_hit)
            target[places[inside] - np.uint64(begin)] = hits[inside]
        n_hits += len(hits)
        yield n_hits

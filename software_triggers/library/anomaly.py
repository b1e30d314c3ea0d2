"""Finds bins of time that look like nothing in ordinary data: a model in ONNX tells how unlike."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.detector import Detector
from db.errors import TriggerError
from db.time import duration_ticks
from software_triggers.trigger import trigger

BIN = "10 us"
MOMENTS = 16
FEATURES = ("n_hits", "n_cells", "n_layers", "spread", "busiest_cell", "busiest_moment")
"""What a model is told of each chamber in a bin: hits, cells and layers that have some, wires from
the first to the last, and the hits of the busiest cell and of the busiest sixteenth of the bin."""
SHIPPED = Path(__file__).with_suffix(".onnx")
BATCH = 64
"""Bins that go through the model together. A bin's place among them is its place on the run's
grid: the last digits of a sum may depend on place and number, and must not on the window."""

Floats = NDArray[np.float32]


@trigger(reach=BIN, uses=("t", "chamber", "layer", "wire"), nulls=False, signed=False)
def anomaly(
    hits: pl.DataFrame,
    detector: Detector,
    model: Path = Path("anomaly.onnx"),
    threshold: float = 6.0,
) -> pl.DataFrame:
    """Bins of 10 us whose hits a model in ONNX finds unlike those that it was trained on.

    Bins lie on multiples of 10 us since the run's start; t is where one begins. ``model`` is the
    path of a file that maps ``features`` to scores: float32 of shape (bins, 6 * chambers) to
    (bins,). A score of 1 is ordinary (root mean square) for what train_anomaly makes. What is in
    the file is part of the lineage: a newly trained model makes another one.
    """
    scorer = load_scorer(model)
    width = duration_ticks(BIN, detector.tick)
    bins, x = features(hits, width, scorer.n_chambers)
    found = pl.DataFrame({"t": bins * width, "score": scorer.score(bins, x)})
    return found.filter(pl.col("score") > threshold)


def features(
    hits: pl.DataFrame, bin_ticks: int, n_chambers: int
) -> tuple[NDArray[np.int64], Floats]:
    """Return the bins that have hits on wires, ascending, and what a model is told of them.

    Bin k holds the times [k, k + 1) * ``bin_ticks``. The second array is (bins, n_chambers * 6):
    FEATURES of chamber 0, of chamber 1, ...; hits in chambers beyond are left out. All are whole
    numbers, so that the order of hits makes no difference.
    """
    hits = hits.filter(pl.col("wire") > 0, pl.col("chamber") < n_chambers)
    t, chamber, layer, wire = (
        hits[name].cast(pl.Int64).to_numpy() for name in ("t", "chamber", "layer", "wire")
    )
    n_layers, n_wires = layer.max(initial=0) + 1, wire.max(initial=0) + 1
    origin = t.min(initial=0) // bin_ticks
    group = (t // bin_ticks - origin) * n_chambers + chamber
    cell, n = np.unique((group * n_layers + layer) * n_wires + wire, return_counts=True)
    of_layer, of_group, in_cell = cell // n_wires, cell // n_wires // n_layers, cell % n_wires
    moment = t % bin_ticks * MOMENTS // bin_ticks
    part, n_part = np.unique(group * MOMENTS + moment, return_counts=True)

    first, first_part = _starts(of_group), _starts(part // MOMENTS)
    new_layer = np.diff(of_layer, prepend=-1) > 0
    told = {
        "n_hits": np.add.reduceat(n, first),
        "n_cells": np.diff(first, append=len(cell)),
        "n_layers": np.add.reduceat(new_layer, first, dtype=np.int64),
        "spread": np.maximum.reduceat(in_cell, first) - np.minimum.reduceat(in_cell, first) + 1,
        "busiest_cell": np.maximum.reduceat(n, first),
        "busiest_moment": np.maximum.reduceat(n_part, first_part),
    }
    bins, row = np.unique(of_group[first] // n_chambers, return_inverse=True)
    x = np.zeros((len(bins), n_chambers, len(FEATURES)), np.float32)
    x[row, of_group[first] % n_chambers] = np.stack([told[name] for name in FEATURES], axis=1)
    return bins + origin, x.reshape(len(bins), n_chambers * len(FEATURES))


def _starts(sorted_values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places at which a new value begins."""
    return np.flatnonzero(np.diff(sorted_values, prepend=-1))


@dataclass(frozen=True)
class Scorer:
    """A model at work; any number of threads may use it."""

    session: Any
    input: str
    n_chambers: int

    def score(self, bins: NDArray[np.int64], x: Floats) -> Floats:
        """Return the scores (n,) of bins (n,), ascending, with their features (n, 6 * chambers)."""
        batch, place = np.divmod(bins, BATCH)
        edges = [*np.flatnonzero(np.diff(batch, prepend=batch[:1] - 1)), len(bins)]
        scores = np.empty(len(bins), np.float32)
        for a, b in pairwise(edges):
            rows = np.zeros((BATCH, x.shape[1]), np.float32)
            rows[place[a:b]] = x[a:b]
            scores[a:b] = self.run(rows)[place[a:b]]
        return scores

    def run(self, rows: Floats) -> Floats:
        """Return what the model says of BATCH rows, one number each."""
        (out, *_) = self.session.run(None, {self.input: rows})
        return np.asarray(out, np.float32).reshape(BATCH)


_loading = threading.Lock()


def load_scorer(path: Path) -> Scorer:
    """Return the model in a file, loaded once in a process for as long as the file stays the same.

    Raises TriggerError if onnxruntime is missing, or the file is no model of the right shape.
    """
    try:
        changed = path.stat().st_mtime_ns
    except OSError as fault:
        raise TriggerError(f"model {path}: it can't be read: {fault.strerror}") from None
    with _loading:
        return _load(path, changed)


@lru_cache(maxsize=8)
def _load(path: Path, _changed: int) -> Scorer:
    try:
        import onnxruntime
    except ImportError:
        raise TriggerError(
            "trigger anomaly needs the extra: pip install 'everyhit[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the workers are the threads
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as fault:
        said = str(fault).splitlines()[0]
        raise TriggerError(f"model {path} is no ONNX file that can be used: {said}") from None
    (first, *others), n = session.get_inputs(), len(FEATURES)
    width = first.shape[-1] if len(first.shape) == 2 else None
    if others or not isinstance(width, int) or width < n or width % n:
        raise TriggerError(
            f"model {path} takes {_shapes(session.get_inputs())}; it must take one array of shape"
            f" (bins, {n} * chambers): see train_anomaly"
        )
    scorer = Scorer(session, first.name, width // n)
    try:
        scorer.run(np.zeros((BATCH, width), np.float32))
    except Exception as fault:
        raise TriggerError(
            f"model {path} gives {_shapes(session.get_outputs())}; of {BATCH} bins of float32 it"
            f" must make as many scores: {fault}"
        ) from None
    return scorer


def _shapes(arrays: Any) -> str:
    return " and ".join(f"{a.name} {tuple(a.shape)} of {a.type}" for a in arrays)

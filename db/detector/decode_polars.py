"""The columns of words, in Polars."""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from db.detector.detector import Detector
from db.detector.words import Words
from db.selection import Node, dtype
from db.selection.to_polars import to_polars


def decode_polars(detector: Detector, words: Words, epoch: ArrayLike = 0) -> pl.DataFrame:
    """A frame of what ``decode`` gives, in the same types, through Polars' own expressions."""
    hits = words.reshape(-1, detector.words_per_hit)
    raw = {f"w{k}": hits[:, k] for k in range(detector.words_per_hit)}
    frame = pl.DataFrame({**raw, "epoch": np.broadcast_to(np.asarray(epoch, np.int64), len(hits))})
    fields = [field.name for field in detector.fields]
    rest = [name for name in (*detector.column_names, "t") if name not in fields]
    return frame.select("epoch", *_columns(detector, fields)).select(
        *fields, *_columns(detector, rest)
    )


def _columns(detector: Detector, names: list[str]) -> list[pl.Expr]:
    return [_typed(detector.nodes[name]).alias(name) for name in names]


def _typed(node: Node) -> pl.Expr:
    kind = pl.Series(np.empty(0, dtype(node))).dtype
    return to_polars(node).cast(kind)

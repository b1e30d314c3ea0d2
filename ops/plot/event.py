"""What is drawn of an event: its hits, how far they drifted, its segments and tracks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.catalogue.runs import Run
from db.detector import Detector, Shape, decode
from db.detector.words import Words
from db.engine import Engine
from db.errors import UsageError
from db.relations.events import event_at
from db.relations.read import read as read_rows
from db.relations.relation import Relation
from software_triggers.library.mean_timer import SEGMENT
from software_triggers.library.straight_track import TRACK


@dataclass(frozen=True)
class Event:
    """An event, and what triggers found in it."""

    number: int
    """Its place among the events of the range asked for, from 0."""
    t: int
    hits: pl.DataFrame
    """t, and the columns of the shape: element, position, view."""
    segments: pl.DataFrame
    """Rows of ``mean_timer.segments``."""
    tracks: pl.DataFrame
    """Rows of ``straight_track.tracks``."""


def read(
    engine: Engine,
    run: Run,
    relations: Mapping[str, Relation],
    number: int = 0,
    at: int | None = None,
) -> Event:
    """Return an event by its place in order of time; with ``at`` (ticks), the first to end later.

    ``relations`` has events, and segments and tracks if they are to be drawn. The hits are those
    that the event itself keeps. Raises UsageError where there is none.
    """
    found = event_at(engine, relations["events"], number, at)
    if found is None:
        what = f"event {number}" if at is None else f"event that ends after {at} ticks"
        raise UsageError(f"run {run.run_id} has no {what} in this range: ask for an earlier one")
    number, event = found
    found_in = {"segments": SEGMENT.to_frame(), "tracks": TRACK.to_frame()}
    for name in found_in.keys() & relations.keys():
        within = replace(relations[name], a=event["t"], b=event["t_end"])
        found_in[name] = pl.DataFrame(pl.from_arrow(read_rows(engine, within)))
    raw, t = np.array(event["raw"], np.uint64), np.array(event["word_t"], np.int64)
    return Event(number, event["t"], hits_of(run.detector, raw, t), **found_in)


def hits_of(detector: Detector, raw: Words, t: NDArray[np.int64]) -> pl.DataFrame:
    """Return the hits among words whose times are known: t, and the columns of the shape."""
    shape = shape_of(detector)
    view = (shape.view,) if shape.view else ()
    wanted = ("t", *shape.element, *shape.position_mm, *view)
    epoch = t - decode(detector, raw, 0, ["t"])["t"]
    words = pl.DataFrame(decode(detector, raw, epoch, [*wanted, "hit", "corrupt"]))
    return words.filter(pl.col("hit") & ~pl.col("corrupt")).select(wanted)


def shape_of(detector: Detector) -> Shape:
    """Return how a detector is drawn; UsageError if its elements have no place in a plane."""
    shape = detector.shape
    if shape is None or len(shape.position_mm) != 2 or len(shape.size_mm) != 2:
        raise UsageError(
            f"detector {detector.name} does not say where its elements are: an event display needs"
            " position_mm and size_mm in [shape] of its declaration, two of each"
        )
    return shape


def drifts(detector: Detector, event: Event) -> pl.DataFrame:
    """Return an event's hits with what their segments say: drift_mm, and side (1 or -1).

    The drift distance is the drift velocity times the hit's t less its segment's t0; the passage
    is that far from the wire along x, on that side. Both are null for hits of no segment.
    """
    if event.segments.is_empty():  # and perhaps of a detector that knows no drift
        return event.hits.with_columns(
            drift_mm=pl.lit(None, pl.Float64), side=pl.lit(None, pl.Int8)
        )
    v_mm_per_ns = detector.constants["v_drift_um_per_ns"] / 1000
    lists = event.segments.select(
        "chamber",
        "t0_ns",
        pl.int_ranges(1, pl.col("wires").list.len() + 1).alias("layer"),
        pl.col("wires").alias("wire"),
        pl.col("hit_t").alias("t"),
        pl.col("sides").alias("side"),
        pl.col("t").alias("t0"),
    )
    used = lists.explode("layer", "wire", "t", "side")
    late_ns = (pl.col("t") - pl.col("t0")) * float(detector.tick) - pl.col("t0_ns")
    keys = ("chamber", "layer", "wire", "t")
    used = used.select(
        *(pl.col(name).cast(event.hits.schema[name]) for name in keys),
        "side",
        drift_mm=v_mm_per_ns * late_ns,
    )
    return event.hits.join(used.unique(keys), on=keys, how="left", maintain_order="left")

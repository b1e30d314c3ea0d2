"""Triggers of the drift-tube telescope, in Python."""

import polars as pl

from db.detector import Detector
from software_triggers.library import mean_timer, straight_track
from software_triggers.library import segment_clusters as clusters
from software_triggers.library.alignment import declared_alignment
from software_triggers.trigger import trigger

RESOLUTION_NS = (4.0,)
"""Of drift tubes whose declaration names none, as real ones have it."""
_TRACK_REACH = f"{straight_track.REACH_NS} ns"


@trigger(
    reach=f"{mean_timer.REACH_NS} ns",
    uses=("t", "chamber", "layer", "wire", "view", "x_mm", "z_mm"),
    nulls=False,
    signed=False,
)
def segments(
    hits: pl.DataFrame,
    detector: Detector,
    min_hits: int = 3,
    max_chi2: float = 16.0,
    max_slope: float = 1.05,
    resolution_ns: float = 0.0,
) -> pl.DataFrame:
    """Straight pieces of track in single chambers, with their time of passage (mean-timer).

    A ``resolution_ns`` above 0 takes the place of the one that the declaration has for each chamber
    in its table of that name.
    """
    constants = detector.constants
    return mean_timer.segments(
        hits.filter(pl.col("wire") > 0),
        tick_ns=float(detector.tick),
        v_drift_um_per_ns=constants["v_drift_um_per_ns"],
        t_max_ns=constants["t_max_ns"],
        cell_height_mm=constants["cell_height_mm"],
        min_hits=min_hits,
        max_chi2=max_chi2,
        max_slope=max_slope,
        resolution_ns=resolution_ns or detector.tables.get("resolution_ns", RESOLUTION_NS),
    )


@trigger(
    reach=_TRACK_REACH, depends_on="segments", uses=straight_track.USES, nulls=False, signed=False
)
def tracks(
    segments: pl.DataFrame,
    detector: Detector,
    within_ns: float = 40.0,
    max_chi2: float = 10.0,
    min_segments: int = 2,
) -> pl.DataFrame:
    """Straight lines through segments of several chambers of one view, with one time for all.

    What chambers are off stands in the declaration's tables chamber_t0_ns, chamber_x_mm and
    chamber_slope.
    """
    return straight_track.tracks(
        segments,
        tick_ns=float(detector.tick),
        v_drift_um_per_ns=detector.constants["v_drift_um_per_ns"],
        cell_height_mm=detector.constants["cell_height_mm"],
        flight_ns_per_m=detector.constants.get("flight_ns_per_m", 0.0),
        alignment=declared_alignment(detector.tables),
        within_ns=within_ns,
        max_chi2=max_chi2,
        min_segments=min_segments,
    )


@trigger(
    reach="1 us",
    depends_on="words",
    uses=("t", "chamber", "layer", "wire", "head", "hit"),
    nulls=False,
    signed=False,
)
def segment_clusters(
    words: pl.DataFrame, detector: Detector, margin_ns: float = 10.0
) -> pl.DataFrame:
    """For each segment time that the front-end sent, the hits of its chamber that belong to it."""
    return clusters.segment_clusters(
        words.with_columns(segment=pl.col("head") == 0),
        tick_ns=float(detector.tick),
        t_max_ns=detector.constants["t_max_ns"],
        margin_ns=margin_ns,
    )

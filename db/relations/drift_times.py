"""Drift times of the hits of segments, counted in the database."""

import polars as pl

from db.engine import Engine
from db.relations.relation import Relation, select_of


def count_drift_times(
    engine: Engine, segments: Relation, tick_ns: float, width_ns: float
) -> pl.DataFrame:
    """Return how many hits of segments have which drift time, t of the hit less t0 of its segment.

    Columns: chamber, n_hits (of the segment), bin (times ``width_ns`` is where it begins) and n.
    """
    table = engine.fetch(
        "SELECT chamber, n_hits, toInt32(floor(((hit - t) * {tick:Float64} - t0_ns)"
        " / {width:Float64})) AS bin, count() AS n"
        f" FROM ({select_of(engine, segments)}) ARRAY JOIN hit_t AS hit, wires AS wire"
        " WHERE wire > 0 GROUP BY chamber, n_hits, bin ORDER BY chamber, n_hits, bin",
        {"tick": tick_ns, "width": width_ns},
    )
    return pl.DataFrame(pl.from_arrow(table))

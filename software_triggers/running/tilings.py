"""Whether a trigger finds the same however its windows are cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.words.hits_view import create_views
from db.words.ranges import of_hits
from software_triggers.running.dry_run import unstored_stage
from software_triggers.task.bind import sql_columns
from software_triggers.task.find import compute
from software_triggers.task.relations import NOTHING, AtHand
from software_triggers.task.stage import Stage
from software_triggers.trigger import Trigger
from software_triggers.window import Window

MOST_HITS, MOST_CUTS = 1_000_000, 100


@dataclass(frozen=True)
class Difference:
    """A row that one way to cut windows finds more often than another."""

    t: int
    row: str
    """JSON."""
    uncut: int
    """How often the row is found in one window."""
    cut: int
    """How often in several."""
    cuts: tuple[int, ...]
    """Where these begin, in ticks: the three nearest before the row."""


@dataclass(frozen=True)
class Tilings:
    """What became of a comparison."""

    window: Window
    """What was looked at."""
    n_rows: int
    n_windows: int
    n_different: int
    first: Difference | None
    """The earliest difference; None where there is none."""


def compare_tilings(
    engine: Engine, run: Run, trigger: Trigger, params: Mapping[str, Any], a: int, b: int
) -> Tilings:
    """Return what differs between one window and several over the same times, storing nothing.

    The several begin where the trigger found a row, or a tick behind: there it shows if it needs
    to look further than its reach. It looks at the first million hits of [a, b), and at what other
    triggers have committed. Raises TriggerError, SqlError, and StoreError where the trigger fails.
    """
    create_views(engine, run.detector)
    stage = unstored_stage(engine, run, trigger, params)
    if trigger.kind == "sql":
        sql_columns(engine, stage)  # what it lacks is told by name
    window = next(
        (Window(*part) for part in of_hits(engine, run, a, b, MOST_HITS)), Window(a, a + 1)
    )
    whole = found_in(engine, stage, [window.a, window.b])
    times = whole["t"].unique().sort()
    some = times.gather_every(max(1, -(-len(times) // MOST_CUTS))).to_list()
    n_windows, differences = 1, []
    for edges in tilings(window, some):
        differences += differing(whole, found_in(engine, stage, edges), edges)
        n_windows += len(edges) - 1
    first = min(differences, key=lambda each: each.t, default=None)
    return Tilings(window, len(whole), n_windows, len({d.row for d in differences}), first)


def tilings(window: Window, times: Sequence[int]) -> list[list[int]]:
    """Return two ways to cut a window: at each time, and a tick behind."""
    return [
        [window.a, *sorted({t + later for t in times if window.a < t + later < window.b}), window.b]
        for later in (0, 1)
    ]


def found_in(
    engine: Engine,
    stage: Stage,
    edges: Sequence[int],
    reach: int | None = None,
    at_hand: AtHand = NOTHING,
) -> pl.DataFrame:
    """Return t and the whole row as JSON of what is found in the windows between the edges.

    ``reach`` is how far the stage looks beyond them; default what it says.
    """
    reach = stage.reach if reach is None else reach
    parts = []
    for window in (Window(*pair) for pair in pairwise(edges)):
        rows = compute(engine, stage, window.widened(reach), at_hand)
        rows = rows.filter(pl.col("t").is_between(window.a, window.b, closed="left"))
        parts.append(
            rows.select(pl.col("t").cast(pl.Int64), row=pl.struct(pl.all()).struct.json_encode())
        )
    return pl.concat(parts)


def differing(whole: pl.DataFrame, cut: pl.DataFrame, edges: Sequence[int]) -> list[Difference]:
    """Return the rows of two answers that one has more often than the other."""
    counts = (
        pl.concat([whole.with_columns(uncut=1, cut=0), cut.with_columns(uncut=0, cut=1)])
        .group_by("t", "row")
        .sum()
        .filter(pl.col("uncut") != pl.col("cut"))
    )
    return [
        Difference(**row, cuts=tuple([edge for edge in edges if edge <= row["t"]][-3:]))
        for row in counts.iter_rows(named=True)
    ]

"""What a trigger's results must not depend on, tried on a run: windows, order, earlier calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.words.hits_view import create_views
from db.words.ranges import of_hits
from software_triggers.running.dry_run import unstored_stage
from software_triggers.running.tilings import (
    MOST_CUTS,
    MOST_HITS,
    Difference,
    differing,
    found_in,
    tilings,
)
from software_triggers.task.bind import sql_columns
from software_triggers.task.relations import AtHand
from software_triggers.task.stage import Stage
from software_triggers.trigger import Trigger
from software_triggers.window import Window

_FURTHER = (2, 16, 256)
_PART = 4
_LEAST_NS = 100
"""A reach of nothing is tried as so much."""
_SHUFFLES = 3


@dataclass(frozen=True)
class Check:
    """One thing on which results must not depend."""

    name: str
    """again, order or windows."""
    verdict: str
    """In words; empty where all is well."""
    n_different: int = 0
    first: Difference | None = None
    """The earliest row that differs: ``uncut`` times as it was found first, ``cut`` times then."""


@dataclass(frozen=True)
class Trial:
    """What became of it."""

    window: Window
    """What was looked at."""
    n_rows: int
    checks: tuple[Check, ...]


def try_out(
    engine: Engine, run: Run, trigger: Trigger, params: Mapping[str, Any], a: int, b: int
) -> Trial:
    """Return on what a trigger's results depend over the first million hits of [a, b).

    Nothing is stored. The same window is asked again after others (what is kept between calls, or
    is of chance), with rows in an order of chance, and cut in several ways; where these differ, a
    further reach tells whether it was too short. What it reads of other triggers is what they have
    committed. Raises TriggerError, SqlError, and StoreError where the trigger fails.
    """
    create_views(engine, run.detector)
    stage = unstored_stage(engine, run, trigger, params)
    if trigger.kind == "sql":
        sql_columns(engine, stage)  # what it lacks is told by name
    window = next(
        (Window(*part) for part in of_hits(engine, run, a, b, MOST_HITS)), Window(a, a + 1)
    )
    edges = [window.a, window.b]
    whole = found_in(engine, stage, edges)
    checks = [_again(engine, stage, window, whole)]
    if checks[0].n_different == 0:  # else nothing else can be told
        checks += [_order(engine, stage, edges, whole), _windows(engine, stage, window, whole)]
    return Trial(window, len(whole), tuple(checks))


def _again(engine: Engine, stage: Stage, window: Window, whole: pl.DataFrame) -> Check:
    """Ask the same once more, after a part of it was asked."""
    middle = (window.a + window.b) // 2
    if window.a < middle:
        found_in(engine, stage, [window.a, middle])
    edges = [window.a, window.b]
    return _told(
        "again",
        "it finds something else when it is asked again: it keeps something between calls, or"
        " something in it is of chance",
        differing(whole, found_in(engine, stage, edges), edges),
    )


def _order(engine: Engine, stage: Stage, edges: list[int], whole: pl.DataFrame) -> Check:
    """Let rows come in other orders."""
    differences = []
    for _ in range(_SHUFFLES):
        other = found_in(engine, stage, edges, at_hand=AtHand(shuffled=True))
        differences += differing(whole, other, edges)
    return _told(
        "order",
        "it finds something else when its hits come in another order: sort them by t, and by"
        " something more where times are equal",
        differences,
    )


def _windows(engine: Engine, stage: Stage, window: Window, whole: pl.DataFrame) -> Check:
    """Cut the window in several ways, and where that makes a difference let it look further."""
    times = whole["t"].unique().sort()
    some = times.gather_every(max(1, -(-len(times) // MOST_CUTS))).to_list()
    cuts = tilings(window, some)
    differences = [
        each for edges in cuts for each in differing(whole, found_in(engine, stage, edges), edges)
    ]
    check = _told(
        "windows", "it finds something else when its windows are cut otherwise", differences
    )
    if not differences:
        return check
    base = max(stage.reach, int(_LEAST_NS / stage.run.detector.tick), 1)
    for reach in (base * factor for factor in _FURTHER):
        if _PART * reach > window.b - window.a:  # whoever sees all of it finds the same
            break
        wide = found_in(engine, stage, [window.a, window.b], reach)
        if all(not differing(wide, found_in(engine, stage, edges, reach), edges) for edges in cuts):
            ns = float(reach * stage.run.detector.tick)
            return _told(
                "windows",
                f"its reach is too short: with {ns:g} ns it finds the same however windows are cut",
                differences,
            )
    return _told(
        "windows",
        f"{check.verdict}, however far it looks: it counts or numbers over the whole window",
        differences,
    )


def _told(name: str, verdict: str, differences: list[Difference]) -> Check:
    if not differences:
        return Check(name, "")
    first = min(differences, key=lambda each: each.t)
    return Check(name, verdict, len({each.row for each in differences}), first)

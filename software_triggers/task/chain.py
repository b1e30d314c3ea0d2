"""Stages that hang together, and which of them must be computed over which times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from software_triggers.task.stage import Stage
from software_triggers.window import Window, hull

Cells = NDArray[np.int64]
State = Mapping[str, pl.DataFrame]
"""What ``chain_state`` returns."""


def chains_of(stages: Sequence[Stage]) -> list[tuple[Stage, ...]]:
    """Return the stages in groups that read nothing of each other, each in working order."""
    group = {stage.name: {stage.name} for stage in stages}
    for stage in stages:
        for name in stage.inputs:
            group[stage.name] |= group[name]
            for member in group[stage.name]:
                group[member] = group[stage.name]
    found = {id(names): names for names in group.values()}
    return [tuple(s for s in stages if s.name in names) for names in found.values()]


def margins(stages: Sequence[Stage]) -> dict[str, int]:
    """Return how many ticks beyond a window each stage's rows are wanted by its readers."""
    wanted = {stage.name: 0 for stage in stages}
    for stage in reversed(stages):
        for name in stage.inputs:
            wanted[name] = max(wanted[name], wanted[stage.name] + stage.reach)
    return wanted


def names_of(stages: Sequence[Stage]) -> str:
    """Return the names of stages for people."""
    return ", ".join(stage.name for stage in stages)


@dataclass(frozen=True)
class Step:
    """What a stage does for a window."""

    stage: Stage
    window: Window
    """Its rows with t in it are wanted: its own, and those that its readers look at beyond."""
    pieces: tuple[tuple[Window, bool], ...]
    """The window in parts: whether one is computed, or read as it is committed."""

    @property
    def computes(self) -> bool:
        """Whether any of it is computed."""
        return any(anew for _, anew in self.pieces)


def plan(
    stages: Sequence[Stage], state: State, todo: Mapping[str, Cells], part: Window
) -> list[Step]:
    """Return the steps, in working order, that make the ``todo`` cells of each stage in ``part``.

    What is committed and up to date is read, not computed again, unless a part of it is computed
    anyway.
    """
    wanted: dict[str, Window] = {}
    steps: list[Step] = []
    for stage in reversed(stages):
        cell = stage.run.cell
        cells = part.cells(cell)
        own = todo[stage.name]
        own = own[np.searchsorted(own, cells.start) : np.searchsorted(own, cells.stop)]
        ranges = [wanted[stage.name]] if stage.name in wanted else []
        if len(own):
            a, b = int(own[0]) * cell, (int(own[-1]) + 1) * cell
            ranges.append(Window(max(a, part.a), min(b, part.b)))
        if not ranges:
            continue
        window = hull(ranges)
        step = Step(stage, window, _pieces(stage, state[stage.name], window))
        steps.insert(0, step)
        for piece, anew in step.pieces:
            for name in stage.inputs if anew else ():
                read = piece.widened(stage.reach)
                wanted[name] = hull([wanted.get(name, read), read])
    return steps


def _pieces(stage: Stage, state: pl.DataFrame, window: Window) -> tuple[tuple[Window, bool], ...]:
    here = between(state, window.cells(stage.run.cell))
    if not here["stale"].any():
        return ((window, False),)
    if not here.filter(~pl.col("stale"))["n_dropped"].sum():
        return ((window, True),)
    # Of what is up to date some words are gone: only the rest can be computed.
    parts: list[tuple[Window, bool]] = []
    for number, stale in here.select("cell", "stale").iter_rows():
        a = max(window.a, number * stage.run.cell)
        b = min(window.b, (number + 1) * stage.run.cell)
        if parts and parts[-1][1] == stale:
            a = parts.pop()[0].a
        parts.append((Window(a, b), stale))
    return tuple(parts)


def out_of_reach(stages: Sequence[Stage], state: State) -> tuple[State, dict[str, Cells]]:
    """Return the state as it must be worked with since words were dropped, and stale cells by stage
    that can't be computed: words that they need are gone, or results that rest on such words.

    Of these, what is committed stands as it is; the others have no result.
    """
    stands: dict[str, pl.DataFrame] = {}
    gone: dict[str, Cells] = {}
    unseen: dict[str, Cells] = {}
    for stage in stages:
        frame = state[stage.name]
        cells = frame["cell"].to_numpy()
        rests = [resting_on(stage, unseen[name]) for name in stage.inputs]
        lost = np.isin(cells, np.concatenate([*rests, cells[:0]]))
        lost = (lost | (frame["n_dropped"].to_numpy() > 0)) & frame["stale"].to_numpy()
        gone[stage.name] = cells[lost]
        kept = pl.Series(lost) & frame["revision"].is_not_null()
        unseen[stage.name] = cells[lost & ~kept.to_numpy()]
        stands[stage.name] = frame.with_columns(
            stale=pl.col("stale") & ~kept,
            n_dropped=pl.when(kept).then(1).otherwise("n_dropped"),
        )
    return stands, gone


def resting_on(stage: Stage, cells: Cells) -> Cells:
    """Return the cells of a stage that look at any of these cells of its inputs."""
    cell = stage.run.cell
    low = (cells * cell - stage.reach) // cell
    high = ((cells + 1) * cell + stage.reach - 1) // cell
    ranges = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    return np.unique(np.concatenate([*ranges, cells[:0]]))


def between(state: pl.DataFrame, cells: range) -> pl.DataFrame:
    """Return the rows of a stage's state for those of its cells that lie in a range."""
    return state.filter(pl.col("cell").is_between(cells.start, cells.stop, closed="left"))

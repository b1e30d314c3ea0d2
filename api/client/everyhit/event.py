"""An event as a client sees it: times, words, what was found in it, a picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from everyhit.tables import table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Event:
    """What was found at one time, with the words in it."""

    run: int
    t: int
    """Begin in ticks since the run's start."""
    t_end: int
    """End, excluded."""
    t_s: float
    """Begin in seconds since the run's start."""
    triggers: tuple[str, ...]
    """Those that found something in it."""
    continued: bool
    """It goes on where a longer one was cut."""
    hits: pl.DataFrame = field(repr=False)
    """Its words: t, t_ns since its begin, link, hit (a sound one) and the declaration's columns."""
    found: Mapping[str, pl.DataFrame] = field(repr=False)
    """Rows of triggers that lie in it, by trigger."""
    element: tuple[str, ...] = ()
    """Columns that together name a place in the detector; empty where it is not declared."""
    position: tuple[str, ...] = ()
    """Columns that say where a hit is, in mm; empty where it is not declared."""

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw its hits with Matplotlib, coloured by time, and return the axes.

        They are drawn where they lie, if the declaration tells; else channel against time.
        """
        from everyhit.pictures import draw_event

        return draw_event(self, axes)

    def _repr_html_(self) -> str:
        told: dict[str, Any] = {
            "event": f"at {self.t_s:.9g} s of run {self.run}, t = {self.t}",
            "triggers": self.triggers,
            "ticks": self.t_end - self.t,
            **{name: f"{len(rows)} rows" for name, rows in self.found.items()},
        }
        return table_of(told) + self.hits._repr_html_()

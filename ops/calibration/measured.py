"""Measured constants of chambers, and how they enter a declaration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from db.catalogue.runs import Run
from db.errors import UsageError

FEWEST = 200
"""Segments that a chamber must have: its resolution is then known to 8 %."""


@dataclass(frozen=True)
class Panel:
    """A histogram of what is left of one chamber, for each of a few labels."""

    title: str
    of: str
    """What is counted, with its unit."""
    edges: NDArray[Any]
    counts: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Measured:
    """What a measurement says of a detector, chamber by chamber, and how well it is known."""

    rows: Sequence[Mapping[str, Any]]
    """One for each chamber; ``kept`` says whether there is enough of it."""
    constants: Mapping[str, float]
    tables: Mapping[str, Sequence[float]]
    """What is to be declared: whole tables, with what was measured well enough in its place."""
    panels: Sequence[Panel]


def check_declared(run: Run, *, constants: Sequence[str] = (), tables: Sequence[str] = ()) -> None:
    """Raise UsageError unless a run's declaration has what is to be measured."""
    for kind, names, there in (
        ("constants", constants, run.detector.constants),
        ("tables", tables, run.detector.tables),
    ):
        for name in names:
            if name not in there:
                raise UsageError(
                    f"the declaration of {run.detector.name} has no {name} in [{kind}]: it isn't"
                    " one of drift tubes that can be calibrated"
                )


def with_measured(run: Run, table: str, measured: Mapping[int, float]) -> list[float]:
    """Return a run's table with values of chambers in their places, as far as it has such."""
    values = list(run.detector.tables[table])
    for chamber, value in measured.items():
        if chamber < len(values):
            values[chamber] = value
    return values

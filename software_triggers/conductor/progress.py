"""How far a stage has come in a run: what is sent out, done, suspect, lost."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from software_triggers.task.bind import Stage

EVER = 2**62


class Handle(Protocol):
    """A task under way. Neither call raises when it can't be told: then the task is not ready."""

    def begun(self) -> bool:
        """Whether a worker is known to have begun with it."""

    def ready(self) -> bool:
        """Whether it has ended, well or not."""

    def failed(self) -> bool:
        """Whether it ended without committing, because the store or the worker failed."""


@dataclass(frozen=True)
class Task:
    """Cells [first, stop) of a stage, to be brought up to date by a worker."""

    stage: Stage
    first: int
    stop: int
    complete: bool
    """Every watermark has passed what the cells look at."""


Submit = Callable[[Task], Handle]


@dataclass
class Sent:
    """A task that was sent out."""

    task: Task
    handle: Handle
    at: float
    begun_at: float | None = None
    """When it was first seen that a worker had begun with it."""


@dataclass
class Progress:
    """How far a stage has come in a run."""

    stage: Stage
    first: int
    next: int
    """Cells before it have been sent out or are done."""
    stop: int
    """Cells from here on are not wanted."""
    done_to: int
    """All cells before it are committed."""
    least: int = -EVER
    """Cells before it are not wanted, even if late data touch them."""
    done: set[int] = field(default_factory=set)
    """Committed cells from ``done_to`` on."""
    suspects: set[int] = field(default_factory=set)
    """Cells whose inputs may have changed since they were sent out."""
    incomplete: set[int] = field(default_factory=set)
    """Cells that ran before every watermark had passed."""
    pending: dict[tuple[int, int], Sent] = field(default_factory=dict)
    losses: Counter[int] = field(default_factory=Counter)
    """How often a cell's task was lost."""

    def commit(self, cells: Iterable[int]) -> None:
        """Note that cells are committed."""
        self.done.update(c for c in cells if c >= self.done_to)
        while self.done_to in self.done:
            self.done.remove(self.done_to)
            self.done_to += 1

    def suspect(self, a: int, b: int) -> None:
        """Note that inputs at times [a, b) have changed."""
        cell, reach = self.stage.run.cell, self.stage.reach
        first, stop = (a - reach) // cell, -(-(b + reach) // cell)
        self.suspects.update(range(max(first, self.least), min(stop, self.next)))

    @property
    def backlog(self) -> int:
        """Cells sent out and not committed, or known to need repair."""
        return self.next - self.done_to - len(self.done) + len(self.suspects)

"""How far a chain has come in a run: what is due, sent out, suspect, lost."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from software_triggers.task.stage import Stage

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
    """Cells [first, stop) of a chain of stages, to be brought up to date by a worker."""

    stages: tuple[Stage, ...]
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
    cells: Sequence[int]
    """Those of its cells that have words."""
    begun_at: float | None = None
    """When it was first seen that a worker had begun with it."""


@dataclass
class Progress:
    """How far a chain of stages has come in a run. Cells without words never enter."""

    stages: tuple[Stage, ...]
    span: range
    """Cells that are wanted."""
    next: int = -EVER
    """Cells before it were sent out, or may be in the ledger."""
    due: set[int] = field(default_factory=set)
    """Cells from ``next`` on that have words and were not sent out."""
    suspects: set[int] = field(default_factory=set)
    """Cells before ``next`` whose inputs may have changed since they were sent out."""
    incomplete: set[int] = field(default_factory=set)
    """Cells that ran before every watermark had passed."""
    pending: list[Sent] = field(default_factory=list)
    losses: Counter[int] = field(default_factory=Counter)
    """How often a cell's task was lost."""
    n_done: int = 0
    """Cells that were committed, or found so."""

    @property
    def horizon(self) -> int:
        """Ticks from a cell to the words that its rows may hang on."""
        return max(stage.horizon for stage in self.stages)

    def touch(self, cells: Iterable[int]) -> None:
        """Note that words came which these cells look at."""
        for cell in cells:
            if cell in self.span:
                (self.suspects if cell < self.next else self.due).add(cell)

    def done_to(self, passed: int) -> int:
        """Return the cell before which all is committed, given the one before which all is due."""
        under_way = (cell for sent in self.pending for cell in sent.cells[:1])
        return min([passed, *self.due, *self.suspects, *under_way])

    @property
    def backlog(self) -> int:
        """Cells sent out and not committed, or known to need repair."""
        return sum(len(sent.cells) for sent in self.pending) + len(self.suspects)

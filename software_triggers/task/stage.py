"""A trigger in a run: its parameters in ticks, its lineage, and what it reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from db.catalogue.runs import Run
from db.relations.relation import SOURCES
from db.results.rows import Lineage
from software_triggers.trigger import Trigger


@dataclass(frozen=True)
class Stage:
    """A trigger in a run, ready to work on its windows."""

    trigger: Trigger
    run: Run
    params: Mapping[str, Any]
    """All parameters, durations in ticks."""
    lineage: Lineage
    inputs: Mapping[str, Lineage]
    """Lineages of the triggers that it reads."""
    horizon: int = 0
    """Ticks from a window to the words that its rows may hang on: reach, added up along what it
    reads."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Parameters that are files, with a hash of what was in each when the stage was bound."""

    @property
    def name(self) -> str:
        """The trigger's name."""
        return self.trigger.name

    @property
    def reach(self) -> int:
        """Ticks to look beyond a window."""
        return self.lineage.reach

    @property
    def reads_hits(self) -> bool:
        """Whether it looks at hits, words or rates, and not only at results of other triggers."""
        return any(name in SOURCES for name in self.trigger.reads)

    @property
    def reads_words(self) -> bool:
        """Whether it brings words into memory."""
        return "hits" in self.trigger.reads or "words" in self.trigger.reads

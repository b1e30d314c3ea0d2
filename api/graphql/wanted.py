"""The triggers that a run is opened with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import strawberry

from db.catalogue.runs import Run
from db.engine import Engine
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import stages_of

Triggers = Annotated[list[str] | None, strawberry.argument(description="Triggers that run on it.")]
Events = Annotated[
    list[str] | None, strawberry.argument(description="Triggers whose rows make events.")
]
Wanted = Mapping[str, Mapping[str, Any]]


def settings_of(triggers: Sequence[str] | None, events: Sequence[str] | None) -> dict[str, Any]:
    """Return the settings of a run on which these run, with their own parameters."""
    names = [*(triggers or []), *(["events"] if events else [])]
    return {"triggers": {name: {} for name in names}, "events": list(events or [])}


def check_triggers(engine: Engine, run: Run, wanted: Wanted, folders: Sequence[Path]) -> None:
    """Raise what is wrong with the triggers of a run, which may be planned; nothing is entered."""
    stages_of(engine, run, triggers_of_run(engine, run, folders), wanted)

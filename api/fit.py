"""Whether triggers fit a run, asked before there is one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from db.catalogue.runs import Run
from db.engine import Engine
from readout.control.feedback import check_feedback
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import stages_of


def check_triggers(
    engine: Engine,
    run: Run,
    wanted: Mapping[str, Mapping[str, object]],
    folders: Sequence[Path],
) -> None:
    """Raise TriggerError or SqlError, by name, for a trigger that can't run on a run.

    UsageError is for feedback that can't be. The run may be one that is only planned; nothing is
    entered. ``wanted`` maps names to parameters; ``folders`` have triggers beside the built-in
    ones.
    """
    known = triggers_of_run(engine, run, folders) if wanted else {}
    stages = stages_of(engine, run, known, wanted)
    check_feedback(run, {stage.name: stage.lineage.columns for stage in stages})

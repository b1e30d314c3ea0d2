"""What decides on raw words in this installation: the store's policies and our triggers."""

from datetime import datetime, timedelta

from db.catalogue.runs import Run
from db.engine import Engine
from db.retention.steps import RetentionRules, read_rules
from ops.settings import settings
from software_triggers.conductor.completeness import windows_behind


def retention_rules(engine: Engine, now: datetime, grace: timedelta) -> RetentionRules:
    """Return what decides, with the triggers of the folders that the settings name."""
    folders = settings().triggers

    def behind(run: Run, a: int, b: int) -> dict[str, int]:
        return windows_behind(engine, run, a, b, folders)

    return read_rules(engine, now, grace, behind)

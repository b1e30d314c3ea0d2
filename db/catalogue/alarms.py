"""Alarms as the store knows them: what stopped, since when, and whether somebody has seen it.

They lie on the first shard alone, so that an alarm of another shard can be entered.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from db.catalogue.record import enter, last_revision
from db.engine import Engine
from db.errors import UsageError

State = Literal["raised", "acknowledged", "cleared"]
Key = tuple[str, str]


@dataclass(frozen=True)
class Alarm:
    """Something that stopped."""

    name: str
    """What is watched: watermark, worker, shard."""
    subject: str
    """Which one of these."""
    since: datetime
    """When it stopped; for a cleared one, when it went on."""
    message: str
    """One sentence: what stopped, since when, what to look at."""
    state: State = "raised"
    note: str = ""
    """What whoever has seen it says of it."""
    acknowledged_by: str = ""
    """Who has seen it; empty while nobody has."""
    revision: int = 0

    @property
    def key(self) -> Key:
        """What tells alarms apart."""
        return self.name, self.subject


def list_alarms(engine: Engine, *, cleared: bool = False) -> list[Alarm]:
    """Return the alarms that stand, oldest first, and if asked those that were cleared."""
    which = "true" if cleared else "state != 'cleared'"
    rows = engine.shards[0].here.fetch(
        "SELECT name, subject, since, message, state, note, acknowledged_by, revision"
        f" FROM alarms FINAL WHERE {which} ORDER BY since, name, subject"
    )
    return [Alarm(**row) for row in rows.to_pylist()]


def save_alarm(engine: Engine, alarm: Alarm) -> Alarm:
    """Enter an alarm in the place of its last state, and return it as it was entered."""
    place = engine.shards[0].here
    same = "name = {name:String} AND subject = {subject:String}"
    last = last_revision(place, "alarms", same, {"name": alarm.name, "subject": alarm.subject})
    newer = replace(alarm, revision=last + 1)
    enter(place, "alarms", vars(newer))
    return newer


def acknowledge(
    engine: Engine, name: str, subject: str | None = None, note: str = "", by: str = ""
) -> list[Alarm]:
    """Note who has seen alarms of a name, all or one; return them.

    Raises UsageError where none stands.
    """
    standing = list_alarms(engine)
    meant = [a for a in standing if a.name == name and subject in (None, a.subject)]
    if not meant:
        there = ", ".join(f"{a.name} {a.subject}" for a in standing) or "none"
        raise UsageError(
            f"no alarm {' '.join(filter(None, (name, subject)))[:80]} stands; there: {there}"
        )
    return [
        save_alarm(engine, replace(alarm, state="acknowledged", note=note, acknowledged_by=by))
        for alarm in meant
    ]

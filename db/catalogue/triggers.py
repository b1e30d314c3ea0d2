"""The SQL triggers that users registered, as they are stored."""

from dataclasses import dataclass
from datetime import datetime

from db.catalogue.record import enter, last_revision
from db.engine import Engine


@dataclass(frozen=True)
class Registered:
    """The newest revision of a trigger."""

    name: str
    revision: int
    source: str
    enabled: bool
    added_at: datetime


def list_registered(engine: Engine) -> list[Registered]:
    """Return all of them by name, disabled ones too."""
    rows = engine.fetch("SELECT * FROM triggers FINAL ORDER BY name").to_pylist()
    return [Registered(**row) for row in rows]


def save_registered(engine: Engine, name: str, source: str, *, enabled: bool) -> None:
    """Store a trigger's text, as a new revision if its name is known."""
    last = last_revision(engine, "triggers", "name = {name:String}", {"name": name})
    row = {"name": name, "revision": last + 1, "source": source, "enabled": enabled}
    enter(engine, "triggers", row)

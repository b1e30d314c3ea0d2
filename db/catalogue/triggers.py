"""The SQL triggers that users registered, as they are stored."""

from dataclasses import dataclass
from datetime import datetime

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

"""The SQL triggers that users registered, as they are stored."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

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
    last = engine.fetch(
        "SELECT max(revision) AS last FROM triggers WHERE name = {name:String}", {"name": name}
    )["last"][0].as_py()
    row = {
        "name": [name],
        "revision": pa.array([last + 1], pa.uint64()),
        "source": [source],
        "enabled": [enabled],
    }
    engine.insert("triggers", pa.table(row))

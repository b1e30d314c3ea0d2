"""Where the process that owns an embedded store listens: a file beside the store."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

FILE = "door.json"


@dataclass(frozen=True)
class OwnerEndpoint:
    """Where the process that owns a store listens, and the secret that lets its user in."""

    url: str
    secret: str
    redis: str = ""
    """Address of the Redis over which its readout takes orders."""


def publish_endpoint(folder: Path, door: OwnerEndpoint) -> Path:
    """Write beside a store where its owner listens, for the eyes of its user only."""
    path = folder / FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(vars(door), file)
    return path


def find_endpoint(folder: Path) -> OwnerEndpoint | None:
    """Return the door of the process that owns a store; None when there is none."""
    try:
        return OwnerEndpoint(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None

"""A run as a client sees it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from everyhit.tables import table_of

FIELDS = "number name state note startedAt stoppedAt tickNs fields tags"
"""What every list of runs asks for."""
WHOLE = f"{FIELDS} words first last"


@dataclass(frozen=True)
class Run:
    """What is taken between a start and a stop. Wherever a run is named, one of these will do."""

    number: int
    name: str
    state: str
    started_at: datetime
    stopped_at: datetime | None
    tick_ns: float
    """Length of a tick."""
    words: int | None = None
    """Words of all links; None in a list of runs, as the next two."""
    first: int | None = None
    """Time of the earliest hit in ticks; None also before there is one."""
    last: int | None = None
    """Time of the latest hit in ticks."""
    fields: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        return str(self.number)

    def _repr_html_(self) -> str:
        return table_of(asdict(self))


def run_of(node: Mapping[str, Any]) -> Run:
    """Return a run as GraphQL tells it; numbers of 64 bits come as texts."""
    numbers = {
        name: None if node.get(name) is None else int(node[name])
        for name in ("words", "first", "last")
    }
    stopped = node["stoppedAt"]
    return Run(
        number=node["number"],
        name=node["name"],
        state=node["state"],
        note=node["note"],
        started_at=datetime.fromisoformat(node["startedAt"]),
        stopped_at=None if stopped is None else datetime.fromisoformat(stopped),
        tick_ns=node["tickNs"],
        fields=node["fields"],
        tags=tuple(node["tags"]),
        **numbers,
    )

"""Triggers that a server knows, as a client sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class KnownTrigger:
    """A trigger that the server knows by its name."""

    name: str
    kind: str
    """sql or python."""
    reads: tuple[str, ...]
    reach: str
    params: Mapping[str, Any]
    version: str
    about: str


def known_of(node: Mapping[str, Any]) -> KnownTrigger:
    """Return a trigger as GraphQL tells it."""
    about = str(node["about"]).partition("\n")[0]
    return KnownTrigger(
        node["name"],
        node["kind"].lower(),
        tuple(node["reads"]),
        node["reach"],
        node["params"],
        node["version"],
        about,
    )

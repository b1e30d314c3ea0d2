"""Which configuration of the readout held at which time of a run.

It is booked with each link's data, as the reason why hits are missing: see ``db.words.gaps``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.engine import Engine
from db.json_text import json_text

CONFIGURED = "configured"
"""The cause of such a row among the gaps."""


@dataclass(frozen=True)
class Configured:
    """From which tick on a link was read out under a configuration, and who had ordered it."""

    link: int
    from_t: int
    order: str
    who: str
    at: str
    """When it was ordered, ISO 8601."""
    configuration: Mapping[str, Any]
    """Masks, prefilter and prescales, whole."""


def detail_of(order: str, who: str, at: str, configuration: Mapping[str, Any]) -> str:
    """Return what is booked, as text."""
    return json_text({"order": order, "who": who, "at": at, "configuration": configuration})


def list_configured(engine: Engine, run_id: int) -> list[Configured]:
    """Return all configurations of a run's links, in order of link and tick.

    A readout that starts again tells what holds once more: it is the same row.
    """
    rows = engine.fetch(
        "SELECT DISTINCT link, a, detail FROM gaps WHERE run_id = {run:UInt32}"
        " AND cause = {cause:String} ORDER BY link, a",
        {"run": run_id, "cause": CONFIGURED},
    ).to_pylist()
    return [Configured(row["link"], row["a"], **json.loads(row["detail"])) for row in rows]


def configured_at(engine: Engine, run_id: int, t: int) -> dict[int, Configured]:
    """Return for each link the configuration that held at tick t; nothing before the first."""
    held = [each for each in list_configured(engine, run_id) if each.from_t <= t]
    return {each.link: each for each in held}

"""All commands, in the order in which the help shows them."""

from ops.cli import (
    bench,
    db,
    demo,
    doctor,
    ingest,
    plot,
    query,
    readout,
    retention,
    runs,
    services,
    triggers,
    up,
)

__all__ = [
    "bench",
    "db",
    "demo",
    "doctor",
    "ingest",
    "plot",
    "query",
    "readout",
    "retention",
    "runs",
    "services",
    "triggers",
    "up",
]

"""All commands, in the order in which the help shows them."""

from ops.cli import (
    api,
    bench,
    db,
    demo,
    doctor,
    ingest,
    plot,
    query,
    readout,
    runs,
    services,
    triggers,
    up,
)

__all__ = [
    "api",
    "bench",
    "db",
    "demo",
    "doctor",
    "ingest",
    "plot",
    "query",
    "readout",
    "runs",
    "services",
    "triggers",
    "up",
]

"""All commands, in the order in which the help shows them."""

from ops.cli import (
    alarms,
    api,
    bench,
    db,
    demo,
    doctor,
    ingest,
    plot,
    query,
    readout,
    reprocess,
    retention,
    runs,
    services,
    triggers,
    up,
)

__all__ = [
    "alarms",
    "api",
    "bench",
    "db",
    "demo",
    "doctor",
    "ingest",
    "plot",
    "query",
    "readout",
    "reprocess",
    "retention",
    "runs",
    "services",
    "triggers",
    "up",
]

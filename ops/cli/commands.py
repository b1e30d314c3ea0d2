"""All commands, in the order in which the help shows them."""

from ops.cli import (
    alarms,
    api,
    bench,
    control,
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
    "alarms",
    "api",
    "bench",
    "control",
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

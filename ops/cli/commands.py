"""All commands, in the order in which the help shows them."""

from ops.cli import bench, demo, doctor, ingest, plot, query, runs, triggers, up

__all__ = ["bench", "demo", "doctor", "ingest", "plot", "query", "runs", "triggers", "up"]

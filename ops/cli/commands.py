"""All commands, in the order in which the help shows them."""

from ops.cli import demo, doctor, ingest, query, runs, triggers

__all__ = ["demo", "doctor", "ingest", "query", "runs", "triggers"]

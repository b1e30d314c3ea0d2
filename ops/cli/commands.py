"""Which file has which command. Only that file is loaded: some libraries take a second."""

from collections.abc import Sequence
from importlib import import_module

FILES = {
    "alarms": "alarms",
    "api": "api",
    "token": "api",
    "bench": "bench",
    "conductor": "conductor",
    "run": "control",
    "db": "db",
    "demo": "demo",
    "detector": "detectors",
    "doctor": "doctor",
    "fpga": "fpga",
    "ingest": "ingest",
    "plot": "plot",
    "query": "query",
    "events": "query",
    "readout": "readout",
    "reprocess": "reprocess",
    "retention": "retention",
    "worker": "services",
    "backlog": "services",
    "trigger": "triggers",
    "up": "up",
}
"""Commands and groups, in the order in which the help shows them."""


def load(words: Sequence[str]) -> None:
    """Let the command that the words begin with register itself; all of them if it is none."""
    wanted = (
        [FILES[words[0]]] if words and words[0] in FILES else list(dict.fromkeys(FILES.values()))
    )
    for file in wanted:
        import_module(f"ops.cli.{file}")

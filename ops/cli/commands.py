"""Which file has which command. Only that file is loaded: some libraries take a second."""

import os
from collections.abc import Sequence
from importlib import import_module

import typer

COMMANDS = {
    "demo": ("demo", "Take data with the simulated telescope, run triggers on it, show it live."),
    "up": ("up", "Be the whole system in one process: front-ends, triggers, alarms, API."),
    "ingest": ("ingest", "Write recorded words into a new run, and run triggers on it."),
    "detector": ("detectors", "Declarations: what a detector's words mean."),
    "run": ("control", "The catalogue of runs, and orders to readouts."),
    "query": ("query", "Ask a run in SQL: hits, words, rates, and results of triggers by name."),
    "events": ("query", "List events of a run, selected by an expression over their columns."),
    "export": ("export", "Write hits, events or results to a file, however many there are."),
    "hist": ("hist", "Count values in bins, in the database, and draw them in the terminal."),
    "plot": ("plot_counts", "Pictures of a run, as PNG, PDF or SVG."),
    "trigger": ("triggers", "Triggers: questions to the hits."),
    "reprocess": ("reprocess", "Run triggers over a range again, and see how far that is."),
    "calibrate": ("calibrate", "Measure a detector's constants from stored results."),
    "alarms": ("alarms", "What stopped that should go on."),
    "api": ("api", "Serve the GraphQL API, the page and bulk data of a store."),
    "token": ("api", "Tokens, with which people and programs ask the API."),
    "retention": ("retention", "How long raw words and results are kept."),
    "publication": ("publication", "Results as documents in MongoDB, by rules that stand."),
    "doctor": ("doctor", "Say what is installed, and whether the store is sound."),
    "readout": ("readout", "Take data as a service that loses nothing."),
    "conductor": ("conductor", "Send the windows of all runs to the workers."),
    "worker": ("services", "Run triggers on the windows that the conductor sends."),
    "backlog": ("services", "Show what waits for workers: the figure by which to scale."),
    "db": ("db", "The store on ClickHouse servers."),
    "fpga": ("fpga", "Selections as hardware for an FPGA."),
    "bench": ("bench", "Speed, measured against peers in the same run."),
}
"""File and line of help of each command and group, in the order in which the help shows them."""


LIGHT: dict[tuple[str, ...], str] = {("run", "list"): "runs", ("run", "show"): "runs"}
"""Commands of a group that need less than all of it, and their files."""


def load(app: typer.Typer, words: Sequence[str]) -> None:
    """Let the command that the words begin with register itself.

    Of the others only their names are known then, and their lines of help.
    """
    if "_EVERYHIT_COMPLETE" in os.environ:  # a shell completes a line: it may be any command's
        load_all()
        return
    for name, (file, help_line) in COMMANDS.items():
        if words and words[0] == name:
            import_module(f"ops.cli.{LIGHT.get(tuple(words[:2]), file)}")
        else:
            app.command(name, help=help_line)(_elsewhere)


def load_all() -> None:
    """Let all commands register themselves."""
    for file in dict.fromkeys(file for file, _ in COMMANDS.values()):
        import_module(f"ops.cli.{file}")


def _elsewhere() -> None:
    """Stand in the help for a command that is not loaded."""

"""The run that a readout takes by its name: found, opened, or known from before."""

import socket
import time
from collections.abc import Mapping
from dataclasses import replace

import psutil
import structlog

from api.fit import check_triggers
from db.catalogue.heartbeat import ALIVE_S, BEAT_S
from db.catalogue.runs import (
    Run,
    amend_run,
    close_run,
    open_run,
    planned_run,
    select_runs,
)
from db.detector import Detector
from db.engine import Engine
from db.errors import EveryhitError, StoreError, UsageError
from db.store import Store
from db.time import duration_ticks
from db.words.hits_view import create_views
from db.words.shards import catalogue
from ops.settings import settings
from readout.control.commander import ORDERED
from readout.control.journal import load
from readout.control.outcome import living_readouts
from readout.spool.spool import Spool
from readout.writer.recovery import check_spool, runs_of_spool
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import bind

_log = structlog.get_logger()


def refuse_twin(name: str) -> None:
    """Raise UsageError if another readout of this name lives: two would answer each order."""
    until = time.monotonic() + ALIVE_S + BEAT_S
    while time.monotonic() < until:
        try:
            twins = [
                each["name"]
                for each in living_readouts(settings().redis)
                if each["readout"] == name
            ]
        except StoreError:
            return  # whoever orders is told by name who is there
        # One that was killed on this machine beats no more.
        if not [each for each in twins if not _is_dead(each)]:
            return
        time.sleep(0.2)
    raise UsageError(f"there is a readout {name} already: give this one another --name")


def _is_dead(process: str) -> bool:
    host, _, pid = process.rpartition("-")
    return host == socket.gethostname() and not psutil.pid_exists(int(pid))


def with_triggers(
    engine: Engine, run: Run, wanted: Mapping[str, Mapping[str, object]], candidates: list[str]
) -> Run:
    """The run, told which triggers run on it."""
    if not wanted:
        return run
    asked = {**run.settings, "triggers": dict(wanted), "events": candidates}
    told_of = replace(run, settings=asked)
    try:
        # What is wrong with a trigger is told now, not in the log of a conductor.
        bind(engine, told_of, triggers_of_run(engine, told_of, settings().triggers), wanted)
    except EveryhitError:
        close_run(engine, run)
        raise
    return run if asked == run.settings else amend_run(engine, run, settings=asked)


def known_here(at: Store, spool: Spool, name: str | None) -> Run | None:
    """The run to go on with if the catalogue is away, as it is known here; None if it is there.

    Refuses a spool that was filled for another store.
    """
    try:
        runs = runs_of_spool(spool, catalogue(at.engine))
    except StoreError:
        standing = load(spool.folder)
        run = standing.run
        if run is None or standing.store != at.url or name not in (None, run.name):
            raise
        _log.warning("the catalogue is away, the run goes on as it is known here", run=run.run_id)
        return run if name else None
    check_spool(spool, runs)
    return None


def named_run(
    engine: Engine,
    name: str,
    detector: Detector,
    wanted: Mapping[str, Mapping[str, object]],
    candidates: list[str],
    *,
    closed_too: bool = True,
) -> tuple[Run, bool]:
    """The run of this name, opened again, or a new one if triggers fit; and whether it is new.

    Without ``closed_too`` only a run goes on that was left open.
    """
    found = select_runs(engine, "name = {name:String}", {"name": name})
    if not closed_too:
        found = [run for run in found if run.state == "open"]
    if not found:
        cell = duration_ticks(settings().cell, detector.tick)
        asked = {"triggers": dict(wanted), "events": candidates} if wanted else {}
        check_triggers(engine, planned_run(detector, cell, asked), wanted, settings().triggers)
        return open_run(engine, detector, name=name, cell=cell, settings=ORDERED), True
    if found[-1].declaration != detector.source:
        raise UsageError(
            f"run {name} was begun with another declaration of its detector: name a new run"
        )
    return amend_run(engine, found[-1], state="open", stopped_at=None), False


def views(engine: Engine, detector: Detector) -> None:
    """Make the views of a detector's hits; put off to the next start when a shard is away."""
    try:
        create_views(engine, detector)
    except StoreError as fault:
        _log.warning("the views of hits are made at the next start", why=str(fault))

"""Taking data in one process: front-ends, orders or a run at once, triggers, and a view of it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from api.fit import check_triggers
from db.catalogue.annotations import Edit, annotate
from db.catalogue.runs import Run, amend_run, close_run, find_run, open_run, planned_run
from db.detector import Detector
from db.errors import StoreError
from db.time import duration_ticks
from db.words.shards import catalogue
from ops.services.front_ends import FrontEnds, ReadoutService, readout_service
from ops.services.named_run import known_here, named_run, with_triggers
from ops.services.one_process import OneProcess
from ops.services.run_view import RunView
from ops.settings import settings
from readout.spool.spool import Spool

_log = structlog.get_logger()


@dataclass(frozen=True)
class WantedRun:
    """A run that is begun at once."""

    name: str
    triggers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those that run on it, with their parameters."""
    events: tuple[str, ...] = ()
    """Triggers whose rows make events."""
    links: tuple[int, ...] = ()
    """Links that must come."""
    goes_on: bool = False
    """An open run of that name, left by a process that was killed, goes on; else it is new."""
    origin: int | None = None
    """The run's start on the detector's counter; None leaves it to the first words."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Kept with its settings."""
    annotations: Edit = field(default_factory=Edit)
    """Fields and tags that it gets if it is new."""
    who: str = ""
    """Who wants it."""


@dataclass(frozen=True)
class DataTaking:
    """A readout whose runs triggers follow in this process."""

    process: OneProcess
    service: ReadoutService
    view: RunView
    once: bool
    """It ends with its first run."""

    def serve(self) -> None:
        """Take words until the sources end; then close the run that is on.

        Where that fails the run is left as a kill would leave it.
        """
        agent = self.service.agent
        self.service.serve(once=self.once)
        if left := agent.standing.run or (self.view.run if self.once else None):
            _close(self.process, left)
            agent.forget_run()
        self.service.check_sources()

    def summary(self) -> dict[str, Any]:
        """Return what the last run came to, and what became of words that are in no run."""
        service = self.service
        return (self.view.summary() or {"run": None, "words": 0}) | {
            "lost": service.sources.lost,
            "without_run": sum(service.agent.dropped.values()),
            "spooled": service.spool.n_waiting,
        }


@contextmanager
def data_taking(
    process: OneProcess,
    detector: Detector,
    front_ends: FrontEnds,
    stop: threading.Event,
    *,
    name: str,
    spool_bytes: int,
    wanted: WantedRun | None = None,
    once: bool = False,
) -> Iterator[DataTaking]:
    """Listen to front-ends until ``stop``; yields what ``serve`` is called of.

    Begins the run that is wanted; else goes on with the one that was on when this process was
    killed, if it is still open, or waits for orders. What was spooled then is stored first. At the
    context's end the last windows of all its runs are worked on before it returns.
    """
    at = process.at
    with Spool(at.folder / "spool", spool_bytes) as spool:
        known = known_here(at, spool, wanted.name if wanted and wanted.goes_on else None)
        view: RunView

        def begun(run: Run) -> None:
            view.begin(run)
            process.begin(run)

        with readout_service(
            at, detector, front_ends, spool, stop, name=name, redis=process.redis, begun=begun,
            committed=process.news.set,
        ) as service:  # fmt: skip
            view = RunView(process, service)
            if wanted is None:
                service.agent.resume()
            else:
                run, new = (known, False) if known else _opened(process, detector, wanted)
                if new:
                    place = catalogue(at.engine)
                    annotate(place, run.run_id, wanted.annotations, wanted.who)
                left = service.agent.standing.run
                if left is not None and left.run_id != run.run_id:
                    _close(process, left, note="interrupted")
                service.agent.begin_alone(run, wanted.links, new=new, origin=wanted.origin)
            yield DataTaking(process, service, view, once)
    process.finish()


def _opened(process: OneProcess, detector: Detector, wanted: WantedRun) -> tuple[Run, bool]:
    """The run that is wanted, and whether it is new."""
    engine, candidates = process.at.engine, list(wanted.events)
    if wanted.goes_on:
        run, new = named_run(
            catalogue(engine), wanted.name, detector, wanted.triggers, candidates, closed_too=False
        )
        return with_triggers(engine, run, wanted.triggers, candidates), new
    cell = duration_ticks(settings().cell, detector.tick)
    asked = {"triggers": dict(wanted.triggers), "events": candidates, **wanted.told}
    check_triggers(engine, planned_run(detector, cell, asked), wanted.triggers, settings().triggers)
    return open_run(catalogue(engine), detector, name=wanted.name, cell=cell, settings=asked), True


def _close(process: OneProcess, left: Run, **changes: Any) -> None:
    """Close a run, unless that was done; a catalogue that is away leaves it open."""
    engine = catalogue(process.at.engine)
    try:
        run = find_run(engine, left.run_id)
        if run.state == "open" and run.started_at == left.started_at:
            close_run(engine, amend_run(engine, run, **changes) if changes else run)
    except StoreError as fault:
        _log.warning("a run stays open", run=left.run_id, why=str(fault))

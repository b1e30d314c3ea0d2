"""What a readout has been ordered, on its disk: so that it goes on after a restart."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from db.catalogue.runs import Run
from db.errors import StoreError
from readout.control.messages import Answer, Order
from readout.spool.folder import sync_folder

KEPT = 100
"""Answers that are remembered, for orders that come again."""


@dataclass(frozen=True)
class HeldConfiguration:
    """A configuration, and from which tick of the run on it holds."""

    from_t: int
    order: str
    who: str
    at: str
    configuration: Mapping[str, Any]


@dataclass(frozen=True)
class Journal:
    """The run that is taken, if any, with all its configurations; what was answered lately."""

    run: Run | None = None
    """As it was when it was begun here."""
    store: str = ""
    """Address of the store that has the run."""
    whole: bool = False
    """All of the run comes through this readout, so that its spool tells where each link stands."""
    origin: int | None = None
    """The run's start on the detector's counter; None before its first words."""
    links: tuple[int, ...] = ()
    """Links that must come."""
    steps: tuple[HeldConfiguration, ...] = ()
    answered: Mapping[str, Answer] = field(default_factory=dict)

    def of(self, run: Run) -> bool:
        """Whether it is about this run, not one of the same number in another store."""
        mine = self.run
        return mine is not None and (mine.run_id, mine.started_at) == (run.run_id, run.started_at)

    def with_step(self, order: Order, from_t: int) -> Self:
        """The same, and the configuration that an order tells from a tick on."""
        told = order.configuration or {}
        step = HeldConfiguration(from_t, order.order_id, order.who, order.at, told)
        return replace(self, steps=(*self.steps, step))

    def with_answer(self, said: Answer) -> Self:
        """The same, and an answer; the oldest are forgotten."""
        answered = {**self.answered, said.order_id: said}
        return replace(self, answered=dict(list(answered.items())[-KEPT:]))


def load(folder: Path) -> Journal:
    """Return what stands in a folder; nothing if there is none. StoreError if it can't be read."""
    path = folder / "standing.json"
    try:
        told = json.loads(path.read_text())
        return Journal(
            told["run"] and _run(told["run"]),
            told["store"],
            told["whole"],
            told["origin"],
            tuple(told["links"]),
            tuple(HeldConfiguration(**each) for each in told["steps"]),
            {name: Answer(**each) for name, each in told["answered"].items()},
        )
    except FileNotFoundError:
        return Journal()
    except (OSError, ValueError, TypeError, KeyError) as fault:
        raise StoreError(
            f"{path} does not tell what this readout was ordered: {fault}; remove it, and start"
            " the run again"
        ) from None


def save(folder: Path, standing: Journal) -> None:
    """Keep it, as a whole or not at all, on the disk; StoreError if that refuses."""
    path = folder / "standing.json"
    scratch = path.with_suffix(".tmp")
    try:
        with scratch.open("w") as file:
            json.dump(asdict(standing), file, default=datetime.isoformat)
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(path)
        sync_folder(folder)
    except OSError as fault:
        raise StoreError(f"{path} can't be written: {fault.strerror}; make room") from None


def _run(told: Mapping[str, Any]) -> Run:
    started, stopped = datetime.fromisoformat(told["started_at"]), told["stopped_at"]
    return Run(
        **{
            **told,
            "started_at": started,
            "stopped_at": stopped and datetime.fromisoformat(stopped),
        }
    )

"""Giving orders to readouts: start, configure and stop a run, and see what comes of it."""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from db.catalogue.annotations import Edit, annotate
from db.catalogue.orders import OrderEntry, State, known_order, list_orders, save_order
from db.catalogue.runs import (
    Run,
    amend_run,
    close_run,
    find_run,
    open_run,
    planned_run,
    select_runs,
)
from db.detector import Detector
from db.engine import Engine
from db.errors import EveryhitError, UsageError
from db.words.hits_view import create_views
from readout.control.configuration import Configuration
from readout.control.messages import Kind, Order, give, reached, readouts, wait_for_answers
from readout.control.outcome import outcome_of
from readout.control.rules import Rules

ORDERED = {"source": "ordered"}
"""Setting of a run that readouts take on orders."""
WITHIN_S, MOST_S = 10.0, 25.0
_MOST_ORDERS = 10_000
_NOTHING = Edit()


class OrderError(EveryhitError):
    """No readout did as it was ordered: look at those that are named."""

    code = "order"


@dataclass(frozen=True)
class Commander:
    """Who gives orders, over which Redis, to which readouts.

    Each order is entered in the store before it is given, and what came of it when all have
    answered or the time is over. All raise StoreError when Redis can't be reached, and OrderError
    when no readout did as it was told; the entry that they return says ``partly`` if only some did.
    """

    engine: Engine
    redis_url: str
    who: str
    names: tuple[str, ...] = ()
    """Of the readouts that are meant; empty: all that are there, or all that take the run."""
    order_id: str = field(default_factory=lambda: secrets.token_hex(6))
    """The same id is the same order: what is done is not done again."""
    within_s: float = WITHIN_S
    """Seconds until a readout that has not answered counts as silent."""

    def __post_init__(self) -> None:
        if not 0 < self.within_s <= MOST_S:
            raise UsageError(f"readouts have up to {MOST_S:g} s to answer, not {self.within_s:g}")

    def start(
        self,
        detector: Detector,
        *,
        name: str,
        cell: int,
        settings: Mapping[str, Any],
        configuration: Configuration | None = None,
        links: Sequence[int] = (),
        annotations: Edit = _NOTHING,
        check: Callable[[Run], object] = lambda _: None,
    ) -> OrderEntry:
        """Open a run, and let readouts take it; an open run of that name is gone on with.

        ``check`` raises an error for a run that can't be taken so, because of its triggers, say: a
        new one is asked about before it is opened. A new run that nobody takes is closed.
        """
        if configuration is not None:
            Rules(detector, configuration)
        known = self._known("start")
        if known and known.state == "acknowledged":
            return known
        alive = self._alive()
        meant = self._meant(alive, alive)
        new = False
        if known is not None:
            run = find_run(self.engine, known.run_id)
        elif (found := self._open_run_named(name, detector)) is not None:
            run = found
        else:
            told, new = {**settings, **ORDERED}, True
            check(planned_run(detector, cell, told))
            run = open_run(self.engine, detector, name=name, cell=cell, settings=told)
        try:
            if not new:
                check(run)
            annotate(self.engine, run.run_id, annotations, self.who)
            create_views(self.engine, detector)
            return self._give("start", run, meant, alive, configuration, links=tuple(links))
        except EveryhitError:
            if new:
                close_run(self.engine, amend_run(self.engine, run, note="no readout took it"))
            raise

    def configure(
        self, which: str | None, configuration: Configuration, from_t: int | None = None
    ) -> OrderEntry:
        """Let another configuration hold in a run from a tick on, or as soon as can be.

        Raises SelectionError for a wrong expression.
        """
        known = self._known("configure")
        if known and known.state == "acknowledged":
            return known
        run = find_open_run(self.engine, which)
        Rules(run.detector, configuration)
        alive = self._alive()
        meant = self._meant(self._takers(run, alive), alive)
        return self._give("configure", run, meant, alive, configuration, from_t=from_t)

    def stop(self, which: str | None, *, anyway: bool = False) -> OrderEntry:
        """Let the readouts end a run, and close it when all that take it have.

        ``anyway`` closes it though readouts are silent or gone.
        """
        known = self._known("stop")
        if known and known.state == "acknowledged":
            return known
        run = find_run(self.engine, known.run_id) if known else find_open_run(self.engine, which)
        alive = self._alive()
        takers = self._takers(run, alive)
        try:
            entry = self._give("stop", run, self._meant(takers, alive), alive, None)
        except OrderError:
            if not anyway:
                raise
            entry = self._entry(self._order("stop", run, ()), "failed")
        left = takers - {name for name, said in entry.answers.items() if said["done"]}
        if anyway or not left:
            close_run(self.engine, find_run(self.engine, run.run_id))
        return entry

    def _known(self, kind: Kind) -> OrderEntry | None:
        known = known_order(self.engine, self.order_id)
        if known is not None and known.kind != kind:
            raise UsageError(f"order {self.order_id} was to {known.kind} a run: take another id")
        return known

    def _open_run_named(self, name: str, detector: Detector) -> Run | None:
        there = select_runs(self.engine, "name = {name:String}", {"name": name}) if name else []
        if not there:
            return None
        run = there[-1]
        if run.state != "open" or run.settings.get("source") != ORDERED["source"]:
            raise UsageError(
                f"there is a run {name} already, number {run.run_id}, {run.state}: take another"
                " name"
            )
        if run.declaration != detector.source:
            raise UsageError(f"run {name} was begun with another declaration of its detector")
        return run

    def _alive(self) -> dict[str, Mapping[str, Any]]:
        """What each living readout tells; raises OrderError when one that is named is not there."""
        with reached(self.redis_url) as client:
            alive: dict[str, Mapping[str, Any]] = {
                str(told["readout"]): told for told in readouts(client)
            }
        missing = sorted(set(self.names) - set(alive))
        if missing:
            raise OrderError(f"there is no readout {', '.join(missing)}; {_shown(alive)}")
        return alive

    def _takers(self, run: Run, alive: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Names of those who take a run, dead ones too."""
        takers = set[str]()
        for entry in reversed(list_orders(self.engine, run.run_id, _MOST_ORDERS)):
            done = {name for name, said in entry.answers.items() if said["done"]}
            takers = takers - done if entry.kind == "stop" else takers | done
        # Those that answered when nobody waited any more are known by their beats.
        return takers | {name for name, told in alive.items() if told.get("run") == run.run_id}

    def _meant(self, names: Iterable[str], alive: Mapping[str, Any]) -> tuple[str, ...]:
        """Those of them that were named, if any were; raises OrderError when there is none."""
        meant = tuple(sorted(each for each in names if not self.names or each in self.names))
        if not meant:
            raise OrderError(f"no readout is there that this is for; {_shown(alive)}")
        return meant

    def _order(self, kind: Kind, run: Run, meant: tuple[str, ...], **told: Any) -> Order:
        at = datetime.now(UTC).isoformat()
        return Order(self.order_id, kind, run.run_id, self.who, at, meant, self.within_s, **told)

    def _give(
        self,
        kind: Kind,
        run: Run,
        meant: tuple[str, ...],
        alive: Collection[str],
        configuration: Configuration | None,
        **told: Any,
    ) -> OrderEntry:
        plain = configuration and configuration.plain()
        order = self._order(kind, run, meant, configuration=plain, **told)
        given = save_order(self.engine, self._entry(order, "given"))
        with reached(self.redis_url) as client:
            give(client, order)
            said = wait_for_answers(client, order, set(meant) & set(alive))
        n_done = sum(said[name].done for name in meant if name in said)
        state: State = "acknowledged" if n_done == len(meant) else "partly" if n_done else "failed"
        answers = {name: asdict(each) for name, each in said.items()}
        entry = save_order(self.engine, replace(given, state=state, answers=answers))
        if not n_done:
            raise OrderError(
                f"no readout did as order {self.order_id} said, to {kind} run {run.run_id}:"
                f" {outcome_of(entry)}"
            )
        return entry

    def _entry(self, order: Order, state: State) -> OrderEntry:
        at, told = datetime.fromisoformat(order.at), asdict(order)
        known = known_order(self.engine, order.order_id)
        revision = known.revision if known else 0
        return OrderEntry(
            order.order_id, order.kind, order.run_id, self.who, at, state, told, {}, revision
        )


def _shown(alive: Mapping[str, Mapping[str, Any]]) -> str:
    each = [f"{name} (run {told.get('run') or 'none'})" for name, told in alive.items()]
    return (
        f"there are: {', '.join(each) or 'none'}; start one with 'everyhit up', or in front of"
        " servers with 'everyhit readout' and without --run"
    )


def find_open_run(engine: Engine, which: str | None) -> Run:
    """Return the run of this number or name, or the newest that is open; else UsageError."""
    if which is None:
        still_open = select_runs(engine, "state = 'open'", {})
        if not still_open:
            raise UsageError("no run is open: start one")
        return still_open[-1]
    run = find_run(engine, which)
    if run.state != "open":
        raise UsageError(f"run {run.run_id} is closed: start a new one")
    return run

"""Giving orders to readouts: start, configure and stop a run, and see what comes of it."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import redis
from redis.exceptions import RedisError

from db.beats import shown
from db.detector import Detector
from db.engine import Engine
from db.errors import EveryhitError, StoreError, UsageError
from db.hits_view import create_views
from db.orders import OrderEntry, State, known_order, save_order
from db.runs import Run, amend_run, close_run, find_run, open_run, select_runs
from readout.configuration import Configuration
from readout.orders import Answer, Kind, Order, answers, give, readouts, wait_for_answers
from readout.rules import Rules

ORDERED = {"source": "ordered"}
"""Setting of a run that readouts take on orders."""
WITHIN_S = 10.0
MOST_S = 25.0


class OrderError(EveryhitError):
    """No readout did as it was ordered: look at those that are named."""

    code = "order"


@dataclass(frozen=True)
class Commander:
    """Who gives orders, over which Redis, to which readouts."""

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
    ) -> OrderEntry:
        """Open a run, and let readouts take it; an open run of that name is gone on with.

        Raises OrderError when no readout takes it: then the run is closed.
        """
        if configuration is not None:
            Rules(detector, configuration)
        known = self._known("start")
        if known and known.state == "acknowledged":
            return known
        meant = self._meant(lambda told: True)
        if known is not None:
            run, new = find_run(self.engine, known.run_id), False
        else:
            run, new = self._run(detector, name, cell, settings)
        create_views(self.engine, detector)
        try:
            return self._give("start", run, meant, configuration, links=tuple(links))
        except OrderError:
            if new:
                close_run(self.engine, amend_run(self.engine, run, note="no readout took it"))
            raise

    def configure(
        self, which: str | None, configuration: Configuration, from_t: int | None = None
    ) -> OrderEntry:
        """Let another configuration hold in a run from a tick on, or as soon as can be.

        Raises OrderError when no readout does it, and SelectionError for a wrong expression.
        """
        known = self._known("configure")
        if known and known.state == "acknowledged":
            return known
        run = self._open_run(which)
        Rules(run.detector, configuration)
        meant = self._meant(lambda told: told.get("run") == run.run_id)
        return self._give("configure", run, meant, configuration, from_t=from_t)

    def stop(self, which: str | None, *, anyway: bool = False) -> OrderEntry:
        """Let the readouts end a run, and close it when all that take it have.

        ``anyway`` closes it though some are silent, or none is there. Raises OrderError when no
        readout does it.
        """
        known = self._known("stop")
        if known and known.state == "acknowledged":
            return known
        run = find_run(self.engine, known.run_id) if known else self._open_run(which)
        try:
            meant = self._meant(lambda told: told.get("run") == run.run_id)
            entry = self._give("stop", run, meant, None)
        except OrderError:
            if not anyway:
                raise
            entry = self._entry("stop", run, self._order("stop", run, ()), {}, "failed")
            entry = save_order(self.engine, entry)
        if entry.state == "acknowledged" or anyway:
            close_run(self.engine, find_run(self.engine, run.run_id))
        return entry

    def _known(self, kind: Kind) -> OrderEntry | None:
        known = known_order(self.engine, self.order_id)
        if known is not None and known.kind != kind:
            raise UsageError(f"order {self.order_id} was to {known.kind} a run: take another id")
        return known

    def _meant(self, suits: Callable[[Mapping[str, Any]], bool]) -> tuple[str, ...]:
        """Names of those to order; raises OrderError when there is none, or not the one named."""
        with _reached(self.redis_url) as client:
            there = {str(told["readout"]): told for told in readouts(client)}
        missing = sorted(set(self.names) - set(there))
        if missing:
            raise OrderError(
                f"there is no readout {', '.join(missing)}; there are:"
                f" {', '.join(there) or 'none'}: start it, or name others"
            )
        meant = self.names or tuple(name for name, told in there.items() if suits(told))
        if not meant:
            all_there = ", ".join(f"{k} (run {v.get('run') or 'none'})" for k, v in there.items())
            raise OrderError(
                f"no readout is there that this is for; there are: {all_there or 'none'}: start"
                " one with 'everyhit readout' and without --run"
            )
        return meant

    def _run(
        self, detector: Detector, name: str, cell: int, settings: Mapping[str, Any]
    ) -> tuple[Run, bool]:
        """The open run of this name, or a new one, and whether it is new."""
        there = select_runs(self.engine, "name = {name:String}", {"name": name}) if name else []
        if not there:
            told = {**settings, **ORDERED}
            return open_run(self.engine, detector, name=name, cell=cell, settings=told), True
        run = there[-1]
        if run.state != "open" or run.settings.get("source") != ORDERED["source"]:
            raise UsageError(
                f"there is a run {name} already, number {run.run_id}, {run.state}: take another"
                " name"
            )
        if run.declaration != detector.source:
            raise UsageError(f"run {name} was begun with another declaration of its detector")
        return run, False

    def _open_run(self, which: str | None) -> Run:
        """The run of this number or name, or the newest that is open."""
        if which is not None:
            run = find_run(self.engine, which)
        else:
            still_open = select_runs(self.engine, "state = 'open'", {})
            if not still_open:
                raise UsageError("no run is open: start one")
            run = still_open[-1]
        if run.state != "open":
            raise UsageError(f"run {run.run_id} is closed: only an open run can be ordered about")
        return run

    def _order(self, kind: Kind, run: Run, meant: tuple[str, ...], **told: Any) -> Order:
        at = datetime.now(UTC).isoformat()
        return Order(self.order_id, kind, run.run_id, self.who, at, meant, self.within_s, **told)

    def _give(
        self,
        kind: Kind,
        run: Run,
        meant: tuple[str, ...],
        configuration: Configuration | None,
        **told: Any,
    ) -> OrderEntry:
        plain = configuration and configuration.plain()
        order = self._order(kind, run, meant, configuration=plain, **told)
        entry = save_order(self.engine, self._entry(kind, run, order, {}, "given"))
        with _reached(self.redis_url) as client:
            give(client, order)
            said = wait_for_answers(client, order)
        done = [name for name in meant if name in said and said[name].done]
        state: State = "acknowledged" if len(done) == len(meant) else "partly" if done else "failed"
        newer = self._entry(kind, run, order, said, state)
        entry = save_order(self.engine, replace(newer, revision=entry.revision))
        if not done:
            raise OrderError(
                f"no readout did as order {self.order_id} said, to {kind} run {run.run_id}:"
                f" {told_of(entry)}"
            )
        return entry

    def _entry(
        self, kind: Kind, run: Run, order: Order, said: Mapping[str, Answer], state: State
    ) -> OrderEntry:
        return OrderEntry(
            order.order_id,
            kind,
            run.run_id,
            self.who,
            datetime.fromisoformat(order.at),
            state,
            {**asdict(order)},
            {name: asdict(each) for name, each in said.items()},
        )


def refreshed(engine: Engine, redis_url: str, entry: OrderEntry) -> OrderEntry:
    """Return an order with what readouts answered after its giver had ceased to wait."""
    if not entry.silent:
        return entry
    with _reached(redis_url) as client:
        said = answers(client, entry.order_id)
    late = {name: asdict(each) for name, each in said.items() if name not in entry.answers}
    if not late:
        return entry
    return save_order(engine, replace(entry, answers={**entry.answers, **late}))


def told_of(entry: OrderEntry) -> str:
    """Return in one line what each readout said to an order, and what to do about it."""
    parts = []
    for name in entry.told["readouts"]:
        said = entry.answers.get(name)
        if said is None:
            parts.append(
                f"{name} said nothing within {entry.told['within_s']:g} s (is it alive, and does"
                " it reach Redis?)"
            )
        elif said["done"]:
            parts.append(f"{name} did it")
        else:
            parts.append(f"{name} refused: {said['said']}")
    return "; ".join(parts)


def there(redis_url: str) -> list[dict[str, Any]]:
    """Return what each readout tells that can be ordered; StoreError when Redis is away."""
    with _reached(redis_url) as client:
        return readouts(client)


@contextmanager
def _reached(url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
    try:
        yield client
    except (RedisError, OSError) as fault:
        raise StoreError(
            f"Redis can't be reached at {shown(url)}, so no orders can be given: {fault}; data"
            " taking goes on; start Redis again, or set EVERYHIT_REDIS"
        ) from None
    finally:
        client.close()

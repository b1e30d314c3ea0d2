"""Orders that were given to readouts, and what became of them: for whoever looks into it later."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from db.catalogue.record import enter
from db.engine import Engine
from db.errors import UsageError
from db.json_text import json_text

State = Literal["given", "acknowledged", "partly", "failed"]


@dataclass(frozen=True)
class OrderEntry:
    """An order as the store keeps it."""

    order_id: str
    kind: str
    """start, stop or configure."""
    run_id: int
    who: str
    given_at: datetime
    state: State
    """acknowledged by all it was for, by some of them, or by none; given while that is open."""
    told: Mapping[str, Any]
    """What the readouts were told: see ``readout.control.messages.Order``."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """What each readout said, by its name: see ``readout.control.messages.Answer``."""
    revision: int = 0

    @property
    def silent(self) -> list[str]:
        """Names of those who were ordered and said nothing."""
        return [name for name in self.told["readouts"] if name not in self.answers]


def save_order(engine: Engine, entry: OrderEntry) -> OrderEntry:
    """Enter an order, or what became of it since; return it as it now stands."""
    newer = replace(entry, revision=entry.revision + 1)
    texts = {"told": json_text(newer.told), "answers": json_text(newer.answers)}
    enter(engine, "orders", vars(newer) | texts)
    return newer


def known_order(engine: Engine, order_id: str) -> OrderEntry | None:
    """Return the order of this id, if there is one."""
    found = _orders(engine, "order_id = {which:String}", {"which": order_id}, 1)
    return found[0] if found else None


def find_order(engine: Engine, order_id: str) -> OrderEntry:
    """Return the order of this id; UsageError that names the latest when there is none."""
    found = known_order(engine, order_id)
    if found is None:
        there = ", ".join(each.order_id for each in list_orders(engine, limit=5)) or "none yet"
        raise UsageError(f"there is no order {order_id[:40]!r}; the latest: {there}")
    return found


def list_orders(engine: Engine, run_id: int | None = None, limit: int = 100) -> list[OrderEntry]:
    """Return the latest orders, of one run or of all, newest first."""
    if run_id is None:
        return _orders(engine, "true", {}, limit)
    return _orders(engine, "run_id = {run:UInt32}", {"run": run_id}, limit)


def _orders(engine: Engine, where: str, params: Mapping[str, Any], limit: int) -> list[OrderEntry]:
    rows = engine.fetch(
        f"SELECT * FROM orders FINAL WHERE {where} ORDER BY given_at DESC LIMIT {limit}", params
    ).to_pylist()
    return [
        OrderEntry(**row | {"told": json.loads(row["told"]), "answers": json.loads(row["answers"])})
        for row in rows
    ]

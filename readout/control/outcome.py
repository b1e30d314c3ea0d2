"""What came of an order, for those who look at it."""

from dataclasses import asdict, replace
from typing import Any

from db.catalogue.orders import OrderEntry, save_order
from db.engine import Engine
from readout.control.messages import answers, reached, readouts


def living_readouts(redis_url: str) -> list[dict[str, Any]]:
    """Return what each readout tells that can be ordered; StoreError when Redis is away."""
    with reached(redis_url) as client:
        return readouts(client)


def refreshed(engine: Engine, redis_url: str, entry: OrderEntry) -> OrderEntry:
    """Return an order with what readouts answered after its giver had ceased to wait."""
    if not entry.silent:
        return entry
    with reached(redis_url) as client:
        said = answers(client, entry.order_id)
    late = {name: asdict(each) for name, each in said.items() if name not in entry.answers}
    if not late:
        return entry
    return save_order(engine, replace(entry, answers={**entry.answers, **late}))


def outcome_of(entry: OrderEntry) -> str:
    """Return in one line what each readout said to an order, and what to do about it."""
    return "; ".join(_said(entry, name) for name in entry.told["readouts"])


def _said(entry: OrderEntry, name: str) -> str:
    said = entry.answers.get(name)
    if said is None:
        within = entry.told["within_s"]
        return f"{name} said nothing within {within:g} s (is it alive, does it reach Redis?)"
    if not said["done"]:
        return f"{name} refused: {said['said']}"
    return f"{name} did it" + (f": {said['said']}" if said["said"] else "")

"""Documents read on an event loop, several questions at once: by PyMongo's async API, or by Motor.

Motor has reached its end of life. Whoever has it asked for it by name, and gets the same from it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from pymongo import AsyncMongoClient

from db.errors import StoreError
from db.words.homes.mongodb_client import OPTIONS, Document
from db.words.homes.reading import Loop, reads_on

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Any]] = (
    WeakKeyDictionary()
)


@dataclass(frozen=True)
class Find:
    """A question: documents of a collection that meet a condition, and which of their fields."""

    collection: str
    where: Document
    fields: Document


def find_on_loop(url: str) -> Callable[[Sequence[Find]], list[list[Document]]] | None:
    """Return what answers questions on the loop of this context; None where there is none.

    It blocks until all are answered, and raises what the driver raises.
    """
    on = reads_on()
    if on is None:
        return None

    async def found(finds: Sequence[Find]) -> list[list[Document]]:
        return await find_all(client_of(url, on), finds)

    return lambda finds: asyncio.run_coroutine_threadsafe(found(finds), on.loop).result()


def client_of(url: str, on: Loop) -> Any:
    """Return the client of a loop, opened once; StoreError where Motor is not installed."""
    known = _clients.setdefault(on.loop, {})
    key = url, on.driver
    if key not in known:
        known[key] = _motor(url, on.loop) if on.driver == "motor" else _pymongo(url)
    return known[key]


async def find_all(client: Any, finds: Sequence[Find]) -> list[list[Document]]:
    """Return the documents of each question, all asked at once; of either driver."""
    database = client.get_default_database()
    cursors = [database[each.collection].find(each.where, each.fields) for each in finds]
    return list(await asyncio.gather(*(cursor.to_list(None) for cursor in cursors)))


def _pymongo(url: str) -> Any:
    return AsyncMongoClient(url, **OPTIONS)


def _motor(url: str, loop: asyncio.AbstractEventLoop) -> Any:
    try:
        from motor.motor_asyncio import AsyncIOMotorClient
    except ModuleNotFoundError:
        raise StoreError(
            "EVERYHIT_MONGODB_DRIVER=motor needs it: pip install 'everyhit[motor]', or leave it out"
        ) from None
    return AsyncIOMotorClient(url, io_loop=loop, **OPTIONS)

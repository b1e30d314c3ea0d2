"""Where the reading of words from MongoDB is waited for: in the thread that asks, or on a loop."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Driver = Literal["pymongo", "motor"]


@dataclass(frozen=True)
class Loop:
    """An event loop that runs in another thread, and the driver that is used on it."""

    loop: asyncio.AbstractEventLoop
    driver: Driver = "pymongo"


_reads_on: ContextVar[Loop | None] = ContextVar("reads_on", default=None)


def read_on(loop: Loop | None) -> None:
    """Let what this context reads from MongoDB be waited for on a loop; None: in its own thread."""
    _reads_on.set(loop)


def reads_on() -> Loop | None:
    """Return the loop of this context."""
    return _reads_on.get()

"""Places for what is under way at once, shared fairly among clients."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Lock

from starlette.requests import Request

from api.access.roles import Who
from db.errors import EveryhitError


class BusyError(EveryhitError):
    """There is no place now: come again."""

    code = "busy"

    def __init__(self, message: str, again_s: int) -> None:
        super().__init__(message)
        self.again_s = again_s
        """Seconds after which there may be one."""


class Slots:
    """So many places, of which no client takes more than it leaves to others.

    One that takes all that it gets has half of them, the next a quarter, and so on: some are left
    for whoever comes. May be used from several threads.
    """

    def __init__(self, total: int, problem: str, again_s: int) -> None:
        self._total, self._problem, self._again_s = total, problem, again_s
        self._held: Counter[Hashable] = Counter()
        self._lock = Lock()

    @property
    def taken(self) -> int:
        """Places that are taken."""
        return self._held.total()

    @contextmanager
    def place(self, client: Hashable) -> Iterator[None]:
        """Hold a place for a client; raises BusyError when there is none for it."""
        with self._lock:
            if self._held[client] >= self._total - self._held.total():
                raise BusyError(f"{self._problem}: come again", self._again_s)
            self._held[client] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[client] -= 1
                self._held += Counter()  # forgets who holds none


def client_of(request: Request, who: Who) -> Hashable:
    """Return what tells one client from another: who it is, and where."""
    return who.name, request.client and request.client.host

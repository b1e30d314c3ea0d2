"""Which part goes to which shard next."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from readout.writer.batch import Part


@dataclass(eq=False)
class Delivery:
    """A part on its way to a shard."""

    recorded_at: datetime
    index: int
    home: int
    part: Part | None = None
    """None: it is on the disk."""
    number: int | None = None
    """Its batch in the spool."""
    tried: int | None = None
    """The shard that may have it: no other must get it."""
    ask: Sequence[int] = ()
    """Shards to ask first whether they have it."""


@dataclass
class _Shard:
    """What waits for one shard, and how it goes with it."""

    queue: deque[Delivery] = field(default_factory=deque)
    busy_since: float | None = None
    refusing: bool = False


class DeliveryQueue:
    """A queue for each shard. All methods hold ``change``, which is notified at every change.

    What has not been tried goes to another shard as long as its own refuses, or is silent for
    ``patience_s``.
    """

    def __init__(self, n_shards: int, patience_s: float) -> None:
        self.change = threading.Condition()
        self.unsettled = 0
        """Tasks that are not known to be done."""
        self._patience_s = patience_s
        self._shards = [_Shard() for _ in range(n_shards)]

    def __len__(self) -> int:
        return len(self._shards)

    @property
    def refusing(self) -> bool:
        """Whether any shard refuses."""
        return any(shard.refusing for shard in self._shards)

    def add(self, task: Delivery) -> None:
        """Let a task wait for the shard that tried it, or for its home."""
        with self.change:
            shard = task.home if task.tried is None else task.tried
            self._shards[shard].queue.append(task)
            self.unsettled += 1
            self.change.notify_all()

    def next(self, shard: int, ended: Callable[[], bool]) -> Delivery | None:
        """The next task for a shard, as soon as there is one; None once ``ended``."""
        with self.change:
            while not (task := self._choose(shard)):
                if ended():
                    return None
                # Not only for what is notified: a shard may be silent for too long.
                self.change.wait(0.1)
            self._shards[shard].busy_since = time.monotonic()
            return task

    def refused(self, shard: int) -> None:
        """Note that the shard refused a task."""
        with self.change:
            self._shards[shard].refusing = True
            self.change.notify_all()

    def done(self, shard: int) -> None:
        """Note that a task of the shard is settled."""
        with self.change:
            self._shards[shard].refusing, self._shards[shard].busy_since = False, None
            self.unsettled -= 1
            self.change.notify_all()

    def _choose(self, shard: int) -> Delivery | None:
        if self._shards[shard].queue:
            return self._shards[shard].queue.popleft()
        for other in filter(self._is_away, self._shards):
            for task in other.queue:
                if task.tried is None:
                    other.queue.remove(task)
                    return task
        return None

    def _is_away(self, shard: _Shard) -> bool:
        slow = shard.busy_since and time.monotonic() - shard.busy_since > self._patience_s
        return bool(shard.refusing or slow)

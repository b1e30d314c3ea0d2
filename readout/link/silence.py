"""Links that say nothing: how far they have passed all the same, and which are dead."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from db.words.gaps import Gap

_log = structlog.get_logger()


@dataclass
class Silence:
    """Listens to the links of a run.

    A link that is silent for ``idle_s`` while others talk has nothing to say: it has passed all
    times up to ``idle_s`` before the newest of the others. One whose connection is broken may have
    much to say when it is back, and is waited for. After ``dead_s`` without a word or a connection
    a link is dead: nobody waits for it any more, and the times since its last word are booked.
    """

    run_id: int
    second: int
    """Ticks in a second."""
    idle_s: float = 1.0
    dead_s: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _heard: dict[int, float] = field(default_factory=dict)
    _dead_from: dict[int, int] = field(default_factory=dict)
    _spoke: set[int] = field(default_factory=set)

    @property
    def dead(self) -> set[int]:
        """Links that are dead just now."""
        return set(self._dead_from)

    def heard(self, link: int) -> None:
        """Words of this link have come."""
        self._heard[link] = self.clock()
        self._spoke.add(link)
        if self._dead_from.pop(link, None) is not None:
            _log.warning("a dead link is back", link=link)

    def look(
        self, newest: Mapping[int, int], connected: Callable[[int], bool | None]
    ) -> tuple[dict[int, int], list[Gap]]:
        """The times that silent links have passed, and the gaps of dead ones since the last look.

        ``newest`` tells each link's clock in ticks since the run's start; ``connected`` whether it
        has a connection, None if there is no such thing.
        """
        passed: dict[int, int] = {}
        gaps: list[Gap] = []
        now, latest = self.clock(), max(newest.values(), default=0)
        reached = latest - round(self.idle_s * self.second)
        for link, clock in newest.items():
            silent_s = now - self._heard.setdefault(link, now)
            there = connected(link)
            if silent_s > self.dead_s and not there and link not in self._dead_from:
                self._dead_from[link] = clock + (link in self._spoke)  # its last word lived
                _log.error("a link is dead", link=link, silent_s=round(silent_s, 1))
            if (dead_from := self._dead_from.get(link)) is not None:
                if reached > dead_from:
                    gaps.append(Gap(self.run_id, link, "dead_link", dead_from, reached))
                    self._dead_from[link] = reached
                passed[link] = reached
            elif silent_s > self.idle_s and there is not False and reached > clock:
                passed[link] = reached
        return passed, gaps

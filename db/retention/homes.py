"""What goes from other homes of words: payloads that no header names any more, or ever did.

Retention drops headers, and their payloads follow. A restored run leaves copies behind, and a
killed process payloads without a header; they go the same way. What was put less than a day ago
stays: its header may be under way.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from db.engine import Engine
from db.errors import StoreError
from db.words.homes.home import SAFE_AGE, Home, Payload
from db.words.homes.naming import (
    are_headers_changing,
    damaged_payloads,
    key_of,
    named_hours,
    named_payloads,
)
from db.words.homes.opening import home_at


@dataclass(frozen=True)
class HomeStep:
    """What is to be done with payloads of an hour that no header names, or why nothing is."""

    home: str
    hour: datetime | None
    """None where the home as a whole can't be looked at."""
    action: Literal["remove", "keep"]
    payloads: Sequence[Payload] = ()
    why: str = ""
    """Why they are kept; empty where they go."""

    @property
    def words(self) -> int:
        """Words in all payloads."""
        return sum(each.n_hits for each in self.payloads)


def plan_homes(
    engine: Engine, now: datetime, dropping: Collection[str] = (), age: timedelta = SAFE_AGE
) -> list[HomeStep]:
    """Return a step for each hour of a home in which something lies that no header names.

    ``dropping`` are names of parts that lie aside, taken as dropped already. ``age`` is how long
    ago a payload must have been put to go. Raises StoreError where the store can't be asked; a home
    that does not answer is a step that says so.
    """
    return [step for _, step in _steps(engine, now, dropping, age) if step.payloads or step.why]


def sweep_homes(engine: Engine, now: datetime, age: timedelta = SAFE_AGE) -> list[HomeStep]:
    """Do what a plan says, each step as soon as it is decided, and return what was done."""
    done = [_done(home, step, now - age) for home, step in _steps(engine, now, (), age)]
    return [step for step in done if step.payloads or step.why]


def _steps(
    engine: Engine, now: datetime, dropping: Collection[str], age: timedelta
) -> Iterator[tuple[Home | None, HomeStep]]:
    named = named_hours(engine, dropping)
    for address in named.homes:
        try:
            home = home_at(engine, address)
            counts = home.counts()
        except StoreError as fault:
            yield None, HomeStep(address, None, "keep", why=str(fault))
            continue
        for hour, n in sorted(counts.items()):
            if n != named.counts.get((address, hour), 0):
                for step in _of_hour(engine, home, hour, dropping, now - age):
                    yield home, step


def _of_hour(
    engine: Engine, home: Home, hour: int, dropping: Collection[str], before: datetime
) -> Iterator[HomeStep]:
    at = datetime.fromtimestamp(hour * 3600, UTC)
    try:
        stored = home.stored(hour)
    except StoreError as fault:
        yield HomeStep(home.address, at, "keep", why=str(fault))
        return
    # In this order: whoever is about to write a header has put the payload again since then, or
    # lets the store change it.
    changing = are_headers_changing(engine)
    named = named_payloads(engine, hour, dropping)
    unnamed = [payload for payload in stored if key_of(payload) not in named]
    if changing and unnamed:
        yield HomeStep(home.address, at, "keep", unnamed, "the store is changing headers just now")
    if changing:
        return
    old = [payload for payload in unnamed if stored[payload] < before]
    damaged = damaged_payloads(engine, hour) if old else set()
    # Also with nothing to name: what the home has of the hour and can't list goes, too.
    gone = [each for each in old if key_of(each) not in damaged]
    yield HomeStep(home.address, at, "remove", gone)
    for why, payloads in (
        (_DAMAGED, [each for each in old if key_of(each) in damaged]),
        (_YOUNG, [each for each in unnamed if stored[each] >= before]),
    ):
        if payloads:
            yield HomeStep(home.address, at, "keep", payloads, why)


def _done(home: Home | None, step: HomeStep, before: datetime) -> HomeStep:
    if home is None or step.hour is None or step.action == "keep":
        return step
    try:
        gone = home.discard(int(step.hour.timestamp()) // 3600, step.payloads, before)
    except StoreError as fault:
        return replace(step, action="keep", why=str(fault))
    if step.payloads and not gone:
        return replace(step, action="keep", why=_SHARED)
    return replace(step, payloads=gone)


_YOUNG = "they were put lately: their headers may be under way"
_SHARED = "they share an object with words that stay, or were put again just now"
_DAMAGED = "the store has other words of them than were written: these copies are good"

"""What a readout is told to remove, before anything is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.errors import UsageError

MOST_RULES = 100


@dataclass(frozen=True)
class Prescale:
    """Of the hits that meet a selection one in ``keep_1_in`` is kept.

    Raises UsageError for one in less than one.
    """

    where: str
    keep_1_in: int

    def __post_init__(self) -> None:
        if not 1 <= self.keep_1_in < 2**32:
            raise UsageError(
                f"a prescale keeps one in 1 to {2**32 - 1} hits, not in {self.keep_1_in}"
            )


@dataclass(frozen=True)
class Configuration:
    """Always the whole of it: another configuration replaces all of this one.

    All texts are selections over the fields and columns of a hit, time apart. Raises UsageError
    for more rules than anybody needs.
    """

    masks: tuple[str, ...] = ()
    """Hits that meet any of these are removed."""
    prefilter: str = ""
    """Hits that don't meet this are removed; empty keeps all."""
    prescales: tuple[Prescale, ...] = ()

    def __post_init__(self) -> None:
        if len(self.masks) + len(self.prescales) > MOST_RULES:
            raise UsageError(f"masks and prescales are up to {MOST_RULES}: join some with 'or'")

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "masks": list(self.masks),
            "prefilter": self.prefilter,
            "prescales": [vars(each) for each in self.prescales],
        }


def configuration_of(plain: Mapping[str, Any]) -> Configuration:
    """Return what ``plain`` told; what is left out removes nothing."""
    return Configuration(
        tuple(plain.get("masks", ())),
        plain.get("prefilter", ""),
        tuple(Prescale(**each) for each in plain.get("prescales", ())),
    )

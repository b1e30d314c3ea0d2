"""Words that lie in other homes than the store's table, fetched for those who read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa

from db.detector.words import Words
from db.engine import Engine
from db.words.homes.home import Payload
from db.words.homes.opening import home_at

PAYLOAD = (
    "link, seq, slice, intDiv(toUnixTimestamp(recorded_at), 3600) AS hour, n_hits, checksum, home"
)
"""Columns of a header that ``payloads_away`` needs."""


@dataclass(frozen=True)
class Away:
    """A payload, and the address of the home in which it lies."""

    payload: Payload
    home: str


def payloads_away(run_id: int, rows: pa.Table) -> dict[int, Away]:
    """Return those of the chunks whose words lie in another home, by the number of their row."""
    homes = np.asarray(rows["home"].to_pylist(), object)
    which = np.flatnonzero(homes != "")
    if not which.size:
        return {}
    names = ("link", "seq", "slice", "hour", "n_hits", "checksum")
    heads = rows.select(names).take(which).to_pylist()
    return {
        int(k): Away(Payload(run_id=run_id, **head), homes[k])
        for k, head in zip(which, heads, strict=True)
    }


def fetch_payloads(engine: Engine, away: Sequence[Away]) -> list[Words]:
    """Return the words of payloads, in that order; StoreError where they are not to be had."""
    found: dict[Payload, Words] = {}
    for address, group in groupby(sorted(away, key=_home), key=_home):
        payloads = [each.payload for each in group]
        words = home_at(engine, address).get(payloads)
        found |= zip(payloads, words, strict=True)
    return [found[each.payload] for each in away]


def _home(away: Away) -> str:
    return away.home

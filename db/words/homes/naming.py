"""Which payloads headers name, and the homes in which a store ever put any.

A payload is named by the header in ``chunks``, and by that of a chunk which lies aside and can
still be brought back.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from db.catalogue.record import enter
from db.engine import Engine
from db.words.homes.home import Payload

Key = tuple[int, int, int, int]
"""Run, link, number and checksum of a chunk."""


def note_home(engine: Engine, address: str) -> None:
    """Enter a home, before words are put there; doing it again changes nothing."""
    if address not in noted_homes(engine):
        enter(engine.shards[0].here, "homes", {"address": address})


def noted_homes(engine: Engine) -> set[str]:
    """Return the homes in which words of a store were ever put."""
    found = engine.shards[0].here.fetch("SELECT DISTINCT address FROM homes")
    return set(found["address"].to_pylist())


@dataclass(frozen=True)
class NamedHours:
    """How many payloads headers name, by home and hour."""

    counts: dict[tuple[str, int], int]
    homes: list[str]
    """All that were ever used, also those that no header names."""


def named_hours(engine: Engine, gone: Collection[str] = ()) -> NamedHours:
    """Return how many payloads are named in each hour of each home.

    ``gone`` are names of parts that lie aside, taken as dropped already.
    """
    counts: dict[tuple[str, int], int] = {}
    for shard in engine.shards:
        for table, lies in _LIE:
            rows = shard.here.fetch(
                f"SELECT home, {_HOUR} AS hour, count() AS n FROM {table}"
                f" WHERE home != '' AND n_hits > 0 AND {lies} GROUP BY home, hour",
                {"gone": list(gone)},
            )
            for row in rows.to_pylist():
                key = row["home"], row["hour"]
                counts[key] = counts.get(key, 0) + row["n"]
    homes = {home for home, _ in counts} | noted_homes(engine)
    return NamedHours(counts, sorted(homes))


def named_payloads(engine: Engine, hour: int, gone: Collection[str] = ()) -> set[Key]:
    """Return the payloads of an hour that headers name in any home but the table.

    Not only in one: two addresses may lead to the same place. ``gone`` as in ``named_hours``.
    Raises StoreError where a shard does not answer.
    """
    # `chunks` again at the end: a header that is brought back meanwhile goes from the second table
    # to the first.
    return {
        key
        for shard in engine.shards
        for table, lies in (*_LIE, _LIE[0])
        for key in _keys(shard.here, table, f"home != '' AND {lies}", hour, gone)
    }


def damaged_payloads(engine: Engine, hour: int) -> set[Key]:
    """Return the chunks of an hour whose words in the table are not those that were written."""
    damaged = "home = '' AND CRC32(reinterpret(words, 'String')) != checksum"
    return {
        key for shard in engine.shards for key in _keys(shard.here, "chunks", damaged, hour, ())
    }


def _keys(
    here: Engine, table: str, condition: str, hour: int, gone: Collection[str]
) -> Iterable[Key]:
    rows = here.fetch(
        f"SELECT run_id, link, seq, checksum FROM {table}"
        " WHERE recorded_at >= toDateTime64({hour:Int64} * 3600, 3, 'UTC')"
        " AND recorded_at < toDateTime64(({hour:Int64} + 1) * 3600, 3, 'UTC')"
        f" AND n_hits > 0 AND {condition}",
        {"hour": hour, "gone": list(gone)},
    )
    return zip(*(column.to_pylist() for column in rows.columns), strict=True)


def are_headers_changing(engine: Engine) -> bool:
    """Return whether a shard still has to give words another home: it may do that days later."""
    return any(
        shard.here.fetch(
            "SELECT count() AS n FROM system.mutations WHERE NOT is_done AND table = 'chunks'"
            " AND database = currentDatabase()"
        )["n"][0].as_py()
        for shard in engine.shards
    )


def key_of(payload: Payload) -> Key:
    """Return what tells payloads apart, wherever they lie."""
    return payload.run_id, payload.link, payload.seq, payload.checksum


_HOUR = "intDiv(toUnixTimestamp(recorded_at), 3600)"
_LIE = (
    ("chunks", "true"),
    (
        "dropped_chunks",
        "aside NOT IN (SELECT aside FROM aside_parts FINAL WHERE state = 'dropped')"
        " AND NOT has({gone:Array(String)}, aside)",
    ),
)
"""Tables with headers, and the condition that their words are to be had."""

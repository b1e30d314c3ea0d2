"""What lies on each shard, by kind, and how much room is left."""

from dataclasses import dataclass

from db.engine import Engine
from db.errors import StoreError


@dataclass(frozen=True)
class Kind:
    """Tables of one kind on a shard."""

    kind: str
    """words, rates, events and results, ledger, or other."""
    parts: int
    """Parts on the disk that are in force."""
    rows: int
    """Of words: chunks."""
    bytes: int
    """On the disk."""


@dataclass(frozen=True)
class ShardRoom:
    """A shard, or why it can't be asked."""

    shard: int
    kinds: tuple[Kind, ...] = ()
    free_bytes: int = 0
    """Of the fullest of its disks."""
    total_bytes: int = 0
    """Of all its disks."""
    replicas: int = 0
    """Servers that keep what the shard keeps; 0 where tables are not replicated."""
    active_replicas: int = 0
    """Those among them that are there."""
    fault: str = ""
    """Why it can't be asked; empty if it can."""


def shard_rooms(engine: Engine) -> list[ShardRoom]:
    """Return what lies on each shard, in the order of their numbers."""
    return [_room(number, shard.here) for number, shard in enumerate(engine.shards)]


def _room(number: int, here: Engine) -> ShardRoom:
    try:
        kinds = [Kind(**row) for row in here.fetch(_KINDS).to_pylist()]
        disks = here.fetch(_DISKS).to_pylist()[0]
        replicas = here.fetch(_REPLICAS).to_pylist()[0]
    except StoreError as fault:
        return ShardRoom(number, fault=str(fault))
    return ShardRoom(number, tuple(kinds), **disks, **replicas)


_KINDS = """
SELECT
    multiIf(
        table = 'chunks', 'words',
        startsWith(table, 'rows_'), 'events and results',
        table = 'ledger', 'ledger',
        table = 'rates', 'rates',
        'other'
    ) AS kind,
    count() AS parts, sum(rows) AS rows, sum(bytes_on_disk) AS bytes
FROM system.parts WHERE active AND database = currentDatabase()
GROUP BY kind ORDER BY bytes DESC
"""
_DISKS = """
SELECT toUInt64(min(free_space)) AS free_bytes, toUInt64(sum(total_space)) AS total_bytes
FROM system.disks
"""
_REPLICAS = """
SELECT toUInt32(max(total_replicas)) AS replicas, toUInt32(min(active_replicas)) AS active_replicas
FROM system.replicas WHERE database = currentDatabase() AND table = 'chunks'
"""

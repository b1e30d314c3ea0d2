"""The parts of a shard's ``chunks``: put aside, brought back, dropped.

A part never changes: what was looked at is exactly what is detached. Words that come in between
lie in another part. Where the engine has merged a part in the meantime, detaching it fails and
nothing is done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from db.catalogue.record import enter
from db.engine import Engine
from db.errors import StoreError
from db.words.headers import enter_put_aside, remove_put_aside

State = Literal["active", "going", "detached", "attached", "dropped"]


@dataclass(frozen=True)
class Content:
    """What is held of a run: words with times in [a, b) ticks, of some links."""

    run_id: int
    a: int
    b: int
    words: int
    links: Sequence[int]
    inline: int = 0
    """How many of the words lie in the table, not in another home."""


@dataclass(frozen=True)
class Part:
    """Some chunks of an hour that lie together on a shard's disk."""

    part: str
    hour: datetime
    """The hour in which they were recorded: the partition."""
    bytes: int
    holds: Sequence[Content]
    """What it holds, run by run."""
    state: State = "active"
    aside: str = ""
    """What it is called while it is aside: names of parts are used again."""
    since: datetime | None = None
    """When it was put aside."""
    revision: int = 0

    @property
    def words(self) -> int:
        """How many words it holds."""
        return sum(each.words for each in self.holds)


def active_parts(here: Engine, before: datetime) -> list[Part]:
    """Return a shard's parts of hours that ended before the moment, oldest first."""
    rows = here.fetch(
        "SELECT name AS part, toDateTime(partition, 'UTC') AS hour, bytes_on_disk AS bytes"
        " FROM system.parts WHERE active AND database = currentDatabase() AND table = 'chunks'"
        " AND rows > 0 AND hour + INTERVAL 1 HOUR <= {before:DateTime('UTC')} ORDER BY hour, part",
        {"before": f"{before.astimezone(UTC):%Y-%m-%d %H:%M:%S}"},
    ).to_pylist()
    held = _contents(here, "chunks", "_part", [row["part"] for row in rows])
    # A part without content was merged into another one in this moment: next time.
    return [_part(row, holds=held[row["part"]]) for row in rows if row["part"] in held]


def aside_parts(here: Engine) -> list[Part]:
    """Return the parts of a shard that are detached, or were about to be, oldest first."""
    rows = here.fetch(
        "SELECT aside, part, hour, bytes, state, since, revision FROM aside_parts FINAL"
        " WHERE state IN ('going', 'detached') ORDER BY hour, part"
    ).to_pylist()
    held = _contents(here, "dropped_chunks", "aside", [row["aside"] for row in rows])
    return [_part(row, holds=held.get(row["aside"], ())) for row in rows]


def together(parts: Sequence[Part]) -> list[Content]:
    """Return what parts hold of each run, as one content a run."""
    runs: dict[int, list[Content]] = {}
    for part in parts:
        for each in part.holds:
            runs.setdefault(each.run_id, []).append(each)
    return [
        Content(
            run_id,
            min(each.a for each in held),
            max(each.b for each in held),
            sum(each.words for each in held),
            sorted({link for each in held for link in each.links}),
            sum(each.inline for each in held),
        )
        for run_id, held in sorted(runs.items())
    ]


def detach(here: Engine, part: Part, now: datetime) -> Part:
    """Put a part aside; StoreError where it is not there any more, or its name is taken.

    Interrupted at any point, ``settle`` finds out how far it came.
    """
    if part.part in _detached(here) | {other.part for other in aside_parts(here)}:
        raise StoreError(
            f"another part of the name {part.part} lies aside: bring it back with everyhit"
            " retention undo, or wait until it is dropped"
        )
    aside = f"{part.part} {now:%Y-%m-%dT%H:%M:%S.%f}"
    going = _enter(here, replace(part, state="going", since=now, aside=aside))
    enter_put_aside(here, part.part, aside)
    try:
        here.execute(f"ALTER TABLE chunks DETACH PART '{part.part}'")
    except StoreError:
        settle(here)
        raise
    return _enter(here, replace(going, state="detached"))


def settle(here: Engine) -> None:
    """Bring to an end what was interrupted while a part was detached or brought back."""
    for part in aside_parts(here):
        lies_aside = part.part in _detached(here) or remove_put_aside(here, part.aside)
        state: State = "detached" if lies_aside else "attached"
        if state != part.state:
            _enter(here, replace(part, state=state))


def attach(here: Engine, part: Part) -> Part:
    """Bring a part back; also one whose detaching, or bringing back, was interrupted.

    Raises StoreError where its words are nowhere.
    """
    if part.part in _detached(here):
        here.execute(f"ALTER TABLE chunks ATTACH PART '{part.part}'")
    if remove_put_aside(here, part.aside):
        raise StoreError(
            f"the detached part {part.part} of chunks is not on the disk any more: somebody has"
            " removed it by hand"
        )
    return _enter(here, replace(part, state="attached"))


def drop(here: Engine, part: Part) -> Part:
    """Remove a detached part for good."""
    if part.part in _detached(here):
        here.execute(
            f"ALTER TABLE chunks DROP DETACHED PART '{part.part}' SETTINGS allow_drop_detached = 1"
        )
    return _enter(here, replace(part, state="dropped"))


def _detached(here: Engine) -> set[str]:
    found = here.fetch(
        "SELECT name FROM system.detached_parts WHERE database = currentDatabase()"
        " AND table = 'chunks'"
    )
    return set(found["name"].to_pylist())


def _contents(
    here: Engine, table: str, column: str, parts: Sequence[str]
) -> dict[str, list[Content]]:
    if not parts:
        return {}
    rows = here.fetch(
        f"SELECT {column} AS part, run_id, min(t_first) AS a, max(t_last) + 1 AS b,"
        " sum(n_hits) AS words, sumIf(n_hits, home = '') AS inline,"
        f" arraySort(groupUniqArray(link)) AS links FROM {table}"
        f" WHERE {column} IN {{parts:Array(String)}} GROUP BY part, run_id ORDER BY run_id",
        {"parts": list(parts)},
    ).to_pylist()
    found: dict[str, list[Content]] = {}
    for row in rows:
        found.setdefault(row.pop("part"), []).append(Content(**row))
    return found


def _part(row: dict[str, object], **more: object) -> Part:
    return Part(**{**row, "hour": _moment(row["hour"]), **more})  # type: ignore[arg-type]


def _moment(value: object) -> datetime:
    """DateTime comes over Arrow as seconds."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(str(value)), UTC)


def _enter(here: Engine, part: Part) -> Part:
    newer = replace(part, revision=part.revision + 1)
    names = ("aside", "part", "revision", "state", "hour", "words", "bytes", "since")
    enter(here, "aside_parts", {name: getattr(newer, name) for name in names})
    return newer

"""What each policy holds: raw words that can be read, and those that lie aside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from db.catalogue.runs import list_runs
from db.engine import Engine
from db.retention.policy import DEFAULT, policies_and_archives, policy_of
from db.retention.words import Part, active_parts, aside_parts


@dataclass(frozen=True)
class Held:
    """The raw words of all runs that a policy decides on."""

    run_type: str
    raw_days: int | None
    """None: for ever."""
    runs: int = 0
    """Runs with words there."""
    words: int = 0
    bytes: int = 0
    """On the disk. A part with words of several runs counts for each by its share of words, one of
    heartbeats alone by equal shares."""
    partitions: int = 0
    """Hours of recording, counted on each shard."""
    days: int = 0
    """Days, in UTC, on which something was recorded."""
    oldest: datetime | None = None
    """The first of these hours."""
    aside_words: int = 0
    aside_bytes: int = 0
    then_archive: str = ""
    """Home to which words move then; empty: they are dropped."""


def held_by_policies(engine: Engine) -> list[Held]:
    """Return what each policy holds, by type of run; ``default`` is among them, set or not."""
    policies, archives = policies_and_archives(engine)
    kind_of = {run.run_id: policy_of(run, policies) for run in list_runs(engine)}
    rows = pl.DataFrame(list(_rows(engine, kind_of)), schema=_ROW, orient="row")
    there, aside = rows.filter(~pl.col("aside")), rows.filter("aside")
    counted = there.group_by("kind").agg(
        runs=pl.col("run").n_unique(),
        words=pl.col("words").sum(),
        bytes=pl.col("bytes").sum(),
        partitions=pl.struct("shard", "hour").n_unique(),
        days=pl.col("hour").dt.date().n_unique(),
        oldest=pl.col("hour").min(),
    )
    put_aside = aside.group_by("kind").agg(
        aside_words=pl.col("words").sum(), aside_bytes=pl.col("bytes").sum()
    )
    found: dict[str, dict[str, object]] = {}
    for row in [*counted.iter_rows(named=True), *put_aside.iter_rows(named=True)]:
        found.setdefault(row.pop("kind"), {}).update(row)
    return [
        Held(
            kind,
            policies.get(kind),
            then_archive=archives.get(kind, ""),
            **found.get(kind, {}),  # type: ignore[arg-type]
        )
        for kind in sorted({*policies, DEFAULT})
    ]


_ROW: dict[str, pl.DataType | type[pl.DataType]] = {
    "kind": pl.String,
    "run": pl.UInt32,
    "shard": pl.Int32,
    "hour": pl.Datetime("us", "UTC"),
    "words": pl.Int64,
    "bytes": pl.Int64,
    "aside": pl.Boolean,
}


def _rows(engine: Engine, kind_of: Mapping[int, str]) -> Iterator[tuple[object, ...]]:
    for k, shard in enumerate(engine.shards):
        for part in active_parts(shard.here, datetime.now(UTC) + timedelta(days=1)):
            yield from _shares(part, k, kind_of, aside=False)
        for part in aside_parts(shard.here):
            yield from _shares(part, k, kind_of, aside=True)


def _shares(
    part: Part, shard: int, kind_of: Mapping[int, str], *, aside: bool
) -> Iterator[tuple[object, ...]]:
    for each in part.holds:
        # A part of heartbeats alone holds no words, but takes room all the same.
        mine, all_ = (each.words, part.words) if part.words else (1, len(part.holds))
        share = part.bytes * mine // all_
        kind = kind_of.get(each.run_id, DEFAULT)
        yield kind, each.run_id, shard, part.hour, each.words, share, aside

"""The words of a run: what each link delivered, where they lie, what is missing."""

from collections.abc import Mapping
from typing import Any

import strawberry

from api.graphql.connection import After, Connection, First, checked, key_of, page
from api.graphql.context import Info
from api.graphql.run_scoped import Root
from api.graphql.scalars import Int64, Ticks
from api.span import Start, Stop, span_of, span_of_hits
from db.catalogue import runs
from db.words.gap_pages import page_of_gaps
from db.words.gaps import live_ticks
from db.words.homes.moves import lies_in


@strawberry.type(description="What a link has delivered in a run.")
class Link:
    """A row of ``db.words.totals.link_totals``."""

    link: int = strawberry.field(description="Its number.")
    chunks: Int64 = strawberry.field(description="Blocks of words in the store.")
    words: Int64 = strawberry.field(description="Hits and other words, corrupt ones included.")
    corrupt: Int64 = strawberry.field(description="Words that fail the declaration's checks.")
    suspect: Int64 = strawberry.field(
        description="Words that look sound, with times that can't be right: kept, never obeyed."
    )
    first: Ticks | None = strawberry.field(description="Time of its earliest word believed.")
    last: Ticks | None = strawberry.field(description="Time of its latest word believed.")
    watermark: Ticks = strawberry.field(
        description="All words with earlier times are in the store, late data apart."
    )
    watermark_s: float = strawberry.field(description="The watermark in seconds since the start.")

    @classmethod
    def of(cls, row: Mapping[str, Any], seconds: float) -> "Link":
        """Make one of a row; ``seconds`` are those in a tick."""
        known = {key: value for key, value in row.items() if key != "run_id"}
        return cls(**known, watermark_s=row["watermark"] * seconds)


@strawberry.type(description="Times in which a link's data are missing or thinned out.")
class Gap:
    """A row of ``gaps``."""

    link: int
    cause: str = strawberry.field(description="Why: a lost packet, a clock's jump, a prefilter …")
    start: Ticks = strawberry.field(description="Included.")
    stop: Ticks = strawberry.field(description="Excluded.")
    dead: bool = strawberry.field(
        description="Nothing of the link can be trusted; false where words were removed by a rule."
    )
    n_lost: Int64 = strawberry.field(description="Hits that are known to be missing.")
    detail: str


async def links(root: Root, info: Info) -> list[Link]:
    """Return what each link has delivered."""
    rows = await info.context.links.load(root.run.run_id)
    return [Link.of(row, root.seconds) for row in rows]


@strawberry.type(description="Words of a run that lie in one home.")
class WordsIn:
    """As ``db.words.homes.moves.lies_in``."""

    home: str = strawberry.field(description="Its address; empty: the store itself.")
    words: Int64 = strawberry.field(description="How many lie there.")


async def homes(root: Root, info: Info) -> list[WordsIn]:
    """Return how many words lie in which home."""
    found = await info.context.ask(lies_in, info.context.engine, root.run.run_id)
    return [WordsIn(home=home, words=words) for home, words in found.items()]


async def words(root: Root, info: Info) -> int:
    """Return how many words have come."""
    return sum(row["words"] for row in await info.context.links.load(root.run.run_id))


async def first_time(root: Root, info: Info) -> int | None:
    """Return the time of the earliest word believed, in ticks."""
    rows = await info.context.links.load(root.run.run_id)
    return min((row["first"] for row in rows if row["first"] is not None), default=None)


async def last_time(root: Root, info: Info) -> int | None:
    """Return the time of the latest word believed, in ticks."""
    rows = await info.context.links.load(root.run.run_id)
    return max((row["last"] for row in rows if row["last"] is not None), default=None)


async def live_time(root: Root, info: Info, start: Start = None, stop: Stop = None) -> float:
    """Return the live time of a range, or of the whole run, in seconds."""
    span_of(root.run, start, stop)
    links = await info.context.links.load(root.run.run_id)
    if (start is None or stop is None) and all(row["first"] is None for row in links):
        return 0.0  # no hits have come: there is no range yet

    def live(run: runs.Run) -> int:
        a, b = span_of_hits(info.context.engine, run, start, stop)
        return live_ticks(info.context.engine, run.run_id, a, b)

    return await info.context.ask(live, root.run) * root.seconds


async def gaps(root: Root, info: Info, first: First = 100, after: After = None) -> Connection[Gap]:
    """Return a page of gaps."""
    place = key_of(after, lambda key: isinstance(key, int) and key >= 0) or 0
    rows = await info.context.ask(
        page_of_gaps, info.context.engine, root.run.run_id, checked(first) + 1, place
    )
    keys = range(place + 1, place + 1 + len(rows))
    nodes = [
        Gap(start=row.pop("a"), stop=row.pop("b"), **row) for row in rows.iter_rows(named=True)
    ]
    return page(nodes, keys, first)

"""Events: what a builder made of candidates, and one of them with all that a display needs."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import numpy as np
import polars as pl
import strawberry
from strawberry.scalars import JSON

from api.graphql.connection import After, First, checked, key_of, page
from api.graphql.context import Info
from api.graphql.detector import Shape, shape_of
from api.graphql.rows import (
    LineageId,
    RowConnection,
    TriggerName,
    Where,
    condition,
    is_key,
    values_of,
)
from api.graphql.run_scoped import Root
from api.graphql.scalars import Int64, Ticks, as_json
from api.span import Start, Stop, span_of
from db.catalogue.runs import Run
from db.detector import decode
from db.engine import Engine
from db.errors import UsageError
from db.results.neighbours import last_row, row_at, times_beside
from db.results.pages import RowPage, page_of_rows
from db.results.rows import Lineage, list_lineages, read_committed
from db.selection import Node as Selection
from db.time import WHOLE
from db.words.headers import heads_in
from software_triggers.task.names import lineage_among, lineage_of

BUILDER = "events"
MOST_FOUND = 1000
Neighbours = Annotated[
    str, strawberry.argument(description="Which events `previous` and `next` lead to.")
]


@strawberry.type(description="A hit or another word that an event keeps.")
class EventWord:
    """Decoded."""

    t: Ticks
    t_ns: float = strawberry.field(description="Time since the event's begin in ns.")
    link: int
    raw: list[Int64] = strawberry.field(description="The word itself, as the detector sent it.")
    hit: bool = strawberry.field(description="A sound hit; false for other and corrupt words.")
    values: JSON = strawberry.field(description="The declaration's columns by name.")
    position_mm: list[float] = strawberry.field(
        description="Where its element is, along the shape's axes; empty if nobody knows."
    )


@strawberry.type(description="Times [t, tEnd) around candidates, with all words in them.")
class Event:
    """A row of an event builder."""

    run: strawberry.Private[Run]
    row: strawberry.Private[dict[str, Any]]

    @strawberry.field(description="Begin.")
    def t(self) -> Ticks:
        return int(self.row["t"])

    @strawberry.field(description="End, excluded.")
    def t_end(self) -> Ticks:
        return int(self.row["t_end"])

    @strawberry.field(description="Begin in seconds since the run's start.")
    def t_s(self) -> float:
        return float(self.row["t"] * self.run.detector.tick) * 1e-9

    @strawberry.field(description="Goes on where a longer one was cut: no event began in it.")
    def continued(self) -> bool:
        return bool(self.row["continued"])

    @strawberry.field(description="Names of the triggers that found something in it.")
    def triggers(self) -> list[str]:
        return list(self.row["triggers"])

    @strawberry.field(description="Words in it.")
    def n_words(self) -> int:
        return int(self.row["n_words"])

    @strawberry.field(description="The words, decoded, in order of time.")
    def words(self) -> list[EventWord]:
        return _words(self.run, self.row)


@strawberry.type(description="A page of events.")
class EventConnection(RowConnection[Event]):
    """In order of time."""


@strawberry.type(description="Rows of a trigger that lie in an event.")
class Found:
    """What a display draws over the hits."""

    trigger: str
    lineage: str
    rows: list[JSON] = strawberry.field(
        description=f"All columns by name, at most {MOST_FOUND} rows; see Candidate.values."
    )


@strawberry.type(description="A block of words of a link, as it was stored.")
class ChunkHead:
    """As ``db.words.headers.heads_in``."""

    link: int
    seq: Int64 = strawberry.field(description="Its number among the link's chunks.")
    t_first: Ticks = strawberry.field(description="Time of its earliest word.")
    t_last: Ticks = strawberry.field(description="Time of its latest word.")
    words: Int64 = strawberry.field(description="Words in it.")
    corrupt: Int64 = strawberry.field(description="Words that fail the declaration's checks.")
    checksum: Int64 = strawberry.field(description="CRC-32 of its words.")
    recorded_at: datetime = strawberry.field(description="When the readout wrote it.")
    dropped: bool = strawberry.field(description="Its raw words are aside or gone.")


@strawberry.type(description="All that draws one event.")
class EventDisplay:
    """An event, what was found in it, how the detector is drawn: each is read when it is asked
    for."""

    builder: strawberry.Private[Lineage]
    known: strawberry.Private[Sequence[Lineage]]
    """Of its run."""
    kept: strawberry.Private[Selection | None]
    event: Event
    _beside: "strawberry.Private[asyncio.Future[tuple[int | None, int | None]] | None]" = None

    @strawberry.field(
        description="Rows of the triggers that the builder reads, and of those that they read."
    )
    async def found(self, info: Info) -> list[Found]:
        run, row = self.event.run, self.event.row
        times = (int(row["t"]), int(row["t_end"]))
        return await info.context.ask(
            _found, info.context.engine, run, _upstream(self.builder, self.known), *times
        )

    @strawberry.field(description="How the elements are drawn.")
    def shape(self) -> Shape | None:
        return shape_of(self.event.run.detector)

    @strawberry.field(description="Lineage of the builder that made it.")
    def lineage(self) -> str:
        return self.builder.lineage

    @strawberry.field(description="The chunks by which its words came, in order of link.")
    async def brought_by(self, info: Info) -> list[ChunkHead]:
        run, row = self.event.run, self.event.row
        links = sorted(set(row["word_link"]))
        times = (int(row["t"]), int(row["t_end"]))
        heads = await info.context.ask(
            heads_in, info.context.engine, run.run_id, links, *times, run.detector.slice
        )
        return [ChunkHead(**each) for each in heads.iter_rows(named=True)]

    @strawberry.field(description="Begin of the event before it that was asked for, if any.")
    async def previous(self, info: Info) -> Ticks | None:
        return (await self._times_beside(info))[0]

    @strawberry.field(description="Begin of the event behind it that was asked for, if any.")
    async def next(self, info: Info) -> Ticks | None:
        return (await self._times_beside(info))[1]

    async def _times_beside(self, info: Info) -> tuple[int | None, int | None]:
        """Return both, from one look for whoever asks for both."""
        if self._beside is None:
            cell, t = self.event.run.cell, int(self.event.row["t"])
            asked = (info.context.engine, self.builder, cell, t, self.kept)
            self._beside = asyncio.ensure_future(info.context.ask(times_beside, *asked))
        return await asyncio.shield(self._beside)


async def events(
    root: Root,
    info: Info,
    trigger: TriggerName = BUILDER,
    lineage: LineageId = None,
    start: Start = None,
    stop: Stop = None,
    where: Where = "",
    first: First = 50,
    after: After = None,
) -> EventConnection:
    """Read a page of events."""
    engine, run = info.context.engine, root.run
    limit, key = checked(first) + 1, key_of(after, is_key)

    def read() -> tuple[tuple[Run, Lineage, int, int, Selection | None], RowPage]:
        span = span_of(run, start, stop)
        found = _builder(lineage_of(engine, run, trigger, lineage, span))
        asked = (run, found, *span, condition(found, where))
        return asked, page_of_rows(engine, *asked, limit, key and tuple(key))

    asked, found = await info.context.ask(read)
    nodes = [Event(run=run, row=row) for row in found.rows.iter_rows(named=True)]
    cut = page(nodes, found.keys, first)
    return EventConnection(
        edges=cut.edges, page_info=cut.page_info, asked=asked, lineage=asked[1].lineage
    )


async def event(
    root: Root,
    info: Info,
    t: Annotated[Ticks, strawberry.argument(description="Its begin, as in a list of events.")],
    trigger: TriggerName = BUILDER,
    lineage: LineageId = None,
    where: Neighbours = "",
) -> EventDisplay:
    """Read one event and what was found in it."""
    engine, run = info.context.engine, root.run

    def read() -> EventDisplay:
        known = list_lineages(engine, run.run_id)
        builder = _builder(lineage_among(engine, run, known, trigger, lineage, (t, t + 1)))
        kept = condition(builder, where)
        row = row_at(engine, builder, run.cell, t)
        if row is None:
            raise UsageError(f"run {run.run_id} has no event at {t}: take its t from a list")
        return EventDisplay(builder=builder, known=known, kept=kept, event=Event(run=run, row=row))

    return await info.context.ask(read)


async def event_at(
    root: Root,
    info: Info,
    t: Annotated[Ticks, strawberry.argument(description="Any time in it.")],
    trigger: TriggerName = BUILDER,
    lineage: LineageId = None,
) -> EventDisplay | None:
    """Read the event that a time lies in, and what was found in it."""
    shown = await info.context.ask(_last, info.context.engine, root.run, t, trigger, lineage, "")
    return shown if shown is not None and t < int(shown.event.row["t_end"]) else None


async def newest_event(
    root: Root,
    info: Info,
    trigger: TriggerName = BUILDER,
    lineage: LineageId = None,
    where: Where = "",
) -> EventDisplay | None:
    """Read the latest event and what was found in it."""
    asked = (root.run, None, trigger, lineage, where)
    return await info.context.ask(_last, info.context.engine, *asked)


def _last(
    engine: Engine, run: Run, t: int | None, trigger: str, lineage: str | None, where: str
) -> EventDisplay | None:
    """Return the last event that begins up to and including t, or of all; None if there is none."""
    known = list_lineages(engine, run.run_id)
    if not any(each.name == trigger for each in known):
        return None
    span = WHOLE if t is None else (t, t + 1)
    builder = _builder(lineage_among(engine, run, known, trigger, lineage, span))
    kept = condition(builder, where)
    row = last_row(engine, builder, run.cell, t, kept)
    if row is None:
        return None
    return EventDisplay(builder=builder, known=known, kept=kept, event=Event(run=run, row=row))


def _found(engine: Engine, run: Run, lineages: Sequence[Lineage], a: int, b: int) -> list[Found]:
    """Return the rows of lineages with times in [a, b)."""
    return [
        Found(
            trigger=each.name, lineage=each.lineage, rows=[JSON(v) for v in values_of(each, within)]
        )
        for each in lineages
        for within in [read_committed(engine, each, run.cell, a, b).head(MOST_FOUND)]
    ]


def _builder(lineage: Lineage) -> Lineage:
    for name in ("t_end", "continued", "triggers", "n_words", "word_t", "word_link", "raw"):
        if name not in lineage.columns:
            raise UsageError(
                f"{lineage.name} builds no events: it has no column {name}; ask for candidates"
            )
    return lineage


def _upstream(lineage: Lineage, known: Sequence[Lineage]) -> list[Lineage]:
    """Return the lineages that one rests on, each once, nearest first."""
    by_id = {each.lineage: each for each in known}
    found, waiting = dict[str, Lineage](), list(lineage.inputs.values())
    while waiting:
        each = by_id.get(waiting.pop(0))
        if each is not None and each.lineage not in found:
            found[each.lineage] = each
            waiting += each.inputs.values()
    return list(found.values())


def _words(run: Run, row: dict[str, Any]) -> list[EventWord]:
    detector = run.detector
    n = detector.words_per_hit
    raw, t = np.array(row["raw"], np.uint64), np.array(row["word_t"], np.int64)
    epoch = t - decode(detector, raw, 0, ["t"])["t"]
    decoded = decode(detector, raw, epoch, [*detector.column_names, "hit", "corrupt"])
    decoded["hit"] &= ~decoded.pop("corrupt")
    columns = pl.DataFrame(decoded)
    axes = detector.shape.position_mm if detector.shape else ()
    tick = float(detector.tick)
    return [
        EventWord(
            t=at,
            t_ns=(at - row["t"]) * tick,
            link=link,
            raw=words,
            hit=values.pop("hit"),
            position_mm=[float(values[axis]) for axis in axes],
            values=JSON({name: as_json(value) for name, value in values.items()}),
        )
        for at, link, words, values in zip(
            row["word_t"],
            row["word_link"],
            raw.reshape(-1, n).tolist(),
            columns.iter_rows(named=True),
            strict=True,
        )
    ]

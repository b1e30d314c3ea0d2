"""Runs: the catalogue, and how far each has come."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from api.dropped import Dropped, dropped
from api.graphql.comparison import Comparison, Coverage, comparison, coverage
from api.graphql.connection import After, Connection, First, checked, key_of, page
from api.graphql.context import Info
from api.graphql.detector import Detector
from api.graphql.events import EventConnection, EventDisplay, event, event_at, events, newest_event
from api.graphql.histograms import Histogram, Histogram2d, histogram, histogram2d
from api.graphql.mutation import mutation
from api.graphql.rates import ChannelCount, Rates, occupancy, rates
from api.graphql.rows import CandidateConnection, candidates
from api.graphql.run_scoped import Root, RunScoped
from api.graphql.run_words import (
    Gap,
    Link,
    WordsIn,
    first_time,
    gaps,
    homes,
    last_time,
    links,
    live_time,
    words,
)
from api.graphql.scalars import Int64, Ticks
from api.graphql.selections import SelectionCheck, selection
from api.graphql.triggers import Lineage, Result, lineages, results_of
from api.graphql.wanted import Fields, Tags, edit_of
from api.graphql.windows import Progress, Window, progress, windows
from db.catalogue import runs
from db.catalogue.annotations import Annotations, annotate, read_history
from db.catalogue.run_pages import Order, RunFilter, count_runs, key_of_run, page_of_runs
from db.errors import UsageError

LONGEST_NOTE = 10_000


@strawberry.enum(description="Whether a run takes data.")
class RunState(Enum):
    """As in the catalogue."""

    OPEN = "open"
    CLOSED = "closed"


@strawberry.enum(description="What a list of runs is ordered by.")
class RunOrder(Enum):
    """As ``db.catalogue.run_pages`` has it."""

    NUMBER = "number"
    STARTED = "started"
    NAME = "name"


@strawberry.input(description="Which runs are wanted; what is left out does not matter.")
class RunsWanted:
    """As ``db.catalogue.run_pages.RunFilter``."""

    state: RunState | None = None
    detector: str | None = strawberry.field(default=None, description="Name of its detector.")
    name_contains: str | None = strawberry.field(
        default=None, description="A piece of its name, in small or capital letters."
    )
    text: str | None = strawberry.field(
        default=None, description="A piece of its name, of its note, or of its detector's name."
    )
    started_from: datetime | None = strawberry.field(default=None, description="Included.")
    started_before: datetime | None = strawberry.field(default=None, description="Excluded.")
    where: str | None = strawberry.field(
        default=None,
        description="A selection over fields and tags in Python's syntax,"
        " as \"beam_energy_GeV > 20 and 'calibration' in tags\".",
    )

    def plain(self) -> RunFilter:
        """Return it as the store takes it."""
        return RunFilter(**{**vars(self), "state": self.state and self.state.value})


@strawberry.type(description="A field or a tag of a run that changed.")
class RunChange:
    """As ``db.catalogue.annotations.Change``."""

    at: datetime
    who: str
    tag: bool = strawberry.field(description="A tag; else a field.")
    name: str
    before: JSON | None = strawberry.field(description="Null: it was not there.")
    after: JSON | None = strawberry.field(description="Null: it was taken away.")


async def _fields(root: Root, info: Info) -> JSON:
    return JSON(dict((await info.context.annotations.load(root.run.run_id)).fields))


async def _tags(root: Root, info: Info) -> list[str]:
    return list((await info.context.annotations.load(root.run.run_id)).tags)


async def _history(root: Root, info: Info) -> list[RunChange]:
    changes = await info.context.ask(read_history, info.context.engine, root.run.run_id)
    return [RunChange(**vars(change)) for change in changes]


@strawberry.type(description="A stretch of data taking: one detector, one zero of the clock.")
class Run(RunScoped):
    """A run of the catalogue, and by its fields all that is known of it."""

    @strawberry.field(description="Number of the run; it never changes.")
    def number(self) -> int:
        return self.run.run_id

    @strawberry.field(description="Name given when it was opened.")
    def name(self) -> str:
        return self.run.name

    @strawberry.field(description="Whether it takes data.")
    def state(self) -> RunState:
        return RunState(self.run.state)

    @strawberry.field(description="What people wrote about it.")
    def note(self) -> str:
        return self.run.note

    @strawberry.field(description="When its clock stood at zero, as well as the readout knows.")
    def started_at(self) -> datetime:
        return self.run.started_at

    @strawberry.field(description="When it was closed.")
    def stopped_at(self) -> datetime | None:
        return self.run.stopped_at

    @strawberry.field(description="Length of a tick in ns.")
    def tick_ns(self) -> float:
        return float(self.run.detector.tick)

    @strawberry.field(description="Ticks of a window: cell n is [n * cell, (n + 1) * cell).")
    def cell(self) -> Ticks:
        return self.run.cell

    @strawberry.field(description="What was set when it was opened.")
    def settings(self) -> JSON:
        return JSON(dict(self.run.settings))

    @strawberry.field(description="The detector as declared when the run began.")
    def detector(self) -> Detector:
        return Detector(detector=self.run.detector)

    fields: JSON = strawberry.field(
        resolver=_fields, description="What people say of it: numbers, texts, yes or no, by name."
    )
    tags: list[str] = strawberry.field(resolver=_tags, description="In order of the alphabet.")
    history: list[RunChange] = strawberry.field(
        resolver=_history, description="Each change of its fields and tags, in order of time."
    )
    links: list[Link] = strawberry.field(resolver=links, description="By number.")
    words: Int64 = strawberry.field(resolver=words, description="Words of all links.")
    homes: list[WordsIn] = strawberry.field(
        resolver=homes, description="Where its words lie; without any, nowhere."
    )
    first: Ticks | None = strawberry.field(
        resolver=first_time, description="Time of the earliest hit; null before there is one."
    )
    last: Ticks | None = strawberry.field(
        resolver=last_time, description="Time of the latest hit; null before there is one."
    )
    live_time: float = strawberry.field(
        resolver=live_time, description="Seconds of a range in which every link was live."
    )
    gaps: Connection[Gap] = strawberry.field(resolver=gaps, description="In order of begin.")
    rates: Rates = strawberry.field(
        resolver=rates, description="Words over time, counted at insert and binned in the database."
    )
    occupancy: list[ChannelCount] = strawberry.field(
        resolver=occupancy, description="Words of each channel, in whole slices around the range."
    )
    histogram: Histogram = strawberry.field(
        resolver=histogram, description="Counts of a column's values, made in the database."
    )
    histogram2d: Histogram2d = strawberry.field(
        resolver=histogram2d, description="Counts of two columns' values, made in the database."
    )
    selection: SelectionCheck = strawberry.field(
        resolver=selection, description="Whether a selection is right, and where it is not."
    )
    dropped: Dropped | None = strawberry.field(
        resolver=dropped, description="Raw words of a range that were dropped; null if none were."
    )
    lineages: list[Lineage] = strawberry.field(
        resolver=lineages, description="What results there are made from, newest first."
    )
    results: list[Result] = strawberry.field(
        resolver=results_of, description="How far each lineage went."
    )
    coverage: Coverage = strawberry.field(
        resolver=coverage, description="Which windows each lineage has committed, over time."
    )
    comparison: Comparison = strawberry.field(
        resolver=comparison, description="How two lineages of a trigger differ."
    )
    candidates: CandidateConnection = strawberry.field(
        resolver=candidates, description="Rows that a trigger committed, in order of time."
    )
    events: EventConnection = strawberry.field(
        resolver=events, description="What an event builder made of candidates, in order of time."
    )
    event: EventDisplay = strawberry.field(
        resolver=event, description="One event with its hits, and what a display needs."
    )
    event_at: EventDisplay | None = strawberry.field(
        resolver=event_at, description="The event that a time lies in; null if in none."
    )
    newest_event: EventDisplay | None = strawberry.field(
        resolver=newest_event, description="The latest event; null before there is one."
    )
    windows: Connection[Window] = strawberry.field(
        resolver=windows, description="What the ledger says of each window, in order of time."
    )
    progress: list[Progress] = strawberry.field(
        resolver=progress, description="Tasks and backlog, if this process works on the run."
    )


@strawberry.type(description="A page of runs.")
class RunConnection(Connection[Run]):
    """With their number, counted only when asked for."""

    which: strawberry.Private[RunFilter]

    @strawberry.field(description="Runs on all pages, counted in the database.")
    async def total_count(self, info: Info) -> int:
        return await info.context.ask(count_runs, info.context.engine, self.which)


@strawberry.type
class RunQueries:
    """The catalogue."""

    @strawberry.field(description="The runs of this store, newest first.")
    async def runs(
        self,
        info: Info,
        wanted: RunsWanted | None = None,
        order: RunOrder = RunOrder.NUMBER,
        descending: bool = True,
        first: First = 20,
        after: After = None,
    ) -> RunConnection:
        which = (wanted or RunsWanted()).plain()
        by: Order = order.value
        kind = str if order is RunOrder.NAME else int

        def is_key(key: Any) -> bool:
            return (
                isinstance(key, list)
                and len(key) == 2
                and isinstance(key[0], kind)
                and isinstance(key[1], int)
                and 0 <= key[1] < 2**32
            )

        found = await info.context.ask(
            page_of_runs,
            info.context.engine,
            which,
            by,
            descending=descending,
            limit=checked(first) + 1,
            after=key_of(after, is_key),
        )
        cut = page([Run(run=run) for run in found], [key_of_run(run, by) for run in found], first)
        return RunConnection(edges=cut.edges, page_info=cut.page_info, which=which)

    @strawberry.field(description="One run by number or name; the newest when none is named.")
    async def run(
        self,
        info: Info,
        which: Annotated[str | None, strawberry.argument(description="Number or name.")] = None,
    ) -> Run:
        return Run(run=await info.context.ask(runs.find_run, info.context.engine, which))


@strawberry.type
class RunMutations:
    """What people may change of a run."""

    @mutation("annotate", "Give a run fields, tags or a note, or take them away.")
    async def annotate_run(
        self,
        info: Info,
        run: Annotated[str, strawberry.argument(description="Number or name.")],
        note: Annotated[
            str | None,
            strawberry.argument(
                description="In place of the one that is there; up to 10,000 characters."
            ),
        ] = None,
        fields: Fields = None,
        unset: Annotated[list[str] | None, strawberry.argument(description="Fields to go.")] = None,
        tags: Tags = None,
        untag: Annotated[list[str] | None, strawberry.argument(description="Tags to go.")] = None,
    ) -> Run:
        if note is not None and len(note) > LONGEST_NOTE:
            raise UsageError(f"a note has up to {LONGEST_NOTE} characters, this has {len(note)}")
        edit, context = edit_of(fields, tags, unset, untag), info.context

        def write() -> tuple[runs.Run, Annotations]:
            found = runs.find_run(context.engine, run)
            said = annotate(context.engine, found.run_id, edit, context.who.name)
            if note is not None:
                found = runs.amend_run(context.engine, found, note=note)
            return found, said

        written, said = await context.ask(write)
        context.annotations.prime(written.run_id, said, force=True)
        return Run(run=written)

"""Triggers: what is known, what they found, how they are registered and tried out."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry.scalars import JSON

from api.graphql.context import Info
from api.graphql.mutation import mutation
from api.graphql.rows import TriggerName, values_of
from api.graphql.run_scoped import Root
from api.graphql.scalars import Int64, Moment, Ticks
from api.span import span_of
from db.catalogue.run_pages import RunFilter, count_runs
from db.catalogue.runs import Run, find_run
from db.catalogue.triggers import Registered, list_registered
from db.errors import EveryhitError, StoreError, UsageError
from db.results import rows as results
from software_triggers import trigger as known
from software_triggers.registry import known_triggers, register
from software_triggers.running import dry_run as dry
from software_triggers.trigger import sql_trigger
from software_triggers.window import Window

MOST_ROWS = 200
MOST_BINS = 1000
T = TypeVar("T")

RunName = Annotated[str | None, strawberry.argument(description="Number or name; default newest.")]
Source = Annotated[
    str, strawberry.argument(description="The whole trigger: a comment header and one SELECT.")
]


@strawberry.enum(description="How a trigger is written.")
class TriggerKind(Enum):
    """As in ``Trigger.kind``."""

    SQL = "sql"
    PYTHON = "python"


@strawberry.type(description="A question to the hits that has moments for answers.")
class Trigger:
    """A trigger that is known here, or was registered and is switched off."""

    trigger: strawberry.Private[known.Trigger]
    stored: strawberry.Private[Registered | None]

    @strawberry.field(description="By which queries and other triggers call it.")
    def name(self) -> str:
        return self.trigger.name

    @strawberry.field(description="How it is written.")
    def kind(self) -> TriggerKind:
        return TriggerKind(self.trigger.kind)

    @strawberry.field(description="What it is for.")
    def about(self) -> str:
        return self.trigger.doc

    @strawberry.field(description="hits, words, rates, and names of triggers.")
    def reads(self) -> list[str]:
        return list(self.trigger.reads)

    @strawberry.field(description="Columns without which it fits no detector, as far as it says.")
    def uses(self) -> list[str]:
        return list(self.trigger.uses)

    @strawberry.field(description="How far beyond a window it must look: a duration, or a sum.")
    def reach(self) -> str:
        return self.trigger.reach

    @strawberry.field(description="Parameters and their defaults, by name.")
    def params(self) -> JSON:
        return JSON(dict(self.trigger.params))

    @strawberry.field(description="Changed by its author when its results change.")
    def version(self) -> str:
        return self.trigger.version

    @strawberry.field(description="Its text.")
    def source(self) -> str:
        return self.trigger.source

    @strawberry.field(description="Registered in the store by a user.")
    def registered(self) -> bool:
        return self.stored is not None

    @strawberry.field(description="When it was registered or switched; null if it was not.")
    def registered_at(self) -> datetime | None:
        return None if self.stored is None else self.stored.added_at

    @strawberry.field(description="False: registered, and switched off.")
    def enabled(self) -> bool:
        return self.stored is None or self.stored.enabled


@strawberry.type(description="What results were made from: equal lineages give equal results.")
class Lineage:
    """As ``db.results.rows.Lineage``."""

    lineage: str = strawberry.field(description="Hash of all that is below.")
    trigger: str
    version: str
    kind: TriggerKind
    params: JSON = strawberry.field(description="By name, durations in ticks.")
    inputs: JSON = strawberry.field(description="Lineages of the triggers it reads, by name.")
    reach: Ticks = strawberry.field(description="How far beyond a window it looks.")
    fingerprint: str = strawberry.field(description="Of the detector's declaration.")
    columns: JSON = strawberry.field(description="Type of each column of its rows, by name.")
    source: str


@strawberry.type(description="How far and how well a lineage went in a run.")
class Result:
    """A row of ``db.results.totals.result_totals``."""

    trigger: str
    lineage: str
    params: str = strawberry.field(description="JSON.")
    cells: Int64 = strawberry.field(description="Windows that are committed.")
    rows: Int64 = strawberry.field(description="Rows that count.")
    incomplete: Int64 = strawberry.field(
        description="Windows that ran before every watermark had passed."
    )
    seconds: float = strawberry.field(description="Of work, repeated work included.")
    failed: Int64 = strawberry.field(description="Times that the trigger failed on a window.")
    done_to: Ticks = strawberry.field(description="End of the last committed window.")
    behind_s: float = strawberry.field(
        description="Seconds of data between the last committed window and the newest word."
    )


@strawberry.type(description="Something wrong in a trigger's text.")
class Problem:
    """Where an editor puts its mark."""

    message: str
    line: int | None = strawberry.field(description="From 1; null if no place is to blame.")
    column: int | None = strawberry.field(description="From 1.")


@strawberry.type(description="What a trigger would find over time, and beside what runs.")
class DryRunProfile:
    """As ``software_triggers.running.dry_run.TriedProfile``."""

    start: Ticks
    width_s: float = strawberry.field(description="Length of a bin in seconds.")
    counts: list[float] = strawberry.field(description="Rows in each bin.")
    rate_hz: float = strawberry.field(description="Rows a second.")
    hits: Int64 = strawberry.field(description="Hits in the range, in whole slices around it.")
    seconds_per_million_hits: float | None = strawberry.field(
        description="Time that finding them took the engine."
    )
    lineage: str | None = strawberry.field(
        description="Committed rows of the same name that it is set beside; null if there are none."
    )
    both: Int64 = strawberry.field(description="Rows at whose time those have one, too.")
    more: Int64 = strawberry.field(description="Rows at whose time those have none.")
    lacks: Int64 = strawberry.field(description="Rows that those have, and this one has not.")


@strawberry.type(description="What a trigger would find.")
class DryRun:
    """Nothing of it is stored."""

    count: Int64 = strawberry.field(description="Rows in the range.")
    columns: JSON = strawberry.field(description="Type of each column, by name.")
    rows: list[JSON] = strawberry.field(description="The first ones; see Candidate.values.")
    problems: list[Problem] = strawberry.field(description="Empty when all is well.")
    tried: strawberry.Private[tuple[Run, known.Trigger, Window] | None] = None

    @strawberry.field(
        description="Over time and beside what runs; null when something is wrong or there are"
        " no hits."
    )
    async def profile(
        self,
        info: Info,
        bins: Annotated[
            int, strawberry.argument(description=f"At most so many, up to {MOST_BINS}.")
        ] = 100,
    ) -> "DryRunProfile | None":
        if not 1 <= bins <= MOST_BINS:
            raise UsageError(f"bins: {bins}: ask for 1 to {MOST_BINS}")
        if self.tried is None or not await info.context.links.load(self.tried[0].run_id):
            return None
        run, made, window = self.tried
        engine, seconds = info.context.engine, info.context.seconds
        found = await info.context.ask(
            dry.profile_trigger, engine, run, made, window, bins=bins, seconds=seconds
        )
        told, tick_s = found.profile, float(run.detector.tick) * 1e-9
        rows, length = sum(told.counts), found.window.b - found.window.a
        return DryRunProfile(
            start=found.window.a,
            width_s=told.width * tick_s,
            counts=[float(n) for n in told.counts],
            rate_hz=rows / (length * tick_s),
            hits=found.n_hits,
            seconds_per_million_hits=told.seconds / found.n_hits * 1e6 if found.n_hits else None,
            lineage=found.lineage.lineage if found.lineage else None,
            both=told.both,
            more=rows - told.both,
            lacks=told.lacks,
        )


@strawberry.type(description="What became of a trigger that was to be registered.")
class Registration:
    """Either a trigger or problems."""

    trigger: Trigger | None
    problems: list[Problem]


async def lineages(
    root: Root,
    info: Info,
    trigger: Annotated[
        str | None, strawberry.argument(description="Only those of this trigger.")
    ] = None,
) -> list[Lineage]:
    """Read them, newest first."""
    found = await info.context.ask(
        results.list_lineages, info.context.engine, root.run.run_id, trigger
    )
    return [
        Lineage(
            lineage=each.lineage,
            trigger=each.name,
            version=each.version,
            kind=TriggerKind(each.kind),
            params=JSON(dict(each.params)),
            inputs=JSON(dict(each.inputs)),
            reach=each.reach,
            fingerprint=each.fingerprint,
            columns=JSON(dict(each.columns)),
            source=each.source,
        )
        for each in found
    ]


async def results_of(root: Root, info: Info) -> list[Result]:
    """Sum up the ledger."""
    links = await info.context.links.load(root.run.run_id)
    newest = max((row["last"] for row in links if row["last"] is not None), default=0)
    rows = await info.context.results.load(root.run.run_id)
    return [result_told(row, root.run, newest) for row in rows]


def result_told(row: Mapping[str, Any], run: Run, newest: int) -> Result:
    """Return a row of ``result_totals``; ``newest`` is the run's newest word's time in ticks."""
    done_to = (row["last_cell"] + 1) * run.cell
    return Result(
        **{key: value for key, value in row.items() if key not in ("run_id", "last_cell")},
        done_to=done_to,
        behind_s=max(0, newest - done_to) * float(run.detector.tick) * 1e-9,
    )


@strawberry.type
class TriggerQueries:
    """Triggers and what is under way."""

    @strawberry.field(description="Triggers that are known here, by name, disabled ones included.")
    async def triggers(self, info: Info) -> list[Trigger]:
        return list((await info.context.ask(_all, info)).values())

    @strawberry.field(description="One of them.")
    async def trigger(self, info: Info, name: TriggerName) -> Trigger:
        return _one(await info.context.ask(_all, info), name)

    @strawberry.field(
        description="Try out a trigger in SQL on a range of a run: nothing is stored."
    )
    async def dry_run(
        self,
        info: Info,
        source: Source,
        run: RunName = None,
        start: Moment | None = None,
        stop: Moment | None = None,
        first: Annotated[
            int, strawberry.argument(description=f"Rows to show, up to {MOST_ROWS}.")
        ] = 20,
    ) -> DryRun:
        info.context.who.need("trigger")
        if not 0 <= first <= MOST_ROWS:
            raise UsageError(f"first: {first}: ask for 0 to {MOST_ROWS} rows")
        engine = info.context.engine

        def attempt() -> DryRun:
            found = find_run(engine, run)
            window = Window(*span_of(found, start, stop))
            try:
                made = sql_trigger(source)
                tried = dry.dry_run(
                    engine, found, made, window, most=first, seconds=info.context.seconds
                )
            except EveryhitError as fault:
                return DryRun(
                    count=0, columns=JSON({}), rows=[], problems=[_problem(source, fault)]
                )
            shape = results.Lineage(
                "", 0, made.name, "", "sql", {}, {}, 0, "", "", dict(tried.columns)
            )
            return DryRun(
                count=tried.n_rows,
                columns=JSON(dict(tried.columns)),
                rows=[JSON(values) for values in values_of(shape, tried.rows)],
                problems=[],
                tried=(found, made, window),
            )

        return await info.context.ask(attempt)


@strawberry.type
class TriggerMutations:
    """What changes triggers and their results."""

    @mutation("trigger", "Store a trigger in SQL, or a new revision of it, if nothing is wrong.")
    async def register_trigger(
        self,
        info: Info,
        source: Source,
        run: Annotated[
            str | None,
            strawberry.argument(description="A run on which it is checked; default the newest."),
        ] = None,
        enabled: bool = True,
    ) -> Registration:
        engine = info.context.engine

        def attempt() -> Registration:
            try:
                made = sql_trigger(source)
                if run is not None or count_runs(engine, RunFilter()):
                    found = find_run(engine, run)
                    dry.dry_run(
                        engine, found, made, Window(0, 0), most=0, seconds=info.context.seconds
                    )
            except EveryhitError as fault:
                return Registration(trigger=None, problems=[_problem(source, fault)])
            register(engine, source, enabled=enabled)
            return Registration(trigger=_one(_all(info), made.name), problems=[])

        return await info.context.ask(attempt)

    @mutation("trigger", "Switch a registered trigger on or off; its results stay.")
    async def enable_trigger(self, info: Info, name: TriggerName, enabled: bool = True) -> Trigger:
        def switch() -> Trigger:
            stored = {each.name: each for each in list_registered(info.context.engine)}
            if name not in stored:
                there = ", ".join(stored) or "none yet"
                raise UsageError(f"no trigger {name[:48]!r} was registered; registered: {there}")
            register(info.context.engine, stored[name].source, enabled=enabled)
            return _one(_all(info), name)

        return await info.context.ask(switch)


def _all(info: Info) -> dict[str, Trigger]:
    stored = {each.name: each for each in list_registered(info.context.engine)}
    found = known_triggers(info.context.engine, info.context.app_state.rules.folders)
    found |= {name: sql_trigger(each.source) for name, each in stored.items() if not each.enabled}
    return {name: Trigger(trigger=found[name], stored=stored.get(name)) for name in sorted(found)}


def _one(there: Mapping[str, T], name: str) -> T:
    if name not in there:
        raise UsageError(f"there is no trigger {name[:48]!r}; known: {', '.join(there)}")
    return there[name]


def _problem(source: str, fault: EveryhitError) -> Problem:
    if isinstance(fault, StoreError) and not fault.of_the_query:
        raise fault
    place = dry.place_of(source, fault)
    return Problem(
        message=str(fault),
        line=place.line if place else None,
        column=place.column if place else None,
    )

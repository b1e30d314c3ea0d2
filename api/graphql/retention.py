"""How long raw words are kept: policies and what they hold, pins, what would go."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.mutation import mutation
from api.graphql.scalars import Int64, Moment, Ticks
from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.errors import UsageError
from db.retention import policy
from db.retention import usage as held
from db.retention.shards import shard_rooms
from db.retention.steps import Step
from db.time import parse_moment
from db.words.homes.address import redacted_home

LONGEST = 100
LONGEST_NOTE = 1000
MOST_DAYS = 36500

RunName = Annotated[str, strawberry.argument(description="Number or name.")]
From = Annotated[
    Moment | None, strawberry.argument(description="Begin of the range; default the run's.")
]
To = Annotated[
    Moment | None, strawberry.argument(description="End of the range, excluded; default none.")
]


@strawberry.type(
    description="How long raw words of runs of a type are kept, and how many there are."
)
class Policy:
    """As ``db.retention.usage.Held``."""

    run_type: str = strawberry.field(
        description="A run's setting type, else a pattern of run names, else default."
    )
    raw_days: int | None = strawberry.field(description="Null: for ever.")
    runs: int = strawberry.field(description="Runs whose words are there and fall under it.")
    words: Int64 = strawberry.field(description="Raw words that can be read.")
    bytes: Int64 = strawberry.field(
        description="What they take on the disk; runs share those of a part by their words."
    )
    partitions: int = strawberry.field(description="Hours of recording, counted on each shard.")
    days: int = strawberry.field(description="Days, in UTC, on which something was recorded.")
    oldest: datetime | None = strawberry.field(description="The first of these hours.")
    aside_words: Int64 = strawberry.field(
        description="Words put aside, which can be brought back for a while."
    )
    aside_bytes: Int64 = strawberry.field(description="What those take on the disk.")
    then_archive: str = strawberry.field(
        description="Home to which words move then, and are read from; empty: they are dropped."
    )


@strawberry.type(description="Times [start, stop) of a run whose raw words are kept in any case.")
class Pin:
    """As ``db.retention.policy.Pin``."""

    run: int = strawberry.field(description="Number of the run.")
    start: Ticks
    stop: Ticks
    note: str

    @classmethod
    def of(cls, pin: policy.Pin) -> "Pin":
        """Make one of what the store has."""
        return cls(run=pin.run_id, start=pin.a, stop=pin.b, note=pin.note)


@strawberry.enum(description="What would be done with the raw words of an hour.")
class RetentionAction(Enum):
    """As in ``db.retention.steps``."""

    DETACH = "detach"
    DROP = "drop"
    KEEP = "keep"
    ATTACH = "attach"
    ARCHIVE = "archive"


@strawberry.type(description="Times [start, stop) of a run whose words lie in an hour.")
class HeldRun:
    """As ``db.retention.words.Content``."""

    run: int = strawberry.field(description="Number of the run.")
    start: Ticks
    stop: Ticks
    words: Int64 = strawberry.field(description="How many lie there.")


@strawberry.type(description="An hour of recording on a shard, whose words go or stay together.")
class RetentionStep:
    """As ``db.retention.steps.Step``."""

    shard: int
    hour: datetime = strawberry.field(description="Its begin.")
    action: RetentionAction = strawberry.field(
        description="DETACH puts aside, DROP removes for good what lay aside for long enough,"
        " ARCHIVE moves to another home."
    )
    parts: int = strawberry.field(description="Parts of the table on the disk.")
    words: Int64 = strawberry.field(description="Words in them.")
    bytes: Int64 = strawberry.field(description="What they take on the disk.")
    runs: list[HeldRun]
    why: list[str] = strawberry.field(description="Why they stay; empty where they go.")
    to: list[str] = strawberry.field(description="Homes to which they move; else empty.")

    @classmethod
    def of(cls, step: Step) -> "RetentionStep":
        """Make one of a plan's."""
        return cls(
            shard=step.shard,
            hour=step.hour,
            action=RetentionAction(step.action),
            parts=len(step.parts),
            words=step.words,
            bytes=step.bytes,
            runs=[HeldRun(run=c.run_id, start=c.a, stop=c.b, words=c.words) for c in step.contents],
            why=list(step.why),
            to=list(dict.fromkeys(step.to)),
        )


@strawberry.type(description="Tables of one kind on a shard.")
class StoredKind:
    """As ``db.retention.shards.Kind``."""

    kind: str = strawberry.field(description="words, rates, events and results, ledger, or other.")
    parts: int = strawberry.field(description="Parts on the disk that are in force.")
    rows: Int64 = strawberry.field(description="Of words: chunks.")
    bytes: Int64 = strawberry.field(description="On the disk.")


@strawberry.type(description="A shard of the store, what lies there, and how much room is left.")
class Shard:
    """As ``db.retention.shards.ShardRoom``."""

    shard: int = strawberry.field(description="Its number, from 0.")
    kinds: list[StoredKind]
    free_bytes: Int64 = strawberry.field(description="Of the fullest of its disks.")
    total_bytes: Int64 = strawberry.field(description="Of all its disks.")
    replicas: int = strawberry.field(
        description="Servers that keep what it keeps; 0 where tables are not replicated."
    )
    active_replicas: int = strawberry.field(description="Those among them that are there.")
    fault: str = strawberry.field(description="Why it can't be asked; empty if it can.")


@strawberry.type(description="How long raw words are kept. Events, rates and results stay.")
class Retention:
    """Each field asks for itself, so that nobody pays for what is not wanted."""

    @strawberry.field(description="All policies; default is for runs that no other fits.")
    async def policies(self, info: Info) -> list[Policy]:
        found = await info.context.ask(held.held_by_policies, info.context.engine)
        return [Policy(**vars(each)) for each in found]

    @strawberry.field(description="What is kept whatever the policies say.")
    async def pins(self, info: Info) -> list[Pin]:
        found = await info.context.ask(policy.list_pins, info.context.engine)
        return [Pin.of(each) for each in found]


@strawberry.type
class RetentionQueries:
    """What is kept, what would go."""

    @strawberry.field(description="Policies, pins, and what they hold.")
    def retention(self) -> Retention:
        return Retention()

    @strawberry.field(description="What lies on each shard, and how much room is left.")
    async def shards(self, info: Info) -> list[Shard]:
        rooms = await info.context.ask(shard_rooms, info.context.engine)
        return [
            Shard(**{**vars(room), "kinds": [StoredKind(**vars(kind)) for kind in room.kinds]})
            for room in rooms
        ]

    @strawberry.field(
        description="What everyhit retention apply would do now, and why the rest stays: for dba."
    )
    async def retention_plan(self, info: Info) -> list[RetentionStep]:
        info.context.who.need("retain")
        plan = info.context.app_state.rules.plan_retention
        if plan is None:
            raise UsageError("this server can't tell: ask everyhit retention apply --dry-run")
        return [
            RetentionStep.of(step) for step in await info.context.ask(plan, info.context.engine)
        ]


@strawberry.type
class RetentionMutations:
    """What changes how long words are kept. The words themselves go by everyhit retention apply."""

    @mutation("retain", "Keep raw words of runs of a type for so many days.")
    async def set_retention(
        self,
        info: Info,
        run_type: Annotated[
            str,
            strawberry.argument(
                description="A run's setting type, a pattern of run names, or default."
            ),
        ],
        raw_days: Annotated[
            int | None, strawberry.argument(description="Null, or left out: for ever.")
        ] = None,
        then_archive: Annotated[
            str | None,
            strawberry.argument(
                description="Home to which words move then, without a password: the process that"
                " applies retention has it in EVERYHIT_HOMES. Empty: dropped; null, or left"
                " out: as it was."
            ),
        ] = None,
    ) -> Policy:
        if not 0 < len(run_type) <= LONGEST or not run_type.isprintable():
            raise UsageError(f"runType: a type of run has 1 to {LONGEST} printable characters")
        if raw_days is not None and not 1 <= raw_days <= MOST_DAYS:
            raise UsageError(f"rawDays: {raw_days}: 1 to {MOST_DAYS}, or null for ever")

        to = redacted_home(then_archive) if then_archive else then_archive

        def change(engine: Engine) -> held.Held:
            policy.set_policy(engine, run_type, raw_days, to)
            return next(e for e in held.held_by_policies(engine) if e.run_type == run_type)

        return Policy(**vars(await info.context.ask(change, info.context.engine)))

    @mutation("retain", "Keep the raw words of a run, or of a range of it, in any case.")
    async def pin_run(
        self,
        info: Info,
        run: RunName,
        start: From = None,
        stop: To = None,
        note: Annotated[str, strawberry.argument(description="Why.")] = "",
    ) -> Pin:
        if len(note) > LONGEST_NOTE:
            raise UsageError(f"a note has up to {LONGEST_NOTE} characters, this has {len(note)}")

        def pinned(engine: Engine) -> policy.Pin:
            found = find_run(engine, run)
            wanted = policy.Pin(found.run_id, *_range(found, start, stop), note)
            policy.pin(engine, wanted)
            return wanted

        return Pin.of(await info.context.ask(pinned, info.context.engine))

    @mutation("retain", "Let go what was pinned with the same limits.")
    async def unpin_run(self, info: Info, run: RunName, start: From = None, stop: To = None) -> Pin:
        def let_go(engine: Engine) -> policy.Pin:
            found = find_run(engine, run)
            return policy.unpin(engine, found.run_id, *_range(found, start, stop))

        return Pin.of(await info.context.ask(let_go, info.context.engine))


def _range(run: Run, start: str | None, stop: str | None) -> tuple[int, int]:
    tick = run.detector.tick
    a = -policy.EVER if start is None else parse_moment(start, tick, run.started_at)
    b = policy.EVER if stop is None else parse_moment(stop, tick, run.started_at)
    if not -policy.EVER <= a < b <= policy.EVER:
        raise UsageError(f"the range [{a}, {b}) is empty, or beyond any run: start < stop")
    return a, b

"""Reprocessing: asked for, watched, cancelled."""

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry
from strawberry.scalars import JSON

from api.graphql.context import Info
from api.graphql.mutation import mutation
from api.graphql.scalars import Moment, Ticks
from api.graphql.triggers import RunName
from api.span import span_of
from db.catalogue.reprocessings import (
    Reprocessing,
    ask_reprocessing,
    cancel_reprocessing,
    list_reprocessings,
)
from db.catalogue.runs import find_run
from db.engine import Engine
from db.errors import UsageError
from software_triggers.registry import triggers_of_run


@strawberry.enum(description="Where a reprocessing stands.")
class WorkState(Enum):
    """As in ``db.catalogue.reprocessings``."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@strawberry.type(description="A range that triggers run over in the background.")
class Reprocess:
    """As ``db.catalogue.reprocessings.Reprocessing``."""

    number: int
    run: int = strawberry.field(description="Number of the run.")
    triggers: JSON = strawberry.field(description="Parameters of each trigger, by name.")
    start: Ticks
    stop: Ticks
    who: str = strawberry.field(description="Who asked for it.")
    asked_at: datetime
    state: WorkState
    problem: str = strawberry.field(description="What it failed of.")
    done: int = strawberry.field(description="Windows that are done, of all triggers.")
    total: int = strawberry.field(description="Windows in all; 0 while it is not known.")
    per_second: float = strawberry.field(description="Windows done in a second.")
    seconds_left: float | None = strawberry.field(description="Null while it is not known.")


@strawberry.input(description="A trigger that is to run.")
class Wanted:
    """With parameters that differ from the defaults."""

    name: str
    params: JSON | None = strawberry.field(default=None, description="Values by name.")


@strawberry.type
class ReprocessQueries:
    """What is under way."""

    @strawberry.field(description="The newest hundred, newest first.")
    async def reprocesses(self, info: Info) -> list[Reprocess]:
        return await info.context.ask(reprocesses_of, info.context.engine)


@strawberry.type
class ReprocessMutations:
    """What begins and ends it."""

    @mutation("reprocess", "Run triggers, and all they depend on, over a range in the background.")
    async def reprocess(
        self,
        info: Info,
        triggers: list[Wanted],
        run: RunName = None,
        start: Moment | None = None,
        stop: Moment | None = None,
    ) -> Reprocess:
        engine, folders = info.context.engine, info.context.app_state.rules.folders

        def begin() -> Reprocessing:
            found = find_run(engine, run)
            wanted = {each.name: _params(each) for each in triggers}
            there = triggers_of_run(engine, found, folders, wanted)
            for name, params in wanted.items():
                if name not in there:
                    raise UsageError(
                        f"there is no trigger {name[:48]!r}; known: {', '.join(there)}"
                    )
                there[name].given(params)
            if not wanted:
                raise UsageError("name the triggers that are to run")
            span = span_of(found, start, stop)
            return ask_reprocessing(engine, found.run_id, wanted, span, info.context.who.name)

        return reprocess_from(await info.context.ask(begin))

    @mutation("reprocess", "Let a reprocessing end; what is committed stays.")
    async def cancel_reprocess(self, info: Info, number: int) -> Reprocess:
        engine = info.context.engine
        return reprocess_from(await info.context.ask(cancel_reprocessing, engine, number))


def reprocesses_of(engine: Engine) -> list[Reprocess]:
    """Return where the newest stand, newest first."""
    return [reprocess_from(one) for one in list_reprocessings(engine)]


def reprocess_from(one: Reprocessing) -> Reprocess:
    """Return where a reprocessing stands."""
    return Reprocess(
        number=one.number,
        run=one.run_id,
        triggers=JSON({name: dict(params) for name, params in one.wanted.items()}),
        start=one.a,
        stop=one.b,
        who=one.who,
        asked_at=one.asked_at,
        state=WorkState(one.state),
        problem=one.problem,
        done=one.done,
        total=one.total,
        per_second=one.per_second,
        seconds_left=one.seconds_left,
    )


def _params(wanted: Wanted) -> dict[str, Any]:
    params = wanted.params
    if params is None:
        return {}
    if not isinstance(params, dict) or any(isinstance(v, dict | list) for v in params.values()):
        raise UsageError(f"params of {wanted.name}: give an object of names and values")
    return params

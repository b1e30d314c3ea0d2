"""Mutations that open and close runs whose words come by HTTP."""

from typing import Annotated

import strawberry

from api.fit import check_triggers
from api.graphql.context import Info
from api.graphql.mutation import mutation
from api.graphql.runs import Run
from api.graphql.wanted import Events, Fields, Tags, Triggers, edit_of, settings_of
from db.catalogue.annotations import annotate
from db.catalogue.runs import open_run, planned_run
from db.detector import available, load
from db.errors import UsageError
from db.time import duration_ticks
from readout.posted import SOURCE


@strawberry.type
class IngestMutations:
    """Runs whose words are posted."""

    @mutation("ingest", "Open a run whose words are posted to /ingest/{run}/{link}.")
    async def open_run(
        self,
        info: Info,
        detector: Annotated[str, strawberry.argument(description="Name of its declaration.")],
        name: str = "",
        triggers: Triggers = None,
        events: Events = None,
        fields: Fields = None,
        tags: Tags = None,
    ) -> Run:
        rules = info.context.app_state.rules
        known = available(rules.detectors)
        if detector not in known:
            raise UsageError(f"there is no detector {detector[:40]!r}; known: {', '.join(known)}")
        declared = load(detector, rules.detectors)
        told = {**SOURCE, **settings_of(triggers, events)}
        edit, who = edit_of(fields, tags), info.context.who.name
        engine, cell = info.context.engine, duration_ticks(rules.cell, declared.tick)

        def begin() -> Run:
            planned = planned_run(declared, cell, told)
            check_triggers(engine, planned, told["triggers"], rules.folders)
            opened = open_run(engine, declared, name=name, cell=cell, settings=told)
            annotate(engine, opened.run_id, edit, who)
            return Run(run=opened)

        return await info.context.ask(begin)

    @mutation("ingest", "Close a run whose words were posted: nothing more is waited for.")
    async def close_run(self, info: Info, run: str) -> Run:
        app_state = info.context.app_state

        def close() -> Run:
            return Run(run=app_state.intake.run(run).close())

        return await info.context.ask(close)

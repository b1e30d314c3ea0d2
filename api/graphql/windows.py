"""Windows: what the ledger says of each, and the tasks that are under way."""

import polars as pl
import strawberry

from api.graphql.connection import After, Connection, First, checked, key_of, page
from api.graphql.context import Info
from api.graphql.rows import LineageId, TriggerName
from api.graphql.run_scoped import Root
from api.graphql.scalars import Int64, Ticks
from api.span import Start, Stop, span_of
from db.results.ledger import current
from software_triggers.task.names import lineage_of


@strawberry.type(description="A window that a trigger committed: times [start, stop).")
class Window:
    """A row of the ledger that counts."""

    cell: Int64 = strawberry.field(description="Its number on the run's grid.")
    start: Ticks
    stop: Ticks
    revision: int = strawberry.field(description="0 at first; one more each time it was done anew.")
    rows: Int64 = strawberry.field(description="Rows found in it.")
    complete: bool = strawberry.field(
        description="Every watermark had passed; false: it will be looked at again."
    )
    failed: bool = strawberry.field(description="The trigger failed on it: no rows count.")


@strawberry.type(description="A trigger at work on a run in this process.")
class Progress:
    """As the conductor sees it."""

    trigger: str
    lineage: str
    done_to: Ticks = strawberry.field(description="All windows before it are committed.")
    sent_to: Ticks = strawberry.field(description="Windows before it are sent out or done.")
    tasks: int = strawberry.field(description="Tasks that workers have.")
    backlog: int = strawberry.field(description="Windows that wait for a worker or for repair.")


async def windows(
    root: Root,
    info: Info,
    trigger: TriggerName,
    lineage: LineageId = None,
    start: Start = None,
    stop: Stop = None,
    first: First = 100,
    after: After = None,
) -> Connection[Window]:
    """Read a page of the ledger; windows that are not committed are left out."""
    engine, run = info.context.engine, root.run
    limit = checked(first)
    seen = key_of(after, lambda key: isinstance(key, int) and abs(key) < 2**62)

    def read() -> pl.DataFrame:
        a, b = span_of(run, start, stop)
        found = lineage_of(engine, run, trigger, lineage, (a, b))
        low, high = a // run.cell, -(-b // run.cell)
        low = low if seen is None else max(low, seen + 1)
        pieces = list[pl.DataFrame]()
        wide = limit + 1
        while low < high and sum(map(len, pieces)) <= limit:  # holes in the grid are rare
            step = min(high, low + wide)
            pieces.append(current(engine, run.run_id, found.lineage, low, step))
            low, wide = step, wide * 8
        return pl.concat(pieces).head(limit + 1) if pieces else pl.DataFrame()

    rows = (await info.context.ask(read)).rows(named=True)
    nodes = [
        Window(
            cell=row["cell"],
            start=row["cell"] * run.cell,
            stop=(row["cell"] + 1) * run.cell,
            revision=row["revision"],
            rows=row["n_rows"],
            complete=row["complete"],
            failed=row["attempt"] == 0,
        )
        for row in rows
    ]
    return page(nodes, [row["cell"] for row in rows], first)


async def progress(root: Root, info: Info) -> list[Progress]:
    """Look at this process's conductor."""
    return [
        Progress(
            trigger=stage.name,
            lineage=stage.lineage.lineage,
            done_to=job.done_to(stage.name),
            sent_to=max(job.progress[stage.name].next, 0) * root.run.cell,
            tasks=len(job.progress[stage.name].pending),
            backlog=job.progress[stage.name].backlog,
        )
        for job in info.context.app_state.jobs()
        if job.run.run_id == root.run.run_id
        for stage in job.stages
    ]

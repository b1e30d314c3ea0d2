"""Reprocessing: ask for it, watch it, list it, cancel it."""

import getpass
import time
from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from db.catalogue.heartbeat import alive
from db.catalogue.reprocessings import (
    Reprocessing,
    ask_reprocessing,
    cancel_reprocessing,
    find_reprocessing,
    list_reprocessings,
)
from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.errors import EveryhitError, StoreError, UsageError
from db.store import Store as OpenStore
from ops.cli import app
from ops.cli.opening import opened, span_of, wanted_triggers
from ops.cli.outcome import end_with_failures
from ops.cli.runs import results_of
from ops.cli.show import AsJson, From, RunOption, Store, To, show, show_json
from ops.cli.triggers import Params, Triggers
from ops.cli.waiting import progress_bars
from ops.services.broker import set_broker
from ops.services.interrupt import interruptible
from ops.settings import settings
from software_triggers.registry import triggers_of_run
from software_triggers.running.reprocess import Reprocessor, reprocess
from software_triggers.running.threads import ThreadQueue
from software_triggers.task.bind import bind
from software_triggers.trigger import Trigger

group = typer.Typer(invoke_without_command=True)
app.add_typer(group, name="reprocess")

Number = Annotated[int, typer.Argument(help="Its number, as in the list.")]
POLL_S = 0.3


@group.callback()
def ask(
    context: typer.Context,
    trigger: Triggers = None,
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    param: Params = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Ask for it and don't wait until it is done.")
    ] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Run triggers over a range again: what is up to date stays, what changed is done anew.

    Other parameters or another version make another lineage, beside the old one. The workers do
    it when nothing live waits; without workers it is done here. Ctrl-C cancels it; the same
    command goes on where it stopped. A command that is killed changes nothing.
    """
    if context.invoked_subcommand:
        return
    if not trigger:
        raise UsageError("name what to reprocess: --trigger segments")
    wanted = wanted_triggers(trigger, param or [])
    with opened(store) as at:
        found = find_run(at.engine, run)
        known = triggers_of_run(at.engine, found, settings().triggers, wanted)
        for name, params in wanted.items():
            if name not in known:
                there = ", ".join(sorted(known))
                raise UsageError(f"there is no trigger {name!r}; known: {there}")
            known[name].given(params)
        span = span_of(found, start, stop)
        one = ask_reprocessing(at.engine, found.run_id, wanted, span, getpass.getuser())
        if detach:
            _tell_detached(at, one, as_json=as_json)
            return
        one = _done_here(at, one, quiet=as_json) if _alone(at) else _watched(at, one, as_json)
        if one.state != "done":
            problem = f": {one.problem}" if one.problem else "; the same command goes on"
            raise EveryhitError(f"reprocessing {one.number} {one.state}{problem}")
        _show_results(at.engine, found, known, one, as_json=as_json)


@group.command("list")
def list_(store: Store = None, as_json: AsJson = False) -> None:
    """List what was asked for, newest first."""
    with opened(store) as at:
        rows = [_line(one) for one in list_reprocessings(at.engine)]
    show(rows, as_json=as_json, title="reprocessing", where=at.url)


@group.command("show")
def show_(number: Number, store: Store = None, as_json: AsJson = False) -> None:
    """Show how far one is."""
    with opened(store) as at:
        line = _line(find_reprocessing(at.engine, number))
    if as_json:
        show_json(line)
    else:
        show([{"": name, "is": value} for name, value in line.items()], as_json=False)


@group.command("cancel")
def cancel(number: Number, store: Store = None) -> None:
    """Let one end: tasks that wait are withdrawn, those under way end; what is done stays."""
    with opened(store) as at:
        before = find_reprocessing(at.engine, number)
        if before.ended:
            raise UsageError(f"reprocessing {number} is {before.state} already")
        cancel_reprocessing(at.engine, number)
    typer.echo(f"cancelled reprocessing {number}: {before.done} of {before.total} windows are done")


def _alone(at: OpenStore) -> bool:
    """Whether nobody but this process would do it: no owner with an API, no conductor."""
    return at.owned or (at.url.startswith("clickhouse") and not _conductors())


def _conductors() -> int:
    try:
        return len(alive(set_broker(settings().redis), "conductor"))
    except StoreError:
        return 0


def _tell_detached(at: OpenStore, one: Reprocessing, *, as_json: bool) -> None:
    if at.owned:
        who = "everyhit api or up on this store takes it up"
    elif _alone(at):
        who = "no conductor is alive: start everyhit conductor and everyhit worker"
    else:
        who = "it is done in the background"
    if as_json:
        show_json(_line(one))
    else:
        typer.echo(f"reprocessing {one.number}: {who}; see everyhit reprocess show {one.number}")


def _done_here(at: OpenStore, one: Reprocessing, *, quiet: bool) -> Reprocessing:
    """Do it on threads of this process, and return where it ended."""
    reprocessor = Reprocessor(
        at.engine,
        lambda _: ThreadQueue(at.engine, settings().workers),
        folders=settings().triggers,
        only=one.number,
    )
    return _followed(
        at.engine, one.number, lambda over: reprocess(reprocessor, over, pause_s=0.03), quiet=quiet
    )


def _watched(at: OpenStore, one: Reprocessing, quiet: bool) -> Reprocessing:
    """Wait until it has ended, and return where."""

    def wait(over: Callable[[], bool]) -> None:
        while not over():
            time.sleep(POLL_S)

    return _followed(at.engine, one.number, wait, quiet=quiet)


def _followed(
    engine: Engine, number: int, work: Callable[[Callable[[], bool]], None], *, quiet: bool
) -> Reprocessing:
    """Let ``work`` go on until the reprocessing has ended, with a bar; Ctrl-C cancels it."""
    columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}")
    last, looked = find_reprocessing(engine, number), 0.0
    with (
        interruptible() as wish,
        progress_bars(
            TextColumn("{task.description}", markup=False),
            *columns,
            TimeRemainingColumn(),
            quiet=quiet,
        ) as bars,
    ):
        bar = bars.add_task(f"reprocessing {number}", total=None, rate="")

        def over() -> bool:
            nonlocal last, looked
            if wish.is_set() and not last.cancelled:
                cancel_reprocessing(engine, number)
            if time.monotonic() - looked >= POLL_S:
                looked = time.monotonic()
                last = find_reprocessing(engine, number)
                rate = f"{last.per_second:,.4g} windows/s"
                bars.update(bar, completed=last.done, total=last.total or None, rate=rate)
            return last.ended

        work(over)
    return last


def _show_results(
    engine: Engine, run: Run, known: Mapping[str, Trigger], one: Reprocessing, *, as_json: bool
) -> None:
    mine = {stage.lineage.lineage for stage in bind(engine, run, known, one.wanted)}
    results = [r for r in results_of(engine, run) if r["lineage"] in mine]
    show(results, as_json=as_json, title=f"results in run {run.run_id}")
    end_with_failures(engine, run, results)


def _line(one: Reprocessing) -> dict[str, object]:
    left = one.seconds_left
    return {
        "number": one.number,
        "run": one.run_id,
        "triggers": ", ".join(one.wanted),
        "state": one.state,
        "done": one.done,
        "windows": one.total,
        "windows/s": one.per_second,
        "seconds left": None if left is None else round(left, 1),
        "who": one.who,
        "asked": f"{one.asked_at:%Y-%m-%d %H:%M:%S}",
        "problem": one.problem,
    }

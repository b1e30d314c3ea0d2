"""``everyhit trigger``: questions listed, begun, run and tested."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from keyword import iskeyword
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

import software_triggers
from db.catalogue.runs import Run, find_run
from db.engine import Engine
from db.errors import TriggerError, UsageError
from db.results.failures import list_failures
from db.results.rows import list_lineages
from db.words.hits_view import create_views
from db.words.totals import extent
from ops.cli import app
from ops.cli.opening import opened, span_of, wanted_triggers
from ops.cli.outcome import end_with_failures
from ops.cli.runs import results_of
from ops.cli.show import MOST_ROWS, AsJson, From, Limit, RunOption, Store, To, show, show_json
from ops.cli.waiting import progress_bars
from ops.plain import visible
from ops.settings import settings
from software_triggers.conductor.conductor import Job
from software_triggers.registry import (
    known_triggers,
    load_file,
    register,
    triggers_of_run,
)
from software_triggers.running.threads import run_stages
from software_triggers.running.tilings import compare_tilings
from software_triggers.running.trials import try_out
from software_triggers.task.bind import bind
from software_triggers.task.chain import names_of
from software_triggers.trigger import Trigger

triggers = typer.Typer(help="Triggers: questions to the hits.", no_args_is_help=True)
app.add_typer(triggers, name="trigger")

Params = Annotated[
    list[str] | None, typer.Option("--param", help="name=value, or trigger.name=value; repeatable.")
]
Triggers = Annotated[
    list[str] | None,
    typer.Option("--trigger", help="Name of a trigger; repeatable, or with commas."),
]

Events = Annotated[
    str | None, typer.Option("--events", help="Build events of these triggers: tracks,...")
]


@triggers.command("list")
def list_(store: Store = None, as_json: AsJson = False) -> None:
    """List the triggers that are known here."""
    with opened(store) as at:
        known = _known(at.engine)
    show([_line(t) for t in known.values()], as_json=as_json, title="triggers", where=at.url)


@triggers.command("show")
def show_(
    name: Annotated[str, typer.Argument(help="The trigger's name.")],
    run: RunOption = None,
    limit: Limit = MOST_ROWS,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show a trigger: its source, parameters, lineages and failures in a run."""
    with opened(store) as at:
        trigger = _one(_known(at.engine), name)
        found = find_run(at.engine, run) if run else None
        results = [r for r in results_of(at.engine, found) if r["trigger"] == name] if found else []
        failures = _failures(at.engine, found.run_id, name) if found else []
    if as_json:
        whole = _line(trigger) | {"source": trigger.source}
        show_json(whole | {"results": results, "failures": failures})
        return
    show([_line(trigger)], as_json=False)
    typer.echo(visible(trigger.source, keep="\n\t"))
    if found:
        show(results, as_json=False, title=f"results in run {found.run_id}")
        show(failures, as_json=False, title="failures", limit=limit)


@triggers.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits, _.")],
    python: Annotated[
        bool, typer.Option("--python/--sql", help="In Python, or in SQL; default SQL.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Default NAME.sql or NAME.py.")] = None,
) -> None:
    """Write a trigger that runs as it is, to start from."""
    ending = ".py" if python else ".sql"
    if not (name.isidentifier() and name == name.lower()) or iskeyword(name):
        raise UsageError(f"{name!r} can't be a trigger's name: small letters, digits and _")
    path = out or Path(f"{name}{ending}")
    if path.suffix != ending:
        raise UsageError(f"{path}: this trigger's file ends in {ending}")
    template = "new.py.txt" if python else "new.sql"
    text = (files(software_triggers) / "templates" / template).read_text().replace("NAME", name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already: name another --out, or remove it") from None
    except OSError as fault:
        raise UsageError(f"can't write {path}: {fault.strerror}") from None
    typer.echo(f"wrote {path}; try it: everyhit trigger test {path}")


@triggers.command("add")
def add(
    files: Annotated[list[Path], typer.Argument(help="Files with one SQL trigger each.")],
    run: RunOption = None,
    store: Store = None,
) -> None:
    """Register SQL triggers in the store, after a check on a run if there is one."""
    with opened(store, create=True) as at:
        for file in files:
            if file.suffix != ".sql":
                raise UsageError(
                    f"{file}: only SQL can be stored; put Python triggers in a folder and name it"
                    " in EVERYHIT_TRIGGERS, or install them as a plug-in"
                )
            (trigger,) = load_file(file)
            if run is not None:
                found = find_run(at.engine, run)
                create_views(at.engine, found.detector)
                bind(
                    at.engine,
                    found,
                    _known(at.engine) | {trigger.name: trigger},
                    {trigger.name: {}},
                )
            register(at.engine, trigger.source)
            typer.echo(f"added trigger {trigger.name}")


@triggers.command("run")
def run_(
    names: Annotated[list[str], typer.Argument(help="Names, or .sql and .py files.")],
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    param: Params = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Store nothing: tell whether they find the same however windows are cut.",
        ),
    ] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Run triggers, and all they depend on, over a run or a range of it."""
    loaded = [trigger for name in names for trigger in _in_file(name)]
    wanted = [name for name in names if not name.endswith((".sql", ".py"))]
    wanted += [trigger.name for trigger in loaded]
    with opened(store) as at:
        go = _check if check else _run
        go(at.engine, loaded, wanted, run, start, stop, param or [], as_json=as_json)


@triggers.command("test")
def test(
    file: Annotated[str, typer.Argument(help="A .sql or .py file, or a trigger's name.")],
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    param: Params = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Say on what a trigger's results depend that they must not, with the first row that differs.

    It is asked again, with hits in another order, and with windows cut in several ways; nothing is
    stored. Ends with 1 if results depend on any of it.
    """
    loaded = _in_file(file)
    names = [trigger.name for trigger in loaded] or [file]
    with opened(store) as at:
        found, known, wanted = _asked(at.engine, loaded, names, run, param or [])
        a, b = span_of(found, start, stop)
        trials = {
            name: try_out(at.engine, found, _one(known, name), params, a, b)
            for name, params in wanted.items()
        }
    show(
        [
            {
                "trigger": name,
                "check": check.name,
                "rows": trial.n_rows,
                "different": check.n_different,
                "verdict": check.verdict or "passed",
                "first": asdict(check.first) if check.first else None,
            }
            for name, trial in trials.items()
            for check in trial.checks
        ],
        as_json=as_json,
        title=f"tried on run {found.run_id}",
    )
    for name, trial in trials.items():
        for check in trial.checks:
            if first := check.first:
                raise TriggerError(
                    f"trigger {name}: {check.verdict}; the first row that differs, at t ="
                    f" {first.t}, was found {first.uncut} times and then {first.cut} times:"
                    f" {first.row[:200]}"
                )


def _run(
    engine: Engine,
    loaded: list[Trigger],
    names: list[str],
    run: str | None,
    start: str | None,
    stop: str | None,
    param: list[str],
    *,
    as_json: bool,
) -> None:
    found, known, wanted = _asked(engine, loaded, names, run, param)
    a, b = span_of(found, start, stop)
    if found.state == "open":  # what lies behind the last hit is not yet known
        b = min(b, extent(engine, found)[1])
    with progress_of_job(quiet=as_json) as progress:
        stages = run_stages(
            engine, found, known, wanted, (a, b), n_threads=settings().workers, progress=progress
        )
    made = {stage.lineage.lineage for stage in stages}
    results = [r for r in results_of(engine, found) if r["lineage"] in made]
    show(results, as_json=as_json, title=f"results in run {found.run_id}")
    end_with_failures(engine, found, results)


def _check(
    engine: Engine,
    loaded: list[Trigger],
    names: list[str],
    run: str | None,
    start: str | None,
    stop: str | None,
    param: list[str],
    *,
    as_json: bool,
) -> None:
    found, known, wanted = _asked(engine, loaded, names, run, param)
    a, b = span_of(found, start, stop)
    told = {
        name: compare_tilings(engine, found, _one(known, name), params, a, b)
        for name, params in wanted.items()
    }
    show(
        [
            {
                "trigger": name,
                "rows": each.n_rows,
                "windows": each.n_windows,
                "from": each.window.a,
                "to": each.window.b,
                "different": each.n_different,
                "first": asdict(each.first) if each.first else None,
            }
            for name, each in told.items()
        ],
        as_json=as_json,
        title=f"windows cut in several ways, run {found.run_id}",
    )
    for name, each in told.items():
        if first := each.first:
            raise TriggerError(
                f"trigger {name} finds something else when its windows are cut otherwise: at t ="
                f" {first.t} {first.uncut} times in one window and {first.cut} times in windows"
                f" that begin at {', '.join(map(str, first.cuts))}: {first.row[:200]}"
            )


def _asked(
    engine: Engine, loaded: list[Trigger], names: list[str], run: str | None, param: list[str]
) -> tuple[Run, Mapping[str, Trigger], Mapping[str, Mapping[str, Any]]]:
    """Return the run, the triggers that are known, and those wanted with their parameters."""
    found = find_run(engine, run)
    mine = {trigger.name: trigger for trigger in loaded}
    wanted = wanted_triggers(names, param)
    missing = wanted.keys() - mine.keys()
    return found, triggers_of_run(engine, found, settings().triggers, missing) | mine, wanted


class progress_of_job:  # noqa: N801 - a context manager
    """Shows a job's progress on the terminal: a bar for stages that hang together."""

    def __init__(self, *, quiet: bool) -> None:
        self._bars = progress_bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            quiet=quiet,
        )
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> "progress_of_job":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, job: Job) -> None:
        """Draw where the job stands."""
        for chain in job.chains:
            name = names_of(chain.stages)
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=None)
            self._bars.update(
                self._tasks[name],  # type: ignore[arg-type]
                completed=chain.n_done,
                total=chain.n_done + chain.backlog + len(chain.due),
            )


def _in_file(name: str) -> list[Trigger]:
    """Return the triggers of a file; none for what is no file but a trigger's name."""
    if name.endswith((".sql", ".py")):
        if found := load_file(Path(name)):
            return found
        raise UsageError(f"{name}: there is no trigger in it; everyhit trigger new writes one")
    if not name.isidentifier() and Path(name).exists():
        raise UsageError(f"{name}: a trigger's file ends in .sql or .py")
    return []


def _known(engine: Engine) -> dict[str, Trigger]:
    return known_triggers(engine, settings().triggers)


def _one(known: Mapping[str, Trigger], name: str) -> Trigger:
    if name not in known:
        raise UsageError(f"there is no trigger {name!r}; known: {', '.join(sorted(known))}")
    return known[name]


def _line(trigger: Trigger) -> dict[str, object]:
    return {
        "trigger": trigger.name,
        "kind": trigger.kind,
        "reads": ", ".join(trigger.reads),
        "uses": ", ".join(trigger.uses),
        "reach": trigger.reach,
        "params": dict(trigger.params),
        "about": trigger.doc.splitlines()[0] if trigger.doc else "",
    }


def _failures(engine: Engine, run_id: int, name: str) -> list[dict[str, object]]:
    lineages = [lineage.lineage for lineage in list_lineages(engine, run_id, name)]
    return list_failures(engine, run_id, lineages).to_dicts()

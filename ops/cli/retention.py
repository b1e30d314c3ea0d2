"""``everyhit retention``: how long words and results are kept."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from db.catalogue.runs import find_run
from db.errors import StoreError, UsageError
from db.retention.homes import HomeStep
from db.retention.policy import Pin, list_archives, list_pins, list_policies, pin, set_policy
from db.retention.policy import unpin as drop_pin
from db.retention.results import Keep, ResultStep, list_keeps, set_keep
from db.retention.steps import Step, undo
from db.retention.words import aside_parts
from db.time import parse_duration
from db.words.homes.address import know_homes, redacted_home
from db.words.homes.opening import home_at
from ops.cli import app
from ops.cli.opening import opened, span_of
from ops.cli.show import MOST_ROWS, AsJson, From, Limit, RunOption, Store, To, show, show_json
from ops.plain import visible
from ops.services.interrupt import interruptible
from ops.services.retention import apply_retention
from ops.settings import settings
from software_triggers.conductor.follow import OLD

retention = typer.Typer(help="How long raw words and results are kept.", no_args_is_help=True)
app.add_typer(retention, name="retention")


@retention.command("show")
def show_(limit: Limit = MOST_ROWS, store: Store = None, as_json: AsJson = False) -> None:
    """Show policies, pins, and the words that lie aside and can be brought back."""
    with opened(store) as at:
        archives = list_archives(at.engine)
        policies = [
            {
                "run type": name,
                "raw words": "for ever" if days is None else f"{days} days",
                "then archive": archives.get(name),
            }
            for name, days in list_policies(at.engine).items()
        ]
        keeps = [
            {
                "results of": name,
                **{
                    k: "for ever" if days is None else f"{days} days" for k, days in vars(v).items()
                },
            }
            for name, v in list_keeps(at.engine).items()
        ]
        pins = [vars(each) for each in list_pins(at.engine)]
        aside = [
            {
                "shard": k,
                "hour": f"{part.hour:%Y-%m-%dT%H:00Z}",
                "part": part.part,
                "words": part.words,
                "bytes": part.bytes,
                "since": part.since,
            }
            for k, shard in enumerate(at.engine.shards)
            for part in aside_parts(shard.here)
        ]
    if as_json:
        show_json({"policies": policies, "results": keeps, "pins": pins, "aside": aside})
        return
    show(policies, as_json=False, title="policies")
    show(keeps, as_json=False, title="results")
    show(pins, as_json=False, title="pins", limit=limit)
    show(aside, as_json=False, title="aside", limit=limit)


@retention.command("set")
def set_(
    run_type: Annotated[
        str, typer.Argument(help="A run's setting type, a pattern of run names, or default.")
    ],
    raw: Annotated[str, typer.Option("--raw", help="Whole days, such as 30d, or forever.")],
    then_archive: Annotated[
        str | None,
        typer.Option(
            "--then-archive",
            help="Home to which the words move then: s3://bucket/prefix or mongodb://host/db; none:"
            " they are dropped; default as it was.",
            metavar="URL",
        ),
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Set how long the raw words of runs are kept. Events have theirs in them and stay.

    Words that move are compared one by one before they go here, and read as ever.
    """
    days = _days(raw, "--raw")
    to = then_archive and ("" if then_archive == "none" else redacted_home(then_archive))
    know_homes([then_archive] if to and then_archive else [])
    with opened(store, create=True) as at:
        if to:
            home_at(at.engine, to).check()
        set_policy(at.engine, run_type, days, to)
        archive = list_archives(at.engine).get(run_type)
    show([{"run type": run_type, "raw_days": days, "then_archive": archive}], as_json=as_json)


@retention.command("apply")
def apply_(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    every: Annotated[
        str | None, typer.Option("--every", help="Do it again and again, as 1h, until Ctrl-C.")
    ] = None,
    grace: Annotated[
        str | None, typer.Option("--grace", help="Time for which undo is possible; see doctor.")
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Put aside words that are old enough, drop those that lay aside, delete old results."""
    wait, pause = _seconds(grace or settings().grace), _seconds(every) if every else None
    if pause is not None and pause < 1:
        raise UsageError(f"--every {every}: wait a second at least between two times")
    with interruptible() as wish:
        while True:
            try:
                _apply_once(store, timedelta(seconds=wait), dry_run=dry_run, as_json=as_json)
            except StoreError as fault:
                if pause is None:
                    raise
                typer.echo(f"everyhit: {visible(str(fault))}; trying again in {every}", err=True)
            if pause is None or wish.wait(pause):
                return


def _apply_once(store: str | None, grace: timedelta, *, dry_run: bool, as_json: bool) -> None:
    with opened(store) as at:
        applied = apply_retention(at.engine, grace, dry_run=dry_run)
    if applied.swept:
        typer.echo(f"deleted {applied.swept:,} rows of attempts that do not count", err=True)
    words = [_told(step) for step in applied.words]
    results = [_result_told(step) for step in applied.results]
    homes = [_home_told(step) for step in applied.homes]
    if as_json:
        show_json(words + results + homes)
        return
    title = "would be done" if dry_run else "done"
    _show(applied.words, as_json=False, title=f"raw words: {title}")
    show(results, as_json=False, title=f"results: {title}")
    if homes:
        show(homes, as_json=False, title=f"words in other homes that no header names: {title}")


@retention.command("results")
def results_(
    trigger: Annotated[str, typer.Argument(help="Name of a trigger, or default for all others.")],
    older: Annotated[
        str, typer.Option("--older", help="Days since a newer lineage came, or forever.")
    ] = "forever",
    all_: Annotated[
        str, typer.Option("--all", help="Days since the run ended, of every lineage, or forever.")
    ] = "forever",
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Set how long results of a trigger are kept. What other results were made from stays."""
    keep = Keep(_days(older, "--older"), _days(all_, "--all"))
    if keep.all_days is not None and keep.all_days <= OLD.days:
        raise UsageError(
            f"--all {all_}: for {OLD.days} days after a run the conductor would make them again;"
            f" give {OLD.days + 1}d or more"
        )
    with opened(store) as at:
        set_keep(at.engine, trigger, keep)
    show([{"trigger": trigger, **vars(keep)}], as_json=as_json)


@retention.command("pin")
def pin_(
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Keep the raw words of a run, or of a range of it, whatever the policies say."""
    with opened(store) as at:
        found = find_run(at.engine, run)
        a, b = span_of(found, start, stop)
        wanted = Pin(found.run_id, a, b, note)
        pin(at.engine, wanted)
    show([vars(wanted)], as_json=as_json, title="pinned")


@retention.command("unpin")
def unpin(
    run: RunOption = None,
    start: From = None,
    stop: To = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Let go what was pinned with the same limits."""
    with opened(store) as at:
        found = find_run(at.engine, run)
        a, b = span_of(found, start, stop)
        let_go = drop_pin(at.engine, found.run_id, a, b)
    show([vars(let_go)], as_json=as_json, title="let go")


@retention.command("undo")
def undo_(
    run: Annotated[
        str | None, typer.Option("--run", help="Only hours with words of this run.")
    ] = None,
    hour: Annotated[
        str | None, typer.Option("--hour", help="Only this one, such as 2026-11-21T10:00Z.")
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Bring back words that lie aside. Pin them, or the next apply puts them aside again."""
    when = None if hour is None else _hour(hour)
    with opened(store) as at:
        which = None if run is None else find_run(at.engine, run).run_id
        steps = undo(at.engine, which, when)
    _show(steps, as_json=as_json, title="brought back")


def _show(steps: Sequence[Step], *, as_json: bool, title: str) -> None:
    if as_json:
        show_json([_told(step) for step in steps])
        return
    show([_line(step) for step in steps], as_json=False, title=title)


def _told(step: Step) -> dict[str, Any]:
    return {
        "shard": step.shard,
        "hour": f"{step.hour:%Y-%m-%dT%H:00Z}",
        "action": step.action,
        "parts": [part.part for part in step.parts],
        "words": step.words,
        "bytes": step.bytes,
        "runs": [vars(each) for each in step.contents],
        "why": list(step.why),
        "to": list(step.to),
    }


def _line(step: Step) -> dict[str, Any]:
    ranges = ", ".join(f"{each.run_id} [{each.a}, {each.b})" for each in step.contents)
    told = _told(step)
    return {
        **{name: told[name] for name in ("shard", "hour", "action")},
        "MB": step.bytes / 1e6,
        "words": step.words,
        "runs and ticks": ranges,
        "why": "; ".join([*step.why, *(f"to {home}" for home in dict.fromkeys(step.to))]),
    }


def _result_told(step: ResultStep) -> dict[str, Any]:
    return {
        "run": step.of.run_id,
        "trigger": step.of.name,
        "lineage": step.of.lineage,
        "action": step.action,
        "windows": step.windows,
        "why": step.why,
    }


def _home_told(step: HomeStep) -> dict[str, Any]:
    return {
        "home": step.home,
        "hour": f"{step.hour:%Y-%m-%dT%H:00Z}" if step.hour else None,
        "action": step.action,
        "chunks": len(step.payloads),
        "words": step.words,
        "why": step.why,
    }


def _seconds(text: str) -> float:
    return float(parse_duration(text) / 10**9)


def _days(text: str, option: str) -> int | None:
    if text == "forever":
        return None
    if not text.endswith("d") or not text[:-1].isdecimal():
        raise UsageError(f"{option} {text!r}: write whole days, such as 30d, or forever")
    if not int(text[:-1]):
        raise UsageError(f"{option} {text}: the next apply would take everything: give 1d or more")
    return int(text[:-1])


def _hour(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--hour {text!r}: write it as in 2026-11-21T10:00Z") from None
    if when.tzinfo is None:
        raise UsageError(f"--hour {text!r}: which zone? Add Z for UTC")
    return when.astimezone(UTC)

"""``everyhit ingest``: recorded words become a run."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

from api.fit import check_triggers
from db import store as storage
from db.catalogue.annotations import annotate
from db.catalogue.runs import Run, close_run, name_of_file, open_run, planned_run
from db.detector import Detector
from db.engine import Engine
from db.errors import SourceError, UsageError
from db.relations.times import UNDATED
from db.time import duration_ticks, parse_date, parse_moment
from db.words.gaps import Gap, book_gaps
from db.words.headers import last_time
from db.words.hits_view import create_views
from db.words.recorded import RecordedFile
from db.words.totals import check_stored
from ops.cli import app
from ops.cli.annotations import Fields, Tags, edit_of, who_asks
from ops.cli.declared import detector_named
from ops.cli.opening import opened_to_write, wanted_triggers
from ops.cli.outcome import end_with_failures
from ops.cli.runs import results_of
from ops.cli.show import AsJson, Store, Words, show, show_json
from ops.cli.sources import Force, Form, Tree
from ops.cli.triggers import Events, Triggers, progress_of_job
from ops.cli.waiting import progress_bars
from ops.plain import visible
from ops.services.interrupt import interruptible
from ops.settings import settings
from readout.control.rules import keeping
from readout.control.schedule import Schedule, always
from readout.link.unwrap import run_start
from readout.readout import Readout
from readout.source.block import Block
from readout.source.open import Source, open_source
from readout.source.pace import paced
from readout.source.series import Pause, in_series
from software_triggers.registry import triggers_of_run
from software_triggers.running.threads import run_stages


@app.command()
def ingest(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files of words or tables, text dumps, KM3NeT's files, - for stdin."),
    ],
    detector: Annotated[str, typer.Option("--detector", help="Name or file of the declaration.")],
    run: Annotated[str, typer.Option("--run", help="Name of the new run.")] = "",
    trigger: Triggers = None,
    events: Events = None,
    fields: Fields = None,
    tag: Tags = None,
    prefilter: Annotated[
        str | None, typer.Option("--prefilter", help="Keep only hits of this selection; booked.")
    ] = None,
    pace: Annotated[
        float | None, typer.Option("--pace", help="Replay at this multiple of the recorded speed.")
    ] = None,
    started: Annotated[
        str | None,
        typer.Option(
            "--started",
            help="When the run began, as 2013-09-10T12:00:00Z; default: what the first file tells,"
            " else now.",
        ),
    ] = None,
    after: Annotated[
        bool,
        typer.Option("--after", help="A file whose clock starts anew follows the one before it."),
    ] = False,
    at_: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            help="When the first hit of the second file was, as 2h or 2013-09-10T14:00:00Z; once"
            " more for the third, ...",
        ),
    ] = None,
    as_recorded: Annotated[
        bool,
        typer.Option(
            "--as-recorded",
            help="Keep the place of each word, so that export --as-recorded gives files of words"
            " back as they were.",
        ),
    ] = False,
    form: Form = None,
    tree: Tree = None,
    force: Force = False,
    store: Store = None,
    words: Words = None,
    as_json: AsJson = False,
) -> None:
    """Write recorded words into a new run, and run triggers on it if any are named.

    Several files are one run, in the order in which they are named. A file whose clock starts anew
    is refused unless --after or --at says when it began.
    """
    if at_ and (after or len(at_) != len(files) - 1):
        raise UsageError(
            f"--at says when each file but the first began: give it {len(files) - 1} times, without"
            " --after"
        )
    if as_recorded and (prefilter or pace):
        raise UsageError("--as-recorded keeps all words as they come: without --prefilter, --pace")
    declared, annotations = detector_named(detector), edit_of(fields, tag)
    keep = always(keeping(declared, prefilter)) if prefilter else None
    named = parse_date(started) if started else None
    # All of them are looked at before there is a run.
    sources, recorded = list[Source](), list[RecordedFile]()
    for file in files:
        first = sum(each.n_hits for each in recorded) if as_recorded else None
        sources.append(open_source(file, declared, force=force, form=form, tree=tree, first=first))
        if as_recorded:
            n_hits = file.stat().st_size // (8 * declared.words_per_hit)
            recorded.append(RecordedFile(file.name, n_hits))
    watched = [
        (str(file), _watched(file, source, quiet=as_json))
        for file, source in zip(files, sources, strict=True)
    ]
    with opened_to_write(store, words, alone=True) as at:
        began = datetime.now(UTC)
        begin = _first(watched)
        cell = duration_ticks(settings().cell, declared.tick)
        told: dict[str, Any] = {"events": events.split(",")} if events else {}
        if as_recorded:
            told["recorded"] = [asdict(each) for each in recorded]
        if named is None and sources[0].started_ns is None:
            told[UNDATED] = True
        wanted = [*(trigger or []), *(["events"] if events else [])]
        check_triggers(
            at.engine,
            planned_run(declared, cell, told),
            wanted_triggers(wanted),
            settings().triggers,
        )
        new = open_run(
            at.engine,
            declared,
            name=run or name_of_file(files[0].name),
            cell=cell,
            started_at=named or _told(sources[0]),
            settings=told,
        )
        annotate(at.engine, new.run_id, annotations, who_asks())
        origin = 0
        if begin.epoch is None:
            origin = run_start(declared, begin.words)
            origin -= 0 if named else _beyond_us(sources[0], declared)
        pauses: list[Pause] = []
        begins = [parse_moment(text, declared.tick, new.started_at) for text in at_ or ()]
        blocks = in_series(watched, declared, origin, begins, after=after, paused=pauses.append)
        summary, fault = _write(at, new, blocks, origin, keep, pace)
        book_gaps(at.engine, [Gap(new.run_id, p.link, "between files", p.a, p.b) for p in pauses])
        new = close_run(at.engine, new, _end(at.engine, new) if new.started_at < began else None)
        summary |= _left_out(files, sources)
        results = []
        if wanted and fault is None:
            results = _trigger(at.engine, new, wanted, quiet=as_json)
        if as_json:
            show_json(summary | {"results": results})
        else:
            show([summary], as_json=False, title="stored")
            if results:
                show(results, as_json=False, title="results")
        if fault is not None:
            raise fault
        end_with_failures(at.engine, new, results)


def _first(files: list[tuple[str, Iterator[Block]]]) -> Block:
    """Return the first block of all, which stays in its file; SourceError where there is none."""
    for k, (name, blocks) in enumerate(files):
        if (first := next(blocks, None)) is not None:
            files[k] = name, chain([first], blocks)
            return first
    raise SourceError(f"there are no words in {', '.join(name for name, _ in files)}")


def _write(
    store: storage.Store,
    run: Run,
    blocks: Iterator[Block],
    origin: int,
    keep: Schedule | None,
    pace: float | None,
) -> tuple[dict[str, Any], SourceError | None]:
    """Write the blocks and return what came of it, and what was wrong with the source."""
    began, engine = time.perf_counter(), store.engine
    create_views(engine, run.detector)
    fault: SourceError | None = None
    readout = Readout(
        engine, run, origin, flush_s=settings().flush_s, rules=keep, words=store.words
    )
    try:
        stream = paced(blocks, run.detector, origin, pace) if pace else blocks
        with interruptible() as wish:
            for block in stream:
                readout.push(block)
                if wish.is_set():
                    fault = SourceError("interrupted; what was read until then is stored")
                    break
    except SourceError as problem:  # what came before it is kept
        fault = problem
    finally:
        readout.close()
    check_stored(engine, run, readout.written.hits)
    for anomaly in readout.anomalies[:5]:
        typer.echo(
            f"link {anomaly.link}: {anomaly.cause} {visible(anomaly.detail)}; all words are stored",
            err=True,
        )
    seconds = time.perf_counter() - began
    return {
        "run": run.run_id,
        "name": run.name,
        "words": readout.written.hits,
        "corrupt": readout.written.corrupt,
        "suspect": readout.written.suspect,
        "clock_anomalies": len(readout.anomalies),
        "seconds": round(seconds, 3),
        "words_per_s": round(readout.written.hits / seconds),
    }, fault


def _left_out(files: list[Path], sources: list[Source]) -> dict[str, int]:
    """Say what of tables was no hit; return how much, if any source is a table."""
    tables = [(file, source.rows) for file, source in zip(files, sources, strict=True)]
    for file, rows in tables:
        if rows is not None and rows.n_bad:
            typer.echo(
                f"{file}: {rows.n_bad} of {rows.rows} rows are no hits and were left out:"
                f" {visible('; '.join(rows.bad))}",
                err=True,
            )
    found = [rows for _, rows in tables if rows is not None]
    if not found:
        return {}
    told = {"rows_left_out": sum(rows.n_bad for rows in found)}
    if n_frames := sum(rows.frames for rows in found):
        told |= {"frames": n_frames, "suppressed": sum(rows.suppressed for rows in found)}
    return told


def _told(source: Source) -> datetime | None:
    """Return when a source says that its run began."""
    if source.started_ns is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=source.started_ns // 1000)


def _beyond_us(source: Source, detector: Detector) -> int:
    """Return by how many ticks a run starts before its source does.

    Dates of runs are in whole microseconds: else those of its hits would be wrong by the rest.
    """
    odd = Fraction((source.started_ns or 0) % 1000) / detector.tick
    return int(odd) if odd.denominator == 1 else 0


def _end(engine: Engine, run: Run) -> datetime:
    """Return when a recorded run ended: with its last hit."""
    ticks = last_time(engine, run.run_id)
    return run.started_at + timedelta(microseconds=ticks * float(run.detector.tick) / 1000)


def _trigger(engine: Engine, run: Run, names: list[str], *, quiet: bool) -> list[dict[str, Any]]:
    known = triggers_of_run(engine, run, settings().triggers)
    wanted = wanted_triggers(names)
    with progress_of_job(quiet=quiet) as progress:
        run_stages(engine, run, known, wanted, n_threads=settings().workers, progress=progress)
    return results_of(engine, run)


def _watched(path: Path, source: Source, *, quiet: bool) -> Iterator[Block]:
    """Yield a source's blocks behind a progress bar."""
    size = path.stat().st_size if path.is_file() else None
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with progress_bars(*columns, quiet=quiet) as bars:
        bar = bars.add_task(visible(path.name, keep=""), total=size)
        for block in source.blocks:
            yield block
            bars.advance(bar, block.words.nbytes)

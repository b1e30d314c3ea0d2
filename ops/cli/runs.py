"""``everyhit run list`` and ``show``: the catalogue."""

from collections import Counter
from shlex import quote
from typing import Annotated, Any

import typer

from db.catalogue.annotations import Annotations, read_annotations
from db.catalogue.run_pages import RunFilter, page_of_runs
from db.catalogue.runs import Run, find_run
from db.detector import Detector
from db.engine import Engine
from db.results.failures import windows_set_aside
from db.results.rows import list_lineages
from db.results.totals import result_totals
from db.time import WHOLE
from db.words.gaps import live_ticks, read_gaps
from db.words.totals import extent, link_totals
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.show import MOST_ROWS, AsJson, Limit, Store, show, show_json
from software_triggers.task.names import partial

Results = list[dict[str, Any]]

runs = typer.Typer(help="The catalogue of runs.", no_args_is_help=True)
app.add_typer(runs, name="run")


@runs.command("list")
def list_(
    limit: Limit = MOST_ROWS,
    after: Annotated[
        int | None, typer.Option("--after", min=1, help="Only runs older than this number.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            help="Only runs of this selection over fields and tags: \"x > 20 and 'cal' in tags\".",
        ),
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List the runs of a store, newest first, a page at a time."""
    key = None if after is None else (after, after)
    with opened(store) as at:
        which = RunFilter(where=where)
        page = page_of_runs(at.engine, which, "number", descending=True, limit=limit + 1, after=key)
        said = read_annotations(at.engine, [run.run_id for run in page])
        found = [
            _line(at.engine, run, links_of(at.engine, run), said[run.run_id])
            for run in page[:limit]
        ]
    show(found, as_json=as_json, title="runs", where=at.url)
    if len(page) > limit:
        oldest = found[-1]["run"]
        again = f" --where {quote(where)}" if where else ""
        typer.echo(f"there are older runs: everyhit run list --after {oldest}{again}", err=True)


@runs.command("show")
def show_(
    which: Annotated[str | None, typer.Argument(help="Number or name; default the newest.")] = None,
    limit: Limit = MOST_ROWS,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show a run: its links, watermarks, gaps, live time and results."""
    with opened(store) as at:
        run = find_run(at.engine, which)
        links, gaps = links_of(at.engine, run), read_gaps(at.engine, run.run_id)
        results = results_of(at.engine, run)
        said = read_annotations(at.engine, [run.run_id])[run.run_id]
        line = _line(at.engine, run, links, said)
    whole = line | {
        "detector": run.detector.name,
        "settings": dict(run.settings),
        "cell_ticks": run.cell,
    }
    if as_json:
        show_json(whole | {"links": links, "gaps": gaps.to_dicts(), "results": results})
        return
    show([whole], as_json=False, title=f"run {run.run_id}")
    show(links, as_json=False, title="links", limit=limit)
    show(gaps.to_dicts(), as_json=False, title="gaps", limit=limit)
    show(results, as_json=False, title="results", limit=limit)


def seconds(ticks: float, detector: Detector) -> float:
    """Return ticks as seconds."""
    return float(ticks) * float(detector.tick) * 1e-9


def links_of(engine: Engine, run: Run) -> list[dict[str, Any]]:
    """Return what each link of a run has delivered."""
    rows = link_totals(engine, [run.run_id]).to_dicts()
    return [
        {
            "link": row["link"],
            "chunks": row["chunks"],
            "words": row["words"],
            "corrupt": row["corrupt"],
            "suspect": row["suspect"],
            "first_s": _seconds(row["first"], run),
            "last_s": _seconds(row["last"], run),
            "watermark_s": seconds(row["watermark"], run.detector),
        }
        for row in rows
    ]


def results_of(engine: Engine, run: Run) -> Results:
    """Return for each lineage of a run's results how far and how well it went."""
    rows = result_totals(engine, [run.run_id]).drop("run_id", "last_cell").to_dicts()
    aside = windows_set_aside(engine, run.run_id, [row["lineage"] for row in rows])["lineage"]
    failed = Counter(aside.to_list())
    known = {each.lineage: each for each in list_lineages(engine, run.run_id)}
    return [
        {
            **row,
            "failed_windows": failed[row["lineage"]],
            "partial": partial(engine, run, known[row["lineage"]], WHOLE),
        }
        for row in rows
    ]


def _seconds(ticks: int | None, run: Run) -> float | None:
    return None if ticks is None else seconds(ticks, run.detector)


def _line(
    engine: Engine, run: Run, links: list[dict[str, Any]], said: Annotations
) -> dict[str, Any]:
    live = None
    if any(link["words"] for link in links):
        a, b = extent(engine, run)
        live = seconds(live_ticks(engine, run.run_id, a, b), run.detector)
    return {
        "run": run.run_id,
        "name": run.name,
        "state": run.state,
        "detector": run.detector.name,
        "started": f"{run.started_at:%Y-%m-%d %H:%M:%S}",
        "words": sum(link["words"] for link in links),
        "corrupt": sum(link["corrupt"] for link in links),
        "suspect": sum(link["suspect"] for link in links),
        "live_s": live,
        "fields": said.fields,
        "tags": list(said.tags),
    }

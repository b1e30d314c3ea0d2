from typing import Annotated, Any

import polars as pl
import typer

from db.detector import Detector
from db.engine import Engine
from db.errors import UsageError
from db.gaps import live_ticks, read_gaps
from db.heads import heads_sql
from db.runs import Run, find_run, list_runs
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.show import AsJson, Store, show, show_json

runs = typer.Typer(help="The catalogue of runs.", no_args_is_help=True)
app.add_typer(runs, name="run")


@runs.command("list")
def list_(store: Store = None, as_json: AsJson = False) -> None:
    """List the runs of a store."""
    with opened(store) as at:
        show([_line(at.engine, run) for run in list_runs(at.engine)], as_json=as_json, title="runs")


@runs.command("show")
def show_(
    which: Annotated[str | None, typer.Argument(help="Number or name; default the newest.")] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show a run: its links, watermarks, gaps, live time and results."""
    with opened(store) as at:
        run = find_run(at.engine, which)
        links, gaps = links_of(at.engine, run), read_gaps(at.engine, run.run_id)
        results = results_of(at.engine, run)
    whole = _line_of(run, links) | {
        "detector": run.detector.name,
        "settings": dict(run.settings),
        "cell_ticks": run.cell,
    }
    if as_json:
        show_json(whole | {"links": links, "gaps": gaps.to_dicts(), "results": results})
        return
    show([whole], as_json=False, title=f"run {run.run_id}")
    show(links, as_json=False, title="links")
    show(gaps.to_dicts(), as_json=False, title="gaps")
    show(results, as_json=False, title="results")


_HEADS = heads_sql(
    "link, seq, t_first, t_last, watermark, n_hits, n_corrupt", "run_id = {run:UInt32}"
)


def seconds(ticks: float, detector: Detector) -> float:
    """Return ticks as seconds."""
    return float(ticks) * float(detector.tick) * 1e-9


def links_of(engine: Engine, run: Run) -> list[dict[str, Any]]:
    """Return what each link of a run has delivered."""
    rows = engine.fetch(
        "SELECT link, count() AS chunks, sum(n_hits) AS n, sum(n_corrupt) AS corrupt,"
        " min(t_first) AS first, max(t_last) AS last, max(watermark) AS mark"
        f" FROM ({_HEADS}) GROUP BY link ORDER BY link",
        {"run": run.run_id},
    ).to_pylist()
    return [
        {
            "link": row["link"],
            "chunks": row["chunks"],
            "words": row["n"],
            "corrupt": row["corrupt"],
            "first_s": seconds(row["first"], run.detector),
            "last_s": seconds(row["last"], run.detector),
            "watermark_s": seconds(row["mark"], run.detector),
        }
        for row in rows
    ]


def extent(engine: Engine, run: Run) -> tuple[int, int]:
    """Return [first, last + 1) of a run's hits in ticks; UsageError when it has none."""
    row = engine.fetch(
        f"SELECT min(t_first) AS a, max(t_last) AS b, count() AS n FROM ({_HEADS})"
        " WHERE n_hits > n_corrupt",
        {"run": run.run_id},
    ).to_pylist()[0]
    if not row["n"]:
        raise UsageError(f"run {run.run_id} has no hits yet")
    return row["a"], row["b"] + 1


def results_of(engine: Engine, run: Run) -> list[dict[str, Any]]:
    """Return for each lineage of a run's results how far and how well it went."""
    table = engine.fetch(
        """
        SELECT any(name) AS trigger, lineage, any(params) AS params, count(cell) AS cells,
            sum(rows) AS rows, sum(NOT done) AS incomplete, sum(seconds) AS seconds,
            any(failed) AS failed
        FROM (
            SELECT lineage, cell, argMax(n_rows, (revision, n_inputs, attempt)) AS rows,
                argMax(complete, (revision, n_inputs, attempt)) AS done, sum(seconds) AS seconds
            FROM ledger WHERE run_id = {run:UInt32} GROUP BY lineage, cell
        ) AS counted
        JOIN (
            SELECT lineage, any(name) AS name, any(params) AS params FROM lineages
            WHERE run_id = {run:UInt32} GROUP BY lineage
        ) AS known USING lineage
        LEFT JOIN (
            SELECT lineage, count() AS failed FROM failures WHERE run_id = {run:UInt32}
            GROUP BY lineage
        ) AS failures USING lineage
        GROUP BY lineage ORDER BY trigger, lineage
        """,
        {"run": run.run_id},
    )
    return pl.DataFrame(pl.from_arrow(table)).to_dicts()


def _line(engine: Engine, run: Run) -> dict[str, Any]:
    links = links_of(engine, run)
    live = None
    if any(link["words"] for link in links):
        a, b = extent(engine, run)
        live = seconds(live_ticks(engine, run.run_id, a, b), run.detector)
    return _line_of(run, links) | {"live_s": live}


def _line_of(run: Run, links: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "name": run.name,
        "state": run.state,
        "detector": run.detector.name,
        "started": f"{run.started_at:%Y-%m-%d %H:%M:%S}",
        "words": sum(link["words"] for link in links),
        "corrupt": sum(link["corrupt"] for link in links),
    }

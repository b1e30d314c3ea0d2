"""The catalogue of runs as documents in the collection runs, compared with the store."""

from collections.abc import Sequence

import polars as pl
from pymongo import ReplaceOne

from db.catalogue.annotations import Annotations, read_annotations
from db.catalogue.runs import Run, runs_by_number
from db.engine import Engine
from db.publication.documents import Document
from db.publication.target import Target
from db.words.homes.mongodb_client import mongodb_faults

RUNS = "runs"
STATES = {"run": pl.Int64, "revision": pl.Int64, "said": pl.Int64}
"""A run, the revision of its entry, and that of what was said of it last."""
_AT_ONCE = 1000


def run_states(engine: Engine) -> pl.DataFrame:
    """Return the state of each run in the store (``STATES``)."""
    runs = engine.fetch(
        "SELECT toInt64(run_id) AS run, toInt64(max(revision)) AS revision FROM runs GROUP BY run"
    )
    said = engine.shards[0].here.fetch(
        "SELECT toInt64(run_id) AS run, toInt64(max(revision)) AS said FROM annotations"
        " GROUP BY run"
    )
    found = pl.DataFrame(pl.from_arrow(runs)).join(
        pl.DataFrame(pl.from_arrow(said)), on="run", how="left"
    )
    return found.select("run", "revision", pl.col("said").fill_null(0))


def states_in(target: Target) -> pl.DataFrame:
    """Return the state of each run as the documents have it (``STATES``)."""
    with mongodb_faults(target.address):
        found = target.collection(RUNS).find(
            {"store": target.store}, {"_id": 0, **dict.fromkeys(STATES, 1)}
        )
        return pl.DataFrame(list(found), schema=STATES)


def bring_runs(
    engine: Engine, target: Target, known: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, int]:
    """Bring the documents of runs to the store; return what is there then, and how many changed.

    ``known`` is what was there before; without it the database is asked. Raises StoreError; done
    again it goes on.
    """
    known = states_in(target) if known is None else known
    wanted = run_states(engine)
    changed = wanted.join(known, on=wanted.columns, how="anti")["run"].to_list()
    gone = known.join(wanted, on="run", how="anti")["run"].to_list()
    for k in range(0, len(changed), _AT_ONCE):
        numbers = changed[k : k + _AT_ONCE]
        states = dict(wanted.filter(pl.col("run").is_in(numbers)).select("run", "said").rows())
        _put(engine, target, numbers, states)
    for k in range(0, len(gone), _AT_ONCE):
        with mongodb_faults(target.address):
            which = {"store": target.store, "run": {"$in": gone[k : k + _AT_ONCE]}}
            target.collection(RUNS).delete_many(which)
    return wanted, len(changed) + len(gone)


def _put(engine: Engine, target: Target, numbers: Sequence[int], said: dict[int, int]) -> None:
    runs, annotations = runs_by_number(engine, numbers), read_annotations(engine, numbers)
    documents = [
        run_document(target.store, run, annotations[number], said[number])
        for number, run in sorted(runs.items())
    ]
    with mongodb_faults(target.address):
        target.collection(RUNS).bulk_write(
            [
                ReplaceOne({"_id": each["_id"], "run": each["run"]}, each, upsert=True)
                for each in documents
            ],
            ordered=False,
        )


def run_document(store: str, run: Run, annotations: Annotations, said: int) -> Document:
    """Return a run as a document; ``said`` is the revision of its annotations."""
    return {
        "_id": f"{store}.{run.run_id}",
        "store": store,
        "run": run.run_id,
        "name": run.name,
        "state": run.state,
        "detector": run.detector.name,
        "started_at": run.started_at,
        "stopped_at": run.stopped_at,
        "tick_ns": float(run.detector.tick),
        "window_ticks": run.cell,
        "settings": dict(run.settings),
        "note": run.note,
        "fields": dict(annotations.fields),
        "tags": list(annotations.tags),
        "revision": run.revision,
        "said": said,
    }

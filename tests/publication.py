"""Windows that are committed by hand, their documents, and what these should be."""

from collections import Counter
from itertools import count

import polars as pl
from lineages import COLUMNS, frame

from db.results import ledger
from db.results.lineage_runs import list_ran, newest_for
from db.results.rows import insert_rows, list_lineages, read_committed

CELL = 10
_attempts = count(2**62)


def commit(engine, lineage, cell, values, revision=0):
    """An attempt at a window that found a row for each value, committed."""
    attempt = next(_attempts)
    rows = frame([(cell * CELL + v % CELL, v, v / 2, [v, -v], f"v{v}") for v in values])
    insert_rows(engine, lineage, CELL, attempt, rows)
    entry = {"cell": cell, "revision": revision, "attempt": attempt, "n_rows": len(values)}
    entry |= {"inputs": 0, "n_inputs": 0, "complete": True}
    row = pl.DataFrame([entry], ledger.ROW).with_columns(
        lineage=pl.lit(lineage.lineage), seconds=0.0
    )
    ledger.commit(engine, lineage.run_id, row, "")


def documents(target, run, kind="candidates"):
    """What a reader finds in a collection: each document without its keys, as often as it is there."""
    found = target.client.get_default_database()[kind].find(
        {"run": run.run_id, "store": target.store}
    )
    return Counter(
        repr((each["trigger"], each["lineage"], each["window"], [each[n] for n in COLUMNS]))
        for each in found
    )


def answers(engine, run, name="found"):
    """The same from the store, window by window, in the slow and obvious way."""
    lineages = [each for each in list_lineages(engine, run.run_id) if each.name == name]
    ran = list_ran(engine, run.run_id)
    found = Counter()
    for cell in range(-3, 8):
        a, b = cell * CELL, (cell + 1) * CELL
        chosen = newest_for(lineages, ran, a, b)
        for row in read_committed(engine, chosen, CELL, a, b).select(list(COLUMNS)).rows():
            found[repr((name, chosen.lineage, cell, list(row)))] += 1
    return found

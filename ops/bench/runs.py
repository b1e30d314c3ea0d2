"""How long it takes to find runs among a million, by what is said of them.

``python -m ops.bench.runs [RUNS]`` fills a store of its own and prints a line for each question.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from db.catalogue.annotations import Edit, annotate, read_annotations, read_history
from db.catalogue.run_pages import RunFilter, count_runs, page_of_runs
from db.detector import load
from db.engine import Engine
from db.store import open_store

REPEATS = 5
SELECTIONS = {
    "no selection": None,
    "four of five have it": "beam_energy_GeV > 20",
    "one of ten has it": "beam_energy_GeV > 20 and 'calibration' in tags",
    "one of 200,000 has it": "'rare' in tags and beam_energy_GeV > 20",
    "none has it": "beam_energy_GeV > 1000",
    "a text, not a tag": "gas == 'CO2' and 'calibration' not in tags",
    "a text of every run": "beam_energy_GeV > 99 and detector == 'drift_tubes_v2'",
}


def fill(engine: Engine, n_runs: int) -> None:
    """Enter runs of the telescope with three fields, one of ten with a tag."""
    declaration = {"text": load("drift_tubes_v2").source}
    engine.execute(
        "INSERT INTO runs SELECT number + 1, 1, concat('beam ', toString(number)), 'closed',"
        " 'drift_tubes_v2', {text:String}, toDateTime64(1700000000 + number * 60, 6),"
        " toDateTime64(1700000050 + number * 60, 6), 60000000, '{}', ''"
        f" FROM numbers({n_runs}) SETTINGS max_block_size = 8192",
        declaration,
    )
    fields = {
        "beam_energy_GeV": "intHash32(number) % 10000 / 100",
        "hv": "1000 + intHash32(number + 7) % 3000",
        "gas": "nan",
    }
    texts = "if(number % 2 = 0, '\"CO2\"', '\"Ar CO2\"')"
    for name, value in fields.items():
        text = texts if name == "gas" else "toString(number_)"
        engine.execute(
            "INSERT INTO annotations (run_id, revision, tag, name, value, number, who)"
            f" SELECT number + 1, 1, false, '{name}', {text}, number_, 'bench'"
            f" FROM (SELECT number, toFloat64({value}) AS number_ FROM numbers({n_runs}))"
        )
    for tag, every in {"calibration": 10, "rare": 200_000}.items():
        engine.execute(
            "INSERT INTO annotations (run_id, revision, tag, name, value, number, who)"
            f" SELECT number + 1, 2, true, '{tag}', 'true', nan, 'bench'"
            f" FROM numbers({n_runs}) WHERE number % {every} = 3"
        )


def seconds(ask: Callable[[], object]) -> tuple[float, float]:
    """Return the least and the most seconds that a question took."""
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return min(took), max(took)


def measure(engine: Engine, n_runs: int) -> dict[str, tuple[float, float]]:
    """Return for each question the least and most seconds that it took."""

    def page(where: str | None, order: str = "number") -> Callable[[], object]:
        which = RunFilter(where=where)
        by = "number" if order == "number" else "started"
        return lambda: page_of_runs(engine, which, by, descending=True, limit=51)  # type: ignore[arg-type]

    told = {f"page: {name}": seconds(page(where)) for name, where in SELECTIONS.items()}
    broad = SELECTIONS["four of five have it"]
    told["page by time: four of five have it"] = seconds(page(broad, "started"))
    told["count: four of five have it"] = seconds(
        lambda: count_runs(engine, RunFilter(where=broad))
    )
    told["what is said of 50 runs"] = seconds(
        lambda: read_annotations(engine, range(n_runs // 2, n_runs // 2 + 50))
    )
    told["history of a run"] = seconds(lambda: read_history(engine, n_runs // 2))
    told["annotate a run"] = seconds(
        lambda: annotate(engine, n_runs // 2, Edit({"hv": time.time()}), "bench")
    )
    return told


def main(n_runs: int = 1_000_000) -> None:
    """Fill, measure, print."""
    with tempfile.TemporaryDirectory() as folder, open_store(str(Path(folder) / "store")) as at:
        fill(at.engine, n_runs)
        for name, (least, most) in measure(at.engine, n_runs).items():
            print(f"{name:40} {least * 1e3:8.1f} to {most * 1e3:8.1f} ms")  # noqa: T201 - its output


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

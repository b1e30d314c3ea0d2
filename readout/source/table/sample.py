"""The first rows of a table of which nothing is known: how it is written, and its columns."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from db.errors import SourceError
from readout.source.plausible import looks_like
from readout.source.table.compressed import DAMAGE, decompressed
from readout.source.table.open import kind_of

_ROWS, _BYTES = 10_000, 1 << 19
_SEPARATORS = (";", "\t", ",", "|", "")
_COMMENTS = ("#", "%", "//", ";")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|0x[0-9a-fA-F]+")


@dataclass(frozen=True, eq=False)
class Sample:
    """Some first rows, and how they are written."""

    frame: pl.DataFrame
    separator: str | None = None
    """As declarations write it; None where the file isn't text."""
    comment: str = ""
    decimal: str = "."
    headless: bool = False
    place: str = ""


def sample_of(path: Path) -> Sample:
    """The first rows of a file. Raises SourceError for one that holds no table."""
    kind = kind_of(path)
    if kind == "CoMPASS":
        raise SourceError(f"{path}: records of CoMPASS, which are known: take --detector compass")
    try:
        if kind == "text":
            return _of_text(path)
        if kind == "ROOT":
            return _of_root(path)
        if kind == "HDF5":
            return _of_hdf5(path)
        frame = pl.scan_parquet(path) if kind == "Parquet" else pl.scan_ipc(path)
        return Sample(frame.head(_ROWS).collect())
    except (*DAMAGE, pl.exceptions.PolarsError, KeyError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise SourceError(f"{path}: no table can be read from it: {reason}") from error


def _of_text(path: Path) -> Sample:
    with path.open("rb") as stream:
        start = decompressed(stream).read(_BYTES)
    if b"\0" in start:
        words = np.frombuffer(start[: len(start) // 8 * 8], np.uint64)
        hint = f"; {like}" if (like := looks_like(words)) else ""
        raise SourceError(f"{path}: this is no text, and no kind of table that is known{hint}")
    whole = start if len(start) < _BYTES else start[: start.rfind(b"\n") + 1]
    lines = whole.decode("utf-8-sig", errors="replace").splitlines()
    comment = next((c for c in _COMMENTS if any(line.startswith(c) for line in lines)), "")
    rows = [line for line in lines if line.strip() and not (comment and line.startswith(comment))]
    if len(rows) < 2:
        raise SourceError(f"{path}: there are not two rows in it")
    separator, n_cells = max(((s, *_cells_of(rows, s)) for s in _SEPARATORS), key=_fit)[:2]
    first = next((n for n, row in enumerate(rows) if _is_data(row, separator, n_cells)), None)
    if first is None:
        raise SourceError(f"{path}: there is no row of numbers in it, so none of times")
    heads = [line.lstrip(comment).strip() for line in lines[: lines.index(rows[first])]]
    named = (_split(line, separator) for line in reversed(heads))
    names = next((cells for cells in named if _is_header(cells, n_cells)), None)
    columns = names or [f"c{n}" for n in range(1, n_cells + 1)]
    cells = [_split(row, separator)[: len(columns)] for row in rows[first : first + _ROWS]]
    cells = [row for row in cells if len(row) == len(columns)]
    frame = pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.String), orient="row")
    commas = separator != "," and any(re.fullmatch(r"-?\d+,\d+", c) for row in cells for c in row)
    return Sample(frame, separator, comment, "," if commas else ".", names is None)


def _cells_of(rows: list[str], separator: str) -> tuple[int, float]:
    """How many cells most rows have, and the share of rows that are such and start with data."""
    counts = Counter(len(_split(row, separator)) for row in rows[-200:])
    n_cells, times = counts.most_common(1)[0]
    return n_cells, times / sum(counts.values())


def _fit(found: tuple[str, int, float]) -> tuple[bool, float, int]:
    _, n_cells, share = found
    return n_cells > 1, round(share, 1), n_cells


def _split(line: str, separator: str) -> list[str]:
    cells = line.split(separator) if separator else line.split()
    return [cell.strip().strip('"') for cell in cells]


def _is_data(row: str, separator: str, n_cells: int) -> bool:
    cells = _split(row, separator)
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in cells)
    return len(cells) >= n_cells and 2 * numbers >= n_cells


def _is_header(cells: list[str], n_cells: int) -> bool:
    """Whether these name the columns; cells behind the last one may have no name."""
    few = len(cells) == n_cells or 2 < len(cells) < n_cells
    return (
        few
        and all(cells)
        and len(set(cells)) == len(cells)
        and not any(map(_NUMBER.fullmatch, cells))
    )


def _of_root(path: Path) -> Sample:
    import uproot  # it takes a second

    with uproot.open(path) as file:
        trees = file.keys(filter_classname="TTree", cycle=False)
        if not trees:
            raise SourceError(f"{path}: there is no tree in it")
        place = max(trees, key=lambda name: int(file[name].num_entries))
        tree = file[place]
        columns = {}
        for name in tree.keys(recursive=False):
            values = tree[name].array(library="np", entry_stop=_ROWS)
            if values.ndim == 1 and values.dtype.kind in "iufb":
                columns[name] = values
    return Sample(pl.DataFrame(columns), place=place if len(trees) > 1 else "")


def _of_hdf5(path: Path) -> Sample:
    import h5py  # an extra

    places: dict[str, dict[str, Any]] = {}
    with h5py.File(path) as file:

        def look(name: str, each: Any) -> None:
            if not isinstance(each, h5py.Dataset) or each.ndim != 1:
                return
            if each.dtype.names:
                rows = each[:_ROWS]
                places[name] = {
                    n: rows[n].astype(rows[n].dtype.newbyteorder("="))
                    for n in each.dtype.names
                    if rows[n].ndim == 1
                }
            elif each.dtype.kind in "iuf":
                values = each[:_ROWS]
                group = places.setdefault(name.rpartition("/")[0], {})
                group[name.rpartition("/")[2]] = values.astype(values.dtype.newbyteorder("="))

        file.visititems(look)
    if not places:
        raise SourceError(f"{path}: there are no datasets of numbers in it")
    place = max(places, key=lambda name: max(map(len, places[name].values())))
    longest = max(map(len, places[place].values()))
    frame = pl.DataFrame({n: v for n, v in places[place].items() if len(v) == longest})
    return Sample(frame, place=place)

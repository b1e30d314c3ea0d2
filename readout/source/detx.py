"""KM3NeT's detector files (.detx, versions 1 to 5): where each PMT is, looks to, and its t0.

A detector's module has a line of its own, then one for each of its PMTs, in the order of the
channels that hits name. Lines of version 4 on tell the module's position and orientation, too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from db.detector import load
from db.detector.elements import NOWHERE
from db.errors import SourceError

_MODULE_TOKENS = {1: 4, 2: 4, 3: 4, 4: 12, 5: 13}
_PMT_TOKENS = {1: 8, 2: 8, 3: 9, 4: 9, 5: 9}
_MOST_PMTS = 31
_PMT_COLUMNS = ("x_m", "y_m", "z_m", "dir_x", "dir_y", "dir_z", "t0_ns")


@dataclass(frozen=True)
class Geometry:
    """A detector's modules, those with PMTs, in order of their ids."""

    detector: int
    """The experiment's number of it."""
    valid_from: datetime | None
    modules: NDArray[np.int64]
    places: NDArray[np.int64]
    """Of each module its detection unit and its floor."""
    pmts: NDArray[np.float64]
    """[module, PMT, 7]: position in m, direction, and t0 in ns, which is added to a hit's time."""


def read_detx(path: Path) -> Geometry:
    """The geometry in a file. Raises SourceError, with the line, for what is none."""
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise SourceError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise SourceError(f"{path}: a folder; name a file in it") from None
    except (OSError, UnicodeDecodeError) as error:
        hint = "a .datx is the binary form of it: JConvertDetectorFormat makes a .detx"
        raise SourceError(f"{path}: it is no .detx ({error}); {hint}") from None
    lines = _Lines(path, text)
    head = lines.next("the detector's number and the file's version", 2)
    version = int(head[1][1:]) if re.fullmatch(r"[vV]\d+", head[1]) else 1
    if version not in _MODULE_TOKENS:
        raise lines.wrong(f"version {version}; known are 1 to {max(_MODULE_TOKENS)}")
    valid_from = None
    if version == 1:
        n_modules = lines.whole(head[1])
    else:
        valid_from = lines.moment(lines.next("from when to when it holds", 2)[0])
        lines.next("a reference position", None)
        n_modules = lines.whole(lines.next("the number of modules", 1)[0])
    found: dict[int, tuple[tuple[int, int], NDArray[np.float64]]] = {}
    for _ in range(n_modules):
        module = lines.next("a module", _MODULE_TOKENS[version])
        name, unit, floor = (lines.whole(token) for token in module[:3])
        pmts = [lines.next("a PMT", _PMT_TOKENS[version]) for _ in range(lines.whole(module[-1]))]
        if not pmts:
            continue  # what holds a line at the sea bed
        if name in found or not 0 <= name < 2**32 or len(pmts) > _MOST_PMTS:
            problem = "comes twice" if name in found else f"has {len(pmts)} PMTs"
            raise lines.wrong(f"module {name} {problem}: ids have 32 bits, modules up to 31 PMTs")
        found[name] = (unit, floor), lines.numbers(pmts)
    lines.end()
    if len({len(pmts) for _, pmts in found.values()}) != 1:
        raise SourceError(f"{path}: it needs modules, all with the same number of PMTs")
    names = sorted(found)
    return Geometry(
        lines.whole(head[0]),
        valid_from,
        np.array(names, np.int64),
        np.array([found[name][0] for name in names], np.int64),
        np.stack([found[name][1] for name in names]),
    )


def declaration(geometry: Geometry, name: str, file: str) -> str:
    """The text of a declaration of KM3NeT's words that has this geometry in it.

    Its hits have the columns ``du``, ``floor``, ``x_m``, ``y_m``, ``z_m``, ``dir_x``, ``dir_y``,
    ``dir_z`` and ``t0_ns`` of their PMT, and ``placed``: False where the file has no such PMT, all
    others are 0 then. A display finds PMTs by ``x_mm``, ``y_mm``, ``z_mm``, and by ``view`` those
    that are not placed.
    """
    n_modules, n_pmts, _ = geometry.pmts.shape
    nowhere = n_modules * n_pmts
    since = f", from {geometry.valid_from:%Y-%m-%d %H:%M:%S} UTC on" if geometry.valid_from else ""
    base = load("km3net").source
    words = base[base.index("words_per_hit") : base.index("[shape]")]
    tables = [
        _table("modules", [geometry.modules.tolist()]),
        _table("module_du", [geometry.places[:, 0].tolist(), [0]]),
        _table("module_floor", [geometry.places[:, 1].tolist(), [0]]),
        *(
            _table(f"pmt_{column}", [*geometry.pmts[:, :, k].tolist(), [0.0]])
            for k, column in enumerate(_PMT_COLUMNS)
        ),
    ]
    columns = "\n".join(f'{name} = "lookup(spot, pmt_{name})"' for name in _PMT_COLUMNS)
    axes = "\n".join(f'{axis}_mm = "1000 * {axis}_m"' for axis in "xyz")
    return f"""\
# Detector {geometry.detector} of KM3NeT as {file} has it{since}:
# {n_modules} modules with {n_pmts} PMTs. See the built-in km3net for what words mean.
name = "{name}"
title = "KM3NeT, detector {geometry.detector}: photons on the PMTs of optical modules"
{words}
# Where a hit's PMT is, in m, and where it looks to. t0_ns is added to a hit's time: t + t0_ns.
# A PMT that {file} doesn't have is not placed: all of these are 0 for it.
[columns]
place = "find(module, modules)"
spot = "min(place * {n_pmts} + pmt, {nowhere}) if pmt < {n_pmts} else {nowhere}"
placed = "spot < {nowhere}"
du = "lookup(place, module_du)"
floor = "lookup(place, module_floor)"
{columns}
{axes}
view = "0 if placed else {NOWHERE}"

{base[base.index("[shape]") :].strip()}
position_mm = ["x_mm", "y_mm", "z_mm"]
view = "view"

# One value per module, in the order of their ids; one per PMT, a line for each module. The last
# one is for what is not placed.
[tables]
{"".join(tables)}"""


def _table(name: str, rows: list[list[float]]) -> str:
    body = ",\n".join("  " + ", ".join(map(repr, row)) for row in rows)
    return f"{name} = [\n{body},\n]\n"


class _Lines:
    """The lines of a file, one after the other, without comments and empty ones."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = self._walk(text)
        self._number = 0

    def _walk(self, text: str) -> Iterator[list[str]]:
        for number, line in enumerate(text.splitlines(), 1):
            tokens = line.split()
            if tokens and not tokens[0].startswith("#"):
                self._number = number
                yield tokens

    def next(self, what: str, n_tokens: int | None) -> list[str]:
        """The tokens of the next line; SourceError where there are not so many."""
        tokens = next(self._lines, None)
        if tokens is None:
            raise SourceError(f"{self._path}: it ends where {what} is expected: is it cut off?")
        if n_tokens is not None and len(tokens) != n_tokens:
            raise self.wrong(f"{what} is expected, {n_tokens} numbers, not {len(tokens)}")
        return tokens

    def end(self) -> None:
        """Raise SourceError for a line behind the last module."""
        if next(self._lines, None) is not None:
            raise self.wrong("it is behind the last module that the file announces")

    def wrong(self, problem: str) -> SourceError:
        """The error that names file and line."""
        return SourceError(f"{self._path}: line {self._number}: {problem}")

    def whole(self, token: str) -> int:
        """A whole number."""
        try:
            return int(token)
        except ValueError:
            raise self.wrong(f"{token} is no whole number") from None

    def numbers(self, pmts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Position, direction and t0 of a module's PMTs, whose last line is this one."""
        try:
            found = np.array([pmt[1:8] for pmt in pmts], np.float64)
        except ValueError as error:
            raise self.wrong(f"or a PMT above: {error}") from None
        if not np.isfinite(found).all():
            raise self.wrong("or a PMT above: it has a number that isn't finite")
        return found

    def moment(self, token: str) -> datetime | None:
        """A time in s since 1970; None for 0, which says that nobody knows."""
        try:
            seconds = float(token)
            return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
        except (ValueError, OverflowError, OSError):
            raise self.wrong(f"{token} is no time in s since 1970") from None

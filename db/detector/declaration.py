"""Declarations by name, file or text."""

import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from db.detector.calibration import calibrated
from db.detector.detector import Detector
from db.detector.keys import suggest
from db.detector.layout import lay_out
from db.detector.reader import read
from db.errors import DeclarationError

BUILT_IN = Path(__file__).parents[1] / "detectors"


def available(folders: Iterable[Path] = ()) -> list[str]:
    """The names of the detectors that are declared in the folders or built in, sorted."""
    return sorted({path.stem for folder in (*folders, BUILT_IN) for path in folder.glob("*.toml")})


def load(name_or_path: str | Path, folders: Iterable[Path] = ()) -> Detector:
    """The detector of that name in the first of the folders that has it, or built in; or of a file.

    What ends in ``.toml`` is a file. Raises DeclarationError if it isn't there, or is wrong.
    """
    folders, places = tuple(folders), [Path(name_or_path)]
    if places[0].suffix != ".toml":
        places = [folder / f"{name_or_path}.toml" for folder in (*folders, BUILT_IN)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        hint = suggest(Path(name_or_path).stem, available(folders))
        raise DeclarationError(f"there is no detector {name_or_path}; {hint}")
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path}: it can't be read: {error}") from None
    detector = loads(source, str(path))
    if detector.name != path.stem:
        problem = f"it declares {detector.name}: give file and detector the same name"
        raise DeclarationError(f"{path}: {problem}")
    return detector


def loads(source: str, file: str = "declaration") -> Detector:
    """The detector that a declaration's text describes; ``file`` is what errors call it.

    Raises DeclarationError with the file, the key and what to do.
    """
    try:
        declared = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"{file}: this is not TOML: {error}") from None
    table = None
    if "table" in declared:
        declared, table = lay_out(declared, file)
    base = read(declared, file, source)
    periods = []
    for start, values in calibrated(declared, file):
        detector = read(values, f"{file} as calibrated on {start:%Y-%m-%d}", source)
        for name in ("t", "hit", "timed", "corrupt", "link"):
            if detector.nodes.get(name) != base.nodes.get(name):
                problem = (
                    f"words were stored by {name}, it can't change: calibrate a column instead"
                )
                raise DeclarationError(f"{file} as calibrated on {start:%Y-%m-%d}: {problem}")
        periods.append((start, detector))
    return replace(base, periods=tuple(periods), table=table)

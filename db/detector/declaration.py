"""Declarations by name, file or text."""

import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from db.detector.calibration import calibrated, calibrations_of
from db.detector.detector import Detector
from db.detector.keys import Keys, suggest
from db.detector.layout import lay_out
from db.detector.reader import TOP, read
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
        given = Path(name_or_path)
        if given.suffix != ".toml" and given.exists():
            raise DeclarationError(f"{given}: a declaration's file ends in .toml")
        what = "file" if given.suffix == ".toml" else "detector"
        hint = suggest(given.stem, available(folders))
        raise DeclarationError(f"there is no {what} {given}; {hint}")
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path}: it can't be read: {error}") from None
    return _read(source, str(path), called=path.stem)


def loads(source: str, file: str = "declaration") -> Detector:
    """The detector that a declaration's text describes; ``file`` is what errors call it.

    Raises DeclarationError with a line for each fault: the file, the key and what to do.
    """
    return _read(source, file)


def _read(source: str, file: str, called: str | None = None) -> Detector:
    try:
        declared = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"{file}: this is not TOML: {error}") from None
    keys = Keys(declared, file).as_meant((*TOP, "table"))
    if called is not None and isinstance(name := declared.get("name"), str) and name != called:
        problem = f"{file}: it declares {name}: give file and detector the same name"
        keys.note(DeclarationError(problem))
    table = None
    if "table" in keys.values:
        keys, table = lay_out(keys)
    calibrations = calibrations_of(keys)
    base = read(keys, source)
    periods = []
    for start, values in calibrated(keys.values, calibrations):
        dated = f"{file} as calibrated on {start:%Y-%m-%d}"
        detector = read(Keys(values, dated), source)
        for name in ("t", "hit", "timed", "corrupt", "link"):
            if detector.nodes.get(name) != base.nodes.get(name):
                problem = (
                    f"words were stored by {name}, it can't change: calibrate a column instead"
                )
                raise DeclarationError(f"{dated}: {problem}")
        periods.append((start, detector))
    return replace(base, periods=tuple(periods), table=table)

"""Constants and tables that hold for a time, in place of those that a declaration begins with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from db.detector.keys import Keys, suggest

KINDS = ("constants", "tables")
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Calibration:
    """Constants and tables that replace the declaration's own in [start, stop)."""

    keys: Keys
    start: datetime
    stop: datetime
    measured: datetime
    """Where two give a name a value, that which was measured later does."""
    values: Mapping[str, Mapping[str, Any]]


def calibrations_of(keys: Keys) -> list[Calibration]:
    """The calibrations of a declaration; what is wrong with them is noted."""
    entries = keys.tried("calibration", None, keys.get, "calibration", list) or []
    read = [
        keys.tried("", None, _calibration, entry, n, keys) for n, entry in enumerate(entries, 1)
    ]
    return [each for each in read if each is not None]


def calibrated(
    declared: Mapping[str, Any], parts: Sequence[Calibration]
) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
    """From when on which values hold: the declaration as it reads from each date on, in order.

    Of calibrations that give a name a value at one time, the one measured last holds; raises
    DeclarationError where none was measured before the other.
    """
    parts = sorted(parts, key=lambda part: part.measured)
    for moment in sorted({moment for part in parts for moment in (part.start, part.stop)}):
        values: dict[str, dict[str, Any]] = {kind: dict(declared.get(kind, {})) for kind in KINDS}
        given: dict[str, datetime] = {}
        for part in parts:
            if part.start <= moment < part.stop:
                for kind in KINDS:
                    names = part.values[kind]
                    if twice := sorted(n for n in names if given.get(n) == part.measured):
                        problem = f"another one gives a value for {moment:%Y-%m-%d}: end that first"
                        raise part.keys.wrong(twice[0], problem)
                    given |= dict.fromkeys(names, part.measured)
                    values[kind] |= names
        yield moment, {**declared, **values}


def calibration_entry(
    values: Mapping[str, Mapping[str, Any]],
    start: datetime,
    stop: datetime | None,
    measured: datetime,
) -> str:
    """Return the text of a calibration, to be added to a declaration.

    ``values`` has names and values of ``constants``, ``tables`` or both.
    """
    end = f"to = {stop.isoformat()}\n" if stop else ""
    given = "".join(
        f"{kind} = {{ {', '.join(f'{name} = {value}' for name, value in names.items())} }}\n"
        for kind, names in values.items()
        if names
    )
    return (
        f"\n[[calibration]]\nfrom = {start.isoformat()}\n{end}measured = {measured.isoformat()}\n"
        f"{given}"
    )


def _calibration(entry: object, n: int, declared: Keys) -> Calibration:
    if not isinstance(entry, dict):
        raise declared.wrong("calibration", "write each one below [[calibration]]")
    keys = declared.part(f"[[calibration]] number {n}", entry)
    start = keys.tried("", EARLIEST, _moment, keys, "from", EARLIEST)
    stop = keys.tried("", LATEST, _moment, keys, "to", LATEST)
    measured = keys.tried("", EARLIEST, _moment, keys, "measured", EARLIEST)
    if start >= stop:
        keys.note(keys.wrong("to", f"{stop} is not after {start}"))
    values = {}
    for kind in KINDS:
        values[kind] = keys.table(kind).values
        known = declared.table(kind).values
        for name in values[kind]:
            if name not in known:
                problem = f"the declaration has no such name in [{kind}]; {suggest(name, known)}"
                keys.note(keys.wrong(f"{kind} {name}", problem))
    keys.close()
    return Calibration(keys, start, stop, measured, values)


def _moment(keys: Keys, key: str, otherwise: datetime) -> datetime:
    value = keys.get(key, date)
    if value is None:
        return otherwise
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value.tzinfo is None:
        raise keys.wrong(key, f"which zone? For UTC write {value.isoformat()}Z")
    return value.astimezone(UTC)

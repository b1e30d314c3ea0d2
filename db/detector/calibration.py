from collections.abc import Iterator, Mapping
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
    values: Mapping[str, Mapping[str, Any]]


def calibrated(
    declared: Mapping[str, Any], file: str
) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
    """From when on which values hold: the declaration as it reads from each date on, in order.

    Raises DeclarationError, also for two calibrations that give a name a value at one time.
    """
    entries = Keys(declared, file).get("calibration", list) or []
    parts = [_calibration(entry, n, declared, file) for n, entry in enumerate(entries, 1)]
    for moment in sorted({moment for part in parts for moment in (part.start, part.stop)}):
        values: dict[str, dict[str, Any]] = {kind: dict(declared.get(kind, {})) for kind in KINDS}
        given: set[str] = set()
        for part in parts:
            if part.start <= moment < part.stop:
                for kind in KINDS:
                    if twice := sorted(given & part.values[kind].keys()):
                        problem = f"another one gives a value for {moment:%Y-%m-%d}: end that first"
                        raise part.keys.wrong(twice[0], problem)
                    given |= part.values[kind].keys()
                    values[kind] |= part.values[kind]
        yield moment, {**declared, **values}


def _calibration(entry: object, n: int, declared: Mapping[str, Any], file: str) -> Calibration:
    if not isinstance(entry, dict):
        raise Keys(declared, file).wrong("calibration", "write each one below [[calibration]]")
    keys = Keys(entry, file, f"[[calibration]] number {n}")
    start, stop = _moment(keys, "from", EARLIEST), _moment(keys, "to", LATEST)
    if start >= stop:
        raise keys.wrong("to", f"{stop} is not after {start}")
    values = {}
    for kind in KINDS:
        values[kind] = keys.get(kind, dict) or {}
        known = declared.get(kind, {})
        for name in values[kind]:
            if name not in known:
                problem = f"the declaration has no such name in [{kind}]; {suggest(name, known)}"
                raise keys.wrong(f"{kind} {name}", problem)
    keys.close()
    return Calibration(keys, start, stop, values)


def _moment(keys: Keys, key: str, otherwise: datetime) -> datetime:
    value = keys.get(key, date)
    if value is None:
        return otherwise
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value.tzinfo is None:
        raise keys.wrong(key, f"which zone? For UTC write {value.isoformat()}Z")
    return value.astimezone(UTC)

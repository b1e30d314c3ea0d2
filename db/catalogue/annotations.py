"""What people say of runs: free fields with values, and tags; and who said what when.

They are no part of a run's entry, which the readout writes: neither overwrites the other.
"""

import json
import keyword
import math
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
import pyarrow as pa

from db.engine import Engine
from db.errors import UsageError
from db.json_text import json_text

Value = bool | int | float | str
"""Of a field; a tag that is there has the value True."""

OF_EVERY_RUN = ("run", "name", "state", "detector", "note")
"""What a selection of runs may name beside fields: no field is called so."""
_WORDS = {"fields", "tags", "abs", "min", "max", "lookup", *OF_EVERY_RUN}
_FIELD = re.compile(r"[A-Za-z]\w{0,99}", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9][\w.:/+-]{0,99}", re.ASCII)
LONGEST_TEXT, MOST = 1000, 200
_EXACT = 2**53
_RANDOM = 20


@dataclass(frozen=True)
class Edit:
    """A change of what is said of a run. Raises UsageError for what no run may have."""

    fields: Mapping[str, Value] = field(default_factory=dict)
    """Values that fields get."""
    unset: Collection[str] = ()
    """Fields that go."""
    tags: Collection[str] = ()
    untag: Collection[str] = ()

    def __post_init__(self) -> None:
        for name, value in self.fields.items():
            _check_field(name)
            _check_value(name, value)
        for tag in self.tags:
            if not _TAG.fullmatch(tag):
                raise UsageError(
                    f"{tag[:40]!r} is no tag: begin with a letter or digit, go on with those and"
                    " any of _ . : / + -, up to 100"
                )
        both = {*self.fields} & {*self.unset} or {*self.tags} & {*self.untag}
        if both:
            raise UsageError(f"{min(both)} is given and taken away at once: decide for one")

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return bool(self.fields or self.unset or self.tags or self.untag)


@dataclass(frozen=True)
class Annotations:
    """What is said of a run now."""

    fields: Mapping[str, Value] = field(default_factory=dict)
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class Change:
    """A field or a tag that changed."""

    at: datetime
    who: str
    tag: bool
    """A tag; else a field."""
    name: str
    before: Value | None
    """None: it was not there."""
    after: Value | None
    """None: it was taken away."""


def annotate(engine: Engine, run_id: int, edit: Edit, who: str) -> Annotations:
    """Change what is said of a run, all at once, and return what is said of it then.

    What is so already is not said again. Raises UsageError for names to take away that are not
    there, and when there would be more than 200 fields or tags.
    """
    now, last = _state(engine, run_id)
    wanted: dict[tuple[bool, str], Value | None] = {
        **{(False, name): value for name, value in edit.fields.items()},
        **{(True, name): True for name in edit.tags},
        **{(False, name): None for name in edit.unset},
        **{(True, name): None for name in edit.untag},
    }
    for (tag, name), value in wanted.items():
        if value is None and (tag, name) not in now:
            what, there = "tag" if tag else "field", sorted(n for t, n in now if t == tag)
            raise UsageError(f"run {run_id} has no {what} {name[:40]}: {_listed(there)}")
    new = {k: v for k, v in (now | wanted).items() if v is not None}
    if len(new) > MOST:
        raise UsageError(f"a run has up to {MOST} fields and tags: run {run_id} would have more")
    changed = {k: v for k, v in wanted.items() if not _same(v, now.get(k))}
    if changed:
        engine.shards[0].here.insert("annotations", _rows(run_id, _after(last), changed, who))
    return _annotations(new)


def read_annotations(engine: Engine, run_ids: Sequence[int]) -> dict[int, Annotations]:
    """Return what is said of each of these runs now."""
    found = engine.shards[0].here.fetch(
        "SELECT run_id, tag, name, argMax(value, revision) AS value FROM annotations"
        " WHERE has({runs:Array(UInt32)}, run_id)"
        " AND run_id BETWEEN {first:UInt32} AND {last:UInt32}"  # what the index understands
        " GROUP BY run_id, tag, name HAVING value != '' ORDER BY run_id, tag, name",
        {"runs": list(run_ids), "first": min(run_ids, default=0), "last": max(run_ids, default=0)},
    )
    said: dict[int, dict[tuple[bool, str], Value]] = {run_id: {} for run_id in run_ids}
    for row in found.to_pylist():
        said[row["run_id"]][row["tag"], row["name"]] = json.loads(row["value"])
    return {run_id: _annotations(each) for run_id, each in said.items()}


def read_history(engine: Engine, run_id: int) -> list[Change]:
    """Return all that was ever said of a run, in order of time."""
    now: dict[tuple[bool, str], Value] = {}
    history = []
    for row in _entries(engine, run_id).iter_rows(named=True):
        key, value = (row["tag"], row["name"]), _value(row["value"])
        history.append(Change(row["at"], row["who"], *key, now.get(key), value))
        now = {k: v for k, v in (now | {key: value}).items() if v is not None}
    return history


def known_names(engine: Engine, *, tag: bool, among: Collection[str] | None = None) -> set[str]:
    """Return the fields, or the tags, that any run ever had; only those ``among`` some if given."""
    which = "" if among is None else " AND has({among:Array(String)}, name)"
    found = engine.shards[0].here.fetch(
        f"SELECT DISTINCT toString(name) AS name FROM annotations WHERE tag = {{tag:UInt8}}{which}",
        {"tag": int(tag), "among": list(among or ())},
    )
    return set(found["name"].to_pylist())


def _state(engine: Engine, run_id: int) -> tuple[dict[tuple[bool, str], Value], int]:
    """What is said of a run by kind and name, and the number of its last change."""
    entries = _entries(engine, run_id)
    last = {(tag, name): _value(text) for tag, name, text in entries["tag", "name", "value"].rows()}
    now = {key: value for key, value in last.items() if value is not None}
    return now, int(entries["revision"].max() or 0)  # type: ignore[arg-type]  # integers


def _entries(engine: Engine, run_id: int) -> pl.DataFrame:
    found = engine.shards[0].here.fetch(
        "SELECT revision, at, who, tag, toString(name) AS name, value FROM annotations"
        " WHERE run_id = {run:UInt32} ORDER BY revision, tag, name",
        {"run": run_id},
    )
    return pl.DataFrame(pl.from_arrow(found))


def _after(revision: int) -> int:
    """The next revision. Of two who take it at the same moment one is behind, for every reader."""
    return ((revision >> _RANDOM) + 1 << _RANDOM) | secrets.randbits(_RANDOM)


def _rows(
    run_id: int, revision: int, changed: Mapping[tuple[bool, str], Value | None], who: str
) -> pa.Table:
    n = len(changed)
    return pa.table(
        {
            "run_id": pa.array([run_id] * n, pa.uint32()),
            "revision": pa.array([revision] * n, pa.uint64()),
            "tag": [tag for tag, _ in changed],
            "name": [name for _, name in changed],
            "value": ["" if value is None else json_text(value) for value in changed.values()],
            "number": pa.array([_number(value) for value in changed.values()], pa.float64()),
            "who": [who] * n,
        }
    )


def _annotations(now: Mapping[tuple[bool, str], Value]) -> Annotations:
    names = sorted(now)
    return Annotations(
        {name: now[False, name] for tag, name in names if not tag},
        tuple(name for tag, name in names if tag),
    )


def _same(a: Value | None, b: Value | None) -> bool:
    return type(a) is type(b) and a == b  # True == 1, and 22 == 22.0


def _number(value: Value | None) -> float:
    return math.nan if value is None or isinstance(value, bool | str) else float(value)


def _value(text: str) -> Value | None:
    return json.loads(text) if text else None


def _check_field(name: str) -> None:
    if not _FIELD.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name[:40]!r} is no name of a field: write letters, digits and _, a letter first, up"
            " to 100, and no word of Python's"
        )
    if name in _WORDS:
        raise UsageError(f"no field can be called {name}: it has a meaning in selections of runs")


def _check_value(name: str, value: object) -> None:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT or not value.isprintable():
            raise UsageError(
                f"the text of {name} has up to {LONGEST_TEXT} characters, all of which can be"
                " printed"
            )
    elif isinstance(value, int):
        if abs(value) > _EXACT:
            raise UsageError(f"{name}: whole numbers beyond 2**53 are not exact: write a text")
    elif not isinstance(value, float):
        raise UsageError(f"{name}: a value is a number, a text, true or false")
    elif not math.isfinite(value):
        raise UsageError(f"{name}: {value} is no number: leave the field out")


def _listed(names: Sequence[str]) -> str:
    return f"it has {', '.join(names[:20])}" if names else "it has none"

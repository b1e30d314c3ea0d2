"""What a trigger is, and two ways to write one: a decorated function, a SELECT with a header."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, Literal

import polars as pl

from db.errors import TriggerError
from db.relations.relation import SOURCES
from db.time import duration_ticks, is_duration
from db.user_sql.names import parameters, parse
from db.user_sql.names import reads as read_by
from software_triggers.parameters import FILE, SQL_TYPES, Kind, checked, in_ticks, kind_of, kinds_of
from software_triggers.reached import Reached, reached


@dataclass(frozen=True)
class Trigger:
    """A question to the hits that has moments for answers: rows with a time ``t``, and more."""

    name: str
    kind: Literal["sql", "python"]
    reach: str
    """How far from its window a trigger must look, so that a row in the window is right: a
    duration, a parameter, or a sum of these: ``"within + 1 us"``."""
    reads: tuple[str, ...]
    """``hits``, ``words``, ``rates`` (words of each channel in each slice of time, counted at
    insert; t is the slice's begin, ``hit`` tells sound hits from others), and names of triggers."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Names and default values."""
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    """The parameters' types, where they don't follow from the defaults. A time, given as
    ``"25 ns"`` or in ticks, reaches the trigger in ticks; a file as a path."""
    version: str = "1"
    source: str = ""
    file: str = ""
    """The whole text of the file that a Python trigger comes from; empty if it is installed."""
    doc: str = ""
    uses: tuple[str, ...] = ()
    """Columns that it looks at, of whatever it reads; empty where it does not say."""
    nulls: bool = True
    """Whether a Python trigger may leave values out (null) in columns other than t."""
    signed: bool = True
    """Whether a Python trigger gets unsigned columns of less than 64 bits as signed ones of twice
    the width."""
    code: str = ""
    """Hash of all that a Python trigger's function can reach, if it lies in another process."""
    uncovered: tuple[str, ...] = ()
    """Names of values that this hash can't cover."""
    compute: Callable[..., pl.DataFrame] | None = field(default=None, compare=False)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names that a Python trigger's function takes."""
        return tuple(inspect.signature(self.compute).parameters) if self.compute else ()

    @property
    def files(self) -> tuple[str, ...]:
        """The names of parameters that are files, whose bytes are part of a lineage."""
        return tuple(name for name in self.params if self._kind(name) == FILE)

    def _repr_html_(self) -> str:
        params = ", ".join(f"{name} = {value}" for name, value in self.params.items()) or "none"
        told = f"reads {', '.join(self.reads)}; reach {self.reach}; parameters: {params}"
        about = f"<p>{escape(self.doc)}</p>" if self.doc else ""
        return (
            f"<p><b>{escape(self.name)}</b> ({self.kind}) {escape(told)}</p>{about}"
            f"<pre>{escape(self.source)}</pre>"
        )

    def with_code(self) -> "Trigger":
        """Return the trigger with the hash of what its function can reach by now."""
        if self.compute is None or self.code:
            return self
        found = _reached(self.compute)
        return replace(self, code=found.digest, uncovered=found.uncovered)

    def given(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters, those given in place of the defaults; TriggerError if unknown."""
        unknown = sorted(set(params) - set(self.params))
        if unknown:
            known = ", ".join(f"{k} = {v}" for k, v in self.params.items()) or "none"
            raise TriggerError(
                f"trigger {self.name} has no parameter {unknown[0]!r}; it has: {known}"
            )
        try:
            return {
                name: checked(name, self._kind(name), params.get(name, default))
                for name, default in self.params.items()
            }
        except TriggerError as fault:
            raise TriggerError(f"trigger {self.name}: {fault}") from None

    def in_ticks(self, params: Mapping[str, Any], tick: Fraction) -> dict[str, Any]:
        """Return all parameters with times in ticks, rounded up; TriggerError if one is too long
        for its type."""
        try:
            return in_ticks(params, {name: self._kind(name) for name in self.params}, tick)
        except TriggerError as fault:
            raise TriggerError(f"trigger {self.name}: {fault}") from None

    def _kind(self, name: str) -> Kind:
        return self.kinds.get(name) or kind_of(self.params[name])

    def reach_ticks(self, params: Mapping[str, Any], tick: Fraction) -> int:
        """Return the reach in ticks, rounded up, with the parameters given."""
        total = 0
        for part in (p.strip() for p in self.reach.split("+")):
            value = params.get(part, part)
            if isinstance(value, int) and value < 0:
                raise TriggerError(
                    f"trigger {self.name}: {part} = {value} would shorten its reach: it must not be"
                    " negative"
                )
            if isinstance(value, int):
                total += value
            elif is_duration(value):
                total += duration_ticks(value, tick)
            else:
                raise TriggerError(
                    f"trigger {self.name}: reach {self.reach!r} is neither a duration nor the name"
                    " of a parameter: write it like 'reach: 1 us' or 'reach: within + 1 us'"
                )
        return total


@lru_cache(maxsize=1024)
def _reached(function: Callable[..., pl.DataFrame]) -> Reached:
    """Return it as it was at the first look: what a function keeps for itself changes nothing."""
    return reached(function)


def trigger(
    *,
    reach: str,
    depends_on: str | Sequence[str] = "hits",
    version: int | str = 1,
    uses: Sequence[str] = (),
    name: str | None = None,
    nulls: bool = True,
    signed: bool = True,
) -> Callable[[Callable[..., pl.DataFrame]], Trigger]:
    """Make a trigger of a function from Polars frames to a Polars frame with a column ``t``.

    The function takes what it depends on by argument name, in order of t or not, with all rows of
    the window and its margins; it may also ask for ``detector``, the declaration. Keyword arguments
    with defaults are the trigger's parameters. One with a default like ``"25 ns"`` is a time and
    comes in ticks, unless it is annotated as ``str``: write ``int | str``. One that is a ``Path``
    is a file, the default one beside the trigger's own: the bytes in it are part of the lineage.
    What a function opens otherwise, no lineage covers. ``uses`` names the
    columns that it looks at, of whatever it reads, so that no others are fetched. Values may be
    null, in t never; with ``nulls`` false nowhere, which saves space. Unsigned columns come as
    signed ones of twice the width, so that differences don't wrap around; with ``signed`` false,
    and for those of 64 bits, as they are: ``pl.col("adc").diff()`` wraps there. What it returns
    must be right for every t in the window, given that it sees ``reach`` beyond; rows outside are
    cut off by the caller.
    """
    reads = (depends_on,) if isinstance(depends_on, str) else tuple(depends_on)

    def make(function: Callable[..., pl.DataFrame]) -> Trigger:
        arguments = inspect.signature(function).parameters
        named = name or function.__name__
        kinds = kinds_of(function)
        params = {n: a.default for n, a in arguments.items() if a.default is not a.empty}
        folder = Path(function.__code__.co_filename).absolute().parent
        params |= {n: str(folder / params[n]) for n in params if kinds[n] == FILE}
        missing = [n for n in reads if n not in arguments]
        extra = [n for n in arguments if n not in (*reads, *params, "detector")]
        if missing or extra:
            wrong = f"does not take {missing[0]!r}" if missing else f"takes {extra[0]!r}"
            raise TriggerError(
                f"trigger {named} {wrong}: its arguments are what it depends on"
                f" ({', '.join(reads)}), 'detector' if wanted, and parameters with defaults"
            )
        return Trigger(
            name=_checked_name(named),
            kind="python",
            reach=reach,
            reads=reads,
            params=params,
            kinds=kinds,
            version=str(version),
            source=inspect.getsource(function),
            doc=inspect.getdoc(function) or "",
            uses=tuple(uses),
            nulls=nulls,
            signed=signed,
            compute=function,
        )

    return make


def sql_trigger(text: str) -> Trigger:
    """Make a trigger of SQL: a comment header and one SELECT that returns ``t``.

    Header lines are ``-- key: value`` with the keys trigger, reach, params, uses, version, about.
    The parameters are written ``name Type = default`` and stand in the SELECT as ``{name:Type}``;
    ``uses`` names columns, with commas, without which the trigger does not fit a detector.
    Raises TriggerError or SqlError with what is wrong in which line.
    """
    header: dict[str, str] = {}
    for number, line in enumerate(text.strip().splitlines(), 1):
        if not line.startswith("--"):
            break
        match = re.fullmatch(r"--\s*(\w+)\s*:\s*(.*?)\s*", line)
        if match and match[1] in _HEADER:
            header[match[1]] = match[2]
        elif match and len(header) == 0:
            raise TriggerError(
                f"line {number}: {match[1]!r} is no key of a trigger's header;"
                f" keys: {', '.join(_HEADER)}"
            )
    for key in ("trigger", "reach"):
        if key not in header:
            raise TriggerError(f"the SQL has no header line '-- {key}: ...'; put one on top")
    params, kinds = _sql_params(header.get("params", ""))
    tree = parse(text)
    used = parameters(tree)
    for name, kind in used.items():
        if name not in params:
            raise TriggerError(
                f"trigger {header['trigger']}: parameter {name} is used but not declared:"
                f" add it to the header: -- params: {name} {kind or 'Int64'} = ..."
            )
        declared = kinds[name].removeprefix("time ")
        if kind and kind.replace(" ", "") != declared:
            raise TriggerError(
                f"trigger {header['trigger']}: parameter {name} is declared {declared}"
                f" and used as {kind}"
            )
    return Trigger(
        name=_checked_name(header["trigger"]),
        kind="sql",
        reach=header["reach"],
        reads=tuple(sorted(read_by(tree))),
        params=params,
        kinds=kinds,
        version=header.get("version", "1"),
        source=text,
        doc=header.get("about", ""),
        uses=tuple(filter(None, (u.strip() for u in header.get("uses", "").split(",")))),
    )


_HEADER = ("trigger", "reach", "params", "uses", "version", "about")


def _sql_params(text: str) -> tuple[dict[str, Any], dict[str, Kind]]:
    params: dict[str, Any] = {}
    kinds: dict[str, Kind] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        match = re.fullmatch(rf"(\w+)\s+({SQL_TYPES})\s*=\s*(.+)", part)
        if not match:
            raise TriggerError(
                f"the header's params want 'name Type = default' with Type one of UInt8..UInt64,"
                f" Int8..Int64, Float32, Float64, String: {part!r}"
            )
        name, kind, default = match.groups()
        kinds[name], params[name] = _default(name, kind, default)
    return params, kinds


def _default(name: str, kind: Kind, text: str) -> tuple[Kind, Any]:
    """Return kind and value of a default; integers that are written as durations are times."""
    if kind == "String":
        return kind, text.strip("'\"")
    if is_duration(text) and not kind.startswith("Float"):
        kind = f"time {kind}"
    try:
        return kind, checked(name, kind, text)
    except TriggerError as fault:
        raise TriggerError(f"the header's params: {fault}") from None


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,47}", name) or name in SOURCES:
        raise TriggerError(
            f"{name!r} can't be a trigger's name: use small letters, digits and _, at most 48,"
            f" a letter first, and not {' or '.join(SOURCES)}"
        )
    return name

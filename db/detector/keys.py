"""Reading of TOML tables that refuses what nobody asked for, and tells all that is wrong."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from typing import Any, ParamSpec, TypeVar

from db.errors import DeclarationError

T = TypeVar("T")
P = ParamSpec("P")

NOUN: dict[type, str] = {
    str: "a text in quotes",
    int: "a whole number",
    list: "a list",
    dict: "a table",
    object: "a number or a text",
    date: "a date without quotes, such as 2026-03-01T00:00:00Z",
}


class FollowsError(DeclarationError):
    """What can't be read because of a fault that is noted already."""


@dataclass
class Faults:
    """What is wrong with a declaration, to be told at once."""

    noted: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """What could not be read, in small letters: what uses it is not at fault."""

    def touch(self, text: str) -> bool:
        """Whether an expression uses what could not be read."""
        return any(word.lower() in self.names for word in re.findall(r"\w+", text))

    def refuse(self) -> None:
        """Raise DeclarationError, a line for each fault, if there are any."""
        if self.noted:
            raise DeclarationError("\n".join(self.noted))


class Keys:
    """One table of a TOML file, key by key: what nobody asks for is a fault in the end."""

    def __init__(
        self, values: Mapping[str, Any], file: str, table: str = "", faults: Faults | None = None
    ) -> None:
        self.values, self._file, self._table = values, file, table
        self.faults = Faults() if faults is None else faults
        self._asked: list[str] = []
        self.sound = True
        """Whether nothing of this table is noted."""

    def place(self, key: str) -> str:
        """Where in the file a key is: its table and its name."""
        return f"{self._table} {key}".strip()

    def wrong(self, key: str, problem: str) -> DeclarationError:
        """The error that names file, table and key."""
        return DeclarationError(f"{self._file}: {self.place(key)}: {problem}")

    def note(self, fault: DeclarationError) -> None:
        """Keep a fault, to tell it with the others."""
        self.sound = False
        if not isinstance(fault, FollowsError) and str(fault) not in self.faults.noted:
            self.faults.noted.append(str(fault))

    def tried(
        self, name: str, otherwise: T, read: Callable[P, T], *given: P.args, **more: P.kwargs
    ) -> T:
        """What ``read`` returns; where it raises DeclarationError, that is noted.

        ``name`` is what can't be used then.
        """
        try:
            return read(*given, **more)
        except DeclarationError as fault:
            self.note(fault)
            self.faults.names.add(name.lower())
            return otherwise

    def get(self, key: str, kind: type[T]) -> T | None:
        """The key's value, None if it isn't there. Raises DeclarationError for another kind."""
        self._asked.append(key)
        value = self.values.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise self.wrong(key, f"{value!r} is not {NOUN[kind]}")
        return value

    def take(self, key: str, kind: type[T]) -> T:
        """The key's value. Raises DeclarationError if it isn't there, or is of another kind."""
        value = self.get(key, kind)
        if value is None:
            others = [name for name in self.values if name not in self._asked]
            self._asked += get_close_matches(key, others, 1)  # told with this
            raise self.wrong(key, f"is missing; {_near(key, others, 'add it')}")
        return value

    def table(self, key: str) -> "Keys":
        """The keys of a table in this one, none if it isn't there; what is no table is noted."""
        place = self.place(key) if self._table else f"[{key}]"
        values = self.tried(key, None, self.get, key, dict)
        return Keys(values or {}, self._file, place, self.faults)

    def part(self, key: str, values: Mapping[str, Any]) -> "Keys":
        """Keys that are written in short, as the value of ``key``."""
        return Keys(values, self._file, self.place(key), self.faults)

    def with_values(self, values: Mapping[str, Any]) -> "Keys":
        """Other values in the place of this table's."""
        return Keys(values, self._file, self._table, self.faults)

    def as_meant(self, known: Iterable[str]) -> "Keys":
        """The same table with names of ``known`` in place of those that are noted as misspelled."""
        known, values = list(known), dict(self.values)
        for key in self.values:
            if key not in known:
                self.note(self._unknown(key, known))
                missing = [name for name in known if name not in values]
                if near := get_close_matches(key, missing, 1):
                    values[near[0]] = values[key]
                del values[key]
        return self.with_values(values)

    def close(self) -> None:
        """Note each key that nobody asked for."""
        for key in self.values:
            if key not in self._asked:
                self.note(self._unknown(key, self._asked))

    def finish(self) -> None:
        """As ``close``; raises FollowsError if anything of this table is noted."""
        self.close()
        if not self.sound:
            raise FollowsError

    def _unknown(self, key: str, known: list[str]) -> DeclarationError:
        hint = _near(key, known, f"known here: {', '.join(known)}")
        return self.wrong(key, f"there is no such key; {hint}")


def suggest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that isn't known: the nearest one, or all there are."""
    known = list(known)
    return _near(name, known, f"there is {', '.join(known)}" if known else "there is none")


def _near(name: str, known: Iterable[str], otherwise: str) -> str:
    near = get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]}?" if near else otherwise

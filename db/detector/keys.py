"""Reading of TOML tables that refuses what nobody asked for."""

from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any, TypeVar

from db.errors import DeclarationError

T = TypeVar("T")

NOUN: dict[type, str] = {
    str: "a text in quotes",
    int: "a whole number",
    list: "a list",
    dict: "a table",
    object: "a number or a text",
    date: "a date without quotes, such as 2026-03-01T00:00:00Z",
}


class Keys:
    """One table of a TOML file, key by key: what nobody asks for is refused at the end."""

    def __init__(self, values: Mapping[str, Any], file: str, table: str = "") -> None:
        self.values, self._file, self._table = values, file, table
        self._asked: list[str] = []

    def place(self, key: str) -> str:
        """Where in the file a key is: its table and its name."""
        return f"{self._table} {key}".strip()

    def wrong(self, key: str, problem: str) -> DeclarationError:
        """The error that names file, table and key."""
        return DeclarationError(f"{self._file}: {self.place(key)}: {problem}")

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
            raise self.wrong(key, f"is missing; {_near(key, others, 'add it')}")
        return value

    def table(self, key: str) -> "Keys":
        """The keys of a table in this one, none if it isn't there."""
        place = self.place(key) if self._table else f"[{key}]"
        return Keys(self.get(key, dict) or {}, self._file, place)

    def close(self) -> None:
        """Raise DeclarationError for a key that nobody asked for."""
        for key in self.values:
            if key not in self._asked:
                known = f"known here: {', '.join(self._asked)}"
                raise self.wrong(key, f"there is no such key; {_near(key, self._asked, known)}")


def suggest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that isn't known: the nearest one, or all there are."""
    known = list(known)
    return _near(name, known, f"there is {', '.join(known)}" if known else "there is none")


def _near(name: str, known: Iterable[str], otherwise: str) -> str:
    near = get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]}?" if near else otherwise

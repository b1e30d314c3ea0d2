"""What SQL of users may be made of: node kinds, functions by family, functions in FROM.

``allowed.toml`` says it by family with the reason, ``functions.txt`` holds the names that an engine
had for it. Run as a module, this prints the lines of functions.txt for the engine installed here.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from db.engine import Engine

AGGREGATES = "aggregates"


@dataclass(frozen=True)
class AllowList:
    """Names in small letters, except kinds of nodes."""

    nodes: frozenset[str]
    tables: frozenset[str]
    """Functions that may stand in FROM."""
    families: Mapping[str, str]
    """The family of each function."""
    unrepeatable: frozenset[str]
    """Families that may give something else each time."""

    def family(self, function: str) -> str | None:
        """Return the family of a function, an aggregate's combinators cut off; None if refused."""
        name = function.lower()
        while name not in self.families:
            ending = next((each for each in _COMBINATORS if name.endswith(each)), None)
            if ending is None or name == ending:
                return None
            name = name.removesuffix(ending)
            if self.families.get(name) not in (None, AGGREGATES, "chance"):
                return None
        return self.families[name]


_COMBINATORS = (
    "if", "array", "distinct", "ordefault", "ornull", "foreach", "resample", "merge", "simplestate",
    "state", "argmin", "argmax", "map", "tuple",
)  # fmt: skip


@cache
def allow_list() -> AllowList:
    """Return what is allowed."""
    allowed = _policy()
    lines = files(__package__).joinpath("functions.txt").read_text().splitlines()
    pairs = [line.split() for line in lines if line and not line.startswith("#")]
    return AllowList(
        nodes=frozenset(allowed["nodes"]["names"]),
        tables=frozenset(name.lower() for name in allowed["tables"]["names"]),
        families={name.lower(): family for name, family in pairs},
        unrepeatable=frozenset(
            family["name"] for family in allowed["family"] if not family.get("repeatable", True)
        ),
    )


def lines(engine: Engine) -> Iterator[str]:
    """Yield the lines of functions.txt for an engine: each function's name and family."""
    version = engine.fetch("SELECT version() AS v")["v"][0].as_py()
    yield f"# Functions of engine {version} that users may call. Generated: see allowed.toml."
    rows = engine.fetch("SELECT name, alias_to, categories FROM system.functions").to_pylist()
    category = {row["name"]: row["categories"] for row in rows}
    found: dict[str, str] = {}
    for row in rows:
        name = row["alias_to"] or row["name"]
        if family := _family_of(name, category.get(name, "")):
            found[row["name"]] = family
    found |= dict.fromkeys(_BUILT_IN, "types")
    yield from (f"{name} {found[name]}" for name in sorted(found, key=str.lower))


# Called functions in the engine's tree, and listed nowhere.
_BUILT_IN = ("exists", "lambda", "grouping", "arrayJoin")


def _family_of(name: str, category: str) -> str | None:
    for family in _policy()["family"]:
        if any(fnmatchcase(name, pattern) for pattern in family.get("also", ())):
            return str(family["name"])
    for family in _policy()["family"]:
        left_out = any(fnmatchcase(name, pattern) for pattern in family.get("without", ()))
        if category in family.get("categories", ()) and not left_out:
            return str(family["name"])
    return None


@cache
def _policy() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("allowed.toml").read_text())


if __name__ == "__main__":
    import sys
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from db.engine.chdb import ChdbEngine

    with TemporaryDirectory() as folder:
        sys.stdout.writelines(f"{line}\n" for line in lines(ChdbEngine(Path(folder))))

"""Triggers whose code never runs in this process: it is loaded and called in others."""

import base64
import inspect
import pickle
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import structlog

from db.detector import Detector
from software_triggers.files import file_digest
from software_triggers.isolation.origin import Origin, digest
from software_triggers.isolation.pool import ask
from software_triggers.trigger import Trigger

_log = structlog.get_logger()
_told: set[tuple[str, str]] = set()


@dataclass(frozen=True, eq=False)
class Isolated:
    """A trigger's function, called in another process. It takes arguments by name.

    Raises CallError for whatever becomes of it there.
    """

    origin: Origin
    name: str
    digest: str
    arguments: tuple[str, ...]

    @property
    def __signature__(self) -> inspect.Signature:
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in self.arguments])

    def __call__(self, **given: Any) -> pl.DataFrame:
        """Return the frame that the function returns."""
        frames = {name: each for name, each in given.items() if isinstance(each, pl.DataFrame)}
        detector = given.get("detector")
        files = {name: each for name, each in given.items() if isinstance(each, Path)}
        answer, rows = ask(
            _head(self.origin)
            | {
                "name": self.name,
                "digest": self.digest,
                "params": {
                    n: v for n, v in given.items() if n not in ("detector", *frames, *files)
                },
                "files": {name: [str(file), file_digest(file)] for name, file in files.items()},
                "detector": _pickled(detector) if detector else "",
            },
            frames,
        )
        _tell_of_files(
            self.name, answer["opened"], {str(file.absolute()) for file in files.values()}
        )
        return rows["rows"]


@lru_cache(maxsize=256)
def load_isolated(origin: Origin) -> tuple[Trigger, ...]:
    """Return the triggers of some code; CallError when it can't be loaded within the limits."""
    answer, _ = ask(_head(origin), {})
    _tell_of_files(str(origin), answer["opened"], set())
    return tuple(_trigger(origin, told) for told in answer["triggers"])


def _tell_of_files(who: str, opened: list[str], given: set[str]) -> None:
    """Warn, once for each, of files on which results rest and of which a lineage knows nothing."""
    for file in sorted(set(opened) - given):
        if (who, file) not in _told:
            _told.add((who, file))
            _log.warning(
                "a trigger reads a file that its lineage does not cover: results do not become"
                " stale when it changes; make it a parameter that is a Path",
                trigger=who,
                file=file,
            )


def _trigger(origin: Origin, told: dict[str, Any]) -> Trigger:
    version = digest(told)
    arguments = tuple(told.pop("arguments"))
    plain: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in told.items()
    }
    function = Isolated(origin, plain["name"], version, arguments)
    return Trigger(**plain, compute=function if plain["kind"] == "python" else None)


def _head(origin: Origin) -> dict[str, Any]:
    text = base64.b64encode(origin.text).decode()
    return {"path": origin.path, "text": text, "plug_in": origin.plug_in}


@lru_cache(maxsize=8)
def _pickled(detector: Detector) -> str:
    return base64.b64encode(pickle.dumps(detector)).decode()

"""Where a trigger's Python code comes from, and how it becomes triggers."""

import importlib.util
import json
import linecache
import sys
from dataclasses import dataclass, fields
from hashlib import blake2b
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from software_triggers.trigger import Trigger


@dataclass(frozen=True)
class Origin:
    """A file with its text, or the entry point of an installed plug-in."""

    path: str = ""
    text: bytes = b""
    plug_in: str = ""
    """``module:attribute`` or ``module``."""

    def __str__(self) -> str:
        """Return what errors call it."""
        return self.path or f"plug-in {self.plug_in}"


def triggers_in(module: ModuleType) -> list[Trigger]:
    """Return the triggers that a module has, in order."""
    return [value for value in vars(module).values() if isinstance(value, Trigger)]


def run_code(origin: Origin) -> list[Trigger]:
    """Run the code and return its triggers; raises whatever it raises."""
    if origin.plug_in:
        loaded = EntryPoint("trigger", origin.plug_in, "").load()
        found = [loaded] if isinstance(loaded, Trigger) else triggers_in(loaded)
        return [trigger.with_code() for trigger in found]
    name = f"everyhit_trigger_{Path(origin.path).stem}"
    loader = _TextLoader(name, origin.path, origin.text)
    spec = importlib.util.spec_from_file_location(name, origin.path, loader=loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inspect.getsource looks for it there
    lines = origin.text.decode(errors="replace").splitlines(keepends=True)
    # Without a time the lines stay those that were run, whatever the file becomes.
    linecache.cache[origin.path] = (len(origin.text), None, lines, origin.path)
    loader.exec_module(module)
    return [trigger.with_code() for trigger in triggers_in(module)]


class _TextLoader(SourceFileLoader):
    """Runs the text that it is given, not what stands in the file by now."""

    def __init__(self, name: str, path: str, text: bytes) -> None:
        super().__init__(name, path)
        self._text = text

    def get_data(self, path: str) -> bytes:
        return self._text

    def path_stats(self, path: str) -> dict[str, Any]:
        raise OSError("no bytecode is kept")


def described(trigger: Trigger) -> dict[str, Any]:
    """Return all of a trigger but its function, to be sent."""
    told = {field.name: getattr(trigger, field.name) for field in fields(trigger)}
    del told["compute"]
    return told | {"arguments": trigger.arguments}


def digest(description: dict[str, Any]) -> str:
    """Return what tells two versions of a trigger apart."""
    return blake2b(json.dumps(description, sort_keys=True).encode(), digest_size=8).hexdigest()

"""What a trigger's function can reach by name, hashed: code and values that its results rest on."""

import copyreg
import dis
import functools
import sys
import sysconfig
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import import_module, metadata
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
_ATOMS = (bool, int, float, complex, str, bytes, type(None), type(...), np.generic)
_SETS = (set, frozenset)
_LOCKS = (type(threading.Lock()), type(threading.RLock()), threading.local)
_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_OF_CLASS = frozenset(
    {
        "__module__",
        "__dict__",
        "__weakref__",
        "__doc__",
        "__annotations__",
        "__abstractmethods__",
        "_abc_impl",
        "__dataclass_fields__",
        "__dataclass_params__",
        "__match_args__",
    }
)
"""Of a class, what is no code and no value of its own."""


@dataclass(frozen=True)
class Reached:
    """What a function can reach."""

    digest: str
    """Equal for equal code and values, in any process of the same version of Python."""
    uncovered: tuple[str, ...]
    """Names of values that can't be hashed: a result does not become stale when they change."""


def reached(function: Callable[..., Any]) -> Reached:
    """Return what a function can reach: its code, closure, and whatever the code names.

    Functions, classes and constants of the function's own package, and of files that no package
    installed, are followed. Others count by the version of their package. What is only reached
    through ``getattr`` or a file that is read is not seen.
    """
    walk = _Walk(function)
    walk.value(function)
    return Reached(walk.hash.hexdigest(), tuple(dict.fromkeys(walk.uncovered)))


class _Walk:
    def __init__(self, function: Callable[..., Any]) -> None:
        self._home = _top(getattr(function, "__module__", None) or "")
        self._seen: dict[int, tuple[int, Any]] = {}
        self._path: list[str] = []
        self.hash = blake2b(digest_size=16)
        self.uncovered: list[str] = []

    def _put(self, *words: object) -> None:
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            self.hash.update(len(data).to_bytes(8, "little") + data)

    def value(self, value: Any, name: str = "") -> None:
        """Take a value into the hash."""
        if isinstance(value, _ATOMS):
            self._put(type(value).__name__, repr(value))
            return
        if id(value) in self._seen:
            self._put("again", self._seen[id(value)][0])
            return
        self._seen[id(value)] = len(self._seen), value  # kept: its id stays its own
        if name:
            self._path.append(name)
        self._put(type(value).__name__)
        self._compound(value)
        if name:
            self._path.pop()

    def _compound(self, value: Any) -> None:
        match value:
            case types.FunctionType():
                self._function(value)
            case types.ModuleType():
                self._put_version(value.__name__)
            case types.CodeType():
                self._code(value)
            case types.CellType():
                self._cell(value)
            case type():
                self._class(value)
            case types.MethodType():
                self._all((value.__func__, value.__self__))
            case functools.partial():
                self._all((value.func, value.args, value.keywords))
            case property():
                self._all((value.fget, value.fset, value.fdel))
            case tuple() | list():
                self._put(len(value))
                self._all(value)
            case dict():
                self._put(len(value))
                self._all(part for pair in value.items() for part in pair)
            case np.ndarray() if not value.dtype.hasobject:
                self._put(value.dtype, value.shape, np.ascontiguousarray(value).tobytes())
            case _ if isinstance(value, _SETS):
                self._put(*sorted(self._apart(part) for part in value))
            case _ if isinstance(value, (*_LOCKS, *_DESCRIPTORS)):
                pass
            case _ if inner := _inside(value):
                self.value(inner)
            case _:
                self._object(value)

    def _all(self, values: Iterable[Any]) -> None:
        for value in values:
            self.value(value)

    def _apart(self, value: Any) -> str:
        walk = _Walk(lambda: None)
        walk._home, walk._path = self._home, self._path
        walk.value(value)
        self.uncovered += walk.uncovered
        return walk.hash.hexdigest()

    def _function(self, function: types.FunctionType) -> None:
        if not self._is_own(function.__module__):
            self._put(function.__qualname__)
            self._put_version(function.__module__)
            return
        self._all((function.__code__, function.__defaults__, function.__kwdefaults__))
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            self.value(cell, name)
        for code in _nested(function.__code__):
            self._named(code, function.__globals__)

    def _cell(self, cell: types.CellType) -> None:
        try:
            self.value(cell.cell_contents)
        except ValueError:
            self._put("empty")

    def _code(self, code: types.CodeType) -> None:
        self._put(sys.version_info[:2], code.co_code, code.co_names, code.co_varnames)
        self._all(code.co_consts)

    def _named(self, code: types.CodeType, names: dict[str, Any]) -> None:
        """Take in what a function's code names: globals, and attributes of modules of its own."""
        wanted, imported, attributes = _names(code, names.get("__package__") or "")
        for name in wanted:
            if name in names:
                self._follow(names[name], name, attributes)
        for name in imported:
            if not self._is_own(name):
                self._put_version(name)
                continue
            try:
                module = import_module(name)
            except ImportError:
                self.uncovered.append(name)
            else:
                self._follow(module, name, attributes)

    def _follow(self, value: Any, name: str, attributes: list[str]) -> None:
        self._put(name)
        self.value(value, name)
        if isinstance(value, types.ModuleType) and self._is_own(value.__name__):
            for attribute in attributes:
                inside = getattr(value, attribute, None)
                if inside is not None and id(inside) not in self._seen:
                    self._follow(inside, f"{name}.{attribute}", attributes)

    def _class(self, kind: type) -> None:
        self._put(kind.__qualname__)
        if not self._is_own(kind.__module__):
            self._put_version(kind.__module__)
            return
        self._all(kind.__bases__)
        for name, value in sorted(vars(kind).items()):
            if name not in _OF_CLASS:
                self._put(name)
                self.value(value, name)

    def _object(self, value: Any) -> None:
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            parts = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception:  # whatever an object that can't be taken apart raises
            self.uncovered.append(self._path[-1] if self._path else type(value).__name__)
            return
        if isinstance(parts, str):
            self._put(parts)
            self._put_version(type(value).__module__)
            return
        for part in parts:
            self._all(part if isinstance(part, Iterator) else (part,))

    def _is_own(self, module: str | None) -> bool:
        top = _top(module or "")
        return top == self._home or top not in sys.modules or _is_loose(top)

    def _put_version(self, module: str | None) -> None:
        top = _top(module or "")
        version = _version(top)
        if not version:
            self.uncovered.append(top or "a function of no module")
        self._put(top, version)


def _inside(value: Any) -> Any:
    """Return the Python function in a wrapper, as Numba and functools make them."""
    found = getattr(value, "py_func", None) or getattr(value, "__wrapped__", None)
    return found or getattr(value, "__func__", None)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _nested(const)


def _names(code: types.CodeType, package: str) -> tuple[list[str], list[str], list[str]]:
    """Return the globals, modules and attributes that some code names, each in order."""
    names: dict[str, None] = {}
    imported: dict[str, None] = {}
    attributes: dict[str, None] = {}
    level = 0
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names[step.argval] = None
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            attributes[step.argval] = None
        elif step.opname == "IMPORT_NAME":
            name = resolve_name("." * level + step.argval, package) if package else step.argval
            imported[name] = None
        elif step.opname == "LOAD_CONST" and isinstance(step.argval, int):
            level = step.argval
    return list(names), list(imported), list(attributes)


def _top(module: str) -> str:
    return module.split(".")[0]


@cache
def _is_loose(top: str) -> bool:
    """Whether nobody installed a module: it lies in a folder of the user's."""
    module = sys.modules.get(top)
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    place = next((Path(each).resolve() for each in places if each), None)
    if place is None or top in sys.stdlib_module_names:
        return False
    paths = sysconfig.get_paths()
    installed = {Path(paths[key]).resolve() for key in ("stdlib", "purelib", "platlib")} | {ROOT}
    return not any(place.is_relative_to(folder) for folder in installed)


@cache
def _version(top: str) -> str:
    """Return the version of what a module of this name came with; empty if nobody knows."""
    if top in sys.stdlib_module_names:
        return ".".join(map(str, sys.version_info[:2]))
    if (ROOT / top).is_dir():
        return metadata.version("everyhit")
    found = _distributions().get(top, ())
    return " ".join(sorted(f"{name} {metadata.version(name)}" for name in set(found)))


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())

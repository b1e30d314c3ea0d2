"""Compiled functions: each is kept on disk with a checksum, and compiled anew where that fails."""

import pickle
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import uuid4

import numba
from numba import njit
from numba.core import entrypoints
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

# At the first compilation Numba marks its extensions as loaded, then loads them: a thread that
# compiles meanwhile may end in a KeyError. Whoever compiles here waits for this import first.
entrypoints.init_all()  # type: ignore[no-untyped-call]

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(
    *,
    error_model: Literal["python", "numpy"] = "python",
    inline: Literal["never", "always"] = "never",
) -> Callable[[Function], Function]:
    """Compile a function with Numba at its first call; later processes find it on disk.

    An ``inline`` one becomes part of those that call it: short ones save the call.
    Compiled code lies where Numba would put it. Code on disk that is damaged, cannot be read or
    cannot be written only costs the time to compile the function again, in memory if need be.
    """

    def compiled(function: Function) -> Function:
        dispatcher: Any = njit(function, nogil=True, error_model=error_model, inline=inline)
        with suppress(OSError, RuntimeError):  # no folder to write to: for this process alone
            dispatcher._cache = _Cache(function)
        return dispatcher  # type: ignore[no-any-return]

    return compiled


class _Cache(FunctionCache):
    """Numba's cache of a function, with files that are checked before they are loaded."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        base = Path(self._cache_path) / self._impl.filename_base
        self._cache_file: Any = _Files(base, self.stamp)
        self._source = self._impl.locator.get_source_stamp()

    def stamp(self) -> str:
        """Return what the compiled code is made from: its file, and what that has from others."""
        names, reached = self._py_func.__code__.co_names, self._py_func.__globals__
        used = [reached[name] for name in names if name in reached]
        caches = [getattr(value, "_cache", None) for value in used]
        parts = [
            cache.stamp() if isinstance(cache, _Cache) else repr(value)
            for value, cache in zip(used, caches, strict=True)
        ]
        return repr((numba.__version__, self._source, parts))

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep what was compiled; a disk that refuses it takes nothing from this process."""
        with suppress(OSError):  # the next process compiles again
            super().save_overload(signature, data)  # type: ignore[no-untyped-call]


class _Files:
    """A file for each signature: a checksum, then the compiled code.

    The checksum covers the stamp of the source too: a file of another source counts as damaged and
    is written over.
    """

    def __init__(self, base: Path, stamp: Callable[[], str]) -> None:
        self._base = base
        self._stamp = stamp

    def load(self, key: tuple[Any, ...]) -> Any:
        """Return what was saved under the key; None when there is nothing sound."""
        try:
            whole = self._path(key).read_bytes()
        except OSError:
            return None
        seal, code = whole[:32], whole[32:]
        return pickle.loads(code) if seal == self._seal(key, code) else None  # noqa: S301 - ours

    def save(self, key: tuple[Any, ...], data: Any) -> None:
        """Write the data, whole or not at all. Raises OSError."""
        code: bytes = dumps(data)  # type: ignore[no-untyped-call]
        path = self._path(key)
        part = path.with_name(f"{path.name}.{uuid4().hex[:16]}")
        try:
            part.write_bytes(self._seal(key, code) + code)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def _path(self, key: tuple[Any, ...]) -> Path:
        signature, machine, _ = key
        name = sha256(repr((signature, machine)).encode()).hexdigest()[:16]
        return self._base.with_name(f"{self._base.name}.{name}.kernel")

    def _seal(self, key: tuple[Any, ...], code: bytes) -> bytes:
        return sha256(repr((self._stamp(), key)).encode() + code).digest()

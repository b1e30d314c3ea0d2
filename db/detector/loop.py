"""One loop over the words of chunks, compiled from the declaration: decode and select in a pass.

``decode`` makes one pass for each column; this keeps everything in registers, which is several
times faster where only the hits of a time range are wanted.
"""

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import numpy as np
import platformdirs
from numpy.typing import NDArray

from db.detector.detector import Detector
from db.detector.words import Words
from db.selection import dtype, names
from db.selection.to_loop import SCOPE, to_loop

Columns = dict[str, NDArray[Any]]
Read = Callable[
    [Words, NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16], int, int], Columns
]

_LOOP = """\
def loop(hits, lengths, epochs, links, a, b, {arguments}):
    n = stop = 0
    for chunk in range(len(lengths)):
        start, stop = stop, stop + lengths[chunk]
        _epoch, _link = epochs[chunk], links[chunk]
        for i in range(start, stop):
            {words}
            {first}
            _t = {t}
            if _t < a or _t >= b:
                continue
            {second}
            if not ({wanted}):
                continue
            {outputs}
            n += 1
    return n
"""


@lru_cache(maxsize=64)
def reader(detector: Detector, columns: tuple[str, ...], *, hits_only: bool) -> Read:
    """Return a function that takes the hits of a time range out of chunks.

    It takes the words of all chunks, the number of hits in each chunk, their epochs and links, and
    the range [a, b) in ticks, and returns the ``columns``, in order of storage: of sound hits, or
    of all sound words that carry a time. Columns are those of ``decode``, ``link``, the raw words
    ``w0``, ``w1``, …, and ``hit``, which tells hits from other words. Compiling takes a second, a
    single time on a machine.
    """
    nodes = detector.nodes
    fields = {field.name for field in detector.fields}
    tables: list[NDArray[Any]] = []
    kind = to_loop(nodes["hit" if hits_only else "timed"], tables)
    wanted = f"{kind} and not {to_loop(nodes['corrupt'], tables)}"
    asked = {name: nodes[name] for name in columns if name in nodes and name != "hit"}
    shown = {name: f"_{name}" for name in columns}
    shown |= {name: to_loop(node, tables) for name, node in asked.items() if name not in fields}
    shown |= {"t": "_t", "hit": to_loop(nodes["hit"], tables), "link": "_link"}
    by_time = names(nodes["t"]) & fields
    later = {name for name in asked if name in fields}.union(
        *(names(node) for node in asked.values()),
        *(names(nodes[k]) for k in ("hit", "corrupt", "timed")),
    )
    t = to_loop(nodes["t"], tables)
    text = _LOOP.format(
        arguments=", ".join(
            [f"table{k}" for k in range(len(tables))] + [f"c{k}" for k in range(len(columns))]
        ),
        words="; ".join(f"_w{k} = hits[i, {k}]" for k in range(detector.words_per_hit)),
        first=_assigned(detector, by_time),
        t=t,
        second=_assigned(detector, (later & fields) - by_time),
        wanted=wanted,
        outputs="; ".join(f"c{k}[n] = {shown[name]}" for k, name in enumerate(columns)),
    )
    loop = compiled(text)
    kinds = [_kind(detector, name) for name in columns]

    def read(
        words: Words,
        lengths: NDArray[np.int64],
        epochs: NDArray[np.int64],
        links: NDArray[np.uint16],
        a: int,
        b: int,
    ) -> Columns:
        hits = words.reshape(-1, detector.words_per_hit)
        out = [np.empty(len(hits), kind) for kind in kinds]
        n = loop(hits, lengths, epochs, links, a, b, *tables, *out)
        return {name: values[:n] for name, values in zip(columns, out, strict=True)}

    return read


def _assigned(detector: Detector, fields: Iterable[str]) -> str:
    parts = [f"_{name} = {to_loop(detector.nodes[name], [])}" for name in sorted(fields)]
    return "; ".join(parts) or "pass"


def _kind(detector: Detector, name: str) -> np.dtype[Any]:
    if name == "link":
        return np.dtype(np.uint16)
    if name == "hit":
        return np.dtype(np.bool_)
    if name not in detector.nodes:
        return np.dtype(np.uint64)  # a raw word
    return dtype(detector.nodes[name])


def compiled(text: str) -> Callable[..., int]:
    """Compile a function ``loop``, in a file, so that the next process finds it compiled."""
    from db.kernel import kernel  # Numba takes a second to load, and most commands read no words

    name = f"loop_{sha256(text.encode()).hexdigest()[:16]}"
    file = Path(platformdirs.user_cache_dir("everyhit")) / "loops" / f"{name}.py"
    with suppress(OSError):  # nowhere to write: compiled for this process alone
        _keep(text.encode(), file)
    module = sys.modules[name] = ModuleType(name)  # where compiled code looks for its module
    vars(module).update(SCOPE)
    # The text is made of the typed tree alone: names, numbers, operators.
    exec(compile(text, file, "exec"), vars(module))  # noqa: S102
    return kernel(error_model="numpy")(module.loop)  # type: ignore[no-any-return]


def _keep(text: bytes, file: Path) -> None:
    if file.is_file() and file.read_bytes() == text:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{uuid4().hex[:16]}.part")
    part.write_bytes(text)
    part.replace(file)

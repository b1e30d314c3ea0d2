"""A declaration to start from, out of a look at a stack of frames."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.errors import SourceError
from readout.source.table.compressed import DAMAGE
from readout.source.table.frames import PIECE_PIXELS, Stack, opened
from readout.source.table.open import kind_of

_DEVIATIONS = 6
"""Noise passes a level so far above it once in a billion pixels, if it is Gaussian."""
_NAME_OF_TIME = re.compile(r"(?i)time|stamp|clock|(^|/)ts?$")


def guess_frames(path: Path, name: str) -> str | None:
    """The text of a declaration of that name for the stack of frames in a file, if it is one.

    Raises SourceError for a TIFF file without frames, and for a damaged file.
    """
    try:
        return _guessed(path, name)
    except DAMAGE as error:
        reason = str(error).split("\n")[0]
        raise SourceError(f"{path}: no frames can be read from it: {reason}") from error
    except ModuleNotFoundError as error:
        raise SourceError(
            f"{path}: it needs {error.name}: pip install 'everyhit[frames]'"
        ) from None


def _guessed(path: Path, name: str) -> str | None:
    kind = kind_of(path)
    place, several, beside = "", False, tuple[str, ...]()
    if kind == "HDF5":
        from readout.source.table.frames_hdf5 import look

        found = look(path)
        if found is None:
            return None
        place, several, beside = found
    elif kind != "TIFF":
        return None
    with opened(path, kind, place) as stack:
        n_frames, rows, columns = stack.shape
        pixels = stack.read(0, min(n_frames, max(1, PIECE_PIXELS // (rows * columns))))
        lines = [
            f"# Guessed from the first {len(pixels)} of {n_frames} frames of {path.name}, {columns}"
            f" x {rows} pixels: read it through.",
            f"name = {_quoted(name)}",
            f"title = {_quoted(f'Pixels of {path.name}')}",
            "",
            "[table]",
            *([f"place = {_quoted(place)}"] if several else []),
            *_time(stack, beside),
            *_levels(pixels),
            f'x = {{ column = "x", type = "uint{_bits(columns - 1)}" }}',
            f'y = {{ column = "y", type = "uint{_bits(rows - 1)}" }}',
            f'frame = {{ column = "frame", type = "uint{max(24, _bits(n_frames))}" }}',
        ]
    return "\n".join(lines) + "\n"


def _time(stack: Stack, beside: tuple[str, ...]) -> list[str]:
    """The dataset that grows with each frame, if one does, or a period."""
    for column in beside:
        values = stack.dataset(column)
        if _NAME_OF_TIME.search(column) and len(values) > 1 and (np.diff(values) > 0).all():
            return [
                f"# Unsure: nothing tells the unit of {column}; is one of it worth 1 s?",
                f'time = {{ {_quoted(column)} = "1 s" }}',
            ]
    return [
        "# Unsure: nothing tells the time from frame to frame; is it 1 ms?",
        'time = { frame = "1 ms" }',
    ]


def _levels(pixels: NDArray[Any]) -> list[str]:
    """Threshold, masked values, and what a pixel holds."""
    whole = pixels.dtype.kind in "iub"
    top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else None
    values = pixels[pixels != top] if top is not None else pixels[np.isfinite(pixels)]
    values = values.astype(np.float64)
    middle = float(np.median(values)) if len(values) else 0.0
    noise = 1.4826 * float(np.median(np.abs(values - middle))) if len(values) else 0.0
    level = middle + _DEVIATIONS * noise
    threshold = int(level) if whole else float(f"{level:.4g}")
    hits = values[values > threshold]
    share = len(hits) / max(pixels.size, 1)
    most = float(hits.max()) if len(hits) else float(threshold) + 1
    unit = 1.0 if whole else 10.0 ** np.floor(np.log10(most / 10_000))
    bits = next((bits for bits in (8, 16, 32) if most / unit * 4 < 2**bits), 62)
    kept = f'column = "value", type = "uint{bits}"' + ("" if whole else f", unit = {unit:g}")
    masked = top is not None and len(values) < pixels.size
    return [
        f"# Unsure: {share:.2%} of the pixels seen are above this level"
        + (f", {_DEVIATIONS} deviations of their noise; others are lost." if noise else "."),
        f"threshold = {threshold}",
        *([f"masked = [{top}]  # the largest number there is, taken for no value"] * masked),
        "",
        "# A name for each value, its column, and a type with room for what may come.",
        "[table.values]",
        f"value = {{ {kept} }}  # up to {most:.15g} seen",
    ]


def _bits(most: int) -> int:
    return max(1, most.bit_length())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

"""Words made from the values of their fields."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.detector.detector import Detector
from db.detector.keys import suggest
from db.detector.words import Words
from db.errors import UsageError


def encode(detector: Detector, fields: Mapping[str, NDArray[np.integer[Any]]]) -> Words:
    """The words of hits, ``words_per_hit`` for each, from one integer array for each field.

    Bits that are no field's are 0. Raises UsageError for fields that are missing or unknown, that
    differ in length, or whose values don't fit their bits.
    """
    declared = {field.name: field for field in detector.fields}
    for name in fields:
        if name not in declared:
            raise UsageError(f"{detector.name} has no field {name}; {suggest(name, declared)}")
    if missing := [name for name in declared if name not in fields]:
        raise UsageError(f"a hit of {detector.name} needs {', '.join(missing)} too")
    if len(lengths := {len(values) for values in fields.values()}) != 1:
        raise UsageError(f"the fields' lengths differ: {sorted(lengths)}; give one value per hit")
    hits = np.zeros((lengths.pop(), detector.words_per_hit), np.uint64)
    for name, field in declared.items():
        values, most = np.asarray(fields[name]), 2**field.width - 1
        if len(values) and not 0 <= int(values.min()) <= int(values.max()) <= most:
            bad = values[(values < 0) | (values > most)][0]
            raise UsageError(f"{name} can't be {bad}: {detector.name} has 0..{most} for it")
        hits[:, field.word] |= values.astype(np.uint64) << np.uint64(field.low)
    return hits.reshape(-1)

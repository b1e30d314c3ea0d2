"""ROOT: a TTree whose lists are jagged branches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from api.export.extra import needs_extra
from api.export.jagged import column
from api.export.names import free_name
from api.export.rows import Rows
from api.export.spooled import check_room, pieces_of, spool


def root(rows: Rows) -> Iterator[bytes]:
    """Yield a ROOT file. It can't be streamed while it grows: it is written beside, then sent.

    The tree has the rows' name. A list of strings becomes one string with spaces between.
    Numbers that may be null have a branch ``<column>_valid`` beside them; text is then empty. Lists
    have their lengths in ``n<column>``. Underscores follow where a column has such a name already.
    """
    with needs_extra("ROOT"):
        import awkward as ak
        import uproot

    with spool(rows, ".root") as path:
        with uproot.recreate(path, compression=uproot.LZ4(1)) as made:
            made["told"] = "\n".join(f"{key} = {value}" for key, value in rows.told.items())
            branches = {f.name: _branch(f.type) for f in rows.schema}
            taken = set(branches)
            valid = {
                f.name: free_name(f"{f.name}_valid", taken)
                for f in rows.schema
                if f.name in rows.nullable and branches[f.name] != "string"
            }
            branches |= {
                beside: "var * bool" if branches[name].startswith("var") else "bool"
                for name, beside in valid.items()
            }
            counters = {
                name: free_name(f"n{name}", taken)
                for name, kind in branches.items()
                if kind.startswith("var")
            }
            tree = made.mktree(rows.name, branches, counter_name=counters.__getitem__)
            for batch in rows.batches:
                if batch.num_rows:
                    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                    tree.extend(
                        {name: _values(ak, array) for name, array in columns.items()}
                        | {beside: _valid(ak, columns[name]) for name, beside in valid.items()}
                    )
                check_room(path)
                yield b""  # others may have a turn
        yield from pieces_of(path)


def _branch(kind: pa.DataType) -> str:
    jagged = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    of = kind.value_type if jagged else kind
    if not (pa.types.is_integer(of) or pa.types.is_floating(of) or pa.types.is_boolean(of)):
        return "string"
    name = np.dtype(of.to_pandas_dtype()).name
    return f"var * {name}" if jagged else name


def _values(ak: Any, array: pa.Array) -> Any:
    part = column(array)
    text = part.values.dtype == object
    if part.offsets is None:
        return ak.Array(list(part.values)) if text else part.values
    if text:
        return ak.Array([" ".join(text or "" for text in each) for each in array.to_pylist()])
    return ak.unflatten(part.values, np.diff(part.offsets))


def _valid(ak: Any, array: pa.Array) -> Any:
    part = column(array)
    return part.valid if part.offsets is None else ak.unflatten(part.valid, np.diff(part.offsets))

"""Selections: one closed expression language in Python's syntax, and equal forms of it.

A target is one function over the tree of ``tree.py``.
"""

from db.errors import SelectionError
from db.selection.parse import parse
from db.selection.to_numpy import compiled, dtype, to_numpy
from db.selection.to_sql import to_sql
from db.selection.tree import Node, Range, names

__all__ = [
    "Node",
    "Range",
    "SelectionError",
    "compiled",
    "dtype",
    "names",
    "parse",
    "to_numpy",
    "to_sql",
]

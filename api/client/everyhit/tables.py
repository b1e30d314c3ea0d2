"""Lists of values that a notebook shows as tables."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from html import escape
from typing import Any, TypeVar

T = TypeVar("T")


class Listed(tuple[T, ...]):
    """Values of one frozen dataclass, in order; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        if not self:
            return "<p>none</p>"
        names = [field.name for field in fields(self[0])]  # type: ignore[arg-type]
        rows = [[getattr(value, name) for name in names] for value in self]
        shown = [
            k for k, _ in enumerate(names) if any(row[k] not in (None, "", {}, ()) for row in rows)
        ]
        head = "".join(f"<th>{escape(names[k])}</th>" for k in shown)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(row[k])}</td>" for k in shown) + "</tr>" for row in rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def table_of(values: Mapping[str, Any]) -> str:
    """Return a table of two columns, names and values; what is empty is left out."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{_cell(value)}</td></tr>"
        for name, value in values.items()
        if value not in (None, "", {}, ())
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return escape(", ".join(f"{name} = {each}" for name, each in value.items()))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return escape(", ".join(map(str, value)))
    return escape(f"{value}")

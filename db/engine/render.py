"""A result in one of ClickHouse's output formats, over a transport that carries none of them."""

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from db.engine import Params
from db.errors import UsageError

if TYPE_CHECKING:
    from db.engine import Engine

# Formats that the server writes row by row, and the lines of names and types above them.
_ROWS = {
    "CSV": ("CSV", 0),
    "CSVWithNames": ("CSV", 1),
    "TSV": ("TSV", 0),
    "TSVWithNames": ("TSV", 1),
    "TSVWithNamesAndTypes": ("TSV", 2),
    "JSONEachRow": ("JSONEachRow", 0),
}

_TSV_ESCAPES = str.maketrans({"\\": r"\\", "'": r"\'", "\t": r"\t", "\n": r"\n"})


def render(engine: "Engine", sql: str, fmt: str, params: Params | None) -> bytes:
    """Return the result of a SELECT in the format; UsageError for one that is not known."""
    if fmt == "Arrow":
        table, out = engine.fetch(sql, params), io.BytesIO()
        with pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
        return out.getvalue()
    if fmt == "Parquet":
        out = io.BytesIO()
        pq.write_table(engine.fetch(sql, params), out)
        return out.getvalue()
    if fmt == "PrettyCompactMonoBlock":
        return _pretty(engine, sql, params).encode()
    if fmt not in _ROWS:
        known = ", ".join(["Arrow", "Parquet", "PrettyCompactMonoBlock", *_ROWS])
        raise UsageError(f"no format {fmt} over this transport; known: {known}")
    row, above = _ROWS[fmt]
    heads = _heads(engine, sql, params)[:above]
    if row == "CSV":
        heads = [['"' + text.replace('"', '""') + '"' for text in line] for line in heads]
    else:
        heads = [[text.translate(_TSV_ESCAPES) for text in line] for line in heads]
    lines = engine.fetch(f"SELECT formatRow('{row}', *) AS line FROM ({sql})", params)["line"]
    head = "".join(("," if row == "CSV" else "\t").join(line) + "\n" for line in heads)
    return (head + "".join(lines.to_pylist())).encode()


def _heads(engine: "Engine", sql: str, params: Params | None) -> list[list[str]]:
    described = engine.fetch(f"DESCRIBE ({sql})", params)
    return [described["name"].to_pylist(), described["type"].to_pylist()]


def _pretty(engine: "Engine", sql: str, params: Params | None) -> str:
    names, kinds = _heads(engine, sql, params)
    quoted = [f"`{name}`" for name in names]
    texts = engine.fetch(
        "SELECT " + ", ".join(f"ifNull(toString({q}), 'ᴺᵁᴸᴸ') AS {q}" for q in quoted)
        + f" FROM ({sql})", params,
    )  # fmt: skip
    columns = [[name, *texts[name].to_pylist()] for name in names]
    widths = [max(map(len, column)) for column in columns]
    right = [kind.startswith(("Int", "UInt", "Float", "Decimal", "Nullable(")) for kind in kinds]
    top = "┬".join("─" + n.ljust(w, "─") + "─" for n, w in zip(names, widths, strict=True))
    lines = [
        "│" + "│".join(
            f" {text.rjust(w) if r else text.ljust(w)} "
            for text, w, r in zip(row, widths, right, strict=True)
        ) + "│"
        for row in zip(*(column[1:] for column in columns), strict=True)
    ]  # fmt: skip
    bottom = "┴".join("─" * (w + 2) for w in widths)
    return "\n".join([f"┌{top}┐", *lines, f"└{bottom}┘"]) + "\n" if lines else ""

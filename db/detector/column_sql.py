from collections.abc import Mapping

from db.detector.detector import Detector
from db.selection import Node, dtype, to_sql

CAST = {"bool": "toBool", "uint64": "toUInt64", "float64": "toFloat64"} | {
    f"{sign}int{bits}": f"to{sign.upper()}Int{bits}"
    for sign, widths in (("u", (8, 16, 32)), ("", (8, 16, 32, 64)))
    for bits in widths
}


def column_sql(detector: Detector) -> dict[str, str]:
    """ClickHouse expressions over ``w0``, ``w1``, ... (UInt64) and ``epoch`` (Int64), by name.

    They give what ``decode`` gives, in the same types, for every name that it knows.
    """
    nodes = detector.nodes
    fields = {field.name: _typed(nodes[field.name], {}) for field in detector.fields}
    return {name: fields.get(name) or _typed(node, fields) for name, node in nodes.items()}


def _typed(node: Node, bind: Mapping[str, str]) -> str:
    return f"{CAST[dtype(node).name]}({to_sql(node, bind)})"

"""The columns of a detector in ClickHouse's SQL."""

from db.detector.detector import Detector
from db.selection import dtype, to_sql

CAST = {"bool": "toBool", "uint64": "toUInt64", "float64": "toFloat64"} | {
    f"{sign}int{bits}": f"to{sign.upper()}Int{bits}"
    for sign, widths in (("u", (8, 16, 32)), ("", (8, 16, 32, 64)))
    for bits in widths
}


def column_sql(detector: Detector) -> dict[str, str]:
    """ClickHouse expressions over ``w0``, ``w1``, ... (UInt64) and ``epoch`` (Int64), by name.

    They give what ``decode`` gives, in the same types, for every name that it knows.
    """
    nodes, bare = detector.nodes, bare_sql(detector)
    return {name: f"{CAST[dtype(node).name]}({bare[name]})" for name, node in nodes.items()}


def bare_sql(detector: Detector) -> dict[str, str]:
    """As ``column_sql``, the same values in whatever types the engine finds: for conditions.

    A cast under AND, OR or IF makes the engine evaluate it row by row as needed, in case it throws:
    a scan then takes three to four times as long (60 against 16 ns a word).
    """
    nodes = detector.nodes
    fields = {field.name: to_sql(nodes[field.name]) for field in detector.fields}
    return {name: fields.get(name) or to_sql(node, fields) for name, node in nodes.items()}

"""SQL is written in ``db``: nothing above it speaks to an engine, or has a statement in a text."""

import ast
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
ABOVE = ("api", "fpga", "ops", "readout", "software_triggers", "web")
MEASURE = ("ops/bench", "ops/chaos")
"""They look at engines from outside, and at statements of their own."""

SQL = re.compile(
    r"\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|\bDELETE FROM\b|\bDESCRIBE \(|\bSYSTEM [A-Z]{4,}"
    r"|\b(CREATE|ALTER|DROP|ATTACH|DETACH|TRUNCATE|OPTIMIZE) (OR REPLACE )?(TABLE|VIEW|DATABASE)\b",
    re.DOTALL,
)
SPEAKS = {"fetch", "execute", "insert", "define", "render"}
ENGINE = re.compile(r"(^|[._])(engine|reader|shard|here|whole|alone)$")


def text_of(node):
    """The text of a literal, what is formatted into it left out; None for other nodes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or " x " for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = text_of(node.left), text_of(node.right)
        return "".join(side or " x " for side in sides) if any(sides) else None
    return None


def faults(source):
    """Return the lines of a module that speak to an engine or hold SQL."""
    tree = ast.parse(source)
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # docstrings, and those of attributes
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            asked = ast.unparse(node.func.value)
            if node.func.attr in SPEAKS and ENGINE.search(asked):
                found.add(node.lineno)
        text = text_of(node)
        if text and id(node) not in prose and SQL.search(text):
            found.add(node.lineno)
    return sorted(found)


def modules():
    for room in ABOVE:
        for path in sorted((HOUSE / room).rglob("*.py")):
            name = path.relative_to(HOUSE).as_posix()
            if not name.startswith(MEASURE):
                yield name, path.read_text()


def test_no_sql_above_db():
    assert {name: lines for name, source in modules() if (lines := faults(source))} == {}


@pytest.mark.parametrize(
    "line",
    [
        'engine.fetch("x")',
        "self.store.engine.execute(sql)",
        "shard.here.insert(table, rows)",
        'at.engine.reader.fetch(f"{x}")',
        "self._engine.define(sql)",
        'sql = f"SELECT {a} FROM ({b})"',
        'sql = "SELECT a" + " FROM b"',
        'sql = "SELECT" + names + " FROM b"',
        'sql = "ALTER TABLE chunks DROP PART"',
        'def f(sql="INSERT INTO chunks VALUES"): ...',
        'x = ["DELETE FROM t"]',
    ],
)
def test_it_finds(line):
    assert faults(line) == [1]


@pytest.mark.parametrize(
    "line",
    [
        '"""SELECT a FROM b"""',
        "rows.insert(0, x)",
        'x = "select the run from the list"',
        "query.fetch(x)",
    ],
)
def test_it_lets_pass(line):
    assert faults(line) == []

"""Text to typed tree: a whitelist over Python's own grammar.

Whatever isn't listed here is refused, so that a text from a browser can do no harm: it reaches no
object, and costs no more than its size.
"""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import reduce

from db.errors import SelectionError
from db.selection import build
from db.selection.operand import Refused, Span, literal, number, value, wanted, whole
from db.selection.tree import INT64_MIN, Comparison, Kind, Node, Range

MAX_CHARACTERS, MAX_DEPTH = 2000, 50

ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
COMPARISON: dict[type[ast.cmpop], Comparison] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
FUNCTIONS = ("abs", "min", "max", "lookup", "find")

OTHER_LANGUAGES = (
    (r"&&", "write and"),
    (r"\|\|", "write or"),
    (r"<>", "write !="),
    (r"!(?!=)", "write not, or !="),
    (r"\b(AND|OR|NOT|IN|IS)\b", "write and, or, not, in with small letters"),
    (r"\bBETWEEN\b", "write a <= x <= b"),
    (r"(?<![=!<>])=(?!=)", "write == to compare"),
)
NUMBER = re.compile(r"(?<!\w)(?:\d|\.\d)[\w.]*", re.ASCII)
SOUND_NUMBER = re.compile(
    r"0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[\d_]*\.?[\d_]*([eE]\d*)?", re.ASCII
)


def parse(
    text: str,
    columns: Mapping[str, Range],
    tables: Mapping[str, Sequence[float]] | None = None,
    want: Kind | None = None,
) -> Node:
    """The typed tree of an expression over ``columns``, with ``tables`` for ``lookup`` and
    ``find`` to name.

    Integers mean what they mean in Python, without bound: what could leave int64, judged by the
    columns' ranges, is refused here, so that no target can overflow. An int that meets a float
    becomes one; it must lie within 2**53, where that is exact.

    ``want`` is the kind that the whole must have, ``"bool"`` for a selection; None takes any.
    Raises SelectionError, with the place, for everything that the language doesn't have.
    """
    if len(text) > MAX_CHARACTERS:
        problem = f"an expression may have {MAX_CHARACTERS} characters, this one has {len(text)}"
        raise SelectionError(problem, f"{text[:60]!r} ...", 0, 60)
    text = re.sub(r"\s", " ", text)
    try:
        tree, indent = _grammar(text)
        node = whole(_Reader(columns, tables or {}, indent).read(tree))
        return wanted(node, want) if want else node
    except Refused as refused:
        raise SelectionError(refused.problem, text, *refused.at) from None


def _grammar(text: str) -> tuple[ast.expr, int]:
    """Python's syntax tree, and the place in the text of its first character."""
    if strange := re.search(r"[^ -~]|[#\\]", text):
        raise Refused(f"the character {strange[0]!r} has no place here", strange.span())
    for digits in NUMBER.finditer(text):
        if not SOUND_NUMBER.fullmatch(digits[0]):
            raise Refused(f"{digits[0]} is no number", digits.span())
    indent = len(text) - len(text.lstrip())
    try:
        return ast.parse(text.strip(), mode="eval").body, indent
    except SyntaxError as error:
        for pattern, cure in OTHER_LANGUAGES:
            if slip := re.search(pattern, text):
                raise Refused(f"not in Python's syntax: {cure}", slip.span()) from None
        start = indent + error.offset - 1 if error.offset else max(len(text) - 1, 0)
        raise Refused(f"not an expression: {error.msg}", (start, start + 1)) from None
    except (ValueError, RecursionError, MemoryError):
        raise Refused("too deeply nested", (0, len(text))) from None


class _Reader:
    def __init__(
        self, columns: Mapping[str, Range], tables: Mapping[str, Sequence[float]], indent: int
    ) -> None:
        self.columns, self.tables, self.indent = columns, tables, indent

    def span(self, tree: ast.expr | ast.keyword) -> Span:
        stop = tree.col_offset + 1 if tree.end_col_offset is None else tree.end_col_offset
        return tree.col_offset + self.indent, stop + self.indent

    def read(self, tree: ast.expr, depth: int = 0) -> Node:
        at = self.span(tree)
        if depth > MAX_DEPTH:
            raise Refused(f"nested more than {MAX_DEPTH} deep", at)
        match tree:
            case ast.Constant(value=bool() | int() | float() as value):
                return literal(value, at)
            case ast.Name(id=name):
                return self.column(name, at)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)) if (
                value == -INT64_MIN
            ):
                return literal(INT64_MIN, at)
            case ast.UnaryOp(op=op, operand=operand):
                return self.unary(op, self.read(operand, depth + 1), at)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in ARITHMETIC:
                left_node, right_node = self.read(left, depth + 1), self.read(right, depth + 1)
                return build.arithmetic(ARITHMETIC[type(op)], left_node, right_node, at)
            case ast.BoolOp(op=logic, values=values):
                parts = [self.read(value, depth + 1) for value in values]
                return build.logic("and" if isinstance(logic, ast.And) else "or", parts, at)
            case ast.Compare():
                return self.comparisons(tree, depth, at)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                which, yes, no = (self.read(part, depth + 1) for part in (test, body, orelse))
                return build.choose(which, yes, no, at)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                return self.call(name, args, depth, at)
        raise Refused(self.cure(tree), at)

    def column(self, name: str, at: Span) -> Node:
        if name in self.columns:
            return build.column(name, self.columns[name], at)
        if name in self.tables:
            raise Refused(f"{name} is a table: write lookup(index, {name})", at)
        raise Refused(f"there is no column {name}: {_suggest(name, self.columns)}", at)

    def unary(self, op: ast.unaryop, part: Node, at: Span) -> Node:
        match op:
            case ast.Not():
                return build.negation(part, at)
            case ast.Invert():
                return build.inverse(part, at)
            case ast.USub():
                return build.negative(number(part), at)
            case _:
                return number(part)

    def comparisons(self, tree: ast.Compare, depth: int, at: Span) -> Node:
        found, left = [], self.read(tree.left, depth + 1)
        for op, operand in zip(tree.ops, tree.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                if not isinstance(operand, ast.Tuple | ast.List | ast.Set) or len(tree.ops) > 1:
                    raise Refused("write in with a list of constants: a in (1, 2)", at)
                members = [self.read(each, depth + 1) for each in operand.elts]
                node = build.member(left, members, at)
                return node if isinstance(op, ast.In) else build.negation(node, at)
            if type(op) not in COMPARISON:
                raise Refused("is compares objects: write == or !=", at)
            right = self.read(operand, depth + 1)
            found.append(build.compare(COMPARISON[type(op)], left, right, (left.start, right.stop)))
            left = right
        return build.logic("and", found, at)

    def call(self, name: str, args: Sequence[ast.expr], depth: int, at: Span) -> Node:
        if name == "lookup":
            return self.lookup(args, depth, at)
        if name == "find":
            return self.find(args, depth, at)
        # Every value of min and max is a step down in the tree.
        parts = [self.read(arg, depth + max(1, len(args) - 1)) for arg in args]
        if name == "abs" and len(parts) == 1:
            return build.absolute(parts[0], at)
        if name != "abs" and len(parts) > 1:
            return reduce(lambda left, right: build.arithmetic(name, left, right, at), parts)
        raise Refused(f"{name} takes {'one number' if name == 'abs' else 'two or more'}", at)

    def lookup(self, args: Sequence[ast.expr], depth: int, at: Span) -> Node:
        if len(args) < 2:
            raise Refused("write lookup(index, table) or lookup(index, value, value, ...)", at)
        index = self.read(args[0], depth + 1)
        match args[1:]:
            case [ast.Name(id=name) as given] if name in self.tables:
                return build.lookup(index, self.tables[name], at)
            case [ast.Name(id=name) as given] if name not in self.columns:
                known = _suggest(name, self.tables)
                raise Refused(f"there is no table {name}: {known}", self.span(given))
        values = [value(self.read(arg, depth + 1)) for arg in args[1:]]
        return build.lookup(index, values, at)

    def find(self, args: Sequence[ast.expr], depth: int, at: Span) -> Node:
        if len(args) != 2 or not isinstance(args[1], ast.Name):
            raise Refused("write find(value, table)", at)
        table = args[1].id
        if table not in self.tables:
            known = _suggest(table, self.tables)
            raise Refused(f"there is no table {table}: {known}", self.span(args[1]))
        return build.find(self.read(args[0], depth + 1), self.tables[table], at)

    def cure(self, tree: ast.expr) -> str:
        match tree:
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return f"there is no function {name}: {_suggest(name, FUNCTIONS)}"
            case ast.Call():
                return f"the only calls are {', '.join(FUNCTIONS)}, with plain arguments"
            case ast.BinOp():
                return "this operator isn't in the language: write powers as products"
            case ast.Tuple() | ast.List() | ast.Set():
                return "a list can only follow in"
            case ast.Subscript():
                return "write lookup(index, table)"
            case ast.Constant():
                return "the only constants are integers, floats, True and False"
        return "only numbers, columns, operators, comparisons, and, or, not, if else are allowed"


def _suggest(name: str, known: Iterable[str]) -> str:
    small = {each.lower(): each for each in sorted(known)}
    near = [small[each] for each in get_close_matches(name.lower(), small, n=2)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there is {', '.join(small.values())}" if small else "none is given"

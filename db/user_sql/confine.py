"""Confines SQL of users to one SELECT over the relations that they are given.

The engine spells the text anew and shows the tree of what it would run, without running it; every
node, function, table and setting in it is looked up in ``allowed.toml``. What was read is what
runs, to the letter. Grants and limits stand behind it, see ``db.engine.reader_account``.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from sqlglot.tokenizer_core import Token

from db.engine import Engine, Value
from db.errors import SqlError
from db.schema.tables import tables as table_names
from db.user_sql.allow_list import AllowList, allow_list
from db.user_sql.reading import Node, canonical, read
from db.user_sql.text import place_of_word, tokens_of
from db.user_sql.tiling import refuse_whole_windows

MOST_NODES = 10_000
MOST_TABLES = 64
MOST_TABLES_READ = 256
"""Tables with those that WITH clauses stand for, counted each time."""
DEEPEST = 250

# What a store calls its own tables: a WITH must not hide behind such a name.
_TABLES = re.compile(rf"{'|'.join(table_names())}|(rows|words|hits|rates_of)_.*")


@dataclass(frozen=True)
class UserSelect:
    """A SELECT that was read and found to keep within its relations."""

    text: str
    """What runs: the engine's own spelling."""
    tables: frozenset[str]
    """Names of all tables in it, those of its WITH clauses too."""
    names: frozenset[str] | None
    """All columns that it names; None where it has a * or the like."""


def confined(
    engine: Engine, sql: str, relations: Collection[str], *, repeatable: bool = False
) -> UserSelect:
    """Return one SELECT that reads nothing but ``relations``.

    With ``repeatable`` it must give the same each time, and however the windows of a trigger are
    cut (see ``tiling``). Raises SqlError that names what is refused and its place.
    """
    key = (sql, tuple(relations), repeatable)
    found = _CONFINED.get(key)
    if found is None:
        if len(_CONFINED) >= 256:
            _CONFINED.clear()
        found = _CONFINED[key] = _confined(engine, *key)
    return found


# A process has one store open: what its engine read once is good for all its threads.
_CONFINED: dict[tuple[str, tuple[str, ...], bool], UserSelect] = {}


def _confined(engine: Engine, sql: str, relations: tuple[str, ...], repeatable: bool) -> UserSelect:
    tokens = tokens_of(sql)
    spelled = canonical(engine, sql)
    params = dict(check_spelling(spelled))
    ctes = _ctes(spelled)
    # Read as it will run, in parentheses: whatever leaves them shows in the tree.
    nodes = list(_bounded(read(engine, f"SELECT * FROM ({spelled})", params)))
    _check_frame(nodes)
    _check_tables(nodes, ctes)
    check = _Check(
        sql=sql,
        tokens=tokens,
        allowed=allow_list(),
        known=_functions(engine),
        ctes=frozenset(ctes),
        relations=relations,
        repeatable=repeatable,
    )
    path: list[Node] = []
    places: list[int] = []
    for node in nodes:
        del path[node.depth :], places[node.depth + 1 :]
        if len(places) <= node.depth:
            places.append(-1)
        places[node.depth] += 1
        check.node(node, path, places)
        path.append(node)
    if repeatable:
        refuse_whole_windows(sql)
    starred = any(node.kind in _STARS for node in nodes[len(_OUTSIDE) :])
    columns = {node.name for node in nodes if node.kind == "Identifier"}
    parts = {part for name in columns for part in name.split(".")}
    return UserSelect(
        text=spelled,
        tables=frozenset(node.name for node in nodes if node.kind == "TableIdentifier"),
        names=None if starred else frozenset(columns | parts),
    )


def bound(query: UserSelect, relations: Mapping[str, str]) -> str:
    """Return SQL in which each relation's name stands for the SELECT given for it.

    Only relations that the query uses are bound.
    """
    used = {name: sql for name, sql in relations.items() if name in query.tables}
    ctes = ", ".join(f"`{name}` AS ({sql})" for name, sql in used.items())
    return f"{f'WITH {ctes} ' if ctes else ''}SELECT * FROM ({query.text})"


@dataclass(frozen=True)
class _Check:
    """Looks at one node after the other."""

    sql: str
    tokens: list[Token]
    allowed: AllowList
    known: frozenset[str]
    """All functions of this engine, in small letters."""
    ctes: frozenset[str]
    relations: tuple[str, ...]
    repeatable: bool

    def node(self, node: Node, path: list[Node], places: list[int]) -> None:
        """Raise SqlError if a node, which stands below ``path``, is not allowed.

        ``places`` says of each node of the path, and of this one, the how many-th child it is.
        """
        above = path[-1].kind if path else ""
        if node.kind not in self.allowed.nodes:
            raise SqlError(_REFUSED.get(node.kind, f"{node.kind} is not for users: leave it out"))
        if above == "SelectWithUnionQuery" and node.kind != "ExpressionList":
            raise SqlError("FORMAT and INTO OUTFILE are not for users: leave them out")
        if node.kind == "Function":
            self._function(node, in_from=above == "TableExpression")
        elif node.kind == "TableIdentifier":
            self._table(node)
        elif node.kind == "Identifier":
            self._column(node, path, places)
        calls = path[-2] if len(path) > 1 else None
        if calls and calls.kind == "Function" and calls.name.lower() in _TYPED and places[-1] == 1:
            self._type(node, calls)

    def _function(self, node: Node, *, in_from: bool) -> None:
        if in_from:
            if node.name.lower() not in self.allowed.tables:
                raise SqlError(f"the table function {self._named(node)} is not allowed")
            return
        family = self.allowed.family(node.name)
        if family is None:
            raise SqlError(f"the function {self._named(node)} is not allowed")
        if self.repeatable and family in self.allowed.unrepeatable:
            raise SqlError(
                f"the function {self._named(node)} gives something else each time ({family}): a"
                " trigger must find the same again"
            )

    def _table(self, node: Node) -> None:
        if node.name in self.relations:
            return
        if node.name not in self.ctes or _TABLES.fullmatch(node.name):
            near = get_close_matches(node.name, self.relations, 1, 0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            place = place_of_word(self.sql, self.tokens, node.name)
            known = ", ".join(sorted(self.relations))
            raise SqlError(f"there is no {node.name!r} here{place}; {hint}known: {known}")

    def _column(self, node: Node, path: list[Node], places: list[int]) -> None:
        # A function takes another by its bare name, arrayMap(file, ...), and some are called by it
        # alone: SELECT now.
        name = node.name.lower()
        family = self.allowed.family(name) if name in self.known else ""
        if family is None or (self.repeatable and family in self.allowed.unrepeatable):
            raise SqlError(
                f"{self._named(node)} is a function that is not allowed; a column of that name is"
                f" written with its table's: hits.{node.name}"
            )
        # What stands right of IN, if it is a name, is a table for the engine.
        for depth in range(len(path) - 1, 1, -1):
            if path[depth].kind == "SelectWithUnionQuery":
                return
            call = path[depth - 1]
            right = path[depth].kind == "ExpressionList" and places[depth + 1] == 1
            if right and call.kind == "Function" and _IN.fullmatch(call.name.lower()):
                raise SqlError(
                    "IN wants a list of values or a subquery in parentheses, not"
                    f" {self._named(node)}"
                )

    def _type(self, node: Node, call: Node) -> None:
        if node.kind != "Literal" or "AggregateFunction" in node.name:
            raise SqlError(f"{self._named(call)} wants the name of a plain type, written out")

    def _named(self, node: Node) -> str:
        return f"{node.name}{place_of_word(self.sql, self.tokens, node.name)}"


_REFUSED = {
    "Set": "SETTINGS are not for users: leave them out",
    "ColumnsApplyTransformer": "APPLY is not for users: call the function on each column",
}
_IN = re.compile(r"(global)?(not)?(null)?in(ignoreset)?")
_TYPED = {"cast", "_cast", "accuratecast", "accuratecastornull", "accuratecastordefault",
          "reinterpret"}  # fmt: skip
_STARS = {
    "Asterisk", "QualifiedAsterisk", "ColumnsRegexpMatcher", "QualifiedColumnsRegexpMatcher",
}  # fmt: skip


def _bounded(nodes: Iterator[Node]) -> Iterator[Node]:
    """Pass on nodes, raise SqlError beyond so many or so deep."""
    for number, node in enumerate(nodes):
        if number >= MOST_NODES:
            raise SqlError(f"the query has more than {MOST_NODES:,} parts")
        if node.depth > DEEPEST:
            raise SqlError("the query is nested too deeply")
        yield node


def _check_frame(nodes: list[Node]) -> None:
    """Raise SqlError unless the tree is SELECT * FROM (...), and all else is inside."""
    kinds = [(node.depth, node.kind) for node in nodes[: len(_OUTSIDE)]]
    inside = _OUTSIDE[-1][0]
    if kinds != _OUTSIDE or any(node.depth <= inside for node in nodes[len(_OUTSIDE) :]):
        raise SqlError("one SELECT is expected")


_OUTSIDE = [
    (0, "SelectWithUnionQuery"),
    (1, "ExpressionList"),
    (2, "SelectQuery"),
    (3, "ExpressionList"),
    (4, "Asterisk"),
    (3, "TablesInSelectQuery"),
    (4, "TablesInSelectQueryElement"),
    (5, "TableExpression"),
    (6, "Subquery"),
    (7, "SelectWithUnionQuery"),
]

# The engine's spelling, cut into texts, names in quotes, and what is between.
_PIECE = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.|``)*`|[^'`]+", re.DOTALL)
_PARAMETER = re.compile(r"\{(\w+):([^{}]*)\}")
_INTEGERS = [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
_VALUES: Mapping[str, Value] = {"String": ""} | dict.fromkeys(("Float32", "Float64", *_INTEGERS), 0)


def check_spelling(spelled: str) -> Iterator[tuple[str, Value]]:
    """Yield the name and some value of each parameter; raise SqlError for what can't be read on."""
    if not spelled.startswith(("SELECT ", "WITH ", "(", "FROM ")):
        raise SqlError(f"only SELECT is allowed, this is {spelled.split(' ')[0]}")
    if re.search(r" (FORMAT \w+|INTO OUTFILE '[^']*')$", spelled):
        raise SqlError("FORMAT and INTO OUTFILE are not for users: leave them out")
    for piece in _PIECE.findall(spelled):
        if piece.startswith("`"):
            if "\\" in piece or not piece.isprintable():
                raise SqlError(f"the name {piece[:60]} has signs that no name may have")
        elif not piece.startswith("'"):
            if not piece.isascii() or ";" in piece:
                raise SqlError("outside quotes there are signs that are not ASCII, or a semicolon")
            for name, kind in _PARAMETER.findall(piece):
                plain = re.fullmatch(r"Array\((\w+)\)|(\w+)", kind.replace(" ", ""))
                if plain is None or (plain[1] or plain[2]) not in _VALUES:
                    raise SqlError(f"a parameter can't be {kind}: {{{name}:{kind}}}")
                yield name, [0] if plain[1] else _VALUES[plain[2]]


_CTE = re.compile(
    r"(\b\w++|`[^`]+`)(?: \([^()]*\))? AS (?:MATERIALIZED )?\((?=SELECT |WITH |FROM |\()"
)


def _ctes(spelled: str) -> list[str]:
    """Return the names of the WITH clauses in the engine's spelling, in their order."""
    plain = _PIECE.sub(lambda piece: "''" if piece[0].startswith("'") else piece[0], spelled)
    return [name.strip("`") for name in _CTE.findall(plain)]


def _check_tables(nodes: list[Node], names: list[str]) -> None:
    """Raise SqlError if too many tables would be read, a WITH clause counted each time."""
    read_by: list[list[str]] = [[]]
    owners: list[tuple[int, int]] = [(-1, 0)]  # depth and number of the WITH clauses around
    for node in nodes:
        while node.depth <= owners[-1][0]:
            owners.pop()
        if node.kind == "WithElement":
            owners.append((node.depth, len(read_by)))
            read_by.append([])
        elif node.kind == "TableIdentifier":
            read_by[owners[-1][1]].append(node.name)
    if len(read_by) - 1 != len(names):
        raise SqlError("the names of the WITH clauses can't be told: name them plainly")
    if max(len(names), sum(map(len, read_by))) > MOST_TABLES:
        raise SqlError(f"the query names more than {MOST_TABLES} tables or WITH clauses")
    stands_for = dict.fromkeys(names, 1)
    for _ in names:  # each pass settles what the deepest clauses not yet settled stand for
        before = dict(stands_for)
        for name, tables in zip(names, read_by[1:], strict=True):
            n_read = sum(stands_for.get(t, 1) if t != name else 1 for t in tables)
            stands_for[name] = min(max(1, n_read), MOST_TABLES_READ + 1)
        if stands_for == before:
            break
    n_read = sum(stands_for.get(table, 1) for table in read_by[0])
    if n_read > MOST_TABLES_READ:
        raise SqlError(f"with its WITH clauses the query reads more than {MOST_TABLES_READ} tables")


_FUNCTIONS: set[str] = set()


def _functions(engine: Engine) -> frozenset[str]:
    """Return the names of all functions of the engine, in small letters; asked once."""
    if not _FUNCTIONS:
        found = engine.fetch("SELECT DISTINCT lower(name) AS name FROM system.functions")
        _FUNCTIONS.update(found["name"].to_pylist())
    return frozenset(_FUNCTIONS)

"""Bounds on the text of a statement, held before anything reads it, and places in it."""

import sqlglot
from sqlglot import TokenType
from sqlglot.tokenizer_core import Token

from db.errors import SqlError

MOST_BYTES = 65_536
MOST_TOKENS = 10_000
DEEPEST = 100
"""Parentheses and brackets within each other."""


def tokens_of(sql: str) -> list[Token]:
    """Return the words and signs of a statement, comments left out.

    Takes time in proportion to the text. Raises SqlError for a text that is too long or too deep,
    and for characters outside ASCII that stand neither in quotes nor in a comment: the engine
    takes some of them for quotes or blanks.
    """
    n_bytes = len(sql.encode(errors="replace"))
    if n_bytes > MOST_BYTES:
        raise SqlError(f"the SQL has {n_bytes:,} bytes; at most {MOST_BYTES:,} are read")
    for at, character in enumerate(sql):
        if (character < " " and character not in "\t\n\r") or character in "\x7f\ufeff":
            raise SqlError(f"the SQL has a control character at {_place(sql, at)}")
        if "\ud800" <= character <= "\udfff":
            raise SqlError(f"the SQL has half a character at {_place(sql, at)}")
    try:
        tokens = list(sqlglot.tokenize(sql, dialect="clickhouse"))
    except (sqlglot.errors.SqlglotError, RecursionError) as fault:
        raise SqlError(f"the SQL can't be read: {str(fault)[:200]}") from None
    if len(tokens) > MOST_TOKENS:
        raise SqlError(f"the SQL has {len(tokens):,} words and signs; at most {MOST_TOKENS:,}")
    depth = 0
    for token in tokens:
        depth += (token.token_type in _OPEN) - (token.token_type in _CLOSE)
        if depth > DEEPEST:
            raise SqlError(f"the query is nested too deeply at {_place(sql, token.start)}")
    _check_characters(sql, tokens)
    return tokens


def has_order(sql: str) -> bool:
    """Return whether a statement, in the engine's spelling, asks for its rows in an order."""
    depth = 0
    for token in sqlglot.tokenize(sql, dialect="clickhouse"):
        depth += (token.token_type in _OPEN) - (token.token_type in _CLOSE)
        if token.token_type is TokenType.ORDER_BY and depth == 0:
            return True
    return sql.startswith("(")  # what is inside may be in any


def place_of_word(sql: str, tokens: list[Token], word: str) -> str:
    """Return `` at line L, column C`` of the first token that is the word, or nothing."""
    last = word.rpartition(".")[2].strip('`"').lower()
    for token in tokens:
        if token.text.lower() == last:
            return f" at {_place(sql, token.start)}"
    return ""


def _check_characters(sql: str, tokens: list[Token]) -> None:
    end = 0
    for token in tokens:
        _check_gap(sql, end, token.start)
        end = token.end + 1
        if token.token_type not in _QUOTED and not (text := sql[token.start : end]).isascii():
            at = next(k for k, character in enumerate(text) if not character.isascii())
            raise _foreign(sql, token.start + at)
    _check_gap(sql, end, len(sql))


def _check_gap(sql: str, start: int, stop: int) -> None:
    """Raise SqlError if between two tokens there is a foreign blank, and no comment."""
    gap = sql[start:stop]
    if not gap.isascii() and not gap.lstrip(" \t\r\n").startswith(("--", "/*", "#", "//")):
        at = next(k for k, character in enumerate(gap) if not character.isascii())
        raise _foreign(sql, start + at)


def _foreign(sql: str, at: int) -> SqlError:
    return SqlError(
        f"the character {sql[at]!r} (U+{ord(sql[at]):04X}) at {_place(sql, at)} stands outside"
        " quotes: names and signs are ASCII, quotes are ' and \""
    )


def _place(sql: str, at: int) -> str:
    return f"line {sql.count(chr(10), 0, at) + 1}, column {at - sql.rfind(chr(10), 0, at)}"


_OPEN = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}
_CLOSE = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}
_QUOTED = {
    TokenType.STRING,
    TokenType.IDENTIFIER,
    TokenType.HEREDOC_STRING,
    TokenType.RAW_STRING,
    TokenType.NATIONAL_STRING,
}

"""What people wrote, as it may be printed: names, notes and messages are never markup."""

from rich.text import Text


def visible(text: str, keep: str = "\n") -> str:
    """Return a text in which what a terminal would obey or hide is written as an escape."""
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def plain(value: object) -> Text:
    """Return a value for rich, in one line, without markup and control characters."""
    return Text(visible(str(value), keep=""))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")

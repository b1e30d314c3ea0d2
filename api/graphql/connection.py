"""Pages of a list, as Relay cuts them: edges with cursors, and whether more follow."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from db.errors import UsageError

MOST = 1000
"""Rows that a page can have."""
Node = TypeVar("Node")

First = Annotated[int, strawberry.argument(description=f"At most so many, up to {MOST}.")]
After = Annotated[
    str | None, strawberry.argument(description="Cursor of the edge after which the page begins.")
]


@strawberry.type(description="Where a page ends, and whether the list goes on behind it.")
class PageInfo:
    """Relay's, for going forward."""

    has_next_page: bool = strawberry.field(description="Whether more follow behind this page.")
    end_cursor: str | None = strawberry.field(
        description="Give it as `after` for the next page; null on an empty page."
    )


@strawberry.type(description="One row of a list and its cursor.")
class Edge(Generic[Node]):
    """Relay's."""

    node: Node = strawberry.field(description="The row.")
    cursor: str = strawberry.field(description="Its place in the list; opaque.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[Node]):
    """Relay's."""

    edges: list[Edge[Node]] = strawberry.field(description="The rows of this page, in order.")
    page_info: PageInfo = strawberry.field(description="Whether and where the list goes on.")


def page(nodes: Sequence[Node], keys: Sequence[Any], first: int) -> Connection[Node]:
    """Return the first ``first`` of the nodes as a page; one more among them says: there is more.

    ``keys`` are what ``key_of`` gives back from each node's cursor: JSON values.
    """
    edges = [Edge(node=n, cursor=cursor(k)) for n, k in zip(nodes, keys, strict=True)][:first]
    info = PageInfo(
        has_next_page=len(nodes) > first, end_cursor=edges[-1].cursor if edges else None
    )
    return Connection(edges=edges, page_info=info)


def checked(first: int, most: int = MOST) -> int:
    """Return the number of rows asked for; UsageError when it is none or too many."""
    if not 1 <= first <= most:
        raise UsageError(f"first: {first}: ask for 1 to {most} rows, and for the rest by `after`")
    return first


def cursor(key: Any) -> str:
    """Return the opaque text for a key."""
    return urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def key_of(text: str | None, check: Callable[[Any], bool]) -> Any:
    """Return the key in a cursor, None for none; UsageError for a text that is no such cursor."""
    if text is None:
        return None
    try:
        key = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        key = None
    if key is None or not check(key):
        raise UsageError(f"after: {text[:40]!r} is no cursor of this list: take one from an edge")
    return key

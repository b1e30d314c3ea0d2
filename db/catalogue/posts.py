"""Words that were announced with a key before they were stored; see ``readout.posted``."""

from dataclasses import dataclass, replace
from datetime import datetime

from db.catalogue.record import enter
from db.engine import Engine


@dataclass(frozen=True)
class Post:
    """A body of words of one link that a front-end sent."""

    run_id: int
    link: int
    key: str
    digest: str
    """SHA-256 of the body."""
    first_seq: int
    stop_seq: int
    """Its chunks have the numbers [first_seq, stop_seq)."""
    n_hits: int
    recorded_at: datetime
    void: bool = False
    """Its chunks never came, and their numbers went to others."""
    revision: int = 0


def announce(engine: Engine, post: Post) -> None:
    """Write down what is about to be stored."""
    enter(engine, "posts", vars(post))


def find_post(engine: Engine, run_id: int, link: int, key: str) -> Post | None:
    """Return the newest announcement under this key, even if it is void."""
    where = "key = {key:String}"
    return next(iter(_posts(engine, run_id, link, where, {"key": key})), None)


def is_stored(engine: Engine, post: Post) -> bool:
    """Return whether a post's chunks are in the store: they came in one block, so all or none."""
    row = engine.fetch(
        "SELECT count() AS n FROM chunks WHERE run_id = {run:UInt32} AND link = {link:UInt16}"
        " AND seq >= {first:UInt64} AND seq < {stop:UInt64}",
        {"run": post.run_id, "link": post.link, "first": post.first_seq, "stop": post.stop_seq},
    )
    return int(row["n"][0].as_py()) == post.stop_seq - post.first_seq


def void_from(engine: Engine, run_id: int, link: int, seq: int) -> None:
    """Mark the posts as void whose chunks would have had the number ``seq`` or a later one."""
    where = "first_seq >= {seq:UInt64} AND NOT void"
    for post in _posts(engine, run_id, link, where, {"seq": seq}):
        announce(engine, replace(post, void=True, revision=post.revision + 1))


def _posts(
    engine: Engine, run_id: int, link: int, where: str, params: dict[str, int | str]
) -> list[Post]:
    rows = engine.fetch(
        "SELECT * FROM posts FINAL WHERE run_id = {run:UInt32} AND link = {link:UInt16}"
        f" AND {where} ORDER BY first_seq",
        {"run": run_id, "link": link, **params},
    )
    return [Post(**row) for row in rows.to_pylist()]

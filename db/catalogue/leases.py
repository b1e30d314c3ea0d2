"""Which server takes the posts of a run: one at a time, for as long as it says so."""

from dataclasses import dataclass

from db.catalogue.record import enter_first
from db.engine import Engine


@dataclass(frozen=True)
class Lease:
    """Who said last that it takes a run's posts."""

    name: str
    revision: int
    age_s: float
    """Since it said so, by the store's clock."""


def find_lease(engine: Engine, run_id: int) -> Lease:
    """Return who takes a run's posts; a nameless one of revision 0 when nobody ever did."""
    rows = engine.fetch(
        "SELECT taker AS name, revision,"
        " dateDiff('millisecond', at, now64(3)) / 1000 AS age_s"
        " FROM post_takers WHERE run_id = {run:UInt32} ORDER BY revision DESC LIMIT 1",
        {"run": run_id},
    ).to_pylist()
    return Lease(**rows[0]) if rows else Lease("", 0, 0.0)


def claim(engine: Engine, run_id: int, me: str, lease_s: float) -> Lease:
    """Take a run's posts, or go on taking them, unless another does; return who takes them.

    A taker of which nothing is heard for ``lease_s`` seconds counts as gone. Of several that claim
    at the same moment the store keeps the first.
    """
    last = find_lease(engine, run_id)
    if last.name not in ("", me) and last.age_s < lease_s:
        return last
    _say(engine, run_id, me, last.revision + 1)
    return find_lease(engine, run_id)


def let_go(engine: Engine, run_id: int, me: str) -> None:
    """Let another have a run's posts at once."""
    last = find_lease(engine, run_id)
    if last.name == me:
        _say(engine, run_id, "", last.revision + 1)


def _say(engine: Engine, run_id: int, name: str, revision: int) -> None:
    row = {"run_id": run_id, "revision": revision, "taker": name}
    enter_first(engine, "post_takers", row, ("run_id", "revision"))

"""``SHOW TABLES`` and ``DESCRIBE hits``: what a query may ask."""

import re
from collections.abc import Mapping
from typing import Any

from db.engine import Engine
from db.errors import UsageError
from db.relations.query import columns_of
from db.relations.relation import Relation, select_of

ABOUT = {
    "hits": "sound hits: time, link, and what the declaration makes of their words",
    "words": "all words, those that are no hits too",
    "rates": "words a slice of time and link, counted at insert",
    "gaps": "times in which a link is known to lack words",
}
_SHOW = re.compile(r"\s*SHOW\s+TABLES\s*;?\s*", re.IGNORECASE)
_DESCRIBE = re.compile(r"\s*DESC(?:RIBE)?\s+(?:TABLE\s+)?`?(\w+)`?\s*;?\s*", re.IGNORECASE)


def described(
    engine: Engine, sql: str, names: Mapping[str, Relation]
) -> list[dict[str, Any]] | None:
    """Return the names that a query may use, or the columns of one; None if that isn't asked."""
    if _SHOW.fullmatch(sql):
        return [{"name": name, "about": _about(each)} for name, each in names.items()]
    if not (asked := _DESCRIBE.fullmatch(sql)):
        return None
    if (name := asked[1]) not in names:
        raise UsageError(f"there is no {name} in this run; there are: {', '.join(names)}")
    columns = columns_of(engine, select_of(engine, names[name]))
    return [{"column": column, "type": kind} for column, kind in columns]


def _about(relation: Relation) -> str:
    lineage = relation.lineage
    if lineage is None:
        return ABOUT[relation.name]
    return f"what the trigger found, lineage {lineage.lineage}"

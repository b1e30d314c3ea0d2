from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.retention.words import Content, Part


@dataclass(frozen=True)
class Step:
    """What is to be done with the parts of an hour on a shard, or why nothing is."""

    shard: int
    hour: datetime
    action: Literal["detach", "drop", "keep", "attach"]
    parts: Sequence[Part]
    contents: Sequence[Content]
    why: Sequence[str] = ()
    """Why they are kept, in sentences; empty where they go."""

    @property
    def words(self) -> int:
        """Words in all parts."""
        return sum(each.words for each in self.contents)

    @property
    def bytes(self) -> int:
        """What they take on the disk."""
        return sum(part.bytes for part in self.parts)

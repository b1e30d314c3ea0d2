"""Who may do what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from db.errors import EveryhitError

Role = Literal["viewer", "shifter", "physicist", "dba", "admin"]
Act = Literal[
    "read",
    "annotate",
    "acknowledge",
    "ingest",
    "control",
    "trigger",
    "reprocess",
    "retain",
    "administer",
]

ROLES: tuple[Role, ...] = get_args(Role)
MAY: Mapping[Role, frozenset[Act]] = {
    "viewer": frozenset({"read"}),
    "shifter": frozenset({"read", "annotate", "acknowledge", "ingest", "control"}),
    "physicist": frozenset({"read", "annotate", "trigger", "reprocess"}),
    "dba": frozenset({"read", "annotate", "acknowledge", "reprocess", "retain"}),
    "admin": frozenset(get_args(Act)),
}


class AccessError(EveryhitError):
    """The asker is not known, or may not do this: bring a token, or another one."""

    code = "access"

    def __init__(self, message: str, *, known: bool) -> None:
        self.known = known
        """Whether the asker is known, but may not do this."""
        super().__init__(message)


@dataclass(frozen=True)
class Who:
    """Who asks, and in which role."""

    name: str
    role: Role

    def need(self, act: Act) -> None:
        """Raise AccessError unless the role allows the act."""
        if act not in MAY[self.role]:
            able = ", ".join(role for role in ROLES if act in MAY[role])
            raise AccessError(
                f"{self.name} is {self.role} and may not {act}; roles that may: {able}", known=True
            )

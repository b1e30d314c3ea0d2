"""Tokens and the log of changes, for admins."""

from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, get_args

import strawberry

from api.access.roles import MAY, Act
from api.graphql.context import Info
from api.graphql.mutation import mutation
from db.catalogue import tokens
from db.catalogue.audit import read_audit
from db.errors import UsageError

MOST = 1000
LONGEST_NAME = 100


@strawberry.enum(
    description="viewer reads; shifter annotates, acknowledges alarms and sends words, too;"
    " physicist annotates, registers triggers and reprocesses; dba annotates, acknowledges alarms,"
    " reprocesses and sets how long words are kept; admin does everything."
)
class Role(Enum):
    """As in ``api.access.roles``."""

    VIEWER = "viewer"
    SHIFTER = "shifter"
    PHYSICIST = "physicist"
    DBA = "dba"
    ADMIN = "admin"


@strawberry.type(description="Who asks.")
class Me:
    """As ``api.access.roles.Who``."""

    name: str
    role: Role
    may: list[str] = strawberry.field(
        description=f"What the role allows, of: {', '.join(get_args(Act))}."
    )


@strawberry.type(description="A token, without its secret.")
class Token:
    """As ``db.catalogue.tokens.Token``."""

    token_id: str
    name: str = strawberry.field(description="Who holds it.")
    role: str
    created_at: datetime
    expires_at: datetime | None = strawberry.field(description="Null: never.")
    revoked: bool


@strawberry.type(description="A new token.")
class NewToken:
    """Shown once."""

    token: Token
    text: str = strawberry.field(description="The secret: kept nowhere, shown only now.")


@strawberry.type(description="A mutation that was done, refused or failed.")
class Change:
    """A row of ``audit``."""

    at: datetime
    who: str
    role: str
    action: str
    arguments: str = strawberry.field(description="JSON.")
    outcome: str = strawberry.field(description="done, or what was wrong.")


@strawberry.type
class AccessQueries:
    """Who may do what, who did what."""

    @strawberry.field(description="Who asks, in which role.")
    def me(self, info: Info) -> Me:
        who = info.context.who
        return Me(name=who.name, role=Role(who.role), may=sorted(MAY[who.role]))

    @strawberry.field(description="All tokens, for admins.")
    async def tokens(self, info: Info) -> list[Token]:
        info.context.who.need("administer")
        found = await info.context.ask(tokens.list_tokens, info.context.engine)
        return [_told(each) for each in found]

    @strawberry.field(description="The newest changes, newest first, for admins.")
    async def audit(self, info: Info, first: int = 100) -> list[Change]:
        info.context.who.need("administer")
        if not 1 <= first <= MOST:
            raise UsageError(f"first: {first}: ask for 1 to {MOST}")
        rows = await info.context.ask(read_audit, info.context.engine, first)
        return [Change(**row) for row in rows.iter_rows(named=True)]


@strawberry.type
class AccessMutations:
    """Tokens come and go."""

    @mutation("administer", "Make a token.")
    async def create_token(
        self,
        info: Info,
        name: str,
        role: Role,
        days: Annotated[
            float | None, strawberry.argument(description="Until it expires; default never.")
        ] = None,
    ) -> NewToken:
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise UsageError(f"a token's name has 1 to {LONGEST_NAME} printable characters")
        if days is not None and not 0 < days <= 36500:
            raise UsageError(f"days: {days}: a token lasts from more than 0 to 36500 days")
        lifetime = None if days is None else timedelta(days=days)
        made, text = await info.context.ask(
            tokens.create_token, info.context.engine, name, role.value, lifetime
        )
        return NewToken(token=_told(made), text=text)

    @mutation("administer", "Make a token worthless; within seconds nobody gets in with it.")
    async def revoke_token(self, info: Info, token_id: str) -> Token:
        gone = await info.context.ask(tokens.revoke_token, info.context.engine, token_id)
        info.context.app_state.authenticator.forget()
        return _told(gone)


def _told(token: tokens.Token) -> Token:
    kept = {
        name: value for name, value in vars(token).items() if name not in ("digest", "revision")
    }
    return Token(**kept)

"""Tokens with which people and programs ask the API. Only their hashes are kept."""

import hmac
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from db.catalogue.record import enter
from db.engine import Engine
from db.errors import UsageError

_FORM = re.compile(r"everyhit_([0-9a-f]{8})_[\w-]{43}", re.ASCII)


@dataclass(frozen=True)
class Token:
    """What is known of a token: everything but the secret itself."""

    token_id: str
    digest: str
    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    """None: never."""
    revoked: bool = False
    revision: int = 0

    def valid(self, now: datetime) -> bool:
        """Whether it still opens anything."""
        return not self.revoked and (self.expires_at is None or now < self.expires_at)


def create_token(
    engine: Engine, name: str, role: str, lifetime: timedelta | None, now: datetime | None = None
) -> tuple[Token, str]:
    """Store a new token; return what is kept of it, and its text, which is shown only now."""
    now = now or datetime.now(UTC)
    token_id = secrets.token_hex(4)
    text = f"everyhit_{token_id}_{secrets.token_urlsafe(32)}"
    expires = now + lifetime if lifetime else None
    token = Token(token_id, _digest(text), name, role, now, expires)
    enter(engine, "tokens", vars(token))
    return token, text


def list_tokens(engine: Engine) -> list[Token]:
    """Return all tokens, revoked and expired ones too, oldest first."""
    return _tokens(engine, "true", "")


def revoke_token(engine: Engine, token_id: str) -> Token:
    """Make a token worthless from now on; UsageError when there is none of this number."""
    for token in _tokens(engine, "token_id = {id:String}", token_id):
        gone = replace(token, revoked=True, revision=token.revision + 1)
        enter(engine, "tokens", vars(gone))
        return gone
    there = ", ".join(token.token_id for token in list_tokens(engine)[-10:]) or "none yet"
    raise UsageError(f"there is no token {token_id}; tokens: {there}")


def is_ours(text: str) -> bool:
    """Return whether a text has the form of a token made here."""
    return _FORM.fullmatch(text) is not None


def find_token(engine: Engine, text: str, now: datetime | None = None) -> Token | None:
    """Return the token of this text if it is known and valid."""
    match = _FORM.fullmatch(text)
    known = _tokens(engine, "token_id = {id:String}", match[1]) if match else []
    for token in known:
        same = hmac.compare_digest(token.digest, _digest(text))
        if same and token.valid(now or datetime.now(UTC)):
            return token
    return None


def _digest(text: str) -> str:
    # The secret is 256 random bits: nothing to guess, so no slow hash is needed.
    return sha256(text.encode()).hexdigest()


def _tokens(engine: Engine, where: str, token_id: str) -> list[Token]:
    rows = engine.fetch(
        f"SELECT * FROM tokens FINAL WHERE {where} ORDER BY created_at, token_id", {"id": token_id}
    )
    return [Token(**row) for row in rows.to_pylist()]

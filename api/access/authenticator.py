"""Finds out who asks, from the token that a request brings."""

import hmac
import time

from api.access.issuer import Issuer, Verifier
from api.access.roles import ROLES, AccessError, Who
from db.catalogue.tokens import find_token, is_ours
from db.engine import Engine

REMEMBERED_S = 5.0
"""A token that was valid is believed for so long without a look at the store."""


class Authenticator:
    """Knows our own tokens, and those of an issuer if there is one.

    ``local`` is the secret of the machine's own command line: an admin's.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        local: str,
        open_to_all: bool = False,
        issuer: Issuer | None = None,
    ) -> None:
        self._engine, self._local, self._open = engine, local, open_to_all
        self._verifier = None if issuer is None else Verifier(issuer)
        self._seen: dict[str, tuple[float, Who]] = {}

    def who(self, authorization: str | None) -> Who:
        """Return who brings an Authorization header; AccessError when nobody does that we know.

        Blocks on the store, or on the identity provider: call it from a thread.
        """
        if not authorization:
            if self._open:
                return Who("anybody", "admin")
            raise AccessError(
                "who asks? Send the header 'Authorization: Bearer <token>';"
                " make a token with: everyhit token create NAME --role viewer",
                known=False,
            )
        if self.is_local(authorization):
            return Who("this machine", "admin")
        scheme, _, text = authorization.partition(" ")
        text = text.strip()
        bearer = scheme.lower() == "bearer"
        if bearer and self._verifier is not None and not is_ours(text):
            return self._verifier.who(text)
        known = self._known(text) if bearer else None
        if known is None:
            raise AccessError(
                "this token is unknown, expired or revoked: ask an admin for another", known=False
            )
        return known

    def is_local(self, authorization: str | None) -> bool:
        """Whether this is the secret that only files of the store's owner tell."""
        local = f"Bearer {self._local}"
        return hmac.compare_digest((authorization or "").encode(), local.encode())

    def forget(self) -> None:
        """Look at the store again for every token."""
        self._seen.clear()

    def _known(self, text: str) -> Who | None:
        now = time.monotonic()
        if text in self._seen and now - self._seen[text][0] < REMEMBERED_S:
            return self._seen[text][1]
        token = find_token(self._engine, text)
        if token is None or token.role not in ROLES:
            self._seen.pop(text, None)
            return None
        who = Who(token.name, token.role)
        self._seen[text] = (now, who)
        return who

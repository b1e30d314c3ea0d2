"""Tokens of an identity provider (OpenID Connect): who it says is there, and in which role."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any

from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    InvalidKeyIdError,
    JoseError,
    UnsupportedAlgorithmError,
)

from api.access.keys import Keys
from api.access.roles import ROLES, AccessError, Role, Who
from db.errors import UsageError

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
)
"""Signatures that only the holder of a private key can make."""
LONGEST = 16_384
LONGEST_NAME = 100


@dataclass(frozen=True)
class Issuer:
    """A provider whose tokens are taken, and what we read from them."""

    url: str
    """As it stands in ``iss``; its keys are found through ``/.well-known/openid-configuration``."""
    audience: str
    """Must be among those of a token."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """Our role for values of the claim; our roles' own names need not be there."""
    role_claim: str = "roles"
    """A text or a list; ``realm_access.roles`` is the claim ``roles`` inside of another."""
    name_claim: str = "preferred_username"
    """Whose value the log of changes has; ``sub`` where it is missing."""
    leeway_s: float = 60
    """By how much our clock and the provider's may differ."""
    client_id: str = ""
    """Name under which people sign in there; empty: the audience."""

    @property
    def client(self) -> str:
        """Name under which people sign in there."""
        return self.client_id or self.audience


class Verifier:
    """Tells who brings a token of an issuer."""

    def __init__(self, issuer: Issuer) -> None:
        if not issuer.audience:
            raise UsageError(
                "tokens of an issuer are only taken for an audience: set EVERYHIT_OIDC_AUDIENCE"
                " to the name under which it knows this server"
            )
        self._issuer = issuer
        self._keys = Keys(issuer.url)

    def who(self, text: str) -> Who:
        """Return who brings a token.

        Raises AccessError that says what is wrong with it, and IssuerError while no keys can be
        had. Blocks on the provider, seldom.
        """
        claims = self._signed(text)
        self._check(claims)
        name = claims.get(self._issuer.name_claim) or claims.get("sub")
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise _refused(f"it names nobody in {self._issuer.name_claim} or sub")
        return Who(name, self._role(name, claims))

    def _signed(self, text: str) -> dict[str, Any]:
        """Return the claims of a token that the issuer has signed."""
        if len(text) > LONGEST:
            raise _refused(f"it is longer than {LONGEST} characters")
        try:
            token = jwt.decode(
                text, lambda token: self._keys.of(token.headers()), algorithms=ALGORITHMS
            )
        except UnsupportedAlgorithmError:
            raise _refused(
                f"it is signed in a way that is not taken: {', '.join(ALGORITHMS)} are"
            ) from None
        except BadSignatureError:
            raise _refused("its signature is wrong") from None
        except InvalidKeyIdError:
            raise _refused(f"{self._issuer.url} has no key that signed it") from None
        except (JoseError, ValueError) as fault:
            raise _refused(f"it can't be read: {fault}") from None
        return token.claims

    def _check(self, claims: Mapping[str, Any]) -> None:
        """Raise AccessError unless these claims are for us, and for now."""
        us, now, leeway = self._issuer, time(), self._issuer.leeway_s
        if claims.get("iss") != us.url:
            raise _refused(f"it is of the issuer {_shown(claims.get('iss'))}, not of {us.url}")
        audience = claims.get("aud")
        if us.audience not in (audience if isinstance(audience, list) else [audience]):
            raise _refused(f"it is for {_shown(audience)}, not for {us.audience}")
        expires, begins = _time(claims, "exp"), _time(claims, "nbf", claims.get("iat", 0))
        if now >= expires + leeway:
            raise _refused(f"it expired {now - expires:.0f} s ago")
        if now < begins - leeway:
            raise _refused(f"it holds from {begins - now:.0f} s on: is a clock wrong?")

    def _role(self, name: str, claims: Mapping[str, Any]) -> Role:
        """Return the highest role that a claim gives."""
        claim = self._issuer.role_claim
        found: Any = claims
        for piece in [claim] if claim in claims else claim.split("."):
            found = found.get(piece) if isinstance(found, Mapping) else None
        values = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        known = {role: role for role in ROLES} | dict(self._issuer.roles)
        given = {known[value] for value in values if isinstance(value, str) and value in known}
        if not given:
            raise AccessError(
                f"{name} has no role here: the claim {claim} of the token is {_shown(found)};"
                f" known there: {', '.join(known)}",
                known=True,
            )
        return max(given, key=ROLES.index)


def _refused(why: str) -> AccessError:
    return AccessError(f"this token is refused: {why}; sign in again", known=False)


def _shown(value: object) -> str:
    return ascii(value)[:100]


def _time(claims: Mapping[str, Any], name: str, default: object = None) -> float:
    """Return a claim in seconds of Unix time."""
    value = claims.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e12:
        raise _refused(f"its claim {name} is no time")
    return value

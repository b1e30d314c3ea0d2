"""The keys with which an identity provider signs, fetched when they are needed."""

from collections.abc import Mapping
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key

from db.errors import EveryhitError, UsageError

KEPT_S = 3600.0
"""Keys are fetched anew after so long."""
BELIEVED_S = 86_400.0
"""Where that fails, they are believed for so long."""
PAUSE_S = 10.0
"""Nobody makes us ask the provider more often than this, whatever keys tokens name."""
TIMEOUT_S = 5.0
MOST_BYTES = 1 << 20

_log = structlog.get_logger()


class IssuerError(EveryhitError):
    """The identity provider can't be asked for its keys now."""

    code = "issuer"


class Keys:
    """Public keys by number. From any thread.

    Raises UsageError for an address that others could listen to.
    """

    def __init__(self, issuer: str) -> None:
        self._issuer = safe_address(issuer)
        self._keys = KeySet([])
        self._fetched = self._tried = -BELIEVED_S
        self._fetching = Lock()

    def of(self, headers: Mapping[str, Any]) -> Key:
        """Return the key that a token's header names.

        An unknown one is looked for at the provider, but not often. Raises JoseError when there is
        none, IssuerError when no keys can be had.
        """
        number, algorithm = headers.get("kid"), headers["alg"]
        if self._old() or not self._has(number):
            self._fetch(number)
        if not self._keys:
            raise IssuerError(f"the issuer {self._issuer} gives no keys now: try again soon")
        return self._keys.get_by_kid(number, {"use": "sig", "alg": algorithm})

    def _old(self) -> bool:
        return monotonic() - self._fetched > KEPT_S

    def _has(self, number: str | None) -> bool:
        return bool(self._keys) and (number is None or any(k.kid == number for k in self._keys))

    def _fetch(self, number: str | None) -> None:
        # Whoever has keys needs not wait for whoever asks for others.
        if not self._fetching.acquire(blocking=not self._keys):
            return
        try:
            now = monotonic()
            if now - self._tried < PAUSE_S or (self._has(number) and not self._old()):
                return
            self._tried = now
            self._keys, self._fetched = _keys_of(self._issuer), now
        except (httpx.HTTPError, ValueError, KeyError, TypeError, EveryhitError) as fault:
            _log.warning("an issuer's keys can't be had", issuer=self._issuer, said=str(fault))
            if now - self._fetched > BELIEVED_S:
                self._keys = KeySet([])
        finally:
            self._fetching.release()


def _keys_of(issuer: str) -> KeySet:
    with httpx.Client(timeout=TIMEOUT_S) as http:
        told = provider_told(http, issuer)
        listed = _json(http, safe_address(told["jwks_uri"]))["keys"]
    keys = []
    for each in listed:
        try:
            key = import_key(each)
        except (JoseError, ValueError, KeyError, TypeError):
            continue  # of a kind that we don't know: others may do
        if key.key_type != "oct" and key.get("use", "sig") == "sig":
            keys.append(key)
    return KeySet(keys)


def provider_told(http: httpx.Client, issuer: str) -> Any:
    """Return what a provider tells of itself; raises httpx.HTTPError, ValueError, KeyError."""
    told = _json(http, issuer.rstrip("/") + "/.well-known/openid-configuration")
    if told["issuer"] != issuer:
        raise ValueError(f"it calls itself {told['issuer']!r}")
    return told


def _json(http: httpx.Client, url: str) -> Any:
    answer = http.get(url).raise_for_status()
    if len(answer.content) > MOST_BYTES:
        raise ValueError(f"{url} answers with more than {MOST_BYTES} bytes")
    return answer.json()


def safe_address(url: str) -> str:
    """Return an address that nobody else can listen to; UsageError for any other."""
    parts = urlsplit(url)
    near = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and near):
        raise UsageError(f"issuer {url!r}: its address begins with https://")
    return url

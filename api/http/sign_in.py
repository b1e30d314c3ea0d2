"""Sign-in of people at the identity provider: there and back, with a token for the page."""

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache
from urllib.parse import urlencode, urlsplit

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.access.issuer import Issuer
from api.access.keys import IssuerError, provider_told, safe_address
from api.access.roles import AccessError
from api.state import AppState
from db.errors import EveryhitError, UsageError

_COOKIE, _COOKIE_S = "everyhit-sign-in", 600
_TIMEOUT_S = 10.0


def sign_in_routes(app_state: AppState) -> APIRouter:
    """Return the routes that lead to the provider and back to the page (code flow with PKCE).

    Whoever comes back stands before the page with ``#token=…``, or ``#refused=…`` and why.
    """
    router = APIRouter(prefix="/sign-in")
    issuer = app_state.rules.issuer

    @router.get("/provider")
    def provider() -> dict[str, str | None]:
        return {"name": urlsplit(issuer.url).netloc if issuer else None}

    @router.get("")
    def leave(request: Request) -> Response:
        known, (there, _) = _known(issuer), _endpoints(_known(issuer).url)
        state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": known.client,
            "redirect_uri": _back_address(request),
            "scope": "openid profile",
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        answer = RedirectResponse(f"{there}{'&' if '?' in there else '?'}{urlencode(asked)}", 302)
        answer.set_cookie(
            _COOKIE, f"{state}.{verifier}", max_age=_COOKIE_S, path="/sign-in", httponly=True,
            samesite="lax", secure=request.url.scheme == "https",
        )  # fmt: skip
        return answer

    @router.get("/back")
    def back(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
        try:
            known = _known(issuer)
            given, _, verifier = request.cookies.get(_COOKIE, "").partition(".")
            if not verifier or not hmac.compare_digest(given.encode(), state.encode()):
                raise UsageError("this sign-in was not begun here, or too long ago: begin again")
            if error or not code:
                raise AccessError(f"{known.url} lets nobody in: {error[:100]!r}", known=False)
            token = _accepted(app_state, _tokens(known, code, verifier, _back_address(request)))
        except EveryhitError as fault:
            told = {"refused": str(fault)}
        else:
            told = {"token": token}
        answer = RedirectResponse(f"{request.base_url}#{urlencode(told)}", 302)
        answer.delete_cookie(_COOKIE, path="/sign-in")
        return answer

    return router


def _known(issuer: Issuer | None) -> Issuer:
    if issuer is None:
        raise UsageError("no identity provider is set here (EVERYHIT_OIDC_ISSUER): bring a token")
    return issuer


def _back_address(request: Request) -> str:
    return f"{request.base_url}sign-in/back"


@lru_cache(maxsize=4)
def _endpoints(issuer: str) -> tuple[str, str]:
    """Where a provider signs people in, and where it gives tokens for codes; IssuerError."""
    try:
        with httpx.Client(timeout=_TIMEOUT_S) as http:
            told = provider_told(http, issuer)
        return safe_address(told["authorization_endpoint"]), safe_address(told["token_endpoint"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as fault:
        raise IssuerError(f"{issuer} does not tell where one signs in: {fault!r}") from None


def _tokens(issuer: Issuer, code: str, verifier: str, back: str) -> list[str]:
    """Return the tokens that a code is good for; IssuerError."""
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "client_id": issuer.client,
        "code_verifier": verifier,
    }
    try:
        answer = httpx.post(_endpoints(issuer.url)[1], data=asked, timeout=_TIMEOUT_S)
        told = answer.raise_for_status().json()
        found = [told[name] for name in ("access_token", "id_token") if told.get(name)]
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise IssuerError(f"{issuer.url} gives no token: {fault}") from None
    if not found:
        raise IssuerError(f"{issuer.url} gives no token: its answer has none")
    return found


def _accepted(app_state: AppState, tokens: list[str]) -> str:
    """Return the first token that opens anything here; AccessError of the last that does not."""
    for token in tokens:
        try:
            app_state.authenticator.who(f"Bearer {token}")
        except AccessError as fault:
            refused = fault
        else:
            return token
    raise refused

"""An identity provider that runs here: signs tokens, and lets people in."""

import base64
import hashlib
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import Key, RSAKey

AUDIENCE = "everyhit at the beam"


@dataclass
class Provider:
    """What the provider publishes, and how often it was asked."""

    url: str = ""
    keys: list[Key] = field(default_factory=list)
    asked: Counter = field(default_factory=Counter)
    away: bool = False
    name: str | None = None
    """What it calls itself, if not by its address."""
    refusal: str = ""
    """Why it lets nobody in."""
    claims: dict[str, Any] = field(default_factory=dict)
    """Of those who sign in."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was asked for where a code was given."""

    def token(self, key: Key | None = None, alg: str = "RS256", kid: str | None = None, **claims):
        now = time.time()
        key = key or self.keys[0]
        made = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "0815",
            "preferred_username": "alice",
            "iat": now,
            "exp": now + 300,
            "roles": ["physicist"],
        } | claims
        made = {name: value for name, value in made.items() if value is not None}
        header = {"alg": alg, "kid": kid or key.kid}
        return jwt.encode(header, made, key, algorithms=[alg])

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def discovery(response: Response):
            self.asked["discovery"] += 1
            response.status_code = 503 if self.away else 200
            return {
                "issuer": self.name or self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/login?theme=plain",
                "token_endpoint": f"{self.url}/token",
            }

        @app.get("/login")
        def login(request: Request):
            """Let whoever comes in at once, or not."""
            asked = request.query_params
            assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
            told = {"error": self.refusal} if self.refusal else {"code": secrets.token_hex(8)}
            self.codes[told.get("code", "")] = dict(asked)
            return RedirectResponse(
                f"{asked['redirect_uri']}?{urlencode(told | {'state': asked['state']})}"
            )

        @app.post("/token")
        async def token(request: Request):
            """The tokens that a code is good for, once, to whoever has asked for it."""
            given = dict(parse_qsl((await request.body()).decode()))
            asked = self.codes.pop(given["code"], {})
            digest = hashlib.sha256(given["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if (challenge, given["redirect_uri"], given["client_id"]) != tuple(
                asked.get(name) for name in ("code_challenge", "redirect_uri", "client_id")
            ):
                return JSONResponse({"error": "invalid_grant"}, 400)
            return {"access_token": "for others", "id_token": self.token(**self.claims)}

        @app.get("/keys")
        def public():
            self.asked["keys"] += 1
            strange = {"kty": "MLWE", "kid": "of the future"}
            secret = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "a secret"}
            return {"keys": [strange, secret, *(key.as_dict(private=False) for key in self.keys)]}

        return app


def rsa():
    return RSAKey.generate_key(2048, auto_kid=True)

"""Words over HTTP: any front-end that can send a request can take data."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse

from api.slots import client_of
from api.state import AppState
from db.errors import UsageError

_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
TYPE = "application/octet-stream"


def ingest_routes(app_state: AppState) -> APIRouter:
    """Return the route ``/ingest/…``."""
    router = APIRouter()

    @router.post("/ingest/{run}/{link}")
    async def ingest(
        request: Request,
        run: str,
        link: int,
        authorization: Annotated[str | None, Header()] = None,
        idempotency_key: Annotated[str | None, Header()] = None,
        content_type: Annotated[str | None, Header()] = None,
    ) -> JSONResponse:
        who = await app_state.ask(app_state.authenticator.who, authorization)
        who.need("ingest")
        if content_type != TYPE:
            raise UsageError(f"words come as {TYPE}, little-endian, 8 bytes each")
        if idempotency_key is None or not _KEY.fullmatch(idempotency_key):
            raise UsageError(
                "send the header Idempotency-Key, up to 128 visible characters, another for each"
                " body of the link: a number that counts them will do"
            )
        if not 0 <= link < 2**16:
            raise UsageError(f"link {link}: links have the numbers 0 to 65535")
        with app_state.uploads.place(client_of(request, who)):
            body = await request.body()
            try:
                taker = await app_state.ask(app_state.intake.run, run)
                receipt = await app_state.ask(taker.take, link, idempotency_key, body)
            finally:
                app_state.answers.forget()
        return JSONResponse(
            {"hits": receipt.n_hits, "repeated": receipt.repeated}, 200 if receipt.repeated else 201
        )

    return router

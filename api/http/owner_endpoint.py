"""The store's engine for other commands of the same user on this machine.

One process owns an embedded store. So that ``everyhit query`` and the like work beside it, it lets
their statements in, to those who could read the store's files anyway: the secret is beside them.
No token of the API opens this door.
"""

import ipaddress

import pyarrow as pa
from fastapi import APIRouter, Request, Response

from api.access.roles import AccessError
from api.state import AppState
from db.engine.owner import STATEMENTS, run_statement


def owner_routes(app_state: AppState) -> APIRouter:
    """Return the routes ``/engine/…``; see ``db.engine.owner``."""
    router = APIRouter()
    engine = app_state.engine

    def check(request: Request) -> None:
        near = request.client and _is_near(request.client.host)
        if not near or not app_state.authenticator.is_local(request.headers.get("authorization")):
            raise AccessError("this door is for the store's owner on its own machine", known=False)

    @router.post("/engine/insert")
    async def insert(request: Request, table: str, token: str | None = None) -> Response:
        check(request)
        rows = pa.ipc.open_stream(await request.body()).read_all()
        await app_state.ask_bulk(engine.insert, table, rows, token)
        app_state.answers.forget()
        return Response()

    @router.post("/engine/{what}")
    async def statement(request: Request, what: str) -> Response:
        check(request)
        if what not in STATEMENTS:
            return Response(status_code=404)
        answer = await app_state.ask_bulk(run_statement, engine, what, await request.body())
        if what == "execute":
            app_state.answers.forget()
        return Response(answer)

    return router


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a proxy may name whatever it likes
        return False

"""The web application: GraphQL, bulk data, health."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api.access.keys import IssuerError
from api.access.roles import AccessError
from api.export.route import export_routes
from api.http.graphiql import graphiql_routes
from api.http.graphql import graphql_routes
from api.http.health import Counted, Figures, health_routes
from api.http.ingest import ingest_routes
from api.http.owner_endpoint import owner_routes
from api.http.patience import Patience
from api.http.query import query_routes
from api.http.sign_in import sign_in_routes
from api.slots import BusyError
from api.state import AppState
from db.errors import EveryhitError, StoreError

_OWN_BYTES = 1 << 30
"""Bytes of a body of the store's own owner: rows of other commands."""


def create_app(app_state: AppState) -> FastAPI:
    """Return the application over an open store."""
    app = FastAPI(title="everyhit", docs_url=None, redoc_url=None, openapi_url=None)
    figures = Figures()
    app.include_router(graphql_routes(app_state), prefix="/graphql")
    for routes in (export_routes, ingest_routes, query_routes, sign_in_routes):
        app.include_router(routes(app_state))
    if app_state.store.owned:
        app.include_router(owner_routes(app_state))
    app.include_router(health_routes(app_state, figures))
    app.include_router(graphiql_routes())
    app.add_exception_handler(EveryhitError, _told)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    if app_state.rules.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(app_state.rules.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
        )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(app_state.rules.hosts))
    most = {"ingest": app_state.rules.most_upload, "engine": _OWN_BYTES}
    app.add_middleware(Patience, most=most)
    app.add_middleware(Counted, figures=figures)
    return app


async def _told(request: Request, fault: Exception) -> JSONResponse:
    """A user's mistake as JSON: its code and the line that the command line would show."""
    assert isinstance(fault, EveryhitError)
    away = isinstance(fault, IssuerError) or (
        isinstance(fault, StoreError) and not fault.of_the_query
    )
    status = 503 if away else 400
    if isinstance(fault, AccessError):
        status = 403 if fault.known else 401
    if isinstance(fault, BusyError):
        return _line(fault.code, str(fault), 429, {"Retry-After": str(fault.again_s)})
    return _line(fault.code, str(fault), status)


async def _refused(request: Request, fault: Exception) -> JSONResponse:
    """A request that reaches nothing, or ends in the middle."""
    assert isinstance(fault, HTTPException)
    return _line("request", str(fault.detail), fault.status_code, fault.headers)


async def _unfit(request: Request, fault: Exception) -> JSONResponse:
    """A body or an argument that is not what it should be: the first thing that is wrong."""
    assert isinstance(fault, RequestValidationError)
    wrong = fault.errors()[0]
    place = ".".join(str(part) for part in wrong["loc"])
    return _line("usage", f"{place}: {wrong['msg']}"[:300], 422)


def _line(
    code: str, message: str, status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status, headers)

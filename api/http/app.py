"""The web application: GraphQL, bulk data, health."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api.access.keys import IssuerError
from api.access.roles import AccessError
from api.export.route import export_routes
from api.http.graphiql import page_routes
from api.http.graphql import graphql_routes
from api.http.health import Counted, Figures, health_routes
from api.http.ingest import ingest_routes
from api.http.owner_endpoint import door_routes
from api.http.query import query_routes
from api.state import Desk
from db.errors import EveryhitError, StoreError


def create_app(desk: Desk) -> FastAPI:
    """Return the application over an open store."""
    app = FastAPI(title="everyhit", docs_url=None, redoc_url=None, openapi_url=None)
    figures = Figures()
    app.include_router(graphql_routes(desk), prefix="/graphql")
    for routes in (export_routes, ingest_routes, query_routes):
        app.include_router(routes(desk))
    if desk.store.owned:
        app.include_router(door_routes(desk))
    app.include_router(health_routes(desk, figures))
    app.include_router(page_routes())
    app.add_exception_handler(EveryhitError, _told)
    if desk.rules.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(desk.rules.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
        )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(desk.rules.hosts))
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
    return JSONResponse({"code": fault.code, "message": str(fault)}, status)

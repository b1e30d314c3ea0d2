"""The web application: GraphQL, bulk data, health."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from strawberry.fastapi import GraphQLRouter

from api.access.roles import AccessError
from api.context import Context
from api.desk import Desk
from api.export.route import export_routes
from api.schema import schema
from db.errors import EveryhitError, StoreError


def create_app(desk: Desk) -> FastAPI:
    """Return the application over an open store."""
    app = FastAPI(title="everyhit", docs_url=None, redoc_url=None)
    app.state.desk = desk

    async def context(connection: HTTPConnection) -> Context:
        who = await desk.ask(desk.doorkeeper.who, connection.headers.get("authorization"))
        return Context(desk, who)

    graphql: GraphQLRouter[Context, None] = GraphQLRouter(
        schema, graphql_ide=None, allow_queries_via_get=False, context_getter=context
    )
    app.include_router(graphql, prefix="/graphql")
    app.include_router(export_routes(desk))
    app.add_exception_handler(EveryhitError, _told)
    return app


async def _told(request: Request, fault: Exception) -> JSONResponse:
    """A user's mistake as JSON: its code and the line that the command line would show."""
    assert isinstance(fault, EveryhitError)
    status = 503 if isinstance(fault, StoreError) else 400
    if isinstance(fault, AccessError):
        status = 403 if fault.known else 401
    return JSONResponse({"code": fault.code, "message": str(fault)}, status)

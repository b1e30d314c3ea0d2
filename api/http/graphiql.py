"""A page to try out GraphQL, from our own file: nothing is fetched from elsewhere."""

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def graphiql_routes() -> APIRouter:
    """Return the route ``/graphiql``."""
    router = APIRouter()
    page = (files("api.http") / "graphiql.html").read_text()

    @router.get("/graphiql")
    async def graphiql() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})

    return router

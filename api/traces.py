"""Spans of requests. Only imported where somebody wants them."""

from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Traced:
    """A span for each request, as part of the trace that its headers name."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app, self._tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one pass."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        # What comes behind the first piece of a path has no bound: it is no part of the name.
        path = "/" + scope["path"].strip("/").partition("/")[0]
        method = scope.get("method", "WEBSOCKET")
        with self._tracer.start_as_current_span(
            f"{method} {path}",
            extract(headers),
            SpanKind.SERVER,
            {"http.request.method": method, "url.path": scope["path"]},
        ) as span:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _answered(span, message["status"])
                await send(message)

            await self._app(scope, receive, watched)


def _answered(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))

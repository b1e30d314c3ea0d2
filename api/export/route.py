"""Bulk data over HTTP: a range and a selection, streamed in the format that is asked for."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.dropped import PARTIAL, header
from api.export.batches import Asked, rows_of
from api.export.formats import FORMATS
from api.export.frames import as_frames
from api.slots import client_of
from api.span import span_of
from api.state import AppState
from db.catalogue.runs import find_run
from db.errors import UsageError


def export_routes(app_state: AppState) -> APIRouter:
    """Return the routes ``/export/…``."""
    router = APIRouter()

    @router.get("/export/{run}/{what}")
    async def export(
        request: Request,
        run: str,
        what: str,
        start: str | None = None,
        stop: str | None = None,
        where: str = "",
        lineage: str | None = None,
        columns: str = "",
        trigger: str | None = None,
        decode: bool = False,
        frames: str = "",
        fmt: Annotated[str, Query(alias="format")] = "arrow",
        authorization: Annotated[str | None, Header()] = None,
    ) -> Response:
        who = await app_state.ask(app_state.authenticator.who, authorization)
        who.need("read")
        if fmt not in FORMATS:
            raise UsageError(f"there is no format {fmt!r}; formats: {', '.join(FORMATS)}")
        form = FORMATS[fmt]

        def begun() -> tuple[int, dict[str, str], bytes, Iterator[bytes]]:
            found = find_run(app_state.engine, run)
            a, b = span_of(found, start, stop)
            names, made = tuple(name for name in columns.split(",") if name), form
            if frames:
                names, made = as_frames(found.detector, frames, what, form, columns)
            asked = Asked(found, _relation(what, trigger), a, b, where, lineage, names, decode)
            lacks = header(app_state.engine, found, (a, b)) if what != "candidates" else {}
            rows = rows_of(app_state.engine, asked, app_state.spool)
            lacks |= {PARTIAL: str(rows.told["partial"])} if "partial" in rows.told else {}
            pieces = made.write(rows)
            return found.run_id, lacks, next(pieces, b""), pieces  # what goes wrong at once is told

        with ExitStack() as place:
            place.enter_context(app_state.exports.place(client_of(request, who)))
            number, lacks, first, pieces = await app_state.ask_bulk(begun)
            held = place.pop_all()
        name = f"run{number}-{trigger or what}.{form.suffix}"
        return _Export(
            held,
            app_state.each(_with(first, pieces)),
            media_type=form.media_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'} | lacks,
        )

    return router


class _Export(StreamingResponse):
    """Gives its place away when it ends, however it ends."""

    def __init__(self, held: ExitStack, pieces: AsyncIterator[bytes], **how: Any) -> None:
        self._held = held
        super().__init__(pieces, **how)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


def _with(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces


def _relation(what: str, trigger: str | None) -> str:
    """Return ``hits`` or the trigger's name."""
    if what == "hits" or (what == "events" and trigger is None):
        return what
    if what in ("candidates", "events") and trigger:
        return trigger
    raise UsageError(
        f"export {what!r}: it is hits, events, or candidates with ?trigger=<name of a trigger>"
    )

"""SQL of users, confined as the command line's, its result as an Arrow stream."""

from typing import Annotated

import pyarrow as pa
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field

from api.dropped import PARTIAL, header
from api.slots import client_of
from api.span import span_of
from api.state import Desk
from db.catalogue.runs import find_run
from db.relations.query import fetch_query
from db.user_sql.confine import confined
from software_triggers.task.names import partial_of, relations

MOST_ROWS = 10_000_000


class Question(BaseModel):
    """One SELECT over hits, words, rates, gaps and the results of triggers by name."""

    sql: str = Field(max_length=100_000)
    run: str | int | None = None
    start: str | int | None = None
    stop: str | int | None = None


def query_routes(desk: Desk) -> APIRouter:
    """Return the route ``/query``."""
    router = APIRouter()

    @router.post("/query")
    async def query(
        request: Request,
        question: Question,
        authorization: Annotated[str | None, Header()] = None,
    ) -> Response:
        who = await desk.ask(desk.doorkeeper.who, authorization)
        who.need("read")
        async with desk.turn(client_of(request, who)):
            body, lacks = await desk.ask_bulk(_answer, desk, question)
        return Response(body, media_type="application/vnd.apache.arrow.stream", headers=lacks)

    return router


def _answer(desk: Desk, question: Question) -> tuple[bytes, dict[str, str]]:
    """Return the result, and what is to be said of it."""
    run = find_run(desk.engine, question.run)
    span = span_of(run, question.start, question.stop)
    names = relations(desk.engine, run, span)
    query = confined(desk.engine, question.sql, names)
    of_words = {"hits", "words"} & query.tables
    lacks = header(desk.engine, run, span) if of_words else {}
    if said := partial_of(desk.engine, names, query.tables):
        lacks |= {PARTIAL: said}
    table = fetch_query(desk.engine, query, names, desk.rules.seconds, MOST_ROWS)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue()), lacks

"""SQL of users, confined as the command line's, its result as an Arrow stream."""

from typing import Annotated

import pyarrow as pa
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field

from api.dropped import PARTIAL, header
from api.slots import client_of
from api.span import span_of
from api.state import AppState
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


def query_routes(app_state: AppState) -> APIRouter:
    """Return the route ``/query``."""
    router = APIRouter()

    @router.post("/query")
    async def query(
        request: Request,
        question: Question,
        authorization: Annotated[str | None, Header()] = None,
    ) -> Response:
        who = await app_state.ask(app_state.authenticator.who, authorization)
        who.need("read")
        async with app_state.turn(client_of(request, who)):
            body, lacks = await app_state.ask_bulk(_answer, app_state, question)
        return Response(body, media_type="application/vnd.apache.arrow.stream", headers=lacks)

    return router


def _answer(app_state: AppState, question: Question) -> tuple[bytes, dict[str, str]]:
    """Return the result, and what is to be said of it."""
    run = find_run(app_state.engine, question.run)
    span = span_of(run, question.start, question.stop)
    names = relations(app_state.engine, run, span)
    query = confined(app_state.engine, question.sql, names)
    of_words = {"hits", "words"} & query.tables
    lacks = header(app_state.engine, run, span) if of_words else {}
    if said := partial_of(app_state.engine, names, query.tables):
        lacks |= {PARTIAL: said}
    table = fetch_query(app_state.engine, query, names, app_state.rules.seconds, MOST_ROWS)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue()), lacks

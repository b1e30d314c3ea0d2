"""Traces that a collector on this machine receives."""

import subprocess
import sys

import httpx
import pytest
from fastapi import FastAPI, Request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import SpanKind

from api.http.serve import served
from db.errors import UsageError
from db.store import Store
from ops.services.serving import serving
from ops.services.tracing import tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


@pytest.fixture
def collected(monkeypatch):
    """The spans that came in, with the name of who sent them; traces are asked for."""
    spans = []
    app = FastAPI()

    @app.post("/v1/traces")
    async def take(request: Request) -> dict[str, str]:
        told = ExportTraceServiceRequest.FromString(await request.body())
        for of in told.resource_spans:
            names = {a.key: a.value.string_value for a in of.resource.attributes}
            spans.extend(
                (names["service.name"], s) for scope in of.scope_spans for s in scope.spans
            )
        return {}

    with served(app) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        yield spans


def attributes(span):
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_a_request_and_its_statements_are_one_trace(collected, engine, tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "muons")
    with serving(Store("chdb:test", tmp_path, engine), open_to_all=True) as here:
        answer = httpx.post(
            f"{here.url}/graphql",
            json={"query": "{ runs { totalCount } }"},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
        )
        assert answer.json()["data"]["runs"]["totalCount"] >= 0
        httpx.get(f"{here.url}/export/no%20such/hits")
        httpx.get(f"{here.url}/healthz")
    assert {name for name, _ in collected} == {"muons"}
    spans = [span for _, span in collected]
    (request,) = [span for span in spans if span.name == "POST /graphql"]
    assert request.trace_id.hex() == TRACE
    assert request.parent_span_id.hex() == CALLER
    assert request.kind == SpanKind.SERVER.value + 1  # the protocol counts from 1
    assert attributes(request)["http.response.status_code"] == 200
    statements = [span for span in spans if span.parent_span_id == request.span_id]
    assert len(statements) >= 2  # the page and the count, each from a thread of its own
    assert all("FROM runs" in attributes(span)["db.query.text"] for span in statements)
    assert {span.trace_id.hex() for span in statements} == {TRACE}
    (export,) = [span for span in spans if span.name == "GET /export"]
    assert attributes(export)["http.response.status_code"] == 400
    assert export.trace_id.hex() != TRACE


def test_whoever_wants_none_gets_none(collected, monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with tracing() as tracer:
        assert tracer is None


def test_a_missing_package_is_one_line(collected, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(UsageError, match=r"pip install 'everyhit\[otel\]'"), tracing():
        pass


def test_nothing_is_imported_for_whoever_asks_for_no_traces():
    code = (
        "import sys, ops.services.serving\nfrom ops.services.tracing import tracing\n"
        "with tracing() as tracer: assert tracer is None\n"
        "assert 'api.traces' not in sys.modules\n"
        # The SDK itself may be there: the Redis client looks for it.
        "assert not [m for m in sys.modules if m.startswith('opentelemetry.exporter')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env={"PATH": "/usr/bin"})

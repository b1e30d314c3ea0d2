"""Traces for whoever collects them, set up by the standard variables ``OTEL_…``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from db.errors import UsageError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_WHERE = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@contextmanager
def tracing() -> Iterator["Tracer | None"]:
    """Yield what makes spans, None where nobody wants them: then nothing is imported either.

    They go out over HTTP in the background, the rest when the context ends. Raises UsageError where
    the packages are missing.
    """
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    off |= os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    if off or not any(os.environ.get(name) for name in _WHERE):
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as fault:
        raise UsageError(
            f"OTEL_… asks for traces, and {fault.name} is missing: pip install 'everyhit[otel]'"
        ) from None
    own = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "everyhit"}
    provider = TracerProvider(resource=Resource.create(own))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield provider.get_tracer("everyhit")
    finally:
        provider.shutdown()

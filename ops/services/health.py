"""How a service is, for whoever watches it: /healthz and /metrics."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from db.errors import UsageError


@dataclass(frozen=True)
class Reading:
    """One figure: its name, its meaning, and its values, by link where there are several."""

    name: str
    meaning: str
    value: float | None = None
    of_link: dict[int, float] = field(default_factory=dict)


@contextmanager
def health(
    port: int,
    readings: Callable[[], list[Reading]],
    trouble: Callable[[], str],
    of: str = "readout",
    more: Collector | None = None,
) -> Iterator[int]:
    """Serve on 127.0.0.1 until the context ends; yields the port, of use if 0 was asked for.

    /metrics has the readings in Prometheus' format, named ``everyhit_<of>_…``, and what ``more``
    collects. /healthz says ok, or
    with status 503 what ``trouble`` says.
    """
    registry = CollectorRegistry()
    registry.register(_Readings(readings, of))
    if more is not None:
        registry.register(more)
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/metrics":
            return metrics(environ, start)
        known, said = environ["PATH_INFO"] == "/healthz", trouble()
        status = "404 Not Found" if not known else "503 Service Unavailable" if said else "200 OK"
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [(said or "ok").encode() if known else b"there are /healthz and /metrics"]

    try:
        server = make_server("127.0.0.1", port, answer, handler_class=_Quiet)
    except OSError as fault:
        raise UsageError(f"can't serve the health on port {port}: {fault.strerror}") from None
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Readings(Collector):
    def __init__(self, readings: Callable[[], list[Reading]], of: str) -> None:
        self._readings, self._of = readings, of

    def collect(self) -> Iterator[Metric]:
        """Each reading as a family of its own."""
        for each in self._readings():
            name = f"everyhit_{self._of}_{each.name}"
            if each.value is not None:
                yield GaugeMetricFamily(name, each.meaning, value=each.value)
                continue
            family = GaugeMetricFamily(name, each.meaning, labels=["link"])
            for link, value in sorted(each.of_link.items()):
                family.add_metric([str(link)], value)
            yield family


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing: whoever asks knows that it asked."""

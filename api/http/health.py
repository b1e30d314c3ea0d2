"""Whether it lives, whether it can work, and figures for Prometheus."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.state import AppState
from db.catalogue.alarms import list_alarms
from db.catalogue.heartbeat import alive
from db.catalogue.run_pages import RunFilter, count_runs
from db.catalogue.runs import find_run
from db.engine import Engine
from db.errors import StoreError
from db.results.totals import result_totals
from db.schema.migrate import version
from db.words.totals import link_totals
from readout.control.messages import reached


class Figures:
    """What is counted of requests, and looked up of the newest run when it is asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "everyhit_requests", "Requests answered.", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "everyhit_request_seconds", "Time to the answer's begin.", ["path"],
            registry=self.registry,
        )  # fmt: skip
        self.listeners = self._gauge("listeners", "Subscriptions that are listened to.")
        self.run = self._gauge("run", "Number of the newest run.")
        self.words = self._gauge("words", "Words of the newest run in the store.", "link")
        self.watermark = self._gauge(
            "watermark_seconds", "Time before which the link is complete.", "link"
        )
        self.rows = self._gauge("rows", "Committed rows of the newest run.", "trigger", "lineage")
        self.behind = self._gauge(
            "behind_seconds", "Data between committed windows and the newest word.",
            "trigger", "lineage",
        )  # fmt: skip
        self.failed = self._gauge("failures", "Windows failed.", "trigger", "lineage")
        self.alarm = self._gauge("alarm", "An alarm that stands.", "name", "subject")
        self.lag = self._gauge(
            "publication_lag_seconds", "Time since all that was committed was there as documents.",
            "runs", "home",
        )  # fmt: skip

    def look(self, engine: Engine, redis: str) -> None:
        """Bring what is looked up to date; ``redis`` is where publishers tell how far they are."""
        for gauge in (self.words, self.watermark, self.rows, self.behind, self.failed):
            gauge.clear()
        self.alarm.clear()
        for alarm in list_alarms(engine):
            self.alarm.labels(*alarm.key).set(1)
        self.lag.clear()
        for rule in _publications(redis):
            self.lag.labels(rule["runs"], rule["home"]).set(rule["lag_s"])
        if not count_runs(engine, RunFilter()):
            return
        run = find_run(engine)
        second = float(run.detector.tick) * 1e-9
        self.run.set(run.run_id)
        links = link_totals(engine, [run.run_id])
        for row in links.iter_rows(named=True):
            self.words.labels(row["link"]).set(row["words"])
            self.watermark.labels(row["link"]).set(row["watermark"] * second)
        newest = links["last"].max() or 0
        for row in result_totals(engine, [run.run_id]).iter_rows(named=True):
            labels = row["trigger"], row["lineage"]
            behind = newest - (row["last_cell"] + 1) * run.cell
            self.rows.labels(*labels).set(row["rows"])
            self.behind.labels(*labels).set(max(0.0, behind * second))
            self.failed.labels(*labels).set(row["failed"])

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"everyhit_{name}", told, labels, registry=self.registry)


def _publications(redis: str) -> list[dict[str, Any]]:
    """How far documents are, by rule; none where nobody can tell, which is an alarm."""
    if not redis:
        return []
    try:
        with reached(redis) as client:
            return [rule for each in alive(client, "publisher") for rule in each["rules"]]
    except StoreError:
        return []


class Counted:
    """Counts requests on their way to the application, and what streams through untouched."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app, self._figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                # Paths that nobody serves must not become labels by the thousand.
                path = "/" + scope["path"].strip("/").partition("/")[0]
                path = path if status not in (404, 405) else "other"
                self._figures.requests.labels(path, status).inc()
                self._figures.seconds.labels(path).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, watched)


def health_routes(app_state: AppState, figures: Figures) -> APIRouter:
    """Return ``/healthz``, ``/readyz`` and ``/metrics``."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def readyz() -> dict[str, str | int]:
        return {"status": "ready", "schema": await app_state.ask(version, app_state.engine)}

    @router.get("/metrics")
    async def metrics(authorization: Annotated[str | None, Header()] = None) -> Response:
        (await app_state.ask(app_state.authenticator.who, authorization)).need("read")
        figures.listeners.set(app_state.topics.listeners)
        await app_state.ask(figures.look, app_state.engine, app_state.rules.redis)
        return Response(generate_latest(figures.registry), media_type=CONTENT_TYPE_LATEST)

    return router

"""The API beside whatever a process does with its store."""

import secrets
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api.access.issuer import Issuer
from api.http.app import create_app
from api.http.serve import served
from api.state import AppState, ServerRules
from db.engine import Engine
from db.engine.endpoint import OwnerEndpoint, find_endpoint, publish_endpoint
from db.errors import UsageError
from db.retention.steps import Step, plan
from db.store import Store
from ops.services.retention import grace_of_settings, retention_rules
from ops.services.tracing import tracing
from ops.settings import settings
from software_triggers.conductor.conductor import Job
from web.routes import page_routes

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

ANSWERS_S = 1.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Serving:
    """The API that is served."""

    url: str
    app_state: AppState

    @property
    def page(self) -> str:
        """Address of the page, with a token that holds until the process ends in order.

        It holds on in one that follows a process that was killed.
        """
        return f"{self.url}/#token={self.app_state.local}"


@contextmanager
def serving(
    store: Store,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    open_to_all: bool = False,
    redis: str = "",
    jobs: Callable[[], Iterable[Job]] = tuple,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Serving]:
    """Serve the API of an open store, and let other commands in, as long as the context lasts.

    ``redis`` is the address of the Redis over which readouts take orders; without, none are given.
    ``jobs`` returns what this process's conductor works on.
    Raises UsageError when everybody would get in from other machines, or the port is taken.
    """
    if open_to_all and host not in LOOPBACK:
        raise UsageError(f"--open is for this machine only, not for {host}: make tokens instead")
    rules = ServerRules(
        open_to_all=open_to_all,
        issuer=_issuer(),
        hosts=(*settings().api_hosts, "127.0.0.1", "localhost", "[::1]", host),
        origins=settings().api_origins,
        folders=settings().triggers,
        detectors=settings().detectors,
        redis=redis,
        plan_retention=_would_be_done,
        cell=settings().cell,
        answers_s=ANSWERS_S,
        mongodb_driver=settings().mongodb_driver,
    )
    with (
        tracing() as tracer,
        closing(AppState(_traced(store, tracer), rules, _secret(store), jobs)) as app_state,
    ):
        app, proxies = create_app(app_state), settings().api_proxies
        app.include_router(page_routes())
        if tracer:
            from api.traces import Traced

            app.add_middleware(Traced, tracer=tracer)
        with (
            served(app, host, port, tls=tls, proxies=proxies) as url,
            # A certificate is for a name: on this machine commands come in without.
            served(app) if tls else nullcontext(url) as near,
            _door(store, near, app_state) if store.owned else nullcontext(),
        ):
            yield Serving(url, app_state)


def _traced(store: Store, tracer: "Tracer | None") -> Store:
    if tracer is None:
        return store
    from db.engine.traced import TracedEngine

    return replace(store, engine=TracedEngine(store.engine, tracer))


def _issuer() -> Issuer | None:
    at = settings()
    if not at.oidc_issuer:
        return None
    return Issuer(
        at.oidc_issuer,
        at.oidc_audience,
        at.oidc_roles,
        at.oidc_role_claim,
        at.oidc_name_claim,
        at.oidc_leeway_s,
        at.oidc_client,
    )


def _secret(store: Store) -> str:
    """A new secret, or that of a process that was killed: pages that are open go on with it."""
    left = find_endpoint(store.folder) if store.owned else None
    return left.secret if left else secrets.token_urlsafe(32)


def _would_be_done(engine: Engine) -> list[Step]:
    return plan(engine, retention_rules(engine, datetime.now(UTC), grace_of_settings()))


@contextmanager
def _door(store: Store, url: str, app_state: AppState) -> Iterator[None]:
    """Let other commands of this user in."""
    near = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    endpoint = OwnerEndpoint(near, app_state.local, app_state.rules.redis)
    path = publish_endpoint(store.folder, endpoint)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)

"""``everyhit api`` and ``everyhit token``: the server, and who may ask it."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.access.roles import ROLES
from api.http.tls import tls_context
from db.catalogue.tokens import Token, create_token, list_tokens, revoke_token
from db.errors import UsageError
from db.store import Store as OpenStore
from db.time import parse_duration
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.show import MOST_ROWS, AsJson, Limit, Store, show, show_json
from ops.services.interrupt import interruptible
from ops.services.one_process import OneProcess, one_process
from ops.settings import settings

if TYPE_CHECKING:
    from ops.services.serving import Serving

tokens = typer.Typer(help="Tokens, with which people and programs ask the API.")
app.add_typer(tokens, name="token", no_args_is_help=True)

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")]
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Certificate = Annotated[
    Path | None, typer.Option("--certificate", help="Serve TLS: PEM with the whole chain.")
]
Key = Annotated[Path | None, typer.Option("--key", help="PEM with its private key.")]
Open = Annotated[
    bool, typer.Option("--open", help="Everybody on this machine is admin: no tokens.")
]


@app.command()
def api(
    host: Host = "127.0.0.1",
    port: Port = 8420,
    open_to_all: Open = False,
    certificate: Certificate = None,
    key: Key = None,
    store: Store = None,
) -> None:
    """Serve the GraphQL API and bulk data of a store, until Ctrl-C.

    The store of one process has triggers run, alarms watched and retention applied beside; on
    servers others do that.
    """
    tls = tls_of(certificate, key)
    with ExitStack() as stack:
        at = stack.enter_context(opened(store, alone=True))
        wish = stack.enter_context(interruptible())
        process = stack.enter_context(one_process(at)) if at.owned else None
        stack.enter_context(
            served_beside(at, port, host, process=process, open_to_all=open_to_all, tls=tls)
        )
        wish.wait()


def tls_of(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return what --certificate and --key name; UsageError for one without the other."""
    if (certificate is None) != (key is None):
        raise UsageError("TLS takes both --certificate and --key")
    return tls_context(certificate, key) if certificate and key else None


@contextmanager
def served_beside(
    at: OpenStore,
    port: int,
    host: str = "127.0.0.1",
    *,
    process: OneProcess | None,
    open_to_all: bool = False,
    tls: ssl.SSLContext | None = None,
) -> Iterator["Serving"]:
    """Serve the API of an open store beside what this process does, and tell where.

    Orders go to the readout of this process, or over the Redis of the settings to others.
    """
    from ops.services.serving import serving  # takes a second: other commands need not wait for it

    with serving(
        at,
        host=host,
        port=port,
        open_to_all=open_to_all,
        redis=process.redis if process else settings().redis,
        jobs=process.jobs if process else tuple,
        tls=tls,
    ) as served:
        typer.echo(f"the API is at {served.url}; open the page: {served.page}", err=True)
        yield served


@tokens.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who holds it.")],
    role: Annotated[str, typer.Option("--role", help=", ".join(ROLES))] = "viewer",
    lifetime: Annotated[
        str | None, typer.Option("--for", help="Until it expires, as 30d or 12h; default never.")
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Make a token; its text is shown once and kept nowhere."""
    if role not in ROLES:
        raise UsageError(f"there is no role {role!r}; roles: {', '.join(ROLES)}")
    holds = timedelta(seconds=float(parse_duration(lifetime)) * 1e-9) if lifetime else None
    with opened(store, create=True) as at:
        token, text = create_token(at.engine, name, role, holds)
    if as_json:
        show_json(_line(token) | {"text": text})
        return
    typer.echo(text)


@tokens.command("list")
def list_(limit: Limit = MOST_ROWS, store: Store = None, as_json: AsJson = False) -> None:
    """List all tokens, revoked and expired ones too."""
    with opened(store) as at:
        show(
            [_line(token) for token in list_tokens(at.engine)],
            as_json=as_json,
            title="tokens",
            limit=limit,
            where=at.url,
        )


@tokens.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(help="Its number, as in the list.")],
    store: Store = None,
) -> None:
    """Make a token worthless; a running server forgets it within seconds."""
    with opened(store) as at:
        typer.echo(f"revoked the token of {revoke_token(at.engine, token_id).name}")


def _line(token: Token) -> dict[str, object]:
    return {
        "token": token.token_id,
        "name": token.name,
        "role": token.role,
        "created": f"{token.created_at:%Y-%m-%d %H:%M}",
        "expires": f"{token.expires_at:%Y-%m-%d %H:%M}" if token.expires_at else "never",
        "revoked": token.revoked,
    }

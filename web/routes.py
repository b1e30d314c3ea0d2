"""Serves the page at ``/`` and its files under names that change with what is in them."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from importlib.metadata import distribution
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser lets the page do: run and fetch what this server has, and nothing else."""
_FOREVER = "public, max-age=31536000, immutable"
_CHARTS = ("uPlot.iife.js", "uPlot.min.css")


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent, plain and packed."""

    kind: str
    content: bytes
    packed: bytes


def static_files() -> dict[str, StaticFile]:
    """Return the page's files by their path below ``static``, those of the chart library too."""
    found = _read(files("web") / "static", "")
    charts = distribution("uplot-python")
    for name in _CHARTS:
        found[f"charts/{name}"] = charts.locate_file(f"uplot/static/{name}").read_bytes()  # type: ignore[attr-defined]
    return {
        path: StaticFile(_kind(path), content, gzip.compress(content, mtime=0))
        for path, content in sorted(found.items())
    }


def page_routes() -> APIRouter:
    """Return the routes of the page.

    All files have one hash of all their contents in their path: they import each other by relative
    names, and what a browser keeps of another version is never mixed with this one.
    """
    kept = static_files()
    index = kept.pop("index.html").content.decode()
    digest = hashlib.sha256()
    for path, file in kept.items():
        digest.update(f"{path} {len(file.content)} ".encode() + file.content)
    version = digest.hexdigest()[:16]
    modules = "\n".join(
        f'<link rel="modulepreload" href="static/{version}/{path}">'
        for path in kept
        if path.endswith(".js") and not path.startswith("charts/")
    )
    page = index.replace("{version}", version).replace("{modules}", modules)
    router = APIRouter()

    @router.get("/")
    async def show_page() -> HTMLResponse:
        return HTMLResponse(page, headers=_guarded("no-cache"))

    @router.get("/static/{of}/{path:path}")
    async def send_file(of: str, path: str, request: Request) -> Response:
        file = kept.get(path) if of == version else None
        if file is None:
            raise HTTPException(404, "there is no such file of the page: load the page again")
        headers = _guarded(_FOREVER)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(file.content, media_type=file.kind, headers=headers)
        return Response(
            file.packed, media_type=file.kind, headers={**headers, "Content-Encoding": "gzip"}
        )

    return router


def _guarded(cache: str) -> dict[str, str]:
    return {
        "Cache-Control": cache,
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }


def _read(folder: Traversable, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _read(entry, f"{prefix}{entry.name}/")
        else:
            found[prefix + entry.name] = entry.read_bytes()
    return found


def _kind(path: str) -> str:
    # The system's table may lack or change these: a module of another kind is not run.
    known = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    return known.get(path.rsplit(".", 1)[-1]) or mimetypes.guess_type(path)[0] or "text/plain"

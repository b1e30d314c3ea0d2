"""The page as it is served: nothing from elsewhere, nothing inline, names that change with content."""

import gzip
import re
from pathlib import Path, PurePosixPath

import httpx
import pytest
from fastapi import FastAPI

from api.http.serve import served
from web.routes import page_routes, static_files

FOLDER = Path(__file__).parents[2] / "web" / "static"
OURS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.*") if path.is_file())


@pytest.fixture(scope="module")
def kept():
    return static_files()


@pytest.fixture(scope="module")
def page():
    app = FastAPI()
    app.include_router(page_routes())
    with served(app) as url, httpx.Client(base_url=url) as client:
        yield client


def test_every_file_the_page_names_is_there_and_is_kept_for_ever(page, kept):
    answer = page.get("/")
    assert answer.headers["cache-control"] == "no-cache"
    named = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(named) > 10
    for address in named:
        file = page.get(f"/{address}")
        assert file.status_code == 200, address
        assert "immutable" in file.headers["cache-control"]
        path = address.split("/", 2)[2]
        assert file.content == kept[path].content == gzip.decompress(kept[path].packed)
        plain = page.get(f"/{address}", headers={"accept-encoding": "identity"})
        assert plain.content == file.content
        assert "content-encoding" not in plain.headers


def test_a_browser_may_run_and_fetch_only_what_this_server_has(page):
    answer = page.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script(?![^>]*src=)", answer.text)
    assert not re.search(r"<style|\son\w+=|\sstyle=", answer.text)


def test_files_of_another_version_are_not_mixed_with_these(page):
    assert page.get("/static/0123456789abcdef/main.js").status_code == 404
    version = re.search(r"static/(\w+)/main.js", page.get("/").text)[1]
    assert page.get(f"/static/{version}/index.html").status_code == 404
    assert page.get(f"/static/{version}/..%2froutes.py").status_code == 404


@pytest.mark.parametrize("path", OURS)
def test_no_file_of_ours_reads_markup_or_names_another_host(path):
    text = (FOLDER / path).read_text()
    elsewhere = [u for u in re.findall(r"https?://[^\s\"'`)]+", text) if "www.w3.org/" not in u]
    assert elsewhere == []
    for risky in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert risky not in text
    for name in re.findall(r"from \"(\.[^\"]+)\"", text):
        folder = PurePosixPath(path).parent
        parts: list[str] = []
        for part in (folder / name).parts:
            parts = parts[:-1] if part == ".." else [*parts, part]
        assert "/".join(parts) in OURS, f"{path} imports {name}"


def test_the_page_is_small(kept):
    assert set(OURS) < set(kept)
    assert sum(len(kept[path].packed) for path in OURS) < 250_000

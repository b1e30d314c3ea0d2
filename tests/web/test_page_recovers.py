"""What goes wrong while the page is open: told in one sentence, and the page goes on by itself."""

import os
import re
import subprocess
import sys
import time

import pytest
from front_end import TELESCOPE, sending
from provider import AUDIENCE, Provider, rsa
from served_page import serving

from api.http.serve import served
from ops.servers.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def words_of(page):
    figure = page.locator("dl.figures dd").first
    return int(re.match(r"[\d,]+", figure.inner_text())[0].replace(",", ""))


def wait_for_more(page, words):
    page.wait_for_function(
        "n => Number(document.querySelector('dl.figures dd')?.firstChild.data.replaceAll(',', '')) > n",
        arg=words,
    )


def test_a_server_that_is_killed_and_started_again(seen, tmp_path):
    """With its address of before, since whoever looks at the page at night has no other."""
    tcp, port = free_port(), free_port()
    up = (
        *("up", "--detector", TELESCOPE, "--tcp", f"127.0.0.1:{tcp}", "--run", "night"),
        *("--port", str(port), "--json", "--store", str(tmp_path / "store")),
    )
    page = seen.page
    with serving(*up) as (process, address), sending(tcp) as stop:
        page.goto(address)
        page.get_by_text("taking data").wait_for()
        wait_for_more(page, words_of(page))
        title = page.get_by_role("heading", level=1).inner_text()
        process.kill()
        process.wait()
        page.get_by_text("No sign of the server").wait_for(timeout=4000)
        before = words_of(page)
        with serving(*up):
            page.get_by_text("No sign of the server").wait_for(state="hidden")
            page.get_by_text("taking data").wait_for()
            wait_for_more(page, before)
            assert page.get_by_role("heading", level=1).inner_text() == title
            page.get_by_role("status").filter(has_text="No word has come").wait_for(state="hidden")
            page.goto(address.split("#")[0])  # the token is still good
            page.get_by_text("taking data").wait_for()
            stop()
            page.get_by_text("takes this run, but no front-end sends").wait_for()


def test_a_server_that_ended_in_order_asks_who_one_is(seen, tmp_path):
    port = free_port()
    api = ("api", "--store", str(tmp_path / "store"), "--port", str(port))
    page = seen.page
    with serving(*api) as (_, address):
        seen.open(address, "Runs").get_by_text("No run yet. Start one").wait_for()
    page.get_by_text("No sign of the server").wait_for(timeout=4000)
    with serving(*api) as (_, address):
        page.get_by_text("this token is unknown, expired or revoked").or_(
            page.get_by_text("The server does not take this token any more")
        ).wait_for()
        page.get_by_label("Your token").fill(address.split("token=")[1])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("No run yet. Start one").wait_for()
        assert page.url.endswith("#/runs")


def test_a_token_that_expires_while_the_page_is_open(seen, tmp_path):
    store = str(tmp_path / "store")
    with serving("api", "--port", "0", "--store", store) as (_, address):
        here, page = address.split("#")[0], seen.page
        short = token(store, "guest", "shifter", "25s")
        page.goto(f"{here}#token={short}")
        pages = page.get_by_role("navigation", name="Pages")
        pages.get_by_role("link", name="Runs").click()
        page.get_by_text("guest, shifter").wait_for()
        page.get_by_label("Search").fill("beam")
        page.get_by_text("No run is like that").wait_for()
        page.get_by_role("alert").get_by_text(re.compile("token.*(expired|any more)")).wait_for(
            timeout=60_000
        )
        assert page.get_by_label("Your token").is_visible()

        other = page.context.new_page()  # one who signs in in one tab is signed in in all
        other.goto(f"{here}#token={token(store, 'host', 'viewer', '1d')}")
        page.get_by_text("host, viewer").wait_for()
        page.get_by_text("No run is like that").wait_for()
        assert page.get_by_label("Search").input_value() == "beam"


def token(store, name, role, lifetime):
    made = subprocess.run(
        [
            *(sys.executable, "-c", "from ops.cli import main; main()", "token", "create", name),
            *("--role", role, "--for", lifetime, "--store", store),
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return made.stdout.strip()


def test_whoever_the_identity_provider_knows_comes_back_to_the_same_view(seen, tmp_path):
    provider = Provider(keys=[rsa()])
    with served(provider.app()) as url:
        provider.url = url
        told = {"EVERYHIT_OIDC_ISSUER": url, "EVERYHIT_OIDC_AUDIENCE": AUDIENCE}
        api = ("api", "--port", "0", "--store", str(tmp_path / "store"))
        with serving(*api, environment=os.environ | told) as (_, address):
            page = seen.page
            page.goto(f"{address.split('#')[0]}#/runs?text=beam")
            button = page.get_by_role("button", name="Sign in with 127.0.0.1")
            provider.refusal = "access_denied"
            button.click()
            page.get_by_role("alert").get_by_text("lets nobody in: 'access_denied'").wait_for()
            provider.refusal = ""
            provider.claims = {"exp": time.time() - 45}  # for 15 seconds more
            button.click()
            page.get_by_text("alice, physicist").wait_for()
            page.get_by_text("No run is like that").wait_for()
            assert page.get_by_label("Search").input_value() == "beam"
            page.get_by_role("alert").get_by_text(re.compile("it expired|any more")).wait_for()

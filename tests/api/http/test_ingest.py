"""Words over HTTP: length, key, back-pressure; what comes in comes out."""

import threading

import httpx
import numpy as np
import polars as pl
import pytest

from everyhit import ApiError, Client
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate
from readout.source.block import by_link

TYPE = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def posted(client):
    """Number of a run that takes posts."""
    opened = client.graphql(
        'mutation { openRun(detector: "drift_tubes_v2", name: "posted") { number state } }'
    )["openRun"]
    assert opened["state"] == "OPEN"
    return opened["number"]


@pytest.fixture(scope="module")
def words(run):
    telescope = run.detector
    made = simulate(telescope, Conditions(muon_rate_hz=300), 5, 0, 200_000_000)
    return {b.link: b.words for b in by_link(telescope, made.stream.words.reshape(-1), 0)}


def test_what_is_posted_comes_out_decoded_once(client, posted, words, run):
    for link, all_words in words.items():
        for n, part in enumerate(np.array_split(all_words, 5)):
            for again in range(2):
                got = client.post(posted, link, f"{n}", part)
                assert got == {"hits": len(part), "repeated": bool(again)}
    closed = client.graphql(
        "mutation($r: String!) { closeRun(run: $r) { state words } }", {"r": str(posted)}
    )["closeRun"]
    assert closed == {"state": "CLOSED", "words": str(sum(map(len, words.values())))}
    raw = client.hits(posted, columns=("link", "raw"))
    heads = {link: w[(w >> np.uint64(61)) == 2] for link, w in words.items()}
    for link, sent in heads.items():
        stored = raw.filter(pl.col("link") == link)["w0"].to_numpy()
        assert sorted(stored) == sorted(sent)


def test_a_shifter_s_front_end_may_post_and_a_viewer_s_may_not(url, tokens, posted, words):
    with Client(url, tokens["shifter"]) as shifter:
        assert shifter.post(posted, 0, "x", words[0][:8])["hits"] == 8
    with Client(url, tokens["viewer"]) as viewer, pytest.raises(ApiError, match="may not ingest"):
        viewer.post(posted, 0, "y", words[0][:8])


@pytest.mark.parametrize(
    ("link", "headers", "body", "said"),
    [
        ("0", {"Idempotency-Key": "k"}, b"1234567", "no whole number of 8-byte hits"),
        ("0", {"Idempotency-Key": "k"}, b"", "no whole number"),
        ("0", {}, bytes(8), "Idempotency-Key"),
        ("0", {"Idempotency-Key": "k" * 129}, bytes(8), "Idempotency-Key"),
        ("0", {"Idempotency-Key": "k", "Content-Type": "text/plain"}, bytes(8), "octet-stream"),
        ("70000", {"Idempotency-Key": "k"}, bytes(8), "0 to 65535"),
        ("3", {"Idempotency-Key": "k"}, bytes(8), "words of link 0, not of link 3"),
    ],
)
def test_a_wrong_post_is_refused(http, posted, link, headers, body, said):
    answer = http.post(f"/ingest/{posted}/{link}", content=body, headers={**TYPE, **headers})
    assert answer.status_code == 400
    assert said in answer.json()["message"]


def test_a_run_that_takes_no_posts_says_so(client, run, words):
    with pytest.raises(ApiError, match="from elsewhere"):
        client.post(run.run_id, 0, "k", words[0][:8])


def test_too_large_a_body_is_not_read_to_its_end(http, posted, app_state):
    def endless():
        for _ in range(200):
            yield bytes(1 << 20)

    try:
        answer = http.post(
            f"/ingest/{posted}/0", content=endless(), headers={**TYPE, "Idempotency-Key": "big"}
        )
        assert "send smaller ones" in answer.json()["message"]
    except httpx.WriteError:
        pass  # it hung up while we were sending


def test_more_than_the_store_can_take_is_asked_to_come_again(
    http, url, tokens, posted, words, app_state
):
    most = app_state.rules.uploads // 2
    started, go_on = threading.Barrier(most + 1), threading.Event()
    body = words[0][:64].tobytes()
    headers = {**TYPE, "Authorization": f"Bearer {tokens['admin']}"}

    def slow(k):
        def pieces():
            yield body[:8]
            started.wait(20)
            go_on.wait(20)
            yield body[8:]

        done.append(
            httpx.post(
                f"{url}/ingest/{posted}/0",
                content=pieces(),
                headers={**headers, "Idempotency-Key": f"slow {k}".replace(" ", "-")},
                timeout=30,
            ).status_code
        )

    done: list[int] = []
    threads = [threading.Thread(target=slow, args=(k,)) for k in range(most)]
    for thread in threads:
        thread.start()
    started.wait(20)
    answers = []
    for _ in range(100):
        answers.append(
            http.post(f"/ingest/{posted}/0", content=body, headers={**TYPE, "Idempotency-Key": "q"})
        )
        if answers[-1].status_code == 429:
            break
    go_on.set()
    for thread in threads:
        thread.join()
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Retry-After"] == "1"
    assert done == [201] * len(threads)
    late = http.post(f"/ingest/{posted}/0", content=body, headers={**TYPE, "Idempotency-Key": "q"})
    assert late.status_code in (200, 201)

import time

import httpx
from prometheus_client.parser import text_string_to_metric_families


def test_it_lives_and_is_ready_without_a_token(url):
    assert httpx.get(f"{url}/healthz").json() == {"status": "alive"}
    assert httpx.get(f"{url}/readyz").json()["status"] == "ready"


def test_an_answer_does_not_wait_for_more_to_send(http):
    took = []
    for _ in range(50):
        began = time.perf_counter()
        http.post("/graphql", json={"query": "{ me { may } }"}).raise_for_status()
        took.append(time.perf_counter() - began)
    assert min(took) < 0.03  # where small packets wait for a receipt, each takes 40 ms


def test_figures_are_what_prometheus_reads(http, client, engine, run):
    latest = client.latest()
    http.get("/no/such/path/at/all")
    families = {f.name: f for f in text_string_to_metric_families(http.get("/metrics").text)}
    words = sum(sample.value for sample in families["everyhit_words"].samples)
    assert words == latest.words
    assert families["everyhit_run"].samples[0].value == latest.number
    counted = {
        (s.labels["path"], s.labels["status"]): s.value
        for s in families["everyhit_requests"].samples
        if s.name.endswith("_total")
    }
    assert counted["/graphql", "200"] >= 1
    assert counted["other", "404"] >= 1
    assert not [path for path, _ in counted if "such" in path]

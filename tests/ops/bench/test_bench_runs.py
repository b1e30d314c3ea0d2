"""Each benchmark, at a size that says nothing about speed: it must tell what it should, and find
out when its peer gets another answer."""

import json
import subprocess
import sys

import lz4.frame
import numpy as np
import pytest

from db.detector import decode, load
from ops.bench import numpy_job
from ops.bench.chain import chain
from ops.bench.cost import cost
from ops.bench.ingest import ingest, same_words
from ops.bench.process import process
from ops.bench.scan import scan
from ops.bench.servers import ingest_servers, own_servers
from ops.bench.telescope import DETECTOR, beam, cut, stored

HITS = 20_000
ALWAYS = {"name", "hits", "seconds", "cpu_seconds", "cores", "hits_per_s", "peer", "ratio", "also"}


@pytest.mark.parametrize(
    ("measure", "extra"),
    [
        (ingest, {"bytes_per_word", "compression", "peer_bytes_per_word", "fsync", "same_words"}),
        (process, {"clusters", "hits_in_clusters", "same_answer"}),
        (scan, {"channels", "same_answer"}),
    ],
)
def test_it_tells_its_size_its_times_and_its_peer(engine, tmp_path, measure, extra):
    told = json.loads(json.dumps(measure(engine, tmp_path, HITS, 1).as_json()))
    assert set(told) == ALWAYS | extra
    assert (told["name"], told["hits"]) == (measure.__name__, HITS)
    assert all(told[name] > 0 for name in ("seconds", "cpu_seconds", "hits_per_s", "ratio"))
    assert told["peer"]["hits_per_s"] > 0
    assert all(each["ratio"] > 0 for each in told["also"])
    assert not list(tmp_path.iterdir()), "the peer's files are gone"


def test_ingest_leaves_the_rollup_as_it_was(engine, tmp_path):
    def rollups():
        sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine"
        return engine.fetch(f"{sql} = 'MaterializedView' ORDER BY name")["name"].to_pylist()

    ingest(engine, tmp_path, 1000, 1)
    before = rollups()
    ingest(engine, tmp_path, 1000, 1)
    assert before == rollups() != []


def test_one_wrong_word_in_the_peers_file_is_seen(engine, tmp_path):
    run, file = stored(engine, beam(1000)), tmp_path / "words.lz4"
    words = np.concatenate([block.words for block in beam(1000)])
    file.write_bytes(lz4.frame.compress(words[::-1].copy()))
    assert same_words(engine, run, file)
    words[500] ^= np.uint64(1)
    file.write_bytes(lz4.frame.compress(words))
    assert not same_words(engine, run, file)


def test_process_sees_that_the_peer_clustered_otherwise(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(numpy_job, "AFTER", numpy_job.AFTER - 20)
    with pytest.raises(AssertionError):
        process(engine, tmp_path, HITS, 1)


def test_chain_tells_what_each_stage_found(engine):
    told = json.loads(json.dumps(chain(engine, 100_000, 1).as_json()))
    assert set(told) == ALWAYS | {"rows"}
    assert told["hits"] == pytest.approx(100_000, rel=0.1)
    rows = told["rows"]
    assert set(rows) == {"segments", "tracks", "coincidence", "noisy_channels", "events"}
    assert rows["segments"] > rows["tracks"] > 1000


def test_cost_compares_a_full_with_an_empty_store(tmp_path):
    told = cost(tmp_path, 40_000, 1).as_json()
    assert set(told) >= ALWAYS | {"trigger", "rows", "words_stored", "peer_words_stored"}
    assert told["words_stored"] > 150 * told["peer_words_stored"]
    assert told["same_answer"]


def test_latency_at_the_command_line(tmp_path):
    asked = ["bench", "latency", "--rate", "20000", "--seconds", "0.5", "--json"]
    code = "from ops.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *asked, "--store", str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert set(told) >= ALWAYS | {"words_per_s", "events", "finished_after_s"}
    assert told["hits"] == pytest.approx(10_000, rel=0.3)
    assert told["events"] > 100
    assert 0 < told["p50_s"] <= told["p95_s"] <= told["p99_s"] <= told["max_s"]


def test_the_beam_has_as_many_words_as_asked_for():
    given = beam(HITS)
    assert sum(len(block.words) for block in given) == HITS
    groups = cut(load(DETECTOR), 1, given)
    assert sum(chunk.n_hits for group in groups for chunk in group) == HITS


def test_the_peer_reads_the_same_times_out_of_the_words():
    words = np.concatenate([block.words for block in beam(HITS)])
    assert np.array_equal(numpy_job.times(words), decode(load(DETECTOR), words, 0, ["t"])["t"])


def test_without_dask_the_peer_does_the_same_job(tmp_path, monkeypatch):
    words = np.concatenate([block.words for block in beam(HITS)])
    files = numpy_job.write_files(words, 200_000, tmp_path)
    assert len(files) > 1
    answers = []
    for there in (True, False):
        monkeypatch.setattr(numpy_job, "HAS_DASK", there)
        parts = numpy_job.run(files)
        answers.append(sum(parts[1:], parts[0]))
    assert answers[0].clusters == answers[1].clusters == (words >> 61 == 0).sum()
    assert answers[0].members == answers[1].members


@pytest.mark.parametrize("shards", [1, 2])
def test_inserts_into_servers_are_held_against_the_servers_own(servers, shards):
    with own_servers(shards) as (engine, started):
        told = json.loads(json.dumps(ingest_servers(engine, started, HITS, 1).as_json()))
    extra = {"shards", "blocks", "fsync", "at_once", "machine_cores", "cores_busy"}
    assert set(told) == ALWAYS | extra | {"ratio_both_2_at_a_time"}
    assert set(told["cores_busy"]["here"]) == {"client", *(f"shard{k}" for k in range(shards))}
    assert (told["hits"], told["shards"]) == (HITS, shards)
    assert told["blocks"] >= 1
    assert told["ratio"] > 0

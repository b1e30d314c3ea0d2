"""Simulated particles, through the simulated board and a bad network, into a store and triggers."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.request import urlopen

import pytest
from command import everyhit

from ops.servers.ports import free_port

compiled = pytest.importorskip("fpga.simulation.compiled", reason="the extra fpga isn't installed")
pytestmark = pytest.mark.skipif(compiled.find_compiler() is None, reason="needs a C++ compiler")
EVERYHIT = [sys.executable, "-u", "-c", "from ops.cli import main; main()"]


@contextmanager
def readout(*options):
    """A process that takes data; killed at the end if it still lives."""
    process = subprocess.Popen(
        [*EVERYHIT, "readout", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_every_word_of_the_board_is_stored_or_booked(tmp_path):
    port, store = free_port(), str(tmp_path / "store")
    into = ("--store", store, "--json")
    options = ("--run", "beam", "--detector", "drift_tubes_v2", "--udp", f"127.0.0.1:{port}")
    with readout(*options, "--spool", str(tmp_path / "spool"), "--health", "0", *into) as process:
        while "health on" not in (line := process.stderr.readline()):
            assert line, "the readout ended"
        network = ("--udp", f"127.0.0.1:{port}", "--loss", "0.01", "--swap", "0.05")
        chosen = ("--prefilter", "wire != 3", "--mask", "chamber == 1 and layer == 2")
        segments = ("--chamber", "2", "--duration", "2", "--json")
        (board,) = json.loads(everyhit("fpga", "simulate", *network, *chosen, *segments))
        wanted = board["sent"] - board["lost_words"]
        metrics = f"http://127.0.0.1:{line.split()[-1]}/metrics"
        for _ in range(400):
            if f"words_stored {float(wanted)}" in urlopen(metrics).read().decode():
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
        assert process.returncode == 0, told

    came = board["link0_in"] + board["link1_in"]
    gone = board["link0_removed"] + board["link1_removed"] + board["filtered"]
    assert board["link0_overflowed"] == board["link1_overflowed"] == 0
    assert came + board["added"] == gone + board["sent"]
    assert board["link0_removed"] > 1000 > board["link1_removed"] == 0
    assert board["filtered"] > 1000
    assert board["lost_packets"] > 0 < board["swapped_packets"]
    assert json.loads(out)["words"] == wanted

    def asked(sql):
        return json.loads(everyhit("query", sql, *into))  # a line for the one row

    assert asked("SELECT sum(n_lost) AS hits FROM gaps") == {"hits": board["lost_words"]}
    everyhit("reprocess", "--trigger", "segment_clusters", "--trigger", "tracks", *into)
    told = asked("SELECT count() AS n FROM words WHERE head = 0")
    whole = asked("SELECT count() AS n FROM segment_clusters WHERE n_hits >= 4 AND chamber = 2")
    assert board["added"] / 4 >= told["n"] >= whole["n"] > 1000
    assert whole["n"] > 0.98 * told["n"]
    assert asked("SELECT count() AS tracks FROM tracks")["tracks"] > 1000


def test_the_demo_through_the_board_accounts_for_every_word(tmp_path):
    chain = ("--duration", "1", "--muons", "500", "--loss", "0.05", "--swap", "0.1")
    told = json.loads(
        everyhit("demo", "--board", *chain, "--json", "--store", str(tmp_path / "store"))
    )
    board = told["board"]
    assert told["came"] == board["link0_in"] + board["link1_in"] > 3000
    # A packet that is overtaken for too long counts as lost, too.
    assert told["booked"].keys() == {"packets_lost"}
    assert told["booked"]["packets_lost"] >= board["lost_words"] > 0
    assert board["lost_packets"] > 0 < board["swapped_packets"]
    assert told["stored"] == told["words"] == told["came"] - told["booked"]["packets_lost"]
    assert told["unaccounted"] == 0
    assert told["events"] > 200

"""The readout, the home of its words, and both killed: each word is there once, and spooled meanwhile."""

import json
import signal

import numpy as np
import pytest
from homes import OTHERS
from test_readout_command import DETECTOR, elsewhere, readout, said, simulated

from db.errors import StoreError
from db.store import open_store
from db.words.chunks import read_words
from db.words.homes.address import know_homes
from ops.demo.front_end import Sender
from ops.servers.ports import free_port


@pytest.fixture(params=OTHERS)
def server(request, tmp_path):
    """A home of its own, that can be killed."""
    try:
        if request.param == "s3":
            from ops.servers.s3 import ObjectStore as Server
        else:
            from ops.servers.mongodb import MongoDb as Server
        own = Server(tmp_path / "home")
        own.start()
    except (StoreError, ModuleNotFoundError) as fault:
        pytest.skip(str(fault))
    yield own
    own.kill()


def words_read(told):
    """All words of the run, of each link in numerical order, and where they lie."""
    folder, url = told
    know_homes([url])
    with open_store(str(folder / "store")) as store:
        read = read_words(store.engine, 1, -(2**61), 2**61, DETECTOR.slice)
        inside = store.engine.fetch("SELECT sum(length(words)) AS n FROM chunks")["n"][0].as_py()
    links = np.repeat(read.links, read.lengths)
    found = {link: np.sort(read.words[links == link]) for link in np.unique(links).tolist()}
    return found, inside


def send(senders, words, position, upto):
    while any(position[link] < min(upto, len(words[link])) for link in words):
        for link, sender in senders.items():
            start = position[link]
            position[link] = min(len(words[link]), start + 100, max(upto, start))
            sender.send(words[link][start : position[link]])
            sender.poll(0.01)


def test_each_word_is_there_once_whoever_is_killed(server, tmp_path):
    words, port, url = simulated(1.0), free_port(), server.url()
    senders = {link: Sender(("127.0.0.1", port), link, stream=7) for link in words}
    position = dict.fromkeys(words, 0)
    options = ("--tcp", f"127.0.0.1:{port}", "--words", url)
    most = max(map(len, words.values()))
    for turn in range(4):
        home_dies, readout_dies = turn in (1, 2), turn in (0, 2)
        with readout(tmp_path, *options) as process:
            send(senders, words, position, most * (turn * 2 + 1) // 8)
            if home_dies:
                server.kill()
            send(senders, words, position, most * (turn * 2 + 2) // 8)
            if home_dies and not readout_dies:
                server.start()
            process.send_signal(signal.SIGKILL if readout_dies else signal.SIGTERM)
            _, told = process.communicate(timeout=120)
            assert "Traceback" not in told
            if not readout_dies:
                assert process.returncode == 0, told
        if home_dies and readout_dies:
            # Both are away: the readout starts again, says so in a line, and takes what comes.
            with readout(tmp_path, *options) as process:
                assert "wait in the spool" in said(process, "does not answer")
                process.send_signal(signal.SIGKILL)
            server.start()
    with readout(tmp_path, *options, "--health", "0") as process:
        for sender in senders.values():
            sender.drain()
        said(process, "health on")
        process.send_signal(signal.SIGTERM)
        out, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    assert json.loads(out)  # it ends with its summary
    assert '"spooled": 0' in out
    found, inside = elsewhere(words_read, (tmp_path, url))
    assert inside == 0
    assert found.keys() == words.keys()
    for link, there in found.items():
        assert np.array_equal(there, np.sort(words[link]))

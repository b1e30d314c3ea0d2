import os
import threading

import numpy as np
import pytest
from toy import TOY, toy_words

from db.errors import SourceError, UsageError
from readout.source.device import read_device


def test_what_a_pipe_holds_at_the_stop_is_read(tmp_path):
    stop = threading.Event()
    os.mkfifo(tmp_path / "pipe")
    blocks = read_device(tmp_path / "pipe", TOY, stop)
    (tmp_path / "pipe").write_bytes(toy_words(range(3000)).tobytes())
    stop.set()
    assert sum(len(block.words) for block in blocks) == 3000


def test_a_pipe_is_read_across_writers_until_it_is_stopped(tmp_path):
    path, stop, blocks = tmp_path / "pipe", threading.Event(), []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: blocks.extend(read_device(path, TOY, stop, link=4)))
    reader.start()
    words = toy_words(range(2000))
    data = words.tobytes()
    for start, end in ((0, 1003), (1003, 9001), (9001, len(data))):
        with path.open("wb") as writer:
            writer.write(data[start:end])
    for _ in range(100):
        if sum(len(block.words) for block in blocks) == len(words):
            break
        threading.Event().wait(0.05)
    stop.set()
    reader.join(5)
    assert np.array_equal(np.concatenate([block.words for block in blocks]), words)
    assert {block.link for block in blocks} == {4}
    assert all(block.can_wait for block in blocks)


def test_a_device_that_ends_says_so(tmp_path):
    path = tmp_path / "ends"
    path.write_bytes(toy_words(range(3)).tobytes() + b"abc")
    blocks = read_device(path, TOY, threading.Event())
    assert len(next(blocks).words) == 3
    with pytest.raises(SourceError, match="3 bytes are left over"):
        next(blocks)


def test_a_device_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="can't be opened: No such file"):
        read_device(tmp_path / "xdma0_c2h_0", TOY, threading.Event())

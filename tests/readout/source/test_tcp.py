import socket
import threading
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import structlog
from frames import counted, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import UsageError
from db.words.frame import HEADER, HELLO, read_header
from ops.demo.front_end import Sender
from readout.source.block import Place
from readout.source.tcp import TcpSource


@pytest.fixture(autouse=True)
def quiet():
    with structlog.testing.capture_logs() as said:
        yield said


@contextmanager
def listening(places=(), port=0):
    """A source whose blocks are collected by a thread."""
    stop, blocks = threading.Event(), []
    source = TcpSource(("127.0.0.1", port), 1, dict(places), stop)
    reader = threading.Thread(target=lambda: blocks.extend(source.blocks()))
    reader.start()
    try:
        yield source, blocks
    finally:
        stop.set()
        reader.join(10)
        source.close()


def connect(source):
    return socket.create_connection(("127.0.0.1", source.port), timeout=5)


def answer(sock):
    data = b""
    while len(data) < HEADER.size:
        data += sock.recv(HEADER.size - len(data))
    return read_header(data)


def said_hello(sock, first, link=0, stream=1):
    sock.sendall(frame(first, [], link, stream, HELLO))
    return answer(sock).first


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 60), st.booleans()), max_size=12),
    st.lists(st.integers(1, 400), min_size=1, max_size=5),
)
def test_words_come_once_whatever_is_sent_again_and_however_it_is_cut(steps, cuts):
    """Each step sends so many words from so far before the last ones; True breaks the line."""
    with listening() as (source, blocks):
        sock, sent, top, cut = connect(source), 0, 0, 0
        assert said_hello(sock, 0) == 0
        for n, back, breaks in steps:
            first = max(0, sent - back)
            data = frame(first, counted(first, n))
            while data:
                size = cuts[cut % len(cuts)]
                sock.sendall(data[:size])
                data, cut = data[size:], cut + 1
            sent = max(sent, first + n)
            top = max(top, sent)
            if breaks:
                sock.sendall(frame(sent, counted(sent, 9))[:-1])  # never whole
                sock.close()
                sock = connect(source)
                # The old connection may be read after the new one.
                sent = said_hello(sock, 0)
        sent = said_hello(sock, 0)
        sock.sendall(frame(sent, counted(sent, top - sent)))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
        sock.close()
    words = np.concatenate([b.words for b in blocks]) if blocks else np.empty(0, np.uint64)
    assert sorted(words.tolist()) == list(range(top))
    assert source.lost == 0


def test_it_goes_on_where_an_earlier_process_was_and_counts_what_is_gone():
    with listening({0: Place(1, 50)}) as (source, blocks), connect(source) as sock:
        assert said_hello(sock, 20) == 50
        sock.sendall(frame(45, counted(45, 10)) + frame(60, counted(60, 5)))
        assert said_hello(sock, 60) == 65
    assert [(b.lost, b.words.tolist()) for b in blocks] == [
        (0, list(range(50, 55))),
        (5, list(range(60, 65))),
    ]
    assert blocks[-1].place == Place(1, 65)


def test_another_stream_begins_anew():
    with listening({0: Place(1, 50)}) as (source, blocks), connect(source) as sock:
        assert said_hello(sock, 0, stream=2) == 0
        sock.sendall(frame(0, counted(0, 5), stream=2))
        assert said_hello(sock, 0, stream=2) == 5
    assert [(b.lost, b.place) for b in blocks] == [(0, Place(2, 5))]


def test_a_stream_that_comes_again_is_known_again():
    with listening() as (source, blocks), connect(source) as sock:
        for stream in (1, 2, 1):
            said_hello(sock, 0, stream=stream)
            sock.sendall(frame(0, counted(0, 5), stream=stream))
        assert said_hello(sock, 0, stream=1) == 5
    assert [b.place for b in blocks] == [Place(1, 5), Place(2, 5)]


@pytest.mark.parametrize(
    "nonsense", [b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", b"EHWF\x02" + bytes(19), b"EHWF\x01\x00"]
)
def test_nonsense_and_broken_lines_are_one_line_each_and_harm_no_other(nonsense, quiet):
    with listening() as (source, blocks), connect(source) as good:
        assert said_hello(good, 0) == 0
        with connect(source) as bad:
            bad.sendall(nonsense)
            with suppress(OSError):
                bad.shutdown(socket.SHUT_WR)
                assert bad.recv(1) == b""
        good.sendall(frame(0, counted(0, 5)))
        assert said_hello(good, 0) == 5
    assert len(blocks) == 1
    assert len([each for each in quiet if each.get("links") == "none yet"]) == 1


def test_a_sender_forgets_what_is_safe_and_sends_the_rest_again():
    words = counted(0, 1000)
    with listening() as (source, _):
        sender = Sender(("127.0.0.1", source.port), 0, stream=1)
        sender.send(words[:600])
        source_port = source.port
        for _ in range(100):
            source.tell_safe({0: Place(1, 500), 7: Place(1, 3)})
            sender.poll(0.05)
            if sender.safe:
                break
        assert sender.safe == 500
    # Another process, which knows of 500 words.
    stop, later = threading.Event(), []
    again = TcpSource(("127.0.0.1", source_port), 1, {0: Place(1, 500)}, stop)
    reader = threading.Thread(target=lambda: later.extend(again.blocks()))
    reader.start()
    sender.send(words[600:])
    while sum(len(b.words) for b in later) < 500:
        sender.poll(0.01)
    stop.set()
    reader.join(5)
    again.close()
    assert np.concatenate([b.words for b in later]).tolist() == list(range(500, 1000))
    assert again.lost == 0
    sender.close()


def test_a_port_in_use_is_one_line():
    with listening() as (source, _), pytest.raises(UsageError, match="can't listen on 127.0.0.1"):
        TcpSource(("127.0.0.1", source.port), 1, {}, threading.Event())


def test_a_sender_that_has_said_all_comes_back_for_what_is_not_safe():
    words = np.arange(100, dtype=np.uint64)
    with listening() as (source, _):
        port = source.port
        sender = Sender(("127.0.0.1", port), 0, stream=1)
        sender.send(words)
    sender.poll(5.0)  # the line is broken, and nothing was told to be safe
    assert sender.safe == 0
    with listening(port=port) as (_, blocks):
        for _ in range(100):
            sender.poll(0.05)
            if sum(len(block.words) for block in blocks) == len(words):
                break
    assert np.array_equal(np.concatenate([block.words for block in blocks]), words)
    sender.close()

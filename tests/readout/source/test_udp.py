import socket
import threading

import numpy as np
import pytest
import structlog
from frames import counted, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import UsageError
from db.words.frame import HELLO
from readout.source.block import Place
from readout.source.udp import UdpSource


@pytest.fixture(autouse=True)
def quiet():
    with structlog.testing.capture_logs() as said:
        yield said


def received(packets, places=(), words_per_hit=1, **options):
    """The blocks that come of these packets, and the source."""
    stop = threading.Event()
    source = UdpSource(("127.0.0.1", 0), words_per_hit, dict(places), stop, **options)
    blocks = []

    def read():
        blocks.extend(source.blocks())

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for packet in packets:
            sender.sendto(packet, ("127.0.0.1", source.port))
    reader = threading.Thread(target=read)
    reader.start()
    stop_after = threading.Timer(0.02, stop.set)
    stop_after.start()
    reader.join(10)
    source.close()
    return blocks, source


sizes = st.lists(st.integers(1, 6), min_size=1, max_size=30)


@settings(max_examples=40)
@given(sizes, st.sets(st.integers(0, 29)), st.randoms(), st.integers(0, 3), st.booleans())
def test_what_comes_is_in_order_and_once_and_what_does_not_is_counted(
    sizes, lost, random, far, twice
):
    starts = np.cumsum([0, *sizes])
    sent = [k for k in range(len(sizes)) if k not in lost]
    order = sorted(sent, key=lambda k: k + random.random() * far)
    packets = [frame(int(starts[k]), counted(int(starts[k]), sizes[k])) for k in order]
    if twice:
        packets += packets[::2]
    places = {0: Place(1, 0)}
    blocks, source = received(packets, places)

    came = sorted(set(sent))
    words = [w for block in blocks for w in block.words.tolist()]
    assert words == [w for k in came for w in range(starts[k], starts[k + 1])]
    last = came[-1] + 1 if came else 0
    missing = sum(sizes[k] for k in range(last) if k in lost)
    assert sum(block.lost for block in blocks) == source.lost == missing
    at = 0
    for block in blocks:
        at += block.lost + len(block.words)
        assert block.place == Place(1, at)
        assert not block.can_wait
    assert source.repeated == (len(order) + 1) // 2 * twice


def test_links_are_kept_apart_and_a_new_count_begins_anew():
    packets = [
        frame(0, counted(0, 5), link=0),
        frame(70, [], link=3, kind=HELLO),
        frame(70, counted(70, 5, link=3), link=3),
        frame(5, counted(5, 2), link=0),
        frame(0, counted(0, 4), link=0, stream=2),
    ]
    blocks, source = received(packets)
    assert [(b.link, b.place, b.words.tolist()) for b in blocks if b.link == 0] == [
        (0, Place(1, 7), list(range(7))),
        (0, Place(2, 4), list(range(4))),
    ]
    (other,) = [b for b in blocks if b.link == 3]
    assert (other.place, other.lost) == (Place(1, 75), 0)
    assert source.lost == 0


def test_what_is_lost_before_a_streams_first_packet_is_counted():
    blocks, source = received([frame(70, counted(70, 5)), frame(9, counted(9, 3), stream=2)])
    assert [(b.lost, b.place) for b in blocks] == [(70, Place(1, 75)), (9, Place(2, 12))]
    assert source.lost == 79


def test_what_is_lost_counts_hits():
    blocks, source = received([frame(12, counted(12, 6))], words_per_hit=3)
    assert [b.lost for b in blocks] == [source.lost] == [4]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9)), max_size=40))
@settings(max_examples=20)
def test_a_stream_that_comes_again_is_known_again(sent):
    packets = [
        frame(5 * at, counted(5 * at, 5) + stream * 1000, stream=stream) for stream, at in sent
    ]
    blocks, _ = received(packets, patience_s=0.001)
    words = [w for block in blocks for w in block.words.tolist()]
    assert len(set(words)) == len(words)
    assert {w // 5 for w in words} <= {(1000 * stream + 5 * at) // 5 for stream, at in sent}
    if sent == sorted(sent):
        assert len(words) == 5 * len(set(sent))
    left = [b.place.stream for b in blocks if b.place]
    assert left == sorted(left, key=[stream for stream, _ in sent].index)


def test_what_the_socket_holds_at_the_stop_is_taken():
    stop = threading.Event()
    source = UdpSource(("127.0.0.1", 0), 1, {}, stop)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for k in range(300):
            sender.sendto(frame(32 * k, counted(32 * k, 32)), ("127.0.0.1", source.port))
    stop.set()
    words = [w for block in source.blocks() for w in block.words.tolist()]
    source.close()
    assert words == list(range(300 * 32))


def test_what_was_lost_while_nobody_listened_is_counted():
    blocks, _ = received([frame(100, counted(100, 5))], {0: Place(1, 60)})
    assert [(b.lost, b.place.words) for b in blocks] == [(40, 105)]


def test_what_is_no_frame_is_counted_and_said_once(quiet):
    good = frame(0, counted(0, 3))
    packets = [b"hello", good[:-1], good + b"x", b"", good[:3] + b"X" + good[4:], good]
    blocks, source = received(packets)
    assert source.foreign == 5
    assert [b.words.tolist() for b in blocks] == [[0, 1, 2]]
    assert [each["n"] for each in quiet if "n" in each] == [1, 2, 4]


def test_a_port_in_use_is_one_line():
    stop = threading.Event()
    source = UdpSource(("127.0.0.1", 0), 1, {}, stop)
    with pytest.raises(UsageError, match="can't listen on 127.0.0.1"):
        UdpSource(("127.0.0.1", source.port), 1, {}, stop)
    source.close()

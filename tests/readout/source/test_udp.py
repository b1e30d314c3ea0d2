import socket
import threading

import numpy as np
import pytest
import structlog
from frames import counted, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import UsageError
from readout.source.block import Place
from readout.source.udp import UdpSource


@pytest.fixture(autouse=True)
def quiet():
    with structlog.testing.capture_logs() as said:
        yield said


def received(packets, places=(), **options):
    """The blocks that come of these packets, and the source."""
    stop = threading.Event()
    source = UdpSource(("127.0.0.1", 0), 1, dict(places), stop, **options)
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

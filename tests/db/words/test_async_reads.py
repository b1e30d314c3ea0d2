"""Words that are waited for on an event loop are those that are read in a thread, whoever drives."""

import asyncio
import threading
from contextvars import copy_context
from datetime import timedelta

import pytest
from homes import OTHERS
from ticks import NOW, TOY, Hit, toy_chunks, toy_run

from db.errors import StoreError
from db.words.chunks import read_words, write_chunks
from db.words.homes import mongodb_async
from db.words.homes.address import whole_address
from db.words.homes.mongodb import MongoHome
from db.words.homes.reading import Loop, read_on, reads_on

pytestmark = pytest.mark.parametrize("home_address", OTHERS[:1], indirect=True)


@pytest.fixture(params=["pymongo", "motor"])
def on(request):
    """A loop in a thread of its own, as a server has it."""
    if request.param == "motor":
        pytest.importorskip("motor")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield Loop(loop, request.param)
    asyncio.run_coroutine_threadsafe(_close(loop), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _close(loop):
    for client in mongodb_async._clients.pop(loop, {}).values():
        if asyncio.iscoroutine(closed := client.close()):
            await closed


def asked(on, function, *args):
    """What a function returns in a context that reads on a loop."""
    context = copy_context()
    context.run(read_on, on)
    return context.run(function, *args)


def test_words_are_the_same(engine, home, on, monkeypatch):
    run = toy_run(engine)
    chunks = toy_chunks(run.run_id, [Hit(t, t % 3, 3) for t in range(0, 4000, 50)])
    for k in range(7000, 7004):  # four collections, of hours that no other test takes
        write_chunks(engine, chunks[k % 4 :: 4], TOY, NOW + timedelta(hours=k), home)
    whole = (engine, run.run_id, -(10**6), 10**6, TOY.slice)
    expected = read_words(*whole)
    monkeypatch.setattr(MongoHome, "_find", None)  # not in the thread that asks
    found = asked(on, read_words, *whole)
    assert found.words.tolist() == expected.words.tolist() != []
    assert found.links.tolist() == expected.links.tolist()
    assert reads_on() is None  # nobody else's reading is moved


def test_what_fails_is_one_line(engine, home, home_address, on):
    url = whole_address(home_address).replace("at%20home", "mistaken")
    payloads = list(home.stored(int(NOW.timestamp()) // 3600)) or [None]
    if payloads == [None]:
        run = toy_run(engine)
        write_chunks(engine, toy_chunks(run.run_id, [Hit(5, 0, 1)]), TOY, NOW, home)
        payloads = list(home.stored(int(NOW.timestamp()) // 3600))
    with pytest.raises(StoreError, match="does not let us in") as fault:
        asked(on, MongoHome(url, "store").get, payloads[:1])
    assert "\n" not in str(fault.value) and "mistaken" not in str(fault.value)
    with pytest.raises(StoreError, match="lacks the words of chunk"):
        asked(on, MongoHome(whole_address(home_address), "nobody").get, payloads[:1])


def test_motor_is_asked_for_where_it_lacks(on, home_address, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "motor.motor_asyncio", None)
    with pytest.raises(StoreError, match=r"pip install 'everyhit\[motor\]'"):
        mongodb_async.client_of("mongodb://host/db", Loop(on.loop, "motor"))

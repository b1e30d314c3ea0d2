"""Posted words may lie in another home: refused while it is away, and stored once."""

from collections.abc import Sequence

import numpy as np
import pytest
from homes import OTHERS
from toy import TOY, WRAP, toy_words

from db.catalogue.runs import open_run
from db.words.chunks import read_words
from db.words.homes.home import HomeAwayError
from db.words.homes.moves import lies_in
from readout.posted import SOURCE, Posted

pytestmark = pytest.mark.parametrize("home_address", OTHERS, indirect=True)


def test_a_post_that_the_home_did_not_take_is_sent_again(engine, home, monkeypatch):
    run = open_run(engine, TOY, name="posts", cell=1000, settings=SOURCE)
    bodies = [toy_words(list(np.arange(40) * 7 + 280 * k), wrap=WRAP).tobytes() for k in range(3)]
    posted = Posted(engine, run, home=home)
    posted.take(0, "0", bodies[0])

    def away(payloads: Sequence[object], words: Sequence[object]) -> None:
        raise HomeAwayError("it does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(home, "put", away)
        for _ in range(2):
            with pytest.raises(HomeAwayError):
                posted.take(0, "1", bodies[1])
    posted.take(0, "1", bodies[1])
    posted = Posted(engine, run, home=home)  # the process was killed
    assert posted.take(0, "1", bodies[1]).repeated
    assert not posted.take(0, "2", bodies[2]).repeated
    words = np.frombuffer(b"".join(bodies), "<u8")
    assert lies_in(engine, run.run_id) == {home.address: len(words)}
    read = read_words(engine, run.run_id, -(2**40), 2**40, TOY.slice).words
    assert np.array_equal(np.sort(read), np.sort(words))

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from db.errors import UsageError
from ops.services.health import Reading, health


def get(port, path):
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


def test_it_tells_what_there_is_to_tell_and_what_is_wrong():
    said = [""]
    figures = [Reading("words", "words so far", 7), Reading("mark", "of each", of_link={3: 1.5})]
    with health(0, lambda: figures, lambda: said[0]) as port:
        status, text = get(port, "/metrics")
        assert status == 200
        assert "everyhit_readout_words 7.0" in text
        assert 'everyhit_readout_mark{link="3"} 1.5' in text
        assert get(port, "/healthz") == (200, "ok")
        said[0] = "the spool is full"
        assert get(port, "/healthz") == (503, "the spool is full")
        assert get(port, "/")[0] == 404
        with (
            pytest.raises(UsageError, match="can't serve the health on port"),
            health(port, list, str),
        ):
            pass

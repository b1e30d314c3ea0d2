"""A MongoDB that speaks TLS alone, with a certificate that it has signed itself."""

import pytest
from test_tls import written

from db.errors import StoreError
from db.words.homes.address import know_homes, redacted_home
from db.words.homes.mongodb import MongoHome


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from ops.servers.mongodb import MongoDb

    folder = tmp_path_factory.mktemp("tls")
    own = MongoDb(folder / "home", certificate=written(folder, "here"))
    try:
        own.start()
    except (StoreError, ModuleNotFoundError) as fault:
        pytest.skip(str(fault))
    yield own
    own.kill()


@pytest.mark.mongodb
def test_words_go_over_tls_and_what_is_wrong_is_one_line(server):
    url = server.url()
    know_homes([url])
    assert "tls" not in redacted_home(url)
    MongoHome(url, "store").check()
    unknown = url.partition("&tlsCAFile")[0]
    with pytest.raises(StoreError, match=r"its certificate is not good: .*self.signed") as fault:
        MongoHome(unknown, "store").check()
    assert "\n" not in str(fault.value) and "word" not in str(fault.value)
    with pytest.raises(StoreError, match="127.0.0.1") as fault:
        MongoHome(
            url.replace("&tls=true", "&tls=false").partition("&tlsCAFile")[0], "store"
        ).check()
    assert "\n" not in str(fault.value)
    with pytest.raises(StoreError, match="its address is wrong|certificate") as fault:
        MongoHome(url + ".not-there", "store").check()
    assert "\n" not in str(fault.value)

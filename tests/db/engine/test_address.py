from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.engine.address import parse_address
from db.errors import UsageError


def test_an_address_names_shards_user_and_database():
    at = parse_address("clickhouse://daq:s3cret@one:9001,two,[::1]:9003/muons")
    assert at.hosts == (("one", 9001), ("two", 9000), ("::1", 9003))
    assert (at.user, at.password, at.database, at.secure) == ("daq", "s3cret", "muons", False)


def test_the_least_address_has_defaults():
    at = parse_address("clickhouses://host")
    assert at.hosts == (("host", 9440),)
    assert (at.user, at.password, at.database, at.secure) == ("default", "", "everyhit", True)


@given(user=st.text(min_size=1), password=st.text(min_size=1))
def test_any_user_and_password_can_be_written(user, password):
    at = parse_address(f"clickhouse://{quote(user, safe='')}:{quote(password, safe='')}@host/db")
    assert (at.user, at.password) == (user, password)


def test_the_password_is_never_shown():
    at = parse_address("clickhouse://daq:s3cr%2Ft@one,two/muons")
    assert str(at) == "clickhouse://daq:***@one:9000,two:9000/muons"
    for shown in (str(at), repr(at), f"{at}", str([at])):
        assert "s3cr" not in shown


def test_options_are_understood(tmp_path):
    ca = tmp_path / "ca.pem"
    ca.touch()
    at = parse_address(
        f"clickhouses://host/db?ca={ca}&cluster=site&compression=lz4&timeout=7.5&replicated=1"
    )
    assert (at.ca, at.cluster, at.compression) == (ca, "site", "lz4")
    assert (at.timeout, at.replicated) == (7.5, True)
    assert isinstance(at.ca, Path)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("clickhouse://u:s3cret@/db", "host ''"),
        ("clickhouse://u:s3cret@host:99999/db", "host 'host'"),
        ("clickhouse://u:s3cret@a,,b/db", "host ''"),
        ("clickhouse://u:s3cret@host/da;ta", "'da;ta'"),
        ("clickhouse://u:s3cret@host/db?tiemout=3", "did you mean timeout"),
        ("clickhouse://u:s3cret@host/db?timeout=soon", "timeout=soon"),
        ("clickhouse://u:s3cret@host/db?compression=zip", "none or lz4"),
        ("clickhouse://u:s3cret@host/db?cluster=a'b", "cluster"),
        ("clickhouse://u:s3cret@host/db?ca=/no/such/file", "/no/such/file"),
    ],
)
def test_what_cannot_be_meant_is_told_without_the_password(url, says):
    with pytest.raises(UsageError) as told:
        parse_address(url)
    assert says in str(told.value)
    assert "s3cret" not in str(told.value)


def test_a_password_with_a_raw_at_sign_or_slash_is_not_shown_either():
    for url in ("clickhouse://u:s3/cret@host/db", "clickhouse://u:s3cret@@host:x/db"):
        with pytest.raises(UsageError) as told:
            parse_address(url)
        assert "cret" not in str(told.value)
        assert "%2F" in str(told.value)


def test_a_forgotten_host_does_not_show_the_password():
    with pytest.raises(UsageError) as told:
        parse_address("clickhouse://daq:s3cret")
    assert "s3cret" not in str(told.value)

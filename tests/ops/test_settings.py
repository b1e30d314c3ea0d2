"""Settings as people write them."""

from pathlib import Path

import pytest

from db.errors import UsageError
from ops.settings import settings


@pytest.fixture(autouse=True)
def _anew():
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize("text", ["/a,/b/c", "/a:/b/c", " /a , /b/c,", '["/a", "/b/c"]'])
def test_folders_are_written_with_commas_colons_or_as_json(monkeypatch, text):
    monkeypatch.setenv("EVERYHIT_TRIGGERS", text)
    assert settings().triggers == (Path("/a"), Path("/b/c"))


@pytest.mark.parametrize(
    ("text", "expected"), [("daq.lab:8420", ("daq.lab:8420",)), ("a,b", ("a", "b")), ("", ())]
)
def test_names_are_written_with_commas(monkeypatch, text, expected):
    monkeypatch.setenv("EVERYHIT_API_HOSTS", text)
    assert settings().api_hosts == expected


def test_a_list_that_is_none_is_told_in_one_line(monkeypatch):
    monkeypatch.setenv("EVERYHIT_TRIGGERS", '["/a"')
    with pytest.raises(UsageError, match=r"^EVERYHIT_TRIGGERS: [^\n]*$"):
        settings()

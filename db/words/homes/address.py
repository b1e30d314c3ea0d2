"""Addresses of homes, and the passwords that this process knows for them."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from db.errors import UsageError

_FORMS = (
    "mongodb://user:password@host1,host2/database, mongodb+srv://… or"
    " s3://bucket/prefix?endpoint=http://host:port"
)
_SECRETS = re.compile(r"^(?P<scheme>[a-z0-9+]+://)([^/@]*@)?", re.IGNORECASE)
_known: dict[str, str] = {}


def redacted_home(url: str) -> str:
    """Return a home's address as headers and messages name it: without user and password.

    Of the options only an endpoint stays. Raises UsageError for what is no home's address.
    """
    parts = urlsplit(url)
    place = parts.path.strip("/")
    hosts = parts.netloc.rpartition("@")[2]
    if parts.scheme not in ("s3", "mongodb", "mongodb+srv") or not hosts:
        shown = _SECRETS.sub(r"\g<scheme>", url)
        raise UsageError(f"can't keep words in {shown}: a home's address is {_FORMS}")
    if parts.scheme != "s3" and (not place or "/" in place):
        raise UsageError(
            f"{parts.scheme}://{hosts}/{place} names no database: write"
            f" {parts.scheme}://{hosts}/database"
        )
    options = dict(parse_qsl(parts.query))
    endpoint = f"?endpoint={options['endpoint']}" if "endpoint" in options else ""
    return f"{parts.scheme}://{hosts}{'/' if place else ''}{place}{endpoint}"


def know_homes(urls: Iterable[str]) -> None:
    """Let this process open homes with the users and passwords of these addresses."""
    for url in urls:
        _known[redacted_home(url)] = url


def whole_address(address: str) -> str:
    """Return the address with which a home is opened that a header names."""
    return _known.get(address, address)

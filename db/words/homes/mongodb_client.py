"""Clients of MongoDB servers, and what their errors mean, in one line each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from db.errors import StoreError
from db.words.homes.home import HomeAwayError

Document = dict[str, Any]

OPTIONS: dict[str, Any] = {
    "appname": "everyhit",
    "w": "majority",
    "journal": True,
    "retryWrites": True,
    "connectTimeoutMS": 3000,
    "serverSelectionTimeoutMS": 5000,
    "socketTimeoutMS": 30_000,
    "tz_aware": True,
}
"""What is written is on the disks of most members of a replica set before it counts.

``timeoutMS`` would stand in for all three limits: who has no server would hear so after 30 s.
"""
_REFUSED, _NOT_ALLOWED = 18, 13


def new_client(url: str) -> MongoClient[Document]:
    """Return a client; what fails in it is turned into our errors by ``mongodb_faults``."""
    return MongoClient(url, **OPTIONS)


def shard(client: MongoClient[Document], database: str, collection: str, key: Document) -> None:
    """Spread a collection over the shards of a cluster; without a mongos nothing is to be done."""
    if client.is_mongos:
        client.admin.command("enableSharding", database)  # before 6.0 it is asked for
        client.admin.command("shardCollection", f"{database}.{collection}", key=key)


@contextmanager
def mongodb_faults(address: str) -> Iterator[None]:
    """Raise StoreError, in one line, for what fails at an address that has no password.

    It is HomeAwayError where nobody answers.
    """
    try:
        yield
    except (InvalidURI, ConfigurationError) as fault:
        raise StoreError(f"{address}: its address is wrong: {fault}") from None
    except (OperationFailure, BulkWriteError) as fault:
        raise StoreError(_refused(address, fault)) from None
    except AutoReconnect as fault:
        raise _away(address, str(fault)) from None
    except OSError as fault:  # of a file that the address names
        raise StoreError(f"{address}: its address is wrong: {fault.strerror or fault}") from None
    except (PyMongoError, BSONError, OverflowError) as fault:
        raise StoreError(f"{address}: {_line(str(fault))}") from None


def _refused(address: str, fault: OperationFailure) -> str:
    if fault.code == _REFUSED:
        return (
            f"{address} does not let us in: the name or the password in its address is"
            " wrong, or the users are kept elsewhere (?authSource=admin)"
        )
    if fault.code == _NOT_ALLOWED:
        database = address.rpartition("/")[2]
        if any(command in str(fault) for command in ("enableSharding", "shardCollection")):
            return (
                f"{address}: this user may not shard collections: give it a role with the"
                f" action enableSharding in the database {database}"
            )
        return (
            f"{address}: this user may not read and write in the database"
            f" {database}: give it the role readWrite there, or name another one"
        )
    return f"{address}: {_line(str(fault))}"


def _away(address: str, said: str) -> StoreError:
    if "certificate" in said.lower():
        return StoreError(f"{address}: its certificate is not good: {_line(said)}")
    if "SSL" in said or "TLS" in said:
        return StoreError(f"{address} does not speak TLS as we do: mend ?tls=")
    return HomeAwayError(
        f"{address} does not answer: start it, or mend its address ({_line(said)})"
    )


def _line(said: str) -> str:
    first = said.partition(", full error")[0].partition(", Timeout:")[0]
    return " ".join(first.split())[:200]

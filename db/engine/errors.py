"""What went wrong between us and a server, as one line that says what to do."""

import re
import socket
import ssl

from clickhouse_driver import errors

from db.engine.address import Address
from db.engine.sentence import without_stack
from db.errors import StoreError
from db.schema.tables import tables

_TABLE = re.compile(r"(?:Table|table expression identifier|no table) [`']?(\w+(?:`?\.`?\w+)?)")
_PLACE = re.compile(r"(?:Received from |on server: |\()([\w.\-\[\]:]+:\d+)")
_OURS = re.compile(rf"(\w+\.)?({'|'.join(tables())}|(rows|words|hits|channels|rates_of)_\w+)")

_NAMES = {number: name for name, number in vars(errors.ErrorCodes).items() if name.isupper()} | {
    425: "SYSTEM_ERROR",
    439: "CANNOT_SCHEDULE_TASK",
    495: "ACCESS_STORAGE_READONLY",
    497: "ACCESS_DENIED",
    514: "ACCESS_STORAGE_FOR_INSERTION_NOT_FOUND",
    516: "AUTHENTICATION_FAILED",
}

_REFUSED = {"AUTHENTICATION_FAILED", "WRONG_PASSWORD", "UNKNOWN_USER"}


def store_error_from(fault: Exception, address: Address, host: str) -> StoreError:
    """Return the error to raise for what the driver raised while it spoke to ``host``."""
    if isinstance(fault, errors.ServerException):
        return _of_the_server(fault, address, host)
    cause = fault.__cause__ or fault
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _of_the_certificate(cause, address, host)
    if isinstance(cause, ssl.SSLError):
        return StoreError(
            f"{host} does not speak TLS, or not ours ({cause.reason}): write its secure port, or"
            " clickhouse:// for a connection without TLS"
        )
    if isinstance(cause, socket.gaierror):
        return StoreError(f"there is no host {host.rpartition(':')[0]}: mend the store's address")
    if isinstance(cause, ConnectionRefusedError):
        return StoreError(f"no server answers at {host}: start it, or mend the store's address")
    if isinstance(cause, TimeoutError):
        return StoreError(
            f"{host} is silent: no answer within {address.connect_timeout:g} s to a greeting,"
            f" or {address.timeout:g} s to a statement; look at the server"
        )
    if isinstance(cause, EOFError | ConnectionError | errors.UnexpectedPacketFromServerError):
        return StoreError(
            f"{host} closed the connection: it stopped, or its port is not the one of the native"
            " protocol (9000; with TLS 9440)"
        )
    return StoreError(f"can't speak to {host}: {type(fault).__name__}: {fault}")


def _of_the_certificate(
    fault: ssl.SSLCertVerificationError, address: Address, host: str
) -> StoreError:
    said = fault.verify_message.rstrip(".")
    if fault.verify_code in (9, 10):  # not yet valid, expired
        advice = "renew it on the server, or set this machine's clock"
    elif fault.verify_code in (62, 64):  # another host's name, another address
        advice = "write the name for which it was made in the store's address"
    elif address.ca:
        advice = f"the authority in {address.ca} did not sign it: name the one that did with ?ca="
    else:
        advice = "if the authority is your own, name its certificate with ?ca=FILE"
    return StoreError(f"the certificate of {host} is not good: {said}; {advice}")


def _of_the_server(fault: errors.ServerException, address: Address, host: str) -> StoreError:
    name = _NAMES.get(fault.code, f"CODE_{fault.code}")
    text = _sentence(str(fault.message))
    if name in _REFUSED and address.user.endswith("_reader"):
        return StoreError(
            f"{host} does not know the user {address.user}, as whom SQL of users runs: run everyhit"
            " db init"
        )
    if name in _REFUSED:
        return StoreError(
            f"{host} does not let user {address.user} in: the name or the password in the store's"
            " address is wrong"
        )
    if name == "UNKNOWN_DATABASE":
        return StoreError(f"{host}: {text.rstrip('.')}: run everyhit db init --store {address}")
    if name in ("UNKNOWN_TABLE", "ALL_CONNECTION_TRIES_FAILED"):
        place, table = _PLACE.search(text), _TABLE.search(text)
        where = place[1] if place else host
        if table and _OURS.fullmatch(missing := table[1].replace("`", "")):
            return StoreError(
                f"the shard {where} lacks the table {missing}: run everyhit db init --store"
                f" {address}"
            )
        if name == "ALL_CONNECTION_TRIES_FAILED":
            return StoreError(
                f"{host} can't reach the shard {where}: start it, or mend the cluster"
                f" {address.cluster} in the servers' configuration"
            )
    return StoreError(text if text.endswith(f"({name})") else f"{text} ({name})")


def _sentence(message: str) -> str:
    """The server's own words in one line, without number in front and stack behind."""
    text = " ".join(without_stack(message).split())
    return text.removeprefix("DB::Exception: ")

"""TLS by itself: a real connection, with a certificate made here."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from test_api import api, everyhit, opened_run

from api.http.tls import tls_context
from db.errors import UsageError
from everyhit import ApiError, Client


def written(folder: Path, name: str, password: bytes | None = None) -> tuple[Path, Path]:
    """A key, and a certificate for this machine that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "everyhit of a test")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    hidden = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    )
    return files


def test_clients_and_web_sockets_come_over_tls_and_commands_through_the_door(tmp_path, monkeypatch):
    certificate, key = written(tmp_path, "here")
    store = tmp_path / "store"
    with api(store, "--certificate", certificate, "--key", key) as (_, url, token):
        assert url.startswith("https://")
        with Client(url, token) as stranger, pytest.raises(ApiError, match="CERTIFICATE_VERIFY"):
            stranger.graphql("{ me { name } }")
        with pytest.raises(httpx.HTTPError):  # nothing is served in the clear there
            httpx.get(url.replace("https", "http") + "/healthz")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        number = opened_run(url, token)
        with Client(url, token) as client:
            assert client.graphql("{ me { role } }")["me"]["role"] == "ADMIN"
            with pytest.raises(ApiError, match="has no results"):  # told over the web socket
                next(client.follow(number))
        assert str(number) in everyhit("run", "list", "--store", store)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("here.pem", "other.key"), "KEY_VALUES_MISMATCH"),
        (("here.pem", "no.key"), "can't read"),
        (("here.key", "here.pem"), "can't be used"),
        (("here.pem", "hidden.key"), "can't be used"),
    ],
)
def test_files_that_can_t_be_used_are_named(tmp_path, names, said):
    written(tmp_path, "here")
    written(tmp_path, "other")
    written(tmp_path, "hidden", b"secret")
    with pytest.raises(UsageError, match=said) as told:
        tls_context(*(tmp_path / name for name in names))
    assert "\n" not in str(told.value)
    assert names[1] in str(told.value)


def test_a_certificate_without_a_key_is_a_mistake(tmp_path):
    told = everyhit("api", "--store", tmp_path / "s", "--certificate", tmp_path / "x", code=1)
    assert told == "everyhit: TLS takes both --certificate and --key\n"

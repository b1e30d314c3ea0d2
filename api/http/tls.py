"""Certificates that the server shows."""

import ssl
from pathlib import Path

from db.errors import UsageError


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what serves TLS 1.2 and newer with a certificate and its chain, both files in PEM.

    Raises UsageError that names the file that can't be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for file in (certificate, key):
        try:
            file.open("rb").close()
        except OSError as fault:
            raise UsageError(f"can't read {file}: {fault.strerror}") from None
    try:
        # An empty password: a key that needs one must not wait for somebody to type it.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as fault:
        why = getattr(fault, "reason", None) or "no PEM of a certificate and its unencrypted key"
        raise UsageError(
            f"the certificate {certificate} and the key {key} can't be used: {why}"
        ) from None
    return context

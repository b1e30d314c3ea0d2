"""The address of a store on servers: ``clickhouse://user:password@host1:9000,host2:9000/db``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from db.errors import UsageError

Host = tuple[str, int]


@dataclass(frozen=True)
class Address:
    """Where the shards are, who asks, and how. The password is never shown."""

    hosts: tuple[Host, ...]
    """One for each shard, in the order of their numbers."""
    user: str = "default"
    password: str = field(default="", repr=False)
    database: str = "everyhit"
    secure: bool = False
    ca: Path | None = None
    """Certificate of a private authority; None for those that the machine trusts."""
    cluster: str = "everyhit"
    """What the servers' configuration calls the shards together."""
    compression: str = "none"
    """``lz4`` on networks slower than the compressor; ``none`` on this machine and fast ones."""
    connect_timeout: float = 3.0
    """Seconds until a server that does not greet counts as away."""
    timeout: float = 30.0
    """Seconds of silence after which a statement counts as failed."""
    replicated: bool = False
    """Whether tables are made as replicated ones."""

    def __str__(self) -> str:
        scheme = "clickhouses" if self.secure else "clickhouse"
        hosts = ",".join(f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self.hosts)
        secret = ":***" if self.password else ""
        return f"{scheme}://{quote(self.user)}{secret}@{hosts}/{quote(self.database)}"

    def of_shard(self, k: int) -> "Address":
        """Return the address of one shard alone."""
        return replace(self, hosts=(self.hosts[k],))


def is_clickhouse(url: str) -> bool:
    """Return whether an address is one of servers."""
    return url.startswith(("clickhouse://", "clickhouses://"))


def parse_address(url: str) -> Address:
    """Return what an address says; UsageError for one that can't be meant, the password unseen."""
    parts = urlsplit(url)
    if "@" in parts.path:
        raise UsageError(f"can't understand the store's address before its last @: {_FORM}")
    secure = parts.scheme == "clickhouses"
    account, _, hosts = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    name = unquote(parts.path.strip("/")) or "everyhit"
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise UsageError(f"{name!r} is no name of a database: letters, digits and _ only")
    return Address(
        hosts=tuple(_host(each, 9440 if secure else 9000) for each in hosts.split(",")),
        user=unquote(user) or "default",
        password=unquote(password),
        database=name,
        secure=secure,
        **_options(dict(parse_qsl(parts.query))),
    )


def _host(text: str, port: int) -> Host:
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\[\]:/@\s]+))(?::(\d{1,5}))?", text)
    if found is None or not 0 < int(found[3] or port) < 65536:
        # What stands behind the colon may be a password.
        raise UsageError(f"can't understand the host {text.partition(':')[0]!r}: {_FORM}")
    return found[1] or unquote(found[2]), int(found[3] or port)


_FORM = (
    "write clickhouse://user:password@host1:9000,host2:9000/database; in user and password,"
    " @ is %40, : is %3A, / is %2F, ? is %3F, # is %23"
)


def _options(given: Mapping[str, str]) -> dict[str, Any]:
    kinds: dict[str, Callable[[str], object]] = {
        "ca": Path,
        "cluster": str,
        "compression": str,
        "connect_timeout": float,
        "timeout": float,
        "replicated": lambda text: bool(int(text)),
    }
    assert kinds.keys() <= {each.name for each in fields(Address)}
    out: dict[str, Any] = {}
    for name, text in given.items():
        if name not in kinds:
            near = get_close_matches(name, kinds, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"no option {name!r} in a store's address; {hint}{', '.join(kinds)}")
        try:
            out[name] = kinds[name](text)
        except ValueError:
            raise UsageError(f"can't understand {name}={text} in the store's address") from None
    if out.get("compression") not in (None, "none", "lz4"):
        raise UsageError("compression in a store's address is none or lz4")
    if not re.fullmatch(r"\w+", str(out.get("cluster", "everyhit"))):
        raise UsageError("cluster in a store's address is a name of letters, digits and _")
    if "ca" in out and not Path(str(out["ca"])).is_file():
        raise UsageError(f"there is no file {out['ca']}, which the store's address names as ca")
    return out
